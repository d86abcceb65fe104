"""A real service as a process of its own, to be talked to, killed and started again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx2
import psutil
from processes import asked, command_of
from waiting import until

PORTS = range(11_000, 32_000)
"""None of those that the system gives to connections by itself."""
START_S, END_S = 120.0, 60.0
_ours: list[socket.socket] = []


def free_port() -> int:
    """A port that no other test of this machine takes while this process lives, listened on or not."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0port {port} of the kit's tests")
            with socket.socket() as listener:
                listener.bind(("", port))
        except OSError:
            name.close()
        else:
            _ours.append(name)
            return port
    raise AssertionError("no port is free")


def wait_for_port(port: int) -> None:
    """Wait until something listens on a port of this machine."""

    def is_answered() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    until(is_answered, within_s=START_S)


class Service:
    """``kit serve`` on a folder of its own."""

    def __init__(
        self, directories: Sequence[Path], data: Path, *, workers: int = 1, options: Sequence[str] = ()
    ) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", "kit", "serve", *map(str, directories), "--data", str(data)]
        self._command += ["--port", str(self.port), "--workers", str(workers), *options]
        self.log = data.parent / f"{data.name}.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"HOME": str(self.data)},
            )
        ends_at = time.monotonic() + START_S
        while time.monotonic() < ends_at:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/healthz", timeout=30).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the service did not start:\n" + self.log.read_text())

    def kill(self) -> None:
        """Kill the service alone; its judge must follow by itself."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(children, timeout=END_S)
        assert not alive, f"left behind: {[(p.pid, command_of(p)) for p in alive]}"

    def kill_all(self) -> None:
        """Kill the service, its judge and its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @contextlib.contextmanager
    def judging_stopped(self) -> Iterator[None]:
        """Keep the judge from working, as a long queue would."""
        judges = psutil.Process(self.process.pid).children(recursive=True)
        _each(judges, psutil.Process.suspend)
        try:
            until(lambda: self._is_writable() or _each(judges, psutil.Process.resume, psutil.Process.suspend))
            yield
        finally:
            _each(judges, psutil.Process.resume)

    def _is_writable(self) -> bool:
        """Not where the judge was stopped in the middle of a transaction."""
        with contextlib.closing(sqlite3.connect(self.data / "kit.db", isolation_level=None)) as database:
            with contextlib.suppress(sqlite3.OperationalError):
                database.execute("begin immediate")
            return database.in_transaction

    def stop(self) -> None:
        """Stop it as Ctrl-C does; nothing may stay behind."""
        if self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(END_S)
        _, alive = psutil.wait_procs(children, timeout=END_S)
        assert not alive, f"left behind: {[(p.pid, command_of(p)) for p in alive]}"


@contextlib.contextmanager
def running(
    directories: Sequence[Path], data: Path, *, workers: int = 1, options: Sequence[str] = ()
) -> Iterator[Service]:
    """A service that is stopped at the end."""
    service = Service(directories, data, workers=workers, options=options)
    try:
        service.start()
        yield service
    finally:
        service.stop()


def _each(processes: Sequence[psutil.Process], *acts: Callable[[psutil.Process], object]) -> None:
    for act in acts:
        for process in processes:
            asked(process, act, None)


def sign_up(url: str, name: str) -> dict[str, str]:
    """Headers of a new participant."""
    account = {"name": name, "password": f"pass-{name}-1234567"}
    answer = httpx2.post(f"{url}/api/v1/users", json=account, timeout=END_S)
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['token']}"}
