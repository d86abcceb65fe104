"""Models of leaderboards and baselines."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from kit.service.models._fields import Time

Mode = Literal["public", "hidden", "frozen", "ladder"]
"""What the phase in force shows participants of scores; public once the competition has closed."""


class BuiltOn(BaseModel):
    """A submission that another credits."""

    submission: int
    team: str


class BoardRow(BaseModel):
    """A team's line, or a submission's; baselines are placed by their score and have no rank.

    ``rank_low`` to ``rank_high`` are the plausible ranks: all teams' true ranks are in theirs at once with
    95 %. ``tie_with_first`` says that a team cannot be told apart from rank 1 at 5 %, corrected for the
    number of teams; ``p_first`` is the probability that it is truly first. Null where not known.

    ``contributivity`` is the share of all folds' ensembles in per cent, of all that the team submitted or of
    the one submission; ``bagged_contributivity`` is a steadier one with its standard error; with
    ``historical_contributivity`` each passes on what it credits to others. Null where public scores are not
    shown as they are. Times are those of all folds together.
    """

    rank: int | None
    rank_low: int | None
    rank_high: int | None
    tie_with_first: bool
    p_first: float | None
    team: str
    members: list[str]
    score: float
    low: float
    high: float
    level: float
    warning: str
    metrics: dict[str, float]
    n_submissions: int
    submitted_at: Time
    submission: int
    baseline: bool
    note: str | None
    shake_up: int | None
    contributivity: float | None = None
    historical_contributivity: float | None = None
    bagged_contributivity: float | None = None
    contributivity_error: float | None = None
    fit_s: float | None = None
    valid_s: float | None = None
    test_s: float | None = None
    peak_bytes: int | None = None
    built_on: list[BuiltOn] = []


class Blend(BaseModel):
    """The ensemble of all submissions, and that of each fold's best one: scores by step, valid to private.

    ``why`` says why there is none; ``n_left_out`` submissions are not in it, as it takes a bounded number.
    """

    combined: dict[str, float]
    foldwise_best: dict[str, float]
    n_submissions: int
    n_left_out: int
    n_folds: int
    made_at: Time
    why: str


class Leaderboard(BaseModel):
    """A question's leaderboard, best first.

    Where ``exact`` is false, numbers have no more digits than their standard errors support. Ranks follow
    the exact scores. ``rows`` are those after the first ``offset`` of ``n_rows``; where they are not all,
    ``own`` is the row of the asker's team, if it has one, wherever it stands. ``per`` says what has a row:
    a team, or each submission. ``blend`` is null where public scores are not shown as they are.
    """

    competition: str
    question: str
    split: Literal["public", "private"]
    metric: str
    greater_is_better: bool
    version: int
    updated_at: Time | None
    closed: bool
    hidden: bool
    mode: Mode
    exact: bool
    n_rows: int
    offset: int
    own: BoardRow | None
    per: Literal["team", "submission"] = "team"
    blend: Blend | None = None
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
    """The leaderboard over all questions; scores are 0 at the baseline and 1 at the best, or mean ranks.

    ``rows``, ``offset``, ``n_rows`` and ``own`` are as of a question's leaderboard.
    """

    competition: str
    split: Literal["public", "private"]
    method: Literal["normalized", "mean_rank"]
    version: int
    closed: bool
    hidden: bool
    mode: Mode
    exact: bool
    n_rows: int
    offset: int
    own: CombinedRow | None
    rows: list[CombinedRow]


class Comparison(BaseModel):
    """Submission ``a`` against ``b`` on the same rows, as one sentence and in numbers.

    ``difference`` is the score of ``a`` minus that of ``b``, ``p_value`` how often so large a one arises
    between equals, and ``better`` is null where they cannot be told apart at 5 %. ``team`` is whose best
    submission ``b`` is, if it was asked for by team.
    """

    competition: str
    question: str
    split: Literal["public", "private"]
    metric: str
    greater_is_better: bool
    a: int
    b: int
    team: str | None
    difference: float
    low: float
    high: float
    level: float
    p_value: float
    better: Literal["a", "b"] | None
    sentence: str
    warning: str
    exact: bool


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
