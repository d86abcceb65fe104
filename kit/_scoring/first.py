"""How probably each team is truly first, given its score and what its errors share with others'."""

from __future__ import annotations

import numpy as np
from scipy import linalg, special

from kit.metrics import Array

MOST_CONTENDERS = 256
N_DRAWS = 4000
N_FIELDS = 50
"""So many of the fields that the scores suggest are drawn, each in proportion to its plausibility."""
REACH, ABOVE, STEP, RARE = 16.0, 3.0, 0.2, 1e-30
"""Skills from so far below the best score to so far above it, in steps; all in standard errors. Of a field
even the rarest skill has so much plausibility."""
SPREADS, OF_SPREADS, LIKELIEST, ITS_RANGE = (0.25, 0.5, 0.75, 1.0, 1.5, 2.2, 3.3, 5.0, 8.0), 0.2, 1.0, 0.6
"""Of normal skills; how plausible these are beforehand, and middle and width of a lognormal over spreads."""
LED = ((0.5, np.inf, 0.68), (0.5, 3.0, 0.02), (0.3, 3.0, 0.02), (0.15, 3.0, 0.02), (1.0, 1.0, 0.03))
"""Teams tied at the top: what share they are, how fast the tail below thins out, how plausible that is."""
WIDTHS, OF_WIDTHS = (2.0, 4.0, 7.0, 11.0), 0.03
"""Of evenly spread skills, such as those of a group high above all others, and how plausible these are.

What the plausibilities trade is in docs/decisions/0003-block-tables.md."""


def probably_first(skill: Array, moves: Array, least: Array, contends: Array, seed: int) -> Array:
    """Probability of being truly first; 0 for those who do not contend.

    How often a team wins resamples says too much: the winner of a close race is mostly lucky. So skills
    are shrunk to the field they come from, which the scores tell roughly. Kinds of field are weighed by
    how well they explain the scores (Bayesian model averaging): normal skills, leaders who are tied over
    a tail, evenly spread skills. Errors enter without what the contenders share; what some of them share
    is carried into the draws by a Gaussian copula, so that near copies rise and fall together.

    In simulation what is said is mostly true within 0.1. With fewer than some twenty teams it says too
    much where all are exactly tied (0.37 for 0.20 of five) and too little where they are far apart (0.65
    for 0.79), since few scores do not tell these from each other; and too little where many of the best
    are near copies.

    Parameters
    ----------
    skill : ndarray of shape (n_teams,)
        Greater is better.
    moves : ndarray of shape (n_teams, n_blocks)
        Influences.
    least : ndarray of shape (n_teams,)
        Least variance of a difference with this team.
    contends : ndarray of bool, shape (n_teams,)

    References
    ----------
    B. Efron, C. Morris, Stein's Estimation Rule and Its Competitors, Journal of the American
    Statistical Association 68 (1973), 117-130 (shrinking). J. A. Hoeting, D. Madigan, A. E. Raftery,
    C. T. Volinsky, Bayesian Model Averaging, Statistical Science 14 (1999), 382-401.
    """
    p_first = np.zeros(len(skill))
    rivals = np.flatnonzero(contends)[:MOST_CONTENDERS]
    own, variances = _errors(moves, least, rivals)
    unit = float(np.sqrt(np.median(variances[rivals])) or np.sqrt(variances[rivals].mean()))
    if len(rivals) == 1 or unit == 0.0:
        is_best = skill[rivals] == skill[rivals].max()
        p_first[rivals] = is_best / is_best.sum()
        return p_first
    x, v = (skill - skill[rivals].max()) / unit, np.maximum(variances / unit**2, (STEP / 2) ** 2)
    near = x > -REACH
    near[rivals] = True
    grid = np.arange(min(-REACH, x[near].min()) - 1.0, ABOVE, STEP)
    fields, weights = _fields(grid)
    fit = np.log(_likelihood(x[near], v[near], grid) @ fields.T + 1e-300).sum(axis=0) + np.log(weights)
    shared = own @ own.T
    # What went with the mean comes back, which no difference holds: else independent errors look opposed.
    shared += np.trace(shared) / (len(rivals) * (len(rivals) - 1.0))
    covariance = (shared + np.diag(least[rivals] / 2.0)) / unit**2
    wins = _wins(
        _likelihood(x[rivals], v[rivals], grid),
        fields[_picked(fit)],
        grid,
        covariance,
        np.random.default_rng(seed),
    )
    p_first[rivals] = wins / wins.sum()
    return p_first


def _errors(moves: Array, least: Array, rivals: Array) -> tuple[Array, Array]:
    """Rivals' influences without their mean, scaled, and the variances of all teams' own errors."""
    n_blocks, m = moves.shape[1], len(rivals)
    shared = moves[rivals].mean(axis=0)
    own = (moves - shared) / np.sqrt(n_blocks * (n_blocks - 1.0))
    # Of m independent errors a share of 1 / m went with their mean, and as much was added to others'.
    is_rival = np.isin(np.arange(len(moves)), rivals)
    scales = np.where(is_rival, m / max(m - 1.0, 1.0), m / (m + 1.0))
    variances = np.einsum("ij,ij->i", own, own, dtype=np.float64) * scales
    # Identical submissions leave a rounding error of the size of what cancelled.
    floor = 1e-13 * float(np.square(shared).sum()) / (n_blocks * (n_blocks - 1.0))
    variances[variances < floor] = 0.0
    return own[rivals], variances + least / 2.0


def _likelihood(x: Array, v: Array, grid: Array) -> Array:
    """Of each skill (column) for each team (row)."""
    return np.asarray(np.exp(-0.5 * np.square(x[:, None] - grid) / v[:, None]) / np.sqrt(v)[:, None])


def _fields(grid: Array) -> tuple[Array, Array]:
    """What skills may be distributed as (rows, over the grid), and how plausible each is beforehand."""
    rows, weights = [], []
    likely = _shares(np.exp(-0.5 * np.square(np.log(np.array([SPREADS]) / LIKELIEST) / ITS_RANGE)))[0]
    for spread, share in zip(SPREADS, OF_SPREADS * likely, strict=True):
        step = max(2.0 * STEP, 0.4 * spread)
        centres = np.arange(grid[0] - (spread if spread > 2.0 else 0.0), grid[-1], step)
        rows.append(_shares(np.exp(-0.5 * np.square((grid - centres[:, None]) / spread)) + RARE))
        weights.append(np.full(len(centres), share * step))
    tops = np.arange(-3.5, grid[-1], 2.0 * STEP)
    beside = grid - tops[:, None]
    leaders = _shares(np.exp(-0.5 * np.square(beside / (STEP / 4.0))))
    is_below = beside <= 1e-9
    for tied, depth, share in LED:
        tail = _shares(np.exp(np.where(is_below, beside, 0.0) / depth) * is_below)
        rows.append(tied * leaders + (1.0 - tied) * tail)
        weights.append(np.full(len(tops), share * 2.0 * STEP))
    for width in WIDTHS:
        rows.append(_shares((is_below & (beside > -width)) + 1e-9))
        weights.append(np.full(len(tops), OF_WIDTHS / len(WIDTHS) * 2.0 * STEP))
    return _shares(np.vstack(rows) + RARE), np.concatenate(weights)


def _shares(rows: Array) -> Array:
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _picked(fit: Array) -> Array:
    """Indices of `N_FIELDS` fields, evenly spaced in their posterior weight."""
    weights = np.exp(fit - fit.max())
    upto = np.cumsum(weights)
    return np.asarray(np.searchsorted(upto, upto[-1] * (np.arange(N_FIELDS) + 0.5) / N_FIELDS))


def _wins(
    likelihood: Array, fields: Array, grid: Array, covariance: Array, rng: np.random.Generator
) -> Array:
    """How often each is first in draws of the skills given their scores."""
    m, n_draws = len(likelihood), N_DRAWS // len(fields)
    edges = np.append(grid - STEP / 2.0, grid[-1] + STEP / 2.0)
    variances, axes = linalg.eigh(covariance)
    variances = np.maximum(variances, 0.0)
    wins = np.zeros(m)
    for field in fields:
        upto = np.cumsum(likelihood * field, axis=1)
        upto = np.hstack([np.zeros((m, 1)), upto / upto[:, -1:]])
        spread = max(float(field @ grid**2 - (field @ grid) ** 2), STEP**2 / 12.0)
        scales = np.sqrt(variances * spread / (variances + spread))
        # The symmetric root: axes are told only up to their sign.
        normal = rng.standard_normal((n_draws, m)) @ (axes * scales @ axes.T)
        normal /= np.sqrt(np.square(axes) @ np.square(scales)) + 1e-12
        # A hair of noise, so that identical submissions share their wins.
        u = special.ndtr(normal + 1e-9 * rng.standard_normal((n_draws, m)))
        skills = np.stack([np.interp(u[:, i], upto[i], edges) for i in range(m)])
        wins += np.bincount(skills.argmax(axis=0), minlength=m)
    return wins
