"""Pairs of teams whose submissions are alike, for organizers, with evidence. It punishes nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from pydantic import TypeAdapter

from kit.leaderboard import Entry
from kit.service.context import Service
from kit.service.every import every
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.service.models import organizer as models
from kit.service.programs import MOST
from kit.service.view import View, view_of_bytes
from kit.similarity import CodeSimilarity, Match, compare_programs, compare_sketches
from kit.store import Written
from kit.submission import Split

MOST_PAIRS = 200
MOST_OF_A_TEAM = 3
MOST_MATCHES = 20
MOST_LINES = 40
EQUAL_NUMBERS = 0.5
"""Numbers that two models compute are hardly ever equal to the last bit."""
EQUAL_LABELS = 0.99
"""Labels of good models are mostly equal."""
_LIST = TypeAdapter(list[models.Pair])


def read(service: Service, hosted: Hosted, question: str | None) -> View:
    """`pairs`, as bytes; of all questions where none is named."""
    asked = [hosted.find(question)] if question is not None else list(hosted.questions.values())
    topics = [f"submissions/{hosted.slug}", *(f"board/{hosted.slug}/{each.id}" for each in asked)]

    def make() -> View:
        found = [pair for each in asked for pair in pairs(service, hosted, each)]
        return view_of_bytes(_LIST.dump_json(found), topics)

    return service.boards.seldom.get(("similar", hosted.slug, question), make)


def pairs(service: Service, hosted: Hosted, question: HostedQuestion) -> list[models.Pair]:
    """Of each two teams the pair that is most alike, code before predictions, the most alike first."""
    owed = service.store.blends.credits(hosted.slug, question.id)
    credited = {(each.team, each.source_team) for each in owed}
    found = [*_code(service, hosted, question), *_predictions(service, hosted, question)]
    for pair in found:
        pair.credited = (pair.first.team, pair.second.team) in credited
    return sorted(found, key=lambda pair: (pair.what, -pair.share))[:MOST_PAIRS]


def _code(service: Service, hosted: Hosted, question: HostedQuestion) -> Iterable[models.Pair]:
    if question.question.code is None:
        return []
    programs, known = service.programs, service.programs.given(hosted)
    written = programs.written(hosted, question)
    best: dict[frozenset[int], tuple[CodeSimilarity, Written, Written]] = {}
    for one, other in combinations(sorted(written, key=lambda each: -each.submission), 2):
        if one.team_id == other.team_id:
            continue
        alike = compare_programs(programs.read(one, known), programs.read(other, known))
        key = frozenset((one.team_id, other.team_id))
        if alike.is_telling and (key not in best or alike.n_tokens > best[key][0].n_tokens):
            best[key] = alike, one, other
    return [
        models.Pair(
            question=question.id,
            what="code",
            first=_alike(one),
            second=_alike(other),
            share=round(alike.first_in_second, 2),
            share_back=round(alike.second_in_first, 2),
            n_different=None,
            credited=False,
            lines=_lines(service, one, other, alike.matches),
        )
        for alike, one, other in best.values()
    ]


def _predictions(service: Service, hosted: Hosted, question: HostedQuestion) -> Iterable[models.Pair]:
    entries = _of_teams(service, hosted, question)
    sketches = service.store.sketches([entry.judgement for entry in entries])
    least = EQUAL_LABELS if question.domain == "label" else EQUAL_NUMBERS
    best: dict[frozenset[str], models.Pair] = {}
    for one, other in combinations(sorted(entries, key=lambda each: -each.submission), 2):
        known = [sketches.get(entry.judgement) for entry in (one, other)]
        if one.team == other.team or known[0] is None or known[1] is None:
            continue
        alike, key = compare_sketches(known[0], known[1]), frozenset((one.team, other.team))
        if alike.equal_rows < least or (key in best and best[key].share >= alike.equal_rows):
            continue
        best[key] = models.Pair(
            question=question.id,
            what="predictions",
            first=_alike(one),
            second=_alike(other),
            share=round(alike.equal_rows, 3),
            share_back=None,
            n_different=alike.n_different,
            credited=False,
            lines=[],
        )
    return best.values()


def _of_teams(service: Service, hosted: Hosted, question: HostedQuestion) -> list[Entry]:
    """Each team's best submissions, without baselines."""
    n_of: dict[str, int] = {}
    kept = []
    for row in every(service.store, hosted, question, Split.PUBLIC, Sight()):
        n_of[row.team] = n_of.get(row.team, 0) + 1
        if not row.entry.is_baseline and n_of[row.team] <= MOST_OF_A_TEAM:
            kept.append(row.entry)
    return kept[:MOST]


def _alike(of: Written | Entry) -> models.Alike:
    return models.Alike(submission=of.submission, team=of.team, submitted_at=of.submitted_at)


def _lines(
    service: Service, one: Written, other: Written, matches: Sequence[Match]
) -> list[models.AlikeLines]:
    first, second = service.programs.texts(one), service.programs.texts(other)
    return [
        models.AlikeLines(
            file=match.first.file,
            start=match.first.start,
            text=_text(first.get(match.first.file, ""), match.first.start, match.first.end),
            other_file=match.second.file,
            other_start=match.second.start,
            other_text=_text(second.get(match.second.file, ""), match.second.start, match.second.end),
        )
        for match in matches[:MOST_MATCHES]
    ]


def _text(text: str, start: int, end: int) -> str:
    return "\n".join(text.splitlines()[start - 1 : min(end, start - 1 + MOST_LINES)])
