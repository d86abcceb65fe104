"""Which versions of questions are in force, which their files are, and what participants hear of it."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter

from kit.service import showing
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.models import _rejudges as models
from kit.service.view import View, view_of_bytes
from kit.store import Rejudge
from kit.submission import Judgement, Split, State

_VERSIONS = TypeAdapter(list[models.QuestionVersion])
_NOTICES = TypeAdapter(list[models.Notice])


def stale(service: Service) -> list[str]:
    """What is not as the files say, one line a question."""
    told = []
    for hosted in service.hosted.values():
        for question in hosted.questions.values():
            if message := status(service, hosted, question).message:
                told.append(f"{hosted.slug}/{question.id}: {message}")
    return told


def status(service: Service, hosted: Hosted, question: HostedQuestion) -> models.QuestionVersion:
    """How a question's judgements stand to its files."""
    versions = service.store.versions
    number = versions.number(hosted.slug, question.id, question.version)
    files = service.hosted.files_version(hosted.slug, question.id)
    others = versions.n_other(hosted.slug, question.id, files or question.version)
    file_number = None if files is None else versions.number(hosted.slug, question.id, files)
    made = ", ".join(
        f"{n} judgement{'s were' if n != 1 else ' was'} made under version "
        f"{versions.number(hosted.slug, question.id, version)}"
        for version, n in others.items()
    )
    if file_number is None:
        message = f"the files cannot be read; version {number} stays in force: see kit check"
    elif made or files != question.version:
        made = made or f"version {number} is in force"
        message = f"{made}; the files are version {file_number}: run kit rejudge"
    else:
        message = ""
    return models.QuestionVersion(
        question=question.id,
        in_force=number,
        files=file_number,
        n_stale=sum(others.values()),
        message=message,
    )


def read_versions(service: Service, hosted: Hosted) -> View:
    """The status of every question, as bytes."""
    found = [status(service, hosted, question) for question in hosted.questions.values()]
    topics = [f"version/{hosted.slug}", f"rejudges/{hosted.slug}"]
    return view_of_bytes(_VERSIONS.dump_json(found), topics)


def read_notices(service: Service, hosted: Hosted, caller: Caller) -> View:
    """What the caller is told of rejudges that count, newest first, as bytes."""
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    own = 0 if team is None else int(team["id"])
    told = []
    for rejudge in service.store.rejudges.list(hosted.slug):
        if rejudge.state != "done" or rejudge.question not in hosted.questions:
            continue
        changed = service.store.history.changes(rejudge.id, own)
        if changed or not rejudge.is_partial or caller.is_organizer:
            told.append(_notice(service, hosted, caller, rejudge, changed))
    return view_of_bytes(_NOTICES.dump_json(told), [f"rejudges/{hosted.slug}", f"version/{hosted.slug}"])


def _notice(
    service: Service,
    hosted: Hosted,
    caller: Caller,
    rejudge: Rejudge,
    changed: list[tuple[int, Judgement | None, Judgement]],
) -> models.Notice:
    assert rejudge.ended_at is not None
    metric = hosted.questions[rejudge.question].question.metric
    are_shown = may_compare(hosted, caller, service.clock())
    return models.Notice(
        id=rejudge.id,
        at=rejudge.ended_at,
        question=rejudge.question,
        version=service.store.versions.number(hosted.slug, rejudge.question, rejudge.version),
        reason=rejudge.reason,
        partial=rejudge.is_partial,
        metric=metric,
        changes=[
            models.Change(
                submission=number,
                before=_public(before, metric, exact=caller.is_organizer) if are_shown else None,
                after=_public(after, metric, exact=caller.is_organizer) if are_shown else None,
            )
            for number, before, after in changed
        ],
    )


def may_compare(hosted: Hosted, caller: Caller, now: datetime) -> bool:
    """Whether someone may see what their submission scored before: where scores are shown as they are."""
    return caller.is_organizer or hosted.leaderboard(now) == "public"


def _public(judgement: Judgement | None, metric: str, *, exact: bool) -> float | None:
    if judgement is None or judgement.state is not State.SCORED:
        return None
    for score in judgement.scores:
        if score.metric == metric and score.split is Split.PUBLIC:
            return showing.value(score, exact=exact).score
    return None
