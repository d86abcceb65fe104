"""Models of competitions, and of taking part in them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from kit.service.models._code import QuestionCode
from kit.service.models._fields import Asked, ShortText, TeamName, Time


class CompetitionLine(BaseModel):
    """A competition in a list."""

    slug: str
    title: str
    summary: str
    opens_at: Time
    closes_at: Time


class Phase(BaseModel):
    """A stretch of time with its own limits."""

    id: str
    opens_at: Time
    closes_at: Time
    daily_limit: int | None
    total_limit: int | None
    interval_s: float
    leaderboard: Literal["public", "hidden", "frozen", "ladder"]
    code_visible: bool


class Metric(BaseModel):
    """A metric and its direction."""

    name: str
    greater_is_better: bool
    summary: str


class DataFile(BaseModel):
    """A file to download."""

    name: str
    bytes: int
    sha256: str
    url: str


class SharedFiles(BaseModel):
    """Names of files in the folder that accounts of the machine share; of those that are there."""

    names: dict[str, str]


class Question(BaseModel):
    """A question, and the form its predictions take: null or empty where it takes none."""

    id: str
    title: str
    metric: str
    metrics: list[Metric]
    id_column: str
    target: list[str]
    columns: list[str]
    domain: str
    classes: list[str]
    positive: str | None
    n_rows: int | None
    max_bytes: int
    weight: float
    kinds: list[Literal["predictions", "code", "notebook"]]
    code: QuestionCode | None
    data: list[DataFile]
    sample_submission: str | None
    version: int


class Membership(BaseModel):
    """You in a competition; ``team`` is null until you join, which happens at the first submission."""

    name: str
    role: Literal["participant", "organizer"]
    team: str | None
    members: list[str]
    rules_accepted: bool


class Overview(CompetitionLine):
    """A competition."""

    rules: str | None
    now: Time
    phase: Phase | None
    phases: list[Phase]
    state: Literal["upcoming", "open", "closed"]
    signup: Literal["open", "invite", "hub"]
    selected: int
    questions: list[Question]
    me: Membership | None


class Join(Asked):
    """An invite code where one is needed; a name for the team, else it has yours."""

    invite: ShortText | None = None
    team: TeamName | None = None


class Limit(BaseModel):
    """What is left of your team's limits on a question; null is no limit."""

    question: str
    phase: str
    daily_limit: int | None
    used_today: int
    left_today: int | None
    total_limit: int | None
    used: int
    left: int | None
    resets_at: Time
    next_at: Time | None


class LedgerLine(BaseModel):
    """A debit or a refund of your team's limits."""

    at: Time
    question: str
    phase: str
    submission: int
    delta: Literal[-1, 1]
    reason: str
