"""What the processes of a service take of the machine, by part."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from types import TracebackType
from typing import Any

import psutil

EACH_S = 1.0


class Spending:
    """Looks once a second at a service, its judge, workers and sandboxes, at others, and at this process."""

    def __init__(self, service: int, **others: int) -> None:
        self._service, self._others = service, others
        self._last: dict[int, tuple[str, float]] = {}
        self._cpu_s: dict[str, float] = {}
        self._most_bytes: dict[str, int] = {}
        self._began_at = 0.0
        self._is_counting = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Spending:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def follow(self, service: int) -> None:
        """The service has another process now."""
        self._service = service

    def begin(self) -> None:
        """Count processor time from now on."""
        self._look()
        self._cpu_s.clear()
        self._began_at = time.monotonic()
        self._is_counting = True

    def told(self) -> list[tuple[str, float, int]]:
        """Of each part: seconds of processor time for each second that passed, and its most memory."""
        self._look()
        passed_s = time.monotonic() - self._began_at
        parts = sorted(self._most_bytes)
        return [(part, self._cpu_s.get(part, 0.0) / passed_s, self._most_bytes[part]) for part in parts]

    def _run(self) -> None:
        while not self._stop.wait(EACH_S):
            self._look()

    def _look(self) -> None:
        memory: dict[str, int] = {}
        for part, process in self._parts():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                spent_s = times.user + times.system
                known = self._last.get(process.pid, (part, spent_s if not self._is_counting else 0.0))[1]
                self._last[process.pid] = (part, spent_s)
                self._cpu_s[part] = self._cpu_s.get(part, 0.0) + max(0.0, spent_s - known)
                held = process.memory_info()
                memory[part] = memory.get(part, 0) + held.rss - held.shared
        for part, n_bytes in memory.items():
            self._most_bytes[part] = max(n_bytes, self._most_bytes.get(part, 0))

    def _parts(self) -> list[tuple[str, Any]]:
        found = [("load", psutil.Process(os.getpid()))]
        for part, pid in {"service": self._service, **self._others}.items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                found.append((part, process))
                if part == "service":
                    found += [(_name(child), child) for child in process.children(recursive=True)]
        return found


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        command = " ".join(process.cmdline())
        if "judge_process" in command:
            return "judge"
        if "spawn_main" in command or "resource_tracker" in command:
            return "workers"
    return "sandboxes"
