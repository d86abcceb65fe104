"""The store: one SQLite file and a folder of blobs, and the only code that writes to them.

It runs on the server alone. Each method is one short transaction, safe from any thread or process;
reads see what was last committed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit._store.accounts import Accounts
from kit._store.best import Changes, Place, read_places
from kit._store.blends import Blended, Blends, Candidate, Given, Share, Written
from kit._store.blobs import Blob, Blobs, BlobWriter
from kit._store.boards import (
    read_chosen,
    read_entries,
    read_entry,
    read_influences,
    read_scored,
    read_scores,
)
from kit._store.database import Connections, Row, bump
from kit._store.history import History
from kit._store.judgements import Again, Standing
from kit._store.queue import CANCELLED, Claim, Queue, new_incident_number
from kit._store.rejudges import Rejudge, Rejudges
from kit._store.runs import CodeRun, FoldRun, Runs
from kit._store.submissions import Received, Submissions
from kit._store.tries import ScoredTry, read_sketches, read_tries
from kit._store.trouble import RESERVE_BYTES, Trouble, trouble_of
from kit._store.versions import Version, Versions
from kit.clock import to_text
from kit.errors import NotFound, OrganizerError
from kit.leaderboard import Entry
from kit.probing import Sketch
from kit.submission import Score, Split

__all__ = [
    "CANCELLED",
    "RESERVE_BYTES",
    "Again",
    "Blended",
    "Blob",
    "BlobWriter",
    "Candidate",
    "Changes",
    "Claim",
    "CodeRun",
    "FoldRun",
    "Given",
    "Place",
    "Received",
    "Rejudge",
    "Row",
    "ScoredTry",
    "Share",
    "Standing",
    "Store",
    "Trouble",
    "Version",
    "Written",
    "new_incident_number",
    "trouble_of",
]


class Store:
    """All that a service keeps, in one folder readable by its own account only.

    Parameters
    ----------
    directory : path
        Holds ``kit.db``, ``blobs/`` and ``versions/``; made, or migrated from an older one, when needed.
    is_durable : bool
        Whether each write outlives a power cut. Without, the last ones may be undone, whole and in order,
        as far back as the last durable one: for judging, which would be done again.
    """

    def __init__(self, directory: Path | str, *, is_durable: bool = True) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self._c = Connections(self.directory / "kit.db", is_durable=is_durable)
        try:
            self._c.migrate()
        except sqlite3.DatabaseError as error:
            raise OrganizerError(
                f"{self.directory / 'kit.db'} cannot be opened as a store: {error}."
            ) from error
        self.blobs = Blobs(self.directory / "blobs")
        self.accounts = Accounts(self._c)
        self.versions = Versions(self._c, self.directory / "versions")
        self.submissions = Submissions(self._c, self.versions)
        self.queue = Queue(self._c)
        self.runs = Runs(self._c)
        self.blends = Blends(self._c)
        self.rejudges = Rejudges(self._c, self.versions)
        self.history = History(self._c)

    def close(self) -> None:
        """Close all connections."""
        self._c.close()

    @property
    def free_bytes(self) -> int:
        """How much more its disk takes, of what this account may use."""
        told = os.statvfs(self.directory)
        return told.f_bavail * told.f_frsize

    def scratch(self, name: str) -> Path:
        """A folder for the time of one job; what it holds is lost with it."""
        return self.directory / "scratch" / name

    def clear_scratch(self) -> None:
        """Remove what jobs left that never ended; call it while none runs."""
        shutil.rmtree(self.directory / "scratch", ignore_errors=True)

    def entries(self, competition: str, question: str) -> list[Entry]:
        """All that may stand on a question's leaderboard: each submission whose score counts."""
        return read_entries(self._c, competition, question)

    def places(
        self,
        competition: str,
        question: str,
        split: Split,
        *,
        metric: str,
        greater_is_better: bool,
        until: datetime | None = None,
        since: int | None = None,
    ) -> Changes:
        """What teams stand on a leaderboard with: all, or what changed after a version. Secret."""
        how: dict[str, Any] = {"metric": metric, "greater_is_better": greater_is_better, "until": until}
        return read_places(self._c, competition, question, split, **how, since=since)

    def chosen(self, n_tries: Mapping[int, int]) -> list[Entry]:
        """Entries of some submissions, each with how many its team has tried."""
        return read_chosen(self._c, n_tries)

    def scored(
        self,
        competition: str,
        question: str,
        split: Split,
        *,
        metric: str,
        greater_is_better: bool,
        until: datetime | None = None,
        most: int,
    ) -> list[int]:
        """Scored submissions, best first; of those submitted before ``until``. Secret."""
        how: dict[str, Any] = {"metric": metric, "greater_is_better": greater_is_better, "until": until}
        return read_scored(self._c, competition, question, split, **how, most=most)

    def entry(self, submission_id: int) -> Entry | None:
        """A submission as it was last judged; None where it has no score."""
        return read_entry(self._c, submission_id)

    def scores(self, judgements: Collection[int], split: Split) -> dict[int, dict[str, Score]]:
        """By judgement, its scores on a split by metric; of those that have any. Secret."""
        return read_scores(self._c, judgements, split)

    def influences(self, judgements: Collection[int], split: Split) -> dict[int, NDArray[np.float32]]:
        """By judgement, what comparing takes of those that kept it. Secret."""
        return read_influences(self._c, judgements, split)

    def tries(
        self, competition: str, question: str, metric: str, *, teams: Collection[int]
    ) -> list[ScoredTry]:
        """Some teams' scored submissions, in the order in which they were told. Secret."""
        return read_tries(self._c, competition, question, metric, teams)

    def sketches(self, judgements: Collection[int]) -> dict[int, Sketch]:
        """By judgement, what tells how predictions differ, of those that kept it. Secret."""
        return read_sketches(self._c, judgements)

    def changed_since(self, version: int) -> tuple[int, list[str]]:
        """Topics that changed after a version, and the newest version.

        Topics are ``board/SLUG/QUESTION``, ``team/ID``, ``submissions/SLUG``, ``people/SLUG``,
        ``baselines/SLUG``, ``version/SLUG``, ``rejudges/SLUG`` and ``queue``.
        """
        rows = self._c.rows("select name, version from topic where version > ? order by version", [version])
        newest = rows[-1]["version"] if rows else version
        return newest, [row["name"] for row in rows]

    def topic_version(self, topic: str) -> int:
        """A number that grows each time a topic changes; 0 where it never did."""
        row = self._c.row("select version from topic where name = ?", [topic])
        return int(row["version"]) if row else 0

    def add_incident(self, place: str, detail: str, *, now: datetime, number: str | None = None) -> str:
        """Keep an unexpected error's details for the organizers; returns its number, which may be given."""
        incident = number or new_incident_number()
        with self._c.write() as db:
            db.table("incident").insert(
                {"id": incident, "at": to_text(now), "place": place, "detail": detail}
            )
        return incident

    def incident(self, incident: str) -> Row:
        """An incident's row.

        Raises
        ------
        NotFound
        """
        row = self._c.row("select * from incident where id = ?", [incident])
        if row is None:
            raise NotFound(f"There is no incident {incident!r}.")
        return row

    def set_baseline(
        self, competition: str, question: str, name: str, *, now: datetime, **facts: Any
    ) -> None:
        """Record how a reference notebook ran: state, cell, error, seconds, sha256, submission_id."""
        row = {"competition": competition, "question": question, "name": name, "ran_at": to_text(now)}
        with self._c.write() as db:
            keys = ("competition", "question", "name")
            db.table("baseline").upsert({**row, **facts}, pk=keys)
            bump(db, f"baselines/{competition}")

    def baselines(self, competition: str) -> list[Row]:
        """The last run of each reference notebook."""
        sql = "select * from baseline where competition = ? order by question, name"
        return self._c.rows(sql, [competition])

    def backup(self, path: Path) -> None:
        """Copy the database, consistent, to a new file, while the service goes on."""
        self._c.db.conn.execute("vacuum into ?", (str(path),))
