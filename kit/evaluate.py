"""What a worker does with a job: reads what a participant sent, and scores it. It touches no database."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from kit.competition import Competition, Question, load_copy, question_version
from kit.errors import InvalidPredictions, OrganizerError
from kit.predictions import read_predictions
from kit.probing import sketch
from kit.scoring import score_with_evidence
from kit.submission import Kind, Outcome, State, Verdict
from kit.truth import Truth, read_truth

MAX_WARM = 8
"""Questions whose truth a worker keeps; the one not judged for longest goes."""


@dataclass(frozen=True)
class Job:
    """All that ``evaluate`` needs to know; paths, not contents, so that it is cheap to send."""

    directory: Path
    question: str
    version: str
    file: Path
    wall_s: float
    memory_mb: float
    kind: Kind = Kind.PREDICTIONS
    filename: str = ""
    scratch: Path | None = None
    """Folder of this job alone, where code tells how far it is; gone when the job has ended."""
    n_cores: int = 1
    """Processors that code may use at a time."""


def evaluate(job: Job) -> Outcome:
    """Judge one submission: SCORED, REJECTED with every problem, or ERROR with details for us."""
    try:
        competition, truth = _warm(job.directory, job.question, job.version)
        question = competition.find_question(job.question)
        judge_predictions = partial(_judge_predictions, competition, question, truth)
        if job.kind is Kind.PREDICTIONS:
            return judge_predictions(job.file)
        return _judge_code(job, competition, question, truth, judge_predictions)
    except MemoryError:
        reason = f"Judging this file needs more than {job.memory_mb:g} MB of memory."
        return Outcome(State.REJECTED, (), Verdict.MEMORY_LIMIT, (reason,))
    except OrganizerError as error:
        return Outcome(State.ERROR, detail=str(error))
    except Exception:
        return Outcome(State.ERROR, detail=traceback.format_exc())


def _judge_predictions(
    competition: Competition, question: Question, truth: Truth | None, predictions: Path | pd.DataFrame
) -> Outcome:
    if truth is None:
        raise OrganizerError(f"Question '{question.id}' takes no predictions in this version of it.")
    try:
        read = read_predictions(predictions, truth.expected)
    except InvalidPredictions as error:
        return Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, error.problems)
    scoring = score_with_evidence(read, truth, question, directory=competition.directory)
    kept = sketch(read, are_labels=truth.has_rare_class)
    return Outcome(State.SCORED, scoring.scores, evidence=scoring.evidence, sketch=kept)


def _judge_code(
    job: Job,
    competition: Competition,
    question: Question,
    truth: Truth | None,
    judge_predictions: Callable[[Path | pd.DataFrame], Outcome],
) -> Outcome:
    # Here, so that workers that judge predictions import none of it.
    from kit.code_judging import judge_code
    from kit.notebook_judging import judge_notebook

    if question.code is None or job.scratch is None:
        raise OrganizerError(f"Question '{question.id}' has no [question.code] in this version of it.")
    if job.kind is Kind.NOTEBOOK:
        if truth is None:
            raise OrganizerError(f"Question '{question.id}' takes no notebooks in this version of it.")
        return judge_notebook(
            competition,
            question,
            truth,
            file=job.file,
            filename=job.filename,
            scratch=job.scratch,
            judge_predictions=judge_predictions,
        )
    return judge_code(
        competition,
        question,
        truth,
        file=job.file,
        filename=job.filename,
        scratch=job.scratch,
        n_cores=job.n_cores,
        judge_predictions=judge_predictions,
    )


_WARM: dict[tuple[Path, str], tuple[str, tuple[Competition, Truth | None]]] = {}


def _warm(directory: Path, question_id: str, version: str) -> tuple[Competition, Truth | None]:
    """A question's truth and the index of its ids, kept between submissions until the version changes.

    There is no truth where a problem.py brings it.
    """
    kept = _WARM.pop((directory, question_id), None)
    if kept is None or kept[0] != version:
        kept = None  # What is old goes before what is new takes its memory.
        kept = version, _read(directory, question_id, version)
    _WARM[directory, question_id] = kept
    if len(_WARM) > MAX_WARM:
        del _WARM[next(iter(_WARM))]
    return kept[1]


def _read(directory: Path, question_id: str, version: str) -> tuple[Competition, Truth | None]:
    competition = load_copy(directory)
    question = competition.find_question(question_id)
    if question_version(competition, question) != version:
        raise OrganizerError(
            f"The copy of truth, metric or settings of question '{question_id}' in the service's folder was "
            "changed. Nobody should: restart 'kit serve' on the files it was made from."
        )
    return competition, None if question.has_problem else read_truth(competition, question)
