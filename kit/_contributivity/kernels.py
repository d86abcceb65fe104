"""Compiled counting of pairs in order, for the area under the ROC curve. Importing it takes half a second."""

from __future__ import annotations

import numpy as np
from numba import njit

from kit.metrics import Array


@njit(nogil=True)
def count_pairs(
    total: Array,
    members: Array,
    lows: Array,
    highs: Array,
    n_positive: int,
    n_members: float,
    n_buckets: int,
) -> tuple[Array, Array]:
    """In how many pairs the positive is above, at least and at most, with each candidate added to the rest.

    What the pairs in one bucket of the range are is left open.

    Parameters
    ----------
    total : ndarray of shape (n_rows,)
        Sum of the rest; positives first.
    members : ndarray of shape (n_candidates, n_rows)
    lows, highs : ndarray of shape (n_candidates,)
        The range of each.
    """
    n = len(total)
    at_least = np.empty(len(members), dtype=np.int64)
    at_most = np.empty(len(members), dtype=np.int64)
    buckets, cells = np.empty(n, dtype=np.int32), np.empty(n_buckets, dtype=np.int64)
    positive = np.int64(1) << 32  # both counts in one number
    lowest, highest = total.min(), total.max()
    for i in range(len(members)):
        low = (lowest + lows[i]) / n_members
        width = (highest + highs[i]) / n_members - low
        scale = (n_buckets - 1) / width if width > 0.0 else 0.0
        scale = scale if scale < np.inf and width < np.inf else 0.0
        for row in range(n):
            buckets[row] = np.int32(((total[row] + members[i, row]) / n_members - low) * scale)
        cells[:] = 0
        for row in range(n_positive):
            cells[buckets[row]] += positive
        for row in range(n_positive, n):
            cells[buckets[row]] += 1
        sure, unsure, n_below = np.int64(0), np.int64(0), np.int64(0)
        for cell in cells:
            n_negative = cell & (positive - 1)
            sure += (cell >> 32) * n_below
            unsure += (cell >> 32) * n_negative
            n_below += n_negative
        at_least[i], at_most[i] = sure, sure + unsure
    return at_least, at_most
