"""Penguins, where code may be submitted; submissions that do as their names say; what runs in a service."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from processes import asked, below, command_of
from running import Service, sign_up
from waiting import until

PENGUINS = Path(__file__).parent.parent / "data" / "penguins"
TOML = """\
title = "Penguins"
slug = "penguins"
opens_at = 2026-01-01T00:00:00Z
closes_at = 2099-01-01T00:00:00Z

[[question]]
id = "sex"
metric = "log_loss"
more_metrics = ["accuracy"]
id_column = "penguin_id"
target = "sex"
classes = ["female", "male"]
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]

[question.code]
train = "data/train.csv"
test = "data/test.csv"
splitter = {{ n_splits = 3 }}
repeat = false
wall_s = 120
{code}
[[phase]]
id = "main"
{phase}
"""

GOOD = """\
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def get_estimator():
    return make_pipeline(make_column_transformer((StandardScaler(), NUMBERS)), LogisticRegression())
"""
SLOW = """\
import time

import numpy as np


class Slow:
    def fit(self, X, y):
        time.sleep({seconds})
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def get_estimator():
    return Slow()
"""


def held(code: str, line: str) -> str:
    """Code that waits after a line, in each of its runs, until a `Gate` lets it go on."""
    waiting = code.replace(line, f"{line}; [time.sleep(0.01) for _ in range(10_000) if not told]")
    hears = "signal.signal(signal.SIGCONT, lambda *_: told.append(1))"
    return f"import signal\n{waiting}\n\ntold = []\n{hears}\n"


HELD = held(SLOW.format(seconds=1.5), "time.sleep(1.5)")
FAILING = GOOD.replace(
    "    return make_pipeline",
    '    print("looking for wings")\n    raise ValueError("no column wing")\n    return make_pipeline',
)

FINAL = ("SCORED", "REJECTED", "ERROR")


def write(directory: Path, *, code: str = "", phase: str = "") -> Path:
    """The competition, with lines added to its tables."""
    for folder in ("data", "private"):
        shutil.copytree(PENGUINS / folder, directory / folder)
    (directory / "competition.toml").write_text(TOML.format(code=code, phase=phase))
    return directory


@dataclass
class Team:
    """Someone who submits to a running service."""

    service: Service
    name: str

    def __post_init__(self) -> None:
        self.headers = sign_up(self.service.url, self.name)

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        answer = httpx2.request(
            method, f"{self.service.url}/api/v1{path}", headers=self.headers, timeout=60, **given
        )
        assert answer.status_code < 500, answer.text
        return answer

    def send(self, content: str | bytes, filename: str = "model.py") -> int:
        path = "/competitions/penguins/questions/sex/submissions"
        answer = self.ask("POST", path, params={"filename": filename}, content=content)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def see(self, number: int) -> dict[str, Any]:
        return self.ask("GET", f"/submissions/{number}").json()

    def wait(self, number: int, is_so: Callable[[dict[str, Any]], bool], *, s: float = 240) -> dict[str, Any]:
        """Look at a submission until it is so."""
        ends_at = time.monotonic() + s
        while time.monotonic() < ends_at:
            seen = self.see(number)
            if is_so(seen):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"it never was so: {seen}\n{self.service.log.read_text()[-3000:]}")

    def judged(self, number: int) -> dict[str, Any]:
        return self.wait(number, is_final)

    def ledger(self) -> list[int]:
        return [line["delta"] for line in self.ask("GET", "/competitions/penguins/ledger").json()]


def is_final(seen: dict[str, Any]) -> bool:
    return seen["state"] in FINAL


def is_running(seen: dict[str, Any]) -> bool:
    """Whether a fold of a submission runs."""
    return any(fold["state"] == "running" for fold in (seen["code"] or {}).get("folds", []))


@dataclass
class Gate:
    """Where folds of `held` code wait, each until it is let go on."""

    service: Service
    _let_go: set[psutil.Process] = field(default_factory=set)

    def waiting(self) -> list[psutil.Process]:
        """Processes of folds that wait here."""
        found = [each for each in below(self.service.process.pid) if asked(each, _hears, False)]
        return [each for each in found if each not in self._let_go]

    def let_one_go(self) -> None:
        """Let one fold go on, as soon as there is one."""
        self._let(until(self.waiting, within_s=120)[0])

    def let_all_go(
        self, team: Team, number: int, is_so: Callable[[dict[str, Any]], bool] = is_final
    ) -> dict[str, Any]:
        """Let all folds go on until a submission is so, by default judged."""

        def went_on(seen: dict[str, Any]) -> bool:
            for each in self.waiting():
                self._let(each)
            return is_so(seen)

        return team.wait(number, went_on)

    def _let(self, process: psutil.Process) -> None:
        self._let_go.add(process)
        asked(process, lambda p: p.send_signal(signal.SIGCONT), None)


def _hears(process: psutil.Process) -> bool:
    """Whether it does something of its own when it is told to go on."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> signal.SIGCONT - 1 & 1)


def judge_of(service: Service) -> psutil.Process:
    children = psutil.Process(service.process.pid).children
    return until(lambda: next((each for each in children() if "kit.judge_process" in command_of(each)), None))


def sandboxes(service: Service) -> list[psutil.Process]:
    """What runs in or around a sandbox."""
    return below(service.process.pid, "bwrap")


def started(service: Service) -> list[psutil.Process]:
    """The sandboxes, as soon as there are any."""
    return until(lambda: sandboxes(service), within_s=120)


def worker_of(service: Service) -> psutil.Process:
    """The worker that runs code: the one above the sandboxes."""

    def is_above(process: psutil.Process) -> bool:
        family = asked(process, lambda p: p.children(recursive=True), [])
        return any("bwrap" in command_of(each) for each in family)

    return until(lambda: next((each for each in judge_of(service).children() if is_above(each)), None))


def gone(processes: list[psutil.Process], *, s: float = 60) -> bool:
    """Whether processes end, each with all below it."""
    _, alive = psutil.wait_procs(processes, timeout=s)
    return not alive
