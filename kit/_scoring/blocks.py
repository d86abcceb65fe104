"""Blocks: the rows of a split dealt at random into few parts, once, and resampling weights of these parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kit.metrics import Array

N_BLOCKS = 1024
N_RESAMPLES = 1000
CHUNK = 1 << 16
"""Rows worked on at once, so that intermediate arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which block each row is in. Secret: with blocks and influences one could read off the truth.

    Parameters
    ----------
    of_row : ndarray of int, shape (n,)
        Block numbers 0..n_blocks-1; no block is empty.
    """

    of_row: Array
    n_blocks: int
    seed: int
    n_resamples: int = N_RESAMPLES

    @cached_property
    def sizes(self) -> Array:
        """Rows per block, shape (n_blocks,)."""
        return np.bincount(self.of_row, minlength=self.n_blocks).astype(np.float64)

    @cached_property
    def weights(self) -> Array:
        """How often each resample draws each block, float32 of shape (n_resamples, n_blocks).

        Made once and used for every submission: resampled scores of two submissions are then paired.
        """
        rng = np.random.default_rng([self.seed, 1])
        drawn = rng.integers(0, self.n_blocks, (self.n_resamples, self.n_blocks))
        drawn += self.n_blocks * np.arange(self.n_resamples)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=drawn.size)
        return counts.reshape(drawn.shape).astype(np.float32)

    def sums(self, values: Array) -> Array:
        """Sums by block of values of shape (n,)."""
        sums = np.zeros(self.n_blocks)
        for part in chunks(len(values)):
            sums += np.bincount(self.of_row[part], values[part], self.n_blocks)
        return sums

    def merged(self, n_blocks: int) -> Blocks:
        """The same rows in at most ``n_blocks`` blocks, each made of whole blocks of these."""
        if n_blocks >= self.n_blocks:
            return self
        return Blocks(self.of_row % n_blocks, n_blocks, self.seed, self.n_resamples)


def deal(n_rows: int, groups: Array | None = None, *, seed: int, n_blocks: int = N_BLOCKS) -> Blocks:
    """Deal rows, or whole groups of rows, at random into blocks of equally many.

    Parameters
    ----------
    groups : ndarray of shape (n_rows,), optional
        Rows of one group (a patient, a query) are not independent and stay in one block.
    seed : int
        Secret; the same for all submissions to one version of a question.

    Examples
    --------
    >>> deal(6, np.array([7, 7, 8, 8, 9, 9]), seed=1, n_blocks=3).sizes
    array([2., 2., 2.])
    """
    units = None if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = n_rows if units is None else int(units.max(initial=-1)) + 1
    dealt = np.random.default_rng([seed, 0]).permutation(n_units) % max(1, min(n_units, n_blocks))
    of_row = dealt if units is None else dealt[units]
    return Blocks(of_row.astype(np.intp), max(1, min(n_units, n_blocks)), seed)


def chunks(n: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that cover n rows."""
    return (slice(start, start + size) for start in range(0, n, size))
