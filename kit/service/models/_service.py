"""Models of the service itself."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from kit.service.models._fields import Time

Shown = Literal["none", "limited", "isolated", "not in use"]
"""What code runs in, where any does."""


class QueueCounts(BaseModel):
    """How many judgements wait and run."""

    queued: int
    running: int


class Health(BaseModel):
    """That the service answers; ``workers`` is 0 where no judge was seen in the last minute.

    ``isolation`` is what participants' code runs in, "not in use" where no question takes code.

    ``stale`` says of which questions the files changed since their submissions were judged.

    ``status`` is "disk full" while nothing new is taken for want of room, and "database busy" while another
    program holds the database; what can be read is answered all the same.
    """

    status: Literal["ok", "disk full", "database busy"]
    version: str
    now: Time
    queue: QueueCounts
    workers: int
    code_workers: int
    stale: list[str]
    isolation: Shown
    disk_free_bytes: int
