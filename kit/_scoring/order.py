"""Sorting, as the metrics sort; where rows are many, in half the time by compiled passes.

Compiling takes more than a second, so only a worker does it, and only when a large file comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kit.metrics import Array
from kit.metrics._order import ascending as _ascending
from kit.metrics._order import by_integer, run_starts

__all__ = ["ascending", "by_integer", "compile_sorting", "run_starts", "sums_of_placements"]

FEW = 1 << 14
MOST_ROWS = 1 << 32


class Kernel(NamedTuple):
    """The compiled passes."""

    sort: Callable[[Array, float, float, Array, Array, int], bool]
    sum_placements: Callable[[Array, Array, Array, int, Array], None]


_compiled: list[Kernel] = []


def compile_sorting() -> bool:
    """Compile the passes for this process; whether they are there, which takes numba."""
    if _compiled:
        return True
    try:
        from kit._scoring import kernel
    except ImportError:
        return False
    order, ranked = np.zeros(1, np.int64), np.zeros(1)
    kernel.sort(np.zeros(1), 0.0, 1.0, order, ranked, 0)
    kernel.sum_placements(order, ranked, np.zeros(1, np.int32), 0, np.zeros(2))
    _compiled.append(Kernel(kernel.sort, kernel.sum_placements))
    return True


def ascending(values: Array) -> tuple[Array, Array]:
    """Row numbers by rising value, and the values in that order; ties in any order."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    if not _compiled or not FEW <= len(values) < MOST_ROWS:
        return _ascending(values)
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", divide="ignore"):
        scale = float(np.float64(MOST_ROWS - 1) / (np.float64(high) - low))
    order, ranked = np.empty(len(values), np.int64), np.empty(len(values))
    # Where values crowd together, shifting them one by one would take too long.
    if 0.0 < scale < np.inf and _compiled[0].sort(values, low, scale, order, ranked, len(values)):
        return order, ranked
    return _ascending(values)


def sums_of_placements(y_pred: Array, cells: Array, n_cells: int) -> Array:
    """Negatives below each positive and positives above each negative, added up by cell; ties count half.

    Parameters
    ----------
    cells : ndarray of int32, shape (n,)
        Of each row; those of positives are the upper half.
    """
    order, ranked = ascending(y_pred)
    if not _compiled:
        ranked_cells = cells[order]
        return np.bincount(ranked_cells, _placements(ranked_cells >= n_cells // 2, ranked), n_cells)
    sums = np.zeros(n_cells)
    n_positive = int(np.count_nonzero(cells >= n_cells // 2))
    _compiled[0].sum_placements(order, ranked, cells, n_positive, sums)
    return sums


def _placements(positive: Array, ranked: Array) -> Array:
    """Negatives below each positive, and positives above each negative, ties counting half."""
    n = len(ranked)
    is_negative = (~positive).astype(np.float64)
    upto = is_negative.cumsum()  # negatives up to and with this row
    starts = run_starts(ranked)
    if len(starts) < n:
        last = np.append(starts[1:], n) - 1
        sizes = last + 1 - starts
        # The mean of those before the run and those up to its end: ties count half.
        before = np.append(0.0, upto[last[:-1]])
        negatives = np.repeat((before + upto[last]) / 2, sizes)
        above = upto[-1] + (starts + last + 1) / 2 - n
        positives = negatives - np.repeat(above, sizes)
        return np.where(positive, negatives, positives)
    # Of a negative: positives above it = (n - n_negative) - (rows up to it - negatives up to it).
    upto += is_negative * np.arange(n - 1 - upto[-1], -1 - upto[-1], -1.0) if n else 0.0
    return np.asarray(upto)
