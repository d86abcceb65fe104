"""What series of submissions look like, for organizers: signs of probing, and of overfitting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from kit._scoring import grain
from kit.leaderboard import Entry
from kit.metrics import Array
from kit.overfitting import growth
from kit.probing import Told, probe
from kit.service.context import Service
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.models import organizer as models
from kit.service.view import View, view_of_bytes
from kit.store import ScoredTry
from kit.submission import Split

MOST_TEAMS = 500
_LIST = TypeAdapter(list[models.Series])


@dataclass(frozen=True, eq=False)
class _Scored:
    score: float
    influences: Array


def read(service: Service, hosted: Hosted) -> View:
    """`series`, as bytes."""

    def make() -> View:
        return view_of_bytes(_LIST.dump_json(series(service, hosted)), [f"submissions/{hosted.slug}"])

    return service.boards.seldom.get(("probing", hosted.slug), make)


def series(service: Service, hosted: Hosted) -> list[models.Series]:
    """Of each question and team, what its submissions look like; flagged ones first.

    Of many teams, those `MOST_TEAMS` with the most submissions: with few, few labels are read.
    """
    found = [
        each for question in hosted.questions.values() for each in _of_question(service, hosted, question)
    ]
    return sorted(found, key=lambda each: (-len(each.flags), -each.bits))


def _of_question(service: Service, hosted: Hosted, question: HostedQuestion) -> list[models.Series]:
    metric, by_team = question.question.metric, defaultdict(list)
    for team_id in service.boards.busiest(hosted, question, MOST_TEAMS):
        by_team[team_id] = service.store.tries(hosted.slug, question.id, metric, teams=[team_id])
    numbers = {tried.submission: len(tries) for tries in by_team.values() for tried in tries}
    entries = {entry.submission: entry for entry in service.store.chosen(numbers)}
    made = []
    for tries in by_team.values():
        kept = [tried for tried in tries if tried.submission in entries]
        if kept:
            made.append(_series(service, hosted, question, kept, entries))
    return made


def _series(
    service: Service,
    hosted: Hosted,
    question: HostedQuestion,
    tries: Sequence[ScoredTry],
    entries: Mapping[int, Entry],
) -> models.Series:
    metric = question.question.metric
    own = [entries[tried.submission] for tried in tries]
    found = probe(
        _told(service, hosted, question, tries), n_labels=own[-1].scores[Split.PUBLIC][metric].n_rows
    )
    return models.Series(
        question=question.id,
        team=own[0].team,
        n_submissions=len(tries),
        flags=[
            models.Flag(sign=f.sign, evidence=f.evidence, submissions=list(f.submissions))
            for f in found.flags
        ],
        bits=round(found.bits, 1),
        worth=round(found.worth, 2),
        overfitting=_overfitting(service, question, own),
        tries=[
            models.Try(
                submission=entry.submission,
                submitted_at=entry.submitted_at,
                public=entry.scores[Split.PUBLIC][metric].score,
                private=entry.scores[Split.PRIVATE][metric].score,
            )
            for entry in own
        ],
    )


def _told(
    service: Service, hosted: Hosted, question: HostedQuestion, tries: Sequence[ScoredTry]
) -> list[Told]:
    """The tries, and how exactly each was told while it was new: as its phase showed scores."""
    climbed = service.boards.climbs.of_team(hosted, question, None, tries[0].team_id)
    sketches = service.store.sketches([tried.judgement for tried in tries])
    told = []
    for tried in tries:
        mode, se = hosted.leaderboard_in(tried.phase), tried.se or 0.0
        told.append(
            Told(
                tried.submission,
                sketches.get(tried.judgement),
                se,
                grain(se),
                is_told=mode == "public" or climbed[tried.submission].has_moved,
                is_seen=mode in ("public", "ladder"),
            )
        )
    return told


def _overfitting(service: Service, question: HostedQuestion, own: Sequence[Entry]) -> models.Growth | None:
    metric, is_greater = question.question.metric, question.metrics[0].greater_is_better
    first = own[0]
    best = (max if is_greater else min)(own, key=lambda entry: entry.scores[Split.PUBLIC][metric].score)
    if best is first or best.version != first.version:
        return None
    pair = []
    for entry in (first, best):
        scored = {}
        for split in Split:
            influences = service.store.influences([entry.judgement], split).get(entry.judgement)
            if influences is None:
                return None
            scored[split] = _Scored(entry.scores[split][metric].score, influences)
        pair.append(scored)
    found = growth(pair[0], pair[1], greater_is_better=is_greater)
    return models.Growth(growth=found.growth, se=found.se)
