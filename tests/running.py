"""A real service as a process of its own, to be talked to, killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import psutil
from processes import command_of


def free_port() -> int:
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for_port(port: int, *, within_s: float = 60) -> None:
    """Wait until something listens on a port of this machine."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", port))):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


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
        ends_at = time.monotonic() + 60
        while time.monotonic() < ends_at:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the service did not start:\n" + self.log.read_text())

    def kill(self) -> None:
        """Kill the service alone; its judge must follow by itself."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive, f"left behind: {[(p.pid, command_of(p)) for p in alive]}"

    def kill_all(self) -> None:
        """Kill the service, its judge and its workers at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @contextlib.contextmanager
    def judging_stopped(self) -> Iterator[None]:
        """Keep the judge from working, as a long queue would."""
        judges = psutil.Process(self.process.pid).children(recursive=True)
        for each in judges:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.suspend()
        try:
            yield
        finally:
            for each in judges:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.resume()

    def stop(self) -> None:
        """Stop it as Ctrl-C does; nothing may stay behind."""
        if self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, f"left behind: {[(p.pid, command_of(p)) for p in alive]}"


@contextlib.contextmanager
def running(
    directories: Sequence[Path], data: Path, *, workers: int = 1, options: Sequence[str] = ()
) -> Iterator[Service]:
    """A service that is stopped at the end."""
    service = Service(directories, data, workers=workers, options=options)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def sign_up(url: str, name: str) -> dict[str, str]:
    """Headers of a new participant."""
    answer = httpx2.post(f"{url}/api/v1/users", json={"name": name, "password": f"pass-{name}-1234567"})
    answer.raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['token']}"}
