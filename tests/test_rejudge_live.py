"""Rejudging on a real service by the command line, interrupted and killed in the middle of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import four
import httpx2
import pytest
from running import Service, sign_up
from test_cli_organizer import Kit
from waiting import until

N = 24
N_FREE = 6
METRIC = """\
import time
from pathlib import Path
from weights import WEIGHT

def off(truth, predictions):
    errors = abs(truth["count"] - predictions["count"])
    while {held} and errors.max() > {n_free} and not Path({gate!r}).exists():
        time.sleep(0.05)
    return WEIGHT * float(errors.mean())
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = four.write_open(tmp_path / "four")
    (directory / "metrics").mkdir()
    write_metric(directory, weight=1)
    toml = directory / "competition.toml"
    own = 'metric = "metrics/own.py:off"\ngreater_is_better = false'
    toml.write_text(toml.read_text().replace('metric = "mae"', own) + "[limits]\njudge_wall_s = 600\n")
    return directory


def write_metric(directory: Path, *, weight: int, held: bool = False) -> None:
    """A metric; one that is held takes all but the first submissions to the end only when `let_go`."""
    text = METRIC.format(held=held, n_free=N_FREE, gate=str(gate_of(directory)))
    (directory / "metrics/own.py").write_text(text)
    (directory / "metrics/weights.py").write_text(f"WEIGHT = {weight}\n")


def gate_of(directory: Path) -> Path:
    return directory.with_name("gate")


def let_go(directory: Path) -> None:
    gate_of(directory).touch()


@pytest.fixture
def service(directory: Path, tmp_path: Path) -> Iterator[Service]:
    service = Service([directory], tmp_path / "data")
    service.start()
    yield service
    service.stop()


@pytest.fixture
def ola(service: Service, tmp_path: Path) -> Kit:
    kit = Kit(tmp_path / "home")
    made = kit("users", "add", "ola", "--organizer", "--data", service.data)
    done = kit("login", f"{service.url}/four", "--name", "ola", "--password-stdin", given=made.stdout)
    assert done.returncode == 0, done.stderr
    return kit


def fill(service: Service, n: int) -> dict[str, str]:
    """Submissions of two teams, all scored; gives bob's headers."""
    people = [sign_up(service.url, name) for name in ("ada", "bob")]
    url = f"{service.url}/api/v1/competitions/four/questions/counts/submissions"
    for i in range(n):
        content = f"id,count\n1,{10 + i + 1}\n2,20\n3,{30 + i}\n4,40\n"
        answer = httpx2.post(url, params={"filename": "p.csv"}, content=content, headers=people[i % 2])
        assert answer.status_code == 201, answer.text
    until(lambda: idle(service), within_s=120)
    return people[1]


def idle(service: Service) -> bool:
    queue = httpx2.get(f"{service.url}/healthz").json()["queue"]
    return not queue["queued"] and not queue["running"]


def n_done(service: Service) -> int:
    with sqlite3.connect(service.data / "kit.db") as database:
        sql = "select count(*) from judgement where rejudge_id is not null and state = 'SCORED'"
        return int(database.execute(sql).fetchone()[0])


def begin(ola: Kit, *arguments: str) -> subprocess.Popen[str]:
    """A command that goes on while the test does."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("KIT_")}
    own |= {"HOME": str(ola.home), "XDG_CONFIG_HOME": str(ola.home / "config")}
    command = [sys.executable, "-m", "kit", *arguments]
    return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_rejudge_outlives_ctrl_c_and_kill_9_and_judges_nothing_twice(
    service: Service, ola: Kit, directory: Path
) -> None:
    bob = fill(service, N)
    board = f"{service.url}/api/v1/competitions/four/questions/counts/leaderboard"
    before = httpx2.get(board, headers=bob).json()["rows"]
    write_metric(directory, weight=3, held=True)

    command = begin(ola, "rejudge", "-c", "four", "--reason", "weights were wrong")
    until(lambda: n_done(service) == N_FREE)
    assert command.stderr is not None and "of 24 judged again" in command.stderr.readline()
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=120)
    service.kill_all()
    at_the_kill = n_done(service)
    (directory / "metrics/own.py").write_text("half an ed(")
    service.start()
    during = httpx2.get(board, headers=bob).json()["rows"]
    write_metric(directory, weight=3, held=True)
    let_go(directory)
    (ended,) = ola.json("rejudge", "-c", "four")

    assert command.returncode == 130 and "goes on in the background" in told
    assert at_the_kill == N_FREE < N
    assert [row["score"] for row in during] == [row["score"] for row in before]
    assert (ended["id"], ended["state"], ended["n"], ended["n_done"]) == (1, "done", N, N)
    assert ended["reason"] == "weights were wrong"
    assert n_done(service) == N
    after = httpx2.get(board, headers=bob).json()["rows"]
    assert all(new["score"] > old["score"] for new, old in zip(after, before, strict=True))
    assert [row["score_after"] for row in ended["report"]] == [
        3 * row["score_before"] for row in ended["report"]
    ]


def test_a_dry_run_then_the_rejudge_then_the_past(service: Service, ola: Kit, directory: Path) -> None:
    bob = fill(service, 4)
    truth = directory / "private/truth.csv"
    truth.write_text(four.TRUTH.replace("1,10", "1,14"))

    told = httpx2.get(f"{service.url}/healthz").json()["stale"]
    (dry,) = ola.json("rejudge", "-c", "four", "--dry-run")
    shown = ola("rejudge", "-c", "four", "--report")
    before = ola.json("leaderboard", "-c", "four")
    (done,) = ola.json("rejudge", "-c", "four", "--reason", "row 1 had a wrong label")
    nothing = ola("rejudge", "-c", "four", "--stop")

    assert len(told) == 1 and "run kit rejudge" in told[0]
    assert (dry["state"], done["state"], done["id"]) == ("ready", "done", dry["id"])
    assert [row["team"] for row in before] == ["ada", "bob"]
    assert [(row["team"], row["moved"]) for row in done["report"]] == [("bob", 1), ("ada", -1)]
    assert done["report"] == dry["report"]
    assert "2 of 2 would move" in shown.stdout and "↑ 1" in shown.stdout
    assert [row["team"] for row in ola.json("leaderboard", "-c", "four")] == ["bob", "ada"]
    assert [row["team"] for row in ola.json("leaderboard", "-c", "four", "--version", 1)] == ["ada", "bob"]
    at = before[0]["submitted_at"]
    assert ola.json("leaderboard", "-c", "four", "--at", at) == []
    assert nothing.returncode == 1 and "Nothing is being rejudged" in nothing.stderr
    notices = httpx2.get(f"{service.url}/api/v1/competitions/four/notices", headers=bob).json()
    assert [notice["reason"] for notice in notices] == ["row 1 had a wrong label"]
