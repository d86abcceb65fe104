"""A harness that runs, however it was started: where to talk to it, and how to end it with all it left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kit.runner.sandbox_groups import Group
from kit.runner.sandbox_tree import has_ended, tree_of

_PIPE_BYTES = 1024 * 1024
_END_S = 30.0


class NotStarted(Exception):
    """The sandbox did not start; the text is what it said."""


@dataclass(kw_only=True)
class Process(ABC):
    """A harness that runs: where to talk to it, and how to be rid of it.

    ``root`` is the process that all others of the run descend from.
    """

    root: int
    to_child: int
    from_child: int
    output: int
    group: Group
    folder: str
    """Where the submission is to be written."""
    paths: tuple[str, ...]
    """Where it finds what is mounted."""
    is_lost: bool = False
    """Whether something other than the run ended it, so that nobody's code is to blame."""
    n_above: int = 0
    """How many processes from the root on are the jail's own."""
    harness: int = 0
    """The process that answers, once it is known."""
    others: list[int] = field(default_factory=list)
    """Further descriptors that are to be closed."""
    _ended: bool = field(default=False)

    def kill(self) -> None:
        """End every process of the run, and wait until they are gone."""
        if not self._ended:
            self._ended = True
            self._kill()

    def close(self) -> None:
        """End it, and leave nothing: no process, group, file or descriptor."""
        self.kill()
        self.group.remove()
        for fd in (self.to_child, self.from_child, self.output, *self.others):
            if fd >= 0:
                os.close(fd)
        self.to_child = self.from_child = self.output = -1
        self.others.clear()

    def last_words(self, timeout_s: float) -> int | None:
        """How the harness ended, which answers no more; None if it goes on."""
        code = self.wait(timeout_s)
        # The end of a jail is seen later than that of what ran in it, on a busy machine by far.
        return self.wait(_END_S) if code is None and not self.is_lost and has_ended(self.harness) else code

    @abstractmethod
    def wait(self, timeout_s: float) -> int | None:
        """How it ended of itself: a signal's number below 0; None if it did not."""

    @abstractmethod
    def _kill(self) -> None: ...


@dataclass(kw_only=True)
class Jailed(Process):
    """A jail of its own by bubblewrap; ``root`` is its first process."""

    popen: subprocess.Popen[bytes]
    handle: int

    def _kill(self) -> None:
        end_jail(self.popen, self.handle)

    def wait(self, timeout_s: float) -> int | None:
        """As the base says."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.popen.wait(timeout_s)
            # Bubblewrap itself was killed, which nobody inside can do.
            self.is_lost = code < 0
            return signal_or_status(code)
        return None


@dataclass(kw_only=True)
class Plain(Process):
    """A process of its own session and folder; what leaves both may escape."""

    popen: subprocess.Popen[bytes]
    scratch: Path

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.root, signal.SIGSTOP)
        for pid in reversed(tree_of(self.root)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.root, signal.SIGKILL)
        _reap(self.popen)

    def wait(self, timeout_s: float) -> int | None:
        """As the base says."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.popen.wait(timeout_s)
        return None

    def close(self) -> None:
        """And its folder."""
        super().close()
        shutil.rmtree(self.scratch, ignore_errors=True)


def end_jail(popen: subprocess.Popen[bytes], handle: int) -> None:
    """End a jail by its first process, which takes all others with it before its own end is seen."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    _reap(popen)


def signal_or_status(code: int) -> int:
    """An exit status as bubblewrap and shells tell it: signals lie above 128."""
    return 128 - code if 128 < code < 192 else code


def _reap(popen: subprocess.Popen[bytes]) -> None:
    try:
        popen.wait(_END_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait(_END_S)


@dataclass
class Pipes:
    """The ends that are ours, and those the child gets."""

    theirs: list[int] = field(default_factory=list)
    ours: list[int] = field(default_factory=list)

    def reading(self) -> tuple[int, int]:
        """A pipe the child writes: our end, its end."""
        read, write = os.pipe()
        self.ours.append(read)
        self.theirs.append(write)
        return read, write

    def writing(self) -> tuple[int, int]:
        """A pipe the child reads: our end, its end."""
        read, write = os.pipe()
        self.ours.append(write)
        self.theirs.append(read)
        return write, read

    def close_theirs(self) -> None:
        """Close the child's ends on our side, so that its own end is seen."""
        while self.theirs:
            os.close(self.theirs.pop())

    def close_ours(self, *fds: int) -> None:
        """Close ends of ours that served their turn."""
        for fd in fds:
            self.ours.remove(fd)
            os.close(fd)

    def holding(self, content: bytes) -> int:
        """A file that was written already; the child reads it once."""
        fd = os.memfd_create("kit")
        self.theirs.append(fd)
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd


@contextlib.contextmanager
def pipes_for_a_child() -> Iterator[Pipes]:
    """Pipes whose far ends are closed here when the child has them, and all where that fails."""
    pipes = Pipes()
    try:
        yield pipes
    except BaseException:
        for fd in pipes.ours:
            os.close(fd)
        raise
    finally:
        pipes.close_theirs()


def make_ready(*fds: int) -> None:
    """Let our ends of a run's pipes never wait, and hold much."""
    for fd in fds:
        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
