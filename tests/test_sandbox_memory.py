"""What memory a run is said to hold, and who is to blame when the kernel kills for want of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.runner.sandbox import MEGABYTE, Level, detect_isolation
from kit.runner.sandbox_groups import Group, writable_groups
from kit.runner.sandbox_tree import held_bytes, resident_bytes, shared_bytes

FOLDER = writable_groups().get("memory")
needs_groups = pytest.mark.skipif(FOLDER is None, reason="no control group of memory can be made here")

# Waits to be put under limits, then holds so many megabytes.
HOLD = """
import sys, time
sys.stdin.read(1)
kept = [b"x" * 1_000_000 for _ in range(int(sys.argv[1]))]
print("held", flush=True)
time.sleep(600)
"""

# A file of 60 MB mapped, 60 MB of its own and 60 MB shared, in four processes.
SHARE = """
import mmap, os, sys, time
file = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), 0, prot=mmap.PROT_READ)
own = bytearray(b"x" * 60_000_000)
shared = mmap.mmap(-1, 60_000_000)
shared.write(own)
ready, told = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        assert sum(len(kept[::4096]) for kept in (file, own, shared))
        os.write(told, b"x")
        time.sleep(600)
for _ in range(3):
    os.read(ready, 1)
print("held", flush=True)
time.sleep(600)
"""

# An account of its own, and a child that lets nobody look.
HIDE = """
import ctypes, os, sys, time
from kit.runner.sandbox_tree import held_bytes
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
ready, told = os.pipe()
child = os.fork()
if child == 0:
    ctypes.CDLL(None).prctl(4, 0)
    kept = b"x" * 60_000_000
    os.write(told, b"x")
    time.sleep(600)
os.read(ready, 1)
try:
    open(f"/proc/{child}/smaps_rollup").read()
except PermissionError:
    print(held_bytes(child))
os.kill(child, 9)
"""

# A service whose own group has less memory than it grants to runs.
SERVE = """
import sys
from pathlib import Path
import numpy as np
from kit.errors import SandboxUnavailable
from kit.runner.run import Runner, Task
from kit.runner.sandbox import Level, RunLimits
sys.stdin.read(1)
X = np.ones((3, 1))
limits = RunLimits(memory_bytes=4_000_000_000, disk_bytes=20_000_000, wall_s=200)
with Runner(limits, level=Level.ISOLATED, warm=False) as runner:
    try:
        print(runner.run(Task(Path(sys.argv[1])), X, X[:, 0], X, X))
    except SandboxUnavailable as error:
        print(error)
"""

GREEDY = """
import os, time
def get_estimator():
    if os.fork() == 0:
        kept = []
        while True:
            kept.append(b"x" * 1_000_000)
    time.sleep(600)
"""


@contextlib.contextmanager
def started(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


@contextlib.contextmanager
def group_of(folder: Path, process: subprocess.Popen[bytes], n_bytes: int) -> Iterator[Group]:
    """A group below another, with a process in it."""
    own = folder / "kit-own"
    own.mkdir()
    group = Group({"memory": own})
    try:
        group.add(process.pid)
        group.limit(memory_bytes=n_bytes, n_pids=10)
        yield group
    finally:
        group.remove()


@pytest.fixture
def above() -> Iterator[Group]:
    """A group that holds others, as a container would."""
    assert FOLDER is not None
    folder = FOLDER / f"kit-{os.getpid()}-above"
    folder.mkdir()
    with contextlib.suppress(OSError):
        (folder / "cgroup.subtree_control").write_text("+memory")
    made = Group({"memory": folder})
    yield made
    made.remove()


def go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"x")
    process.stdin.flush()


def killed(above: Group, limit_mb: int) -> tuple[int, int]:
    """How many were killed at their own limit, and for want of memory else, where one takes 100 MB."""
    with (
        started(HOLD, "100") as process,
        group_of(above.folders["memory"], process, limit_mb * MEGABYTE) as group,
    ):
        go(process)
        process.wait(120)
        return group.n_out_of_memory(), group.n_starved()


@needs_groups
def test_a_process_killed_at_the_limit_of_its_run_is_the_runs_own_doing(above: Group) -> None:
    assert killed(above, 50) == (1, 0)


@needs_groups
def test_a_process_killed_below_the_limit_of_its_run_starved(above: Group) -> None:
    above.limit(memory_bytes=50 * MEGABYTE, n_pids=10)
    assert killed(above, 500) == (0, 1)


@needs_groups
def test_a_run_at_its_limit_is_killed_also_where_the_group_above_would_let_it_wait(above: Group) -> None:
    switch = above.folders["memory"] / "memory.oom_control"
    if not switch.exists():
        pytest.skip("groups of version 2 always kill")
    switch.write_text("1")
    assert killed(above, 50) == (1, 0)


@needs_groups
@pytest.mark.skipif(detect_isolation().level is not Level.ISOLATED, reason="no jail here")
def test_a_run_that_starves_is_ended_and_blamed_on_nobody(above: Group, tmp_path: Path) -> None:
    folder = above.folders["memory"]
    if (folder / "cgroup.controllers").exists():
        pytest.skip("groups of version 2 hold processes or groups, not both")
    (tmp_path / "estimator.py").write_text(GREEDY)
    with started(SERVE, str(tmp_path)) as service:
        assert service.stdout is not None
        above.add(service.pid)
        above.limit(memory_bytes=900 * MEGABYTE, n_pids=100)
        go(service)
        said = service.stdout.read().decode()

    assert "though the run kept within its limit" in said


@needs_groups
def test_what_a_group_is_charged_is_what_its_processes_hold(above: Group) -> None:
    with (
        started(HOLD, "100") as process,
        group_of(above.folders["memory"], process, 500 * MEGABYTE) as group,
    ):
        go(process)
        assert process.stdout is not None
        process.stdout.readline()
        charged = group.charged()

    assert charged is not None
    assert 100 * MEGABYTE <= charged.anonymous_bytes < 120 * MEGABYTE
    assert charged.shared_bytes < 10 * MEGABYTE


def test_memory_that_processes_share_counts_once_and_mapped_files_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 60_000_000)
    with started(SHARE, str(file)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held, shared, resident = (count(process.pid) for count in (held_bytes, shared_bytes, resident_bytes))

    assert 120 * MEGABYTE <= held < 150 * MEGABYTE
    assert 59 * MEGABYTE <= shared < 61 * MEGABYTE
    assert resident > 400 * MEGABYTE


def test_a_process_that_lets_nobody_look_is_counted_in_full() -> None:
    done = subprocess.run([sys.executable, "-c", HIDE], capture_output=True, text=True, timeout=240)

    if done.returncode == 0 and not done.stdout:
        pytest.skip("this account may look into every process")
    assert int(done.stdout) > 60 * MEGABYTE, done.stderr
