"""A radix sort and sums over what it sorted, compiled. Importing it takes a third of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from kit.metrics import Array

# A compiled function sees machine words: U(1), not 1, or numba makes floats of them.
U: Any = np.uint64
INT: Any = np.int64
DIGIT_BITS, N_DIGITS, N_PASSES = 11, 2048, 3
MASK, ROW_BITS, ROW_MASK = U(2047), U(32), U(0xFFFFFFFF)
MOST = 4294967295.0


@njit(nogil=True)
def sort(values: Array, low: float, scale: float, order: Array, ranked: Array, most_shifts: int) -> bool:
    """Row numbers by rising value and the values in that order; whether few shifts settled close values.

    Values scaled to 32 bits are sorted with their rows beside them, 11 bits at a time; what 32 bits could not
    tell apart is shifted to its place. All digits are masked, so no place is out of bounds whatever a value.
    """
    n = len(values)
    words, others = np.empty(n, np.uint64), np.empty(n, np.uint64)
    starts = np.zeros((N_PASSES, N_DIGITS), np.int64)
    for row in range(n):
        key = U(min((values[row] - low) * scale, MOST)) & ROW_MASK
        for digit in range(N_PASSES):
            starts[digit, (key >> U(DIGIT_BITS * digit)) & MASK] += 1
        words[row] = (key << ROW_BITS) | U(row)
    for digit in range(N_PASSES):
        n_before = 0
        for cell in range(N_DIGITS):
            n_here, starts[digit, cell] = starts[digit, cell], n_before
            n_before += n_here
    for digit in range(N_PASSES):
        free, shift = starts[digit], U(32 + DIGIT_BITS * digit)
        for word in words:
            cell = (word >> shift) & MASK
            others[free[cell]] = word
            free[cell] += 1
        words, others = others, words
    for place in range(n):
        row = INT(words[place] & ROW_MASK)
        value, at = values[row], place
        while at > 0 and ranked[at - 1] > value:
            ranked[at], order[at] = ranked[at - 1], order[at - 1]
            at -= 1
        most_shifts -= place - at
        if most_shifts < 0:
            return False
        ranked[at], order[at] = value, row
    return True


@njit(nogil=True, boundscheck=True)
def sum_placements(order: Array, ranked: Array, cells: Array, n_positive: int, sums: Array) -> None:
    """Add up, by cell, negatives below each positive and positives above each negative, ties counting half.

    Parameters
    ----------
    order, ranked : ndarray
        As `sort` gives them.
    cells : ndarray of int, shape (n,)
        Of each row; those of positives are the upper half.
    sums : ndarray of shape (n_cells,)
    """
    n, half, place = len(order), len(sums) // 2, 0
    n_negative_below, n_positive_above = 0, n_positive
    while place < n:
        end, n_hits = place, 0
        while end < n and ranked[end] == ranked[place]:
            n_hits += cells[order[end]] >= half
            end += 1
        n_missed = end - place - n_hits
        of_positive = n_negative_below + 0.5 * n_missed
        of_negative = n_positive_above - 0.5 * n_hits
        for at in range(place, end):
            cell = cells[order[at]]
            sums[cell] += of_positive if cell >= half else of_negative
        n_negative_below += n_missed
        n_positive_above -= n_hits
        place = end
