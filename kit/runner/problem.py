"""What a submission's code is run on: folds, and the scores of what it predicts. Runs nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from kit._splitter import make_splitter
from kit.competition import Competition, Question, class_text
from kit.errors import InvalidCompetition, InvalidPredictions
from kit.errors import Problem as Wrong
from kit.metrics import Array, Domain
from kit.predictions import Expected, read_predictions
from kit.runner.report import STEPS, Scores
from kit.runner.run import Run, Task
from kit.runner.tables import Tables, read_tables, wants
from kit.scoring import Scoring, score_rows
from kit.submission import Split
from kit.truth import Truth


@dataclass(frozen=True, eq=False)
class Fold:
    """Inputs of one run, and the rows of ``X`` it learns from and is validated on."""

    X_train: Any
    y_train: Any
    X: Any
    X_test: Any
    train_is: Array
    valid_is: Array


@dataclass(frozen=True, eq=False)
class Bagged:
    """What all folds say together.

    Parameters
    ----------
    scores : Scores
        "valid": of rows held out, each by the folds that held it out; "test", "public", "private": of the
        truth's rows, by all folds.
    test_predictions : DataFrame or None
        As a predictions file: the columns the question asks for, indexed by id.
    scoring : Scoring or None
        The submission's scores with intervals, where no predictions file can be scored for it.
    """

    scores: Scores
    test_predictions: pd.DataFrame | None
    scoring: Scoring | None = None


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a fold's run predicted, checked: of all training rows, and of the truth's rows in their order."""

    valid: Any
    test: Any


class Problem(Protocol):
    """A question's folds and scores; labels stay with it."""

    n_folds: int
    metrics: tuple[str, ...]
    entries: tuple[str, ...]
    """Files that a submission must have."""

    def task(self, code: Path) -> Task:
        """What is run of a submission."""
        ...

    def fold(self, k: int) -> Fold:
        """Inputs of a fold."""
        ...

    def read(self, run: Run) -> Predicted:
        """What a run predicted, checked.

        Raises
        ------
        InvalidPredictions
        """
        ...

    def fold_scores(self, k: int, predicted: Predicted) -> Scores:
        """Scores of a fold by step.

        Raises
        ------
        MetricFailed
        """
        ...

    def bagged(self, predicted: Sequence[Predicted]) -> Bagged:
        """All folds together, in their order."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...

    def kept(self, k: int, predicted: Predicted) -> tuple[Array, Array]:
        """Plain arrays of the rows the fold held out and of the test rows, to be blended later."""
        ...


def load_problem(competition: Competition, question: Question, truth: Truth | None) -> Problem:
    """The problem of a question that takes code; ``truth`` is None only where a problem.py brings it.

    Raises
    ------
    InvalidCompetition
        With every problem of its files.
    """
    assert question.code is not None
    if question.code.problem is not None:
        from kit.runner.ramp import RampProblem

        return RampProblem(competition, question)
    assert truth is not None
    return TableProblem(competition, question, truth)


class TableProblem:
    """Folds of a training table, and the truth's rows to test on."""

    def __init__(self, competition: Competition, question: Question, truth: Truth) -> None:
        self.metrics = question.metrics
        self.entries: tuple[str, ...] = (f"{question.code.submission if question.code else 'estimator'}.py",)
        self._competition, self._question, self._truth = competition, question, truth
        self._tables = read_tables(competition, question, truth)
        self._folds = _split(competition, question, self._tables)
        self.n_folds = len(self._folds)

    @property
    def truth(self) -> Truth:
        """Of the training rows."""
        return self._tables.truth

    @property
    def held_out(self) -> list[Array]:
        """By fold, the training rows it is validated on."""
        return [valid_is for _, valid_is in self._folds]

    def task(self, code: Path) -> Task:
        """What is run of a submission."""
        settings = self._question.code
        assert settings is not None
        return Task(
            code=code,
            entry=settings.submission,
            wants=wants(self._truth),
            classes=self._tables.classes,
            seed=settings.seed,
        )

    def fold(self, k: int) -> Fold:
        """Inputs of a fold."""
        tables, (train_is, valid_is) = self._tables, self._folds[k]
        X_train = tables.X.iloc[train_is].reset_index(drop=True)
        return Fold(X_train, tables.y[train_is], tables.X, tables.X_test, train_is, valid_is)

    def read(self, run: Run) -> Predicted:
        """What a run predicted, checked as uploaded files are.

        Raises
        ------
        InvalidPredictions
        """
        known, asked = self._tables.truth.expected, self._truth.expected
        return Predicted(
            valid=_read(run.predictions["valid"], known.ids, known),
            test=_read(run.predictions["test"], self._tables.test_ids, asked),
        )

    def fold_scores(self, k: int, predicted: Predicted) -> Scores:
        """Scores of a fold by step.

        Raises
        ------
        MetricFailed
        """
        train_is, valid_is = self._folds[k]
        scores = {
            "train": self._score(predicted.valid, self._tables.truth, train_is),
            "valid": self._score(predicted.valid, self._tables.truth, valid_is),
        }
        return scores | self._test_scores(predicted.test)

    def bagged(self, predicted: Sequence[Predicted]) -> Bagged:
        """Probabilities and values are averaged; of labels the most frequent counts, the first of equals."""
        known, asked = self._tables.truth.expected, self._truth.expected
        valid, test = _Bag(known), _Bag(asked)
        for each, (_, valid_is) in zip(predicted, self._folds, strict=True):
            valid.add(each.valid.to_numpy()[valid_is], valid_is)
            test.add(each.test.to_numpy())
        held_out = np.flatnonzero(valid.counts)
        scores = {"valid": self._score(valid.frame(), self._tables.truth, held_out)}
        file = test.file()
        return Bagged(scores | self._test_scores(read_predictions(file, asked)), file)

    def kept(self, k: int, predicted: Predicted) -> tuple[Array, Array]:
        """Predictions of the rows the fold held out, and of the truth's rows in their order."""
        return predicted.valid.to_numpy()[self._folds[k][1]], predicted.test.to_numpy()

    def close(self) -> None:
        """Nothing is held."""

    def _score(self, predictions: pd.DataFrame, truth: Truth, rows: Array) -> dict[str, float]:
        directory = self._competition.directory
        return {
            name: score_rows(name, predictions, truth, self._question, rows, directory=directory)
            for name in self.metrics
        }

    def _test_scores(self, predictions: pd.DataFrame) -> dict[str, dict[str, float]]:
        truth = self._truth
        rows = {"test": np.arange(len(truth.expected.ids))}
        rows |= {split.value: truth.rows(split) for split in Split}
        return {step: self._score(predictions, truth, rows[step]) for step in STEPS if step in rows}


def _split(competition: Competition, question: Question, tables: Tables) -> list[tuple[Array, Array]]:
    settings = question.code
    assert settings is not None
    splitter = make_splitter(
        settings.splitter, stratified=bool(tables.truth.expected.classes), groups=tables.groups
    )
    # PredefinedSplit has its column already, and warns where it is given groups.
    groups = None if settings.splitter.get("name") == "PredefinedSplit" else tables.groups
    try:
        folds = [(np.asarray(a), np.asarray(b)) for a, b in splitter.split(tables.X, tables.y, groups)]
        wrong = "gives no folds." if not folds else ""
    except ValueError as error:
        folds, wrong = [], f"cannot split {settings.train}: {error}"
    if wrong:
        fix = "Choose another splitter or other options."
        problem = Wrong("competition.toml", f"question '{question.id}': code.splitter", wrong, fix)
        raise InvalidCompetition(str(competition.directory), [problem])
    return folds


def _read(predicted: Array, ids: Array, expected: Expected) -> pd.DataFrame:
    frame = pd.DataFrame(_columns(predicted, expected))
    frame.insert(0, expected.id_column, ids)
    return read_predictions(frame, expected)


def _columns(predicted: Array, expected: Expected) -> Mapping[str, Any]:
    values = predicted[:, None] if predicted.ndim == 1 else predicted
    if expected.domain is Domain.LABEL:
        return {expected.columns[0]: [class_text(label) for label in values[:, 0].tolist()]}
    if expected.classes and expected.domain is not Domain.DISTRIBUTION:
        values = values[:, -1:]
    if values.shape[1] != len(expected.columns):
        text = f"{values.shape[1]} columns are predicted, {len(expected.columns)} are expected"
        raise InvalidPredictions(expected.question, [text])
    return {column: values[:, i] for i, column in enumerate(expected.columns)}


class _Bag:
    """Sums over folds: of values, or of votes for each class."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._is_label = expected.domain is Domain.LABEL
        width = len(expected.classes) if self._is_label else len(expected.columns)
        self._sums = np.zeros((len(expected.ids), width))
        self.counts = np.zeros(len(expected.ids), dtype=int)

    def add(self, values: Array, rows: Array | slice = slice(None)) -> None:
        """Add one fold's predictions of some rows."""
        self._sums[rows] += np.eye(self._sums.shape[1])[values[:, 0]] if self._is_label else values
        self.counts[rows] += 1

    def frame(self) -> pd.DataFrame:
        """As `read_predictions` returns it; rows without any prediction are 0."""
        if self._is_label:
            return self._framed(self._sums.argmax(axis=1)[:, None])
        return self._framed(self._sums / np.maximum(self.counts, 1)[:, None])

    def file(self) -> pd.DataFrame:
        """As a predictions file: labels are written out."""
        frame = self.frame()
        names = np.array(self._expected.classes, dtype=object)
        return self._framed(names[frame.to_numpy()]) if self._is_label else frame

    def _framed(self, values: Array) -> pd.DataFrame:
        index = pd.Index(self._expected.ids, name=self._expected.id_column)
        return pd.DataFrame(values, index=index, columns=list(self._expected.columns))
