"""Where teams stand on the ladder: kept, and carried on by what was scored since."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kit.ladder import Rung, climb
from kit.metrics import Array
from kit.service.hosted import Hosted, HostedQuestion
from kit.store import ScoredTry, Store
from kit.submission import Split

PIECE = 1000
"""Of so many teams the tries are read at a time."""


@dataclass(frozen=True)
class Release:
    """What a team is told after a submission: the score of ``standing``, which may be an earlier one."""

    standing: int
    has_moved: bool


@dataclass(frozen=True)
class Standing:
    """The submission whose score a team is shown with, and how many scored ones it has made."""

    tried: ScoredTry
    n_tries: int


@dataclass(frozen=True, eq=False)
class _Try:
    score: float
    se: float | None
    influences: Array | None


@dataclass(frozen=True)
class _Climb:
    judgements: tuple[int, ...] = ()
    rungs: tuple[Rung, ...] = ()


class Climbs:
    """Climbs ladders, each submission once; safe from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[str, str, datetime | None, int], _Climb] = {}
        self._lock = threading.Lock()

    def of_team(
        self, hosted: Hosted, question: HostedQuestion, until: datetime | None, team_id: int
    ) -> Mapping[int, Release]:
        """What a team was told after each of its submissions, by their ids."""
        tries = self._tries(hosted, question, until, [team_id]).get(team_id, [])
        rungs = self._climb(hosted, question, until, team_id, tries)
        return {
            tried.submission: Release(tries[rung.standing].submission, rung.has_moved)
            for tried, rung in zip(tries, rungs, strict=True)
        }

    def standings(
        self, hosted: Hosted, question: HostedQuestion, until: datetime | None, teams: Collection[int]
    ) -> dict[int, Standing]:
        """Where some teams stand."""
        found, numbers = {}, sorted(teams)
        # By the piece: all tries of a large competition would take a gigabyte at once.
        for start in range(0, len(numbers), PIECE):
            by_team = self._tries(hosted, question, until, numbers[start : start + PIECE])
            for team_id, tries in by_team.items():
                rungs = self._climb(hosted, question, until, team_id, tries)
                found[team_id] = Standing(tries[rungs[-1].standing], len(tries))
        return found

    def _tries(
        self, hosted: Hosted, question: HostedQuestion, until: datetime | None, teams: Collection[int]
    ) -> dict[int, list[ScoredTry]]:
        by_team = defaultdict(list)
        for tried in self._store.tries(hosted.slug, question.id, question.question.metric, teams=teams):
            if until is None or tried.submitted_at < until:
                by_team[tried.team_id].append(tried)
        return by_team

    def _climb(
        self,
        hosted: Hosted,
        question: HostedQuestion,
        until: datetime | None,
        team_id: int,
        tries: Sequence[ScoredTry],
    ) -> tuple[Rung, ...]:
        key = (hosted.slug, question.id, until, team_id)
        judgements = tuple(tried.judgement for tried in tries)
        with self._lock:
            kept = self._kept.get(key, _Climb())
        if kept.judgements == judgements:
            return kept.rungs
        # A rejudgement changes what came before: then from the start.
        n = len(kept.judgements)
        known = kept.rungs if judgements[:n] == kept.judgements else ()
        rungs = self._go_on(question, tries, known)
        with self._lock:
            self._kept[key] = _Climb(judgements, rungs)
        return rungs

    def _go_on(
        self, question: HostedQuestion, tries: Sequence[ScoredTry], known: Sequence[Rung]
    ) -> tuple[Rung, ...]:
        standing = [tries[known[-1].standing]] if known else []
        wanted = [*standing, *tries[len(known) :]]
        # Blocks of another version are other blocks: such scores are compared as if independent.
        version = tries[-1].version
        influences = self._store.influences(
            [t.judgement for t in wanted if t.version == version], Split.PUBLIC
        )
        made = [_Try(t.score, t.se, influences.get(t.judgement)) for t in wanted]
        return tuple(
            climb(
                made[len(standing) :],
                greater_is_better=question.metrics[0].greater_is_better,
                known=known,
                best=made[0] if standing else None,
            )
        )
