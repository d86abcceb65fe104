"""Takes a request's body to the store as it streams in. Never holds it whole, never looks into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from kit.errors import InvalidPredictions, InvalidRequest, ParticipantError
from kit.service.context import Service
from kit.store import Blob, BlobWriter

JSON_BYTES = 64 * 1024
JSON_S = 30.0
CHUNK_S = 30.0
UPLOAD_S = 3600.0
_PIECE_BYTES = 1 << 20

T = TypeVar("T")


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
    then: Callable[[Blob], T],
    check: Callable[[Path], None] | None = None,
) -> T:
    """Stream a request's body into the store, and go on with what was kept.

    Each way to a thread and back waits for whatever else the process does: what is small takes one.

    Parameters
    ----------
    then : callable
        Called in a thread when the file is kept; what it returns is returned.
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
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() else 0
    if announced > max_bytes:
        raise _too_large(question, f"{announced} bytes", max_bytes, check is not None)
    place, begin = f"a file for question {question}", service.store.blobs.writer
    service.troubles.check_room(announced, place)
    writer: BlobWriter | None = None
    try:
        piece, n_bytes = bytearray(), 0
        async for chunk in request.stream():
            piece += chunk
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise _too_large(question, f"more than {max_bytes} bytes", max_bytes, check is not None)
            if len(piece) >= _PIECE_BYTES:
                service.troubles.check_room(len(piece), place)
                if writer is None:
                    writer = await run_in_threadpool(begin)
                await run_in_threadpool(writer.write, bytes(piece))
                piece.clear()
        return await run_in_threadpool(_end, begin, writer, bytes(piece), check, then)
    finally:
        # Not awaited: when the client is gone or the service stops, awaiting may be cut short.
        if writer is not None:
            writer.discard()


def _end(
    begin: Callable[[], BlobWriter],
    writer: BlobWriter | None,
    rest: bytes,
    check: Callable[[Path], None] | None,
    then: Callable[[Blob], T],
) -> T:
    writer = writer or begin()
    try:
        writer.write(rest)
        if check is not None:
            check(writer.look())
        blob = writer.keep()
    finally:
        writer.discard()
    return then(blob)


def _too_large(question: str, size: str, max_bytes: int, is_code: bool) -> ParticipantError:
    limit = f"{max_bytes / 1e6:g} MB ({max_bytes} bytes)"
    if is_code:
        return InvalidRequest(f"The file has {size}; code may have {limit}. Send the modules alone.")
    return InvalidPredictions(question, [f"the file has {size}; the limit is {limit}. Send it compressed."])
