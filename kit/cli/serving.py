"""What commands that start servers share: ports, waiting until they answer, telling addresses."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kit.cli.screen import tell
from kit.errors import OrganizerError

if TYPE_CHECKING:
    from kit.competition import Competition
    from kit.service.hub import Settings

WAIT_S = 120.0
SAY_EVERY_S = 5.0


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on a port.

    Raises
    ------
    OrganizerError
        The port cannot be listened on for another reason.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise OrganizerError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    return True


def next_free(host: str, port: int, *, not_these: Sequence[int] = ()) -> int:
    """The first free port from a number on."""
    for candidate in range(port, min(port + 1000, 65536)):
        if candidate not in not_these and is_free(host, candidate):
            return candidate
    raise OrganizerError(f"No port from {port} on is free on {host}.")


def check_port(host: str, port: int, command: str) -> None:
    """Raise OrganizerError, naming the next free port, where a port is taken."""
    if is_free(host, port):
        return
    free = next_free(host, port + 1)
    raise OrganizerError(f"Port {port} is taken on {host}; {free} is free: {command} … --port {free}")


def reachable(host: str) -> str:
    """A host to reach this machine by, from the one that is listened on."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def load(directories: Sequence[Path]) -> list[Competition]:
    """Read every competition.toml."""
    from kit.competition import load_competition

    return [load_competition(directory) for directory in directories]


def path_of(prefix: str, slugs: Sequence[str] = ()) -> str:
    """A path under which a proxy shows something, checked."""
    from kit.service.forwarded import checked_prefix

    return checked_prefix(prefix, slugs)


def hub_settings(organizers: str) -> Settings:
    """What the JupyterHub that started this says of itself."""
    from kit.service.hub import settings_from

    return settings_from(os.environ, organizers)


def hub_address(host: str, port: int) -> tuple[str, int]:
    """Where the Hub's proxy will look for this service, by JUPYTERHUB_SERVICE_URL, else host and port."""
    parts = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", ""))
    return (parts.hostname or host, parts.port or port)


def answers(url: str) -> bool:
    """Whether a server answers at an address, whatever it says."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
    try:
        # An address that does not exist: a dashboard's page would start a kernel.
        connection.request("GET", parts.path if parts.path != "/" else "/are-you-there")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_for(url: str, check: Callable[[], object], what: str) -> None:
    """Wait until a server answers, and say every few seconds that it does not yet.

    Parameters
    ----------
    check : callable
        Raises where waiting is in vain.

    Raises
    ------
    OrganizerError
        It took too long.
    """
    started = said = time.monotonic()
    while not answers(url):
        check()
        now = time.monotonic()
        if now - started > WAIT_S:
            raise OrganizerError(f"{what} did not answer at {url} within {WAIT_S:g} s.")
        if now - said > SAY_EVERY_S:
            said = now
            tell(f"{what} is still starting ({now - started:.0f} s).")
        time.sleep(0.1)


def announce_when_up(
    competitions: Sequence[Competition], data: Path, host: str, port: int, prefix: str = ""
) -> None:
    """Print the addresses as soon as the service answers."""
    arguments = (competitions, data, f"http://{reachable(host)}:{port}{prefix}")
    threading.Thread(target=_announce, args=arguments, daemon=True).start()


def _announce(competitions: Sequence[Competition], data: Path, base: str) -> None:
    try:
        wait_for(f"{base}/healthz", lambda: None, "The service")
    except OrganizerError as error:
        tell(str(error))
        return
    width = max(len(competition.title) for competition in competitions)
    print("Addresses for kit.connect(…) and kit login:")
    for competition in competitions:
        print(f"  {competition.title:{width}}  {base}/{competition.slug}")
    print(f"Documentation of the service: {base}/docs", flush=True)
    if any(question.code for competition in competitions for question in competition.question):
        from kit.runner.sandbox import detect_isolation

        print(f"Participants' code runs at the level '{detect_isolation().level}'.", flush=True)
    if not has_organizer(data):
        told = shlex.quote(str(data))
        tell(f"There is no organizer's account yet: kit users add NAME --organizer --data {told}")
    if sys.stderr.isatty():
        tell("Ctrl-C stops it.")


def has_organizer(data: Path) -> bool:
    """Whether a store holds an organizer's account."""
    from kit.store import Store

    with contextlib.closing(Store(data)) as store:
        return any(user["role"] == "organizer" for user in store.accounts.users())
