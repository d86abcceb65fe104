"""The flow of a submission: claim, evaluate, finish. Runs in its own process, apart from the service.

`kit.evaluate` reads what a participant sent, in a worker process that may die; the judge itself reads no
submission. Only the judge writes outcomes to the store.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit.clock import Clock, utc_now
from kit.competition import Competition, Question, load_copy
from kit.errors import NotFound, OrganizerError
from kit.evaluate import Job, evaluate
from kit.progress import Follower
from kit.store import CANCELLED, RESERVE_BYTES, Claim, Store, Trouble, trouble_of
from kit.submission import Lane, Outcome, State

__all__ = ["Executor", "Job", "Judge", "WorkerDied", "evaluate"]

log = logging.getLogger("kit.judge")

LEASE_S = 30.0
RENEW_S = 5.0
POLL_S = 0.1
TROUBLE_S = 1.0
MOST_FOLDS = 200


class WorkerDied(Exception):
    """A worker ended under a job, which says nothing of the job: it is to be run again."""


class Executor(Protocol):
    """Runs jobs in processes of its own, ``n_workers`` at a time.

    The future of a job always ends: with its outcome, as an outcome too when it took too long or too much
    memory, or with WorkerDied. ``cancel`` ends a job with its worker and all that this started; its future
    ends as cancelled. ``close`` kills what still runs.
    """

    n_workers: int

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job."""
        ...

    def cancel(self, future: Future[Outcome]) -> None:
        """End a job, if it still runs."""
        ...

    def close(self) -> None:
        """Stop at once."""
        ...


@dataclass
class _Running:
    claim: Claim
    lane: Lane
    future: Future[Outcome]
    scratch: Path
    follower: Follower
    is_cancelled: bool = False


class Judge:
    """Moves judgements from QUEUED to their end, in each lane as many at a time as its executor has workers.

    Each is made under the version of its question that it names, from the store's copy of that version.

    Parameters
    ----------
    executor, code_executor : Executor
        Of predictions and of code; without the second, code waits.
    n_cores : int
        Processors that each submission of code may use.
    """

    def __init__(
        self,
        store: Store,
        competitions: Sequence[Competition],
        executor: Executor,
        *,
        code_executor: Executor | None = None,
        n_cores: int = 1,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._competitions: Mapping[str, Competition] = {c.slug: c for c in competitions}
        self._executors = {Lane.QUICK: executor}
        if code_executor is not None:
            self._executors[Lane.CODE] = code_executor
        self._n_cores = n_cores
        self._clock = clock
        self._running: list[_Running] = []
        self._beat_at = 0.0
        self._trouble: Trouble | None = None
        self.name = f"judge-{os.getpid()}"

    def run(self, stop: threading.Event) -> None:
        """Judge until told to stop; then give back what is not done."""
        self._store.clear_scratch()
        try:
            self._outlast(lambda: self._store.queue.release_all(now=self._clock()), stop)
            while not stop.is_set():
                if not self._outlast(self.step, stop):
                    self._pause(stop)
        finally:
            for executor in self._executors.values():
                executor.close()
            for running in self._running:
                self._store.queue.release(running.claim)

    def _outlast(self, act: Callable[[], bool | None], stop: threading.Event) -> bool | None:
        """Act, again and again while the store cannot be written; None when told to stop before."""
        while not stop.is_set():
            try:
                done = act()
            except (OSError, sqlite3.Error) as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                if trouble is not self._trouble:
                    log.error("Judging waits: %s (%s)", trouble, error)
                self._trouble = trouble
                stop.wait(TROUBLE_S)
                continue
            if self._trouble is not None:
                log.warning("Judging goes on after: %s", self._trouble)
                self._trouble = None
            return done
        return None

    def _pause(self, stop: threading.Event) -> None:
        """For a moment; no longer than until something that runs has ended, as its worker is free then."""
        if futures := [running.future for running in self._running]:
            wait(futures, POLL_S, FIRST_COMPLETED)
        else:
            stop.wait(POLL_S)

    def step(self) -> bool:
        """One round: finish what is done, renew leases, claim what waits; whether anything happened."""
        self._follow()
        finished = self._finish_done()
        self._cancel()
        self._beat()
        claimed = [self._claim_next(lane) for lane in self._executors]
        return any(claimed) or finished

    def _claim_next(self, lane: Lane) -> bool:
        executor = self._executors[lane]
        n_running = sum(running.lane is lane for running in self._running)
        if n_running >= executor.n_workers or self._store.queue.is_empty(lane):
            return False
        if lane is Lane.CODE and self._is_short:
            return False
        claim = self._store.queue.claim(self.name, now=self._clock(), lease_s=LEASE_S, lane=lane)
        if claim is None:
            return False
        scratch = self._store.scratch(f"{claim.judgement_id}-{claim.attempt}")
        future = self._start(executor, claim, scratch)
        self._running.append(_Running(claim, lane, future, scratch, Follower(scratch)))
        return True

    def _start(self, executor: Executor, claim: Claim, scratch: Path) -> Future[Outcome]:
        try:
            return executor.submit(self._job(claim, scratch))
        except (OrganizerError, NotFound, OSError) as error:
            ended: Future[Outcome] = Future()
            ended.set_result(Outcome(State.ERROR, detail=str(error)))
            return ended

    def _job(self, claim: Claim, scratch: Path) -> Job:
        directory = self._store.versions.directory(claim.competition, claim.question, claim.version)
        if claim.competition not in self._competitions or not directory.is_dir():
            raise OrganizerError(
                f"This service no longer has question '{claim.question}' of '{claim.competition}' "
                f"in version {claim.version[:12]}."
            )
        competition = load_copy(directory)
        wall_s = competition.limits.judge_wall_s
        if claim.kind.lane is Lane.CODE:
            scratch.mkdir(mode=0o700, parents=True)
            wall_s += code_wall_s(competition.find_question(claim.question))
        return Job(
            directory=directory,
            question=claim.question,
            version=claim.version,
            file=self._store.blobs.path(claim.sha256),
            wall_s=wall_s,
            memory_mb=competition.limits.judge_memory_mb,
            kind=claim.kind,
            filename=claim.filename,
            scratch=scratch,
            n_cores=self._n_cores,
        )

    def _follow(self) -> None:
        """Keep how far code is."""
        for running in self._running:
            if running.lane is Lane.CODE and (news := running.follower.news()):
                self._store.runs.record(running.claim.judgement_id, self.name, news)

    def _cancel(self) -> None:
        """End what teams want cancelled, once."""
        ids = [running.claim.submission_id for running in self._running if not running.is_cancelled]
        wanted = self._store.queue.cancelled(ids) if ids else set()
        for running in self._running:
            if running.claim.submission_id in wanted and not running.is_cancelled:
                running.is_cancelled = True
                self._executors[running.lane].cancel(running.future)

    @property
    def _is_short(self) -> bool:
        """Whether the disk has no room for what code leaves while it runs."""
        return self._store.free_bytes < RESERVE_BYTES

    def _finish_done(self) -> bool:
        done = [running for running in self._running if running.future.done()]
        for running in done:
            # Where the store cannot be written it stays among those that run, to be finished later.
            self._finish(running)
            self._running.remove(running)
            shutil.rmtree(running.scratch, ignore_errors=True)
        return bool(done)

    def _finish(self, running: _Running) -> None:
        claim = running.claim
        try:
            outcome = CANCELLED if running.future.cancelled() else running.future.result()
        except WorkerDied as error:
            log.error("Submission %s: %s", claim.submission_id, error)
            self._store.queue.abandon(claim, now=self._clock())
            return
        has_failed = outcome.state is not State.SCORED and outcome is not CANCELLED
        if running.lane is Lane.CODE and has_failed and self._is_short:
            log.error("Submission %s failed while the disk was full: it runs again", claim.submission_id)
            self._store.queue.release(claim)
            return
        if outcome.state is State.ERROR:
            log.error("Submission %s: %s", claim.submission_id, outcome.detail)
        left = outcome.code.files if outcome.code else {}
        files = {name: self._store.blobs.add_file(path) for name, path in left.items()}
        refund = self._refund(claim, outcome)
        if not self._store.queue.finish(claim, outcome, now=self._clock(), refund=refund, files=files):
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
        now = self._clock()
        self._store.queue.seen(self.name, os.getpid(), now=now)
        for running in self._running:
            self._store.queue.renew(running.claim, now=now, lease_s=LEASE_S)
        # Last: one that fails is made up for before anything is claimed, which would take back lost leases.
        self._beat_at = time.monotonic() + RENEW_S


def code_wall_s(question: Question) -> float:
    """Seconds that runs of a submission may take in all, one after the other; a bound for what hangs."""
    code = question.code
    if code is None:
        return 0.0
    known = {"n_splits": 5, **code.splitter} if "name" not in code.splitter else code.splitter
    is_known = code.problem is None and "n_splits" in known and "groups" not in known
    n_folds = known["n_splits"] * known.get("n_repeats", 1) + 1 if is_known else MOST_FOLDS
    return code.wall_s * n_folds
