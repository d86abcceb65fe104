"""Submissions, judgements and scores: the facts the kit keeps, and how a judgement may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from kit.probing import Sketch


class State(StrEnum):
    """Where a judgement stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SCORED = "SCORED"
    REJECTED = "REJECTED"
    ERROR = "ERROR"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.REJECTED, State.ERROR}),
    State.RUNNING: frozenset({State.QUEUED, State.SCORED, State.REJECTED, State.ERROR}),
    State.SCORED: frozenset(),
    State.REJECTED: frozenset(),
    State.ERROR: frozenset(),
}
"""What may follow each state; RUNNING goes back to QUEUED when its worker died, and what waits is REJECTED
when its team cancels it."""


class Verdict(StrEnum):
    """Why a submission was REJECTED: the participant's to mend."""

    INVALID_PREDICTIONS = "invalid predictions"
    CRASHED = "crashed"
    TIME_LIMIT = "time limit"
    MEMORY_LIMIT = "memory limit"
    OUTPUT_MISSING = "output missing"
    PROCESS_LIMIT = "process limit"
    DISK_LIMIT = "disk limit"
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """What was submitted."""

    PREDICTIONS = "predictions"
    CODE = "code"
    NOTEBOOK = "notebook"

    @property
    def lane(self) -> Lane:
        """Where a submission of this kind waits."""
        return Lane.QUICK if self is Kind.PREDICTIONS else Lane.CODE


class Lane(StrEnum):
    """A queue of its own, with workers of its own: code never keeps predictions waiting."""

    QUICK = "quick"
    CODE = "code"


class Split(StrEnum):
    """A part of the truth."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True)
class Score:
    """A metric's value on a split, with an interval that contains it.

    ``level`` is the interval's nominal coverage; ``n_resamples`` how many bootstrap resamples it rests on;
    ``se`` its standard error, None where it is not known; ``warning`` why the interval should not be
    trusted, empty where it may be.
    """

    metric: str
    split: Split
    score: float
    low: float
    high: float
    level: float
    n_rows: int
    n_resamples: int
    se: float | None = None
    warning: str = ""

    @property
    def error(self) -> float:
        """The standard error; where none was kept, what the interval says of it."""
        if self.se is not None:
            return self.se
        return (self.high - self.low) / (2.0 * NormalDist().inv_cdf(0.5 + self.level / 2.0))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a judgement keeps of a split so that submissions can be compared and ranked later. Secret.

    Parameters
    ----------
    influences : ndarray of float32, shape (n_blocks,)
    resampled : ndarray of float32, shape (n_resamples,)
        The score on resamples that all submissions of the question share.
    """

    split: Split
    influences: NDArray[np.float32]
    resampled: NDArray[np.float32]


@dataclass(frozen=True)
class CodeResult:
    """What running a code submission left, beside its scores.

    Parameters
    ----------
    report : str
        JSON: scores of folds, their mean and spread, times, memory, isolation. Secret, as it holds all steps.
    traceback, output : str
        For the submission's own team; they hold no score.
    files : mapping of str to Path
        Files to be kept with the judgement: "test" (Parquet) and "valid" (npz, an array for each fold).
    """

    report: str
    traceback: str = ""
    output: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What judging a submission led to: one final state and its reason."""

    state: State
    scores: tuple[Score, ...] = ()
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    detail: str = ""
    """For the organizers' log; never shown to participants."""
    evidence: tuple[Evidence, ...] = ()
    sketch: Sketch | None = None
    """Of the predictions, to tell how many rows differ from those of other submissions. Secret."""
    code: CodeResult | None = None
    """Where code was run, also where that failed."""


@dataclass(frozen=True)
class Submission:
    """What a participant sent; never edited."""

    id: int
    competition: str
    question: str
    phase: str
    team_id: int
    team: str
    user: str
    kind: Kind
    filename: str
    note: str
    n_bytes: int
    sha256: str
    submitted_at: datetime
    is_baseline: bool


@dataclass(frozen=True)
class Judgement:
    """One judging of a submission under one version of its question; the last one counts."""

    id: int
    submission_id: int
    version: str
    state: State
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    incident: str | None = None
    attempts: int = 0
    scores: tuple[Score, ...] = field(default=())
