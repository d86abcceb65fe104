"""Tables of metrics of class codes: all are functions of how many rows of a class are predicted as which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kit._scoring.blocks import CHUNK, chunks
from kit._scoring.table import FromSums, Reducer, Rows, Share, Table
from kit.metrics import Array

_SMALL = 16
"""Up to so many classes one count of (block, truth, prediction) is fastest."""


class Confusion:
    """Counts per block of one submission at a time, shared by all metrics of class codes."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.y = np.asarray(rows.y_true, dtype=np.intp)
        self.n_classes = max(2, rows.n_classes, int(self.y.max(initial=0)) + 1)
        self._cells = self.rows.blocks.of_row * self.n_classes + self.y
        self._last: tuple[Array, Array, Array | None] | None = None

    def counts(self, y_pred: Array) -> Array:
        """Right, true and predicted rows of each class, shape (n_blocks, 3, K)."""
        return self._counted(y_pred)[1]

    def squared_distances(self, y_pred: Array) -> Array:
        """Squared differences of class codes, summed over the rows of each block."""
        missed = self._counted(y_pred)[2]
        if missed is None:
            p = np.asarray(y_pred, dtype=np.intp)
            missed = np.zeros(self.rows.blocks.n_blocks)
            for part in chunks(len(p)):
                distance = np.square(self.y[part] - p[part])
                missed += np.bincount(self.rows.blocks.of_row[part], distance, self.rows.blocks.n_blocks)
        return missed

    def _counted(self, y_pred: Array) -> tuple[Array, Array, Array | None]:
        if self._last is None or self._last[0] is not y_pred:
            p = np.asarray(y_pred, dtype=np.intp)
            found = self._whole(p) if self.n_classes <= _SMALL else (self._margins(p), None)
            self._last = (y_pred, *found)
        return self._last

    def _whole(self, p: Array) -> tuple[Array, Array]:
        k, n_blocks = self.n_classes, self.rows.blocks.n_blocks
        cells = np.zeros(n_blocks * k * k, dtype=np.int64)
        for part in chunks(len(p), max(CHUNK, 4 * len(cells))):
            cells += np.bincount(self._cells[part] * k + p[part], minlength=len(cells))
        both = cells.reshape(n_blocks, k, k)
        counts = [np.diagonal(both, axis1=1, axis2=2), both.sum(axis=2), both.sum(axis=1)]
        distances = np.square(np.subtract.outer(np.arange(k), np.arange(k))).ravel()
        return np.stack(counts, axis=1), (both.reshape(n_blocks, k * k) @ distances).astype(np.float64)

    def _margins(self, p: Array) -> Array:
        k, n_blocks = self.n_classes, self.rows.blocks.n_blocks
        hits = np.bincount(self._cells[self.y == p], minlength=n_blocks * k)
        true = np.bincount(self._cells, minlength=n_blocks * k)
        predicted = np.bincount(self.rows.blocks.of_row * k + p, minlength=n_blocks * k)
        return np.stack([part.reshape(n_blocks, k) for part in (hits, true, predicted)], axis=1)


@dataclass(frozen=True, eq=False)
class Counts:
    """Right, true and predicted rows of each class, shape (m, K) each."""

    hits: Array
    true: Array
    predicted: Array
    seen: Array
    """Which classes the whole has: one that a resample lacks stays in a macro average, as 0."""


Formula = Callable[[Counts], Array]


def _share(part: Array, whole: Array) -> Array:
    return np.asarray(part / np.where(whole > 0, whole, 1.0))


def _precisions(c: Counts) -> Array:
    return _share(c.hits, c.predicted)


def _recalls(c: Counts) -> Array:
    return _share(c.hits, c.true)


def _f1s(c: Counts) -> Array:
    return _share(2.0 * c.hits, c.true + c.predicted)


def _jaccards(c: Counts) -> Array:
    return _share(c.hits, c.true + c.predicted - c.hits)


def _macro(shares: Formula) -> Formula:
    return lambda c: np.asarray(shares(c)[:, c.seen].mean(axis=1))


def _positive(shares: Formula) -> Formula:
    return lambda c: shares(c)[:, 1]


def _balanced_accuracy(c: Counts) -> Array:
    true = c.true > 0
    return np.asarray((_recalls(c) * true).sum(axis=1) / true.sum(axis=1))


def _f1_weighted(c: Counts) -> Array:
    return np.asarray((_f1s(c) * c.true).sum(axis=1) / c.true.sum(axis=1))


def _mcc(c: Counts) -> Array:
    n = c.true.sum(axis=1)
    beyond = n * c.hits.sum(axis=1) - (c.true * c.predicted).sum(axis=1)
    spread = (n * n - np.square(c.true).sum(axis=1)) * (n * n - np.square(c.predicted).sum(axis=1))
    return np.where(spread > 0.0, np.clip(beyond / np.sqrt(np.where(spread > 0, spread, 1.0)), -1, 1), 0.0)


def _kappa(c: Counts) -> Array:
    n, chance = c.true.sum(axis=1), (c.true * c.predicted).sum(axis=1)
    one_class = np.square(c.true).sum(axis=1) == n * n
    return np.where(one_class, np.nan, (n * c.hits.sum(axis=1) - chance) / (n * n - chance))


FORMULAS: dict[str, Formula] = {
    "balanced_accuracy": _balanced_accuracy,
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
    """Tables of counts, shape (n_blocks, 3 K)."""
    formula = FORMULAS[name]
    are_independent = confusion.rows.groups is None

    def share_of(hits: float, true: float, predicted: float) -> Share | None:
        # Precision, recall and Jaccard's index are shares of rows; f1 is a function of the last.
        n_rows = {"precision": predicted, "recall": true, "jaccard": true + predicted - hits}
        if name == "f1":
            return Share(
                n_rows["jaccard"], lambda f: f / (2.0 - f), lambda j: 2.0 * j / (1.0 + j), are_independent
            )
        return Share(n_rows[name], are_independent=are_independent) if name in n_rows else None

    def reduce(y_pred: Array) -> Table:
        counts = confusion.counts(y_pred).astype(np.float64)
        hits, true, predicted = counts.sum(axis=0)
        n_events = float(true[true > 0].min(initial=np.inf))
        n_blocks, _, k = counts.shape
        columns, from_sums = counts.reshape(n_blocks, 3 * k), _on_columns(formula, true + predicted > 0)
        return Table(columns, from_sums, n_events, share=share_of(hits[1], true[1], predicted[1]))

    return reduce


def _on_columns(formula: Formula, seen: Array) -> FromSums:
    k = len(seen)
    return lambda totals: formula(Counts(totals[:, :k], totals[:, k : 2 * k], totals[:, 2 * k :], seen))


def accuracy(rows: Rows) -> Reducer:
    """Tables (rows that are right, rows)."""
    return lambda y_pred: Table(
        np.column_stack([rows.blocks.sums(rows.y_true == y_pred), rows.blocks.sizes]),
        lambda t: t[:, 0] / t[:, 1],
    )


def quadratic_weighted_kappa(confusion: Confusion) -> Reducer:
    """Tables of the moments of class codes: rows, sums, sums of squares, squared differences."""

    def reduce(y_pred: Array) -> Table:
        _, true, predicted = np.moveaxis(confusion.counts(y_pred), 1, 0).astype(np.float64)
        codes = np.arange(true.shape[1], dtype=np.float64)
        columns = [true.sum(axis=1), true @ codes, predicted @ codes]
        columns += [true @ codes**2 + predicted @ codes**2, confusion.squared_distances(y_pred)]
        return Table(np.column_stack(columns), _qwk)

    return reduce


def _qwk(totals: Array) -> Array:
    n, y, p, squares, missed = totals.T
    expected = n * squares - 2.0 * y * p
    return np.where(expected > 0.0, (expected - n * missed) / np.where(expected > 0, expected, 1.0), np.nan)
