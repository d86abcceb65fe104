"""Worker processes on this machine, limited in time and memory; one that dies takes nothing along."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future
from pathlib import Path

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from kit._scoring import compile_sorting
from kit.judge import Job, evaluate
from kit.predictions import compile_reader
from kit.submission import Outcome, State, Verdict

MB = 1_000_000
LARGE_BYTES = 8 * MB
LARGE_PARQUET_BYTES = 4 * MB


class LocalPool:
    """An Executor of resident processes, so that a truth once read stays warm."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        # spawn: a forked child would inherit the judge's open database.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(
            max_workers=n_workers, context=context, initializer=_start_worker, initargs=(os.getpid(),)
        )

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job; one that killed its worker is tried once more before it is the file's fault."""
        outcome: Future[Outcome] = Future()
        self._try(job, outcome, tries_left=1)
        return outcome

    def close(self) -> None:
        """Kill what runs."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    def _try(self, job: Job, outcome: Future[Outcome], tries_left: int) -> None:
        def done(attempt: Future[Outcome]) -> None:
            error = attempt.exception() if not attempt.cancelled() else None
            if isinstance(error, ProcessExpired) and tries_left:
                self._try(job, outcome, tries_left - 1)
            elif not attempt.cancelled():
                outcome.set_result(attempt.result() if error is None else _failed(error, job))

        self._pool.schedule(_evaluate_limited, args=[job], timeout=job.wall_s).add_done_callback(done)


def _failed(error: BaseException, job: Job) -> Outcome:
    if isinstance(error, TimeoutError):
        reason = f"Judging this file took more than {job.wall_s:g} s."
        return Outcome(State.REJECTED, (), Verdict.TIME_LIMIT, (reason,))
    if isinstance(error, ProcessExpired):
        limit = f"{job.memory_mb:g} MB"
        reason = f"Judging this file ended its worker twice; most often that is memory (limit {limit})."
        return Outcome(State.REJECTED, (), Verdict.CRASHED, (reason,), detail=str(error))
    return Outcome(State.ERROR, detail=f"{type(error).__name__}: {error}")


def _evaluate_limited(job: Job) -> Outcome:
    # Outside of the limit: what is compiled stays, and is none of this file's memory.
    _compile_for(job.file)
    with _memory_limit(job.memory_mb * MB):
        return evaluate(job)


def _compile_for(file: Path) -> None:
    """At the first large file of this worker, compile what reads (CSV) and sorts it and all that follow."""
    with contextlib.suppress(OSError), file.open("rb") as opened:
        is_parquet = opened.read(4) == b"PAR1"
        if os.fstat(opened.fileno()).st_size < (LARGE_PARQUET_BYTES if is_parquet else LARGE_BYTES):
            return
        compile_sorting()
        if not is_parquet:
            compile_reader()


@contextlib.contextmanager
def _memory_limit(n_bytes: float) -> Generator[None, None, None]:
    """Let this process take so much more memory than it holds now."""
    used = _data_bytes()
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if used is None:
        yield
        return
    resource.setrlimit(resource.RLIMIT_DATA, (int(used + n_bytes), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _data_bytes() -> int | None:
    """Private writable memory of this process; None where the system does not say."""
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None
    return int(fields[5]) * resource.getpagesize()


def _start_worker(parent: int) -> None:
    """Import what judging needs, and end when the judge is gone, even if it was killed."""
    os.umask(0o077)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # Workers are as many as there is work for: a thread of theirs would wait for one of another's.
    threadpool_limits(1, user_api="blas")
    import pandas  # noqa: F401
    import polars  # noqa: F401


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
