"""Routes of code submissions: reading the code and its traceback, cancelling, crediting."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, PlainTextResponse, Response

from kit.service import coding, crediting, models
from kit.service.context import Number, Reader, ServiceHere, Submitter
from kit.service.errors import documented
from kit.service.files import NOTEBOOK, binary

router = APIRouter(prefix="/api/v1", tags=["submissions"], responses=documented(401, 403, 404, 422, 500))
TEXT = {"text/plain": {"schema": {"type": "string"}}}
PRIVATE = {"Cache-Control": "private, no-cache"}
# What a notebook holds of HTML and scripts is a participant's: no browser is to run it as a page of ours.
_NOT_SHOWN = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}


@router.get(
    "/submissions/{number}/traceback",
    response_class=Response,
    responses={200: {"description": "The text; empty where there is none.", "content": TEXT}},
)
def traceback(service: ServiceHere, caller: Reader, number: Number) -> Response:
    """Where your code failed and the end of what it printed, as text; shown also where scores are hidden."""
    return PlainTextResponse(coding.traceback(service, caller, number), headers=PRIVATE)


@router.get(
    "/submissions/{number}/notebook",
    response_class=FileResponse,
    responses={200: {"description": "The notebook, to be kept as a file.", "content": binary(NOTEBOOK)}},
)
def notebook(service: ServiceHere, caller: Reader, number: Number) -> Response:
    """Your notebook as it ran, with its outputs; without them where test inputs are hidden."""
    path, filename = coding.notebook(service, caller, number)
    return FileResponse(path, media_type=NOTEBOOK, filename=filename, headers={**PRIVATE, **_NOT_SHOWN})


@router.get("/submissions/{number}/code")
def code(service: ServiceHere, caller: Reader, number: Number) -> models.Code:
    """The code of a submission: of your team, and in a phase where code is visible of every SCORED one."""
    return coding.code(service, caller, number)


@router.post("/submissions/{number}/cancel", responses=documented(400))
def cancel(service: ServiceHere, caller: Submitter, number: Number) -> models.Submission:
    """Cancel a submission: what waits ends at once and does not count, what runs ends within seconds."""
    return coding.cancel(service, caller, number)


@router.get("/submissions/{number}/credits")
def credits(service: ServiceHere, caller: Reader, number: Number) -> models.Credits:
    """What your submission owes to others, as your team says, and what its code suggests."""
    return crediting.read(service, caller, number)


@router.put("/submissions/{number}/credits", responses=documented(400))
def give_credits(
    service: ServiceHere, caller: Submitter, number: Number, asked: models.CreditsAsked
) -> models.Credits:
    """Say what your submission owes to older code that you may read, in place of what you said before."""
    return crediting.give(service, caller, number, asked)
