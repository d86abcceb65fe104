"""Keeps what takes long to make: the longer it takes, the less often it is made again."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar, cast

FACTOR = 20.0
"""Nothing is made again for so many times as long as making it took beyond QUICK_S."""
QUICK_S = 0.5

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Made:
    value: object
    again_at: float


class Seldom:
    """Makes things, each at most as often as it can be afforded; safe from any thread."""

    def __init__(self) -> None:
        self._made: dict[Hashable, _Made] = {}
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` makes, or made lately."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            started = time.monotonic()
            known = self._made.get(key)
            if known is None or started >= known.again_at:
                value = make()
                now = time.monotonic()
                known = self._made[key] = _Made(value, now + FACTOR * max(0.0, now - started - QUICK_S))
            return cast(_T, known.value)
