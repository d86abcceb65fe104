"""The end of a workshop in small: a hall that watches, a rush to submit, the deadline in it, and a crash."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import four
import httpx2
import pandas as pd
import psutil
import pytest
from audit import audit
from hall import Sent
from running import Service, running
from waiting import until

import kit
from kit.client import CompetitionClient
from kit.clock import utc_now
from kit.errors import NotAllowed
from kit.serve import N_FILES
from kit.service.auth import Scope, new_token
from kit.store import Store

N_WATCHERS, N_SUBMITTERS, N_GREEDY, LIMIT = 40, 20, 5, 6
BOARD = "/competitions/four/questions/counts/leaderboard?split=public"


@dataclass
class Plan:
    """What those wait for who are not greedy."""

    crash: threading.Event = field(default_factory=threading.Event)
    closes_at: Future[float] = field(default_factory=Future)


class Submitter:
    """Sends predictions, each better than the one before, until it is too late or too many.

    With a plan, one into the crash and more around the deadline: too few to use up the limit.
    """

    def __init__(self, comp: CompetitionClient, number: int, plan: Plan | None) -> None:
        self.sent: list[Sent] = []
        self._comp, self._number, self._plan = comp, number, plan
        self._name = f"p{number:02}"
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _wait(self, plan: Plan) -> None:
        if len(self.sent) == 1:
            plan.crash.wait()
        elif len(self.sent) == 2:
            before_s = 0.1 * (N_SUBMITTERS - self._number) - 0.7
            time.sleep(max(0.0, plan.closes_at.result() - before_s - time.time()))
        elif self.sent:
            time.sleep(0.4)

    def _run(self) -> None:
        error = 20.0 + self._number / 100
        while not self.sent or self.sent[-1].is_taken:
            if self._plan is not None:
                self._wait(self._plan)
            error -= 1
            sent = Sent(self._name, f"{self._name}-{len(self.sent)}", "counts", began_at=time.time())
            frame = pd.DataFrame({"id": [1, 2, 3, 4], "count": [v + error for v in (10, 20, 30, 40)]})
            try:
                sent.facts, sent.status = self._comp.submit(frame, note=sent.note).facts, 201
            except NotAllowed as refusal:
                sent.status = 429 if "has used its" in str(refusal) else 403
            sent.answered_at = time.time()
            self.sent.append(sent)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Started where a process may open as few files as most systems let it at first."""
    four.write_open(tmp_path / "four", phase=f"total_limit = {LIMIT}")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        with running([tmp_path / "four"], tmp_path / "data") as service:
            yield service
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def tokens(tmp_path: Path, service: Service) -> dict[str, str]:
    """Of participants, and of the organizer olga."""
    tokens = {}
    with contextlib.closing(Store(tmp_path / "data")) as store:
        for name in [*(f"p{k:02}" for k in range(N_WATCHERS)), "olga"]:
            role = "organizer" if name == "olga" else "participant"
            scopes = tuple(Scope) if name == "olga" else (Scope.SUBMIT, Scope.READ)
            user = store.accounts.add_user(name, password_hash=None, now=utc_now(), role=role)
            tokens[name] = new_token(store, user, now=utc_now(), scopes=scopes).text
    return tokens


def shown(board: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {row["team"]: row["submission"] for row in board["rows"]}


@pytest.mark.timeout(900)
def test_in_the_rush_before_the_deadline_a_crash_loses_and_doubles_nothing_and_watchers_carry_on(
    tmp_path: Path, service: Service, tokens: dict[str, str]
) -> None:
    database = sqlite3.connect(tmp_path / "data/kit.db")
    seen: dict[str, list[dict[object, object]]] = {name: [] for name in tokens}
    plan = Plan()
    with contextlib.ExitStack() as stack:
        comps = {name: kit.connect(f"{service.url}/four", token=token) for name, token in tokens.items()}
        for name, comp in comps.items():
            stack.callback(comp.client.close)
            comp.client.watch(BOARD, lambda board, name=name: seen[name].append(shown(board)))
        rush = [Submitter(comps[f"p{k:02}"], k, None if k < N_GREEDY else plan) for k in range(N_SUBMITTERS)]

        for each in rush:
            each.thread.start()
        for each in rush[:N_GREEDY]:
            each.thread.join()
        until(lambda: all(each.sent for each in rush))
        plan.crash.set()
        service.kill()
        closes_at = int(time.time()) + 6
        four.write(
            tmp_path / "four",
            phase=f"total_limit = {LIMIT}",
            closes_at=f"{datetime.fromtimestamp(closes_at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        )
        plan.closes_at.set_result(closes_at)
        service.start()
        for each in rush:
            each.thread.join()
        waits = "select count(*) from judgement where state in ('QUEUED', 'RUNNING')"
        until(lambda: database.execute(waits).fetchone() == (0,), within_s=120)
        best = shown(comps["olga"].client.get(BOARD))
        until(lambda: all(boards and boards[-1] == best for boards in seen.values()), within_s=120)
        n_files, most = psutil.Process(service.process.pid).rlimit(psutil.RLIMIT_NOFILE)
        olga = {"Authorization": f"Bearer {tokens['olga']}"}
        counted = httpx2.get(f"{service.url}/metrics", headers=olga, timeout=60).text

    sent = [one for each in rush for one in each.sent]
    assert audit(tmp_path / "data/kit.db", sent, closes_at, LIMIT) == []
    assert {one.status for one in sent} == {201, 403, 429}
    assert all(len(each.sent) == LIMIT + 1 for each in rush[:N_GREEDY])
    # Each was better than the one before: the last that was taken stands, which is the newest.
    assert best == {each._name: each.sent[-2].facts["id"] for each in rush}
    assert 'status="5' not in counted
    assert n_files == min(most, N_FILES) > 1024
    states = database.execute("select state, count(*) from judgement group by state").fetchall()
    database.close()
    assert states == [("SCORED", sum(one.is_taken for one in sent))]
