"""How finely a score may be shown: digits beyond its standard error say nothing, and give the truth away."""

from __future__ import annotations

import math
from functools import lru_cache

SHARE = 0.25
"""No step is finer than this share of the standard error."""


@lru_cache(maxsize=8192)
def grain(se: float) -> float:
    """The step in which a score with that standard error is shown: 1, 2 or 5 times a power of ten.

    0 (all digits) where there is no error: such a score is the same whatever the truth of a row.

    Examples
    --------
    >>> grain(0.0123)
    0.005
    """
    if not se > 0.0:
        return 0.0
    if not math.isfinite(se):
        return math.inf
    power = math.floor(math.log10(se * SHARE))
    steps = [float(f"{digit}e{power}") for digit in (1, 2, 5, 10)]
    return next((step for step in steps if step >= se * SHARE), steps[-1])


def shown(value: float, se: float) -> float:
    """The value as participants may see it, a whole number of grains.

    Examples
    --------
    >>> shown(0.84372, 0.0123)
    0.845
    """
    step = grain(se)
    if step == 0.0 or not math.isfinite(value):
        return value
    if math.isinf(step):
        return 0.0
    return float(shown_text(value, se))


def shown_text(value: float, se: float) -> str:
    """`shown` with the digits it supports, trailing zeros included.

    Examples
    --------
    >>> shown_text(0.8, 0.0123), shown_text(15240.0, 900.0), shown_text(0.5, 0.0)
    ('0.800', '15000', '0.5')
    """
    step = grain(se)
    if step == 0.0 or not math.isfinite(value):
        return f"{value:.10g}"
    if math.isinf(step):
        return "0"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{round(value / step) * step:.{decimals}f}"
