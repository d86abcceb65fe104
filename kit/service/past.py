"""Leaderboards as they were, or would be: at a moment, or under a version of the question. For organizers."""

from __future__ import annotations

from datetime import datetime

from kit.errors import InvalidRequest, NotAllowed, NotFound
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.rejudging import version_of
from kit.service.view import View, view
from kit.service.window import Window, paged
from kit.submission import Split


def read_past(
    service: Service,
    hosted: Hosted,
    question: HostedQuestion,
    caller: Caller,
    split: Split,
    *,
    version: int | None,
    at: datetime | None,
    window: Window,
) -> View:
    """The leaderboard of a version (all as it was last judged under it) or at a moment, as bytes.

    Raises
    ------
    NotAllowed, InvalidRequest
    NotFound
        There is no such version.
    """
    if not caller.is_organizer:
        raise NotAllowed("Earlier leaderboards are for organizers.")
    if version is not None and at is not None:
        raise InvalidRequest("Ask for a version or for a moment, not for both.")
    history = service.store.history
    if version is not None:
        known = {each.number: each.hash for each in service.store.versions.list(hosted.slug, question.id)}
        if version not in known:
            named = ", ".join(map(str, known))
            raise NotFound(f"Question '{question.id}' has no version {version}; it has {named}.")
        question = version_of(service, hosted, question.id, known[version])
        entries = history.of_version(hosted.slug, question.id, known[version])
    else:
        assert at is not None
        in_force = service.store.versions.in_force_at(hosted.slug, question.id, at)
        question = version_of(service, hosted, question.id, in_force) if in_force else question
        entries = history.at(hosted.slug, question.id, at)
    board = paged(service.boards.past(hosted, question, split, entries), window)
    return view(board, [f"board/{hosted.slug}/{question.id}"])
