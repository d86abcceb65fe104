"""What the store holds, as the models that cross HTTP; leaves out what the caller may not see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, cast

from kit.clock import from_text
from kit.competition import Phase
from kit.limits import allowance
from kit.service import models, showing
from kit.service.auth import Caller
from kit.service.climbing import Climbs, Release
from kit.service.code import code_run, question_code
from kit.service.entry import has_accepted_rules, left_of
from kit.service.hosted import Hosted, HostedQuestion, Sight
from kit.store import Again, Row, Standing, Store
from kit.submission import Kind, Score, Split, State, Submission

Role = Literal["participant", "organizer"]


def user(row: Row) -> models.User:
    """A user, as they see themselves."""
    return models.User(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        role=row["role"],
        created_at=from_text(row["created_at"]),
    )


def line(hosted: Hosted) -> models.CompetitionLine:
    """A competition in a list."""
    c = hosted.competition
    return models.CompetitionLine(
        slug=c.slug, title=c.title, summary=c.summary, opens_at=c.opens_at, closes_at=c.closes_at
    )


def overview(store: Store, hosted: Hosted, caller: Caller | None, *, now: datetime) -> models.Overview:
    """A competition, and the caller in it."""
    competition = hosted.competition
    phase = competition.phase_at(now)
    return models.Overview(
        **line(hosted).model_dump(),
        rules=hosted.rules,
        now=now,
        phase=None if phase is None else _phase(phase),
        phases=[_phase(p) for p in competition.phases],
        state=cast(Literal["upcoming", "open", "closed"], hosted.state(now)),
        signup=competition.access.signup,
        selected=competition.limits.selected,
        questions=[_question(store, hosted, q) for q in hosted.questions.values()],
        me=None if caller is None else membership(store, hosted, caller),
    )


def _phase(phase: Phase) -> models.Phase:
    assert phase.opens_at is not None and phase.closes_at is not None
    return models.Phase(
        id=phase.id,
        opens_at=phase.opens_at,
        closes_at=phase.closes_at,
        daily_limit=phase.daily_limit,
        total_limit=phase.total_limit,
        interval_s=phase.interval_s,
        leaderboard=phase.leaderboard,
        code_visible=phase.code_visible,
    )


def _question(store: Store, hosted: Hosted, q: HostedQuestion) -> models.Question:
    address = f"/api/v1/competitions/{hosted.slug}/questions/{q.id}/data"
    data = [
        models.DataFile(name=f.name, bytes=f.n_bytes, sha256=f.sha256, url=f"{address}/{f.name}")
        for f in q.files.values()
    ]
    return models.Question(
        id=q.id,
        title=q.question.title,
        metric=q.question.metric,
        metrics=[models.Metric(**vars(metric)) for metric in q.metrics],
        id_column=q.question.id_column,
        target=list(q.question.target),
        columns=list(q.columns),
        domain=q.domain,
        classes=list(q.classes),
        positive=q.classes[-1] if q.domain == "probability" and q.classes else None,
        n_rows=q.n_rows,
        max_bytes=q.max_bytes,
        weight=q.question.weight,
        kinds=list(q.kinds),  # type: ignore[arg-type]
        code=question_code(q),
        data=data,
        sample_submission=q.sample_submission,
        version=store.versions.number(hosted.slug, q.id, q.version),
    )


def membership(store: Store, hosted: Hosted, caller: Caller) -> models.Membership:
    """The caller in a competition."""
    team = store.accounts.team_of(hosted.slug, caller.user_id)
    return models.Membership(
        name=caller.user["name"],
        role=cast(Role, caller.user["role"]),
        team=None if team is None else team["name"],
        members=[] if team is None else team["members"],
        rules_accepted=has_accepted_rules(store, hosted, caller),
    )


def limits(store: Store, hosted: Hosted, caller: Caller, *, now: datetime) -> list[models.Limit]:
    """What is left of the caller's team's limits, by question; nothing while no phase is open."""
    competition = hosted.competition
    if (phase := competition.phase_at(now)) is None:
        return []
    # Nobody's usage is none: asking must not make a team.
    team_id = (store.accounts.team_of(hosted.slug, caller.user_id) or {"id": 0})["id"]
    found = []
    for question in competition.question:
        usage = store.submissions.usage(competition, question, phase, team_id, now)
        left = allowance(competition, phase, usage, now)
        found.append(
            models.Limit(
                question=question.id,
                phase=phase.id,
                daily_limit=phase.daily_limit,
                used_today=usage.used_today,
                total_limit=phase.total_limit,
                used=usage.used,
                **vars(left),
            )
        )
    return found


def ledger_line(row: Row) -> models.LedgerLine:
    """A debit or a refund."""
    return models.LedgerLine(submission=row["submission_id"], **{k: row[k] for k in row if k in _LEDGER})


_LEDGER = ("at", "question", "phase", "delta", "reason")


def submissions(
    store: Store,
    climbs: Climbs,
    hosted: Hosted,
    found: Sequence[Submission],
    caller: Caller,
    *,
    now: datetime,
) -> list[models.Submission]:
    """Submissions of one competition that the caller may see."""
    sight = Sight() if caller.is_organizer else hosted.sight(now)
    releases = _releases(climbs, hosted, found, sight) if sight.is_ladder else {}
    standings = store.submissions.standings(
        [*(s.id for s in found), *(r.standing for r in releases.values())]
    )
    runs = store.runs.of([standings[s.id].judgement.id for s in found if s.kind is not Kind.PREDICTIONS])
    owed = _owed(store, [s for s in found if s.kind is not Kind.PREDICTIONS])
    team = store.accounts.team_of(hosted.slug, caller.user_id)
    left = {}
    if team is not None:
        for question in {s.question for s in found if s.question in hosted.questions}:
            left[question] = left_of(store, hosted, hosted.questions[question], team, now=now)
    shown = _shown_splits(hosted, caller, now)
    # Where scores are not shown as they are, those before a rejudge would tell what these leave out.
    shown_before = shown if caller.is_organizer or hosted.leaderboard(now) == "public" else frozenset()
    answers = []
    for submission in found:
        allowed = left.get(submission.question) if team and team["id"] == submission.team_id else None
        left_today = None if allowed is None else allowed.left_today
        standing, exact = standings[submission.id], caller.is_organizer
        answer = _submission(submission, standing, hosted, shown, left_today, exact=exact)
        is_seen = sight.reaches(submission.submitted_at) and not sight.is_ladder
        if not is_seen:
            answer.score = None
        if (run := runs.get(standing.judgement.id)) is not None:
            asked = hosted.questions.get(submission.question) if submission.kind is Kind.CODE else None
            seen = shown if is_seen else frozenset()
            answer.code = code_run(run, standing.judgement, asked, seen, exact=exact)
            if hosted.is_code_visible_in(submission.phase):
                answer.code.built_on = owed[submission.id]
        if answer.state == State.SCORED and (release := releases.get(submission.id)) is not None:
            answer.moved, answer.stands = release.has_moved, release.standing
            answer.score = _scores(standings[release.standing].judgement.scores, shown, exact=exact)
        answer.rejudged = _rejudged(standing.again, shown_before, exact=exact) if standing.again else None
        answers.append(answer)
    return answers


def _owed(store: Store, found: Sequence[Submission]) -> dict[int, list[int]]:
    """To which submissions some owe something."""
    owed: dict[int, list[int]] = {submission.id: [] for submission in found}
    for credit in store.blends.credits_of(list(owed)):
        owed[credit.submission].append(credit.source)
    return owed


def _releases(
    climbs: Climbs, hosted: Hosted, found: Sequence[Submission], sight: Sight
) -> dict[int, Release]:
    """What a ladder released after each of some submissions, where it did."""
    ladders = {(s.question, s.team_id) for s in found if s.question in hosted.questions}
    released: dict[int, Release] = {}
    for question, team_id in ladders:
        released |= climbs.of_team(hosted, hosted.questions[question], sight.until, team_id)
    return {s.id: released[s.id] for s in found if s.id in released}


def _shown_splits(hosted: Hosted, caller: Caller, now: datetime) -> frozenset[Split]:
    if caller.is_organizer or hosted.is_closed(now):
        return frozenset(Split)
    return frozenset() if hosted.is_hidden(now) else frozenset({Split.PUBLIC})


def _submission(
    s: Submission,
    standing: Standing,
    hosted: Hosted,
    shown: frozenset[Split],
    left_today: int | None,
    *,
    exact: bool,
) -> models.Submission:
    judgement = standing.judgement
    # A question may have left the competition since.
    question = hosted.questions.get(s.question)
    return models.Submission(
        id=s.id,
        competition=s.competition,
        question=s.question,
        team=s.team,
        user=s.user,
        kind=s.kind.value,
        filename=s.filename,
        note=s.note,
        bytes=s.n_bytes,
        sha256=s.sha256,
        submitted_at=s.submitted_at,
        phase=s.phase,
        selected=standing.is_selected,
        baseline=s.is_baseline,
        state=judgement.state.value,
        place_in_queue=standing.place_in_queue,
        verdict=judgement.verdict,
        reasons=list(judgement.reasons),
        incident=judgement.incident,
        queued_at=judgement.queued_at,
        started_at=judgement.started_at,
        finished_at=judgement.finished_at,
        score=_scores(judgement.scores, shown, exact=exact) if judgement.state is State.SCORED else None,
        moved=None,
        stands=None,
        exact=exact,
        metric="" if question is None else question.question.metric,
        left_today=left_today,
        rejudged=None,
        code=None,
    )


def _rejudged(again: Again, shown: frozenset[Split], *, exact: bool) -> models.Rejudged:
    was_scored = again.before is not None and again.before.state is State.SCORED
    before = _scores(again.before.scores, shown, exact=exact) if again.before and was_scored else None
    return models.Rejudged(at=again.at, reason=again.reason, before=before)


def _scores(scores: Iterable[Score], shown: frozenset[Split], *, exact: bool) -> models.Scores | None:
    if Split.PUBLIC not in shown:
        return None
    values: dict[Split, dict[str, models.Value]] = {split: {} for split in Split}
    for score in scores:
        values[score.split][score.metric] = showing.value(score, exact=exact)
    private = values[Split.PRIVATE] if Split.PRIVATE in shown else None
    return models.Scores(public=values[Split.PUBLIC], private=private)


def baseline(row: Row, *, is_organizer: bool) -> models.Baseline:
    """How a reference notebook last ran; its error, which may hold paths and values, for organizers."""
    return models.Baseline(
        question=row["question"],
        name=row["name"],
        state=row["state"],
        cell=row["cell"],
        error=row["error"] if is_organizer else None,
        seconds=row["seconds"],
        ran_at=from_text(row["ran_at"]),
        submission=row["submission_id"],
    )
