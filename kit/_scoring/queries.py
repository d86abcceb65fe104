"""Tables of metrics that are means over queries (ndcg, map): a query is one unit, and stays in one block."""

from __future__ import annotations

import numpy as np

from kit._scoring.table import Reducer, Rows, Table
from kit.metrics import Array
from kit.metrics._ranking import Ranked, discounted_gains, precision_sums, queries_of, rank


def ndcg(rows: Rows, *, k: int | None = None) -> Reducer:
    """Tables (sum over queries of their ndcg, queries with a relevant row)."""
    queries = _Queries(rows)
    gains = np.asarray(rows.y_true, dtype=np.float64)
    best = discounted_gains(gains, queries.rank(gains), k)
    if gains.min(initial=0.0) < 0.0:
        best[:] = 0.0

    def reduce(y_pred: Array) -> Table:
        return queries.table(discounted_gains(gains, queries.rank(y_pred), k), best)

    return reduce


def mean_average_precision(rows: Rows, *, k: int | None = None) -> Reducer:
    """Tables (sum over queries of their average precision, queries with a relevant row)."""
    queries = _Queries(rows)
    return lambda y_pred: queries.table(*precision_sums(rows.y_true, queries.rank(y_pred), k))


class _Queries:
    def __init__(self, rows: Rows) -> None:
        self.queries = queries_of(rows.groups, len(rows.y_true))
        self.n_blocks = rows.blocks.n_blocks
        by_query, first = self.queries.by_query, self.queries.starts
        self.block = rows.blocks.of_row[first if by_query is None else by_query[first]]

    def rank(self, y_pred: Array) -> Ranked:
        return rank(y_pred, self.queries)

    def table(self, found: Array, possible: Array) -> Table:
        block, share = self.block[possible > 0], found[possible > 0] / possible[possible > 0]
        sums = np.bincount(block, share, self.n_blocks)
        counts = np.bincount(block, minlength=self.n_blocks)
        return Table(np.column_stack([sums, counts]), lambda t: t[:, 0] / t[:, 1])
