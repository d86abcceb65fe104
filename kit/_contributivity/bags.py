"""Contributivity averaged over many halves of the rows and of the submissions, and its standard error.

Greedy selection is unstable: of two near-equal submissions either takes all the credit. So half of the rows
are drawn again and again, the submissions are dealt into two teams, and each team's ensemble is selected
on these rows. Either half alone is steadier than no bagging; both together are steadiest, and without the
rows there would be no telling the error that the draw of the rows makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kit._contributivity.blend import Selection, UndefinedMetric
from kit._contributivity.form import extras_on
from kit.metrics import Array, Metric, Target

N_BLOCKS = 8
LEAST_ROWS = 4 * N_BLOCKS
_HALVES = [half for half in combinations(range(N_BLOCKS), N_BLOCKS // 2) if 0 in half]
LEAST_BAGS, MOST_BAGS = 2 * (N_BLOCKS + 1), 2 * len(_HALVES)


@dataclass(frozen=True, eq=False)
class Bags:
    """What bagging one fold found: all arrays of shape (n_submissions,).

    Parameters
    ----------
    shares : ndarray
        Mean share of the ensembles; they sum to 1.
    from_rows : ndarray
        Variance of it that other rows would make; unbiased, and so negative now and then.
    from_draws : ndarray
        Variance of it that other halves would make.
    """

    shares: Array
    from_rows: Array
    from_draws: Array


def draw_bags(
    given: Array,
    truth: Array,
    extras: Mapping[str, Array],
    selection: Selection,
    *,
    n_bags: int,
    rng: np.random.Generator,
) -> Bags | None:
    """Bag one fold; None where it has too few rows, or the metric is undefined on half of them.

    The rows are dealt into eight blocks, and halves come in complementary pairs: half the difference of a
    pair's shares, regressed on the blocks in it, says how a share hangs on each block, and the sum of
    squares of these effects, less what noise alone would make of it, is the variance of the share.

    References
    ----------
    .. [1] P. J. McCarthy, Pseudo-replication: half samples, Review of the International Statistical
       Institute 37 (1969), 239-264.
    .. [2] S. Wager, T. Hastie, B. Efron, Confidence intervals for random forests: the jackknife and the
       infinitesimal jackknife, Journal of Machine Learning Research 15 (2014), 1625-1651.
    """

    blocks = _deal_rows(truth, selection.metric, extras.get("groups"), rng)
    if blocks is None:
        return None

    def share(rows: Array, teams: list[Array]) -> Array:
        found = np.zeros(len(given))
        for team in teams:
            members = selection.members(given[np.ix_(team, rows)], truth[rows], extras_on(extras, rows))
            found[team] = np.bincount(members, minlength=len(team)) / (len(members) * len(teams))
        return found

    try:
        return _bags(share, blocks, len(given), n_bags // 2, rng)
    except UndefinedMetric:
        return None


def _bags(
    share: Callable[[Array, list[Array]], Array],
    blocks: Array,
    n_submissions: int,
    n_pairs: int,
    rng: np.random.Generator,
) -> Bags:
    signs = np.full((n_pairs, N_BLOCKS), -1.0)
    means, differences = np.empty((n_pairs, n_submissions)), np.empty((n_pairs, n_submissions))
    for pair, pick in enumerate(rng.permutation(len(_HALVES))[:n_pairs]):
        signs[pair, list(_HALVES[pick])] = 1.0
        teams = [np.sort(team) for team in np.array_split(rng.permutation(n_submissions), 2) if len(team)]
        one, other = (share(np.flatnonzero(signs[pair, blocks] == side), teams) for side in (1.0, -1.0))
        means[pair], differences[pair] = (one + other) / 2, (one - other) / 2
    inverse = np.linalg.pinv(signs)
    effects = inverse @ differences
    noise = np.square(differences - signs @ effects).sum(axis=0) / (n_pairs - (N_BLOCKS - 1))
    return Bags(
        shares=means.mean(axis=0),
        from_rows=np.square(effects).sum(axis=0) - noise * np.square(inverse).sum(),
        from_draws=means.var(axis=0, ddof=1) / n_pairs,
    )


def _deal_rows(truth: Array, metric: Metric, groups: Array | None, rng: np.random.Generator) -> Array | None:
    """The block of each row: groups stay whole, classes are spread evenly; None where there are too few."""
    if groups is not None:
        _, codes = np.unique(groups, return_inverse=True)
        n_groups = int(codes.max()) + 1
        return None if n_groups < LEAST_ROWS else (rng.permutation(n_groups) % N_BLOCKS)[codes]
    if len(truth) < LEAST_ROWS:
        return None
    order = rng.permutation(len(truth))
    if metric.target is Target.CLASS:
        order = order[np.argsort(truth[order], kind="stable")]
    blocks = np.empty(len(truth), dtype=np.intp)
    blocks[order] = np.arange(len(truth)) % N_BLOCKS
    return blocks
