"""Fixtures that several test modules share; the competition itself is in ``four.py``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import four
import pytest

from kit.competition import Competition
from kit.store import Store


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
