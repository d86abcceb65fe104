"""Run a submission's code on all folds of a problem, several at a time, and gather what came of it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kit.errors import InvalidPredictions
from kit.runner.problem import Predicted, Problem
from kit.runner.report import CodeReport, FoldReport, Scores, mean_and_std
from kit.runner.run import Run, Runner, Stage, Task
from kit.runner.settings import RunnerSettings, runner_settings
from kit.submission import Verdict

__all__ = ["CodeReport", "FoldReport", "RunnerSettings", "Scores", "run_folds", "runner_settings"]

POLL_S = 0.1


def run_folds(
    problem: Problem,
    code: Path,
    settings: RunnerSettings,
    *,
    n_parallel: int | None = None,
    on_fold: Callable[[FoldReport], None] | None = None,
    stop: threading.Event | None = None,
    runner: Runner | None = None,
) -> CodeReport:
    """Run a submission on all folds; never raises for what a participant did.

    Parameters
    ----------
    code : Path
        Folder of the submission's modules.
    n_parallel : int or None
        Folds at a time, by default as many as there are processors for.
    on_fold : callable
        Told of each fold as it starts and ends, in this thread.
    stop : Event
        Set to cancel.
    runner : Runner or None
        One of the same settings that is warm from submissions before; it stays open.

    Raises
    ------
    OrganizerError
        A metric fails, or this machine has less isolation than is asked for.
    """
    level, limits = settings.isolation.level, settings.limits
    if n_parallel is None:
        n_parallel = max(1, _n_cores() // limits.n_threads)
    used = runner or make_runner(settings)
    try:
        folds = _Folds(problem, problem.task(code), used, on_fold)
        folds.run(n_parallel, repeat=settings.repeat, stop=stop)
        return replace(
            folds.report(),
            isolation=level.value,
            features=settings.isolation.features,
            seed=settings.seed,
            threads=limits.n_threads,
            environment=str(settings.python or ""),
        )
    finally:
        if runner is None:
            used.close()


def make_runner(settings: RunnerSettings) -> Runner:
    """What runs code under these settings."""
    level, hides = settings.isolation.level, settings.hide_inputs
    return Runner(settings.limits, level=level, python=settings.python, hide_inputs=hides)


@dataclass
class _Folds:
    """The folds of one submission, run by threads; everything but running happens in the caller's thread."""

    problem: Problem
    task: Task
    runner: Runner
    on_fold: Callable[[FoldReport], None] | None
    reports: list[FoldReport] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    predicted: dict[int, Predicted] = field(default_factory=dict)
    refused: dict[int, InvalidPredictions] = field(default_factory=dict)
    is_cancelled: bool = False
    reproducible: bool | None = None

    def run(self, n_parallel: int, *, repeat: bool, stop: threading.Event | None) -> None:
        """Run them all, the first one twice; the first that fails ends the others."""
        n_folds = self.problem.n_folds
        self.reports = [FoldReport(k) for k in range(n_folds)]
        self._halt = threading.Event()
        self._events: queue.SimpleQueue[tuple[int, Run | BaseException | None]] = queue.SimpleQueue()
        numbers = [*range(n_folds), *([n_folds] if repeat else [])]
        with ThreadPoolExecutor(n_parallel, thread_name_prefix="fold") as pool:
            try:
                for number in numbers:
                    pool.submit(self._run_one, number)
                self._watch(len(numbers), stop)
            finally:
                self._halt.set()

    def _run_one(self, number: int) -> None:
        """In a thread: one run; number ``n_folds`` is the first fold again."""
        try:
            if self._halt.is_set():
                self._events.put((number, _NOT_RUN))
                return
            self._events.put((number, None))
            fold = self.problem.fold(number % self.problem.n_folds)
            inputs = fold.X_train, fold.y_train, fold.X, fold.X_test
            self._events.put((number, self.runner.run(self.task, *inputs, stop=self._halt)))
        except BaseException as error:
            self._events.put((number, error))

    def _watch(self, n_left: int, stop: threading.Event | None) -> None:
        while n_left:
            if stop is not None and stop.is_set() and not self.is_cancelled:
                self.is_cancelled = True
                self._halt.set()
            try:
                number, event = self._events.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if isinstance(event, BaseException):
                raise event
            n_left -= event is not None
            if number == self.problem.n_folds:
                self._repeated(event)
            elif event is None:
                self._tell(replace(self.reports[number], state="running"))
            else:
                self._ended(number, event)

    def _ended(self, number: int, run: Run) -> None:
        if run is _NOT_RUN:
            return
        self.runs[number] = run
        report = _measured(number, run)
        if run.verdict is None:
            try:
                predicted = self.problem.read(run)
                report = replace(report, state="done", scores=self.problem.fold_scores(number, predicted))
                self.predicted[number] = predicted
            except InvalidPredictions as error:
                self.refused[number] = error
        elif run.verdict is Verdict.CANCELLED:
            report = FoldReport(number)
        if report.state == "failed":
            self._halt.set()
        self._tell(report)

    def _repeated(self, run: Run | None) -> None:
        first = self.runs.get(0)
        if run is None or run is _NOT_RUN or run.verdict is Verdict.CANCELLED or first is None:
            return
        self.reproducible = run.verdict is None and all(
            _is_same(first.predictions[stage], run.predictions[stage]) for stage in first.predictions
        )

    def _tell(self, report: FoldReport) -> None:
        self.reports[report.fold] = report
        if self.on_fold is not None:
            self.on_fold(report)

    def report(self) -> CodeReport:
        """What all folds led to."""
        n_folds, runs = self.problem.n_folds, [self.runs[k] for k in sorted(self.runs)]
        report = CodeReport(
            folds=tuple(self.reports),
            packages={name: v for run in runs for name, v in run.packages.items()},
            reproducible=self.reproducible,
        )
        if self.is_cancelled:
            return replace(report, verdict=Verdict.CANCELLED, reason="It was cancelled.")
        if len(self.predicted) < n_folds:
            return self._failed(report)
        predicted = [self.predicted[k] for k in range(n_folds)]
        mean, std = mean_and_std([fold.scores for fold in self.reports])
        bagged = self.problem.bagged(predicted)
        kept = [self.problem.kept(k, each) for k, each in enumerate(predicted)]
        return replace(
            report,
            mean=mean,
            std=std,
            bagged=bagged.scores,
            output=runs[0].output,
            withheld=any(run.withheld for run in runs),
            test_predictions=bagged.test_predictions,
            scoring=bagged.scoring,
            valid_predictions=tuple(valid for valid, _ in kept),
            fold_test_predictions=tuple(test for _, test in kept),
        )

    def _failed(self, report: CodeReport) -> CodeReport:
        """By the first fold that failed by itself."""
        own = [k for k, run in sorted(self.runs.items()) if run.verdict is not Verdict.CANCELLED]
        k = next(k for k in own if k not in self.predicted)
        run = self.runs[k]
        verdict, reason = run.verdict, run.reason
        if k in self.refused:
            verdict, reason = Verdict.INVALID_PREDICTIONS, "\n".join(self.refused[k].problems)
        return replace(
            report,
            verdict=verdict,
            reason=reason,
            traceback=run.traceback,
            output=run.output,
            withheld=run.withheld,
        )


_NOT_RUN = Run({}, {}, 0, Verdict.CANCELLED, "", "", "", {}, False)
_NO_STAGE = Stage(0.0, 0.0)


def _measured(number: int, run: Run) -> FoldReport:
    """What a run took; failed until its predictions are read."""
    fit, valid, test = (run.stages.get(stage, _NO_STAGE) for stage in ("fit", "valid", "test"))
    return FoldReport(
        fold=number,
        state="failed",
        fit_s=fit.wall_s,
        valid_s=valid.wall_s,
        test_s=test.wall_s,
        fit_cpu_s=fit.cpu_s,
        valid_cpu_s=valid.cpu_s,
        test_cpu_s=test.cpu_s,
        peak_bytes=run.peak_bytes,
    )


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    """The same but for the last digits, which the order of a sum may change."""
    if a.shape != b.shape:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True))


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
