"""Small competitions that take code, over scikit-learn's data sets, and what their runs would hand back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from kit.competition import Competition, Question, load_competition
from kit.runner.problem import TableProblem
from kit.runner.run import Run
from kit.truth import Truth, read_truth

TOML = """\
title = "Code"
slug = "code"
opens_at = 2020-01-01T00:00:00Z
closes_at = 2099-01-01T00:00:00Z

[[question]]
id = "q"
metric = "{metric}"
more_metrics = {more}
id_column = "row_id"
target = {target}
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
{question}
[question.code]
train = "data/train.csv"
test = "data/test.csv"
{code}
"""

ESTIMATOR = """\
from sklearn.linear_model import {name}
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def get_estimator():
    return make_pipeline(StandardScaler(), {name}())
"""


def cancer() -> pd.DataFrame:
    """Two classes, 0 and 1."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :6].assign(y=y)


def irises() -> pd.DataFrame:
    """Three classes by name, one of which pandas would take for an empty cell."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X.assign(y=y.map({0: "setosa", 1: "NA", 2: "virginica"}))


def patients() -> pd.DataFrame:
    """Two numbers to predict."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X.iloc[:, 1:].assign(y=y, z=X["age"])


def write(
    directory: Path,
    data: pd.DataFrame,
    *,
    metric: str,
    more: str = "[]",
    target: str = '"y"',
    question: str = "",
    code: str = "splitter = { n_splits = 3 }",
) -> Path:
    """Two thirds of the rows to learn from, in an order of their own; ids that say nothing."""
    rng = np.random.default_rng(1)
    rows = data.assign(row_id=rng.permutation(10_000)[: len(data)]).sample(frac=1, random_state=2)
    n_train = 2 * len(rows) // 3
    train, test = rows[:n_train], rows[n_train:]
    for folder in ("data", "private"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    targets = [name for name in ("y", "z") if name in data]
    train.to_csv(directory / "data/train.csv", index=False)
    test.drop(columns=targets).sample(frac=1, random_state=3).to_csv(directory / "data/test.csv", index=False)
    splits = np.where(np.arange(len(test)) % 3 == 0, "public", "private")
    test.assign(split=splits).to_csv(directory / "private/truth.csv", index=False)
    toml = TOML.format(metric=metric, more=more, target=target, question=question, code=code)
    (directory / "competition.toml").write_text(toml)
    return directory


def load(directory: Path) -> tuple[Competition, Question, Truth, TableProblem]:
    """The competition, its question and truth, and the problem made of them."""
    competition = load_competition(directory)
    question = competition.question[0]
    truth = read_truth(competition, question)
    return competition, question, truth, TableProblem(competition, question, truth)


def run_by_hand(problem: TableProblem, k: int, make: Callable[[], Any]) -> Run:
    """What a sandbox would hand back, from an estimator that is fitted here."""
    fold, task = problem.fold(k), problem.task(Path())
    predict = getattr(make().fit(fold.X_train, fold.y_train), task.wants)
    predictions = {"valid": predict(fold.X), "test": predict(fold.X_test)}
    return Run(predictions, {}, 0, None, "", "", "", {}, False)
