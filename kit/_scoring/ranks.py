"""Ranks with their uncertainty: simultaneous rank intervals, who may be first, and how probably."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from kit._scoring.coarse import FINEST, told
from kit._scoring.estimate import LEVEL
from kit.metrics import Array

MOST_PAIRED = 2000
"""So many of the best teams are compared by pairs; of the others, separate intervals are compared."""
MOST_CONTENDERS = 256
N_DRAWS = 4000
N_SPREADS = 24


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
    skill, least = skill[order], least[order]
    if is_coarse:
        for i in np.flatnonzero(first):
            skill[i] = told(skill[i], math.sqrt(least[i]))
    p_first = _p_first(skill, moves[best], least, first, seed)
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


def _p_first(skill: Array, moves: Array, least: Array, contends: Array, seed: int) -> Array:
    """Probability of being truly first, for teams in order; 0 for those that cannot be.

    How often a team wins resamples says too much: the winner of a close race is mostly lucky. So the
    contenders' skills are shrunk to their mean as far as their scores' errors explain their spread
    (empirical Bayes); what spread the truth may have is averaged over.

    References
    ----------
    B. Efron, C. Morris, Stein's Estimation Rule and Its Competitors, Journal of the American
    Statistical Association 68 (1973), 117-130. A. Gelman, Bayesian Analysis 1 (2006), 515-533
    (the prior, flat in the spread).
    """
    p_first = np.zeros(len(skill))
    rivals = np.flatnonzero(contends)[:MOST_CONTENDERS]
    if len(rivals) == 1:
        p_first[rivals] = 1.0
        return p_first
    covariance = _covariance(moves[rivals]) + np.diag(least[rivals] / 2.0)
    wins = _wins(skill[rivals], covariance, np.random.default_rng(seed))
    p_first[rivals] = wins / wins.sum()
    return p_first


def _wins(skill: Array, covariance: Array, rng: np.random.Generator) -> Array:
    """How often each is first in draws of the skills given their scores."""
    m = len(skill)
    variances, axes = linalg.eigh(covariance)
    # The first axis is the mean of all, which decides no race.
    variances, axes = np.maximum(variances[1:], 0.0), axes[:, 1:]
    seen = axes.T @ (skill - skill.mean())
    largest = 3.0 * float(np.sqrt(np.square(seen).sum() / (m - 1) + variances.mean())) or 1.0
    spreads = largest * (np.arange(N_SPREADS) + 0.5) / N_SPREADS
    total = np.square(spreads)[:, None] + variances
    fit = -0.5 * (np.log(total) + np.square(seen) / total).sum(axis=1)
    weights = np.exp(fit - fit.max())
    wins = np.zeros(m)
    for spread, n_draws in zip(spreads, rng.multinomial(N_DRAWS, weights / weights.sum()), strict=True):
        kept = spread**2 / (spread**2 + variances)
        drawn = kept * seen + np.sqrt(kept * variances) * rng.standard_normal((n_draws, m - 1))
        # A hair of noise, so that identical submissions share their wins.
        skills = drawn @ axes.T + 1e-9 * largest * rng.standard_normal((n_draws, m))
        wins += np.bincount(skills.argmax(axis=1), minlength=m)
    return wins
