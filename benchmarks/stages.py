"""Where a workshop takes place: the service by itself, or as one of a real JupyterHub's."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import httpx2
import psutil
from hub import Hub, running_hub
from running import Service

from kit.clock import utc_now
from kit.service.auth import Scope, new_token
from kit.store import Store

ORGANIZER = "olga"


class Stage(Protocol):
    """A service that can be opened, killed and closed, with people who have tokens."""

    url: str
    tokens: dict[str, str]
    organizer: str
    opens_within_s: float
    back_within_s: float
    """After it was killed, with time to spare."""

    @property
    def pid(self) -> int:
        """Of the service."""
        ...

    @property
    def others(self) -> dict[str, int]:
        """Other processes that take part."""
        ...

    @property
    def database(self) -> Path:
        """The service's store."""
        ...

    def open(self, competition: Path) -> None:
        """Start the service on a competition."""
        ...

    def kill(self) -> None:
        """Kill the service, and wait until it is back."""
        ...

    def close(self) -> None:
        """Stop the service."""
        ...


class Alone:
    """``kit serve``, which is started again at once when it is killed."""

    opens_within_s, back_within_s = 15.0, 12.0

    def __init__(self, service: Service, tokens: dict[str, str]) -> None:
        self._service = service
        self.url, self.organizer = service.url, tokens.pop(ORGANIZER)
        self.tokens, self.others, self.database = tokens, dict[str, int](), service.data / "kit.db"

    @property
    def pid(self) -> int:
        """Of the service."""
        return self._service.process.pid

    def open(self, competition: Path) -> None:
        """Start it."""
        assert competition.exists()
        self._service.start()

    def kill(self) -> None:
        """Kill it and start it again."""
        self._service.process.send_signal(signal.SIGKILL)
        self._service.process.wait()
        self._service.start()

    def close(self) -> None:
        """Stop it."""
        self._service.stop()


class OnHub:
    """A service of a JupyterHub, which looks after it every 30 seconds."""

    opens_within_s, back_within_s = 50.0, 43.0

    def __init__(self, hub: Hub, tokens: dict[str, str]) -> None:
        self._hub = hub
        self.url, self.tokens, self.organizer = hub.direct, tokens, hub.person(ORGANIZER).token
        self.database = hub.data / "kit.db"

    @property
    def pid(self) -> int:
        """Of the service."""
        return next(each.pid for each in self._children() if "serve" in each.cmdline())

    @property
    def others(self) -> dict[str, int]:
        """The Hub and its proxy."""
        proxy = next(each.pid for each in self._children() if "node" in each.name())
        return {"hub": self._hub.pid, "proxy": proxy}

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self._hub.pid).children()

    def open(self, competition: Path) -> None:
        """Put the competition where the Hub's service looks for one, and let the Hub start it again."""
        there = self._hub.folder / "four"
        shutil.rmtree(there)
        shutil.copytree(competition, there)
        for path in (there, *there.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
            shutil.chown(path, self._hub.account, self._hub.account)
        self.kill()

    def kill(self) -> None:
        """Kill the service, and wait until the Hub has started it again."""
        psutil.Process(self.pid).kill()
        _wait_until(lambda: not self._is_up(), 10)
        _wait_until(self._is_up, 120)

    def _is_up(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/healthz", timeout=2).status_code == 200
        return False

    def close(self) -> None:
        """The Hub stops it in the end."""


@contextlib.contextmanager
def alone(folder: Path, competition: Path, names: Sequence[str]) -> Iterator[Stage]:
    """The service by itself; people have tokens of its own."""
    service, tokens, now = Service([competition], folder / "data"), {}, utc_now()
    with contextlib.closing(Store(service.data)) as store:
        for name in [*names, ORGANIZER]:
            role = "organizer" if name == ORGANIZER else "participant"
            scopes = tuple(Scope) if name == ORGANIZER else (Scope.SUBMIT, Scope.READ)
            user = store.accounts.add_user(name, password_hash=None, now=now, role=role)
            tokens[name] = new_token(store, user, now=now, scopes=scopes).text
    try:
        yield Alone(service, tokens)
    finally:
        with contextlib.suppress(AttributeError):
            service.stop()


@contextlib.contextmanager
def on_hub(folder: Path, competition: Path, names: Sequence[str]) -> Iterator[Stage]:
    """A real JupyterHub with a user and a token for everybody; no servers of theirs."""
    del folder, competition
    with running_hub() as hub:
        headers = {"Authorization": f"token {hub.token}"}
        with httpx2.Client(base_url=f"{hub.url}/hub/api", headers=headers, timeout=120) as client:
            client.post("/users", json={"usernames": list(names)}).raise_for_status()
            tokens = {}
            for name in names:
                answer = client.post(f"/users/{name}/tokens", json={"note": "load"})
                tokens[name] = answer.raise_for_status().json()["token"]
        yield OnHub(hub, tokens)


def _wait_until(is_so: Callable[[], bool], within_s: float) -> None:
    ends_at = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"not within {within_s:g} s")
        time.sleep(0.2)


def whole_second(at: float) -> datetime:
    """The next whole second, as deadlines are."""
    return datetime.fromtimestamp(int(at) + 1, UTC)
