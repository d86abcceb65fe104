"""Penguins, where code may be submitted; submissions that do as their names say; what runs in a service."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
from processes import below
from running import Service, sign_up

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
FAILING = GOOD.replace(
    "    return make_pipeline",
    '    print("looking for wings")\n    raise ValueError("no column wing")\n    return make_pipeline',
)


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
            method, f"{self.service.url}/api/v1{path}", headers=self.headers, timeout=30, **given
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

    def wait(self, number: int, until: Callable[[dict[str, Any]], bool], *, s: float = 120) -> dict[str, Any]:
        """Look at a submission until it is so."""
        ends_at = time.monotonic() + s
        while time.monotonic() < ends_at:
            seen = self.see(number)
            if until(seen):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"it never was so: {seen}\n{self.service.log.read_text()[-3000:]}")

    def judged(self, number: int) -> dict[str, Any]:
        return self.wait(number, lambda seen: seen["state"] in ("SCORED", "REJECTED", "ERROR"))

    def ledger(self) -> list[int]:
        return [line["delta"] for line in self.ask("GET", "/competitions/penguins/ledger").json()]


def is_running(seen: dict[str, Any]) -> bool:
    """Whether a fold of a submission runs."""
    return any(fold["state"] == "running" for fold in (seen["code"] or {}).get("folds", []))


def judge_of(service: Service) -> psutil.Process:
    (judge,) = below(service.process.pid, "kit.judge_process")
    return judge


def sandboxes(service: Service) -> list[psutil.Process]:
    """What runs in or around a sandbox."""
    return below(service.process.pid, "bwrap")


def started(service: Service, *, s: float = 60) -> list[psutil.Process]:
    """The sandboxes, as soon as there are any."""
    ends_at = time.monotonic() + s
    while not (found := sandboxes(service)):
        assert time.monotonic() < ends_at, "no sandbox was started"
        time.sleep(0.05)
    return found


def worker_of(service: Service) -> psutil.Process:
    """The worker that runs code: the one above the sandboxes."""
    (first, *_) = started(service)
    judge = judge_of(service).pid
    process = first
    while (parent := process.parent()) is not None and parent.pid != judge:
        process = parent
    return process


def gone(processes: list[psutil.Process], *, s: float = 10) -> bool:
    """Whether processes end, each with all below it."""
    _, alive = psutil.wait_procs(processes, timeout=s)
    return not alive
