"""Models of versions, of rejudges, and of what participants are told of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from kit.service.models._fields import Asked, TeamName, Time

MAX_REASON = 500


class RejudgeAsked(Asked):
    """What to judge again: some submissions, a team's, or by default all of the question."""

    submissions: (
        Annotated[list[Annotated[int, Field(ge=1, le=2**63 - 1)]], Field(max_length=10_000)] | None
    ) = None
    team: TeamName | None = None
    dry_run: bool = False
    reason: Annotated[str, Field(max_length=MAX_REASON)] = ""


class Rejudge(BaseModel):
    """A rejudge and how far it is; ``version`` counts the question's versions from 1."""

    id: int
    question: str
    state: Literal["running", "stopped", "blocked", "ready", "done", "overtaken"]
    dry_run: bool
    partial: bool
    reason: str
    version: int
    from_version: int
    started_at: Time
    ended_at: Time | None
    n: int
    n_done: int
    n_errors: int
    message: str


class ReportRow(BaseModel):
    """A team before and after; ``moved`` is places won, negative where lost."""

    team: str
    baseline: bool
    rank_before: int | None
    rank_after: int | None
    moved: int | None
    score_before: float | None
    score_after: float | None
    submission_before: int | None
    submission_after: int | None


class Report(BaseModel):
    """What a rejudge does to a question's leaderboard, in the order that follows."""

    rejudge: Rejudge
    split: Literal["public", "private"]
    metric_before: str
    metric_after: str
    greater_is_better: bool
    n_moved: int
    rows: list[ReportRow]


class QuestionVersion(BaseModel):
    """Which version of a question is in force, and which its files are; null where they cannot be read."""

    question: str
    in_force: int
    files: int | None
    n_stale: int
    message: str


class Change(BaseModel):
    """One of your submissions before and after; null where it had no score, or scores are not shown."""

    submission: int
    before: float | None
    after: float | None


class Notice(BaseModel):
    """That submissions were judged again, and why; ``changes`` are of your team's public scores."""

    id: int
    at: Time
    question: str
    version: int
    reason: str
    partial: bool
    metric: str
    changes: list[Change]
