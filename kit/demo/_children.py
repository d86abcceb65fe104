"""The processes of the demo: each leads a group of its own, and none outlives the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from kit.errors import OrganizerError

STOP_S = 8.0


class Children:
    """Starts processes, watches them, stops them.

    A guardian, told of each, stops them where this process can no longer: when it was killed.

    Parameters
    ----------
    lock : int
        Descriptor that the guardian holds until everything has stopped.
    """

    def __init__(self, logs: Path, lock: int) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._may_end: set[str] = set()
        command = [sys.executable, "-m", "kit.demo.guardian"]
        self._guardian = subprocess.Popen(
            command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=[lock]
        )

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        may_end: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a process whose output goes to its log.

        Parameters
        ----------
        may_end : bool
            It is no fault if it ends; `forget` it then.
        """
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        if may_end:
            self._may_end.add(name)
        self._tell_guardian(str(process.pid))
        return process

    def log(self, name: str) -> Path:
        """Where a process's output goes."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise OrganizerError, with the end of its log, where a process has ended."""
        for name, process in self._running.items():
            if name not in self._may_end and process.poll() is not None:
                raise OrganizerError(
                    f"{name} ended with code {process.returncode}. The end of {self.log(name)}:\n"
                    + self.last_lines(name)
                )

    def last_lines(self, name: str, n: int = 15) -> str:
        """The end of a log."""
        with self.log(name).open(errors="replace") as log:
            return "".join(f"  {line}" for line in deque(log, n)).rstrip() or "  (it is empty)"

    def forget(self, name: str) -> None:
        """Take a process that ended off the list."""
        del self._running[name]

    def stop(self) -> None:
        """Stop everything: ask each, give it time, then end what is left of its group."""
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()
        self._tell_guardian("done")
        assert self._guardian.stdin is not None
        with suppress(BrokenPipeError):
            self._guardian.stdin.close()
        self._guardian.wait()

    def _tell_guardian(self, text: str) -> None:
        assert self._guardian.stdin is not None
        with suppress(BrokenPipeError):
            self._guardian.stdin.write(f"{text}\n".encode())
            self._guardian.stdin.flush()
