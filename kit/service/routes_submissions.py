"""Routes of submissions: sending, reading, selecting."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from kit.code_files import MOST_BYTES, check_code, check_kind
from kit.service import models, submitting
from kit.service.context import MAX_ID, HostedHere, Number, QuestionHere, Reader, ServiceHere, Submitter
from kit.service.entry import join
from kit.service.errors import documented
from kit.service.files import DOWNLOAD, UPLOAD
from kit.service.uploads import keep_body
from kit.service.waiting import CONDITIONAL, Conditional, answer_changed
from kit.store import Blob, Received
from kit.submission import Kind

router = APIRouter(prefix="/api/v1", tags=["submissions"], responses=documented(401, 403, 404, 422, 500))


@router.post(
    "/competitions/{slug}/questions/{question}/submissions",
    status_code=201,
    response_model=models.Taken,
    openapi_extra=UPLOAD,
    responses={
        200: {"model": models.Taken, "description": "Taken before: the same key or content."},
        **documented(400, 408, 413, 429),
    },
)
async def submit(
    request: Request,
    response: Response,
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Submitter,
    filename: models.FileName,
    note: models.Note = "",
    once: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> models.Taken:
    """Submit a file: the body is the file. With an Idempotency-Key it may safely be sent again.

    ``once`` is the file's SHA-256: where your team sent the same before to this question, and it waits, runs
    or is SCORED, that submission is given back and nothing is used up. Without it each file is a new one.

    Its name tells its kind. Predictions are CSV or Parquet, code is a .py file or a .zip of modules, a
    notebook ends in .ipynb; the question says which of them it takes.
    """
    kind = check_kind(filename, question.kinds, question.id)
    parties = (service, hosted, question, caller)
    check_first = partial(submitting.check_before_upload, *parties, idempotency_key, once)
    # Who has a team is only read of: as quick as the way to a thread and back.
    has_team = service.store.accounts.team_of(hosted.slug, caller.user_id) is not None
    team = check_first() if has_team else await run_in_threadpool(check_first)
    if isinstance(team, models.Taken):
        response.status_code = 200
        return team
    is_code = kind is not Kind.PREDICTIONS
    max_bytes = MOST_BYTES if is_code else question.max_bytes
    check = partial(check_code, filename=filename, entries=question.entries) if is_code else None

    def add(blob: Blob) -> tuple[models.Taken, bool]:
        submitting.check_content(blob.sha256, once)
        received = Received(
            blob.sha256, blob.n_bytes, filename, note, kind, idempotency_key, once=once is not None
        )
        return submitting.add(*parties, team, received)

    submission, is_new = await keep_body(
        request, service, question=question.id, max_bytes=max_bytes, check=check, then=add
    )
    response.status_code = 201 if is_new else 200
    return submission


@router.get(
    "/competitions/{slug}/submissions",
    response_model=list[models.Submission],
    responses=CONDITIONAL,
)
async def list_submissions(
    service: ServiceHere,
    hosted: HostedHere,
    caller: Reader,
    condition: Conditional,
    question: Annotated[str | None, Query(max_length=63)] = None,
    team: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    offset: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> Response:
    """Your team's submissions, newest first; for organizers all, or a team's."""
    read = partial(submitting.read_list, service, hosted, caller)
    wanted = partial(read, question=question, team=team, limit=limit, offset=offset)
    return await answer_changed(condition, service, caller, wanted)


@router.get("/submissions/{number}", response_model=models.Submission, responses=CONDITIONAL)
async def submission(
    service: ServiceHere,
    caller: Reader,
    condition: Conditional,
    number: Number,
) -> Response:
    """A submission of your team, and how it was judged."""
    read = partial(submitting.read_one, service, caller, number)
    return await answer_changed(condition, service, caller, read)


@router.get(
    "/submissions/{number}/file",
    response_class=FileResponse,
    responses=DOWNLOAD,
)
def submitted_file(service: ServiceHere, caller: Reader, number: Number) -> Response:
    """The file as it was received."""
    _, found = submitting.find(service, caller, number)
    return FileResponse(
        service.store.blobs.path(found.sha256),
        filename=found.filename,
        media_type="application/octet-stream",
        headers={"ETag": f'"{found.sha256}"'},
    )


@router.get("/competitions/{slug}/questions/{question}/selection")
def selection(
    service: ServiceHere, hosted: HostedHere, question: QuestionHere, caller: Reader
) -> models.Selection:
    """Which of your team's submissions count on the private leaderboard; if none, the best public ones."""
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    chosen = () if team is None else service.store.submissions.selected(team["id"], question.id)
    return models.Selection(submissions=list(chosen))


@router.put("/competitions/{slug}/questions/{question}/selection", responses=documented(400, 408, 413))
def select(
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Submitter,
    asked: models.Selection,
) -> models.Selection:
    """Choose which of your team's SCORED submissions count on the private leaderboard."""
    now, submissions = service.clock(), service.store.submissions
    team = join(service.store, hosted, caller, now=now)
    submissions.select(hosted.competition, question.question, team["id"], asked.submissions, now)
    return models.Selection(submissions=list(submissions.selected(team["id"], question.id)))
