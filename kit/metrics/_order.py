"""Sorting, exactly and faster than numpy where rows are many."""

from __future__ import annotations

import numpy as np

from kit.metrics._metric import Array

_FEW = 1 << 14
_LONG = 1 << 12
_CELLS = 1 << 18


def ascending(values: Array) -> tuple[Array, Array]:
    """Row numbers by rising value, and the values in that order; ties in any order.

    Values are scaled to 32 bits, sorted by two passes of a radix sort of 16 bits, and what 32 bits
    could not tell apart is sorted again: every step is monotone, so the result is exact.
    """
    values = np.asarray(values, dtype=np.float64)
    keys = _scaled(values) if len(values) >= _FEW else None
    if keys is None:
        order = np.argsort(values, kind="stable")
        return order, values[order]
    order = by_integer(keys)
    ranked = values[order]
    if np.any(ranked[1:] < ranked[:-1]):
        _sort_ties(order, ranked, keys[order])
    return order, ranked


def ascending_in_runs(values: Array, starts: Array) -> Array:
    """Row numbers that sort each run of consecutive rows by rising value; ties in any order.

    Runs of about one length are sorted side by side, as the rows of a matrix, filled up at the end.

    Parameters
    ----------
    starts : ndarray of int
        Where runs start, rising from 0.
    """
    order = np.arange(len(values))
    sizes = np.diff(starts, append=len(values))
    is_long = sizes > _LONG
    for start, size in zip(starts[is_long].tolist(), sizes[is_long].tolist(), strict=True):
        order[start : start + size] = start + ascending(values[start : start + size])[0]
    widths = np.ceil(np.log2(np.maximum(sizes, 1)))
    for width in np.unique(widths[(sizes > 1) & ~is_long]).tolist():
        runs = np.flatnonzero(widths == width)
        step = max(1, _CELLS >> int(width))
        for few in (runs[i : i + step] for i in range(0, len(runs), step)):
            _sort_side_by_side(order, values, starts[few], sizes[few])
    return order


def _sort_side_by_side(order: Array, values: Array, starts: Array, sizes: Array) -> None:
    width, first, last = int(sizes.max()), int(starts[0]), int(starts[-1] + sizes[-1])
    if sizes.min() == width and len(starts) * width == last - first:
        side_by_side = values[first:last].reshape(-1, width)
        order[first:last] = (starts[:, None] + np.argsort(side_by_side, axis=1)).ravel()
        return
    at, is_in = starts[:, None] + np.arange(width), np.arange(width) < sizes[:, None]
    side_by_side = values.take(at, mode="clip")
    # The filling comes last; NaN does so after anything, but numpy sorts it slowly.
    side_by_side[~is_in] = np.inf if np.isfinite(side_by_side.max()) else np.nan
    order[at[is_in]] = (starts[:, None] + np.argsort(side_by_side, axis=1))[is_in]


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


def _scaled(values: Array) -> Array | None:
    """Values as integers of 32 bits, never falling where they rise; None where they have no spread."""
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", divide="ignore"):
        scale = np.float64(2**32 - 1) / (np.float64(high) - low)
    if not 0.0 < scale < np.inf:
        return None
    return np.minimum((values - low) * scale, 2.0**32 - 1).astype(np.uint32)
