"""Takes submissions, and finds those that a caller may see. Speaks no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from kit.errors import InvalidRequest, NotFound
from kit.service import models, views
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.entry import check_submission
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.view import View, view, view_of_bytes
from kit.store import Received, Row
from kit.submission import Submission

_LIST = TypeAdapter(list[models.Submission])


def check_before_upload(
    service: Service,
    hosted: Hosted,
    question: HostedQuestion,
    caller: Caller,
    key: str | None,
    once: str | None,
) -> Row | models.Taken:
    """The caller's team, where it may submit; or what was submitted under the same key or content before.

    That is given back also where the limits are used up or the competition is closed: it takes nothing.

    Parameters
    ----------
    once : str, optional
        SHA-256 of what is to be sent; None where it shall be sent again in any case.

    Raises
    ------
    NotAllowed, OverLimit
    InvalidRequest
        The key was used for another question.
    """
    known = service.store.submissions.by_key(caller.user_id, key)
    if known is not None:
        if (known.competition, known.question) != (hosted.slug, question.id):
            text = f"The Idempotency-Key was used for submission {known.id}, of another question."
            raise InvalidRequest(text)
        return _taken(answer(service, hosted, caller, known), earlier=False)
    team = service.store.accounts.team_of(hosted.slug, caller.user_id) if once else None
    same = service.store.submissions.same(team["id"], question.id, once) if team and once else None
    if same is not None:
        return _taken(answer(service, hosted, caller, same), earlier=True)
    return check_submission(service.store, hosted, question, caller, now=service.clock())


def check_content(sha256: str, once: str | None) -> None:
    """Let pass what arrived as it was announced, where it was.

    Raises
    ------
    InvalidRequest
    """
    if once is not None and sha256 != once:
        raise InvalidRequest(
            f"The file was announced with SHA-256 {once}, and {sha256} arrived: it changed on the way. "
            "Send it again."
        )


def add(
    service: Service, hosted: Hosted, question: HostedQuestion, caller: Caller, team: Row, received: Received
) -> tuple[models.Taken, bool]:
    """Take a submission whose file was received; also whether it is new."""
    submission, is_new = service.store.submissions.add(
        hosted.competition,
        question.question,
        received,
        team_id=team["id"],
        user_id=caller.user_id,
        version=question.version,
        now=service.clock,
    )
    by_key = service.store.submissions.by_key(caller.user_id, received.idempotency_key)
    earlier = not is_new and (by_key is None or by_key.id != submission.id)
    return _taken(answer(service, hosted, caller, submission), earlier=earlier), is_new


def _taken(model: models.Submission, *, earlier: bool) -> models.Taken:
    return models.Taken.model_construct(**dict(model), earlier=earlier)


def add_baseline(
    service: Service, hosted: Hosted, question: HostedQuestion, caller: Caller, name: str, received: Received
) -> models.Submission:
    """Take a baseline's predictions, and note that it ran."""
    store, now = service.store, service.clock()
    submission = store.submissions.add_baseline(
        hosted.competition,
        question.question,
        received,
        name=name,
        user_id=caller.user_id,
        version=question.version,
        now=now,
    )
    facts: dict[str, Any] = {"state": "ok", "cell": None, "error": None, "submission_id": submission.id}
    store.set_baseline(hosted.slug, question.id, name, now=now, **facts)
    return answer(service, hosted, caller, submission)


def find(service: Service, caller: Caller, number: int) -> tuple[Hosted, Submission]:
    """A submission, if it is the caller's team's, or the caller an organizer.

    Raises
    ------
    NotFound
        Also for another team's: that it exists is nobody's business.
    """
    submission = service.store.submissions.get(number)
    if submission.competition not in service.hosted:
        raise NotFound(f"There is no submission {number}.")
    if not caller.is_organizer:
        team = service.store.accounts.team_of(submission.competition, caller.user_id)
        if team is None or team["id"] != submission.team_id:
            raise NotFound(f"There is no submission {number}.")
    return service.hosted[submission.competition], submission


def answer(service: Service, hosted: Hosted, caller: Caller, submission: Submission) -> models.Submission:
    """A submission as its caller may see it."""
    return views.submissions(
        service.store, service.boards.climbs, hosted, [submission], caller, now=service.clock()
    )[0]


def read_one(service: Service, caller: Caller, number: int) -> View:
    """A submission, as bytes."""
    hosted, submission = find(service, caller, number)
    model = answer(service, hosted, caller, submission)
    return view(model, _topics([f"team/{submission.team_id}"], [model]))


def read_list(
    service: Service,
    hosted: Hosted,
    caller: Caller,
    *,
    question: str | None,
    team: str | None,
    limit: int,
    offset: int,
) -> View:
    """Submissions of the caller's team, or for organizers of everyone or of a team; as bytes."""
    if question is not None:
        hosted.find(question)
    topics = [f"submissions/{hosted.slug}"]
    team_id = None
    if not caller.is_organizer or team is not None:
        team_id = _team_id(service, hosted, caller, team)
        topics = [f"team/{team_id}"]
    found = service.store.submissions.list(
        hosted.slug, question=question, team_id=team_id, limit=limit, offset=offset
    )
    listed = views.submissions(
        service.store, service.boards.climbs, hosted, found, caller, now=service.clock()
    )
    return view_of_bytes(_LIST.dump_json(listed), _topics(topics, listed))


def _team_id(service: Service, hosted: Hosted, caller: Caller, team: str | None) -> int:
    """The team asked for, or the caller's own; 0, which is nobody's, where they have none."""
    own = service.store.accounts.team_of(hosted.slug, caller.user_id)
    if not caller.is_organizer:
        return 0 if own is None else int(own["id"])
    team_id = None if team is None else service.store.accounts.team_named(hosted.slug, team)
    if team_id is None:
        raise NotFound(f"There is no team {team!r} in '{hosted.slug}'.")
    return team_id


def _topics(topics: Sequence[str], shown: Sequence[models.Submission]) -> list[str]:
    """With the queue's, where a place in it is shown."""
    return [*topics, *(["queue"] if any(s.place_in_queue is not None for s in shown) else [])]
