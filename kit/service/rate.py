"""Rate: how many events of one key fit into a window of time. Keeps its counts in memory only.

Not the ``limits`` package: that reads the machine's clock, and the service has one of its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

from kit.errors import NotAllowed, OverLimit

MAX_KEYS = 20_000


class Rate:
    """At most ``n`` events of a key in any ``window``; thread-safe, and bounded in memory.

    Parameters
    ----------
    what : str
        Names the events, for the message: "failed logins".
    """

    def __init__(self, n: int, window: timedelta, what: str) -> None:
        self.n = n
        self.window = window
        self.what = what
        self._events: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, key: str, now: datetime) -> None:
        """Let pass while there are fewer than ``n`` events.

        Raises
        ------
        OverLimit
            Says when the oldest event leaves the window.
        """
        with self._lock:
            events = self._events.get(key)
            while events and events[0] <= now - self.window:
                events.popleft()
            if events is None or len(events) < self.n:
                return
            retry_at = events[0] + self.window
        wait_s = (retry_at - now).total_seconds()
        raise OverLimit(f"Too many {self.what}: try again in {wait_s:.0f} s.", retry_at)

    def add(self, key: str, now: datetime) -> None:
        """Count an event."""
        with self._lock:
            self._events.setdefault(key, deque(maxlen=self.n)).append(now)
            self._events.move_to_end(key)
            while len(self._events) > MAX_KEYS:
                self._events.popitem(last=False)

    @contextmanager
    def failures(self, key: str, now: datetime) -> Generator[None, None, None]:
        """Let the block run while there are fewer than ``n`` events; that it refuses is an event."""
        self.check(key, now)
        try:
            yield
        except NotAllowed:
            self.add(key, now)
            raise

    def forget(self, key: str) -> None:
        """Forget a key's events."""
        with self._lock:
            self._events.pop(key, None)
