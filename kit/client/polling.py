"""Polling: one daemon thread per client that long-polls what is watched. Prints nothing, ever."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from kit.client.errors import error_from, is_ours, untrusted
from kit.client.session import Session
from kit.client.watching import Callback, OnError, OnRest, Watch
from kit.errors import KitError, NotLoggedIn, ServiceError

WAIT_S = 20
LONGEST_PAUSE_S = 10.0
REFUSED_S = 60.0
"""How long nothing is asked by a token that the service refused, unless there is another meanwhile."""
REST_S = 3600.0
"""What is watched for somebody's eyes rests when they have not looked for so long. Each change that is shown
counts as activity of the kernel, which an abandoned page would keep from being culled all night."""
SHORTEST_ROUND_S = 0.2
ROUND_S_PER_MB = 5.0
"""What is large takes its time at both ends, to be made and to be shown: it is asked for less often."""
IDLE_ROUND_S = 1.0


@dataclass(eq=False)
class _Feed:
    """One address that is polled once for all who watch it; lives in the poller's thread."""

    path: str
    watches: list[Watch]
    task: asyncio.Task[None] | None = None
    etag: str | None = None
    value: Any = None
    n_bytes: int = 0

    def listeners(self) -> list[Watch]:
        """Those who still watch."""
        self.watches = [watch for watch in self.watches if watch.is_alive]
        return self.watches


class Poller:
    """The thread behind a client's `watch`: one poll per address, however many watch it."""

    def __init__(self, session: Session) -> None:
        self.rest_s = REST_S
        self._seen_at = time.monotonic()
        self._resting: list[Watch] = []
        self._session = session
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._feeds: dict[str, _Feed] = {}

    def watch(
        self, path: str, callback: Callback, on_error: OnError | None = None, on_rest: OnRest | None = None
    ) -> Watch:
        """See `Client.watch`."""
        watch = Watch(self, path, callback, on_error, on_rest)
        if watch.rests:
            self._seen_at = time.monotonic()
        self._start()
        self._call(lambda: self._add(watch))
        return watch

    def wake(self, path: str) -> None:
        """Look at once whether anyone still watches an address."""
        self._call(lambda: self._prune(path))

    def seen(self) -> None:
        """Somebody looks now: what rests goes on."""
        self._seen_at = time.monotonic()
        self._call(self._go_on)

    def close(self) -> None:
        """Stop all watching and wait for the thread, unless this is it."""
        with self._lock:
            self._closed, loop, thread = True, self._loop, self._thread
        if loop is None or thread is None:
            return
        self._call(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=5)

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                raise ServiceError("This client is closed; connect again.")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # The default handler logs to stderr, which a notebook shows in whatever cell is running.
                self._loop.set_exception_handler(lambda *_: None)
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="kit-watch", daemon=True
                )
                self._thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._http = _connections(self._session)
        try:
            loop.run_forever()
            loop.run_until_complete(self._wind_up())
        finally:
            loop.close()

    async def _wind_up(self) -> None:
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    def _call(self, function: Callable[[], object]) -> None:
        # The loop may have closed in the meantime, and then nothing is left to do.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def _add(self, watch: Watch) -> None:
        feed = self._feeds.get(watch.path)
        if feed is None:
            feed = self._feeds[watch.path] = _Feed(watch.path, [])
            feed.task = asyncio.ensure_future(self._follow(feed))
        feed.watches.append(watch)
        if feed.etag is not None:
            watch.deliver(feed.value)

    def _go_on(self) -> None:
        resting, self._resting = self._resting, []
        for watch in resting:
            if watch.is_alive:
                self._add(watch)

    def _let_rest(self, feed: _Feed) -> None:
        if time.monotonic() - self._seen_at < self.rest_s:
            return
        for watch in [watch for watch in feed.listeners() if watch.rests]:
            feed.watches.remove(watch)
            self._resting.append(watch)
            watch.rest()

    def _prune(self, path: str) -> None:
        feed = self._feeds.get(path)
        if feed is None or feed.listeners():
            return
        del self._feeds[path]
        if feed.task is not None:
            feed.task.cancel()

    async def _follow(self, feed: _Feed) -> None:
        n_failures = 0
        while feed.listeners():
            started, token = time.monotonic(), self._session.token
            try:
                changed = await _poll(feed, self._session, self._http, waits=not n_failures)
            except KitError as error:
                n_failures += 1
                for watch in feed.listeners():
                    watch.fail(error)
                await self._pause(error, n_failures, token)
                self._let_rest(feed)
                continue
            if n_failures and not changed:
                # Tells those who said that the service was away.
                for watch in feed.listeners():
                    watch.deliver(feed.value)
            n_failures = 0
            # A service or proxy that does not hold the request must not make this a hot loop.
            shortest_s = round_s(feed.n_bytes if changed else None)
            await asyncio.sleep(max(0.0, shortest_s - (time.monotonic() - started)))
            self._let_rest(feed)
        self._feeds.pop(feed.path, None)

    async def _pause(self, error: KitError, n_failures: int, token: str | None) -> None:
        """Wait before asking again; where the token was refused, for another token, or long."""
        if not isinstance(error, NotLoggedIn):
            await asyncio.sleep(backoff_s(n_failures))
            return
        self._session.refused = token
        ends_at = time.monotonic() + REFUSED_S
        while self._session.token == token and time.monotonic() < ends_at:
            await asyncio.sleep(SHORTEST_ROUND_S)


def _connections(session: Session) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"{session.url}/api/v1/",
        timeout=httpx2.Timeout(WAIT_S + 15.0, connect=10.0),
        limits=httpx2.Limits(max_connections=None),
        trust_env=session.trusts_environment,
        verify=session.verify,
    )


async def _poll(feed: _Feed, session: Session, http: httpx2.AsyncClient, *, waits: bool) -> bool:
    """Ask once; True where the value changed and was delivered."""
    # Who was cut off asks without waiting, to know that all is well again.
    headers = session.headers() | ({"Prefer": f"wait={WAIT_S}"} if waits else {})
    if feed.etag:
        headers["If-None-Match"] = feed.etag
    try:
        response = await http.get(feed.path.lstrip("/"), headers=headers)
    except httpx2.TransportError as error:
        if told := untrusted(session.url, error):
            raise told from None
        raise ServiceError(f"The service at {session.url} does not answer ({error}).") from None
    if response.status_code == 304:
        return False
    if response.status_code == 404 and feed.etag and not is_ours(response):
        raise ServiceError(f"The service is not found at {session.url} for the moment.")
    if response.is_error:
        raise error_from(response)
    try:
        value = response.json()
    except ValueError:
        raise ServiceError(f"{session.url} did not answer {feed.path} with JSON.") from None
    etag = response.headers.get("ETag", "")
    if feed.etag is not None and value == feed.value:
        feed.etag = etag
        return False
    feed.etag, feed.value, feed.n_bytes = etag, value, len(response.content)
    for watch in feed.listeners():
        watch.deliver(value)
    return True


def round_s(n_bytes: int | None) -> float:
    """How long from asking to asking again, at least, after so many new bytes, or none."""
    if n_bytes is None:
        return IDLE_ROUND_S
    return max(SHORTEST_ROUND_S, ROUND_S_PER_MB * n_bytes / 1e6)


def backoff_s(n_failures: int) -> float:
    """Seconds until who was not answered, so many times in a row, asks again."""
    pause_s: float = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(n_failures, 10))
    return pause_s * random.uniform(0.5, 1.0)
