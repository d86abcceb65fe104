"""Models of leaderboards and baselines."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from kit.service.models._fields import Time


class BoardRow(BaseModel):
    """A team's line; baselines are placed by their score and have no rank."""

    rank: int | None
    rank_low: int | None
    rank_high: int | None
    team: str
    members: list[str]
    score: float
    low: float
    high: float
    level: float
    metrics: dict[str, float]
    n_submissions: int
    submitted_at: Time
    submission: int
    baseline: bool
    note: str | None
    shake_up: int | None


class Leaderboard(BaseModel):
    """A question's leaderboard, best first."""

    competition: str
    question: str
    split: Literal["public", "private"]
    metric: str
    greater_is_better: bool
    version: int
    updated_at: Time | None
    closed: bool
    hidden: bool
    rows: list[BoardRow]


class CombinedPart(BaseModel):
    """A team's share from one question."""

    score: float
    normalized: float | None
    rank: int


class CombinedRow(BaseModel):
    """A team's line on the leaderboard of several questions."""

    rank: int
    team: str
    members: list[str]
    score: float
    parts: dict[str, CombinedPart]
    baseline: Literal[False]


class CombinedLeaderboard(BaseModel):
    """The leaderboard over all questions; scores are 0 at the baseline and 1 at the best, or mean ranks."""

    competition: str
    split: Literal["public", "private"]
    method: Literal["normalized", "mean_rank"]
    version: int
    closed: bool
    hidden: bool
    rows: list[CombinedRow]


class Baseline(BaseModel):
    """How a reference notebook last ran; ``error`` is for organizers only."""

    question: str
    name: str
    state: Literal["ok", "failed"]
    cell: int | None
    error: str | None
    seconds: float | None
    ran_at: Time
    submission: int | None
