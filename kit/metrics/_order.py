"""Sorting, exactly and faster than numpy where rows are many."""

from __future__ import annotations

import numpy as np

from kit.metrics._metric import Array

_FEW = 1 << 14
_MANY_IN_ONE = 1 << 12


def ascending(values: Array) -> tuple[Array, Array]:
    """Row numbers by rising value, and the values in that order; ties in any order.

    Values are scaled to 32 bits, sorted by two passes of a radix sort of 16 bits, and what 32 bits
    could not tell apart is sorted again: every step is monotone, so the result is exact.
    """
    values = np.asarray(values, dtype=np.float64)
    keys = _scaled(values, 32) if len(values) >= _FEW else None
    if keys is None:
        order = np.argsort(values, kind="stable")
        return order, values[order]
    order = by_integer(keys)
    ranked = values[order]
    if np.any(ranked[1:] < ranked[:-1]):
        _sort_ties(order, ranked, keys[order])
    return order, ranked


def ascending_within(codes: Array, values: Array) -> Array:
    """Row numbers by code, then by rising value; ties in any order.

    Parameters
    ----------
    codes : ndarray of int64
        From 0 up to 2**32 - 1.
    """
    n_each = len(codes) / (int(codes.max(initial=0)) + 1)
    keys = _scaled(values, 16) if len(codes) >= _FEW and n_each < _MANY_IN_ONE else None
    if keys is None:
        order, _ = ascending(values)
        return np.asarray(order[by_integer(codes[order])])
    # Few rows of one code are alike in 16 bits: these are sorted again.
    order = np.argsort(keys, kind="stable")
    order = order[by_integer(codes[order])]
    codes, values, keys = codes[order], values[order], keys[order]
    is_same = codes[1:] == codes[:-1]
    if np.any(is_same & (values[1:] < values[:-1])):
        unclear = _members(is_same & (keys[1:] == keys[:-1]))
        order[unclear] = order[unclear][np.lexsort((values[unclear], codes[unclear]))]
    return np.asarray(order)


def by_integer(keys: Array) -> Array:
    """A stable argsort of integers from 0 up to 2**32 - 1."""
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    if int(keys.max(initial=0)) < 1 << 16:
        return order
    high = (keys >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")]


def run_starts(ranked: Array) -> Array:
    """Where runs of equal values start, in a sorted array."""
    return np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))


def _sort_ties(order: Array, ranked: Array, keys: Array) -> None:
    same = keys[1:] == keys[:-1]
    unclear = _members(same)
    # Keys keep runs apart, so that one sort of all their values puts each value into its own run.
    again = np.argsort(ranked[unclear], kind="stable")
    order[unclear], ranked[unclear] = order[unclear][again], ranked[unclear][again]


def _members(is_as_next: Array) -> Array:
    """Rows that are like the row before or after them."""
    return np.flatnonzero(np.append(False, is_as_next) | np.append(is_as_next, False))


def _scaled(values: Array, n_bits: int) -> Array | None:
    """Values as integers of so many bits, never falling where they rise; None where they have no spread."""
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", divide="ignore"):
        scale = np.float64(2**n_bits - 1) / (np.float64(high) - low)
    if not 0.0 < scale < np.inf:
        return None
    keys = np.minimum((values - low) * scale, 2.0**n_bits - 1)
    return keys.astype(np.uint16 if n_bits == 16 else np.uint32)
