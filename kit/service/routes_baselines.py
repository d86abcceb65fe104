"""Routes by which organizers put baselines on the leaderboard."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from kit.service import models, submitting
from kit.service.context import BaselineName, HostedHere, Organizer, QuestionHere, ServiceHere, organizer
from kit.service.errors import documented
from kit.service.files import UPLOAD
from kit.service.uploads import keep_body
from kit.store import Blob, Received

router = APIRouter(
    prefix="/api/v1/competitions",
    tags=["organizers"],
    dependencies=[Depends(organizer)],
    responses=documented(400, 401, 403, 404, 408, 413, 422, 500),
)

NOTEBOOK_BYTES = 50_000_000


@router.put(
    "/{slug}/questions/{question}/baselines/{name}/predictions", status_code=201, openapi_extra=UPLOAD
)
async def put_predictions(
    request: Request,
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    caller: Organizer,
    name: BaselineName,
    filename: models.FileName = "predictions.csv",
    note: models.Note = "",
) -> models.Submission:
    """Submit a baseline's predictions: free of phases and limits, and not ranked."""
    question.ids()

    def add(blob: Blob) -> models.Submission:
        received = Received(blob.sha256, blob.n_bytes, filename, note)
        return submitting.add_baseline(service, hosted, question, caller, name, received)

    return await keep_body(request, service, question=question.id, max_bytes=question.max_bytes, then=add)


@router.put("/{slug}/questions/{question}/baselines/{name}/notebook", status_code=204, openapi_extra=UPLOAD)
async def put_notebook(
    request: Request,
    service: ServiceHere,
    hosted: HostedHere,
    question: QuestionHere,
    name: BaselineName,
    state: Literal["ok", "failed"],
    cell: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    error: Annotated[str | None, Query(max_length=5000)] = None,
    seconds: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
) -> None:
    """Keep a reference notebook as it was executed, and how it ran."""
    facts: dict[str, Any] = {"state": state, "cell": cell, "error": error, "seconds": seconds}

    def note(blob: Blob) -> None:
        service.store.set_baseline(
            hosted.slug, question.id, name, now=service.clock(), sha256=blob.sha256, **facts
        )

    await keep_body(request, service, question=question.id, max_bytes=NOTEBOOK_BYTES, then=note)
