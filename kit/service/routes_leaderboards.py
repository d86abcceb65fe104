"""Routes of leaderboards and baselines, as everyone who takes part may see them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import AwareDatetime, TypeAdapter

from kit.errors import InvalidRequest, NotAllowed, NotFound, NotLoggedIn
from kit.service import comparing, models, views
from kit.service.auth import ONLOOKER, Caller
from kit.service.context import (
    MAX_ID,
    BaselineName,
    HostedHere,
    Onlooker,
    QuestionHere,
    Reader,
    Service,
    ServiceHere,
)
from kit.service.entry import check_entry
from kit.service.errors import documented
from kit.service.files import binary
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.past import read_past
from kit.service.view import View, view_of_bytes
from kit.service.waiting import CONDITIONAL, Condition, Conditional, answer_changed
from kit.service.window import WHOLE, Window
from kit.submission import Split

router = APIRouter(prefix="/api/v1/competitions", tags=["leaderboards"])

NOTEBOOK = "application/x-ipynb+json"
BOARD = f"{router.prefix}/{{slug}}/questions/{{question}}/leaderboard"
Limit = Annotated[int | None, Query(ge=1, le=1000, description="Rows of a page.")]
Offset = Annotated[int, Query(ge=0, le=MAX_ID, description="Rows above the page.")]
Around = Annotated[Literal["me"] | None, Query(description="`me`: the page with your team in its middle.")]
SubmissionId = Annotated[int, Query(ge=1, le=MAX_ID)]

_LIST = TypeAdapter(list[models.Baseline])


@router.get(
    "/{slug}/questions/{question}/leaderboard",
    response_model=models.Leaderboard,
    responses={**CONDITIONAL, **documented(400)},
)
async def leaderboard(
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Onlooker,
    condition: Conditional,
    split: Split = Split.PUBLIC,
    version: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    at: AwareDatetime | None = None,
    limit: Limit = None,
    offset: Offset = 0,
    around: Around = None,
    per: Annotated[
        Literal["team", "submission"], Query(description="What has a row: each team, or each submission.")
    ] = "team",
) -> Response:
    """A question's leaderboard; the private one is for organizers until the competition has closed.

    All rows, where they are no more than 1,000 and no page is asked for; else a page, and the row of the
    asker's team. Organizers may ask for that of a version of the question, or at a moment that has passed.
    """
    window = Window(limit, offset, around == "me")
    if (version, at, per) == (None, None, "team"):
        return await follow(service, hosted, question, caller, condition, split, window)

    def read() -> View:
        check_split(service, hosted, caller, split)
        if caller is ONLOOKER:
            raise NotLoggedIn("Log in first: without a log-in there is the teams' leaderboard as it is now.")
        if version is not None or at is not None:
            if per != "team":
                raise InvalidRequest("An earlier leaderboard has a row for each team alone: take per out.")
            return read_past(service, hosted, question, caller, split, version=version, at=at, window=window)
        return service.boards.submissions(hosted, question, split, caller, window)

    return await answer_changed(condition, service, caller, read, limiter=service.board_readers)


async def follow(
    service: Service,
    hosted: Hosted,
    question: HostedQuestion,
    caller: Caller,
    condition: Condition,
    split: Split,
    window: Window = WHOLE,
) -> Response:
    """A question's leaderboard of teams as it is now, or when it changes."""

    def read() -> View:
        check_split(service, hosted, caller, split)
        return service.boards.question(hosted, question, split, caller, window)

    def recent() -> View | None:
        if not window.is_whole:
            return None
        check_split(service, hosted, caller, split)
        return service.boards.recent(hosted, question, split, caller)

    limiter = service.board_readers
    return await answer_changed(condition, service, caller, read, limiter=limiter, recent=recent)


@router.get("/{slug}/leaderboard", response_model=models.CombinedLeaderboard, responses=CONDITIONAL)
async def combined_leaderboard(
    service: ServiceHere,
    hosted: HostedHere,
    caller: Onlooker,
    condition: Conditional,
    split: Split = Split.PUBLIC,
    method: Literal["normalized", "mean_rank"] = "normalized",
    limit: Limit = None,
    offset: Offset = 0,
    around: Around = None,
) -> Response:
    """The leaderboard over all questions, or a page of it."""

    def read() -> View:
        check_split(service, hosted, caller, split)
        return service.boards.combined(hosted, split, method, caller, Window(limit, offset, around == "me"))

    return await answer_changed(condition, service, caller, read, limiter=service.board_readers)


@router.get("/{slug}/compare", responses=documented(400, 401, 403, 404, 422, 429, 500))
def compare(
    service: ServiceHere,
    hosted: HostedHere,
    caller: Reader,
    a: SubmissionId,
    b: SubmissionId | None = None,
    team: Annotated[str | None, Query(max_length=255)] = None,
    split: Split = Split.PUBLIC,
) -> models.Comparison:
    """How your submission ``a`` differs from ``b``, also yours, or from the best public one of a ``team``.

    Organizers may compare any two.
    """
    return comparing.compared(service, hosted, caller, comparing.Asked(a, b, team, split))


@router.get("/{slug}/baselines", response_model=list[models.Baseline], responses=CONDITIONAL)
async def baselines(
    service: ServiceHere,
    hosted: HostedHere,
    caller: Reader,
    condition: Conditional,
) -> Response:
    """The reference notebooks, and how each last ran."""
    return await answer_changed(condition, service, caller, partial(read_baselines, service, hosted, caller))


@router.get(
    "/{slug}/questions/{question}/baselines/{name}/notebook",
    response_class=FileResponse,
    responses={
        200: {"description": "The executed notebook.", "content": binary(NOTEBOOK)},
        **documented(401, 403, 404, 422, 500),
    },
)
def baseline_notebook(
    service: ServiceHere, hosted: HostedHere, question: QuestionHere, caller: Reader, name: BaselineName
) -> Response:
    """A reference notebook as it was executed; one that failed is for organizers only."""
    check_entry(service.store, hosted, caller, now=service.clock())
    sha256 = find_notebook(service, hosted, question, caller, name)
    path = service.store.blobs.path(sha256)
    return FileResponse(path, filename=f"{name}.ipynb", media_type=NOTEBOOK)


def check_split(service: Service, hosted: Hosted, caller: Caller, split: Split) -> None:
    """Let pass who may see a split's leaderboard now.

    Raises
    ------
    NotAllowed
    """
    now = service.clock()
    check_entry(service.store, hosted, caller, now=now)
    if split is Split.PRIVATE and not (caller.is_organizer or hosted.is_closed(now)):
        raise NotAllowed(f"The private leaderboard opens when '{hosted.slug}' closes.")


def read_baselines(service: Service, hosted: Hosted, caller: Caller) -> View:
    """The reference notebooks' last runs, as bytes."""
    check_entry(service.store, hosted, caller, now=service.clock())
    rows = service.store.baselines(hosted.slug)
    listed = [views.baseline(row, is_organizer=caller.is_organizer) for row in rows]
    return view_of_bytes(_LIST.dump_json(listed), [f"baselines/{hosted.slug}"])


def find_notebook(
    service: Service, hosted: Hosted, question: HostedQuestion, caller: Caller, name: str
) -> str:
    """Hash of an executed notebook; a traceback in it may hold paths and values, so failed ones are hidden.

    Raises
    ------
    NotFound
    """
    for row in service.store.baselines(hosted.slug):
        is_it = (row["question"], row["name"]) == (question.id, name) and row["sha256"] is not None
        if is_it and (row["state"] == "ok" or caller.is_organizer):
            return str(row["sha256"])
    raise NotFound(f"There is no executed notebook of a baseline {name!r}.")
