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

    most: int
    sort: Callable[[Array, float, float, Array, Array, int], bool]
    sum_placements: Callable[[Array, float, float, Array, int, Array, int], bool]


_compiled: list[Kernel] = []


def compile_sorting() -> bool:
    """Compile the passes for this process; whether they are there, which takes numba."""
    if _compiled:
        return True
    try:
        from kit._scoring import kernel
    except ImportError:
        return False
    one = np.zeros(1)
    kernel.sort(one, 0.0, 1.0, np.empty(1, np.int64), np.empty(1), 0)
    kernel.sum_placements(one, 0.0, 1.0, np.zeros(1, np.uint16), 0, np.zeros(2), 0)
    _compiled.append(Kernel(kernel.MOST, kernel.sort, kernel.sum_placements))
    return True


def ascending(values: Array) -> tuple[Array, Array]:
    """Row numbers by rising value, and the values in that order; ties in any order."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    if (scaling := _scaling(values)) is not None:
        order, ranked = np.empty(len(values), np.int64), np.empty(len(values))
        if _compiled[0].sort(values, *scaling, order, ranked, len(values)):
            return order, ranked
    return _ascending(values)


def sums_of_placements(y_pred: Array, cells: Array, n_cells: int) -> Array:
    """Negatives below each positive and positives above each negative, added up by cell; ties count half.

    Parameters
    ----------
    cells : ndarray of uint16, shape (n,)
        Of each row; those of positives are the upper half.
    """
    y_pred = np.ascontiguousarray(y_pred, dtype=np.float64)
    if (scaling := _scaling(y_pred)) is not None:
        sums, n_positive = np.zeros(n_cells), int(np.count_nonzero(cells >= n_cells // 2))
        if _compiled[0].sum_placements(y_pred, *scaling, cells, n_positive, sums, len(y_pred)):
            return sums
    order, ranked = _ascending(y_pred)
    ranked_cells = cells[order]
    return np.bincount(ranked_cells, _placements(ranked_cells >= n_cells // 2, ranked), n_cells)


def _scaling(values: Array) -> tuple[float, float] | None:
    """From where and by how much the compiled passes scale values; None where they do not take them."""
    if not _compiled or not FEW <= len(values) < MOST_ROWS:
        return None
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", divide="ignore"):
        scale = float(np.float64(_compiled[0].most) / (np.float64(high) - low))
    return (low, scale) if 0.0 < scale < np.inf else None


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
