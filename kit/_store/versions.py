"""Versions of questions: which there were, which is in force, and a private copy of the files of each.

A version is made of truth, metrics and limits of judging; judging reads the copies alone, so that what an
organizer edits can never break a competition that runs.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kit._store.database import Connections, bump
from kit.clock import from_text, to_text
from kit.competition import FILE, Competition, Question, load_copy, question_version, version_files


@dataclass(frozen=True)
class Version:
    """A version of a question; ``number`` is 1 for the first that judged anything, 2 for the next."""

    id: int
    hash: str
    number: int
    created_at: datetime


class Versions:
    """What versions questions have, and their files."""

    def __init__(self, connections: Connections, directory: Path) -> None:
        self._c = connections
        self.directory_of_all = directory

    def directory(self, competition: str, question: str, version: str) -> Path:
        """Where a version's copy lies, or would: a folder like the competition's, with what judging needs."""
        return self.directory_of_all / competition / question / version

    def keep(self, competition: Competition, question: Question) -> str:
        """Copy what a question's version is made of, whole or not at all; returns its hash.

        The hash is that of the copy: a file that changes while it is copied is no matter.

        Raises
        ------
        InvalidCompetition, NotFound, OSError
            The files cannot be read, or no longer have the question.
        """
        parent = self.directory_of_all / competition.slug / question.id
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=".new-", ignore_cleanup_errors=True) as scratch:
            copy = Path(scratch) / "copy"
            _copy(competition.directory, copy, FILE)
            # From here on everything is read from the copy: what is checked is what will be judged by.
            copied = load_copy(copy)
            question = copied.find_question(question.id)
            for path in version_files(competition, question):
                _copy(competition.directory, copy, path)
            version = question_version(copied, question)
            target = parent / version
            if not target.exists():
                copy.replace(target)
        _link_others(competition.directory, question, target)
        return version

    def keep_settings(self, competition: Competition) -> None:
        """Copy competition.toml as the service reads it at its start, for the judge."""
        folder = self.directory_of_all / competition.slug
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
            _copy(competition.directory, Path(scratch), FILE)
            (Path(scratch) / FILE).replace(folder / FILE)

    def settings(self, competition: str) -> Competition:
        """What `keep_settings` kept: phases and limits, without any file they name."""
        return load_copy(self.directory_of_all / competition)

    def forget(self, competition: str, question: str, version: str) -> None:
        """Remove the copy of a version that proved unfit before it judged anything."""
        shutil.rmtree(self.directory(competition, question, version), ignore_errors=True)

    def in_force(self, competition: str, question: str) -> str | None:
        """Hash of the version that new submissions are judged under and the leaderboard shows."""
        row = self._c.row(
            "select v.hash from version_in_force f join question_version v on v.id = f.version_id "
            "where f.competition = ? and f.question = ? order by f.id desc limit 1",
            [competition, question],
        )
        return None if row is None else str(row["hash"])

    def in_force_at(self, competition: str, question: str, at: datetime) -> str | None:
        """As `in_force`, at a moment that has passed."""
        row = self._c.row(
            "select v.hash from version_in_force f join question_version v on v.id = f.version_id "
            "where f.competition = ? and f.question = ? and f.since <= ? order by f.id desc limit 1",
            [competition, question, to_text(at)],
        )
        return None if row is None else str(row["hash"])

    def open(self, competition: str, question: str, version: str, *, now: datetime) -> str:
        """The version in force as a service starts whose files are at ``version``; returns its hash.

        The files' version comes into force where nothing was judged yet, or where the copy of the one in
        force is lost; otherwise only a rejudge changes it.
        """
        with self._c.write() as db:
            current = self.in_force(competition, question)
            if current is not None and current != version:
                judged = self._c.row(
                    "select 1 from submission where competition = ? and question = ? limit 1",
                    [competition, question],
                )
                if judged and self.directory(competition, question, current).is_dir():
                    return current
            if current != version:
                version_id = self.add(db, competition, question, version, now)
                put_in_force(db, competition, question, version_id, now)
        return version

    def add(self, db: Any, competition: str, question: str, version: str, now: datetime) -> int:
        """The row of a version, added at its first use; inside a transaction."""
        row = {"competition": competition, "question": question, "hash": version}
        db.table("question_version").insert({**row, "created_at": to_text(now)}, ignore=True)
        found = self._c.row(
            "select id from question_version where competition = ? and question = ? and hash = ?",
            row.values(),
        )
        assert found is not None
        return int(found["id"])

    def current(self, db: Any, competition: str, question: str, version: str, now: datetime) -> int:
        """The row of the version in force; ``version`` comes into force where none is. In a transaction."""
        known = self.in_force(competition, question)
        version_id = self.add(db, competition, question, known or version, now)
        if known is None:
            put_in_force(db, competition, question, version_id, now)
        return version_id

    def list(self, competition: str, question: str) -> list[Version]:
        """All versions of a question, in order of their numbers."""
        rows = self._c.rows(
            "select id, hash, created_at from question_version where competition = ? and question = ? "
            "order by id",
            [competition, question],
        )
        return [
            Version(row["id"], row["hash"], number, from_text(row["created_at"]))
            for number, row in enumerate(rows, start=1)
        ]

    def number(self, competition: str, question: str, version: str) -> int:
        """1 for a question's first version, 2 for the next, and so on; one not used yet is the next."""
        hashes = [each.hash for each in self.list(competition, question)]
        return hashes.index(version) + 1 if version in hashes else len(hashes) + 1

    def n_other(self, competition: str, question: str, version: str) -> dict[str, int]:
        """How many judgements count that were made under other versions, by the hash of these."""
        rows = self._c.rows(
            "select v.hash, count(*) as n from question_version v join judgement j on j.version_id = v.id "
            "join standing n on n.judgement_id = j.id where v.competition = ? and v.question = ? "
            "and v.hash != ? and j.state in ('SCORED', 'REJECTED') group by v.id order by v.id",
            [competition, question, version],
        )
        return {row["hash"]: row["n"] for row in rows}


def put_in_force(db: Any, competition: str, question: str, version_id: int, now: datetime) -> None:
    """Make a version the one in force from now on; inside a transaction."""
    row = {"competition": competition, "question": question, "version_id": version_id}
    db.table("version_in_force").insert({**row, "since": to_text(now)})
    bump(db, f"version/{competition}", f"board/{competition}/{question}")


def _copy(source: Path, target: Path, path: str) -> None:
    (target / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(source / path, target / path)


def _link_others(source: Path, question: Question, copy: Path) -> None:
    """Let the copy find what is no part of the version: what metrics read beside them, an environment."""
    environment = question.code.environment if question.code else None
    if environment and (source / environment).is_dir() and not (copy / environment).exists():
        (copy / environment).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (copy / environment).unlink(missing_ok=True)
        (copy / environment).symlink_to(source / environment)
    for folder in {Path(path).parent for path in question.metric_files}:
        for other in (source / folder).iterdir():
            link = copy / folder / other.name
            if not link.exists() and other.suffix != ".py" and not other.name.startswith((".", "__")):
                link.unlink(missing_ok=True)
                link.symlink_to(other)
