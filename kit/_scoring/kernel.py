"""A radix sort and sums over what it sorted, compiled. Importing it takes a third of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from kit.metrics import Array

# A compiled function sees machine words: U(1), not 1, or numba makes floats of them.
U: Any = np.uint64
INT: Any = np.int64
DIGIT_BITS, N_DIGITS = 12, 4096
MASK, ROW_BITS, ROW_MASK = U(N_DIGITS - 1), U(32), U(0xFFFFFFFF)
HIGH_DIGIT = U(32 + DIGIT_BITS)
MOST = N_DIGITS * N_DIGITS - 1


@njit(nogil=True)
def _sorted_words(values: Array, low: float, scale: float, most_shifts: int) -> Array:
    """By rising value, its scaled key (high half) and its row (low half); none where that takes too long.

    Keys are sorted digit by digit; rows of one key, which are few where values are spread, by their
    values. Digits are masked, so no place is out of bounds whatever a value.
    """
    n = len(values)
    words, others = np.empty(n, np.uint64), np.empty(n, np.uint64)
    low_starts, high_starts = np.zeros(N_DIGITS, np.int64), np.zeros(N_DIGITS, np.int64)
    for row in range(n):
        key = U(min((values[row] - low) * scale, MOST))
        low_starts[key & MASK] += 1
        high_starts[(key >> U(DIGIT_BITS)) & MASK] += 1
        words[row] = (key << ROW_BITS) | U(row)
    _place(words, others, _starts(low_starts), ROW_BITS)
    _place(others, words, _starts(high_starts), HIGH_DIGIT)
    for place in range(1, n):
        if words[place] >> ROW_BITS != words[place - 1] >> ROW_BITS:
            continue
        word, at = words[place], place
        value = values[word & ROW_MASK]
        while at > 0 and words[at - 1] >> ROW_BITS == word >> ROW_BITS:
            if values[words[at - 1] & ROW_MASK] <= value:
                break
            words[at] = words[at - 1]
            at -= 1
        words[at] = word
        most_shifts -= place - at
        if most_shifts < 0:
            return others[:0]
    return words


@njit(nogil=True)
def _starts(counts: Array) -> Array:
    n_before = 0
    for cell in range(N_DIGITS):
        n_here, counts[cell] = counts[cell], n_before
        n_before += n_here
    return counts


@njit(nogil=True)
def _place(words: Array, to: Array, free: Array, shift: Any) -> None:
    for word in words:
        cell = (word >> shift) & MASK
        to[free[cell]] = word
        free[cell] += 1


@njit(nogil=True)
def sort(values: Array, low: float, scale: float, order: Array, ranked: Array, most_shifts: int) -> bool:
    """Row numbers by rising value, and the values in that order; False where it would take too long.

    Parameters
    ----------
    low, scale : float
        ``(values - low) * scale`` are from 0 to `MOST`.
    most_shifts : int
        So often at most are rows that share a key moved by one place.
    """
    words = _sorted_words(values, low, scale, most_shifts)
    for place in range(len(words)):
        row = words[place] & ROW_MASK
        order[place], ranked[place] = row, values[row]
    return len(words) == len(values)


@njit(nogil=True)
def sum_placements(
    values: Array, low: float, scale: float, cells: Array, n_positive: int, sums: Array, most_shifts: int
) -> bool:
    """Add up, by cell, negatives below each positive and positives above each negative, ties counting half.

    Parameters
    ----------
    cells : ndarray of uint16, shape (n,)
        Of each row; those of positives are the upper half.
    sums : ndarray of shape (n_cells,)
    """
    words = _sorted_words(values, low, scale, most_shifts)
    n, half, place = len(words), len(sums) // 2, 0
    n_negative_below, n_positive_above = 0, n_positive
    while place < n:
        end, n_hits = place + 1, INT(cells[words[place] & ROW_MASK] >= half)
        while end < n and words[end] >> ROW_BITS == words[place] >> ROW_BITS:
            if values[words[end] & ROW_MASK] != values[words[place] & ROW_MASK]:
                break
            n_hits += INT(cells[words[end] & ROW_MASK] >= half)
            end += 1
        n_missed = end - place - n_hits
        of_positive, of_negative = n_negative_below + 0.5 * n_missed, n_positive_above - 0.5 * n_hits
        for at in range(place, end):
            cell = cells[words[at] & ROW_MASK]
            sums[cell] += of_positive if cell >= half else of_negative
        n_negative_below += n_missed
        n_positive_above -= n_hits
        place = end
    return n == len(values)
