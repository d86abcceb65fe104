"""Table of the median absolute error."""

from __future__ import annotations

import numpy as np

from kit._scoring.table import Reducer, Rows, Table
from kit.metrics import Array

_REACH = 6.0
"""Quantiles are kept this many standard errors of the share below the median to both sides."""


def medae(rows: Rows) -> Reducer:
    """Tables (rows with an error up to the median, rows), continued by the quantiles near the median.

    A resample in which a share s too many lies below the old median has its own median near the old
    quantile of 1/2 - s (Bahadur). So no density is estimated, and intervals of the share become
    intervals of the median as Woodruff does it.

    References
    ----------
    R. R. Bahadur, Annals of Mathematical Statistics 37 (1966), 577-580. R. S. Woodruff, Journal of
    the American Statistical Association 47 (1952), 635-646.
    """
    y, sizes = np.asarray(rows.y_true, dtype=np.float64), rows.blocks.sizes

    def reduce(y_pred: Array) -> Table:
        with np.errstate(over="ignore"):
            errors = np.minimum(np.abs(y_pred - y), np.finfo(np.float64).max)
        median = float(np.median(errors))
        # Half of those equal to the median count: where many are, they are on both sides of it.
        below = rows.blocks.sums((errors < median) + 0.5 * (errors == median))
        share = below.sum() / len(y)
        spread = np.sqrt(np.square(below - share * sizes).sum()) / len(y)
        at, quantiles = _near(errors, median, _REACH * spread + 2.0 / len(y))
        return Table(
            np.column_stack([below, sizes]),
            lambda t: share - t[:, 0] / t[:, 1],
            link=lambda shares: np.interp(shares, at, quantiles),
        )

    return reduce


def _near(errors: Array, median: float, reach: float) -> tuple[Array, Array]:
    """Quantiles from 1/2 - reach to 1/2 + reach, by their distance from 1/2; the median at 0."""
    n = len(errors)
    first, last = (int(np.clip((0.5 + side * reach) * n, 0, n - 1)) for side in (-1, 1))
    window = np.sort(np.partition(errors, (first, last))[first : last + 1])
    picked = np.unique(np.linspace(0, len(window) - 1, 257).astype(np.intp))
    at = (first + picked + 0.5) / n - 0.5
    beside = np.abs(at) > 0.25 / n
    at, values = np.append(at[beside], 0.0), np.append(window[picked][beside], median)
    order = np.argsort(at, kind="stable")
    return at[order], np.maximum.accumulate(values[order])
