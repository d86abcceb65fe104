"""Routes for organizers: people, the queue, rejudging, exports."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response

from kit.clock import from_text
from kit.errors import NotAllowed
from kit.service import models, organizing, probing, similar, views
from kit.service.auth import new_password
from kit.service.context import MAX_ID, HostedHere, Organizer, ServiceHere, organizer
from kit.service.errors import documented
from kit.service.exports import MEDIA_TYPES, Format
from kit.service.files import binary
from kit.service.models import organizer as answers
from kit.service.waiting import CONDITIONAL, Conditional, answer_changed
from kit.submission import Split

router = APIRouter(
    prefix="/api/v1",
    tags=["organizers"],
    dependencies=[Depends(organizer)],
    responses=documented(401, 403, 404, 422, 500),
)
BODY = documented(400, 408, 413)

Name = Annotated[str, Path(max_length=255)]
Limit = Annotated[int | None, Query(ge=1, le=10_000, description="How many; all, if not given.")]
Offset = Annotated[int, Query(ge=0, le=MAX_ID, description="How many come before.")]


@router.get("/users")
def users(
    service: ServiceHere,
    competition: Annotated[str | None, Query(max_length=63)] = None,
    limit: Limit = None,
    offset: Offset = 0,
) -> list[answers.UserLine]:
    """All users, or those of a competition, or a page of them, by name."""
    slug = None if competition is None else service.find(competition).slug
    rows = service.store.accounts.users(slug, limit=limit, offset=offset)
    return [organizing.user_line(row) for row in rows]


@router.post("/users/import", responses=BODY)
def import_users(service: ServiceHere, asked: answers.UserImport) -> list[answers.ImportedUser]:
    """Add users and put them into teams; makes passwords where none are given, and none on a JupyterHub."""
    return organizing.import_users(service, asked.users)


@router.post("/users/{name}/password", responses=BODY)
def set_password(service: ServiceHere, name: Name, asked: answers.NewPasswordAsked) -> answers.PasswordMade:
    """Set a user's password, and revoke their tokens; not on a JupyterHub, which has its own."""
    if service.hub is not None:
        raise NotAllowed(f"Here the JupyterHub says who people are: set the password of {name!r} there.")
    made = None if asked.password else new_password()
    hashed = service.passwords.hash(asked.password or made or "")
    service.store.accounts.set_password(name, hashed, now=service.clock())
    return answers.PasswordMade(password=made)


@router.post("/users/{name}/disabled", responses=BODY)
def set_disabled(service: ServiceHere, caller: Organizer, name: Name, asked: answers.Disable) -> models.User:
    """Keep a user out, or let them in again; yourself you cannot keep out."""
    organizing.set_disabled(service, caller, name, asked.disabled)
    return views.user(service.store.accounts.user(name))


@router.get("/competitions/{slug}/teams")
def teams(
    service: ServiceHere, hosted: HostedHere, limit: Limit = None, offset: Offset = 0
) -> list[answers.Team]:
    """The teams of a competition, or a page of them, by name."""
    rows = service.store.accounts.teams(hosted.slug, limit=limit, offset=offset)
    return [answers.Team(**row) for row in rows]


@router.get("/competitions/{slug}/probing", response_model=list[answers.Series], responses=CONDITIONAL)
async def signs_of_probing(
    service: ServiceHere, caller: Organizer, hosted: HostedHere, condition: Conditional
) -> Response:
    """What each team's submissions look like: signs of probing with evidence, public against private."""
    return await answer_changed(condition, service, caller, partial(probing.read, service, hosted))


@router.get("/competitions/{slug}/similar", response_model=list[answers.Pair], responses=CONDITIONAL)
async def similar_submissions(
    service: ServiceHere,
    caller: Organizer,
    hosted: HostedHere,
    condition: Conditional,
    question: Annotated[str | None, Query(max_length=63)] = None,
) -> Response:
    """Pairs of teams whose code or predictions are alike, with the lines. Similar is not copied."""
    read = partial(similar.read, service, hosted, question)
    return await answer_changed(condition, service, caller, read)


@router.get("/queue")
def queue(service: ServiceHere) -> answers.Queue:
    """What is being judged, by whom, and what failed last."""
    return organizing.queue(service)


@router.get("/incidents/{incident}")
def incident(service: ServiceHere, incident: Annotated[str, Path(max_length=20)]) -> answers.Incident:
    """The details of an unexpected error."""
    row = service.store.incident(incident)
    return answers.Incident(id=row["id"], at=from_text(row["at"]), where=row["place"], detail=row["detail"])


@router.get(
    "/competitions/{slug}/export",
    response_class=Response,
    responses={200: {"description": "The file.", "content": binary(*MEDIA_TYPES.values())}},
)
def export(
    service: ServiceHere,
    caller: Organizer,
    hosted: HostedHere,
    what: Literal["leaderboard", "submissions"],
    question: Annotated[str | None, Query(max_length=63)] = None,
    split: Split = Split.PUBLIC,
    format: Format = "csv",
) -> Response:
    """A leaderboard, or submissions with all their scores, as a file; formulas in text are made harmless."""
    name, content = organizing.export(service, hosted, caller, what, question, split, format)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES[format], headers=headers)
