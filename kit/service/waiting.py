"""Conditional answers: 304 where nothing changed, at once or after waiting for a change."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Header, Request, Response

from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.errors import documented
from kit.service.view import View
from kit.service.watch import Watch

MAX_WAIT_S = 25.0

IfNoneMatch = Annotated[
    str | None, Header(description="ETag of the answer you have: 304 while it has not changed.")
]


@dataclass(frozen=True)
class Condition:
    """What a client has, and how long it would wait for something else."""

    request: Request
    if_none_match: str | None
    wait_s: float


async def condition_of(
    request: Request,
    if_none_match: IfNoneMatch = None,
    prefer: Annotated[
        str | None, Header(description="wait=20 waits up to 20 s (at most 25) for a change before the 304.")
    ] = None,
) -> Condition:
    """The condition in a request's headers."""
    return Condition(request, if_none_match, wanted_wait_s(prefer))


Conditional = Annotated[Condition, Depends(condition_of)]
CONDITIONAL: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"description": "Of this answer.", "schema": {"type": "string"}}}},
    304: {"description": "Not changed."},
    **documented(401, 403, 404, 422, 500),
}


async def answer_changed(
    condition: Condition,
    service: Service,
    caller: Caller,
    read: Callable[[], View],
    headers: Mapping[str, str] | None = None,
    *,
    limiter: CapacityLimiter | None = None,
    recent: Callable[[], View | None] = lambda: None,
) -> Response:
    """The view that ``read`` makes, or 304 where the client has it already.

    Parameters
    ----------
    read : callable
        Called in a thread, again after each change of the view's topics.
    headers : mapping, optional
        Of an answer that is no JSON.
    limiter : CapacityLimiter, optional
        Of the threads that such readings take together.
    recent : callable, optional
        What was read some moments ago, for whoever waits and has something else; it is called in the loop.
    """
    have, user_id, watch = condition.if_none_match, caller.user_id, service.watch
    reading = _Reading(read, recent, limiter)
    may_wait = condition.wait_s > 0 and have is not None and watch.may_wait(user_id)
    if may_wait and (last := recent()) is not None and watch.is_hall(last.topics):
        with watch.listen(last.topics, user_id) as changed:
            # Whether there is news is looked at in their turn.
            watch.queue(changed)
            view = await _other(condition, watch, reading, View(b"", str(have), last.topics), changed)
    else:
        before = watch.told
        view = await reading.now()
        if may_wait and is_known(view.etag, have):
            with watch.listen(view.topics, user_id) as changed:
                if watch.told != before:
                    # Something changed between the reading and the listening.
                    changed.set()
                view = await _other(condition, watch, reading, view, changed)
    # Personal: no cache that several people share may keep it.
    told = {"ETag": view.etag, "Cache-Control": "private, no-cache", **(headers or {})}
    if is_known(view.etag, have):
        return Response(status_code=304, headers=told)
    return Response(view.body, media_type="application/json", headers=told)


@dataclass(frozen=True)
class _Reading:
    read: Callable[[], View]
    recent: Callable[[], View | None]
    limiter: CapacityLimiter | None

    async def now(self) -> View:
        return await to_thread.run_sync(self.read, limiter=self.limiter)


async def _other(
    condition: Condition, watch: Watch, reading: _Reading, known: View, changed: asyncio.Event
) -> View:
    """The first view that is not the known one; the known one when time is up, or one side is going."""
    ends_at = monotonic() + condition.wait_s
    while True:
        left_s = ends_at - monotonic()
        is_over = left_s <= 0 or not watch.is_running
        if is_over or await condition.request.is_disconnected():
            return known
        # Now and then, whether the client is still there, and whether time changed anything.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), min(left_s, watch.look_s))
        changed.clear()
        recent = reading.recent()
        if recent is not None and is_known(recent.etag, known.etag) and watch.is_hall(recent.topics):
            # A hall does not have one made for each who is ahead of the others: another turn will come.
            watch.queue(changed)
            continue
        view = recent if recent is not None and recent.etag != known.etag else await reading.now()
        if not is_known(view.etag, known.etag):
            return view


def wanted_wait_s(prefer: str | None) -> float:
    """Seconds that a Prefer header asks to wait, within the limit (RFC 7240).

    >>> wanted_wait_s("respond-async, wait=100")
    25.0
    """
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6}(?:\.\d{1,6})?)", prefer or "", re.IGNORECASE)
    return min(MAX_WAIT_S, float(found[1])) if found else 0.0


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether an If-None-Match header names an ETag."""
    if if_none_match is None:
        return False
    given = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in given or "*" in given
