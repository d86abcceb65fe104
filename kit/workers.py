"""Worker processes on this machine, of predictions and of code; one that dies takes no other along."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from pathlib import Path

from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kit._scoring import compile_sorting
from kit.evaluate import Job, evaluate
from kit.judge import WorkerDied
from kit.predictions import compile_reader
from kit.submission import Outcome, State, Verdict

MB = 1_000_000
LARGE_BYTES = 8 * MB
LARGE_PARQUET_BYTES = 4 * MB
CODE_NICE = 5
"""Beside one who answers, code gets a quarter of a processor that both want; where none does, all of it."""


class _Pool:
    """Resident processes, so that a truth once read stays warm."""

    def __init__(self, n_workers: int, start: Callable[[int], None]) -> None:
        self.n_workers = n_workers
        # spawn: a forked child would inherit the judge's open database.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPool(
            max_workers=n_workers, context=context, initializer=start, initargs=(os.getpid(),)
        )
        self._attempts: dict[Future[Outcome], Future[Outcome]] = {}

    def cancel(self, future: Future[Outcome]) -> None:
        """End a job with its worker, if it still runs; another worker takes its place."""
        attempt = self._attempts.get(future)
        if attempt is not None and attempt.cancel():
            future.cancel()

    def close(self) -> None:
        """Kill what runs."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


class LocalPool(_Pool):
    """An Executor of predictions."""

    def __init__(self, n_workers: int) -> None:
        super().__init__(n_workers, _start_worker)

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job; one that killed its worker is tried once more before it is the file's fault."""
        outcome: Future[Outcome] = Future()
        self._try(job, outcome, tries_left=1)
        return outcome

    def _try(self, job: Job, outcome: Future[Outcome], tries_left: int) -> None:
        def done(attempt: Future[Outcome]) -> None:
            error = attempt.exception() if not attempt.cancelled() else None
            if isinstance(error, ProcessExpired) and tries_left:
                self._try(job, outcome, tries_left - 1)
                return
            self._attempts.pop(outcome, None)
            if not attempt.cancelled():
                outcome.set_result(attempt.result() if error is None else _failed(error, job))

        attempt = self._pool.schedule(_evaluate_limited, args=[job], timeout=job.wall_s)
        self._attempts[outcome] = attempt
        attempt.add_done_callback(done)


class CodePool(_Pool):
    """An Executor of code; what participants wrote runs in sandboxes below its processes, not in them."""

    def __init__(self, n_workers: int) -> None:
        super().__init__(n_workers, _start_code_worker)

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job; that its worker died is told, since it is not the code's doing."""
        outcome: Future[Outcome] = Future()

        def done(attempt: Future[Outcome]) -> None:
            self._attempts.pop(outcome, None)
            if attempt.cancelled():
                return
            error = attempt.exception()
            if error is None:
                outcome.set_result(attempt.result())
            elif isinstance(error, ProcessExpired):
                outcome.set_exception(WorkerDied(f"the worker that ran it died ({error})"))
            else:
                late = (
                    f"Judging did not end within {job.wall_s:g} s in all; worker and sandboxes were killed."
                )
                detail = late if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
                outcome.set_result(Outcome(State.ERROR, detail=detail))

        attempt = self._pool.schedule(evaluate, args=[job], timeout=job.wall_s)
        self._attempts[outcome] = attempt
        attempt.add_done_callback(done)
        return outcome


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
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    # Workers are as many as there is work for: a thread of theirs would wait for one of another's.
    threadpool_limits(1, user_api="blas")
    import pandas  # noqa: F401
    import polars  # noqa: F401


def _start_code_worker(parent: int) -> None:
    """As `_start_worker`; whatever ends it, its sandboxes end before it. Answering and files go first."""
    os.nice(CODE_NICE)
    signal.signal(signal.SIGTERM, lambda *_: _end())
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    os.umask(0o077)
    import sklearn  # noqa: F401


def end_with_parent(parent: int) -> None:
    """Wait until the process that started this one is gone, and end this one with all below it."""
    while os.getppid() == parent:
        time.sleep(1)
    _end()


def _end() -> None:
    end_below(os.getpid())
    os._exit(1)


def end_below(pid: int) -> None:
    """Kill all that a process started, until nothing is left of it."""
    for _ in range(100):
        found = _below(pid)
        if not found:
            return
        for each in found:
            with contextlib.suppress(OSError):
                os.kill(each, signal.SIGKILL)
        time.sleep(0.01)


def _below(pid: int) -> list[int]:
    """Children of a process with all theirs, but for the dead; none where the system does not say."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold anything.
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                children.setdefault(int(parent), []).append(int(path.parent.name))
    found = list(children.get(pid, []))
    for each in found:
        found += children.get(each, [])
    return found
