"""The competitions that the service runs, each question in the version that is in force."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.clock import Clock
from kit.competition import Competition, Question, load_competition, question_version, version_files
from kit.errors import KitError
from kit.service.hosted import Hosted, HostedQuestion, host, host_question
from kit.store import Store


class Hosting(Mapping[str, Hosted]):
    """By slug; a question follows its version in force, which the store knows.

    Parameters
    ----------
    competitions : sequence of Competition
        As their files are. Those files are copied here, and not read again before a rejudge.

    Raises
    ------
    InvalidCompetition
    """

    def __init__(self, store: Store, competitions: Sequence[Competition], clock: Clock) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._competitions = {c.slug: c for c in competitions}
        self._known: dict[tuple[str, str, str], HostedQuestion] = {}
        self._hosted: dict[str, tuple[int, Hosted]] = {}
        self._files = {(c.slug, q.id): _Files(c.directory, q.id) for c in competitions for q in c.question}
        for c in competitions:
            for q in c.question:
                store.versions.open(c.slug, q.id, self._keep(c, q), now=clock())
            self._hosted[c.slug] = store.topic_version(f"version/{c.slug}"), host(c, self._in_force(c))

    def _keep(self, competition: Competition, question: Question) -> str:
        """Copy a question's files; a problem.py is read then, so that none comes into force that fails."""
        version = self._store.versions.keep(competition, question)
        if question.has_problem:
            self._load_new(competition.slug, question.id, version)
        return version

    def __getitem__(self, slug: str) -> Hosted:
        seen, hosted = self._hosted[slug]
        version = self._store.topic_version(f"version/{slug}")
        if version != seen:
            with self._lock:
                hosted = hosted.with_questions(self._in_force(self._competitions[slug]))
                self._hosted[slug] = version, hosted
        return hosted

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosted)

    def __len__(self) -> int:
        return len(self._hosted)

    def load(self, slug: str, question: str, version: str) -> HostedQuestion:
        """A question in a version, which need not be in force; kept, so that a switch to it takes no time.

        Raises
        ------
        InvalidCompetition
        """
        key = (slug, question, version)
        with self._lock:
            if key not in self._known:
                copy = self._store.versions.directory(slug, question, version)
                self._known[key] = host_question(self._competitions[slug], question, version, copy)
            return self._known[key]

    def files_version(self, slug: str, question: str) -> str | None:
        """Hash of a question's files as they are now; None where they cannot be read."""
        return self._files[slug, question].version()

    def keep_files(self, slug: str, question: str) -> HostedQuestion:
        """Copy a question's files as they are now, and check that they can be judged by.

        Raises
        ------
        InvalidCompetition, NotFound, OSError
            They cannot; nothing of them is kept.
        """
        competition = load_competition(self._competitions[slug].directory)
        version = self._store.versions.keep(competition, competition.find_question(question))
        return self._load_new(slug, question, version)

    def _load_new(self, slug: str, question: str, version: str) -> HostedQuestion:
        """Load a version; one that proves unfit and is not in force is forgotten."""
        try:
            return self.load(slug, question, version)
        except Exception:
            if version != self._store.versions.in_force(slug, question):
                self._store.versions.forget(slug, question, version)
            raise

    def _in_force(self, competition: Competition) -> dict[str, HostedQuestion]:
        found = {}
        for question in competition.question:
            version = self._store.versions.in_force(competition.slug, question.id)
            assert version is not None
            found[question.id] = self.load(competition.slug, question.id, version)
        return found


@dataclass
class _Files:
    """A question's files, read again only where their sizes or times say so."""

    directory: Path
    question: str
    _seen: object = None
    _version: str | None = None

    def version(self) -> str | None:
        try:
            competition = load_competition(self.directory)
            question = competition.find_question(self.question)
            paths = [self.directory / path for path in version_files(competition, question)]
            seen = question, competition.limits, [_mark(path) for path in paths]
            if seen != self._seen:
                self._version, self._seen = question_version(competition, question), seen
        except (KitError, OSError):
            return None
        return self._version


def _mark(path: Path) -> tuple[str, int, int, int]:
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino
