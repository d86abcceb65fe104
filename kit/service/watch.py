"""Watch: tells those who wait for a topic of the store that it changed, however many they are."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Collection, Generator

from kit.store import Store

log = logging.getLogger("kit.service")

POLL_S = 0.2
QUEUE_EVERY_S = 2.0
"""Those who wait in the queue are told of its moves at most this often: each move concerns them all."""
FEW = 30
"""So many who wait for the same are woken at once; of more, some after others."""
WAKES_EACH_S = 150.0
BURST = 300.0
"""So many may be woken quickly where nobody was for a while."""
MOST_AWAKE = 16
"""These are answered before more are woken: whoever submits meanwhile waits for no more than these."""
TICK_S = 0.02
LATE_S = 0.05
"""Where the loop is later than this, fewer are awake: a submission waits so long at each of its steps."""
LOOKS_EACH_S = 50.0
"""All who wait look so often, together, whether time changed anything."""
LOOK_S = 5.0
MAX_WAITS = 6000
"""Several on each screen. Beyond, answers come at once, and clients ask once a second."""
MAX_WAITS_EACH = 40


class Watch:
    """Asks the store what changed, and wakes those who wait; a hall of them not all at the same moment.

    Who waits for their turn to be woken sees what is newest then, and is woken once for many changes.

    Contract
    --------
    Listen first, then read, then wait: a change that was committed after the listening began wakes,
    whether or not the reading saw it. Who reads first and then listens has missed nothing where ``told`` is
    as it was before the reading. Only for use in the event loop that runs ``run``.
    """

    def __init__(
        self, store: Store, *, max_waits: int = MAX_WAITS, max_waits_each: int = MAX_WAITS_EACH
    ) -> None:
        self._store = store
        self._max_waits = max_waits
        self._max_waits_each = max_waits_each
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._due: dict[asyncio.Event, None] = {}
        self._awake: set[asyncio.Event] = set()
        self._allowed = BURST
        self._most_awake = MOST_AWAKE
        self._waits: Counter[int] = Counter()
        self.told = 0
        """The newest version of the store that those who listened were told of."""
        self._running = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue_at = 0.0
        self._queue_moved = False

    async def run(self) -> None:
        """Poll until cancelled."""
        self.told, _ = await asyncio.to_thread(self._store.changed_since, 0)
        self._loop = asyncio.get_running_loop()
        self._running = True
        waking = asyncio.create_task(self._keep_waking())
        try:
            while True:
                await asyncio.sleep(POLL_S)
                await self._poll()
        finally:
            self._running = False
            waking.cancel()

    async def _poll(self) -> None:
        try:
            self.told, topics = await asyncio.to_thread(self._store.changed_since, self.told)
        except Exception:
            log.exception("The store could not be asked for changes")
            return
        self._queue_moved |= "queue" in topics
        for topic in topics:
            if topic != "queue":
                self._wake(topic)
        if self._queue_moved and time.monotonic() - self._queue_at >= QUEUE_EVERY_S:
            self._queue_at, self._queue_moved = time.monotonic(), False
            self._wake("queue")

    def _wake(self, topic: str) -> None:
        listeners = self._listeners.get(topic, ())
        if len(listeners) > FEW:
            self._due |= dict.fromkeys(listeners)
            return
        for event in listeners:
            event.set()

    def is_hall(self, topics: Collection[str]) -> bool:
        """Whether so many wait for one of the topics that they are woken in turn."""
        return any(len(self._listeners.get(topic, ())) > FEW for topic in topics)

    def queue(self, event: asyncio.Event) -> None:
        """Wake one who waits when their turn comes."""
        self._due[event] = None

    async def _keep_waking(self) -> None:
        while True:
            due_at = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            is_late = time.monotonic() > due_at + LATE_S
            self._most_awake = (
                max(2, self._most_awake // 2) if is_late else min(MOST_AWAKE, self._most_awake + 1)
            )
            self._allowed = min(BURST, self._allowed + WAKES_EACH_S * TICK_S)
            self._wake_due()

    def _wake_due(self) -> None:
        """Wake those whose turn has come, the first ones first, and no more than are answered."""
        # Whoever was woken for nothing new waits again, with the event cleared.
        self._awake = {event for event in self._awake if event.is_set()}
        n_next = max(0, min(int(self._allowed), self._most_awake - len(self._awake)))
        for event in list(itertools.islice(self._due, n_next)):
            del self._due[event]
            self._allowed -= 1
            self._awake.add(event)
            event.set()

    @property
    def is_running(self) -> bool:
        """Whether waiting makes sense: not before the start, and not when the service is stopping."""
        return self._running

    @property
    def look_s(self) -> float:
        """How long whoever waits goes on without looking."""
        return max(LOOK_S, self._waits.total() / LOOKS_EACH_S)

    def end_waits(self) -> None:
        """Let everyone who waits go with what they have; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_waits)

    def _end_waits(self) -> None:
        self._running = False
        for event in set().union(*self._listeners.values()):
            event.set()

    def may_wait(self, user_id: int) -> bool:
        """Whether one more may wait: beyond the cap, the answer comes at once."""
        return (
            self._running
            and self._waits.total() < self._max_waits
            and self._waits[user_id] < self._max_waits_each
        )

    @contextlib.contextmanager
    def listen(self, topics: Collection[str], user_id: int) -> Generator[asyncio.Event, None, None]:
        """An event that is set when one of the topics changes."""
        event = asyncio.Event()
        self._waits[user_id] += 1
        for topic in topics:
            self._listeners.setdefault(topic, set()).add(event)
        try:
            yield event
        finally:
            self._due.pop(event, None)
            self._awake.discard(event)
            self._wake_due()
            self._waits[user_id] -= 1
            if not self._waits[user_id]:
                del self._waits[user_id]
            for topic in topics:
                self._listeners[topic].discard(event)
                if not self._listeners[topic]:
                    del self._listeners[topic]
