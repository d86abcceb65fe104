"""What a run's processes use, seen from outside by ``/proc``: times, memory, and who is still there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Of all processes of a tree, the dead that were waited for counted in ``cpu_s``."""

    cpu_s: float
    resident_bytes: int
    n_threads: int


def usage_of(root: int, n_above: int = 0) -> Usage:
    """Times and memory of a process and all below it; pages they share count for each.

    Parameters
    ----------
    n_above : int
        How many processes, from the root on, belong to the jail and not to the run: their memory, which is
        shared with others, does not count.
    """
    cpu, resident, threads = 0.0, 0, 0
    for i, pid in enumerate(tree_of(root)):
        with contextlib.suppress(OSError, IndexError):
            # The name may hold spaces and brackets: all else follows its last one.
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            cpu += sum(int(value) for value in fields[11:15]) * _TICK_S
            threads += int(fields[17])
            resident += int(fields[21]) * _PAGE_BYTES if i >= n_above else 0
    return Usage(cpu, resident, threads)


def held_bytes(root: int, n_above: int = 0) -> int:
    """Memory of a tree that is no file's, where shared pages count once; slower than ``usage_of``."""
    return sum(_parts(pid, "Anon", "Shmem") for pid in tree_of(root)[n_above:])


def shared_bytes(root: int, n_above: int = 0) -> int:
    """Memory that processes of a tree map to share it, each page once."""
    return sum(_parts(pid, "Shmem") for pid in tree_of(root)[n_above:])


def resident_bytes(root: int, n_above: int = 0) -> int:
    """Memory of a tree that is no file's, where shared pages count for each."""
    return sum(_field(pid, "status", "RssAnon:", "RssShmem:") for pid in tree_of(root)[n_above:])


def peak_bytes(root: int, n_above: int = 0) -> int:
    """The most memory any process of a tree ever had at a time, by the kernel's own mark."""
    return max((_field(pid, "status", "VmHWM:") for pid in tree_of(root)[n_above:]), default=0)


def account_of(pid: int) -> int:
    """The number of the account a process runs as, as this side counts them."""
    text = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Uid:"))


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def tree_of(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for pid in found:
        found += _children(pid)
    return found


def _children(pid: int) -> Iterator[int]:
    if not _lists_children():
        yield from _scan(pid)
        return
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with contextlib.suppress(OSError):
                yield from map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())


def _scan(parent: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
            with contextlib.suppress(OSError, IndexError):
                stat = Path(f"/proc/{name}/stat").read_text(errors="replace")
                if int(stat.rpartition(")")[2].split()[1]) == parent:
                    yield int(name)


@cache
def _lists_children() -> bool:
    return Path("/proc/self/task", str(os.getpid()), "children").exists()


def _parts(pid: int, *kinds: str) -> int:
    """A process's share of pages, by kind; all it has of them where it forbids others to look so closely."""
    try:
        return _sum(pid, "smaps_rollup", *(f"Pss_{kind}:" for kind in kinds))
    except (OSError, LookupError):
        return _field(pid, "status", *(f"Rss{kind}:" for kind in kinds))


def _field(pid: int, file: str, *names: str) -> int:
    try:
        return _sum(pid, file, *names)
    except (OSError, LookupError):
        return 0


def _sum(pid: int, file: str, *names: str) -> int:
    lines = (line.split() for line in Path(f"/proc/{pid}/{file}").read_text().splitlines())
    found = {parts[0]: int(parts[1]) * 1024 for parts in lines if parts and parts[0] in names}
    return sum(found[name] for name in names)


def n_threads_of(account: int) -> int:
    """How many threads an account runs."""
    total = 0
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == account:  # noqa: PTH116
                    total += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return total
