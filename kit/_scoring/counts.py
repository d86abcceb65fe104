"""Tables of metrics of class codes: all are functions of how many rows of a class are predicted as which."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kit._scoring.table import FromSums, Reducer, Rows, Table
from kit.metrics import Array

_SMALL = 16
"""Up to so many classes one count of (block, truth, prediction) is fastest."""


class Confusion:
    """Counts per block of one submission at a time, shared by all metrics of class codes."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.y = np.asarray(rows.y_true, dtype=np.intp)
        self.n_classes = max(2, rows.n_classes, int(self.y.max(initial=0)) + 1)
        self._cells = self._cells_of(self.n_classes)
        self._last: tuple[Array, Array] | None = None

    def counts(self, y_pred: Array) -> Array:
        """Right, true and predicted rows of each class, shape (n_blocks, 3, K)."""
        if self._last is None or self._last[0] is not y_pred:
            self._last = (y_pred, self._count(np.asarray(y_pred, dtype=np.intp)))
        return self._last[1]

    def _cells_of(self, n_classes: int) -> Array:
        return self.rows.blocks.of_row * n_classes + self.y

    def _count(self, p: Array) -> Array:
        k, n_blocks = max(self.n_classes, int(p.max(initial=0)) + 1), self.rows.blocks.n_blocks
        if k > self.n_classes:
            self.n_classes, self._cells = k, self._cells_of(k)
        if k <= _SMALL:
            both = np.bincount(self._cells * k + p, minlength=n_blocks * k * k).reshape(n_blocks, k, k)
            return np.stack([np.diagonal(both, axis1=1, axis2=2), both.sum(axis=2), both.sum(axis=1)], axis=1)
        hits = np.bincount(self._cells[self.y == p], minlength=n_blocks * k)
        true = np.bincount(self._cells, minlength=n_blocks * k)
        predicted = np.bincount(self.rows.blocks.of_row * k + p, minlength=n_blocks * k)
        return np.stack([part.reshape(n_blocks, k) for part in (hits, true, predicted)], axis=1)


Formula = Callable[[Array, Array, Array, Array], Array]
"""Scores of shape (m,) from right, true and predicted counts of shape (m, K), and from which classes of
the whole are seen: a class that a resample lacks stays in a macro average, as 0 or as what is left of it."""


def _share(part: Array, whole: Array) -> Array:
    return np.asarray(part / np.where(whole > 0, whole, 1.0))


def _precisions(hits: Array, true: Array, predicted: Array) -> Array:
    return _share(hits, predicted)


def _recalls(hits: Array, true: Array, predicted: Array) -> Array:
    return _share(hits, true)


def _f1s(hits: Array, true: Array, predicted: Array) -> Array:
    return _share(2.0 * hits, true + predicted)


def _jaccards(hits: Array, true: Array, predicted: Array) -> Array:
    return _share(hits, true + predicted - hits)


Shares = Callable[[Array, Array, Array], Array]


def _macro(shares: Shares) -> Formula:
    return lambda h, t, p, seen: np.asarray(shares(h, t, p)[:, seen].mean(axis=1))


def _positive(shares: Shares) -> Formula:
    return lambda h, t, p, seen: shares(h, t, p)[:, 1]


def _accuracy(h: Array, t: Array, p: Array, seen: Array) -> Array:
    return np.asarray(h.sum(axis=1) / t.sum(axis=1))


def _balanced(h: Array, t: Array, p: Array, seen: Array) -> Array:
    true = t > 0
    return np.asarray((_recalls(h, t, p) * true).sum(axis=1) / true.sum(axis=1))


def _f1_weighted(h: Array, t: Array, p: Array, seen: Array) -> Array:
    return np.asarray((_f1s(h, t, p) * t).sum(axis=1) / t.sum(axis=1))


def _mcc(h: Array, t: Array, p: Array, seen: Array) -> Array:
    n = t.sum(axis=1)
    beyond = n * h.sum(axis=1) - (t * p).sum(axis=1)
    spread = (n * n - np.square(t).sum(axis=1)) * (n * n - np.square(p).sum(axis=1))
    return np.where(spread > 0.0, np.clip(beyond / np.sqrt(np.where(spread > 0, spread, 1.0)), -1, 1), 0.0)


def _kappa(h: Array, t: Array, p: Array, seen: Array) -> Array:
    n, chance = t.sum(axis=1), (t * p).sum(axis=1)
    one_class = np.square(t).sum(axis=1) == n * n
    return np.where(one_class, np.nan, (n * h.sum(axis=1) - chance) / (n * n - chance))


FORMULAS: dict[str, Formula] = {
    "accuracy": _accuracy,
    "f1_micro": _accuracy,
    "balanced_accuracy": _balanced,
    "mcc": _mcc,
    "cohen_kappa": _kappa,
    "f1": _positive(_f1s),
    "f1_macro": _macro(_f1s),
    "f1_weighted": _f1_weighted,
    "precision": _positive(_precisions),
    "precision_macro": _macro(_precisions),
    "recall": _positive(_recalls),
    "recall_macro": _macro(_recalls),
    "jaccard": _positive(_jaccards),
    "jaccard_macro": _macro(_jaccards),
}


def of_counts(name: str, confusion: Confusion) -> Reducer:
    """Tables of counts, shape (n_blocks, 3 K), or (n_blocks, 2) for accuracy."""
    formula = FORMULAS[name]

    def reduce(y_pred: Array) -> Table:
        counts = confusion.counts(y_pred).astype(np.float64)
        _, true, predicted = counts.sum(axis=0)
        n_events = float(true[true > 0].min(initial=np.inf))
        if formula is _accuracy:
            return Table(counts[:, :2].sum(axis=2), lambda t: t[:, 0] / t[:, 1])
        n_blocks, _, k = counts.shape
        return Table(counts.reshape(n_blocks, 3 * k), _on_columns(formula, true + predicted > 0), n_events)

    return reduce


def _on_columns(formula: Formula, seen: Array) -> FromSums:
    k = len(seen)
    return lambda totals: formula(totals[:, :k], totals[:, k : 2 * k], totals[:, 2 * k :], seen)


def quadratic_weighted_kappa(rows: Rows, confusion: Confusion) -> Reducer:
    """Tables of the moments of class codes: rows, sums, sums of squares, squared differences."""

    def reduce(y_pred: Array) -> Table:
        p = np.asarray(y_pred, dtype=np.intp)
        _, true, predicted = np.moveaxis(confusion.counts(y_pred), 1, 0).astype(np.float64)
        codes = np.arange(true.shape[1], dtype=np.float64)
        missed = rows.blocks.sums(np.square((confusion.y - p).astype(np.float64)))
        columns = [true.sum(axis=1), true @ codes, predicted @ codes]
        columns += [true @ codes**2 + predicted @ codes**2, missed]
        return Table(np.column_stack(columns), _qwk)

    return reduce


def _qwk(totals: Array) -> Array:
    n, y, p, squares, missed = totals.T
    expected = n * squares - 2.0 * y * p
    return np.where(expected > 0.0, (expected - n * missed) / np.where(expected > 0, expected, 1.0), np.nan)
