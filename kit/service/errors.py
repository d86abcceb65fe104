"""Errors as HTTP: the one place where an error becomes a status code and JSON."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from kit.clock import Clock
from kit.errors import (
    AlreadyExists,
    InvalidPredictions,
    InvalidRequest,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OverLimit,
    ParticipantError,
    ServiceError,
)
from kit.service.trouble import BUSY, DiskFull, Troubles
from kit.store import Store, Trouble, trouble_of

log = logging.getLogger("kit.service")

STATUS: dict[type[ParticipantError], int] = {
    InvalidRequest: 400,
    NotLoggedIn: 401,
    OverLimit: 429,
    NotAllowed: 403,
    NotFound: 404,
    AlreadyExists: 409,
    # The service reads no predictions: here this only ever means that a file is too large.
    InvalidPredictions: 413,
}
"""The status of each error that participants may see; the first class that fits counts."""

MOST_SHOWN = 80
"""Characters of what was asked that an error repeats."""
_BY_STATUS = {400: InvalidRequest, 401: NotLoggedIn, 403: NotAllowed, 404: NotFound, 409: AlreadyExists}


class ErrorFacts(BaseModel):
    """What went wrong, and whose it is to mend."""

    cls: str
    message: str
    problems: list[str] = []
    question: str | None = None
    incident: str | None = None

    model_config = {"serialize_by_alias": True, "alias_generator": lambda n: "class" if n == "cls" else n}


class ErrorAnswer(BaseModel):
    """Every answer that is an error."""

    error: ErrorFacts


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's ``responses`` says of the errors it may answer with.

    >>> sorted(documented(404))
    [404]
    """
    return {s: {"model": ErrorAnswer, "description": HTTPStatus(s).phrase} for s in statuses}


def add_handlers(app: FastAPI, clock: Clock) -> None:
    """Make an app answer errors the kit's way."""

    async def participants(_: Request, error: Exception) -> Response:
        assert isinstance(error, ParticipantError)
        return _participant_answer(error, clock)

    app.add_exception_handler(ParticipantError, participants)
    app.add_exception_handler(ServiceError, _away_answer)
    app.add_exception_handler(DiskFull, _full_answer)
    app.add_exception_handler(RequestValidationError, _schema_answer)
    app.add_exception_handler(HTTPException, http_answer)
    app.add_exception_handler(ClientDisconnect, _nobody_answer)


def _participant_answer(error: ParticipantError, clock: Clock) -> Response:
    kind = next(kind for kind in STATUS if isinstance(error, kind))
    headers = {"WWW-Authenticate": "Bearer"} if kind is NotLoggedIn else {}
    if isinstance(error, OverLimit) and error.retry_at is not None:
        left_s = (error.retry_at - clock()).total_seconds()
        headers["Retry-After"] = str(max(1, math.ceil(left_s)))
    return answer(
        STATUS[kind],
        # A client need not know the finer classes: the status tells them apart.
        "NotAllowed" if kind is OverLimit else kind.__name__,
        str(error),
        problems=list(error.problems) if isinstance(error, InvalidPredictions) else [],
        question=error.question if isinstance(error, InvalidPredictions) else None,
        headers=headers,
    )


async def _schema_answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(map(str, e['loc'][1:] or e['loc']))}: {e['msg']}{_got(e)}" for e in error.errors()
    ]
    message = "\n".join(["The request is not understood.", *(f"  - {p}" for p in problems)])
    return answer(422, "InvalidRequest", message, problems=problems)


def _got(error: Mapping[str, Any]) -> str:
    """What was given, in an address; not in a body, where it may be a password."""
    is_shown = error["loc"][0] in ("query", "path") and error["type"] != "missing"
    return f", not {str(error['input'])[:MOST_SHOWN]!r}" if is_shown else ""


async def http_answer(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses, such as an address that is none, as JSON."""
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code, InvalidRequest)
    message = str(error.detail)
    if message == HTTPStatus(error.status_code).phrase:
        asked = f"{request.method} {request.url.path}"[:MOST_SHOWN]
        listed = f"{request.scope.get('root_path', '')}/docs"
        message = f"{message}: '{asked}' is none of the service's addresses, which {listed} lists."
    return answer(error.status_code, kind.__name__, message, headers=error.headers)


async def _away_answer(_: Request, error: Exception) -> Response:
    # Something that the service leans on is away: worth asking again, and no incident of ours.
    return answer(503, "ServiceError", str(error), headers={"Retry-After": "2"})


async def _full_answer(_: Request, error: Exception) -> Response:
    assert isinstance(error, DiskFull)
    return answer(507, "ServiceError", str(error), incident=error.incident)


async def _nobody_answer(_: Request, __: Exception) -> Response:
    return Response(status_code=400)


def answer(
    status: int,
    kind: str,
    message: str,
    *,
    problems: list[str] | None = None,
    question: str | None = None,
    incident: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error as JSON."""
    facts = {"class": kind, "message": message, "problems": problems or [], "question": question}
    return JSONResponse({"error": facts | {"incident": incident}}, status_code=status, headers=headers)


@dataclass(frozen=True)
class Failure:
    """What is told of an error that nobody expected."""

    status: int
    message: str
    incident: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> JSONResponse:
        """As the interface tells errors."""
        return answer(self.status, "ServiceError", self.message, incident=self.incident, headers=self.headers)


def unexpected(error: Exception, where: str, store: Store, clock: Clock, troubles: Troubles) -> Failure:
    """Keep the details of an error for the organizers; tell whoever asked its number and nothing else."""
    detail = "".join(traceback.format_exception(error))
    trouble = trouble_of(error)
    if trouble is not None:
        met = troubles.met(trouble, where, detail)
        if trouble is Trouble.FULL:
            return Failure(507, str(DiskFull(met)), met)
        return Failure(503, BUSY, headers={"Retry-After": "2"})
    incident = None
    try:
        incident = store.add_incident(where, detail, now=clock())
    except Exception:
        log.exception("An incident could not be kept")
    log.error("Incident %s at %s\n%s", incident, where, detail)
    message = "The service failed."
    if incident:
        message += f" Quote incident {incident} to the organizers."
    return Failure(500, message, incident)
