"""How predictions combine, and what of them a metric is given: means, mean probabilities, or votes.

As ramp-workflow's prediction types: numbers are averaged; probabilities are first clipped and made to sum
to 1. It has no labels: theirs here are one vote each, the first class winning a tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np

from kit.metrics import Array, Domain, Metric, Target

TINY = 1e-15


class Way(Enum):
    """How the predictions of several submissions become one."""

    MEAN = auto()
    """Numbers, or one column of numbers per target, averaged."""
    PROBABILITY = auto()
    """Probabilities of the last of two classes."""
    DISTRIBUTION = auto()
    """One column of probabilities per class."""
    VOTES = auto()
    """Class codes."""


@dataclass(frozen=True, eq=False)
class Form:
    """A metric on rows of truth, and the way its predictions combine.

    Parameters
    ----------
    extras : mapping of str to ndarray
        What else the metric's function takes: ``groups`` and ``events`` of shape (n,), ``class_weights``.
    """

    metric: Metric
    truth: Array
    way: Way
    n_columns: int
    """Columns of a prediction, 0 where it is one-dimensional; for votes the number of classes."""
    extras: Mapping[str, Array] = field(default_factory=dict)

    def member(self, predictions: Array) -> Array:
        """One submission's predictions as they are averaged."""
        if self.way is Way.PROBABILITY:
            return np.asarray(np.clip(predictions, TINY, 1.0 - TINY, dtype=np.float64))
        if self.way is Way.DISTRIBUTION:
            clipped = np.clip(predictions, TINY, 1.0 - TINY, dtype=np.float64)
            if self.n_columns == 2:  # many times as fast as a sum along so short an axis
                return np.asarray(clipped / (clipped[:, 0] + clipped[:, 1])[:, np.newaxis])
            return np.asarray(clipped / clipped.sum(axis=1, keepdims=True))
        return predictions.astype(np.int64) if self.way is Way.VOTES else predictions

    def total(self, members: Sequence[Array]) -> Array:
        """Sum of members in their order, which is what rounding depends on."""
        total = np.zeros(self.shape)
        for member in members:
            total = self.plus(total, member)
        return total

    def plus(self, total: Array, member: Array) -> Array:
        """The sum with one member more."""
        if self.way is not Way.VOTES:
            return np.asarray(total + member)
        total = total.copy()
        total[np.arange(len(member)), member] += 1.0
        return total

    def decided(self, mean: Array) -> Array:
        """What the metric is given of averaged predictions: codes, a column, or all."""
        if self.metric.domain is Domain.LABEL:
            return (mean[:, 1] > mean[:, 0]).astype(np.int64) if self.n_columns == 2 else mean.argmax(axis=1)
        if self.way is Way.DISTRIBUTION and self.n_columns == 2:
            return np.asarray(mean[:, 1])
        return mean

    def loss_alone(self, predictions: Array) -> float:
        """Loss of predictions as they were sent, neither clipped nor made to sum to 1."""
        if self.way is Way.VOTES:
            return self._loss(predictions.astype(np.int64))
        return self._loss(self.decided(predictions))

    def loss(self, total: Array, n_members: int) -> float:
        """Loss of an ensemble; less is better whatever the metric, and NaN counts as infinite."""
        return self._loss(self.decided(total / n_members))

    def score_of(self, mean: Array) -> float:
        """The metric's value of averaged predictions."""
        return self._score(self.decided(mean))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sum of members."""
        return (len(self.truth), self.n_columns) if self.n_columns else (len(self.truth),)

    def _loss(self, given: Array) -> float:
        score = self._score(given)
        loss = -score if self.metric.greater_is_better else score
        return loss if loss == loss else float("inf")

    def _score(self, given: Array) -> float:
        function, options = self.metric.function, {**self.metric.options, **self.extras}
        if self.truth.ndim == 1:
            return float(function(self.truth, given, **options))
        columns = zip(self.truth.T, given.T, strict=True)  # several targets: the mean of their scores
        return float(np.mean([function(true, predicted, **options) for true, predicted in columns]))


def form_of(
    truth: Array, metric: Metric, shape: tuple[int, ...], n_classes: int, extras: Mapping[str, Array]
) -> Form:
    """The form of predictions of that shape, one submission's: (n_rows,) or (n_rows, n_columns).

    Raises
    ------
    ValueError
        Predictions of that shape do not fit the truth or the metric.
    """
    if len(truth) == 0 or shape[0] != len(truth):
        raise ValueError(
            f"The predictions have {shape[0]} rows, the truth has {len(truth)}; give equal ones."
        )
    columns = shape[1] if len(shape) == 2 else 0
    if metric.target is not Target.CLASS:
        if shape != truth.shape:
            raise ValueError(f"Predictions of shape {shape} do not fit a truth of shape {truth.shape}.")
        return Form(metric, truth, Way.MEAN, columns, extras)
    codes = np.asarray(truth, dtype=np.int64)
    if columns:
        if columns <= int(codes.max()):
            raise ValueError(f"The truth has class {codes.max()}, the predictions {columns} columns only.")
        if columns > 2 and metric.multiclass_domain is None:
            raise ValueError(f"Metric {metric.name!r} takes two classes; the predictions have {columns}.")
        return Form(metric, codes, Way.DISTRIBUTION, columns, extras)
    if metric.domain is Domain.LABEL:
        return Form(metric, codes, Way.VOTES, max(2, n_classes, int(codes.max()) + 1), extras)
    way = Way.PROBABILITY if metric.domain is Domain.PROBABILITY else Way.MEAN
    return Form(metric, codes, way, 0, extras)


def combine(predictions: Array, members: Sequence[int], form: Form) -> Array:
    """Averaged predictions of an ensemble; shares of votes for labels.

    Parameters
    ----------
    predictions : ndarray of shape (n_submissions, n_rows[, n_columns])
    members : sequence of int
        Places in `predictions`, with repeats.
    """
    total = form.total([form.member(np.asarray(predictions[i])) for i in members])
    return np.asarray(total / len(members))


def extras_on(extras: Mapping[str, Array], rows: Array) -> dict[str, Array]:
    """What else a metric takes, on some of the rows."""
    return {name: of if name == "class_weights" else np.asarray(of)[rows] for name, of in extras.items()}
