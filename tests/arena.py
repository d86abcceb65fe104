"""Competitions for those who take part by the client or the command line, with people who do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import four
import httpx2

from kit.client import Client, CompetitionClient

PASSWORD = "correct horse battery"

COUNTS = """\
title = "Counts"
slug = "counts"
opens_at = 2026-03-01T09:00:00Z
closes_at = 2099-01-01T00:00:00Z
[[question]]
id = "counts"
metric = "mae"
id_column = "id"
target = "n"
truth = "truth.csv"
data = ["test.csv"]
[[phase]]
id = "main"
"""

PAIR = """\
title = "Pair"
slug = "pair"
opens_at = 2026-03-01T09:00:00Z
closes_at = 2099-01-01T00:00:00Z
rules = "rules.md"
[[question]]
id = "chance"
metric = "log_loss"
id_column = "code"
target = "sick"
classes = ["no", "yes"]
truth = "chance.csv"
data = ["train.csv", "test.csv", "sample_chance.csv"]
sample_submission = "sample_chance.csv"
[[question]]
id = "pet"
metric = "accuracy"
id_column = "code"
target = "pet"
truth = "pet.csv"
data = ["train.csv", "test.csv"]
[[phase]]
id = "main"
daily_limit = 3
"""
CODES = ("007", "7", "é", "x y", "a", "b", "c", "d")
SICK = ("no", "yes") * 4
PETS = ("cat", "dog", "dog", "cat") * 2


def write_all(directory: Path) -> list[Path]:
    """Write three competitions that are open now: four, counts and pair."""
    return [
        four.write_open(directory / "four"),
        _written(directory / "counts", **_counts()),
        _written(directory / "pair", **_pair()),
    ]


def taking_part(
    url: str, name: str, slug: str = "four", **transport: httpx2.BaseTransport
) -> CompetitionClient:
    """A new participant, logged in."""
    client = Client(url, **transport)
    client.sign_up(name, PASSWORD)
    return client.competition(slug)


class Recorded(httpx2.BaseTransport):
    """The real way to the service, which keeps the paths that were asked for, and may change answers."""

    def __init__(self, change: Callable[[bytes], bytes] | None = None) -> None:
        self.paths: list[str] = []
        self._change = change
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path)
        response = self._inner.handle_request(request)
        if self._change is None or "/data/" not in request.url.path:
            return response
        return httpx2.Response(response.status_code, content=self._change(response.read()))

    def close(self) -> None:
        self._inner.close()


@contextlib.contextmanager
def lossy_way(port: int, *, lose: str) -> Iterator[str]:
    """A way to a service that drops the first POST of a file: its "request" half-way, or its "answer"."""
    dropped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, port, lose, dropped), daemon=True)
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    assert dropped.is_set(), "nothing was dropped"


def _accept(listener: socket.socket, port: int, lose: str, dropped: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_carry, args=(near, port, lose, dropped), daemon=True).start()


def _carry(near: socket.socket, port: int, lose: str, dropped: threading.Event) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        is_doomed = threading.Event()
        back = threading.Thread(target=_carry_back, args=(far, near, is_doomed, dropped), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while piece := near.recv(1 << 16):
                if b"/submissions" in piece and piece.startswith(b"POST") and not dropped.is_set():
                    if lose == "request":
                        dropped.set()
                        far.sendall(piece[:-10])
                        break
                    is_doomed.set()
                far.sendall(piece)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
            near.shutdown(socket.SHUT_RDWR)
        back.join()


def _carry_back(
    far: socket.socket, near: socket.socket, is_doomed: threading.Event, dropped: threading.Event
) -> None:
    with contextlib.suppress(OSError):
        while piece := far.recv(1 << 16):
            if is_doomed.is_set():
                dropped.set()
                near.shutdown(socket.SHUT_RDWR)
                return
            near.sendall(piece)


def _written(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def _counts() -> dict[str, str]:
    truth = "id,n,split\n4,1,public\n5,2,public\n17,3,private\n18,4,private\n"
    return {"competition.toml": COUNTS, "truth.csv": truth, "test.csv": "id,x\n4,1\n5,2\n17,3\n18,4\n"}


def _pair() -> dict[str, str]:
    splits = ("public",) * 4 + ("private",) * 4
    return {
        "competition.toml": PAIR,
        "rules.md": "Be fair.\n",
        "chance.csv": _csv("code,sick,split", CODES, SICK, splits),
        "pet.csv": _csv("code,pet,split", CODES, PETS, splits),
        "train.csv": _csv("code,age,sick,pet", ("0010", "0011"), ("1", "2"), ("no", "yes"), ("cat", "dog")),
        "test.csv": _csv("code,age", CODES, map(str, range(8))),
        "sample_chance.csv": _csv("code,sick", reversed(CODES), ["0.5"] * 8),
    }


def _csv(header: str, *columns: object) -> str:
    rows = zip(*columns, strict=True)  # type: ignore[call-overload]
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"
