"""Credits: what submissions owe to others' code, recorded by who built on it. Speaks no HTTP."""

from __future__ import annotations

from datetime import datetime

from kit.errors import InvalidRequest, NotAllowed
from kit.service import coding, models
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.hosted import Hosted
from kit.service.submitting import find
from kit.similarity import CodeSimilarity, compare_programs
from kit.store import Written
from kit.submission import Kind, State, Submission

STEP = 0.05
"""Shares are suggested in steps of so much."""
MOST_SUGGESTED = 5
MOST_LINES = 20
NEW_PART = 0.5
"""Of what a submission shares with another, so much must not be shared with one suggested already."""


def read(service: Service, caller: Caller, number: int) -> models.Credits:
    """What a submission owes, and what its code suggests.

    Raises
    ------
    NotFound
    """
    hosted, submission = find(service, caller, number)
    given = [
        models.Credit(submission=each.source, team=each.source_team, share=each.share)
        for each in service.store.blends.credits_of([number])
    ]
    return models.Credits(submission=number, given=given, suggested=_suggested(service, hosted, submission))


def give(service: Service, caller: Caller, number: int, asked: models.CreditsAsked) -> models.Credits:
    """Record what a submission owes, in place of what it owed before.

    Raises
    ------
    NotFound
    NotAllowed
        It is another team's.
    InvalidRequest
        A source is none, or shares exceed 1 in sum.
    """
    hosted, submission = find(service, caller, number)
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    if team is None or team["id"] != submission.team_id:
        raise NotAllowed(f"What submission {number} owes is for team '{submission.team}' to say.")
    shares = {each.submission: each.share for each in asked.to if each.share > 0}
    if (total := sum(shares.values())) > 1 + 1e-9:
        raise InvalidRequest(f"The shares are {total:g} in sum; 1 is all of the submission.")
    for source in shares:
        _check_source(service, caller, submission, source)
    service.store.blends.add_credits(number, shares, user_id=caller.user_id, now=service.clock())
    return read(service, caller, number)


def _check_source(service: Service, caller: Caller, submission: Submission, number: int) -> None:
    source = coding.readable(service, caller, number)
    if (source.competition, source.question) != (submission.competition, submission.question):
        raise InvalidRequest(f"Submission {number} answers another question.")
    if (
        source.kind is Kind.PREDICTIONS
        or service.store.submissions.judgement(number).state is not State.SCORED
    ):
        raise InvalidRequest(f"Submission {number} is no scored code.")
    if number >= submission.id:
        raise InvalidRequest(f"Submission {number} is not older than {submission.id}.")


def _suggested(service: Service, hosted: Hosted, submission: Submission) -> list[models.Suggestion]:
    """Older code of others that it resembles: what it shares with none that was suggested before."""
    question = hosted.questions.get(submission.question)
    if (
        question is None
        or submission.kind is Kind.PREDICTIONS
        or not hosted.is_code_visible_in(submission.phase)
    ):
        return []
    programs, opened_at = service.programs, _opened_at(hosted, submission)
    others = [w for w in programs.written(hosted, question) if w.submission < submission.id]
    own = [w for w in others if w.team_id == submission.team_id and w.submitted_at < opened_at]
    known = (*programs.given(hosted), *(text for w in own for text in programs.texts(w).values()))
    mine = programs.read(_written(submission), known)
    found: list[tuple[Written, CodeSimilarity]] = []
    for other in others:
        if other.team_id != submission.team_id:
            alike = compare_programs(mine, programs.read(other, programs.given(hosted)))
            if alike.is_telling:
                found.append((other, alike))
    # Of equals the oldest: it was there first.
    return _distinct(sorted(found, key=lambda pair: (-pair[1].n_tokens, pair[0].submission)))


def _distinct(found: list[tuple[Written, CodeSimilarity]]) -> list[models.Suggestion]:
    taken: set[tuple[str, int]] = set()
    made: list[models.Suggestion] = []
    left = 1.0
    for other, alike in found:
        lines = {(m.first.file, n) for m in alike.matches for n in range(m.first.start, m.first.end + 1)}
        new = len(lines - taken) / max(1, len(lines))
        share = min(left, STEP * round(alike.first_in_second * new / STEP))
        if new < NEW_PART or share < STEP or len(made) == MOST_SUGGESTED:
            continue
        taken |= lines
        left -= share
        shared = [
            models.SharedLines(
                file=m.first.file, start=m.first.start, end=m.first.end,
                other_file=m.second.file, other_start=m.second.start, other_end=m.second.end,
            )
            for m in alike.matches[:MOST_LINES]
        ]  # fmt: skip
        made.append(
            models.Suggestion(
                submission=other.submission, team=other.team, share=round(share, 2), lines=shared
            )
        )
    return made


def _opened_at(hosted: Hosted, submission: Submission) -> datetime:
    phase = next(p for p in hosted.competition.phases if p.id == submission.phase)
    assert phase.opens_at is not None
    return phase.opens_at


def _written(s: Submission) -> Written:
    return Written(s.id, s.team_id, s.team, s.sha256, s.filename, s.submitted_at)
