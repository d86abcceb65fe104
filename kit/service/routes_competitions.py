"""Routes of competitions: what there is, taking part, data, limits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse

from kit.service import models, views
from kit.service.context import Anyone, HostedHere, QuestionHere, Reader, ServiceHere, Submitter
from kit.service.entry import check_entry, join
from kit.service.errors import documented
from kit.service.files import DOWNLOAD, PARQUET, binary
from kit.service.waiting import IfNoneMatch, is_known

router = APIRouter(prefix="/api/v1/competitions", tags=["competitions"], responses=documented(500))


@router.get("")
def list_competitions(service: ServiceHere) -> list[models.CompetitionLine]:
    """The competitions of this service."""
    return [views.line(hosted) for hosted in service.hosted.values()]


@router.get("/{slug}", responses=documented(404, 422))
def overview(service: ServiceHere, hosted: HostedHere, caller: Anyone) -> models.Overview:
    """A competition: rules, phases, questions, and you in it where your token is valid."""
    return views.overview(service.store, hosted, caller, now=service.clock())


@router.post("/{slug}/join", responses=documented(400, 401, 403, 404, 408, 409, 413, 422, 429))
def join_competition(
    service: ServiceHere, hosted: HostedHere, caller: Submitter, asked: models.Join
) -> models.Membership:
    """Take part; needed only with an invite code, or for a team's name other than yours."""
    now = service.clock()
    with service.wrong_invites.failures(caller.user["name"], now):
        join(service.store, hosted, caller, now=now, invite=asked.invite, team=asked.team)
    return views.membership(service.store, hosted, caller)


@router.post("/{slug}/rules", status_code=204, responses=documented(401, 403, 404, 422))
def accept_rules(service: ServiceHere, hosted: HostedHere, caller: Submitter) -> Response:
    """Accept the rules as they read now, and take part."""
    now, accounts = service.clock(), service.store.accounts
    join(service.store, hosted, caller, now=now)
    if hosted.rules_hash is not None:
        accounts.accept_rules(hosted.slug, caller.user_id, hosted.rules_hash, now=now)
    return Response(status_code=204)


@router.get(
    "/{slug}/questions/{question}/data/{name}",
    response_class=FileResponse,
    responses={**DOWNLOAD, 304: {"description": "Not changed."}, **documented(401, 403, 404, 422)},
)
def data_file(
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Reader,
    name: Annotated[str, Path(max_length=255)],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A file of a question's data; ranges work."""
    check_entry(service.store, hosted, caller, now=service.clock())
    file = question.find_file(name)
    headers = {"ETag": f'"{file.sha256}"', "Cache-Control": "private, no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return FileResponse(file.path, filename=name, media_type="application/octet-stream", headers=headers)


@router.get("/{slug}/questions/{question}/shared", responses=documented(401, 403, 404, 422))
def shared_files(
    service: ServiceHere, hosted: HostedHere, question: QuestionHere, caller: Reader
) -> models.SharedFiles:
    """Where accounts of this machine find a question's data without downloading: names in a shared folder."""
    now = service.clock()
    check_entry(service.store, hosted, caller, now=now)
    if service.shared is None or hosted.state(now) == "upcoming":
        return models.SharedFiles(names={})
    found = {file.name: service.shared.name(file) for file in question.files.values()}
    return models.SharedFiles(names={name: shared for name, shared in found.items() if shared})


@router.get(
    "/{slug}/questions/{question}/expected",
    response_class=Response,
    responses={
        200: {"description": "Parquet of one column: the ids, sorted.", "content": binary(PARQUET)},
        304: {"description": "Not changed."},
        **documented(401, 403, 404, 422),
    },
)
def expected(
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Reader,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The ids that predictions must have, so that a notebook can check them as the service will."""
    check_entry(service.store, hosted, caller, now=service.clock())
    ids = question.ids()
    headers = {"ETag": f'"{question.ids_sha256}"', "Cache-Control": "private, no-cache"}
    if is_known(headers["ETag"], if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(ids, media_type=PARQUET, headers=headers)


@router.get("/{slug}/limits", responses=documented(401, 403, 404, 422))
def limits(service: ServiceHere, hosted: HostedHere, caller: Reader) -> list[models.Limit]:
    """What is left of your team's limits in the open phase, by question."""
    return views.limits(service.store, hosted, caller, now=service.clock())


@router.get("/{slug}/ledger", responses=documented(401, 403, 404, 422))
def ledger(service: ServiceHere, hosted: HostedHere, caller: Reader) -> list[models.LedgerLine]:
    """Each debit and refund of your team's limits, oldest first."""
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    rows = [] if team is None else service.store.submissions.ledger(hosted.slug, team["id"])
    return [views.ledger_line(row) for row in rows]
