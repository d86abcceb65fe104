"""Routes of rejudges and versions for organizers, and of the notices that participants get."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Depends, Response

from kit.service import rejudging, versions
from kit.service.context import HostedHere, Number, Organizer, QuestionHere, Reader, ServiceHere, organizer
from kit.service.entry import check_entry
from kit.service.errors import documented
from kit.service.models import _rejudges as models
from kit.service.view import View
from kit.service.waiting import CONDITIONAL, Conditional, answer_changed
from kit.submission import Split

router = APIRouter(prefix="/api/v1/competitions", responses=documented(401, 403, 404, 422, 500))
ORGANIZER = [Depends(organizer)]


@router.post(
    "/{slug}/questions/{question}/rejudge",
    tags=["organizers"],
    dependencies=ORGANIZER,
    responses=documented(400, 408, 413),
)
def rejudge(
    service: ServiceHere, hosted: HostedHere, question: QuestionHere, asked: models.RejudgeAsked
) -> models.Rejudge:
    """Judge submissions again: all under the question's files as they are now, some as the others were.

    It goes on in the background and counts when all of it is judged. Asked again before that, it goes on
    with what is left.
    """
    return rejudging.start(service, hosted, question, asked)


@router.get(
    "/{slug}/rejudges", tags=["organizers"], response_model=list[models.Rejudge], responses=CONDITIONAL
)
async def rejudges(
    service: ServiceHere, hosted: HostedHere, caller: Organizer, condition: Conditional
) -> Response:
    """Rejudges and how far they are, newest first."""
    return await answer_changed(condition, service, caller, partial(rejudging.read_list, service, hosted))


@router.get("/{slug}/rejudges/{number}", tags=["organizers"], dependencies=ORGANIZER)
def one_rejudge(service: ServiceHere, hosted: HostedHere, number: Number) -> models.Rejudge:
    """A rejudge and how far it is."""
    return rejudging.shown(service, rejudging.find(service, hosted, number))


@router.delete(
    "/{slug}/rejudges/{number}", tags=["organizers"], dependencies=ORGANIZER, responses=documented(400)
)
def stop_rejudge(service: ServiceHere, hosted: HostedHere, number: Number) -> models.Rejudge:
    """Stop a rejudge: nothing of it counts, unless it is asked for again."""
    rejudging.find(service, hosted, number)
    return rejudging.shown(service, service.store.rejudges.stop(number))


@router.get(
    "/{slug}/rejudges/{number}/report",
    tags=["organizers"],
    response_model=models.Report,
    responses=CONDITIONAL,
)
async def report(
    service: ServiceHere,
    hosted: HostedHere,
    caller: Organizer,
    condition: Conditional,
    number: Number,
    split: Split = Split.PUBLIC,
) -> Response:
    """The leaderboard before and after a rejudge; of a dry run, as it would be."""
    read = partial(rejudging.read_report, service, hosted, number, split)
    return await answer_changed(condition, service, caller, read)


@router.get(
    "/{slug}/versions",
    tags=["organizers"],
    response_model=list[models.QuestionVersion],
    responses=CONDITIONAL,
)
async def question_versions(
    service: ServiceHere, hosted: HostedHere, caller: Organizer, condition: Conditional
) -> Response:
    """Which version of each question is in force, and whether its files are another."""
    return await answer_changed(condition, service, caller, partial(versions.read_versions, service, hosted))


@router.get(
    "/{slug}/notices", tags=["submissions"], response_model=list[models.Notice], responses=CONDITIONAL
)
async def notices(
    service: ServiceHere, hosted: HostedHere, caller: Reader, condition: Conditional
) -> Response:
    """What was judged again, when and why, and what your team scored before and after."""

    def read() -> View:
        check_entry(service.store, hosted, caller, now=service.clock())
        return versions.read_notices(service, hosted, caller)

    return await answer_changed(condition, service, caller, read)
