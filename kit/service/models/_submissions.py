"""Models of submissions and their scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from kit.service.models._code import CodeRun
from kit.service.models._fields import Asked, Time


class Value(BaseModel):
    """A metric's value with its interval; ``warning`` says why the interval should not be trusted."""

    score: float
    low: float
    high: float
    level: float
    n_rows: int
    warning: str


class Scores(BaseModel):
    """Values by metric; ``private`` is null for participants until the competition has closed."""

    public: dict[str, Value]
    private: dict[str, Value] | None


class Rejudged(BaseModel):
    """When a submission's new judgement began to count, why, and its score before where scores are shown."""

    at: Time
    reason: str
    before: Scores | None


State = Literal["QUEUED", "RUNNING", "SCORED", "REJECTED", "ERROR"]


class Submission(BaseModel):
    """A submission and how it was last judged.

    Where ``exact`` is false, scores have no more digits than their standard errors support. On a ladder,
    ``moved`` says whether this was a clear improvement, and the score is that of submission ``stands``.
    """

    id: int
    competition: str
    question: str
    team: str
    user: str
    kind: Literal["predictions", "code", "notebook"]
    filename: str
    note: str
    bytes: int
    sha256: str
    submitted_at: Time
    phase: str
    selected: bool
    baseline: bool
    state: State
    place_in_queue: int | None
    verdict: str | None
    reasons: list[str]
    incident: str | None
    queued_at: Time
    started_at: Time | None
    finished_at: Time | None
    score: Scores | None
    moved: bool | None
    stands: int | None
    exact: bool
    metric: str
    left_today: int | None
    rejudged: Rejudged | None
    code: CodeRun | None


class Taken(Submission):
    """A submission that was sent; ``earlier`` is whether the same content was there before, and is this."""

    earlier: bool


class Selection(Asked):
    """Ids of the submissions that count on the private leaderboard."""

    submissions: list[Annotated[int, Field(ge=1, le=2**63 - 1)]] = Field(max_length=100)
