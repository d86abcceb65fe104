"""One SQLite file for many threads and processes: a connection a thread, short immediate transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from kit._store.schema import migrations

Row = dict[str, Any]

BUSY_S = 30.0
TURN_S = 5.0
MAPPED_BYTES = 1 << 34


class Connections:
    """Hands each thread its own connection to the same file: a sqlite-utils Database belongs to one."""

    def __init__(self, path: Path, *, is_durable: bool = True) -> None:
        self._path = path
        self._is_durable = is_durable
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    @property
    def db(self) -> Database:
        """This thread's database."""
        if not hasattr(self._local, "db"):
            self._local.db = self._open()
        db: Database = self._local.db
        return db

    def _open(self) -> Database:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("pragma journal_mode = wal")
        # Full, so that an acknowledged submission outlives a power cut, not only a dead process.
        connection.execute(f"pragma synchronous = {'full' if self._is_durable else 'normal'}")
        connection.execute("pragma foreign_keys = on")
        # Each connection has a small cache of its own: a large file is read through that of the system.
        connection.execute(f"pragma mmap_size = {MAPPED_BYTES}")
        with self._lock:
            self._opened.append(connection)
        return Database(connection)

    @contextmanager
    def write(self) -> Generator[Database, None, None]:
        """A transaction that takes the write lock at once.

        A deferred one (sqlite-utils' ``atomic``) would read first and then fail to upgrade when another
        process wrote in between.
        """
        db = self.db
        with self._turn():
            db.conn.execute("begin immediate")
            try:
                yield db
                # Inside: one that fails, for want of space, leaves the transaction open, and the lock taken.
                db.conn.execute("commit")
            except BaseException:
                if db.conn.in_transaction:
                    db.conn.execute("rollback")
                raise

    @contextmanager
    def _turn(self) -> Generator[None, None, None]:
        """Threads of this process queue for a while: SQLite lets those sleep who wait, and wakes nobody."""
        is_mine = self._writing.acquire(timeout=TURN_S)
        try:
            yield
        finally:
            if is_mine:
                self._writing.release()

    def rows(self, sql: str, parameters: Iterable[Any] | dict[str, Any] = ()) -> list[Row]:
        """All rows of a query, each a dict."""
        given = parameters if isinstance(parameters, dict) else tuple(parameters)
        cursor = self.db.conn.execute(sql, given)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, sql: str, parameters: Iterable[Any] | dict[str, Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(sql, parameters)), None)

    def migrate(self) -> None:
        """Bring the tables up to date; safe while other processes do the same."""
        with self._lock:
            lock = sqlite3.connect(self._path.with_suffix(".migrate"), timeout=BUSY_S, isolation_level=None)
        try:
            lock.execute("begin exclusive")
            migrations.apply(self.db)
        finally:
            lock.close()

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._local = threading.local()


def bump(db: Database, *topics: str) -> None:
    """Mark topics as changed, inside the transaction that changes them."""
    for topic in topics:
        db.conn.execute(
            "insert into topic (name, version) values (?, (select coalesce(max(version), 0) + 1 from topic)) "
            "on conflict (name) do update set version = (select max(version) + 1 from topic)",
            (topic,),
        )
