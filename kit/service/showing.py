"""Numbers as their reader may see them: whole for organizers, for participants as their errors allow."""

from __future__ import annotations

from kit._scoring import told
from kit.combined import Part
from kit.service import models
from kit.submission import Score

ROUGH = "The interval is a rough guide."
"""What participants are told of any warning: its own words may count rows of a class."""


def value(score: Score, *, exact: bool) -> models.Value:
    """A score with its interval."""
    se = score.error
    return models.Value(
        score=number(score.score, se, exact=exact),
        low=number(score.low, se, exact=exact),
        high=number(score.high, se, exact=exact),
        level=score.level,
        n_rows=score.n_rows,
        warning=warning(score, exact=exact),
    )


def number(value: float, se: float, *, exact: bool) -> float:
    """A number with that standard error."""
    return value if exact else told(value, se)


def warning(score: Score, *, exact: bool) -> str:
    """Why an interval should not be trusted."""
    return score.warning if exact or not score.warning else ROUGH


def part(part: Part, *, exact: bool) -> models.CombinedPart:
    """A team's share in a combined leaderboard."""
    normalized = part.normalized
    if normalized is not None:
        normalized = number(normalized, part.normalized_se, exact=exact)
    score = number(part.score, part.se, exact=exact)
    return models.CombinedPart(score=score, normalized=normalized, rank=part.rank)
