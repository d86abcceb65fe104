"""Run a service: HTTP in this process, judging in another, both on one store."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from types import FrameType

import uvicorn
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kit.competition import Competition
from kit.errors import OrganizerError
from kit.service import create_app
from kit.service.forwarded import behind_proxies, under
from kit.service.hub import JupyterHub, Settings
from kit.service.isolation import too_little
from kit.service.sharing import keep_shared
from kit.service.versions import stale
from kit.service.watch import Watch
from kit.service_lock import only_service
from kit.sharing import share
from kit.store import Store
from kit.truth import load_competitions

log = logging.getLogger("kit.serve")

HOST = "127.0.0.1"
PORT = 8000
N_FILES = 65_536
SWITCH_S = 0.0005
"""A thread that computes lets others go on so soon: Python's 5 ms, at each of a request's steps, add up."""


def serve(
    directories: Sequence[Path],
    data: Path,
    *,
    host: str = HOST,
    port: int = PORT,
    workers: int = 1,
    code_workers: int = 1,
    hub: Settings | None = None,
    shared_data: Path | None = None,
    prefix: str = "",
) -> None:
    """Serve competitions until interrupted.

    Parameters
    ----------
    workers, code_workers : int
        How many predictions, and how much code, is judged at a time. Neither waits for the other.
    hub : Settings, optional
        The JupyterHub that says who people are.
    shared_data : Path, optional
        A folder from which accounts of this machine read participants' files in place.
    prefix : str
        The path under which a proxy shows the service, as `checked_prefix` gives it; a Hub tells its own.

    Raises
    ------
    InvalidCompetition
        Lists what keeps a competition from opening.
    OrganizerError
        Another service runs on the same data, or the port is taken.
    """
    os.umask(0o077)
    _allow_files()
    sys.setswitchinterval(SWITCH_S)
    # Leaderboards are small sums; threads that wait for more of them would spin on a processor.
    threadpool_limits(1, user_api="blas")
    competitions = load_competitions(directories)
    _check_hub(competitions, hub, prefix)
    with only_service(data, by_hub=hub is not None), contextlib.closing(Store(data)) as store:
        store.blobs.clear_incoming()
        listener = _listen(host, port)
        app = create_app(
            store,
            competitions,
            workers=workers,
            code_workers=code_workers,
            hub=JupyterHub(hub) if hub else None,
            shared=share(shared_data, data) if shared_data else None,
        )
        for competition in competitions:
            store.versions.keep_settings(competition)
        for message in [*stale(app.state.service), *too_little(app.state.service.hosted.values())]:
            log.warning("%s", message)
        keep_shared(app.state.service)
        with _judging([c.slug for c in competitions], data, workers, code_workers):
            config = uvicorn.Config(
                behind_proxies(under(app, prefix)),
                proxy_headers=False,
                log_level="warning",
                timeout_graceful_shutdown=3,
                server_header=False,
                log_config=None,
            )
            _Server(config, app.state.service.watch).run(sockets=[listener])


def _allow_files() -> None:
    """Every open screen waits on connections of its own, each a file: the usual 1,024 end in a hall."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = N_FILES if most == resource.RLIM_INFINITY else min(most, N_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _check_hub(competitions: Sequence[Competition], hub: Settings | None, prefix: str) -> None:
    if hub is not None and prefix:
        raise OrganizerError(f"--prefix {prefix} is not for a service of a Hub, which says where it is.")
    slugs = [c.slug for c in competitions if c.access.needs_hub]
    if slugs and hub is None:
        raise OrganizerError(
            f"[access] of {', '.join(slugs)} names a JupyterHub's people or groups, and this service belongs "
            "to no Hub: start it as `kit hub-config` says, or take signup, hub_groups and team_groups out."
        )


class _Server(uvicorn.Server):
    """Answers those who wait for changes before it stops, instead of cutting them off."""

    def __init__(self, config: uvicorn.Config, watch: Watch) -> None:
        super().__init__(config)
        self._watch = watch

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called on Ctrl-C and SIGTERM."""
        super().handle_exit(sig, frame)
        self._watch.end_waits()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol asyncio knows that answers need not wait for acknowledgements (TCP_NODELAY): 40 ms each.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OrganizerError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Name another port with --port."
        ) from None
    return listener


@contextlib.contextmanager
def _judging(
    slugs: Sequence[str], data: Path, workers: int, code_workers: int
) -> Generator[None, None, None]:
    """Keep a judge process alive beside the service; one that dies is replaced."""
    stop = threading.Event()
    command = [sys.executable, "-m", "kit.judge_process", "--data", str(data), "--workers", str(workers)]
    # By name: it reads the store's copies, whatever becomes of the competitions' files meanwhile.
    command += ["--code-workers", str(code_workers), *slugs]
    keeper = threading.Thread(target=_keep_judge, args=(command, stop))
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _keep_judge(command: Sequence[str], stop: threading.Event) -> None:
    while not stop.is_set():
        judge = subprocess.Popen(command, stdin=subprocess.PIPE, env=_without_hub())
        while judge.poll() is None and not stop.wait(0.2):
            pass
        _end(judge)
        if not stop.is_set():
            log.error("The judge ended with code %s; starting another", judge.returncode)
            stop.wait(1)


def _without_hub() -> dict[str, str]:
    # The judge and its workers read what strangers sent: the service's token at the Hub is not theirs.
    return {key: value for key, value in os.environ.items() if not key.startswith(("JUPYTERHUB_", "JPY_"))}


def _end(judge: subprocess.Popen[bytes]) -> None:
    assert judge.stdin is not None
    judge.stdin.close()
    try:
        judge.wait(10)
    except subprocess.TimeoutExpired:
        judge.kill()
        judge.wait()
