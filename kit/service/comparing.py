"""Compares two submissions for who may see both scores. Speaks no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from kit._scoring import Comparison, compare, compare_coarsely, shown_text, told
from kit.errors import InvalidRequest, NotAllowed, NotFound
from kit.leaderboard import Entry
from kit.metrics import Array
from kit.service import models, showing, submitting
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.entry import check_entry
from kit.service.hosted import Hosted, HostedQuestion
from kit.submission import Split


@dataclass(frozen=True)
class Asked:
    """What is to be compared: submission ``a`` with ``b``, or with what a team has on the leaderboard."""

    a: int
    b: int | None
    team: str | None
    split: Split


@dataclass(frozen=True, eq=False)
class _Measured:
    entry: Entry
    score: float
    se: float
    warning: str
    influences: Array


def compared(service: Service, hosted: Hosted, caller: Caller, asked: Asked) -> models.Comparison:
    """How two submissions differ: exactly for organizers, coarsely for participants.

    Raises
    ------
    NotAllowed
        The scores are not shown now; or too many comparisons today.
    NotFound
        A submission is another team's.
    InvalidRequest
        They cannot be compared.
    """
    check_entry(service.store, hosted, caller, now=service.clock())
    if not caller.is_organizer:
        _check_shown(service, hosted, asked)
    question = _question_of(service, hosted, caller, asked.a)
    other, team = _other(service, hosted, caller, question, asked)
    if not caller.is_organizer:
        _count(service, hosted, caller)
    entries = [_entry(service, question, number) for number in (asked.a, other)]
    a, b = _measured(service, question, asked.split, *entries)
    found = (compare if caller.is_organizer else compare_coarsely)(a, b)
    return _told(hosted, question, asked.split, (a, b), team, found, exact=caller.is_organizer)


def _check_shown(service: Service, hosted: Hosted, asked: Asked) -> None:
    now = service.clock()
    if asked.split is Split.PRIVATE and not hosted.is_closed(now):
        raise NotAllowed(f"Private scores are shown when '{hosted.slug}' closes.")
    if asked.split is Split.PRIVATE and asked.team is not None:
        raise NotAllowed("With another team's submission only public scores are compared.")
    # A ladder's or a frozen leaderboard says less than the scores, so less than a comparison.
    if (board := hosted.leaderboard(now)) != "public":
        raise NotAllowed(f"Submissions are not compared while the leaderboard is {board!r}.")


def _count(service: Service, hosted: Hosted, caller: Caller) -> None:
    team = service.store.accounts.team_of(hosted.slug, caller.user_id)
    key, now = f"{hosted.slug}/{team['id'] if team else 0}", service.clock()
    service.comparisons.check(key, now)
    service.comparisons.add(key, now)


def _question_of(service: Service, hosted: Hosted, caller: Caller, number: int) -> HostedQuestion:
    home, submission = submitting.find(service, caller, number)
    if home.slug != hosted.slug or submission.question not in hosted.questions:
        raise NotFound(f"There is no submission {number} in '{hosted.slug}'.")
    return hosted.questions[submission.question]


def _other(
    service: Service, hosted: Hosted, caller: Caller, question: HostedQuestion, asked: Asked
) -> tuple[int, str | None]:
    """The submission compared with, and whose it is where it was asked for by team."""
    if (asked.b is None) == (asked.team is None):
        raise InvalidRequest("Say what to compare with: either b, a submission, or team, a team's name.")
    if asked.b is None:
        place = service.boards.place_of(hosted, question, asked.split, str(asked.team))
        return place.submission, place.team
    if (other := _question_of(service, hosted, caller, asked.b).id) != question.id:
        raise InvalidRequest(
            f"Submission {asked.a} is for question '{question.id}' and {asked.b} for '{other}'."
        )
    return asked.b, None


def _entry(service: Service, question: HostedQuestion, number: int) -> Entry:
    entry = service.store.entry(number)
    if entry is None or any(question.question.metric not in entry.scores[split] for split in Split):
        raise InvalidRequest(f"Submission {number} has no score to compare.")
    return entry


def _measured(
    service: Service, question: HostedQuestion, split: Split, a: Entry, b: Entry
) -> tuple[_Measured, _Measured]:
    influences = service.store.influences({a.judgement, b.judgement}, split)
    sizes = {len(influences.get(entry.judgement, ())) for entry in (a, b)}
    if a.version != b.version or len(sizes) != 1 or 0 in sizes:
        raise InvalidRequest(
            f"Submissions {a.submission} and {b.submission} were not judged alike; once the organizers "
            "judge them again, they can be compared."
        )
    scores = [entry.scores[split][question.question.metric] for entry in (a, b)]
    made = [
        _Measured(entry, s.score, s.error, s.warning, influences[entry.judgement])
        for entry, s in zip((a, b), scores, strict=True)
    ]
    return made[0], made[1]


def _told(
    hosted: Hosted,
    question: HostedQuestion,
    split: Split,
    pair: tuple[_Measured, _Measured],
    team: str | None,
    found: Comparison,
    *,
    exact: bool,
) -> models.Comparison:
    a, b = (each.entry.submission for each in pair)
    is_greater_better = question.metrics[0].greater_is_better
    better = None if not found.is_clear else "a" if (found.difference > 0) == is_greater_better else "b"
    warning = pair[0].warning or pair[1].warning
    return models.Comparison(
        competition=hosted.slug,
        question=question.id,
        split=split.value,
        metric=question.question.metric,
        greater_is_better=is_greater_better,
        a=a,
        b=b,
        team=team,
        difference=showing.number(found.difference, found.se, exact=exact),
        low=showing.number(found.low, found.se, exact=exact),
        high=showing.number(found.high, found.se, exact=exact),
        level=found.level,
        p_value=found.p_value if exact else float(f"{found.p_value:.2g}"),
        better=cast(Literal["a", "b"] | None, better),
        sentence=sentence(found, a, b, team, better),
        warning=warning if exact or not warning else showing.ROUGH,
        exact=exact,
    )


ROUNDING = 1e-12
"""Differences below this are left over from floating-point sums."""


def sentence(found: Comparison, a: int, b: int, team: str | None, better: str | None) -> str:
    """How two submissions differ, as one says it.

    Examples
    --------
    >>> sentence(Comparison(0.0131, 0.0041, 0.0221, 0.95, 0.0046, 0.0044), 12, 7, None, "a")
    'Submission 12 is better than 7 by 0.014 ± 0.008 (95 %); p = 0.0044.'
    >>> sentence(Comparison(0.0, -4e-16, 4e-16, 0.95, 2e-16, 1.0), 1, 2, None, None)
    'Submissions 1 and 2 have the same score.'
    """
    margin = (found.high - found.low) / 2
    size, width = (_text(value, found.se) for value in (abs(found.difference), margin))
    p = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.2g}"
    by = f"by {size} ± {width} ({100 * found.level:g} %); {p}."
    other = str(b) if team is None else f"{b} of team {team}"
    if max(abs(found.difference), margin) < ROUNDING:
        return f"Submissions {a} and {other} have the same score."
    if better is None:
        return f"Submissions {a} and {other} cannot be told apart: they differ {by}"
    return f"Submission {a} is {'better' if better == 'a' else 'worse'} than {other} {by}"


def _text(value: float, se: float) -> str:
    return shown_text(value, se) if se > 0.0 else f"{told(value, se):g}"
