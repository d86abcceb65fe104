"""Table of the concordance index: each row's concordant and comparable pairs."""

from __future__ import annotations

import numpy as np

from kit._scoring.order import ascending, by_integer, run_starts
from kit._scoring.table import Reducer, Rows, Table
from kit.metrics import Array


def concordance_index(rows: Rows) -> Reducer:
    """Tables of concordant pairs (a tie is half a one) and comparable pairs, by row, summed over blocks.

    Each pair is counted at both its rows. Numerator and denominator are quadratic in the rows'
    weights, so both are continued from the whole at twice the rate at which these sums change: the
    first-order projection of a ratio of U-statistics.

    References
    ----------
    W. Hoeffding, Annals of Mathematical Statistics 19 (1948), 293-325. L. Antolini, B.-H. Nam,
    R. D'Agostino, Communications in Statistics: Theory and Methods 33 (2004), 2117-2135.
    """
    times = np.asarray(rows.y_true)
    observed = np.ones(len(times), bool) if rows.events is None else np.asarray(rows.events) != 0
    pairs = _comparable(times, observed)

    def reduce(y_pred: Array) -> Table:
        order, ranked = ascending(y_pred)
        starts = run_starts(ranked)
        ranks = np.empty(len(order), np.int32)
        ranks[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
        sums = np.column_stack([rows.blocks.sums(_concordant(times, ranks, observed)), comparable_sums])
        right, comparable = sums.sum(axis=0) / 2.0
        return Table(sums, lambda t: (t[:, 0] - right) / (t[:, 1] - comparable), float(observed.sum()))

    comparable_sums = rows.blocks.sums(pairs)
    return reduce


def _comparable(times: Array, observed: Array) -> Array:
    """Pairs of each row in which it is known who came first."""
    first = np.lexsort((~observed, times))
    t, o = times[first], observed[first].astype(np.int64)
    n, before = len(t), np.cumsum(o) - o
    starts = np.searchsorted(t, t)
    n_same_observed = (
        np.append(before, before[-1:] + o[-1:])[np.searchsorted(t, t, side="right")] - before[starts]
    )
    earlier = np.where(o == 1, before[starts], before)
    later = np.where(o == 1, n - starts - n_same_observed, 0)
    pairs = np.empty(n)
    pairs[first] = earlier + later
    return pairs


def _concordant(times: Array, ranks: Array, observed: Array) -> Array:
    # Observed before censored, and rows observed at one time by falling rank: these are not
    # comparable, and in this order none of their pairs is counted as rising.
    first = np.lexsort((-ranks, ~observed, times))
    t, r, o = times[first], ranks[first], observed[first]
    pairs = np.empty(len(t))
    pairs[first] = _rising(r, o) + _tied(t, r, o) / 2.0
    return pairs


def _rising(ranks: Array, observed: Array) -> Array:
    """Pairs i < j of each row, as i or j, with ``ranks[i] < ranks[j]`` and i observed.

    As ``kit.metrics._ranking`` counts all of them, but kept by row: two ranks differ first at some bit.
    So for each bit from the highest, among rows that agree in all higher bits, a one counts the
    observed zeros before it and an observed zero the ones after; then zeros move before ones.
    """
    n = len(ranks)
    pairs, place = np.zeros(n, np.int64), np.arange(n, dtype=np.int32)
    ranks, observed = ranks.astype(np.int32), observed.astype(np.int32)
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        is_one = (ranks >> bit) & 1
        starts = run_starts(ranks >> (bit + 1))
        sizes = np.diff(starts, append=n)
        zeros = observed * (1 - is_one)
        zeros_before, ones_before = np.cumsum(zeros) - zeros, np.cumsum(is_one) - is_one
        ends = np.append(ones_before, ones_before[-1] + is_one[-1])[starts + sizes]
        met = is_one * (zeros_before - np.repeat(zeros_before[starts], sizes))
        met += zeros * (np.repeat(ends, sizes) - ones_before)
        pairs[place] += met
        order = np.concatenate([np.flatnonzero(is_one == 0), np.flatnonzero(is_one)])
        ranks, observed, place = ranks[order], observed[order], place[order]
    return pairs


def _tied(times: Array, ranks: Array, observed: Array) -> Array:
    """Comparable pairs of each row with equal ranks; rows come sorted as `_concordant` sorts them."""
    by_rank = by_integer(ranks.astype(np.uint32))
    t, r, o = times[by_rank], ranks[by_rank], observed[by_rank].astype(np.int64)
    n = len(r)
    starts = run_starts(r)
    sizes = np.diff(starts, append=n)
    before = np.cumsum(o) - o
    earlier = before - np.repeat(before[starts], sizes)
    later = o * (np.repeat(starts + sizes, sizes) - np.arange(n) - 1)
    # Within one rank and time the observed stand first, and are not comparable with each other.
    same = np.append(True, (r[1:] != r[:-1]) | (t[1:] != t[:-1]))
    first = np.flatnonzero(same)
    n_observed = np.repeat(np.add.reduceat(o, first), np.diff(first, append=n))
    pairs = np.empty(n, np.int64)
    pairs[by_rank] = earlier + later - o * (n_observed - 1)
    return pairs
