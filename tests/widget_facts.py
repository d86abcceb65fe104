"""Facts as the service tells them, and a service and a competition in memory that tell them to widgets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from kit.errors import InvalidPredictions, NotLoggedIn

INJECTED = "<img src=x onerror=alert(1)>"
ISOLATION = {"level": "isolated", "features": ["bubblewrap"], "missing": [], "refused": []}
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def at(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def facts(state: str = "QUEUED", **changed: Any) -> dict[str, Any]:
    made = {
        "id": 7, "question": "sex", "team": "ada", "user": "ada", "filename": "p.csv", "note": "forest",
        "submitted_at": at(), "state": state, "place_in_queue": 2 if state == "QUEUED" else None,
        "verdict": None, "reasons": [], "incident": None, "selected": False, "baseline": False,
        "score": None, "metric": "log_loss", "left_today": 4,
    }  # fmt: skip
    if state == "SCORED":
        value = {"score": 0.25, "low": 0.2, "high": 0.3, "level": 0.95, "n_rows": 75}
        made["score"] = {"public": {"log_loss": value}, "private": None}
    return made | changed


CODE = {
    "submission": "estimator", "n_folds": 3, "splitter": {"name": "KFold", "n_splits": 3}, "cpu_s": 300,
    "train": "train.csv", "test": "test.csv", "seed": 0, "wall_s": 600, "memory_mb": 2048, "pids": 64,
    "disk_mb": 512, "threads": 1, "hides_inputs": False, "max_bytes": 20_000_000,
}  # fmt: skip


def fold(number: int, state: str = "done", valid: float = 0.3) -> dict[str, Any]:
    if state != "done":
        scores = dict.fromkeys(("train", "valid", "test", "fit_s", "valid_s", "test_s", "peak_bytes"))
        return {"fold": number, "state": state, **scores, **dict.fromkeys(CPU)}
    told = {
        step: {"log_loss": at, "auc": 1 - at}
        for step, at in (("train", 0.1), ("valid", valid), ("test", 0.4))
    } | {"private": None}
    times = {"fit_s": 1.25, "valid_s": 0.02, "test_s": 0.01, **dict.fromkeys(CPU, 0.5)}
    return {"fold": number, "state": state, **told, **times, "peak_bytes": 212_000_000}


CPU = ("fit_cpu_s", "valid_cpu_s", "test_cpu_s")


def run_facts(state: str = "RUNNING", *folds: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Facts of a code submission of three folds; ``changed`` is of its ``code``."""
    code = {
        "n_folds": 3, "n_done": sum(each["state"] == "done" for each in folds), "folds": list(folds),
        "mean": None, "std": None, "bagged": None, "isolation": "isolated", "reproducible": None,
        "has_traceback": False, "fit_s": None, "valid_s": None, "test_s": None, "peak_bytes": None,
    }  # fmt: skip
    if state == "SCORED":
        code["mean"] = {"train": {"log_loss": 0.1}, "valid": {"log_loss": 0.3}, "test": {"log_loss": 0.4}}
        code["std"] = {step: {"log_loss": 0.012} for step in ("train", "valid", "test")}
        code["bagged"] = {"valid": {"log_loss": 0.28}, "test": {"log_loss": 0.25}}
        code |= {"fit_s": 1.25, "valid_s": 0.02, "test_s": 0.01, "peak_bytes": 212_000_000}
    return facts(state, kind="code", filename="estimator.py", code=code | changed)


def board_row(team: str, rank: int | None, score: float, **changed: Any) -> dict[str, Any]:
    return {
        "rank": rank, "rank_low": rank, "rank_high": rank, "team": team, "members": [team], "score": score,
        "low": score - 0.1, "high": score + 0.1, "level": 0.95, "metrics": {"log_loss": score, "auc": 0.9},
        "n_submissions": 3, "submitted_at": at(), "submission": 1, "baseline": rank is None, "shake_up": None,
    } | changed  # fmt: skip


def board(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    made = {"question": "sex", "split": "public", "metric": "log_loss", "greater_is_better": False}
    return made | {"updated_at": at(), "hidden": False, "rows": list(rows)} | changed


QUESTION = {
    "id": "sex", "title": "Male?", "metric": "log_loss", "id_column": "id", "columns": ["sex"], "n_rows": 4,
    "metrics": [{"name": "log_loss", "greater_is_better": False, "summary": "…"}], "max_bytes": 20_000_000,
    "data": [{"name": "train.csv", "bytes": 1200, "sha256": "ab" * 32}],
}  # fmt: skip


class FakeService:
    """Answers in memory, in place of a client: tells watchers at once, and counts those who still watch."""

    def __init__(self, *, role: str = "participant", token: str | None = "kit_x") -> None:
        self.url, self.token, self.role = "http://127.0.0.1:1", token, role
        self.is_by_hub = False
        self.answers: dict[str, Any] = {
            "/competitions/penguins/submissions": [facts("SCORED")],
            "/competitions/penguins/limits": [{"question": "sex", "daily_limit": 5, "left_today": 4}],
            "/users": [{"id": 1, "name": "ada", "team": "ada", "role": "participant"}],
            "/queue": {"queued": [], "running": [], "errors": [], "workers": [], "isolation": ISOLATION},
            "/competitions/penguins/baselines": [],
            "/competitions/penguins/notices": [],
            "/competitions/penguins/rejudges": [],
            "/competitions/penguins/versions": [],
            "/competitions/penguins/probing": [],
            "/competitions/penguins/similar": [],
        }
        self.watched: list[str] = []
        self.passwords = {"ada": "correct horse"}

    def get(self, path: str, params: Any = None) -> Any:
        return self.answers.get(path.partition("?")[0], board(board_row("ada", 1, 0.2)))

    def watch(
        self, path: str, callback: Callable[[Any], Any], *, on_error: Any = None, on_rest: Any = None
    ) -> Any:
        self.watched.append(path)
        callback(self.get(path))
        return SimpleNamespace(stop=lambda: self.watched.remove(path), on_error=on_error, on_rest=on_rest)

    def log_in(self, name: str, password: str, *, scopes: Any = None) -> None:
        if self.passwords.get(name) != password:
            raise NotLoggedIn("Name and password do not match.")
        self.token = "kit_y"

    sign_up = log_in

    def log_out(self) -> None:
        self.token = None

    def me(self) -> dict[str, str]:
        return {"name": "ada", "role": self.role}

    def competitions(self) -> list[dict[str, str]]:
        return [{"slug": "penguins", "title": "Penguins"}]


class FakeCompetition:
    slug, path = "penguins", "/competitions/penguins"

    def __init__(self, client: FakeService, **overview: Any) -> None:
        self.client = client
        phase = {"id": "main", "opens_at": at(), "closes_at": at(days=-1), "daily_limit": 5}
        self.overview: dict[str, Any] = {
            "slug": "penguins", "title": "Penguins", "summary": "…", "rules": None, "opens_at": at(),
            "closes_at": at(days=-1), "now": at(), "phase": phase, "phases": [phase], "state": "open",
            "questions": [QUESTION], "selected": 2, "signup": "open",
            "me": {"name": "ada", "role": client.role, "team": "ada", "rules_accepted": False},
        } | overview  # fmt: skip

    def leaderboard_path(self, split: str, question: str | None, *, per: str = "team") -> str:
        more = "" if per == "team" else f"&per={per}"
        return f"{self.path}/questions/{question}/leaderboard?split={split}{more}"

    def question(self, question: str | None) -> dict[str, Any]:
        return self.overview["questions"][0]

    def check(self, predictions: object, question: str | None = None) -> str:
        if "bad" in str(predictions):
            raise InvalidPredictions("sex", ["2 ids missing: 17, 18", f"1 value is text: {INJECTED}"])
        return "fits"

    def accept_rules(self) -> None:
        self.overview["me"]["rules_accepted"] = True

    def select(self, *chosen: int, question: str) -> list[int]:
        return sorted(chosen)


def comp(**overview: Any) -> Any:
    return FakeCompetition(FakeService(), **overview)


def descendants(widget: Any) -> list[Any]:
    return [widget, *(each for child in getattr(widget, "children", ()) for each in descendants(child))]


def inside(widget: Any, kind: type) -> list[Any]:
    return [each for each in descendants(widget) if isinstance(each, kind)]
