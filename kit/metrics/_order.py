"""Sorting, exactly and faster than numpy where rows are many."""

from __future__ import annotations

import numpy as np

from kit.metrics._metric import Array

_FEW = 1 << 14


def ascending(values: Array) -> tuple[Array, Array]:
    """Row numbers by rising value, and the values in that order; ties in any order.

    Values are scaled to 32 bits, sorted by two passes of a radix sort of 16 bits, and what 32 bits
    could not tell apart is sorted again: every step is monotone, so the result is exact.
    """
    values = np.asarray(values, dtype=np.float64)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    with np.errstate(over="ignore", divide="ignore"):
        scale = np.float64(2**32 - 1) / (np.float64(high) - low)
    if len(values) < _FEW or not 0.0 < scale < np.inf:
        order = np.argsort(values, kind="stable")
        return order, values[order]
    keys = np.minimum((values - low) * scale, 2.0**32 - 1).astype(np.uint32)
    order = by_integer(keys)
    ranked = values[order]
    if np.any(ranked[1:] < ranked[:-1]):
        _sort_ties(order, ranked, keys[order])
    return order, ranked


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
    unclear = np.flatnonzero(np.append(False, same) | np.append(same, False))
    # Keys keep runs apart, so that one sort of all their values puts each value into its own run.
    again = np.argsort(ranked[unclear], kind="stable")
    order[unclear], ranked[unclear] = order[unclear][again], ranked[unclear][again]
