"""Tables of AUC and average precision.

Neither is a sum over rows, but each is smooth: a row's share in the derivative (its influence) is found in
the pass that finds the score, and shares add up to the score exactly.
"""

from __future__ import annotations

import numpy as np

from kit._scoring.order import ascending, run_starts, sums_of_placements
from kit._scoring.table import Reducer, Rows, Table, mean_of
from kit.metrics import Array


def roc_auc(rows: Rows) -> Reducer:
    """Tables of DeLong's placements, summed over positives and over negatives, with their numbers.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), 837-845; for clusters Obuchowski,
    Biometrics 53 (1997), 567-578. By one sort: Sun and Xu, IEEE Signal Processing Letters 21 (2014).
    """
    y, n_classes = np.asarray(rows.y_true), max(2, rows.n_classes, int(np.max(rows.y_true, initial=0)) + 1)
    binary = _against_rest(y == 1, rows)
    each: list[Reducer] = []

    def reduce(y_pred: Array) -> Table:
        if y_pred.ndim == 1:
            return binary(y_pred)
        if not each:
            each.extend(_against_rest(y == code, rows) for code in range(max(n_classes, y_pred.shape[1])))
        return mean_of([each[code](y_pred[:, code]) for code in range(y_pred.shape[1])])

    return reduce


def _against_rest(positive: Array, rows: Rows) -> Reducer:
    n_blocks = rows.blocks.n_blocks
    cells = (rows.blocks.of_row + n_blocks * positive).astype(np.uint16)
    counts = np.bincount(cells, minlength=2 * n_blocks).astype(np.float64)
    counts = counts.reshape(2, n_blocks)
    n_negative, n_positive = counts.sum(axis=1)

    def reduce(y_pred: Array) -> Table:
        below, above = sums_of_placements(y_pred, cells, 2 * n_blocks).reshape(2, n_blocks)[::-1]
        n_above = float(below.sum())

        def from_sums(t: Array) -> Array:
            # Both ways of counting pairs, each over the other class as it is in the whole.
            of_positives = t[:, 0] / (t[:, 1] * n_negative)
            of_negatives = t[:, 2] / (t[:, 3] * n_positive)
            return np.asarray(of_positives + of_negatives - n_above / (n_positive * n_negative))

        columns = np.column_stack([below, counts[1], above, counts[0]])
        return Table(columns, from_sums, min(n_positive, n_negative))

    return reduce


def average_precision(rows: Rows) -> Reducer:
    """Tables (sum of shares, positives): the score is the ratio of their totals.

    The sum over positives i of precision(i) = TP(i) / N(i), as a function of the rows' weights, is
    homogeneous of degree 1; so by Euler's theorem its derivatives by the weights (the influences)
    add up to it. Row j adds to TP(i) and N(i) for every positive i at or below it.
    """
    positive = np.asarray(rows.y_true) == 1
    n_positive = rows.blocks.sums(positive.astype(np.float64))
    n_events = float(min(positive.sum(), len(positive) - positive.sum()))

    def reduce(y_pred: Array) -> Table:
        order, ranked = ascending(y_pred)
        n, hit = len(order), positive[order]
        starts = run_starts(ranked)
        is_tied = len(starts) < n
        sizes = np.diff(starts, append=n) if is_tied else np.array(1)
        hits = np.add.reduceat(hit, starts, dtype=np.float64) if is_tied else hit.astype(np.float64)
        # Rows with equal predictions enter at once: counts at and above each run of them.
        tp = hits[::-1].cumsum()[::-1]
        inverse = 1.0 / (n - starts)
        precision = tp * inverse
        hits *= inverse
        of_positive = precision + hits.cumsum()
        hits *= precision
        shares = -np.repeat(hits.cumsum(), sizes)
        shares[hit] += np.repeat(of_positive, sizes)[hit]
        sums = np.bincount(rows.blocks.of_row[order], shares, rows.blocks.n_blocks)
        return Table(np.column_stack([sums, n_positive]), lambda t: t[:, 0] / t[:, 1], n_events)

    return reduce
