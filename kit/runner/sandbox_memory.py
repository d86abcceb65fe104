"""How much memory a run holds of its own, whoever else runs on the machine.

Files that are mapped do not count, libraries above all: the kernel takes their pages back when it needs them,
and how many of them are a run's own changes with every neighbour that maps the same. Pages that processes of
the run share count once.
"""

from __future__ import annotations

from kit.runner.sandbox_process import Process
from kit.runner.sandbox_tree import Usage, held_bytes, resident_bytes, shared_bytes


class Memory:
    """What a run holds beyond what it held before its limits counted."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._base_bytes = 0

    def begin(self) -> int:
        """Count from here; returns what a limit on all that the kernel charges has to allow for."""
        process = self._process
        charged, used = process.group.charged(), process.group.used_bytes()
        if charged is not None:
            self._base_bytes = charged.anonymous_bytes
        else:
            # Pages inherited by a fork belong to more or fewer with every neighbour: at most all are its own.
            self._base_bytes = resident_bytes(process.root, process.n_above)
        return self._base_bytes if used is None else used

    def is_over(self, limit_bytes: int, usage: Usage) -> bool:
        """Whether it holds more now; the exact sum is dear, and taken only where it can matter."""
        process, most = self._process, limit_bytes + self._base_bytes
        charged = process.group.charged()
        if charged is None:
            return usage.resident_bytes > most < held_bytes(process.root, process.n_above)
        if charged.anonymous_bytes > most:
            return True
        # What is shared and in no process is a file of /tmp, and has a limit of its own.
        if charged.anonymous_bytes + charged.shared_bytes <= most:
            return False
        return charged.anonymous_bytes + shared_bytes(process.root, process.n_above) > most
