"""Control groups of one run: memory, processes and CPU time of all its processes, where they are writable.

Both versions are known. Nothing here is needed for a run to be limited: rlimits and sampling do it too, less
exactly.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NAME = re.compile(r"kit-(\d+)-\d+$")
_MARGIN_BYTES = 1024 * 1024
_numbers = itertools.count()

CONTROLLERS = ("memory", "pids", "cpuacct")


@cache
def writable_groups() -> dict[str, Path]:
    """By controller, the folder in which groups can be made; version 2 has one folder for all."""
    found = {}
    for controller, folder in _own_folders().items():
        with contextlib.suppress(OSError):
            _sweep(folder)
            trial = folder / f"kit-{os.getpid()}-{next(_numbers)}"
            trial.mkdir()
            try:
                if (trial / _LIMIT_FILES[controller][_version(folder)]).exists():
                    found[controller] = folder
            finally:
                trial.rmdir()
    return found


def group_features() -> tuple[str, ...]:
    """Such as "cgroup v1 memory"."""
    return tuple(f"cgroup v{_version(folder)} {name}" for name, folder in writable_groups().items())


_LIMIT_FILES = {
    "memory": {1: "memory.limit_in_bytes", 2: "memory.max"},
    "pids": {1: "pids.max", 2: "pids.max"},
    "cpuacct": {1: "cpuacct.usage", 2: "cpu.stat"},
}


@dataclass(frozen=True)
class Charged:
    """Memory a run was the first to touch: its processes' own, and what they share or wrote to ``/tmp``."""

    anonymous_bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class Group:
    """The groups of one run, by controller."""

    folders: dict[str, Path]

    @classmethod
    def make(cls) -> Group:
        """Make the groups, without limits yet."""
        name = f"kit-{os.getpid()}-{next(_numbers)}"
        folders = {controller: parent / name for controller, parent in writable_groups().items()}
        for folder in set(folders.values()):
            folder.mkdir()
        return cls(folders)

    def add(self, pid: int) -> None:
        """Take in a process; its future children are in by birth."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def limit(self, *, memory_bytes: int, n_pids: int) -> None:
        """Set the limits; swap is not to be used."""
        memory, pids = self.folders.get("memory"), self.folders.get("pids")
        if pids is not None:
            (pids / "pids.max").write_text(str(n_pids))
        if memory is None:
            return
        if _version(memory) == 1:
            (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            # Where the group above waits for memory instead of killing, this one would too, and nobody comes.
            further = {"memory.memsw.limit_in_bytes": str(memory_bytes), "memory.oom_control": "0"}
        else:
            (memory / "memory.max").write_text(str(memory_bytes))
            further = {"memory.swap.max": "0", "memory.oom.group": "1"}
        for name, value in further.items():
            with contextlib.suppress(OSError):
                (memory / name).write_text(value)

    def cpu_s(self) -> float | None:
        """CPU seconds of all processes so far, also of those that ended; None where it is not counted."""
        folder = self.folders.get("cpuacct")
        if folder is None:
            return None
        if _version(folder) == 1:
            return int((folder / "cpuacct.usage").read_text()) / 1e9
        return _field(folder / "cpu.stat", "usage_usec") / 1e6

    def charged(self) -> Charged | None:
        """What the run holds; None where it is not counted."""
        folder = self.folders.get("memory")
        if folder is None:
            return None
        anonymous = "rss" if _version(folder) == 1 else "anon"
        return Charged(_field(folder / "memory.stat", anonymous), _field(folder / "memory.stat", "shmem"))

    def used_bytes(self) -> int | None:
        """All that counts against its limit of memory, the kernel's share and cached files too."""
        folder = self.folders.get("memory")
        if folder is None:
            return None
        name = "memory.usage_in_bytes" if _version(folder) == 1 else "memory.current"
        return int((folder / name).read_text())

    def n_killed(self) -> int:
        """How many processes were killed for want of memory, whose ever."""
        folder = self.folders.get("memory")
        if folder is None:
            return 0
        name = "memory.oom_control" if _version(folder) == 1 else "memory.events"
        return _field(folder / name, "oom_kill")

    def n_out_of_memory(self) -> int:
        """How many of them as the run had reached its own limit."""
        n = self.n_killed()
        return n if n and _has_been_full(self.folders["memory"]) else 0

    def n_starved(self) -> int:
        """How many though it had not: what holds the service, or the machine, had no more."""
        return self.n_killed() - self.n_out_of_memory()

    def n_out_of_pids(self) -> int:
        """How often a process or thread could not be started."""
        folder = self.folders.get("pids")
        return 0 if folder is None else _field(folder / "pids.events", "max")

    def remove(self) -> None:
        """Kill what is left, and take the groups away."""
        for folder in set(self.folders.values()):
            _remove(folder)


def _own_folders() -> dict[str, Path]:
    """By controller, the folder of this process's group, or for version 2 one that may have children."""
    found: dict[str, Path] = {}
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, place = line.split(":", 2)
        if not controllers:
            found |= _unified(place)
            continue
        for controller in set(controllers.split(",")) & set(CONTROLLERS):
            root = Path("/sys/fs/cgroup", controllers)
            root = root if root.is_dir() else Path("/sys/fs/cgroup", controller)
            found.setdefault(controller, root / place.lstrip("/"))
    return {name: folder for name, folder in found.items() if os.access(folder, os.W_OK)}


def _unified(place: str) -> dict[str, Path]:
    """Version 2: processes and subgroups with controllers exclude each other: the parent may be the one."""
    root = Path("/sys/fs/cgroup")
    own = root / place.lstrip("/")
    for folder in (own, own.parent):
        if not folder.is_relative_to(root) or not os.access(folder, os.W_OK):
            continue
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text("+memory +pids +cpu")
        enabled = " ".join(_lines(folder / "cgroup.subtree_control")).split()
        if "memory" in enabled and "pids" in enabled:
            return dict.fromkeys(CONTROLLERS, folder)
    return {}


def _has_been_full(memory: Path) -> bool:
    if _version(memory) == 2:
        return _field(memory / "memory.events", "oom") > 0
    # Not memory.failcnt: some kernels do not count there.
    most, limit = (memory / f"memory.{name}_in_bytes" for name in ("max_usage", "limit"))
    return int(most.read_text()) > int(limit.read_text()) - _MARGIN_BYTES


def _version(folder: Path) -> int:
    return 2 if (folder / "cgroup.controllers").exists() else 1


def _sweep(folder: Path) -> None:
    """Remove groups of services that died without doing so."""
    for left in folder.glob("kit-*-*"):
        match = _NAME.match(left.name)
        if match and not Path("/proc", match[1]).exists():
            _remove(left)


def _remove(folder: Path) -> None:
    for _ in range(500):
        for pid in _lines(folder / "cgroup.procs"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _field(path: Path, name: str) -> int:
    return next((int(line.split()[1]) for line in _lines(path) if line.split()[:1] == [name]), 0)
