"""Rejudges for organizers: starts them, tells what they would do and what did happen. Speaks no HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from kit.errors import InvalidCompetition, InvalidRequest, NotFound
from kit.leaderboard import Entry, Row, rank
from kit.service.context import Service
from kit.service.hosted import Hosted, HostedQuestion
from kit.service.models import _rejudges as models
from kit.service.view import View, view, view_of_bytes
from kit.store import Rejudge
from kit.submission import Split

_LIST = TypeAdapter(list[models.Rejudge])


def start(
    service: Service, hosted: Hosted, question: HostedQuestion, asked: models.RejudgeAsked
) -> models.Rejudge:
    """Judge again: all under the files as they are now, some under the version in force.

    Raises
    ------
    InvalidRequest
        The files cannot be judged by; the version in force stays.
    """
    submissions = _asked_for(service, hosted, question, asked)
    version = question.version if submissions is not None else _files_version(service, hosted, question)
    started = service.store.rejudges.start(
        hosted.slug,
        question.id,
        version,
        now=service.clock(),
        submissions=submissions,
        is_dry_run=asked.dry_run,
        reason=asked.reason,
    )
    return shown(service, started)


def _files_version(service: Service, hosted: Hosted, question: HostedQuestion) -> str:
    try:
        return service.hosted.keep_files(hosted.slug, question.id).version
    except InvalidCompetition as error:
        problems = "".join(f"\n  - {problem}" for problem in error.problems)
    except (NotFound, OSError) as error:
        # An OSError's text holds a path.
        problems = f"\n  - {error if isinstance(error, NotFound) else error.strerror}"
    number = service.store.versions.number(hosted.slug, question.id, question.version)
    raise InvalidRequest(
        f"Question '{question.id}' cannot be judged by its files; version {number} stays in force:{problems}"
    )


def _asked_for(
    service: Service, hosted: Hosted, question: HostedQuestion, asked: models.RejudgeAsked
) -> list[int] | None:
    if asked.team is None:
        return asked.submissions
    wanted = asked.team.casefold()
    found = service.store.submissions.list(hosted.slug, question=question.id, limit=-1)
    ids = [submission.id for submission in found if submission.team.casefold() == wanted]
    if not ids:
        raise NotFound(f"Team {asked.team!r} has no submission for question '{question.id}'.")
    return ids if asked.submissions is None else sorted(set(ids) & set(asked.submissions))


def find(service: Service, hosted: Hosted, number: int) -> Rejudge:
    """A rejudge of a competition.

    Raises
    ------
    NotFound
    """
    found = service.store.rejudges.get(number)
    if found.competition != hosted.slug:
        raise NotFound(f"There is no rejudge {number} in '{hosted.slug}'.")
    return found


def shown(service: Service, rejudge: Rejudge) -> models.Rejudge:
    """A rejudge as organizers see it."""
    numbers = {v.hash: v.number for v in service.store.versions.list(rejudge.competition, rejudge.question)}
    version, from_version = numbers[rejudge.version], numbers[rejudge.from_version]
    return models.Rejudge(
        id=rejudge.id,
        question=rejudge.question,
        state=rejudge.state,  # type: ignore[arg-type]
        dry_run=rejudge.is_dry_run,
        partial=rejudge.is_partial,
        reason=rejudge.reason,
        version=version,
        from_version=from_version,
        started_at=rejudge.started_at,
        ended_at=rejudge.ended_at,
        n=rejudge.n,
        n_done=rejudge.n_done,
        n_errors=rejudge.n_errors,
        message=_message(rejudge, version, from_version),
    )


def _message(rejudge: Rejudge, version: int, from_version: int) -> str:
    done = f"{rejudge.n_done} of {rejudge.n} judged under version {version}"
    match rejudge.state:
        case "running":
            return f"{done}; the leaderboard shows version {from_version} until all are."
        case "stopped":
            return f"Stopped: {done}. Nothing of it counts; 'kit rejudge' goes on with it."
        case "blocked":
            return (
                f"{rejudge.n_errors} ended as our ERROR, so nothing counts yet: see the incidents, "
                "mend the cause, and run 'kit rejudge' again."
            )
        case "ready":
            return f"Dry run: {done}. Nothing of it counts; 'kit rejudge' makes it count."
        case "overtaken":
            return "Nothing of it counts: meanwhile all were judged under another version."
    return f"All {rejudge.n} count since then." if rejudge.n != 1 else "It counts since then."


def read_list(service: Service, hosted: Hosted) -> View:
    """The rejudges of a competition, newest first, as bytes."""
    found = [shown(service, rejudge) for rejudge in service.store.rejudges.list(hosted.slug)]
    return view_of_bytes(_LIST.dump_json(found), [f"rejudges/{hosted.slug}"])


def read_report(service: Service, hosted: Hosted, number: int, split: Split) -> View:
    """What a rejudge does to the leaderboard, as bytes."""
    return view(report(service, hosted, find(service, hosted, number), split), [f"rejudges/{hosted.slug}"])


def report(service: Service, hosted: Hosted, rejudge: Rejudge, split: Split) -> models.Report:
    """What a rejudge does, or did, to a question's leaderboard."""
    old = version_of(service, hosted, rejudge.question, rejudge.from_version)
    new = version_of(service, hosted, rejudge.question, rejudge.version)
    if rejudge.is_partial:
        new = old
    before = {_key(r): r for r in ranked(service.store.history.before(rejudge.id), old, split)}
    after = {_key(r): r for r in ranked(service.store.history.after(rejudge.id), new, split)}
    rows = [_row(before.get(key), after.get(key)) for key in {**after, **before}]
    return models.Report(
        rejudge=shown(service, rejudge),
        split=split.value,
        metric_before=old.question.metric,
        metric_after=new.question.metric,
        greater_is_better=new.metrics[0].greater_is_better,
        n_moved=sum(row.rank_before != row.rank_after for row in rows),
        rows=rows,
    )


def version_of(service: Service, hosted: Hosted, question: str, version: str) -> HostedQuestion:
    """A question in one of its versions; as it is in force where the files of that one are not kept."""
    if not service.store.versions.directory(hosted.slug, question, version).is_dir():
        return hosted.find(question)
    return service.hosted.load(hosted.slug, question, version)


def ranked(entries: Sequence[Entry], question: HostedQuestion, split: Split) -> list[Row]:
    """A leaderboard of other entries than those that count now, without intervals of ranks."""
    metric = question.question.metric
    entries = [entry for entry in entries if all(metric in entry.scores[s] for s in Split)]
    return rank(entries, metric=metric, greater_is_better=question.metrics[0].greater_is_better, split=split)


def _key(row: Row) -> tuple[bool, str]:
    return row.entry.is_baseline, row.team


def _row(before: Row | None, after: Row | None) -> models.ReportRow:
    either = after or before
    assert either is not None
    ranks = before.rank if before else None, after.rank if after else None
    return models.ReportRow(
        team=either.team,
        baseline=either.entry.is_baseline,
        rank_before=ranks[0],
        rank_after=ranks[1],
        moved=None if ranks[0] is None or ranks[1] is None else ranks[0] - ranks[1],
        score_before=None if before is None else before.score.score,
        score_after=None if after is None else after.score.score,
        submission_before=None if before is None else before.entry.submission,
        submission_after=None if after is None else after.entry.submission,
    )
