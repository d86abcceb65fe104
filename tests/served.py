"""A service on the smallest competition, with people who ask it and a judge that decides as told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import four
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from kit._store.runs import TIMES
from kit.clock import Clock
from kit.competition import Competition
from kit.judge import Job, Judge
from kit.progress import tell
from kit.service import create_app
from kit.service.auth import Scope, new_token
from kit.store import FoldRun, Store
from kit.submission import CodeResult, Kind, Outcome, Score, Split, State, Verdict

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse"
COUNTS = "/competitions/four/questions/counts"


@dataclass
class Person:
    """Someone with a token, asking under ``/api/v1``."""

    client: TestClient
    name: str
    token: str | None

    def ask(self, method: str, path: str, **given: Any) -> Any:
        headers = dict(given.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.client.request(method, f"/api/v1{path}", headers=headers, **given)

    def get(self, path: str, **given: Any) -> Any:
        return self.ask("GET", path, **given)

    def post(self, path: str, **given: Any) -> Any:
        return self.ask("POST", path, **given)

    def put(self, path: str, **given: Any) -> Any:
        return self.ask("PUT", path, **given)

    def submit(self, content: Any = four.PERFECT, *, key: str | None = None, note: str = "") -> Any:
        return self.post(
            f"{COUNTS}/submissions",
            params={"filename": "p.csv", "note": note},
            content=content,
            headers={"Idempotency-Key": key} if key else {},
        )


@dataclass
class Decided:
    """An executor that decides every job the same way, at once."""

    outcome: Outcome
    n_workers: int = 1

    def submit(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        if job.kind is Kind.CODE and self.outcome.code is not None:
            for fold in json.loads(self.outcome.code.report)["folds"]:
                times = dict.fromkeys(TIMES, 1.5)
                tell(job.scratch, FoldRun(fold["fold"], fold["state"], fold["scores"], times, 1000))
        future.set_result(self.outcome)
        return future

    def cancel(self, future: Future[Outcome]) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass
class Served:
    """The service's parts, and ways to put people and judgements into it."""

    store: Store
    competitions: list[Competition]
    clock: Clock
    client: TestClient
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def nobody(self) -> Person:
        return Person(self.client, "", None)

    def sign_up(self, name: str, **given: Any) -> Person:
        answer = self.nobody.post("/users", json={"name": name, "password": PASSWORD, **given})
        assert answer.status_code == 201, answer.text
        return Person(self.client, name, answer.json()["token"])

    def organizer(self, name: str = "olga") -> Person:
        user = self.store.accounts.add_user(
            name, password_hash=QUICK.hash(PASSWORD), now=self.clock(), role="organizer"
        )
        return Person(self.client, name, self.token(user, *Scope))

    def token(self, user: Any, *scopes: Scope) -> str:
        return new_token(self.store, user, now=self.clock(), scopes=scopes).text

    def judge(self, outcome: Outcome) -> None:
        """Let the judge decide all that waits."""
        decided = Decided(outcome)
        judge = Judge(self.store, self.competitions, decided, code_executor=decided, clock=self.clock)
        while judge.step():
            pass

    def score(self, public: float, private: float = 0.0) -> None:
        """Let the judge score all that waits."""
        self.judge(scored(public, private))


def scored(public: float, private: float) -> Outcome:
    values = ((Split.PUBLIC, public), (Split.PRIVATE, private))
    scores = [
        Score(metric, split, value, value, value, 0.95, 2, 100, se=1e-9)
        for metric in ("mae", "rmse")
        for split, value in values
    ]
    return Outcome(State.SCORED, tuple(scores))


def ran(
    outcome: Outcome,
    fold: Mapping[str, float],
    *,
    traceback: str = "",
    n_folds: int = 3,
    files: Mapping[str, Path] | None = None,
) -> Outcome:
    """An outcome of code whose folds all have these scores, by step."""
    scores = {step: {"mae": value, "rmse": value} for step, value in fold.items()}
    folds = [{"fold": k, "state": "done", "scores": scores} for k in range(n_folds)]
    together = {"mean": scores, "std": scores, "bagged": scores}
    report = {"folds": folds, **together, "isolation": "isolated", "reproducible": True}
    return replace(outcome, code=CodeResult(json.dumps(report), traceback=traceback, files=files or {}))


def rejected(*reasons: str) -> Outcome:
    return Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, reasons)


def failed(detail: str) -> Outcome:
    return Outcome(State.ERROR, detail=detail)


@contextlib.contextmanager
def serving(store: Store, competitions: list[Competition], clock: Clock, **limits: int) -> Iterator[Served]:
    """A service that lives as long as the block."""
    app = create_app(store, competitions, clock=clock, hasher=QUICK, **limits)  # type: ignore[arg-type]
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Served(store, competitions, clock, client)
