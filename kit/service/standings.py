"""Who stands where on leaderboards: kept in order in memory, and carried on by what changed in the store."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from heapq import merge

import numpy as np

from kit.clock import to_text
from kit.leaderboard import Plausible, plausible_ranks, rounded, shared_ranks
from kit.service.climbing import Climbs
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.store import Changes, Place, Store
from kit.submission import Split

PAIRED = 300
"""On large leaderboards so many of the first are compared by pairs; the others by their own intervals."""
PLAUSIBLE_EVERY_S = 5.0
SHARE = 0.02
"""Of the time, at most, goes into what ranks are plausible: a large leaderboard's is computed less often."""

_Key = tuple[float, str, int, int]


@dataclass(frozen=True)
class Line:
    """A place with its rank; None for baselines."""

    rank: int | None
    place: Place

    @property
    def team(self) -> str:
        """The team's name, or the baseline's."""
        return self.place.team

    @property
    def score(self) -> Place:
        """What it stands with: a score and its error."""
        return self.place


class Order:
    """The places of one leaderboard, best first; safe from any thread.

    A change costs as much as moving some pointers, whatever the number of teams; so does a rank.
    """

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._teams: list[_Key] = []
        self._baselines: list[_Key] = []
        self._lock = threading.Lock()

    def apply(self, changes: Changes) -> None:
        """Take in what changed."""
        with self._lock:
            if changes.is_all:
                self._fill(changes)
                return
            for team_id in (*changes.gone, *(place.team_id for place in changes.places)):
                if (old := self._places.pop(team_id, None)) is not None:
                    keys = self._keys_of(old)
                    del keys[bisect_left(keys, _key(old))]
            for place in changes.places:
                self._places[place.team_id] = place
                insort(self._keys_of(place), _key(place))

    def _fill(self, changes: Changes) -> None:
        self._places = {place.team_id: place for place in changes.places}
        self._teams = sorted(_key(place) for place in changes.places if not place.is_baseline)
        self._baselines = sorted(_key(place) for place in changes.places if place.is_baseline)

    def _keys_of(self, place: Place) -> list[_Key]:
        return self._baselines if place.is_baseline else self._teams

    @property
    def n_rows(self) -> int:
        """Teams and baselines."""
        return len(self._places)

    def places(self) -> list[Place]:
        """All, in no order."""
        with self._lock:
            return [*self._places.values()]

    def teams(self) -> list[Place]:
        """Those of teams, best first."""
        with self._lock:
            places, keys = self._places.copy(), self._teams.copy()
        return [places[key[3]] for key in keys]

    def lines(self) -> list[Line]:
        """All rows."""
        with self._lock:
            places, teams, baselines = self._places.copy(), self._teams.copy(), self._baselines.copy()
        ranks = shared_ranks(key[0] for key in teams)
        ranked = {key[3]: rank for key, rank in zip(teams, ranks, strict=True)}
        return [Line(ranked.get(key[3]), places[key[3]]) for key in merge(teams, baselines)]

    def line(self, team_id: int) -> Line | None:
        """A team's place with its rank; None where it has none."""
        with self._lock:
            place = self._places.get(team_id)
            return None if place is None else self._line(place)

    def row_number(self, team_id: int) -> int | None:
        """How many rows stand above a team's; None where it has none."""
        with self._lock:
            if (place := self._places.get(team_id)) is None:
                return None
            key = _key(place)
            return bisect_left(self._teams, key) + bisect_left(self._baselines, key)

    def page(self, offset: int, limit: int) -> list[Line]:
        """So many rows after the first ``offset``; baselines stand among the teams, by their scores."""
        with self._lock:
            return [self._line(self._places[key[3]]) for key in self._keys(offset, limit)]

    def _line(self, place: Place) -> Line:
        # Ties share a rank: only the points count.
        n_better = bisect_left(self._teams, (place.points, "", 0, 0))
        return Line(None if place.is_baseline else 1 + n_better, place)

    def _keys(self, offset: int, limit: int) -> Iterator[_Key]:
        above = [bisect_left(self._teams, key) for key in self._baselines]
        at = {n_teams + number: self._baselines[number] for number, n_teams in enumerate(above)}
        n_before = sum(row < offset for row in at)
        for row in range(offset, min(offset + limit, self.n_rows)):
            if row in at:
                n_before += 1
                yield at[row]
            else:
                yield self._teams[row - n_before]


def _key(place: Place) -> _Key:
    return *place.key, place.team_id


class _Kept:
    """An order, up to which version it is, and what was last found of plausible ranks."""

    def __init__(self) -> None:
        self.order = Order()
        self.lock = threading.Lock()
        self.topic = -1
        self.since: int | None = None
        self.plausible: Plausible | None = None
        self.due_at = 0.0
        self.is_computing = False


class Standings:
    """Orders of leaderboards, each as new as the store is when it is asked for."""

    def __init__(self, store: Store, climbs: Climbs) -> None:
        self._store = store
        self._climbs = climbs
        self._kept: defaultdict[tuple[object, ...], _Kept] = defaultdict(_Kept)
        self._guard = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="plausible")

    def order(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> Order:
        """Who stands where, of the scores in sight."""
        kept = self._of(hosted, question, split, sight)
        # Before the places are read: they may be newer than it says, never older.
        topic = self._store.topic_version(f"board/{hosted.slug}/{question.id}")
        with kept.lock:
            if kept.topic != topic:
                changes = self._changes(hosted, question, split, sight, kept.since)
                kept.order.apply(changes)
                kept.topic, kept.since = topic, changes.version
        return kept.order

    def plausible(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> Plausible:
        """What ranks were plausible lately: some seconds ago, as it takes all teams to say so."""
        order = self.order(hosted, question, split, sight)
        kept = self._of(hosted, question, split, sight)
        with kept.lock:
            known = kept.plausible
            is_due = not kept.is_computing and time.monotonic() >= kept.due_at
            kept.is_computing |= is_due
        if not is_due and known is not None:
            return known
        if known is None:
            return self._compute(kept, order, split)
        self._pool.submit(self._compute, kept, order, split)
        return known

    def _of(self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight) -> _Kept:
        metric = question.metrics[0]
        key = (hosted.slug, question.id, metric.name, metric.greater_is_better, split, sight)
        with self._guard:
            return self._kept[key]

    def _compute(self, kept: _Kept, order: Order, split: Split) -> Plausible:
        started = time.monotonic()
        try:
            teams = order.teams()
            influences = self._store.influences([place.judgement for place in teams[:PAIRED]], split)
            kept.plausible = plausible_ranks(
                [place.judgement for place in teams],
                [place.version for place in teams],
                np.array([-place.points for place in teams]),
                np.array([place.error for place in teams]),
                influences,
                n_paired=PAIRED,
            )
            return kept.plausible
        finally:
            took_s = time.monotonic() - started
            kept.due_at = time.monotonic() + max(PLAUSIBLE_EVERY_S, took_s / SHARE)
            kept.is_computing = False

    def _changes(
        self, hosted: Hosted, question: HostedQuestion, split: Split, sight: Sight, since: int | None
    ) -> Changes:
        metric = question.metrics[0]
        found = self._store.places(
            hosted.slug,
            question.id,
            split,
            metric=metric.name,
            greater_is_better=metric.greater_is_better,
            until=sight.until,
            since=since,
        )
        return self._climbed(hosted, question, sight, found) if sight.is_ladder else found

    def _climbed(self, hosted: Hosted, question: HostedQuestion, sight: Sight, found: Changes) -> Changes:
        """The same with each team where the ladder has it."""
        teams = [each.team_id for each in found.places if not each.is_baseline]
        standings = self._climbs.standings(hosted, question, sight.until, teams)
        sign = -1.0 if question.metrics[0].greater_is_better else 1.0
        places = [place for place in found.places if place.is_baseline]
        for place in found.places:
            if (standing := standings.get(place.team_id)) is not None:
                tried = standing.tried
                places.append(
                    replace(
                        place,
                        points=sign * rounded(tried.score),
                        submitted_at=to_text(tried.submitted_at),
                        submission=tried.submission,
                        judgement=tried.judgement,
                        version=tried.version,
                        score=tried.score,
                        error=tried.se or 0.0,
                        n_tries=standing.n_tries,
                    )
                )
        return replace(found, places=tuple(places))
