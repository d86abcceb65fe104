"""From a block table to a score with its standard error, interval, influences and resampled scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from kit._scoring.blocks import Blocks
from kit._scoring.table import Share, Table
from kit.metrics import Array, Metric

LEVEL = 0.95
FEW_EVENTS = 10
FEW_BLOCKS = 20
FEW_DEGREES, FEW_DEGREES_A_BLOCK = 10.0, 0.01
"""With heavy tails degrees of freedom stay few however many blocks there are; else they grow with them."""
_HUGE = 1e150
"""Squares of larger scores overflow; nobody needs an interval of them."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A score and how sure it is. ``low <= score <= high``.

    Parameters
    ----------
    influences : ndarray of float32, shape (n_blocks,)
        By how much each block moves the score, times the number of blocks; they sum to 0. Secret.
    resampled : ndarray of float32, shape (n_resamples,)
        The score on resamples shared by all submissions; NaN where it is undefined. Secret.
    method : str
        How it was found: ``"block table"``, ``"jackknife of 64 blocks"``, ``"batch means of 32 blocks"``.
    warning : str
        Why the interval should not be trusted; empty where it may be.
    """

    score: float
    low: float
    high: float
    level: float
    se: float
    influences: Array
    resampled: Array
    method: str
    warning: str = ""


@dataclass(frozen=True)
class Range:
    """The scores there can be: from ``best`` to ``worst``, or without end where that is None."""

    best: float = 0.0
    worst: float | None = None
    is_known: bool = True

    @classmethod
    def of(cls, metric: Metric) -> Range:
        """The range of a metric."""
        return cls(metric.best, metric.worst)

    def interval(self, score: float, margin: float, lean: float = 0.0) -> tuple[float, float]:
        """Score plus and minus margin, on the scale of the log (or logit) of the distance from the best.

        There the distribution of a score near an end of its range is far more symmetric, and an
        interval never leaves the range. By ``lean`` it reaches further up, and less far down.
        """
        distance = abs(self.best - score)
        span = math.inf if self.worst is None else abs(self.worst - self.best)
        if not (self.is_known and 0.0 < distance < span) or margin > _HUGE:
            return score - margin, score + margin
        odds = distance / (1.0 - distance / span)
        side = 1.0 if score > self.best else -1.0
        margins = (side * lean - margin, side * lean + margin)
        steps = (max(-700.0, min(m / (distance * (1.0 - distance / span)), 700.0)) for m in margins)
        near, far = (o / (1.0 + o / span) for o in (odds * math.exp(step) for step in steps))
        low, high = sorted((self.best + side * near, self.best + side * far))
        return min(low, score), max(high, score)


def estimate(table: Table, blocks: Blocks, span: Range, *, level: float = LEVEL) -> Estimate:
    """A score with all that can be said about its error, from its block table.

    The interval is that of Student's t on the scale of `Range.interval`. Its degrees of freedom fall
    with the kurtosis of the influences (Satterthwaite): where few rows decide, the standard error
    itself is unsure. It leans to the side to which the influences are skewed (Johnson), since the rare
    large ones are the likelier to be missing. A score that is a share of rows gets Wilson's interval.

    References
    ----------
    B. Efron, C. Stein, The Jackknife Estimate of Variance, Annals of Statistics 9 (1981), 586-596.
    F. E. Satterthwaite, Biometrics Bulletin 2 (1946), 110-114. N. J. Johnson, Journal of the American
    Statistical Association 73 (1978), 536-544. E. B. Wilson, ibid. 22 (1927), 209-212. The choice among
    intervals is recorded in docs/decisions/0003-block-tables.md.
    """
    score = table.score
    inner, without = leave_one_out(table)
    influences = influences_of(inner, without)
    n_undefined = int(np.count_nonzero(~np.isfinite(without)))
    deviations = resampled_totals(table, blocks)
    with np.errstate(all="ignore"):
        resampled = table.link(table.from_sums(deviations))
    warning = _warning(table, n_undefined)
    if table.is_linked:
        return _linked(table, score, influences, resampled, level, warning)
    if table.share is not None and np.isfinite(score):
        low, high = wilson(table.share, score, influences, level)
        # Where all rows are hits, or none is, they vary by nothing, and the score is none the surer.
        se = standard_error(influences) or (high - low) / 4.0
        warning = warning or _few(influences)
        return _packed(score, low, high, level, se, influences, resampled, table.method, warning)
    return from_influences(score, influences, span, level=level, resampled=resampled, warning=warning)


def from_influences(
    score: float,
    influences: Array,
    span: Range,
    *,
    level: float = LEVEL,
    resampled: Array,
    method: str = "block table",
    warning: str = "",
) -> Estimate:
    """A score with its error, from the influences of its blocks."""
    if abs(score) > _HUGE or not np.isfinite(influences).all():
        influences, warning = np.zeros_like(influences), "The score is too large for an interval."
    se, degrees = standard_error(influences), degrees_of_freedom(influences)
    if not warning:
        warning = _doubt(influences, se, degrees)
    if not se > 0.0:
        low = high = score
    else:
        t = student_t(level, degrees)
        low, high = span.interval(score, t * se, min(t, max(-t, skewness(influences))) / 2.0 * se)
    return _packed(score, low, high, level, se, influences, resampled, method, warning)


def _linked(
    table: Table, score: float, influences: Array, resampled: Array, level: float, warning: str
) -> Estimate:
    """The interval of the inner statistic (0 in the whole), carried over by the link; as is the slope."""
    margin = student_t(level, degrees_of_freedom(influences)) * standard_error(influences)
    low, high = (float(end) for end in table.link(np.array([-margin, margin])))
    slope = (high - low) / (2.0 * margin) if margin > 0.0 else 0.0
    own = influences * slope
    se = standard_error(own)
    warning = warning or _doubt(own, se, degrees_of_freedom(influences))
    return _packed(score, min(low, score), max(high, score), level, se, own, resampled, table.method, warning)


def _packed(
    score: float,
    low: float,
    high: float,
    level: float,
    se: float,
    influences: Array,
    resampled: Array,
    method: str,
    warning: str,
) -> Estimate:
    most = float(np.finfo(np.float32).max)
    kept = [np.clip(values, -most, most).astype(np.float32) for values in (influences, resampled)]
    return Estimate(score, low, high, level, se, kept[0], kept[1], method, warning)


def leave_one_out(table: Table) -> tuple[float, Array]:
    """The (inner) score of the whole, and without each block."""
    total = table.sums.sum(axis=0)
    with np.errstate(all="ignore"):
        whole = float(table.from_sums(total[None, :])[0])
        return whole, table.from_sums(total - table.sums)


def influences_of(score: float, without: Array) -> Array:
    """Influences from the scores without each block; 0 where such a score is undefined."""
    without = np.where(np.isfinite(without), without, score)
    with np.errstate(all="ignore"):
        return np.asarray((len(without) - 1) * (without.mean() - without))


def standard_error(influences: Array) -> float:
    """Standard error of the score whose influences these are (or of a difference, of theirs)."""
    n = len(influences)
    if n < 2:
        return 0.0
    return float(np.sqrt(np.square(influences, dtype=np.float64).sum() / (n * (n - 1.0))))


def degrees_of_freedom(influences: Array) -> float:
    """How many normal deviates would tell the standard error as exactly; from 2 to n - 1."""
    squares = np.square(influences, dtype=np.float64)
    largest = float(squares.max(initial=0.0))
    if largest == 0.0:
        return 2.0
    squares /= largest
    kurtosis = float(np.square(squares).mean() / squares.mean() ** 2)
    n = len(influences)
    return float(max(2.0, min(n - 1.0, 2.0 * n / max(kurtosis - 1.0, 1e-9))))


def skewness(influences: Array) -> float:
    """Of their mean, on independent blocks: that of one over the root of their number."""
    largest = float(np.abs(influences).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    scaled = np.divide(influences, largest, dtype=np.float64)
    return float((scaled**3).mean() / np.square(scaled).mean() ** 1.5 / math.sqrt(len(scaled)))


def wilson(share: Share, score: float, influences: Array, level: float) -> tuple[float, float]:
    """Wilson's interval; rows in groups count as so many independent ones as their error is that of."""
    p, n, step = share.of_score(score), share.n_rows, 1e-6
    slope = (share.to_score(p + step) - share.to_score(p - step)) / (2.0 * step)
    error = standard_error(influences) / slope
    if error > 0.0 and not share.are_independent:
        n = min(n, p * (1.0 - p) / error**2)
    if n <= 0.0:
        return share.to_score(0.0), share.to_score(1.0)
    squared = student_t(level, max(1.0, len(influences) - 1.0)) ** 2
    centre, spread = p + squared / (2.0 * n), math.sqrt(squared * (p * (1.0 - p) + squared / (4.0 * n)) / n)
    low, high = ((centre + side * spread) / (1.0 + squared / n) for side in (-1.0, 1.0))
    return min(score, share.to_score(max(0.0, low))), max(score, share.to_score(min(1.0, high)))


def student_t(level: float, degrees: float) -> float:
    """Quantile of Student's t that a two-sided interval of that level takes."""
    return float(special.stdtrit(degrees, 0.5 + level / 2.0))


def resampled_totals(table: Table, blocks: Blocks) -> Array:
    """Totals of the table's sums on each resample, shape (n_resamples, d)."""
    total = table.sums.sum(axis=0)
    with np.errstate(all="ignore"):
        deviations = table.sums - total / blocks.n_blocks
        # Deviations, scaled: single precision is then exact enough, whatever the size of the sums.
        scale = np.abs(deviations).max(axis=0, initial=0.0)
        scale[scale == 0.0] = 1.0
        moved = blocks.weights @ (deviations / scale).astype(np.float32)
        return np.asarray(total + moved * scale)


def linear_resamples(score: float, influences: Array, blocks: Blocks) -> Array:
    """Scores on resamples, to first order."""
    scale = float(np.abs(influences).max(initial=0.0)) or 1.0
    moved = blocks.weights @ (influences / scale).astype(np.float32)
    return np.asarray(score + moved * (scale / blocks.n_blocks))


def _warning(table: Table, n_undefined: int) -> str:
    if table.n_events < FEW_EVENTS:
        rows = "row is" if round(table.n_events) == 1 else "rows are"
        return f"Only {table.n_events:.0f} {rows} of the rarest class: the interval is a rough guide."
    if n_undefined:
        return f"The score is undefined without one of {n_undefined} blocks: the interval is too narrow."
    return ""


def _few(influences: Array) -> str:
    if len(influences) < FEW_BLOCKS:
        return f"Only {len(influences)} independent rows or groups: the interval is a rough guide."
    return ""


def _doubt(influences: Array, se: float, degrees: float) -> str:
    if few := _few(influences):
        return few
    if not se > 0.0:
        return "All blocks score alike: there is no telling the error."
    if degrees < FEW_DEGREES + FEW_DEGREES_A_BLOCK * len(influences):
        return "Few rows decide the score: the interval is a rough guide."
    return ""
