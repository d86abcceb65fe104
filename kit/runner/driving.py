"""Lead one sandbox through its stages: send, wait, watch time and memory, and end it where a limit is met.

Nothing of what is measured here comes from inside the sandbox.
"""

from __future__ import annotations

import os
import selectors
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kit.runner.exchange import HEADER_BYTES, Answer, BadAnswer, Buffer, answer_header
from kit.runner.sandbox import RunLimits
from kit.runner.sandbox_memory import Memory
from kit.runner.sandbox_process import Process
from kit.runner.sandbox_tree import Usage, peak_bytes, tree_of, usage_of

TAIL_BYTES = 20_000
_TICK_S = 0.05
_READ_BYTES = 1024 * 1024
_LAST_WORDS_S = 1.0
_KERNEL_BYTES = 1_000_000
"""Of the kernel for each process: page tables and stacks, which no participant can see."""


class End(StrEnum):
    """Why a sandbox was ended, or ended itself."""

    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    KILLED = "killed"
    STOPPED = "stopped"
    GONE = "gone"
    NONSENSE = "nonsense"


class Ended(Exception):
    """There will be no answer."""

    def __init__(self, end: End, detail: str = "") -> None:
        self.end, self.detail = end, detail
        super().__init__(f"{end} {detail}".strip())


@dataclass
class Measured:
    """Of the stage that is running, or ran last."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


class Driver:
    """Talks to one process; keeps the end of what it prints, and its greatest memory."""

    def __init__(self, process: Process, limits: RunLimits, stop: threading.Event | None) -> None:
        self.process, self.limits, self.stop = process, limits, stop
        self.tail = b""
        self.peak_bytes = 0
        self.stage = Measured()
        self._received = bytearray()
        self._header: dict[str, Any] | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(process.from_child, selectors.EVENT_READ)
        self._selector.register(process.output, selectors.EVENT_READ)
        self._memory = Memory(process)
        self._base_cpu_s = self._wall_s = 0.0
        self._killed_at: float | None = None

    def begin(self) -> int:
        """From here on limits count; returns how many threads ran before, which are not the participant's."""
        usage, limits, process = self._usage(), self.limits, self.process
        process.harness = next(iter(tree_of(process.root)[process.n_above :]), process.root)
        self.peak_bytes = usage.resident_bytes
        self._base_cpu_s = self._cpu_now()
        # The files of /tmp are memory too; what the processes take is limited by sampling and rlimits.
        memory = (
            self._memory.begin() + limits.memory_bytes + limits.disk_bytes + limits.n_pids * _KERNEL_BYTES
        )
        process.group.limit(memory_bytes=memory, n_pids=limits.n_pids + usage.n_threads)
        return usage.n_threads

    def settle(self, buffers: Sequence[Buffer], timeout_s: float) -> Answer:
        """An answer of the harness itself, before any code of a participant runs."""
        return self._exchange(buffers, 0, timeout_s, limited=False)

    def printed(self) -> bytes:
        """The end of what was printed so far."""
        self._print()
        return self.tail

    def ask(self, buffers: Sequence[Buffer], payload_bytes: int) -> Answer:
        """Send a stage's message and wait for its answer of at most so many bytes; both are measured."""
        self.stage = Measured()
        started, cpu = time.monotonic(), self._cpu_now()
        try:
            answer = self._exchange(buffers, payload_bytes, self.limits.wall_s - self._wall_s, limited=True)
            self._look_at_cpu()
            return answer
        except Ended as ended:
            # The kernel's own limit is wider, and first where this side was kept from looking.
            if ended.end is End.GONE:
                self._look_at_cpu()
            raise
        finally:
            self.stage.wall_s = time.monotonic() - started
            self.stage.cpu_s = max(self._cpu_now() - cpu, 0.0)
            self._wall_s += self.stage.wall_s
            self.peak_bytes = max(self.peak_bytes, peak_bytes(self.process.root, self.process.n_above))

    def close(self) -> None:
        """End the process and take in what it printed last."""
        self.process.kill()
        self._print()
        self._selector.close()
        self.process.close()

    def _exchange(
        self, buffers: Sequence[Buffer], payload_bytes: int, timeout_s: float, *, limited: bool
    ) -> Answer:
        left = [memoryview(buffer).cast("B") for buffer in buffers if len(buffer)]
        deadline = time.monotonic() + timeout_s
        look_at = 0.0
        if left:
            self._selector.register(self.process.to_child, selectors.EVENT_WRITE)
        try:
            while True:
                # What has come counts, however late this side gets to it.
                for key, _ in self._selector.select(_TICK_S):
                    if key.fd == self.process.output:
                        self._print()
                    elif key.fd == self.process.to_child:
                        self._write(left)
                    else:
                        answer = self._read(payload_bytes)
                        if answer is not None:
                            return answer
                now = time.monotonic()
                if now >= look_at:
                    self._look(now >= deadline, limited)
                    look_at = now + _TICK_S
        finally:
            if self.process.to_child in self._selector.get_map():
                self._selector.unregister(self.process.to_child)

    def _look(self, late: bool, limited: bool) -> None:
        """End the run where a limit is met."""
        if self.stop is not None and self.stop.is_set():
            raise Ended(End.STOPPED)
        if limited:
            usage = self._usage()
            self.peak_bytes = max(self.peak_bytes, usage.resident_bytes)
            if self._memory.is_over(self.limits.memory_bytes, usage):
                raise Ended(End.MEMORY)
            if self._was_killed():
                raise Ended(End.KILLED)
            self._look_at_cpu()
        if late:
            raise Ended(End.WALL)

    def _look_at_cpu(self) -> None:
        if self._cpu_now() - self._base_cpu_s > self.limits.cpu_s:
            raise Ended(End.CPU)

    def _was_killed(self) -> bool:
        """Whether processes were killed for want of memory, and the others had time to say what it broke.

        Without those the run is below its limit again, and who waits for them might wait for ever.
        """
        if not self.process.group.n_killed():
            return False
        self._killed_at = self._killed_at or time.monotonic()
        return time.monotonic() - self._killed_at > _LAST_WORDS_S

    def _cpu_now(self) -> float:
        counted = self.process.group.cpu_s()
        return self._usage().cpu_s if counted is None else counted

    def _usage(self) -> Usage:
        return usage_of(self.process.root, self.process.n_above)

    def _write(self, left: list[memoryview]) -> None:
        try:
            n = os.writev(self.process.to_child, left[:64])
        except BlockingIOError:
            return
        except BrokenPipeError:
            n, left[:] = 0, []
        while left and n >= len(left[0]):
            n -= len(left.pop(0))
        if left:
            left[0] = left[0][n:]
        else:
            self._selector.unregister(self.process.to_child)

    def _print(self) -> None:
        """Take in what was printed and keep its end; never more than a little at a time."""
        for _ in range(64):
            try:
                chunk = os.read(self.process.output, _READ_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                if self.process.output in self._selector.get_map():
                    self._selector.unregister(self.process.output)
                return
            self.tail = (self.tail + chunk)[-TAIL_BYTES:]

    def _read(self, payload_bytes: int) -> Answer | None:
        """The answer if all of it has come."""
        try:
            chunk = os.read(self.process.from_child, _READ_BYTES)
        except BlockingIOError:
            return None
        if not chunk:
            raise Ended(End.GONE)
        self._received += chunk
        try:
            return self._whole(payload_bytes)
        except BadAnswer as error:
            raise Ended(End.NONSENSE, str(error)) from None

    def _whole(self, payload_bytes: int) -> Answer | None:
        received = self._received
        if len(received) < 8:
            return None
        (n,) = struct.unpack("<Q", received[:8])
        if n > HEADER_BYTES:
            raise BadAnswer(f"its header claims {n} bytes")
        if len(received) < 8 + n:
            return None
        if self._header is None:
            self._header = answer_header(bytes(received[8 : 8 + n]))
        header = self._header
        if header["size"] > payload_bytes:
            raise BadAnswer(f"it claims {header['size']} bytes where {payload_bytes} are the most")
        end = 8 + n + header["size"]
        if len(received) < end:
            return None
        if len(received) > end:
            raise BadAnswer("more follows it")
        answer = Answer(header, bytes(received[8 + n : end]))
        self._received, self._header = bytearray(), None
        return answer
