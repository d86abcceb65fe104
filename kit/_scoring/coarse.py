"""What participants are told of scores and of differences: too coarse to give the truth away."""

from __future__ import annotations

import math
from typing import Protocol

from kit._scoring.compare import Comparison, Scored, compare, p_value_of
from kit._scoring.estimate import LEVEL, student_t
from kit._scoring.grain import shown

SIGNIFICANT = 3
"""Digits of a score whose standard error is not known, or 0: where no block differs, or all is one block."""
FINEST = 0.25
"""A difference is told no more exactly than this share of the scores' standard error allows."""
STEPS = 10
"""Standard errors of differences are told in so many steps for each power of ten."""


class Measured(Scored, Protocol):
    """A score with its standard error, and what comparing takes."""

    @property
    def se(self) -> float:
        """Of the score."""


def told(value: float, se: float) -> float:
    """`shown`, but of a value whose standard error is 0 only a few digits.

    Examples
    --------
    >>> told(0.84372, 0.0123), told(0.693147, 0.0)
    (0.845, 0.693)
    """
    if se > 0.0 or not math.isfinite(value):
        return shown(value, se)
    return float(f"{value:.{SIGNIFICANT - 1}e}")


def compare_coarsely(a: Measured, b: Measured, *, level: float = LEVEL) -> Comparison:
    """`compare`, from scores cut to a sixteenth of their own standard error, and a coarse error.

    The error of a difference of two submissions that are nearly one is as small as that difference, so
    at a quarter of it a change in one row could be read. Here everything is a function of the cut scores
    and of the stepped error: however many comparisons are asked for, they tell no more than these. The
    error is at least a quarter of the scores' own, and rounded up, so it is never too small.
    The choice is recorded in docs/decisions/0004-shown-digits.md.
    """
    exact = compare(a, b, level=level)
    se = _stepped(max(exact.se, FINEST * max(a.se, b.se)))
    difference = told(a.score, FINEST * a.se) - told(b.score, FINEST * b.se)
    degrees = len(a.influences) - 1.0
    margin = student_t(level, degrees) * se if se > 0.0 else 0.0
    p_value = p_value_of(difference, se, degrees)
    return Comparison(difference, difference - margin, difference + margin, level, se, p_value)


def _stepped(se: float) -> float:
    """Rounded up to a power of the tenth root of ten."""
    if not se > 0.0 or not math.isfinite(se):
        return se
    return float(10.0 ** (math.ceil(STEPS * math.log10(se) - 1e-9) / STEPS))
