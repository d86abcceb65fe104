"""What a dry run is made on: a question's folds without its truth, from the data participants have.

Imported when needed: it is heavy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit.client.http import Json
from kit.competition import Competition, Question
from kit.errors import InvalidRequest
from kit.metrics import Metric, get_metric
from kit.predictions import Expected
from kit.runner.problem import TableProblem
from kit.runner.settings import RunnerSettings, runner_settings
from kit.truth import Truth

_PLACEHOLDER = "rmse"
_N_ROWS = 20
"""So many training rows stand in for test rows that nobody is given."""


class TrialProblem(TableProblem):
    """The folds of a training table; of test rows there is nothing to score by."""

    def _test_scores(self, predictions: pd.DataFrame) -> dict[str, dict[str, float]]:  # noqa: ARG002
        return {}


@contextmanager
def trial(
    overview: Json, question: Json, folder: Path, expected: Expected
) -> Iterator[tuple[TrialProblem, RunnerSettings]]:
    """The problem and how it is run here, while the block lasts.

    Parameters
    ----------
    folder : Path
        With the question's data.
    expected : Expected
        What the question expects of predictions.

    Raises
    ------
    InvalidRequest
        Where the training data are not given away.
    """
    code = question.get("code") or {}
    if not code.get("train"):
        raise InvalidRequest(
            f"Question {question['id']!r} cannot be tried here: what code is trained on stays with the "
            "organizers. Submit it instead; what fails is REJECTED with its traceback."
        )
    with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
        train = folder / code["train"]
        test = folder / code["test"] if code.get("test") else _stand_in(train, Path(scratch), question)
        asked = _question(question, train, test)
        competition = _competition(overview, asked)
        problem = TrialProblem(competition, asked, _no_truth(expected, test, question, code))
        if not _known(question):
            problem.metrics = ()
        yield problem, runner_settings(competition, asked)


def metric_of(question: Json) -> str:
    """The metric whose scores a dry run shows: the one ranked by, unless only the service has it."""
    known = _known(question)
    return known[0] if known else str(question["metric"])


def _known(question: Json) -> list[str]:
    names = dict.fromkeys([question["metric"], *(each["name"] for each in question["metrics"])])
    return [name for name in names if _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        metric: Metric = get_metric(name)
    except ValueError:
        return False
    # What these need besides predictions is in the organizers' settings.
    return not (metric.needs_groups or metric.takes_events or metric.takes_class_weights)


def _question(question: Json, train: Path, test: Path) -> Question:
    code, metrics = question["code"], _known(question) or [_PLACEHOLDER]
    kept = ("submission", "splitter", "cpu_s", "wall_s", "memory_mb", "pids", "disk_mb", "threads", "seed")
    settings = {key: code[key] for key in kept if code.get(key) is not None}
    return Question.model_validate(
        {
            "id": question["id"],
            "metric": metrics[0],
            "more_metrics": metrics[1:],
            "domain": question["domain"],
            "id_column": question["id_column"],
            "target": question["target"],
            "classes": question.get("classes") or [],
            "truth": "-",
            "data": [str(train), str(test)],
            "code": {"train": str(train), "test": str(test), "isolation": "none", "repeat": False} | settings,
        }
    )


def _competition(overview: Json, question: Question) -> Competition:
    kept = {key: overview[key] for key in ("title", "slug", "opens_at", "closes_at")}
    return Competition.model_validate({**kept, "question": [question]})


def _stand_in(train: Path, scratch: Path, question: Json) -> Path:
    """A test table of some training rows, where the true one is kept from participants."""
    is_parquet = train.suffix == ".parquet"
    rows = pd.read_parquet(train).head(_N_ROWS) if is_parquet else pd.read_csv(train, nrows=_N_ROWS)
    rows = rows.drop(columns=question["target"], errors="ignore")
    path = scratch / f"test{train.suffix}"
    rows[question["id_column"]] = np.arange(len(rows))
    if is_parquet:
        rows.to_parquet(path)
    else:
        rows.to_csv(path, index=False)
    return path


def _no_truth(expected: Expected, test: Path, question: Json, code: Json) -> Truth:
    if not code.get("test"):
        n_rows = len(pd.read_parquet(test) if test.suffix == ".parquet" else pd.read_csv(test))
        expected = replace(expected, ids=np.arange(n_rows))
    n_rows, targets = len(expected.ids), list(question["target"])
    zeros: Any = np.zeros((n_rows, len(targets)), dtype="int64" if expected.classes else float)
    return Truth(
        expected=expected,
        targets=zeros,
        is_public=np.ones(n_rows, dtype=bool),
        groups=None,
        events=None,
        frame=pd.DataFrame(zeros, columns=targets, index=pd.Index(expected.ids)),
    )
