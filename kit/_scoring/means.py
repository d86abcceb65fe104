"""Tables of metrics made of means over rows: losses, r2, Pearson's correlation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kit._scoring.blocks import chunks
from kit._scoring.table import Reducer, Rows, Table
from kit.metrics import Array

_EPS = float(np.finfo(np.float64).eps)
_MAX = float(np.finfo(np.float64).max)


class Loss(NamedTuple):
    """A loss of one row, and what to make of its mean."""

    of_rows: Callable[..., Array]
    """Of the prepared truth, the predictions and the metric's options."""
    prepare: Callable[[Array], Array] = lambda y_true: np.asarray(y_true, dtype=np.float64)
    finish: Callable[[Array], Array] = lambda means: means


def _squared(y: Array, p: Array) -> Array:
    d: Array = p - y
    return np.square(d, out=d)


def _absolute(y: Array, p: Array) -> Array:
    d: Array = p - y
    return np.abs(d, out=d)


def _relative(y: Array, p: Array) -> Array:
    return _absolute(y, p) / np.maximum(np.abs(y), _EPS)


def _symmetric(y: Array, p: Array) -> Array:
    # Halves, so that no sum of two finite numbers overflows.
    total = 0.5 * np.abs(y) + 0.5 * np.abs(p)
    total[total == 0.0] = 1.0
    return np.asarray(2.0 * (np.abs(0.5 * p - 0.5 * y) / total))


def _squared_log(log_y: Array, p: Array) -> Array:
    return _squared(log_y, np.log1p(p))


def _pinball(y: Array, p: Array, *, alpha: float) -> Array:
    too_low = y - p
    return np.maximum(alpha * too_low, (alpha - 1.0) * too_low)


def _surprise(y: Array, p: Array) -> Array:
    """For one column ``y`` is 1 - truth: then |y - p| is the true class's probability."""
    of_truth: Array = np.abs(y - p) if p.ndim == 1 else p[np.arange(len(y)), y].astype(np.float64)
    np.maximum(of_truth, _EPS, out=of_truth)
    np.log(of_truth, out=of_truth)
    return np.subtract(0.0, of_truth, out=of_truth)


def _brier(y: Array, p: Array) -> Array:
    if p.ndim == 1:
        return _squared(y, p)
    errors = np.array(p, dtype=np.float64)
    errors[np.arange(len(y)), y] -= 1.0
    return np.asarray(np.square(errors).sum(axis=1))


LOSSES: dict[str, Loss] = {
    "mse": Loss(_squared),
    "rmse": Loss(_squared, finish=np.sqrt),
    "mae": Loss(_absolute),
    "mape": Loss(_relative),
    "smape": Loss(_symmetric),
    "rmsle": Loss(_squared_log, prepare=lambda y: np.log1p(np.asarray(y, dtype=np.float64)), finish=np.sqrt),
    "pinball": Loss(_pinball),
    "log_loss": Loss(_surprise, prepare=lambda y: 1.0 - (y == 1)),
    "brier": Loss(_brier, prepare=lambda y: (y == 1).astype(np.float64)),
}


def mean_loss(loss: Loss, rows: Rows, *, class_weights: Array | None = None, **options: float) -> Reducer:
    """Tables (sum of weighted losses, sum of weights): ``finish`` of their ratio is the score."""
    prepared = loss.prepare(rows.y_true)
    weights = None if class_weights is None else np.asarray(class_weights, dtype=np.float64)[rows.y_true]
    sizes = rows.blocks.sizes if weights is None else rows.blocks.sums(weights)

    def reduce(y_pred: Array) -> Table:
        # A distribution is looked up by class code, a single column compared with prepared numbers.
        truth = prepared if y_pred.ndim == 1 else rows.y_true
        sums = np.zeros(rows.blocks.n_blocks)
        with np.errstate(over="ignore", invalid="ignore"):
            for part in chunks(len(truth)):
                losses = loss.of_rows(truth[part], y_pred[part].astype(np.float64, copy=False), **options)
                if weights is not None:
                    losses *= weights[part]
                sums += np.bincount(rows.blocks.of_row[part], losses, rows.blocks.n_blocks)
        return Table(
            np.column_stack([sums, sizes]), lambda t: loss.finish(np.minimum(t[:, 0] / t[:, 1], _MAX))
        )

    return reduce


def r2(rows: Rows) -> Reducer:
    """Tables (sum of squared errors, rows, sum and sum of squares of the centred truth)."""
    y = np.asarray(rows.y_true, dtype=np.float64)
    centred, scale = _centred(y)
    fixed = [rows.blocks.sizes, rows.blocks.sums(centred), rows.blocks.sums(np.square(centred))]

    def reduce(y_pred: Array) -> Table:
        unexplained = np.zeros(rows.blocks.n_blocks)
        with np.errstate(over="ignore"):
            for part in chunks(len(y)):
                errors = np.square((y_pred[part] - y[part]) / scale)
                unexplained += np.bincount(rows.blocks.of_row[part], errors, rows.blocks.n_blocks)
        return Table(
            np.column_stack([unexplained, *fixed]),
            lambda t: np.maximum(
                1.0 - t[:, 0] / _positive(_spread(t[:, 1], t[:, 2], t[:, 2], t[:, 3])), -_MAX
            ),
        )

    return reduce


def pearson(rows: Rows) -> Reducer:
    """Tables of rows and the first two moments of truth and predictions, both centred."""
    y, _ = _centred(np.asarray(rows.y_true, dtype=np.float64))
    sums = rows.blocks.sums
    fixed = [rows.blocks.sizes, sums(y), sums(np.square(y))]

    def reduce(y_pred: Array) -> Table:
        p, _ = _centred(np.asarray(y_pred, dtype=np.float64))
        return Table(np.column_stack([*fixed, sums(p), sums(np.square(p)), sums(y * p)]), _correlation)

    return reduce


def _correlation(t: Array) -> Array:
    n, y, yy, p, pp, yp = t.T
    spread_p = _positive(_spread(n, p, p, pp))
    scores = _spread(n, y, p, yp) / np.sqrt(_positive(_spread(n, y, y, yy))) / np.sqrt(spread_p)
    return np.clip(np.where(np.isnan(spread_p), 0.0, scores), -1.0, 1.0)


def _positive(spread: Array) -> Array:
    """NaN for the spread of constant values, which rounding may leave a hair off 0."""
    return np.where(spread > 0.0, spread, np.nan)


def _spread(n: Array, a: Array, b: Array, ab: Array) -> Array:
    """Sum of products of deviations from the means, from the sums of a, b and a * b."""
    return np.asarray(ab - a * b / n)


def _centred(values: Array) -> tuple[Array, float]:
    """Deviations from the mean over the largest of them, and that; all 0 for constant values."""
    if len(values) == 0 or values.min() == values.max():
        return np.zeros(len(values)), 1.0
    largest = float(np.abs(values).max())  # without it the sum of huge values overflows
    scaled = values / largest
    scaled -= scaled.mean()
    spread = float(np.abs(scaled).max())
    scaled /= spread
    return scaled, largest * spread
