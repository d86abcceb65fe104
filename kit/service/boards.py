"""Leaderboards as bytes: made once for each version and audience, however many clients ask."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from kit.clock import Clock
from kit.leaderboard import Board, Entry, Row, combine, rank
from kit.service import models
from kit.service.hosted import Hosted, HostedQuestion
from kit.store import Store
from kit.submission import Score, Split

Method = Literal["normalized", "mean_rank"]


@dataclass(frozen=True)
class View:
    """An answer's bytes, what changes when they do, and the topics that may change them."""

    body: bytes
    etag: str
    topics: tuple[str, ...]


def view(model: BaseModel, topics: Sequence[str]) -> View:
    """A model as a view; equal answers have equal ETags, also after a restart."""
    return view_of_bytes(model.model_dump_json().encode(), topics)


def view_of_bytes(body: bytes, topics: Sequence[str]) -> View:
    """JSON as a view."""
    return View(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', tuple(topics))


class Boards:
    """Makes leaderboards and keeps the last of each kind."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._kept: dict[tuple[object, ...], tuple[object, View]] = {}
        self._locks: defaultdict[tuple[object, ...], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def question(self, hosted: Hosted, question: HostedQuestion, split: Split, *, is_organizer: bool) -> View:
        """A question's leaderboard; who may see it has been decided."""
        topic = _topic(hosted, question)
        shown = self._shown(hosted, is_organizer)

        def make(version: int) -> View:
            board = self._board(hosted, question, split, shown, version)
            return view(board, [topic])

        key = (hosted.slug, question.id, split, is_organizer)
        return self._fresh(key, hosted, [topic], shown, make)

    def combined(self, hosted: Hosted, split: Split, method: Method, *, is_organizer: bool) -> View:
        """The leaderboard over all questions; who may see it has been decided."""
        topics = [_topic(hosted, question) for question in hosted.questions.values()]
        shown = self._shown(hosted, is_organizer)

        def make(version: int) -> View:
            return view(self._combined(hosted, split, method, shown, version), topics)

        return self._fresh((hosted.slug, None, split, method, is_organizer), hosted, topics, shown, make)

    def rows(self, hosted: Hosted, question: HostedQuestion, split: Split) -> list[models.BoardRow]:
        """A question's leaderboard for organizers, as rows."""
        members = self._members(hosted)
        return [_row(row, split, members) for row in self._ranked(hosted, question, split)]

    def _fresh(
        self,
        key: tuple[object, ...],
        hosted: Hosted,
        topics: Sequence[str],
        shown: _Shown,
        make: Callable[[int], View],
    ) -> View:
        with self._guard:
            lock = self._locks[key]
        with lock:
            # The version is read before the entries: they may be newer than it says, never older.
            version = max(self._store.topic_version(topic) for topic in topics)
            state = (version, self._store.topic_version(f"people/{hosted.slug}"), shown)
            if (kept := self._kept.get(key)) is None or kept[0] != state:
                kept = self._kept[key] = (state, make(version))
            return kept[1]

    def _shown(self, hosted: Hosted, is_organizer: bool) -> _Shown:
        now: datetime = self._clock()
        return _Shown(hosted.is_closed(now), hosted.is_hidden(now) and not is_organizer)

    def _board(
        self, hosted: Hosted, question: HostedQuestion, split: Split, shown: _Shown, version: int
    ) -> models.Leaderboard:
        rows = [] if shown.is_hidden else self.rows(hosted, question, split)
        return models.Leaderboard(
            competition=hosted.slug,
            question=question.id,
            split=split.value,
            metric=question.question.metric,
            greater_is_better=question.metrics[0].greater_is_better,
            version=version,
            updated_at=max((row.submitted_at for row in rows), default=None),
            closed=shown.is_closed,
            hidden=shown.is_hidden,
            rows=rows,
        )

    def _combined(
        self, hosted: Hosted, split: Split, method: Method, shown: _Shown, version: int
    ) -> models.CombinedLeaderboard:
        rows: list[models.CombinedRow] = []
        if not shown.is_hidden:
            members = self._members(hosted)
            boards = [
                Board(q.id, q.question.weight, self._ranked(hosted, q, split))
                for q in hosted.questions.values()
            ]
            rows = [
                models.CombinedRow(
                    rank=row.rank,
                    team=row.team,
                    members=members.get(row.team, []),
                    score=row.score,
                    parts={q: models.CombinedPart(**vars(part)) for q, part in row.parts.items()},
                    baseline=False,
                )
                for row in combine(boards, method=method)
            ]
        return models.CombinedLeaderboard(
            competition=hosted.slug,
            split=split.value,
            method=method,
            version=version,
            closed=shown.is_closed,
            hidden=shown.is_hidden,
            rows=rows,
        )

    def _ranked(self, hosted: Hosted, question: HostedQuestion, split: Split) -> list[Row]:
        metric = question.question.metric
        entries = self._store.entries(hosted.slug, question.id)
        return rank(
            [entry for entry in entries if _has(entry, metric)],
            metric=metric,
            greater_is_better=question.metrics[0].greater_is_better,
            split=split,
        )

    def _members(self, hosted: Hosted) -> dict[str, list[str]]:
        return {team["name"]: team["members"] for team in self._store.accounts.teams(hosted.slug)}


@dataclass(frozen=True)
class _Shown:
    is_closed: bool
    is_hidden: bool


def _topic(hosted: Hosted, question: HostedQuestion) -> str:
    return f"board/{hosted.slug}/{question.id}"


def _has(entry: Entry, metric: str) -> bool:
    """False for what was last judged when the question had another metric."""
    return all(metric in entry.scores[split] for split in Split)


def _row(row: Row, split: Split, members: dict[str, list[str]]) -> models.BoardRow:
    scores: dict[str, Score] = dict(row.entry.scores[split])
    is_baseline = row.entry.is_baseline
    return models.BoardRow(
        rank=row.rank,
        rank_low=None,
        rank_high=None,
        team=row.team,
        members=[] if is_baseline else members.get(row.team, []),
        score=row.score.score,
        low=row.score.low,
        high=row.score.high,
        level=row.score.level,
        metrics={name: score.score for name, score in scores.items()},
        n_submissions=row.n_submissions,
        submitted_at=row.entry.submitted_at,
        submission=row.entry.submission,
        baseline=is_baseline,
        # What a team noted is the team's; a baseline's note says what it is.
        note=row.entry.note if is_baseline else None,
        shake_up=row.shake_up,
    )
