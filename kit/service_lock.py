"""The lock of a data folder: one service at a time, and how the last one was served."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO

from kit.errors import OrganizerError

log = logging.getLogger("kit.serve")

FILE = "service.lock"
HUBS, OWN = "hub", "own"
TAKE_OVER_S = 20.0


@contextlib.contextmanager
def only_service(data: Path, *, by_hub: bool) -> Generator[None, None, None]:
    """Be the one service of a folder, which is made where it is missing.

    Parameters
    ----------
    by_hub : bool
        A JupyterHub started this one: it takes the place of one that outlived its Hub.

    Raises
    ------
    OrganizerError
        Another service runs on it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / FILE).open("a+") as lock:
        if not _locks(lock) and not (by_hub and _takes_over(lock)):
            text = f"Another service runs on {data}: stop it, or name another folder with --data."
            raise OrganizerError(text)
        lock.truncate(0)
        lock.write(f"{os.getpid()} {HUBS if by_hub else OWN}")
        lock.flush()
        yield


def is_of_hub(data: Path) -> bool:
    """Whether the last service of a folder was a JupyterHub's; not where none has run yet."""
    with contextlib.suppress(FileNotFoundError):
        return (data / FILE).read_text().endswith(f" {HUBS}")
    return False


def _locks(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _takes_over(lock: IO[str]) -> bool:
    """Whether this service takes the place of one that outlived its Hub: the next one changed its token."""
    lock.seek(0)
    pid, _, kind = lock.read().partition(" ")
    if kind != HUBS or _parent_of(int(pid)) in (None, os.getppid()):
        return False
    log.warning("Service %s outlived its Hub: taking its place", pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGTERM)
    ends_at = time.monotonic() + TAKE_OVER_S
    while not (is_mine := _locks(lock)) and time.monotonic() < ends_at:
        time.sleep(0.1)
    return is_mine


def _parent_of(pid: int) -> int | None:
    """The process that a process belongs to; None where the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
