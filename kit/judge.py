"""The flow of a submission: claim, evaluate, finish. Runs in its own process, apart from the service.

``evaluate`` reads what a participant sent, in a worker process that touches no database and may die;
the judge itself reads no submission. Only the judge writes outcomes to the store.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit.clock import Clock, utc_now
from kit.competition import Competition, load_copy, question_version
from kit.errors import InvalidPredictions, NotFound, OrganizerError
from kit.metrics import Domain
from kit.predictions import read_predictions
from kit.probing import sketch
from kit.scoring import score_with_evidence
from kit.store import Claim, Store
from kit.submission import Outcome, State, Verdict
from kit.truth import Truth, read_truth

log = logging.getLogger("kit.judge")

LEASE_S = 30.0
RENEW_S = 5.0
POLL_S = 0.1
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


class Executor(Protocol):
    """Runs jobs in processes of its own, ``n_workers`` at a time.

    The future of a job always ends: with its outcome, or as an outcome too when the worker died, took too
    long or too much memory. ``close`` kills what still runs.
    """

    n_workers: int

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job."""
        ...

    def close(self) -> None:
        """Stop at once."""
        ...


def evaluate(job: Job) -> Outcome:
    """Judge one predictions file: SCORED, REJECTED with every problem, or ERROR with details for us."""
    try:
        competition, truth = _warm(job.directory, job.question, job.version)
        question = competition.find_question(job.question)
        try:
            predictions = read_predictions(job.file, truth.expected)
        except InvalidPredictions as error:
            return Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, error.problems)
        scoring = score_with_evidence(predictions, truth, question, directory=competition.directory)
        kept = sketch(predictions, are_labels=truth.expected.domain is Domain.LABEL)
        return Outcome(State.SCORED, scoring.scores, evidence=scoring.evidence, sketch=kept)
    except MemoryError:
        reason = f"Judging this file needs more than {job.memory_mb:g} MB of memory."
        return Outcome(State.REJECTED, (), Verdict.MEMORY_LIMIT, (reason,))
    except OrganizerError as error:
        return Outcome(State.ERROR, detail=str(error))
    except Exception:
        return Outcome(State.ERROR, detail=traceback.format_exc())


_WARM: dict[tuple[Path, str], tuple[str, tuple[Competition, Truth]]] = {}


def _warm(directory: Path, question_id: str, version: str) -> tuple[Competition, Truth]:
    """A question's truth and the index of its ids, kept between submissions until the version changes."""
    kept = _WARM.pop((directory, question_id), None)
    if kept is None or kept[0] != version:
        kept = None  # What is old goes before what is new takes its memory.
        kept = version, _read(directory, question_id, version)
    _WARM[directory, question_id] = kept
    if len(_WARM) > MAX_WARM:
        del _WARM[next(iter(_WARM))]
    return kept[1]


def _read(directory: Path, question_id: str, version: str) -> tuple[Competition, Truth]:
    competition = load_copy(directory)
    question = competition.find_question(question_id)
    if question_version(competition, question) != version:
        raise OrganizerError(
            f"The copy of truth, metric or settings of question '{question_id}' in the service's folder was "
            "changed. Nobody should: restart 'kit serve' on the files it was made from."
        )
    return competition, read_truth(competition, question)


@dataclass
class _Running:
    claim: Claim
    future: Future[Outcome]


class Judge:
    """Moves judgements from QUEUED to their end, as many at a time as its executor has workers.

    Each is made under the version of its question that it names, from the store's copy of that version.
    """

    def __init__(
        self,
        store: Store,
        competitions: Sequence[Competition],
        executor: Executor,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._competitions: Mapping[str, Competition] = {c.slug: c for c in competitions}
        self._executor = executor
        self._clock = clock
        self._running: list[_Running] = []
        self._beat_at = 0.0
        self.name = f"judge-{os.getpid()}"

    def run(self, stop: threading.Event) -> None:
        """Judge until told to stop; then give back what is not done."""
        self._store.queue.release_all(now=self._clock())
        try:
            while not stop.is_set():
                if not self.step():
                    stop.wait(POLL_S)
        finally:
            self._executor.close()
            for running in self._running:
                self._store.queue.release(running.claim)

    def step(self) -> bool:
        """One round: finish what is done, renew leases, claim what waits; whether anything happened."""
        finished = self._finish_done()
        self._beat()
        return self._claim_next() or finished

    def _claim_next(self) -> bool:
        if len(self._running) >= self._executor.n_workers or self._store.queue.is_empty():
            return False
        claim = self._store.queue.claim(self.name, now=self._clock(), lease_s=LEASE_S)
        if claim is None:
            return False
        self._running.append(_Running(claim, self._start(claim)))
        return True

    def _start(self, claim: Claim) -> Future[Outcome]:
        try:
            return self._executor.submit(self._job(claim))
        except (OrganizerError, NotFound, OSError) as error:
            ended: Future[Outcome] = Future()
            ended.set_result(Outcome(State.ERROR, detail=str(error)))
            return ended

    def _job(self, claim: Claim) -> Job:
        directory = self._store.versions.directory(claim.competition, claim.question, claim.version)
        if claim.competition not in self._competitions or not directory.is_dir():
            raise OrganizerError(
                f"This service no longer has question '{claim.question}' of '{claim.competition}' "
                f"in version {claim.version[:12]}."
            )
        limits = load_copy(directory).limits
        return Job(
            directory=directory,
            question=claim.question,
            version=claim.version,
            file=self._store.blobs.path(claim.sha256),
            wall_s=limits.judge_wall_s,
            memory_mb=limits.judge_memory_mb,
        )

    def _finish_done(self) -> bool:
        done = [running for running in self._running if running.future.done()]
        for running in done:
            self._running.remove(running)
            self._finish(running.claim, running.future.result())
        return bool(done)

    def _finish(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.state is State.ERROR:
            log.error("Submission %s: %s", claim.submission_id, outcome.detail)
        refund = self._refund(claim, outcome)
        if not self._store.queue.finish(claim, outcome, now=self._clock(), refund=refund):
            log.warning("Submission %s: its lease was lost; the outcome is dropped", claim.submission_id)

    def _refund(self, claim: Claim, outcome: Outcome) -> str | None:
        if outcome.state is State.ERROR:
            return "not counted: an error of the service"
        if outcome.state is not State.REJECTED:
            return None
        submission = self._store.submissions.get(claim.submission_id)
        phases = {p.id: p for p in self._competitions[claim.competition].phases}
        phase = phases.get(submission.phase)
        counted = phase is not None and phase.rejected_count
        return None if counted else f"not counted: rejected ({outcome.verdict})"

    def _beat(self) -> None:
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + RENEW_S
        now = self._clock()
        self._store.queue.seen(self.name, os.getpid(), now=now)
        for running in self._running:
            self._store.queue.renew(running.claim, now=now, lease_s=LEASE_S)
