"""Why a store cannot write: its disk is full, or another program holds its database. Mends nothing."""

from __future__ import annotations

import errno
import sqlite3
from enum import StrEnum

RESERVE_BYTES = 32 << 20
"""So much of its disk is left to what was taken: beyond, nothing new is, and code waits."""


class Trouble(StrEnum):
    """What keeps a store from writing, and passes by itself or by an organizer's hand."""

    FULL = "disk full"
    BUSY = "database busy"


# The wal-index grows by a call of its own, whose failure SQLite does not tell as a full disk.
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def trouble_of(error: BaseException | None) -> Trouble | None:
    """The trouble behind an error, or behind what it was raised from; None where it is another.

    >>> trouble_of(OSError(errno.ENOSPC, "No space left on device"))
    <Trouble.FULL: 'disk full'>
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return Trouble.FULL
        code = getattr(error, "sqlite_errorcode", None)
        if code in _FULL:
            return Trouble.FULL
        if code is not None and code & 0xFF in _BUSY:
            return Trouble.BUSY
        error = error.__cause__
    return None
