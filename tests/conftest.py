"""Fixtures that several test modules share; the competition itself is in ``four.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import four
import pytest
from httpx2._config import DEFAULT_TIMEOUT_CONFIG
from served import Served, serving

from kit.competition import Competition
from kit.store import Store

if TYPE_CHECKING:
    from hub import Hub

# What tests ask themselves may take longer than httpx2's five seconds on a busy machine.
vars(DEFAULT_TIMEOUT_CONFIG).update(dict.fromkeys(("connect", "read", "write", "pool"), 60.0))

collect_ignore_glob = ["submissions/*", "notebooks/*"]
"""Code and notebooks that attack: what looks for doctests must not import them."""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(four.NOON)


@pytest.fixture
def competition(tmp_path: Path) -> Competition:
    return four.competition(tmp_path / "four")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """A JupyterHub for all tests of this process, since each takes seconds to start; alice has a server."""
    from hub import HALL, running_hub

    with running_hub(base="/jupyter", top=HALL) as hub:
        hub.join("alice", "hall")
        hub.join("alice", "team-owls")
        hub.person("alice").start_server()
        yield hub


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Serve]:
    """Start a service on the competition with lines added to its tables."""
    with contextlib.ExitStack() as stack:

        def start(
            *, top: str = "", question: str = "", phase: str = "daily_limit = 3", **limits: int
        ) -> Served:
            competition = four.competition(tmp_path / "four", top=top, question=question, phase=phase)
            return stack.enter_context(serving(store, [competition], clock, **limits))

        yield start


@pytest.fixture
def service(serve: Serve) -> Served:
    return serve()
