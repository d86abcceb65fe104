"""Leaderboards as bytes: ranked once for each version, written once for each audience, however many ask."""

from __future__ import annotations

import heapq
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from kit._scoring import MOST_PAIRED
from kit.clock import Clock
from kit.errors import NotFound
from kit.leaderboard import Entry, Row, rank, with_uncertainty
from kit.service import models
from kit.service.auth import Caller
from kit.service.climbing import Climbs
from kit.service.columns import Columns, Per
from kit.service.combining import Combined, Combining, Method
from kit.service.every import every
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.service.paging import Pages
from kit.service.rows import Members, board_row
from kit.service.seldom import Seldom
from kit.service.standings import Standings
from kit.service.view import View, view
from kit.service.window import ALL_ROWS, WHOLE, Shown, Window, paged
from kit.store import Place, Store
from kit.submission import Split

T = TypeVar("T")
ALL = Sight()
RECENT_S = 2.0
"""A leaderboard so old is news to one of a hall who has not even that."""
LARGE_FACTOR = 20.0
"""A large leaderboard of several questions is not made again for so many times as long as making it took."""


class Boards:
    """Makes leaderboards and keeps the last of each kind."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.climbs = Climbs(store)
        self._standings = Standings(store, self.climbs)
        self._columns = Columns(store)
        self._pages = Pages(store, self._standings, self._columns)
        self._combining = Combining(store, self._standings)
        self.seldom = Seldom()
        self._kept: dict[tuple[object, ...], _Kept] = {}
        self._locks: defaultdict[tuple[object, ...], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def question(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        caller: Caller,
        window: Window = WHOLE,
    ) -> View:
        """A question's leaderboard, or a page of it; who may see it has been decided."""
        topic, shown = _topic(hosted, question), self._shown(hosted, caller.is_organizer)

        def make(version: int) -> View | None:
            if self._is_large(hosted, question, split, shown):
                return None
            rows = self._shown_rows(hosted, question, split, shown)
            return view(self._model(hosted, question, split, shown, version, rows), [topic])

        if window.is_whole:
            key = _whole(hosted, question, split, caller)
            made = self._fresh(key, hosted, [topic], shown, make)
            if made is not None:
                return made
        if shown.sight.is_hidden:
            return view(self._columns.board(hosted, question, split, shown, 0, []), [topic])
        if not self._is_large(hosted, question, split, shown):
            return self._page_of_whole(hosted, question, split, caller, window)
        team_id = self._store.accounts.team_id_of(hosted.slug, caller.user_id)
        page, own = self._pages.page(hosted, question, split, shown, window, team_id)
        return page.view(own, [topic])

    def _page_of_whole(
        self, hosted: Hosted, question: HostedQuestion, split: Split, caller: Caller, window: Window
    ) -> View:
        """A page of a leaderboard that can be ranked whole: its rows are those of the whole one."""
        topic, shown = _topic(hosted, question), self._shown(hosted, caller.is_organizer)

        def make(version: int) -> models.Leaderboard:
            rows = self._shown_rows(hosted, question, split, shown)
            return self._model(hosted, question, split, shown, version, rows)

        key = ("rows", *_whole(hosted, question, split, caller))
        model = self._fresh(key, hosted, [topic], shown, make)
        return view(paged(model, window, self._team(hosted, caller)), [topic])

    def _team(self, hosted: Hosted, caller: Caller) -> str | None:
        team = self._store.accounts.team_of(hosted.slug, caller.user_id)
        return None if team is None else str(team["name"])

    def recent(self, hosted: Hosted, question: HostedQuestion, split: Split, caller: Caller) -> View | None:
        """A question's whole leaderboard as it was some moments ago, if it was made then; reads nothing."""
        kept = self._kept.get(_whole(hosted, question, split, caller))
        if kept is None or time.monotonic() > kept.at + RECENT_S:
            return None
        is_shown_so = kept.state.shown == self._shown(hosted, caller.is_organizer)
        return cast(View | None, kept.made) if is_shown_so else None

    def submissions(
        self, hosted: Hosted, question: HostedQuestion, split: Split, caller: Caller, window: Window = WHOLE
    ) -> View:
        """All submissions to a question by their scores, or a page of them."""
        topic, shown = _topic(hosted, question), self._shown(hosted, caller.is_organizer)

        def make(version: int) -> models.Leaderboard:
            # A ladder tells of a team's clear improvements alone, and so of no submission.
            is_bare = shown.sight.is_hidden or shown.sight.is_ladder
            found = [] if is_bare else every(self._store, hosted, question, split, shown.sight)
            members = self._members(hosted, {row.team for row in found})
            rows = [board_row(row, split, members, exact=shown.is_exact) for row in found]
            return self._model(hosted, question, split, shown, version, rows, per="submission")

        key = ("every", hosted.slug, question.id, question.version, split, caller.is_organizer)
        model = self._fresh(key, hosted, [topic], shown, make)
        return view(paged(model, window, self._team(hosted, caller)), [topic])

    def _is_large(self, hosted: Hosted, question: HostedQuestion, split: Split, shown: Shown) -> bool:
        if shown.sight.is_hidden:
            return False
        return self._standings.order(hosted, question, split, shown.sight).n_rows > ALL_ROWS

    def combined(
        self, hosted: Hosted, split: Split, method: Method, caller: Caller, window: Window = WHOLE
    ) -> View:
        """The leaderboard over all questions, or a page of it; who may see it has been decided."""
        topics = [_topic(hosted, question) for question in hosted.questions.values()]
        shown = self._shown(hosted, caller.is_organizer)

        def make(version: int) -> tuple[Combined, View | None]:
            found = self._combining.make(hosted, split, method, shown, version)
            return found, None if found.is_large else written(found, WHOLE)

        def written(found: Combined, window: Window, team: str | None = None) -> View:
            return view(self._combining.page(found, hosted, split, method, shown, window, team), topics)

        versions = tuple(question.version for question in hosted.questions.values())
        key = ("combined", hosted.slug, versions, split, method, caller.is_organizer)
        found, made = self._fresh(key, hosted, topics, shown, make, is_large=lambda each: each[1] is None)
        if made is not None and window.is_whole:
            return made
        return written(found, window, self._team(hosted, caller))

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
        ranked = self.ranked(hosted, question, split, sight)
        members = self._members(hosted, (row.team for row in ranked))
        return [board_row(row, split, members, exact=exact) for row in ranked]

    def ranked(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight = ALL) -> list[Row]:
        """A question's leaderboard, exact, of the scores in sight."""

        def make(_: int) -> list[Row]:
            return self._rank(hosted, question, split, sight)

        key = ("ranked", hosted.slug, question.id, question.version, split, sight)
        return self._fresh(key, hosted, [_topic(hosted, question)], None, make)

    def past(
        self, hosted: Hosted, question: HostedQuestion, split: Split, entries: Sequence[Entry]
    ) -> models.Leaderboard:
        """A leaderboard of other entries than those that count now, for organizers."""
        rows = self._rank_entries(question, split, entries)
        members = self._members(hosted, (row.team for row in rows))
        shown = self._shown(hosted, is_organizer=True)
        version = self._store.topic_version(_topic(hosted, question))
        listed = [board_row(row, split, members, exact=True) for row in rows]
        return self._columns.board(hosted, question, split, shown, version, listed, per=None)

    def busiest(self, hosted: Hosted, question: HostedQuestion, most: int) -> list[int]:
        """Teams with the most scored submissions to a question, so many of them."""
        places = self._standings.order(hosted, question, Split.PUBLIC, ALL).places()
        teams = [place for place in places if not place.is_baseline]
        busiest = heapq.nlargest(most, teams, key=lambda place: (place.n_tries, -place.team_id))
        return sorted(place.team_id for place in busiest)

    def place_of(self, hosted: Hosted, question: HostedQuestion, split: Split, team: str) -> Place:
        """What a team, or a baseline, stands with.

        Raises
        ------
        NotFound
        """
        places = self._standings.order(hosted, question, split, ALL).places()
        found = [place for place in places if place.team.casefold() == team.casefold()]
        if not found:
            raise NotFound(f"No team {team!r} is on the leaderboard of question '{question.id}'.")
        return min(found, key=lambda place: place.is_baseline)

    def _fresh(
        self,
        key: tuple[object, ...],
        hosted: Hosted,
        topics: Sequence[str],
        shown: Shown | None,
        make: Callable[[int], T],
        *,
        is_large: Callable[[T], bool] = lambda _: False,
    ) -> T:
        with self._guard:
            lock = self._locks[key]
        with lock:
            # The version is read before the entries: they may be newer than it says, never older.
            version = max(self._store.topic_version(topic) for topic in topics)
            state = _State(version, self._store.topic_version(f"people/{hosted.slug}"), shown)
            known = self._kept.get(key)
            # Under its key it was made by the same function.
            if known is not None and (known.state == state or known.serves(shown, is_large)):
                return cast(T, known.made)
            started = time.monotonic()
            made = make(version)
            self._kept[key] = _Kept(state, made, time.monotonic(), time.monotonic() - started)
            return made

    def _shown(self, hosted: Hosted, is_organizer: bool) -> Shown:
        now: datetime = self._clock()
        sight = ALL if is_organizer else hosted.sight(now)
        return Shown(hosted.is_closed(now), hosted.leaderboard(now), sight, is_organizer)

    def _shown_rows(
        self, hosted: Hosted, question: HostedQuestion, split: Split, shown: Shown
    ) -> list[models.BoardRow]:
        if shown.sight.is_hidden:
            return []
        return self.rows(hosted, question, split, shown.sight, exact=shown.is_exact)

    def _model(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        split: Split,
        shown: Shown,
        version: int,
        rows: list[models.BoardRow],
        per: Per = "team",
    ) -> models.Leaderboard:
        rows = self._columns.fill(hosted, question, rows, shown, per)
        return self._columns.board(hosted, question, split, shown, version, rows, per=per)

    def _rank(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> list[Row]:
        n_tries: dict[int, int] = {}
        # Where a private place is not that of a chosen submission, it is that of the best public one.
        for each in {Split.PUBLIC, Split.PUBLIC if sight.is_ladder else split}:
            places = self._standings.order(hosted, question, each, sight).places()
            n_tries |= {place.submission: place.n_tries for place in places}
        return self._rank_entries(question, split, self._store.chosen(n_tries))

    def _rank_entries(self, question: HostedQuestion, split: Split, entries: Sequence[Entry]) -> list[Row]:
        metric, is_greater = question.question.metric, question.metrics[0].greater_is_better
        entries = [entry for entry in entries if _has(entry, metric)]
        rows = rank(entries, metric=metric, greater_is_better=is_greater, split=split)
        judgements = [row.entry.judgement for row in rows if row.rank is not None]
        influences = self._store.influences(judgements[:MOST_PAIRED], split)
        return with_uncertainty(rows, influences, greater_is_better=is_greater)

    def _members(self, hosted: Hosted, teams: Iterable[str]) -> Members:
        return self._store.accounts.members(hosted.slug, list(teams))


class _State(NamedTuple):
    version: int
    people: int
    shown: Shown | None


@dataclass(frozen=True)
class _Kept:
    state: _State
    made: object
    at: float
    took_s: float

    def serves(self, shown: Shown | None, is_large: Callable[[Any], bool]) -> bool:
        """Whether it does though it is not the newest: what takes long is made less often."""
        is_young = time.monotonic() < self.at + LARGE_FACTOR * self.took_s
        return is_young and self.state.shown == shown and is_large(self.made)


def _whole(hosted: Hosted, question: HostedQuestion, split: Split, caller: Caller) -> tuple[object, ...]:
    return "board", hosted.slug, question.id, question.version, split, caller.is_organizer


def _topic(hosted: Hosted, question: HostedQuestion) -> str:
    return f"board/{hosted.slug}/{question.id}"


def _has(entry: Entry, metric: str) -> bool:
    """False for what was last judged when the question had another metric."""
    return all(metric in entry.scores[split] for split in Split)
