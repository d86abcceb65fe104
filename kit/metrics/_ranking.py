"""Metrics of order: within queries (ndcg, map) or over all comparable pairs (concordance index).

They see nothing but the order of the predictions. Ties are never broken by row order, which the
sender of a file does not choose and the truth may be sorted by: ndcg and map are means over all
orders of the tied rows, and a tied pair counts half in the concordance index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kit.metrics._metric import Array
from kit.metrics._order import ascending_in_runs, by_integer, run_starts


def ndcg(y_true: Array, y_pred: Array, groups: Array | None = None, k: int | None = None) -> float:
    """Normalized discounted cumulative gain of each query's top `k`, averaged over queries.

    Greater is better, from 0 to 1. The gain is the relevance itself (not ``2**relevance - 1``), the
    discount ``1 / log2(1 + rank)``. Queries with no relevant row are left out, since no order of
    theirs is better than another (scikit-learn counts them 0). Undefined where none is left, or
    where a relevance is negative.

    Parameters
    ----------
    groups : ndarray of shape (n,), optional
        The query of each row; one query by default.
    k : int, optional
        Cut-off; none by default. ``ndcg@10`` sets it.

    References
    ----------
    .. [1] K. Järvelin, J. Kekäläinen, Cumulated gain-based evaluation of IR techniques,
       ACM Transactions on Information Systems 20 (2002), 422-446.
    .. [2] F. McSherry, M. Najork, Computing information retrieval performance measures efficiently in
       the presence of tied scores, ECIR 2008, 414-421. (ties)

    Examples
    --------
    >>> round(ndcg(np.array([0.0, 1.0, 2.0]), np.array([0.1, 0.9, 0.5])), 6)
    0.859719
    """
    if len(y_true) == 0 or np.min(y_true) < 0.0:
        return float("nan")
    gains = np.asarray(y_true, dtype=np.float64)
    queries = queries_of(groups, len(gains))
    best = discounted_gains(gains, rank(gains, queries), k)
    relevant = best > 0.0
    if not relevant.any():
        return float("nan")
    reached = discounted_gains(gains, rank(y_pred, queries), k)
    return float((reached[relevant] / best[relevant]).mean())


def mean_average_precision(
    y_true: Array, y_pred: Array, groups: Array | None = None, k: int | None = None
) -> float:
    """Mean over queries of the average precision of each query's top `k`.

    Greater is better, from 0 to 1. A query's precisions at its relevant rows are summed over the top
    `k` and divided by ``min(k, number of relevant rows)``. Queries with no relevant row are left out;
    undefined where none is left.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        Relevant where above 0.
    groups : ndarray of shape (n,), optional
        The query of each row; one query by default.
    k : int, optional
        Cut-off; none by default. ``map@5`` sets it.

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan, H. Schütze, Introduction to Information Retrieval (2008), 8.4.
    .. [2] F. McSherry, M. Najork, Computing information retrieval performance measures efficiently in
       the presence of tied scores, ECIR 2008, 414-421. (ties)

    Examples
    --------
    >>> round(mean_average_precision(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.1])), 6)
    0.833333
    """
    if len(y_true) == 0:
        return float("nan")
    found, possible = precision_sums(y_true, rank(y_pred, queries_of(groups, len(y_true))), k)
    if not possible.any():
        return float("nan")
    return float((found[possible > 0] / possible[possible > 0]).mean())


def concordance_index(y_true: Array, y_pred: Array, events: Array | None = None) -> float:
    """Harrell's concordance index: how often the row predicted to be later is the later one.

    Greater is better, from 0 to 1; 0.5 for constant predictions. Predictions grow with the time to
    the event: send minus the risk of a risk model. A pair is comparable where it is known who came
    first: the earlier was observed, or both have one time and only one was observed (it came first).
    Pairs tied in the prediction count half. Undefined without a comparable pair. Takes
    O(n log n) by counting, bit by bit of the predictions' ranks.

    Parameters
    ----------
    y_true : ndarray of shape (n,)
        Time of the event, or of censoring.
    events : ndarray of shape (n,), optional
        1 where the event was observed, 0 where it was censored; all observed by default.

    References
    ----------
    .. [1] F. E. Harrell, K. L. Lee, D. B. Mark, Multivariable prognostic models, Statistics in
       Medicine 15 (1996), 361-387.

    Examples
    --------
    >>> concordance_index(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 3.0]), np.array([1, 0, 1]))
    1.0
    """
    if len(y_true) == 0:
        return float("nan")
    observed = np.ones(len(y_true), dtype=bool) if events is None else np.asarray(events) != 0
    ranks = np.unique(y_pred, return_inverse=True)[1]
    # Observed before censored, and rows observed at one time by falling rank: these are not
    # comparable, and in this order none of their pairs is counted as rising.
    order = np.lexsort((-ranks, ~observed, y_true))
    times, ranks, observed = y_true[order], ranks[order], observed[order].astype(np.int64)
    before = np.cumsum(observed) - observed
    n_earlier = np.where(observed == 1, before[np.searchsorted(times, times)], before)
    n_comparable = int(n_earlier.sum())
    if n_comparable == 0:
        return float("nan")
    n_twice = 2 * _count_rising(ranks, observed) + _count_tied(times, ranks, observed)
    return n_twice / (2 * n_comparable)


class Queries(NamedTuple):
    """Which rows are of one query; made once for a truth."""

    by_query: Array | None
    """Row numbers, by query; None where rows stand so."""
    starts: Array
    """Where queries start, in that order."""
    places: Array
    """0 for the first of its query, in that order."""


def queries_of(groups: Array | None, n: int) -> Queries:
    """Rows by query, queries in the order of their numbers; without groups all are one."""
    codes = np.zeros(n, dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    codes = codes - codes.min(initial=0)
    if codes.max(initial=0) >= 1 << 32:
        codes = np.unique(codes, return_inverse=True)[1]
    by_query = None if bool(np.all(codes[1:] >= codes[:-1])) else by_integer(codes)
    starts = run_starts(codes if by_query is None else codes[by_query])
    return Queries(by_query, starts, np.arange(n) - np.repeat(starts, np.diff(starts, append=n)))


class Ranked(NamedTuple):
    """Rows by query and falling prediction; a tie is a run of one query's rows with one prediction."""

    order: Array
    places: Array
    """0 for the first of its query, in the new order, as are the others."""
    query_starts: Array
    tie_starts: Array
    tie_sizes: Array


def rank(y_pred: Array, queries: Queries) -> Ranked:
    """Rank rows within their queries; the order of tied rows is of no consequence."""
    falling = -np.asarray(y_pred, dtype=np.float64)
    if queries.by_query is not None:
        falling = falling[queries.by_query]
    order = ascending_in_runs(falling, queries.starts)
    predicted = falling[order]
    new_tie = np.append(True, predicted[1:] != predicted[:-1])
    new_tie[queries.starts] = True
    tie_starts = np.flatnonzero(new_tie)
    tie_sizes = np.diff(tie_starts, append=len(order))
    order = order if queries.by_query is None else queries.by_query[order]
    return Ranked(order, queries.places, queries.starts, tie_starts, tie_sizes)


def discounted_gains(gains: Array, ranked: Ranked, k: int | None) -> Array:
    """Discounted cumulative gain of each query, in the order of the queries."""
    by_place = 1.0 / np.log2(np.arange(int(ranked.places.max(initial=0)) + 1) + 2.0)
    if k is not None:
        by_place[k:] = 0.0
    reached = gains[ranked.order]
    if len(ranked.tie_starts) < len(reached):
        tied_gains = np.add.reduceat(reached, ranked.tie_starts) / ranked.tie_sizes
        reached = np.repeat(tied_gains, ranked.tie_sizes)
    reached *= by_place[ranked.places]
    return np.asarray(np.add.reduceat(reached, ranked.query_starts))


def precision_sums(y_true: Array, ranked: Ranked, k: int | None) -> tuple[Array, Array]:
    """Sum of each query's precisions at its relevant rows, and the most it could be."""
    relevant = (y_true[ranked.order] > 0.0).astype(np.float64)
    n_relevant = np.add.reduceat(relevant, ranked.query_starts)
    precisions = _expected_precisions(relevant, ranked)
    if k is not None:
        precisions[ranked.places >= k] = 0.0
    found = np.add.reduceat(precisions, ranked.query_starts)
    return found, n_relevant if k is None else np.minimum(n_relevant, k)


def _expected_precisions(relevant: Array, ranked: Ranked) -> Array:
    """Precision at each place times whether its row is relevant: the mean over all orders of ties.

    At place j of a tie of m rows, r of them relevant, the row is relevant with probability r / m, and
    then (r - 1) / (m - 1) of the j rows before it in the tie are expected to be.
    """
    sizes, starts = ranked.tie_sizes, ranked.tie_starts
    in_tie = np.add.reduceat(relevant, starts)
    before_row = np.cumsum(relevant) - relevant
    n_queries = np.diff(ranked.query_starts, append=len(relevant))
    before_query = np.repeat(before_row[ranked.query_starts], n_queries)
    before_tie = np.repeat(before_row[starts], sizes) - before_query
    place_in_tie = np.arange(len(relevant)) - np.repeat(starts, sizes)
    rate = np.repeat((in_tie - 1.0) / np.maximum(sizes - 1, 1), sizes)
    expected = before_tie + place_in_tie * rate + 1.0
    return np.asarray(np.repeat(in_tie / sizes, sizes) * expected / (ranked.places + 1.0))


def _count_rising(ranks: Array, weights: Array) -> int:
    """Sum of weights[i] over the pairs i < j with ranks[i] < ranks[j].

    Two ranks differ first at some bit. So for each bit from the highest: among rows that agree in all
    higher bits, a one counts the zeros before it; then zeros move before ones, in their order, which
    keeps rows with equal higher bits together (as in a wavelet matrix).
    """
    total = 0
    for bit in reversed(range(int(ranks.max()).bit_length())):
        is_one = (ranks >> bit) & 1 == 1
        prefixes = ranks >> (bit + 1)
        starts = np.flatnonzero(np.append(True, prefixes[1:] != prefixes[:-1]))
        zeros = np.where(is_one, 0, weights)
        before = np.cumsum(zeros) - zeros
        n_ones = np.add.reduceat(is_one.astype(np.int64), starts)
        total += int(before[is_one].sum()) - int((before[starts] * n_ones).sum())
        order = np.concatenate([np.flatnonzero(~is_one), np.flatnonzero(is_one)])
        ranks, weights = ranks[order], weights[order]
    return total


def _count_tied(times: Array, ranks: Array, observed: Array) -> int:
    """Number of comparable pairs with equal ranks; rows come as `concordance_index` sorts them."""
    by_rank = np.argsort(ranks, kind="stable")
    times, ranks, observed = times[by_rank], ranks[by_rank], observed[by_rank]
    n = len(ranks)
    starts = np.flatnonzero(np.append(True, ranks[1:] != ranks[:-1]))
    before = np.cumsum(observed) - observed
    pairs = int((before - np.repeat(before[starts], np.diff(starts, append=n))).sum())
    same = (ranks[1:] == ranks[:-1]) & (times[1:] == times[:-1])
    n_observed = np.add.reduceat(observed, np.flatnonzero(np.append(True, ~same)))
    return pairs - int((n_observed * (n_observed - 1) // 2).sum())
