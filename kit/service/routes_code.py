"""Routes of code submissions: reading the code and its traceback, cancelling."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from kit.service import coding, models
from kit.service.context import Number, Reader, ServiceHere, Submitter
from kit.service.errors import documented

router = APIRouter(prefix="/api/v1", tags=["submissions"], responses=documented(401, 403, 404, 422, 500))
TEXT = {"text/plain": {"schema": {"type": "string"}}}
PRIVATE = {"Cache-Control": "private, no-cache"}


@router.get(
    "/submissions/{number}/traceback",
    response_class=Response,
    responses={200: {"description": "The text; empty where there is none.", "content": TEXT}},
)
def traceback(service: ServiceHere, caller: Reader, number: Number) -> Response:
    """Where your code failed and the end of what it printed, as text; shown also where scores are hidden."""
    return PlainTextResponse(coding.traceback(service, caller, number), headers=PRIVATE)


@router.get("/submissions/{number}/code")
def code(service: ServiceHere, caller: Reader, number: Number) -> models.Code:
    """The code of a submission: of your team, and in a phase where code is visible of every SCORED one."""
    return coding.code(service, caller, number)


@router.post("/submissions/{number}/cancel", responses=documented(400))
def cancel(service: ServiceHere, caller: Submitter, number: Number) -> models.Submission:
    """Cancel a submission: what waits ends at once and does not count, what runs ends within seconds."""
    return coding.cancel(service, caller, number)
