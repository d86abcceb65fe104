"""Takes a request's body to the store as it streams in. Never holds it whole, never looks into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from kit.errors import InvalidPredictions, InvalidRequest, ParticipantError
from kit.service.context import Service
from kit.store import Blob

JSON_BYTES = 64 * 1024
JSON_S = 30.0
CHUNK_S = 30.0
UPLOAD_S = 3600.0
_PIECE_BYTES = 1 << 20


class Body:
    """A request's body as it comes in: small and quick, unless its route lifts the limits.

    Whoever sends slower than this is cut off: a slow body holds a connection, not more.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._max_bytes: int | None = JSON_BYTES
        self._ends_at = monotonic() + JSON_S
        self._n_bytes = 0
        self.is_complete = False

    def expect_upload(self) -> None:
        """Lift the limit of size, which the route will keep itself, and lengthen that of time."""
        self._max_bytes = None
        self._ends_at = monotonic() + UPLOAD_S

    async def receive(self) -> Message:
        """The next message, within the limits."""
        if self.is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout(min(CHUNK_S, self._ends_at - monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, "The request's body came too slowly.") from None
        self.is_complete = not message.get("more_body", False)
        self._n_bytes += len(message.get("body", b""))
        if self._max_bytes is not None and self._n_bytes > self._max_bytes:
            raise HTTPException(413, f"The request's body is larger than {self._max_bytes} bytes.")
        return message


async def keep_body(
    request: Request,
    service: Service,
    *,
    question: str,
    max_bytes: int,
    check: Callable[[Path], None] | None = None,
) -> Blob:
    """Stream a request's body into the store.

    Parameters
    ----------
    check : callable, optional
        Of code: looks at the file before it is kept, and raises where it shall not be.

    Raises
    ------
    InvalidPredictions
        It is larger than ``max_bytes``; nothing of it is kept.
    DiskFull
        There is no room for it; nothing of it is kept.
    """
    body: Body = request.scope["kit.body"]
    body.expect_upload()
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(question, f"{int(announced)} bytes", max_bytes, check is not None)
    place = f"a file for question {question}"
    service.troubles.check_room(int(announced) if announced.isdecimal() else 0, place)
    writer = await run_in_threadpool(service.store.blobs.writer)
    try:
        piece = bytearray()
        async for chunk in request.stream():
            piece += chunk
            if writer.n_bytes + len(piece) > max_bytes:
                raise _too_large(question, f"more than {max_bytes} bytes", max_bytes, check is not None)
            if len(piece) >= _PIECE_BYTES:
                service.troubles.check_room(len(piece), place)
                await run_in_threadpool(writer.write, bytes(piece))
                piece.clear()
        await run_in_threadpool(writer.write, bytes(piece))
        if check is not None:
            await run_in_threadpool(lambda: check(writer.look()))
        return await run_in_threadpool(writer.keep)
    finally:
        # Not awaited: when the client is gone or the service stops, awaiting may be cut short.
        writer.discard()


def _too_large(question: str, size: str, max_bytes: int, is_code: bool) -> ParticipantError:
    limit = f"{max_bytes / 1e6:g} MB ({max_bytes} bytes)"
    if is_code:
        return InvalidRequest(f"The file has {size}; code may have {limit}. Send the modules alone.")
    return InvalidPredictions(question, [f"the file has {size}; the limit is {limit}. Send it compressed."])
