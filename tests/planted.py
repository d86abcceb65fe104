"""What attacks look for: secrets in a process of the host, in files, behind sockets; and their data."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit.runner.run import Run, Runner, Task
from kit.runner.sandbox import MEGABYTE, Level, RunLimits

SUBMISSIONS = Path(__file__).parent / "submissions"
NAMES = sorted(path.name for path in SUBMISSIONS.iterdir() if path.is_dir())

_HOLDER = """
import os, sys, time
secret = sys.argv[1]
held = open(sys.argv[2])
copies = [secret + "\\0" * i for i in range(100)]
print("ready", flush=True)
time.sleep(3600)
"""


@dataclass(frozen=True)
class Expectation:
    """What a submission must get, as its expect.toml says."""

    verdict: str
    reason: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    peeks: bool = False
    """Whether it finds what is planted where nothing holds it."""
    hurts: bool = False
    """Whether it is meant to harm who comes after."""
    runs: int = 1
    fit_s: float = 0.0
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def tries_the_jail(self) -> bool:
        """Whether its verdict depends on what holds it, and not on what it answers."""
        return bool(self.peeks or self.hurts or self.never or self.limits or "limit" in self.verdict)

    @classmethod
    def of(cls, name: str) -> Expectation:
        return cls(**tomllib.loads((SUBMISSIONS / name / "expect.toml").read_text()))


@dataclass
class Planted:
    """Secrets, and where they are."""

    secret: str
    folder: Path
    targets: dict[str, Any]
    mark: str = field(default_factory=lambda: f"left-behind-{secrets.token_hex(4)}")
    """What all that attacks of this test leave is named after; others run the same ones at the same time."""
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        # Labels are noise: whoever predicts those it was not given has stolen them.
        self.X = pd.DataFrame(self.rng.normal(size=(60, 3)), columns=["a", "b", "c"])
        self.y = self.rng.normal(size=60)
        self.X_test = pd.DataFrame(self.rng.normal(size=(7, 3)), columns=["a", "b", "c"])

    def code_of(self, name: str) -> Path:
        """A copy of a submission, told where to look: a participant may know all but the secrets."""
        copy = self.folder.parent / f"code-{secrets.token_hex(4)}"
        shutil.copytree(SUBMISSIONS / name, copy)
        for path in copy.glob("*.py"):
            path.write_text(self.marked(path.read_text()))
        (copy / "targets.json").write_text(json.dumps(self.targets))
        return copy

    def marked(self, code: str) -> str:
        """Code that names what it leaves after this test."""
        return code.replace("left-behind", self.mark)

    def run(self, name: str, level: Level, **settings: Any) -> Run:
        """Run a submission on one fold under small limits."""
        with Runner(limits_of(Expectation.of(name)), level=level, **settings) as runner:
            return self.run_with(runner, name)

    def run_with(self, runner: Runner, name: str, **task: Any) -> Run:
        """Run a submission on one fold with a runner that is there."""
        code = Task(self.code_of(name), **task)
        return runner.run(code, self.X[:40], self.y[:40], self.X, self.X_test)


def limits_of(expected: Expectation) -> RunLimits:
    limits = {"cpu_s": 20.0, "wall_s": 120.0} | expected.limits
    return RunLimits(**limits, memory_bytes=300 * MEGABYTE, n_pids=16, disk_bytes=20 * MEGABYTE, n_threads=1)


@contextmanager
def planted(folder: Path) -> Iterator[Planted]:
    """Plant secrets: in files, in a process, behind sockets of all kinds."""
    secret = f"kit-secret-{secrets.token_hex(16)}"
    store = folder / "store"
    (store / "submissions" / "7").mkdir(parents=True)
    for name in ("truth.csv", "kit.db", "submissions/7/estimator.py"):
        (store / name).write_text(f"# {secret}\n")
    with _holder(secret, store / "kit.db") as pid, _servers(secret, folder) as addresses:
        yield Planted(secret, store, {"paths": [str(store)], "pid": pid, **addresses})


@contextmanager
def _holder(secret: str, file: Path) -> Iterator[int]:
    """A process with the secret in its memory, arguments, environment and files."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, secret, str(file)], env={"SECRET": secret}, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


@contextmanager
def _servers(secret: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Servers that tell the secret to whoever calls."""
    abstract, path = f"kit-{secrets.token_hex(8)}", str(folder / "s")
    places = {
        "tcp4": (socket.AF_INET, ("127.0.0.1", 0)),
        "tcp6": (socket.AF_INET6, ("::1", 0)),
        "unix": (socket.AF_UNIX, path),
        "abstract": (socket.AF_UNIX, f"\0{abstract}"),
    }
    listening = {}
    for name, (family, address) in places.items():
        listening[name] = socket.socket(family)
        listening[name].bind(address)
        listening[name].listen()
        threading.Thread(target=_tell, args=(listening[name], secret.encode()), daemon=True).start()
    ports = {name: listening[name].getsockname()[1] for name in ("tcp4", "tcp6")}
    try:
        yield {**ports, "unix": path, "abstract": abstract}
    finally:
        for server in listening.values():
            server.shutdown(socket.SHUT_RDWR)
            server.close()


def _tell(server: socket.socket, secret: bytes) -> None:
    while True:
        try:
            caller, _ = server.accept()
        except OSError:
            return
        with caller:
            caller.sendall(secret)


def texts_of(run: Run) -> str:
    """All that comes back of a run and is shown to anyone."""
    return "\n".join((run.reason, run.traceback, run.output, *run.packages))


def left_behind(mark: str) -> list[str]:
    """What attacks left on this machine: files and processes named after the mark, and control groups."""
    places = [Path(p) for p in ("/tmp", "/var/tmp", "/dev/shm", "/dev", "/run", "/", str(Path.cwd()))]
    files = [str(path) for place in places if place.is_dir() for path in place.glob(f"{mark}*")]
    # Others come and go meanwhile, and a glob would stumble over them.
    groups = [folder for folder, *_ in os.walk("/sys/fs/cgroup") if f"/kit-{os.getpid()}-" in folder]
    return files + processes_with(mark) + groups


def processes_with(mark: str) -> list[str]:
    """Command lines of running processes that hold a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if mark in line and path.parent.name != str(os.getpid()):
                found.append(line)
    return found


def is_gone(pid: int, within_s: float = 120.0) -> bool:
    """Whether a process ends soon."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False
