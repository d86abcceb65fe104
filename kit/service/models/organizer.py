"""What crosses HTTP between the service and organizers, as models. Decides nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kit.service.models._fields import Asked, Email, HubName, NewPassword, TeamName, Time, UserName
from kit.service.models._service import Shown
from kit.service.models._submissions import State

MAX_IMPORT = 200


class UserLine(BaseModel):
    """A user, as organizers see them."""

    id: int
    name: str
    email: str | None
    role: Literal["participant", "organizer"]
    team: str | None
    created_at: Time
    last_seen_at: Time | None
    n_submissions: int
    disabled: bool


class NewUser(Asked):
    """A user to add, and maybe the team to put them into; without a Hub, names are chosen ones."""

    name: HubName
    email: Email | None = None
    password: NewPassword | None = None
    team: TeamName | None = None
    competition: Annotated[str, Field(max_length=63)] | None = None


_CHOSEN = TypeAdapter[str](UserName)


def is_chosen(name: str) -> bool:
    """Whether people may choose a name here; a JupyterHub gives others too."""
    try:
        _CHOSEN.validate_python(name)
    except ValidationError:
        return False
    return True


class UserImport(Asked):
    """Users to add; those that exist are left as they are, but for their team."""

    users: list[NewUser] = Field(max_length=MAX_IMPORT)


class ImportedUser(BaseModel):
    """What became of a user to add; ``password`` only where it was generated."""

    name: str
    password: str | None
    created: bool
    problem: str | None


class NewPasswordAsked(Asked):
    """A new password; one is generated where none is given."""

    password: NewPassword | None = None


class PasswordMade(BaseModel):
    """The password, where it was generated."""

    password: str | None


class Disable(Asked):
    """Whether a user is kept out."""

    disabled: bool


class Team(BaseModel):
    """A team."""

    id: int
    name: str
    members: list[str]
    created_at: Time
    n_submissions: int


class QueueLine(BaseModel):
    """A judgement that waits, runs or ended as ERROR.

    ``place`` is that in its lane; of code, ``n_done`` of ``n_folds`` folds are done.
    """

    submission: int
    competition: str
    question: str
    team: str
    state: State
    queued_at: Time
    started_at: Time | None
    finished_at: Time | None
    worker: str | None
    attempts: int
    incident: str | None
    place: int | None
    rejudge: int | None
    kind: Literal["predictions", "code", "notebook"]
    lane: Literal["quick", "code"]
    n_folds: int
    n_done: int


class Worker(BaseModel):
    """A judge that was seen in the last minute."""

    id: str
    pid: int
    seen_at: Time


class Isolation(BaseModel):
    """What participants' code runs in: a level, what holds it apart, what is not at hand.

    ``refused`` holds a line for each question that asks for more, and whose code is not run.
    """

    level: Shown
    features: list[str]
    missing: list[str]
    refused: list[str]


class Trouble(BaseModel):
    """What keeps the service from taking submissions now, and its incident."""

    what: Literal["disk full", "database busy"]
    incident: str


class Queue(BaseModel):
    """What is being judged, by whom, and what failed."""

    queued: list[QueueLine]
    running: list[QueueLine]
    errors: list[QueueLine]
    workers: list[Worker]
    isolation: Isolation
    trouble: Trouble | None


class Incident(BaseModel):
    """The details of an unexpected error."""

    id: str
    at: Time
    where: str
    detail: str


class Flag(BaseModel):
    """A sign of probing, with its evidence and the submissions that show it."""

    sign: Literal["near-constant", "few rows", "sweep", "budget"]
    evidence: str
    submissions: list[int]


class Growth(BaseModel):
    """By how much more a team gained in public than in private, from its first submission to its best."""

    growth: float
    se: float


class Try(BaseModel):
    """A submission's score on both splits."""

    submission: int
    submitted_at: Time
    public: float
    private: float


class Series(BaseModel):
    """What a team's submissions to a question look like, in the order in which they were scored.

    ``bits`` is at most what its public scores can have told of the labels, and ``worth`` by how many standard
    errors, in the mean, so many bits can lift a score. ``overfitting`` is null where there is nothing to
    compare.
    """

    question: str
    team: str
    n_submissions: int
    flags: list[Flag]
    bits: float
    worth: float
    overfitting: Growth | None
    tries: list[Try]


class Alike(BaseModel):
    """One of two similar submissions."""

    submission: int
    team: str
    submitted_at: Time


class AlikeLines(BaseModel):
    """Lines that are the same in both but for names, constants and layout."""

    file: str
    start: int
    text: str
    other_file: str
    other_start: int
    other_text: str


class Pair(BaseModel):
    """Two teams' submissions that are more alike than independent ones are; ``first`` came later.

    Of code, ``share`` of the first is in the second and ``share_back`` of the second in the first, of what
    nobody was given; ``lines`` say where. Of predictions, ``share`` of the rows are equal, and about
    ``n_different`` are not. ``credited``: the first says that it is built on the second's team.
    """

    question: str
    what: Literal["code", "predictions"]
    first: Alike
    second: Alike
    share: float
    share_back: float | None
    n_different: int | None
    credited: bool
    lines: list[AlikeLines]
