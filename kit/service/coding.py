"""Reads what belongs to a code submission: its files, its traceback; cancels it. Speaks no HTTP."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from kit.code_files import read_code
from kit.errors import NotFound
from kit.service import models
from kit.service.auth import Caller
from kit.service.context import Service
from kit.service.entry import check_entry
from kit.service.submitting import answer, find
from kit.submission import Kind, State, Submission


def traceback(service: Service, caller: Caller, number: int) -> str:
    """Where a submission's code failed, and the end of what it printed. Holds no score.

    Raises
    ------
    NotFound
    """
    _, submission = find(service, caller, number)
    judgement = service.store.submissions.judgement(submission.id)
    failed, output = service.store.runs.texts(judgement.id)
    printed = f"Output:\n{output}" if output else ""
    return "\n".join(text.rstrip("\n") + "\n" for text in (failed, printed) if text)


def notebook(service: Service, caller: Caller, number: int) -> tuple[Path, str]:
    """The notebook of a submission as it ran, and a name for it.

    Raises
    ------
    NotFound
        Also where there is none: it is no notebook, or was ended before it could be kept.
    """
    _, submission = find(service, caller, number)
    judgement = service.store.submissions.judgement(submission.id)
    kept = service.store.runs.files(judgement.id).get("notebook")
    if kept is None:
        raise NotFound(f"Of submission {number} no notebook was kept; its state and traceback say why.")
    stem = PurePosixPath(submission.filename).stem
    return service.store.blobs.path(kept), f"submission-{number}-executed-{stem}.ipynb"


def cancel(service: Service, caller: Caller, number: int) -> models.Submission:
    """Cancel a submission.

    Raises
    ------
    NotFound
    InvalidRequest
        It has been judged.
    """
    hosted, submission = find(service, caller, number)
    service.store.queue.cancel(submission.id, caller.user_id, now=service.clock())
    return answer(service, hosted, caller, submission)


def code(service: Service, caller: Caller, number: int) -> models.Code:
    """The code of a submission: to its team and organizers, and to everyone while code is open.

    Raises
    ------
    NotFound
        Also where it is not the caller's to see.
    """
    submission = readable(service, caller, number)
    if submission.kind is Kind.PREDICTIONS:
        raise NotFound(f"Submission {number} holds predictions: it has no code.")
    path = service.store.blobs.path(submission.sha256)
    texts = read_code(path, submission.filename)
    files = [models.CodeFile(name=name, text=text) for name, text in texts.items()]
    return models.Code(submission=submission.id, team=submission.team, files=files)


def readable(service: Service, caller: Caller, number: int) -> Submission:
    """A submission whose code the caller may read.

    Raises
    ------
    NotFound
    """
    try:
        return find(service, caller, number)[1]
    except NotFound:
        submission = service.store.submissions.get(number)
        hosted = service.hosted.get(submission.competition)
        if hosted is None or not hosted.is_code_visible(service.clock()):
            raise
        check_entry(service.store, hosted, caller, now=service.clock())
        # What failed or still runs is its team's own affair.
        if service.store.submissions.judgement(submission.id).state is not State.SCORED:
            raise
        return submission
