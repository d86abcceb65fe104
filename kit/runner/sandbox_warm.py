"""Jails forked from a process that has imported already what runs need. What is forked is in template.py."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kit.runner import sandbox_jail as jail
from kit.runner.sandbox_filter import filter_program
from kit.runner.sandbox_groups import Group
from kit.runner.sandbox_process import (
    NotStarted,
    Process,
    end_jail,
    make_ready,
    pipes_for_a_child,
    signal_or_status,
)
from kit.runner.sandbox_spawn import Spawned, paths_of, spawn

_START_S = 120.0
_END_S = 30.0


@dataclass(kw_only=True)
class Forked(Process):
    """A jail within the template's; ``root`` is its keeper, which ends it when ``lifeline`` closes."""

    lifeline: int
    status: int
    _code: int | None = None

    def _kill(self) -> None:
        os.close(self.lifeline)
        self.others.remove(self.lifeline)
        self._read_status(_END_S)

    def wait(self, timeout_s: float) -> int | None:
        """As the base says."""
        self._read_status(timeout_s)
        return self._code

    def _read_status(self, timeout_s: float) -> None:
        """Wait for the keeper's end; it writes how the jail ended before, if it can."""
        if select.select([self.status], [], [], timeout_s)[0]:
            said = os.read(self.status, 16)
            if said:
                self._code = signal_or_status(int(said))
                self._read_status(_END_S)
            # The keeper always says; nobody inside can reach it.
            self.is_lost = self._code is None


class Template:
    """A jail with a process that is forked for each run; holds no data and no participant's code.

    Raises
    ------
    NotStarted
        When namespaces cannot be nested here, or its forks would share memory.
    """

    def __init__(
        self,
        view: jail.View,
        variables: Mapping[str, str],
        command: Sequence[str],
        *,
        modules: str,
        staged: bool,
    ) -> None:
        self._view, self._lock = view, threading.Lock()
        program = filter_program()
        settings = {
            "modules": modules,
            "sizes": jail.sizes_of(view),
            **jail.covered(view),
            "filter": program.hex() if program else "",
        }
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_START_S)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        with theirs:
            full = [*command, json.dumps(settings), str(theirs.fileno())]
            self._spawned = _in_lasting_thread(view, variables, full, theirs.fileno(), staged)
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        said = self._receive()[0]
        if not said:
            text = os.read(self._spawned.output, 4000).decode(errors="replace").strip()
            raise NotStarted(f"the template ended: {text[-500:]}")
        facts = json.loads(said)
        if facts["shared"] or facts["threads"] != 1:
            raise NotStarted(f"what was imported shares memory or runs threads: {facts}")

    def fork(self) -> Forked:
        """A fresh jail with a harness in it."""
        group = Group.make()
        try:
            with pipes_for_a_child() as pipes:
                to_child, request = pipes.writing()
                from_child, reply = pipes.reading()
                output, printed = pipes.reading()
                lifeline, watched = pipes.writing()
                status, telling = pipes.reading()
                try:
                    with self._lock:
                        socket.send_fds(self._control, [b"fork"], [request, reply, printed, watched, telling])
                        pipes.close_theirs()
                        said, root = self._receive()
                    if said != b"kept":
                        raise NotStarted("the template is gone")
                    group.add(root)
                    os.write(lifeline, b"x")
                except OSError as error:
                    raise NotStarted(f"the template is gone: {error}") from error
        except BaseException:
            group.remove()
            raise
        make_ready(to_child, from_child, output)
        return Forked(
            root=root, to_child=to_child, from_child=from_child, output=output, group=group,
            folder=jail.FOLDER, paths=paths_of(self._view), others=[lifeline, status], lifeline=lifeline,
            status=status, n_above=2,
        )  # fmt: skip

    def _receive(self) -> tuple[bytes, int]:
        """A message, and the number of the process that sent it, as the kernel tells."""
        try:
            message, extra, _, _ = self._control.recvmsg(65536, socket.CMSG_SPACE(12))
        except OSError as error:
            raise NotStarted(f"the template does not answer: {error}") from error
        numbers = [struct.unpack("iii", data)[0] for _, kind, data in extra if kind == socket.SCM_CREDENTIALS]
        return message, numbers[0] if numbers else 0

    def close(self) -> None:
        """End it, and with it every jail within."""
        self._control.close()
        end_jail(self._spawned.popen, self._spawned.handle)
        self._spawned.group.remove()
        os.close(self._spawned.handle)
        os.close(self._spawned.output)


def _in_lasting_thread(
    view: jail.View, variables: Mapping[str, str], command: Sequence[str], fd: int, staged: bool
) -> Spawned:
    """Start the jail from a thread that waits for its end.

    The kernel ends a jail with the thread that started it, and the first run's thread may be a passing one.
    """
    started: list[Spawned | BaseException] = []
    told = threading.Event()

    def last() -> None:
        try:
            started.append(spawn(view, variables, command, (fd,), staged=staged, filtered=False))
        except BaseException as error:
            started.append(error)
            return
        finally:
            told.set()
        with contextlib.suppress(OSError):
            os.waitid(os.P_PID, started[0].popen.pid, os.WEXITED | os.WNOWAIT)  # type: ignore[union-attr]

    threading.Thread(target=last, name="kit-template", daemon=True).start()
    told.wait()
    if isinstance(started[0], BaseException):
        raise started[0]
    return started[0]
