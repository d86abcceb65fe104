"""What was acknowledged is there once and ends judged, whatever is killed and whenever."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import uuid
from pathlib import Path

import four
import httpx2
import pytest
from running import Service, sign_up

SOAK = int(os.environ.get("KIT_SOAK", "1"))
"""How many times as long: ``make soak`` sets it."""
N_SUBMISSIONS = 200 * SOAK
N_KILLS = 6 * SOAK
DONE_S = 500 * SOAK


def submit_until_acknowledged(service: Service, headers: dict[str, str], note: str, deadline: float) -> int:
    """As the client does: the same idempotency key until there is an answer."""
    url = f"{service.url}/api/v1/competitions/four/questions/counts/submissions"
    headers = {**headers, "Idempotency-Key": uuid.uuid4().hex}
    content = four.PERFECT.replace("10", note).encode()
    while time.monotonic() < deadline:
        try:
            answer = httpx2.post(
                url, params={"filename": "p.csv", "note": note}, content=content, headers=headers, timeout=10
            )
        except httpx2.TransportError:
            answer = None
        if answer is None or answer.status_code == 503:
            time.sleep(0.05)
            continue
        assert answer.status_code in (200, 201), answer.text
        return int(answer.json()["id"])
    raise AssertionError(f"submission {note} was never acknowledged")


@pytest.mark.slow
@pytest.mark.timeout(DONE_S + 60)
def test_nothing_acknowledged_is_lost_or_doubled_when_the_service_is_killed(tmp_path: Path) -> None:
    four.write_open(tmp_path / "four")
    service = Service([tmp_path / "four"], tmp_path / "data")
    service.start()
    headers = sign_up(service.url, "ada")
    deadline = time.monotonic() + DONE_S
    acknowledged: dict[str, int] = {}
    waiting = [str(100 + i) for i in range(N_SUBMISSIONS)]
    lock = threading.Lock()

    def submit_some() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                note = waiting.pop()
            acknowledged[note] = submit_until_acknowledged(service, headers, note, deadline)

    threads = [threading.Thread(target=submit_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    rng = random.Random(SOAK)
    for kill in range(N_KILLS):
        time.sleep(rng.uniform(0.3, 1.0))
        service.kill_all() if kill % 2 else service.kill()
        service.start()
    for thread in threads:
        thread.join()
    url, query = f"{service.url}/api/v1/competitions/four/submissions", {"limit": 1000}
    found: list[dict[str, object]] = []
    while time.monotonic() < deadline:
        found = httpx2.get(url, params=query, headers=headers, timeout=60).json()
        if all(s["state"] == "SCORED" for s in found):
            break
        time.sleep(0.2)
    service.stop()

    assert len(acknowledged) == N_SUBMISSIONS
    assert {str(s["note"]): s["id"] for s in found} == acknowledged
    assert {s["state"] for s in found} == {"SCORED"}
    database = sqlite3.connect(tmp_path / "data" / "kit.db")
    rows = database.execute(
        "select count(*), count(distinct submission_id) from judgement where state = 'SCORED'"
    ).fetchone()
    database.close()
    assert rows == (N_SUBMISSIONS, N_SUBMISSIONS)
