"""What is kept of each team's place is what all its rows come to, after whatever happened."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import four
import pytest
from placed import contenders
from test_store import enrol, submit
from test_store_boards import scored

from kit.competition import Competition
from kit.leaderboard import Row, rank
from kit.store import Place, Received, Store
from kit.submission import Outcome, Split, State, Verdict

FROZEN_AT = four.NOON + timedelta(minutes=60)
SIGHTS = [(greater, until) for greater in (False, True) for until in (None, FROZEN_AT)]


class Happenings:
    """A competition in which anything may happen next."""

    def __init__(self, store: Store, competition: Competition, seed: int) -> None:
        self.store, self.competition = store, competition
        self.rng, self.now = random.Random(seed), four.NOON
        self.teams = [enrol(store, competition, name) for name in ("ada", "bob", "eve", "dan")]
        self.n_versions, self.may_fail = 0, True

    def next(self) -> None:
        """Let something happen."""
        self.now += timedelta(minutes=self.rng.randrange(3))
        happen: Callable[[], object] = self.rng.choices(
            [self.submit, self.judge, self.select, self.rejudge, self.baseline, self.disable],
            [10, 16, 3, 1, 1, 1],
        )[0]
        happen()

    def submit(self) -> None:
        submit(self.store, self.competition, self.rng.choice(self.teams), now=self.now)

    def baseline(self) -> None:
        blob = self.store.blobs.add(four.PERFECT.encode())
        received = Received(blob.sha256, blob.n_bytes, "p.csv")
        given = {"name": self.rng.choice(("ada", "mean")), "user_id": self.teams[0][0], "version": "v"}
        question = self.competition.question[0]
        self.store.submissions.add_baseline(self.competition, question, received, **given, now=self.now)

    def judge(self) -> bool:
        """What waits ends in one way or another; more often than not with a score that others have."""
        claim = self.store.queue.claim("w1", now=self.now, lease_s=1e6)
        if claim is None:
            return False
        refund = None if self.rng.random() < 0.8 else "rejected"
        return self.store.queue.finish(claim, self._outcome(), now=self.now, refund=refund)

    def _outcome(self) -> Outcome:
        kind = self.rng.random()
        if kind < 0.1 and self.may_fail:
            return Outcome(State.ERROR, detail="broke")
        if kind < 0.25:
            return Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, ("odd",))
        public = self.rng.choice((0.0, 1.0, 2.0, -3.0)) * (1 + self.rng.choice((0, 1e-12, 1e-9)))
        return scored(public, self.rng.randrange(3))

    def select(self) -> None:
        user, team = self.rng.choice(self.teams)
        entries = self.store.entries("four", "counts")
        name = self.store.accounts.team_of("four", user)["name"]
        own = [e.submission for e in entries if e.team == name and not e.is_baseline]
        chosen = self.rng.sample(own, min(len(own), self.rng.randrange(3)))
        self.store.submissions.select(self.competition, self.competition.question[0], team, chosen, self.now)

    def rejudge(self) -> None:
        found = [s.id for s in self.store.submissions.list("four")]
        some = None if self.rng.random() < 0.5 else self.rng.sample(found, len(found) // 3)
        self.n_versions += some is None
        version = f"version {self.n_versions}"
        is_dry_run = self.rng.random() < 0.2
        self.store.rejudges.start(
            "four", "counts", version, submissions=some, now=self.now, is_dry_run=is_dry_run
        )
        if some is None and self.rng.random() < 0.2:
            self.store.rejudges.stop(self.store.rejudges.list("four")[0].id)
        elif self.rng.random() < 0.7:
            self.may_fail = False
            while self.judge():
                pass
            self.may_fail = True

    def disable(self) -> None:
        self.store.accounts.set_disabled("eve", self.rng.random() < 0.5)


def plain(store: Store, split: Split, greater: bool, until: datetime | None) -> list[Row]:
    entries = [e for e in store.entries("four", "counts") if until is None or e.submitted_at < until]
    return rank(entries, metric="mae", greater_is_better=greater, split=split)


def kept(store: Store, split: Split, greater: bool, until: datetime | None) -> list[Row]:
    entries = contenders(store, "four", "counts", metric="mae", greater_is_better=greater, until=until)
    rows = rank(entries, metric="mae", greater_is_better=greater, split=split)
    return [replace(row, entry=replace(row.entry, n_tries=None)) for row in rows]


class Follower:
    """Someone who reads of a leaderboard only what changed."""

    def __init__(self, store: Store, **how: Any) -> None:
        self._store, self._how = store, how
        self._since: int | None = None
        self.n_read = 0
        self.places: dict[int, Place] = {}

    def read(self) -> dict[int, Place]:
        found = self._store.places("four", "counts", **self._how, metric="mae", since=self._since)
        self._since, self.n_read = found.version, self.n_read + len(found.places)
        if found.is_all:
            self.places = {}
        self.places |= {place.team_id: place for place in found.places}
        for team_id in found.gone:
            self.places.pop(team_id, None)
        return self.places


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_is_what_all_rows_come_to_whatever_happens(store: Store, tmp_path, seed: int) -> None:
    happenings = Happenings(store, four.competition(tmp_path / "four", phase=""), seed)
    split = tuple(Split)[seed % 2]
    follower = Follower(store, split=split, greater_is_better=True)

    for _ in range(120):
        happenings.next()

        for greater, until in SIGHTS:
            told = (split, greater, until)
            assert kept(store, *told) == plain(store, *told), told
        places = sorted(follower.read().values(), key=lambda place: place.key)
        assert [
            (place.team, place.is_baseline, place.submission, place.n_tries, place.score) for place in places
        ] == [
            (r.team, r.entry.is_baseline, r.entry.submission, r.n_submissions, r.score.score)
            for r in plain(store, split, True, None)
        ]

    assert len(follower.places) >= 4


def test_one_who_follows_reads_only_what_changed(store: Store, tmp_path) -> None:
    happenings = Happenings(store, four.competition(tmp_path / "four", phase=""), 0)
    for _ in range(100):
        happenings.submit()
        happenings.judge()
    follower = Follower(store, split=Split.PUBLIC, greater_is_better=False)
    n_first = len(follower.read())

    nothing = follower.read(), follower.n_read
    for _ in range(3):
        store.accounts.set_disabled("eve", True)
        happenings.submit()
        happenings.judge()
        follower.read()

    assert nothing[1] == n_first == 4
    assert follower.n_read <= n_first + 3


def test_a_change_and_what_is_kept_of_it_come_together_or_not_at_all(
    store: Store, competition: Competition
) -> None:
    ada = enrol(store, competition, "ada")
    how = {"metric": "mae", "greater_is_better": False}
    contenders(store, "four", "counts", **how)
    submit(store, competition, ada)
    claim = store.queue.claim("w1", now=four.NOON, lease_s=30)
    assert claim is not None
    store._c.db.conn.execute(
        "create temp trigger power_cut before insert on best begin select raise(abort, 'power cut'); end"
    )

    with pytest.raises(sqlite3.IntegrityError, match="power cut"):
        store.queue.finish(claim, scored(1, 2), now=four.NOON)

    assert store.submissions.judgement(claim.submission_id).state is State.RUNNING
    assert contenders(store, "four", "counts", **how) == []
