"""What organizers may do: add people, keep them out, look at the queue, export. Speaks no HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from kit.errors import AlreadyExists, InvalidRequest, NotAllowed
from kit.service import views
from kit.service.auth import Caller, new_password
from kit.service.context import Service
from kit.service.exports import Format, board_table, submissions_table, written
from kit.service.hosted import Hosted
from kit.service.isolation import isolation_in_full
from kit.service.models import organizer as models
from kit.store import Row, Store
from kit.submission import Split, State

SEEN = timedelta(minutes=1)
"""A judge that was not seen for this long counts as gone."""


def import_users(service: Service, users: Sequence[models.NewUser]) -> list[models.ImportedUser]:
    """Add users, each with what became of it.

    Raises
    ------
    NotFound
        A competition is not here; then nobody is added.
    InvalidRequest
        A name is none that people may choose, and no JupyterHub gives it; then nobody is added.
    """
    for user in users:
        if service.hub is None and not models.is_chosen(user.name):
            raise InvalidRequest(f"The name {user.name!r} is not 2 to 40 letters, digits, or _ . -")
        if user.competition is not None:
            service.find(user.competition)
    return [_import_user(service, user, service.clock()) for user in users]


def _import_user(service: Service, user: models.NewUser, now: datetime) -> models.ImportedUser:
    accounts = service.store.accounts
    generated, hashed, created, problem = None, None, True, None
    try:
        # On a JupyterHub there are no passwords.
        if service.hub is None:
            generated = None if user.password else new_password()
            hashed = service.passwords.hash(user.password or generated or "")
        accounts.add_user(user.name, password_hash=hashed, email=user.email, now=now)
    except AlreadyExists:
        generated, created = None, False
    try:
        _put_into_team(service, user, now)
    except NotAllowed as error:
        problem = str(error)
    return models.ImportedUser(name=user.name, password=generated, created=created, problem=problem)


def _put_into_team(service: Service, user: models.NewUser, now: datetime) -> None:
    slug = user.competition or (next(iter(service.hosted)) if len(service.hosted) == 1 else None)
    if slug is None or (user.competition is None and user.team is None):
        if user.team is not None:
            raise NotAllowed("Say which competition the team is in.")
        return
    row = service.store.accounts.user(user.name)
    # Whoever writes the list decides on the teams' sizes: the limit binds participants.
    team = service.store.accounts.join(slug, row, now=now, team=user.team, max_size=None)
    if user.team is not None and team["name"].casefold() != user.team.casefold():
        raise NotAllowed(f"{user.name!r} is in team {team['name']!r} already.")


def set_disabled(service: Service, caller: Caller, name: str, disabled: bool) -> None:
    """Keep a user out, or let them in again.

    Raises
    ------
    InvalidRequest
        It is the caller.
    """
    if disabled and name.casefold() == caller.user["name"].casefold():
        raise InvalidRequest("You would lock yourself out.")
    service.store.accounts.set_disabled(name, disabled)


def user_line(row: Row) -> models.UserLine:
    """A user, as organizers see them."""
    return models.UserLine(disabled=bool(row["is_disabled"]), **row)


def queue(service: Service) -> models.Queue:
    """What is being judged, by whom, and what failed last."""
    listing = service.store.queue.listing
    waiting: list[models.QueueLine] = []
    places: Counter[str] = Counter()
    for row in listing([State.QUEUED]):
        places[row["lane"]] += 1
        waiting.append(_queue_line(row, places[row["lane"]]))
    return models.Queue(
        queued=waiting,
        running=[_queue_line(row) for row in listing([State.RUNNING])],
        errors=[_queue_line(row) for row in listing([State.ERROR], limit=20, newest=True)],
        workers=[models.Worker(**row) for row in live_judges(service.store, service.clock())],
        isolation=isolation_in_full(service.hosted.values()),
        trouble=models.Trouble(**trouble) if (trouble := service.troubles.now) else None,
    )


def live_judges(store: Store, now: datetime) -> list[Row]:
    """Judges that were seen lately."""
    return store.queue.workers(since=now - SEEN)


def _queue_line(row: Row, place: int | None = None) -> models.QueueLine:
    return models.QueueLine(place=place, **row)


def export(
    service: Service,
    hosted: Hosted,
    caller: Caller,
    what: Literal["leaderboard", "submissions"],
    question: str | None,
    split: Split,
    form: Format,
) -> tuple[str, bytes]:
    """A file's name and its bytes."""
    if what == "leaderboard":
        asked = hosted.questions[hosted.competition.find_question(question).id]
        board = board_table(service.boards.rows(hosted, asked, split))
        return f"{hosted.slug}-{asked.id}-{split}.{form}", written(board, form)
    if question is not None:
        hosted.find(question)
    found = service.store.submissions.list(hosted.slug, question=question, limit=30_000)
    rows = views.submissions(service.store, service.boards.climbs, hosted, found, caller, now=service.clock())
    return f"{hosted.slug}-submissions.{form}", written(submissions_table(rows), form)
