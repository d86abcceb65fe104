"""Leaderboards as bytes: ranked once for each version, written once for each audience, however many ask."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from pydantic import BaseModel

from kit._scoring import MOST_PAIRED
from kit.clock import Clock
from kit.errors import NotFound
from kit.leaderboard import Board, CombinedRow, Entry, Row, combine, rank, with_uncertainty
from kit.service import models, showing
from kit.service.climbing import Climbs
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.store import Store
from kit.submission import Split

Method = Literal["normalized", "mean_rank"]
ALL = Sight()


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
        self.climbs = Climbs(store)
        self._kept: dict[tuple[object, ...], tuple[object, object]] = {}
        self._locks: defaultdict[tuple[object, ...], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def question(self, hosted: Hosted, question: HostedQuestion, split: Split, *, is_organizer: bool) -> View:
        """A question's leaderboard; who may see it has been decided."""
        topic = _topic(hosted, question)
        shown = self._shown(hosted, is_organizer)

        def make(version: int) -> View:
            return view(self._board(hosted, question, split, shown, version), [topic])

        key = ("board", hosted.slug, question.id, question.version, split, is_organizer)
        return cast(View, self._fresh(key, hosted, [topic], shown, make))

    def combined(self, hosted: Hosted, split: Split, method: Method, *, is_organizer: bool) -> View:
        """The leaderboard over all questions; who may see it has been decided."""
        topics = [_topic(hosted, question) for question in hosted.questions.values()]
        shown = self._shown(hosted, is_organizer)

        def make(version: int) -> View:
            return view(self._combined(hosted, split, method, shown, version), topics)

        versions = tuple(question.version for question in hosted.questions.values())
        key = ("combined", hosted.slug, versions, split, method, is_organizer)
        return cast(View, self._fresh(key, hosted, topics, shown, make))

    def rows(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        sight: Sight = ALL,
        *,
        exact: bool = True,
    ) -> list[models.BoardRow]:
        """A question's leaderboard as rows; exact ones, and those of all scores, are for organizers."""
        members = self._members(hosted)
        ranked = self.ranked(hosted, question, split, sight)
        return [_row(row, split, members, exact=exact) for row in ranked]

    def ranked(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight = ALL) -> list[Row]:
        """A question's leaderboard, exact, of the scores in sight."""

        def make(_: int) -> list[Row]:
            return self._rank(hosted, question, split, sight)

        key = ("ranked", hosted.slug, question.id, question.version, split, sight)
        return cast(list[Row], self._fresh(key, hosted, [_topic(hosted, question)], None, make))

    def past(
        self, hosted: Hosted, question: HostedQuestion, split: Split, entries: Sequence[Entry]
    ) -> models.Leaderboard:
        """A leaderboard of other entries than those that count now, for organizers."""
        members = self._members(hosted)
        rows = self._rank_entries(question, split, entries)
        shown = self._shown(hosted, is_organizer=True)
        version = self._store.topic_version(_topic(hosted, question))
        listed = [_row(row, split, members, exact=True) for row in rows]
        return self._model(hosted, question, split, shown, version, listed)

    def row_of(self, hosted: Hosted, question: HostedQuestion, split: Split, team: str) -> Row:
        """A team's row, or a baseline's.

        Raises
        ------
        NotFound
        """
        found = [r for r in self.ranked(hosted, question, split) if r.team.casefold() == team.casefold()]
        if not found:
            raise NotFound(f"No team {team!r} is on the leaderboard of question '{question.id}'.")
        return min(found, key=lambda row: row.entry.is_baseline)

    def _fresh(
        self,
        key: tuple[object, ...],
        hosted: Hosted,
        topics: Sequence[str],
        shown: _Shown | None,
        make: Callable[[int], object],
    ) -> object:
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
        sight = ALL if is_organizer else hosted.sight(now)
        return _Shown(hosted.is_closed(now), hosted.leaderboard(now), sight, is_organizer)

    def _board(
        self, hosted: Hosted, question: HostedQuestion, split: Split, shown: _Shown, version: int
    ) -> models.Leaderboard:
        rows = (
            []
            if shown.sight.is_hidden
            else self.rows(hosted, question, split, shown.sight, exact=shown.is_exact)
        )
        return self._model(hosted, question, split, shown, version, rows)

    @staticmethod
    def _model(
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: _Shown,
        version: int,
        rows: list[models.BoardRow],
    ) -> models.Leaderboard:
        return models.Leaderboard(
            competition=hosted.slug,
            question=question.id,
            split=split.value,
            metric=question.question.metric,
            greater_is_better=question.metrics[0].greater_is_better,
            version=version,
            updated_at=max((row.submitted_at for row in rows), default=None),
            closed=shown.is_closed,
            hidden=shown.sight.is_hidden,
            mode=shown.mode,
            exact=shown.is_exact,
            rows=rows,
        )

    def _combined(
        self, hosted: Hosted, split: Split, method: Method, shown: _Shown, version: int
    ) -> models.CombinedLeaderboard:
        rows: list[models.CombinedRow] = []
        if not shown.sight.is_hidden:
            members = self._members(hosted)
            boards = [
                Board(q.id, q.question.weight, self.ranked(hosted, q, split, shown.sight))
                for q in hosted.questions.values()
            ]
            # Means of ranks are made of whole numbers that everyone sees.
            exact = shown.is_exact, shown.is_exact or method == "mean_rank"
            rows = [_combined_row(row, members, *exact) for row in combine(boards, method=method)]
        return models.CombinedLeaderboard(
            competition=hosted.slug,
            split=split.value,
            method=method,
            version=version,
            closed=shown.is_closed,
            hidden=shown.sight.is_hidden,
            mode=shown.mode,
            exact=shown.is_exact,
            rows=rows,
        )

    def _rank(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> list[Row]:
        metric, is_greater = question.question.metric, question.metrics[0].greater_is_better
        entries = self._store.contenders(
            hosted.slug, question.id, metric=metric, greater_is_better=is_greater, until=sight.until
        )
        if sight.is_ladder:
            standing = self.climbs.standings(hosted, question, sight.until)
            released = self._store.chosen({each.submission: each.n_tries for each in standing})
            entries = [*(entry for entry in entries if entry.is_baseline), *released]
        return self._rank_entries(question, split, entries)

    def _rank_entries(self, question: HostedQuestion, split: Split, entries: Sequence[Entry]) -> list[Row]:
        metric, is_greater = question.question.metric, question.metrics[0].greater_is_better
        entries = [entry for entry in entries if _has(entry, metric)]
        rows = rank(entries, metric=metric, greater_is_better=is_greater, split=split)
        judgements = [row.entry.judgement for row in rows if row.rank is not None]
        influences = self._store.influences(judgements[:MOST_PAIRED], split)
        return with_uncertainty(rows, influences, greater_is_better=is_greater)

    def _members(self, hosted: Hosted) -> dict[str, list[str]]:
        return {team["name"]: team["members"] for team in self._store.accounts.teams(hosted.slug)}


@dataclass(frozen=True)
class _Shown:
    is_closed: bool
    mode: models.Mode
    sight: Sight
    is_exact: bool


def _topic(hosted: Hosted, question: HostedQuestion) -> str:
    return f"board/{hosted.slug}/{question.id}"


def _has(entry: Entry, metric: str) -> bool:
    """False for what was last judged when the question had another metric."""
    return all(metric in entry.scores[split] for split in Split)


def _row(row: Row, split: Split, members: dict[str, list[str]], *, exact: bool) -> models.BoardRow:
    is_baseline = row.entry.is_baseline
    values = {name: showing.value(score, exact=exact) for name, score in row.entry.scores[split].items()}
    own = values[row.score.metric]
    return models.BoardRow(
        rank=row.rank,
        rank_low=row.rank_low,
        rank_high=row.rank_high,
        tie_with_first=row.tie_with_first,
        # Everybody's: two digits, as it is drawn at random, and it comes from what is secret.
        p_first=None if row.p_first is None else round(row.p_first, 2),
        team=row.team,
        members=[] if is_baseline else members.get(row.team, []),
        score=own.score,
        low=own.low,
        high=own.high,
        level=own.level,
        warning=own.warning,
        metrics={name: value.score for name, value in values.items()},
        n_submissions=row.n_submissions,
        submitted_at=row.entry.submitted_at,
        submission=row.entry.submission,
        baseline=is_baseline,
        # What a team noted is the team's; a baseline's note says what it is.
        note=row.entry.note if is_baseline else None,
        shake_up=row.shake_up,
    )


def _combined_row(
    row: CombinedRow, members: dict[str, list[str]], are_parts_exact: bool, is_exact: bool
) -> models.CombinedRow:
    return models.CombinedRow(
        rank=row.rank,
        team=row.team,
        members=members.get(row.team, []),
        score=showing.number(row.score, row.se, exact=is_exact),
        parts={q: showing.part(part, exact=are_parts_exact) for q, part in row.parts.items()},
        baseline=False,
    )
