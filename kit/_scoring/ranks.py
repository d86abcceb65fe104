"""Ranks with their uncertainty: simultaneous rank intervals, who may be first, and how probably."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from kit._scoring.coarse import FINEST, told
from kit._scoring.estimate import LEVEL
from kit._scoring.first import probably_first
from kit.metrics import Array

MOST_PAIRED = 2000
"""So many of the best teams are compared by pairs; of the others, separate intervals are compared."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """What can be said of the ranks of teams, each array of shape (n_teams,).

    Parameters
    ----------
    low, high : ndarray of int
        With the confidence ``level`` all teams' true ranks are within their ``low`` to ``high`` at
        once; 1 is the top.
    may_be_first : ndarray of bool
        Not distinguishable from the first at 1 - level, corrected for the number of teams.
    p_first : ndarray
        Probability of being truly first; they add up to 1.
    """

    low: Array
    high: Array
    may_be_first: Array
    p_first: Array
    level: float = LEVEL


def rank_teams(
    scores: Array,
    influences: Array,
    *,
    greater_is_better: bool,
    errors: Array | None = None,
    level: float = LEVEL,
    seed: int = 0,
    is_coarse: bool = False,
) -> Ranks:
    """Rank intervals, tie group and probabilities of being first, from what judgements keep.

    Parameters
    ----------
    scores : ndarray of shape (n_teams,)
    influences : ndarray of shape (n_teams, n_blocks)
        Over the same blocks for all. Where teams stand best first and ``errors`` are given, those of the
        first `MOST_PAIRED` are enough.
    errors : ndarray of shape (n_teams,), optional
        Standard errors of the scores; for those without influences.
    is_coarse : bool
        For participants' eyes: no difference is taken as more exact than `FINEST` of the scores' own
        errors, and probabilities follow from scores cut as `compare_coarsely` cuts them. Else two
        accounts with nearly the same predictions could read labels from them.

    References
    ----------
    M. Mogstad, J. P. Romano, A. M. Shaikh, D. Wilhelm, Inference for Ranks, Review of Economic
    Studies 91 (2024), 476-518 (rank sets from simultaneous tests of all differences).
    S. Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    skill = np.asarray(scores, dtype=np.float64) * (1.0 if greater_is_better else -1.0)
    moves = np.asarray(influences, dtype=np.float64)
    if len(skill) < 2:
        ones = np.ones(len(skill), dtype=np.int64)
        return Ranks(ones, ones.copy(), ones == 1, ones.astype(np.float64), level)
    order = np.argsort(-skill, kind="stable")
    best, n_blocks = order[: min(MOST_PAIRED, len(moves))], moves.shape[1]
    variances = np.zeros(len(skill)) if errors is None else np.square(errors)
    variances[: len(moves)] = _variances(moves)
    least = (FINEST**2 if is_coarse else 0.0) * variances
    t = _differences(skill[best], moves[best], least[best])
    low, high = _paired(t, len(skill), 1.0 - level, n_blocks)
    if len(skill) > len(best):
        low, high = _with_the_rest(skill[order], variances[order], n_blocks, low, high, 1.0 - level)
    first = np.zeros(len(skill), dtype=bool)
    # One-sided, as many as there are rivals: the truly first falls out only if a lesser team beats it.
    first[: len(best)] = t[0] < _quantile((1.0 - level) / (len(skill) - 1), n_blocks)
    first &= low == 1
    first[0] = True
    skill, least = skill[best], least[best]
    if is_coarse:
        skill = np.array([told(*pair) for pair in zip(skill, np.sqrt(least), strict=True)])
    p_first = np.zeros(len(order))
    p_first[: len(best)] = probably_first(skill, moves[best], least, first[: len(best)], seed)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Ranks(low[back], high[back], first[back], p_first[back], level)


def _variances(moves: Array) -> Array:
    """Squared standard errors of the scores."""
    n_blocks = moves.shape[1]
    squares = np.einsum("ij,ij->i", moves, moves, dtype=np.float64)
    return np.asarray(squares / (n_blocks * (n_blocks - 1.0)))


def _differences(skill: Array, moves: Array, least: Array) -> Array:
    """Of each team (row) over each (column), in standard errors; 0 for equals without error.

    ``least`` of either team is what the variance of their difference is taken for at least.
    """
    products = _covariance(moves)
    own = np.diagonal(products).copy()
    variances = own[:, None] + own[None, :]
    variances -= 2.0 * products
    # Identical submissions leave a rounding error, of either sign, of the size of what cancelled.
    variances[variances < 1e-13 * own.max(initial=0.0)] = 0.0
    np.maximum(variances, np.maximum(least[:, None], least[None, :]), out=variances)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (skill[:, None] - skill[None, :]) / np.sqrt(variances, out=variances)
    t[np.isnan(t)] = 0.0
    return np.asarray(t)


def _covariance(moves: Array) -> Array:
    n_blocks = moves.shape[1]
    # Without what all teams have in common, which no difference holds, less is lost to rounding.
    own = moves - moves.mean(axis=0)
    own /= np.sqrt(n_blocks * (n_blocks - 1.0))
    return np.asarray(own @ own.T)


def _paired(t: Array, n_teams: int, alpha: float, n_blocks: int) -> tuple[Array, Array]:
    """Holm's steps over all pairs: what is rejected need not be paid for in the next step."""
    n_open, n_pairs, n_rejected = -1, n_teams * (n_teams - 1) // 2, 0
    while n_pairs - n_rejected != n_open:
        n_open = n_pairs - n_rejected
        critical = _quantile(alpha / (2.0 * max(n_open, 1)), n_blocks)
        above = t > critical
        n_rejected = int(np.count_nonzero(above))
    return 1 + above.sum(axis=0), len(t) - above.sum(axis=1)


def _with_the_rest(
    skill: Array, variances: Array, n_blocks: int, low: Array, high: Array, alpha: float
) -> tuple[Array, Array]:
    """Rank intervals of many teams, best first, of which the first few were compared by pairs.

    Two teams whose own intervals are apart are apart: the error of a difference is at most the sum.
    """
    n = len(skill)
    margin = _quantile(alpha / (n * (n - 1.0)), n_blocks) * np.sqrt(variances)
    above, below = np.sort(skill - margin), np.sort(skill + margin)
    lowest = 1 + n - np.searchsorted(above, skill + margin, side="right")
    highest = n - np.searchsorted(below, skill - margin, side="left")
    few = len(low)
    lowest[:few], highest[:few] = np.maximum(lowest[:few], low), np.minimum(highest[:few], high + n - few)
    return lowest, highest


def _quantile(alpha: float, n_blocks: int) -> float:
    return float(special.stdtrit(n_blocks - 1.0, 1.0 - alpha))
