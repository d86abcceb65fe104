"""A hall of participants in one event loop: they watch and submit by the rules of the client.

HTTP is spoken by hand and answers are not decoded, so that hundreds take little of the processors that
they share with the service. What they were told is kept, to be compared with the store afterwards.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from kit.client.http import PATIENT, pause_after
from kit.client.polling import WAIT_S, backoff_s, round_s

TRANSPORT = (OSError, asyncio.IncompleteReadError, TimeoutError, EOFError)
PASSING = frozenset({502, 503, 504})
FINAL = frozenset({"SCORED", "REJECTED", "ERROR"})
IDLE_S = 4.0
"""As the client: an older connection is not used again."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """A connection that is opened when needed; one request at a time."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._base = f"{parts.path.rstrip('/')}/api/v1/"
        scheme = "Bearer" if token.startswith("kit_") else "token"
        self._head = f"Host: {parts.netloc}\r\nAuthorization: {scheme} {token}\r\nAccept-Encoding: gzip\r\n"
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used_at = 0.0

    async def ask(
        self, method: str, path: str, headers: str = "", body: bytes = b"", *, within_s: float = 60.0
    ) -> Answer:
        """The answer to a request; errors of transport are raised as they come."""
        try:
            async with asyncio.timeout(within_s):
                if self._open is None or time.monotonic() - self._used_at > IDLE_S:
                    self.close()
                    self._open = await asyncio.open_connection(self._host, self._port, limit=1 << 22)
                reader, writer = self._open
                length = f"Content-Length: {len(body)}\r\n" if method != "GET" else ""
                head = (
                    f"{method} {self._base}{path.lstrip('/')} HTTP/1.1\r\n{self._head}{headers}{length}\r\n"
                )
                writer.write(head.encode() + body)
                answer = await _answer(reader)
        except BaseException:
            self.close()
            raise
        self._used_at = time.monotonic()
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def _answer(reader: asyncio.StreamReader) -> Answer:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(first.split()[1]), headers, body)


@dataclass
class Sent:
    """A file that somebody sent, and what they were told."""

    person: str
    note: str
    question: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    began_at: float = 0.0
    """By this machine's clock, which is the service's too."""
    answered_at: float = 0.0
    took_s: float = 0.0
    status: int = 0
    n_tries: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    shown_at: float = 0.0
    """When its sender saw how it was judged."""

    @property
    def is_taken(self) -> bool:
        """Whether it was acknowledged."""
        return self.status in (200, 201)


@dataclass(frozen=True)
class Version:
    """A leaderboard as it was first seen by anyone."""

    number: int
    submissions: frozenset[int]
    n_bytes: int


class Hall:
    """Everybody in it, and what they were told."""

    def __init__(self, url: str, competition: str) -> None:
        self.url, self.path = url, f"competitions/{competition}"
        self.statuses: Counter[str] = Counter()
        self.bad: list[str] = []
        self.sent: list[Sent] = []
        self.versions: dict[str, Version] = {}
        self.seen: list[list[tuple[float, str]]] = []
        """Of each watcher, when which version came."""
        self.lost: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def start_watching(self, token: str, question: str) -> None:
        """Open somebody's leaderboard, until the hall ends."""
        self.seen.append([])
        path = f"{self.path}/questions/{question}/leaderboard?split=public"
        self._tasks.append(asyncio.create_task(self._watch(Line(self.url, token), path, self.seen[-1])))

    def start_submitting(self, *given: Any, at: float) -> asyncio.Task[None]:
        """See `submit`."""
        self._tasks.append(asyncio.create_task(self.submit(*given, at=at)))
        return self._tasks[-1]

    async def end(self) -> None:
        """Let everybody go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, line: Line, path: str, seen: list[tuple[float, str]]) -> None:
        etag: str | None = None
        n_failures = 0
        while True:
            started = time.monotonic()
            answer = await self._poll(line, path, etag, "watch")
            if answer is None:
                n_failures += 1
                await asyncio.sleep(backoff_s(n_failures))
                continue
            n_failures = 0
            if is_new := answer.status == 200:
                etag = answer.headers["etag"]
                if etag not in self.versions:
                    self.versions[etag] = _version(len(self.versions), answer)
                seen.append((time.time(), etag))
            await _rest(started, answer if is_new else None)

    async def _poll(self, line: Line, path: str, etag: str | None, kind: str) -> Answer | None:
        """None where the client would try again."""
        condition = f"If-None-Match: {etag}\r\n" if etag else ""
        try:
            answer = await line.ask(
                "GET", path, f"Prefer: wait={WAIT_S}\r\n{condition}", within_s=WAIT_S + 15.0
            )
        except TRANSPORT as error:
            self.lost[f"{kind} {type(error).__name__}"] += 1
            return None
        self._note(kind, answer)
        return answer if answer.status in (200, 304) else None

    def _note(self, kind: str, answer: Answer) -> None:
        self.statuses[f"{kind} {answer.status}"] += 1
        if answer.status >= 500 or answer.status in (401, 404):
            self.bad.append(f"{kind} {answer.status} {answer.body[:200]!r}")

    async def submit(
        self, name: str, token: str, note: str, question: str, filename: str, body: bytes, *, at: float
    ) -> None:
        """At a time, what `comp.submit` does with a file, and the card that it shows."""
        sent = Sent(name, note, question)
        self.sent.append(sent)
        await asyncio.sleep(max(0.0, at - time.time()))
        line = Line(self.url, token)
        await self._patiently(sent, line, "overview", "GET", self.path)
        sent.n_tries, sent.began_at, started = 0, time.time(), time.monotonic()
        path = f"{self.path}/questions/{question}/submissions?filename={filename}&note={quote(note)}"
        answer = await self._patiently(sent, line, "submit", "POST", path, body)
        sent.answered_at, sent.took_s = time.time(), time.monotonic() - started
        if answer is not None:
            sent.status, sent.facts = answer.status, json.loads(answer.body)
        if sent.is_taken:
            await self._show(sent, line)
        line.close()

    async def _patiently(
        self, sent: Sent, line: Line, kind: str, method: str, path: str, body: bytes = b""
    ) -> Answer | None:
        headers = f"Idempotency-Key: {sent.key}\r\nContent-Type: application/octet-stream\r\n"
        for attempt in range(PATIENT.times + 1):
            sent.n_tries += 1
            try:
                answer = await line.ask(method, path, headers if body else "", body)
            except TRANSPORT as error:
                self.lost[f"{kind} {type(error).__name__}"] += 1
            else:
                self._note(kind, answer)
                if answer.status not in PASSING:
                    return answer
            if attempt < PATIENT.times:
                await asyncio.sleep(pause_after(attempt))
        self.bad.append(f"{kind}: gave up after {sent.n_tries} tries")
        return None

    async def _show(self, sent: Sent, line: Line) -> None:
        etag, n_failures = None, 0
        while sent.facts["state"] not in FINAL:
            started = time.monotonic()
            answer = await self._poll(line, f"submissions/{sent.facts['id']}", etag, "card")
            if answer is None:
                n_failures += 1
                await asyncio.sleep(backoff_s(n_failures))
                continue
            n_failures = 0
            if answer.status == 200:
                etag, sent.facts = answer.headers["etag"], json.loads(answer.body)
            await _rest(started, answer if answer.status == 200 else None)
        sent.shown_at = time.time()


async def _rest(started: float, new: Answer | None) -> None:
    shortest_s = round_s(None if new is None else len(new.body))
    await asyncio.sleep(max(0.0, shortest_s - (time.monotonic() - started)))


def _version(number: int, answer: Answer) -> Version:
    is_packed = answer.headers.get("content-encoding") == "gzip"
    rows = json.loads(gzip.decompress(answer.body) if is_packed else answer.body)["rows"]
    return Version(number, frozenset(row["submission"] for row in rows), len(answer.body))
