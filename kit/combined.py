"""The leaderboard over several questions, from that of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kit.leaderboard import rounded, shared_ranks


@dataclass(frozen=True)
class Part:
    """A team's share in a combined leaderboard, from one question; each value with its standard error."""

    score: float
    normalized: float | None
    rank: int
    se: float = 0.0
    normalized_se: float = 0.0


@dataclass(frozen=True)
class CombinedRow:
    """One team's line on the leaderboard of several questions; ``se`` is the score's standard error.

    That of a mean of ranks is 0: it is made of whole numbers, which everyone sees.
    """

    rank: int
    team: str
    score: float
    parts: Mapping[str, Part]
    se: float = 0.0


class Measured(Protocol):
    """A score and its standard error."""

    @property
    def score(self) -> float:
        """With all its digits."""

    @property
    def error(self) -> float:
        """Of the score."""


class Ranked(Protocol):
    """A line of a leaderboard, such as `Row`; baselines have no rank."""

    @property
    def rank(self) -> int | None:
        """1 is the top."""

    @property
    def team(self) -> str:
        """Or the baseline's name."""

    @property
    def score(self) -> Measured:
        """What it is ranked by."""


@dataclass(frozen=True)
class Board:
    """A question's leaderboard as the combined one takes it, best first."""

    question: str
    weight: float
    rows: Sequence[Ranked]


def combine(boards: Sequence[Board], *, method: str = "normalized") -> list[CombinedRow]:
    """The leaderboard over several questions.

    ``normalized``: the weighted mean of scores set to 0 at the best baseline (where there is none, at the
    last team) and 1 at the best team; a question a team did not answer counts 0, and so does a score
    below the baseline, so that one disaster does not decide. ``mean_rank``: the weighted mean of ranks
    (an unanswered question counts one rank after the last); it changes when irrelevant teams join.
    """
    weights = {b.question: b.weight for b in boards}
    total = sum(weights.values()) or 1.0
    parts = {b.question: _parts(b) for b in boards}
    teams = sorted({team for answered in parts.values() for team in answered})
    scored = []
    for team in teams:
        own = {q: answered[team] for q, answered in parts.items() if team in answered}
        if method == "mean_rank":
            last = {b.question: len(parts[b.question]) + 1 for b in boards}
            value = sum(weights[q] * (own[q].rank if q in own else last[q]) for q in weights) / total
        else:
            value = sum(weights[q] * (own[q].normalized or 0.0) for q in own) / total
        scored.append((rounded(value), team, own))
    scored.sort(key=lambda item: (item[0] if method == "mean_rank" else -item[0], item[1]))
    ranks = shared_ranks(value for value, _, _ in scored)
    return [
        CombinedRow(rank, team, value, own, 0.0 if method == "mean_rank" else _error(own, weights))
        for rank, (value, team, own) in zip(ranks, scored, strict=True)
    ]


def _error(parts: Mapping[str, Part], weights: Mapping[str, float]) -> float:
    total = sum(weights.values()) or 1.0
    return math.hypot(*(weights[q] * part.normalized_se / total for q, part in parts.items()))


def _parts(board: Board) -> dict[str, Part]:
    ranked = [r for r in board.rows if r.rank is not None]
    if not ranked:
        return {}
    # Rows stand best first: the first baseline is the best one.
    at, baseline = next(((i, r) for i, r in enumerate(board.rows) if r.rank is None), (0, None))
    zero = rounded((baseline or ranked[-1]).score.score)
    span = rounded(ranked[0].score.score) - zero
    if baseline is not None and at == 0:
        # It stands before all teams.
        span = 0.0
    alone = 1.0 if baseline is None else 0.0
    return {
        r.team: Part(
            score=r.score.score,
            normalized=_normalized(rounded(r.score.score) - zero, span, alone),
            rank=r.rank or 0,
            se=r.score.error,
            normalized_se=r.score.error / abs(span) if span else 0.0,
        )
        for r in ranked
    }


def _normalized(gain: float, span: float, alone: float) -> float:
    """Share of the way from the baseline to the best; ``alone`` where the two are one."""
    return alone if span == 0 else min(1.0, max(0.0, gain / span))
