"""Scores of aligned predictions on each split, with confidence intervals. Reads no files, knows no store."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kit._scoring import Estimate, PreparedSplit, Range, Table, black_box, estimate, mean_of, prepare
from kit._scoring.loading import load_function
from kit.competition import Question, class_text, is_custom
from kit.errors import MetricFailed
from kit.metrics import Array, Domain, Metric, Target, get_metric
from kit.submission import Evidence, Score, Split
from kit.truth import Truth

OnRows = Callable[[Array, Array | None], float]
"""A metric with its data, as a function of row numbers and of their group codes."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """The scores of a submission, and what is kept to compare and rank it later."""

    scores: tuple[Score, ...]
    evidence: tuple[Evidence, ...]
    """Of the question's first metric, which ranks, on each split."""


def score(
    predictions: pd.DataFrame, truth: Truth, question: Question, *, directory: Path, seed: int = 0
) -> tuple[Score, ...]:
    """Score predictions by every metric of a question, on both splits.

    As `score_with_evidence`, without the evidence.
    """
    return score_with_evidence(predictions, truth, question, directory=directory, seed=seed).scores


def score_with_evidence(
    predictions: pd.DataFrame, truth: Truth, question: Question, *, directory: Path, seed: int = 0
) -> Scoring:
    """Score predictions by every metric of a question, on both splits, and keep what comparing takes.

    Parameters
    ----------
    predictions : DataFrame
        As ``kit.predictions.read_predictions`` returns it: aligned with ``truth.expected.ids``.
    directory : Path
        The competition's folder, where a custom metric's file lies.
    seed : int
        Deals the rows into blocks, together with the truth itself, so that nobody without the truth
        knows the blocks; the same for all submissions of a question, which are compared by block.

    Raises
    ------
    MetricFailed
        A metric raised or is not a finite number: the organizer's to mend.
    """
    given = _Given(predictions, truth, question, directory)
    prepared = _prepared(truth, question, seed)
    found = {
        (name, split): given.estimate(name, split, prepared[split])
        for name in question.metrics
        for split in Split
    }
    scores = tuple(_as_score(name, split, e, truth) for (name, split), e in found.items())
    ranking = {split: found[question.metrics[0], split] for split in Split}
    return Scoring(scores, tuple(Evidence(s, e.influences, e.resampled) for s, e in ranking.items()))


class _Given:
    """One submission's predictions, in the forms and parts its metrics take."""

    def __init__(self, predictions: pd.DataFrame, truth: Truth, question: Question, directory: Path) -> None:
        self.predictions, self.truth, self.question, self.directory = predictions, truth, question, directory
        self._values: dict[tuple[Domain | None, int], Array] = {}
        self._parts: dict[tuple[Domain | None, int, Split], Array] = {}

    def estimate(self, name: str, split: Split, prepared: PreparedSplit) -> Estimate:
        if is_custom(name):
            rows = self.truth.rows(split)
            on_rows = _on_rows(name, self.predictions, self.truth, self.question, self.directory)
            return black_box(_on_parts(on_rows, rows), prepared.blocks)
        metric = get_metric(name)
        return estimate(self.table(metric, split, prepared), prepared.blocks, Range.of(metric))

    def table(self, metric: Metric, split: Split, prepared: PreparedSplit) -> Table:
        columns = range(prepared.targets.shape[1])
        return mean_of([prepared.reducer(metric, i)(self._part(metric, i, split)) for i in columns])

    def _part(self, metric: Metric, column: int, split: Split) -> Array:
        wanted = _wanted(metric, self.truth)
        if (wanted, column, split) not in self._parts:
            if (wanted, column) not in self._values:
                whole = self.truth.expected.domain is Domain.DISTRIBUTION
                frame = self.predictions if whole else self.predictions.iloc[:, [column]]
                self._values[wanted, column] = _as_domain(metric, frame, self.truth)
            self._parts[wanted, column, split] = self._values[wanted, column].take(
                self.truth.rows(split), axis=0
            )
        return self._parts[wanted, column, split]


def _on_parts(on_rows: OnRows, rows: Array) -> Callable[[Array], float]:
    """An organizer's metric on parts of a split; where it fails on a part only, that part counts as NaN."""

    def on_part(chosen: Array) -> float:
        try:
            return on_rows(rows[chosen], None)
        except MetricFailed:
            if len(chosen) == len(rows):
                raise
            return float("nan")

    return on_part


_PREPARED: dict[tuple[int, int], Mapping[Split, PreparedSplit]] = {}
"""By the truth's identity and the seed, for as long as the truth is held."""


def _prepared(truth: Truth, question: Question, seed: int) -> Mapping[Split, PreparedSplit]:
    key = (id(truth), seed)
    if key not in _PREPARED:
        _PREPARED[key] = {split: _prepare(truth, question, split, seed) for split in Split}
        weakref.finalize(truth, _PREPARED.pop, key, None)
    return _PREPARED[key]


def _prepare(truth: Truth, question: Question, split: Split, seed: int) -> PreparedSplit:
    rows = truth.rows(split)
    digest = hashlib.sha256(f"{seed} {split.value}".encode())
    for array in (truth.targets, truth.is_public):
        digest.update(np.ascontiguousarray(array).data)
    return prepare(
        truth.targets[rows],
        seed=int.from_bytes(digest.digest()[:8]),
        groups=None if truth.groups is None else truth.groups[rows],
        events=None if truth.events is None else truth.events[rows],
        n_classes=len(truth.expected.classes),
        class_weights=_class_weights(question, truth.expected.classes),
    )


def _as_score(name: str, split: Split, found: Estimate, truth: Truth) -> Score:
    n_rows = len(truth.rows(split))
    value = _finite(name, found.score, split, n_rows)
    n_resamples = int(np.count_nonzero(np.isfinite(found.resampled)))
    size = (found.level, n_rows, n_resamples)
    return Score(name, split, value, found.low, found.high, *size, found.se, found.warning)


def score_split(
    name: str, predictions: pd.DataFrame, truth: Truth, question: Question, split: Split, *, directory: Path
) -> float:
    """One metric's value on one split, without an interval.

    Raises
    ------
    MetricFailed
        As `score` does.
    """
    rows = truth.rows(split)
    value = score_rows(name, predictions, truth, question, rows, directory=directory)
    return _finite(name, value, split, len(rows))


def score_rows(
    name: str, predictions: pd.DataFrame, truth: Truth, question: Question, rows: Array, *, directory: Path
) -> float:
    """One metric's value on any rows, given by their numbers; NaN where it is undefined there.

    Raises
    ------
    MetricFailed
        The organizer's own metric raised.
    """
    groups = None if truth.groups is None else truth.groups[rows]
    return _on_rows(name, predictions, truth, question, directory)(rows, groups)


def _finite(name: str, value: float, split: Split, n_rows: int) -> float:
    if np.isfinite(value):
        return value
    raise MetricFailed(
        f"Metric '{name}' gives {value} on the {split.value} split ({n_rows} rows). "
        "A score must be a finite number: check the metric's function, and that the split holds "
        "every class and more than one value."
    )


def _on_rows(
    name: str, predictions: pd.DataFrame, truth: Truth, question: Question, directory: Path
) -> OnRows:
    if is_custom(name):
        return _custom(name, predictions, truth, directory)
    metric = get_metric(name)
    options = dict(metric.options)
    if metric.takes_class_weights:
        options["class_weights"] = _class_weights(question, truth.expected.classes)
    if metric.target is Target.CLASS and truth.expected.domain is Domain.DISTRIBUTION:
        return _over_rows(metric, truth.targets[:, 0], _as_domain(metric, predictions, truth), options, truth)
    parts = [
        _over_rows(
            metric, truth.targets[:, i], _as_domain(metric, predictions.iloc[:, [i]], truth), options, truth
        )
        for i in range(truth.targets.shape[1])
    ]
    return (
        parts[0]
        if len(parts) == 1
        else lambda rows, groups: float(np.mean([part(rows, groups) for part in parts]))
    )


def _over_rows(
    metric: Metric, y_true: Array, y_pred: Array, options: dict[str, object], truth: Truth
) -> OnRows:
    def on_rows(rows: Array, groups: Array | None) -> float:
        extra = dict(options)
        if metric.needs_groups:
            extra["groups"] = groups
        if metric.takes_events and truth.events is not None:
            extra["events"] = truth.events[rows]
        return float(metric.function(y_true[rows], y_pred[rows], **extra))

    return on_rows


def _as_domain(metric: Metric, predictions: pd.DataFrame, truth: Truth) -> Array:
    """The predictions as the metric takes them; probabilities serve a label metric by the likeliest class."""
    values: Array = predictions.to_numpy()
    given, wanted = truth.expected.domain, _wanted(metric, truth)
    if given is Domain.DISTRIBUTION:
        if wanted is Domain.LABEL:
            codes: Array = np.argmax(values, axis=1)
            return codes
        return values if wanted is Domain.DISTRIBUTION else values[:, 1]
    if given is Domain.PROBABILITY and wanted is Domain.LABEL:
        return (values[:, 0] >= 0.5).astype("int64")
    return values[:, 0]


def _wanted(metric: Metric, truth: Truth) -> Domain | None:
    return metric.domain if len(truth.expected.classes) <= 2 else metric.multiclass_domain


def _class_weights(question: Question, classes: tuple[str, ...]) -> Array:
    weights = question.metric_options.get("class_weights", {})
    return np.array([float(weights.get(name, 1.0)) for name in classes])


def _custom(name: str, predictions: pd.DataFrame, truth: Truth, directory: Path) -> OnRows:
    """An organizer's ``file.py:function(truth, predictions) -> float`` over frames indexed by id."""
    function = load_function(name, directory)
    predicted = predictions
    if truth.expected.domain is Domain.LABEL:
        # Classes as the truth writes them, so that the two frames compare: 1 stays 1, not "1".
        written = {class_text(v): v for column in truth.frame for v in truth.frame[column].unique().tolist()}
        names = [written.get(name, name) for name in truth.expected.classes]
        predicted = pd.DataFrame(
            {column: [names[code] for code in codes] for column, codes in predictions.items()},
            index=predictions.index,
        )

    def on_rows(rows: Array, _groups: Array | None) -> float:
        try:
            return float(function(truth.frame.iloc[rows], predicted.iloc[rows]))
        except MemoryError:
            raise
        except Exception as error:
            raise MetricFailed(f"Metric '{name}' raised {type(error).__name__}: {error}") from error

    return on_rows
