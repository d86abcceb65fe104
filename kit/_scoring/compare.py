"""Two submissions compared, paired by block: their predictions are not read again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from kit._scoring.estimate import LEVEL, standard_error, student_t
from kit.metrics import Array


class Scored(Protocol):
    """What a judgement keeps of a score: all that comparing takes."""

    @property
    def score(self) -> float:
        """On the rows compared."""

    @property
    def influences(self) -> Array:
        """Of the blocks, the same for both."""


@dataclass(frozen=True)
class Comparison:
    """By how much one score is above another on the same rows."""

    difference: float
    low: float
    high: float
    level: float
    se: float
    p_value: float
    """How often so large a difference arises between submissions that are equally good; two-sided."""

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than chance at this level."""
        return self.p_value < 1.0 - self.level


def compare(a: Scored, b: Scored, *, level: float = LEVEL) -> Comparison:
    """``a`` minus ``b``, with the standard error of the difference.

    Both must have been scored on the same version of the same split: blocks must be the same.

    Raises
    ------
    ValueError
        The influences differ in number, so the blocks do.
    """
    if len(a.influences) != len(b.influences):
        counts = f"{len(a.influences)} blocks do not compare with {len(b.influences)}"
        raise ValueError(f"{counts}: judge both under one version of the question.")
    difference = a.score - b.score
    influences = np.subtract(a.influences, b.influences, dtype=np.float64)
    # No fewer degrees for heavy tails, as an interval takes: those of a difference are symmetric.
    se, degrees = standard_error(influences), len(influences) - 1.0
    margin = student_t(level, degrees) * se
    p_value = p_value_of(difference, se, degrees)
    return Comparison(difference, difference - margin, difference + margin, level, se, p_value)


def p_value_of(difference: float, se: float, degrees: float) -> float:
    """Two-sided, of a difference that is 0 in truth."""
    if not se > 0.0 or degrees < 1.0:
        return 1.0 if difference == 0.0 else 0.0
    return float(2.0 * special.stdtr(degrees, -abs(difference) / se))
