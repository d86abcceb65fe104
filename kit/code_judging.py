"""Judge code: run it on all folds, then score what it predicted as a predictions file is. Runs in a worker.

What participants wrote runs in sandboxes alone; here it is files to copy. It touches no database.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from kit import progress
from kit.code_files import unpack
from kit.competition import Competition, Question
from kit.errors import InvalidRequest, MetricFailed
from kit.runner.folds import RunnerSettings, make_runner, run_folds, runner_settings
from kit.runner.problem import Problem, load_problem
from kit.runner.ramp import RampProblem
from kit.runner.report import CodeReport, FoldReport
from kit.runner.run import Runner
from kit.scoring import Scoring
from kit.store import FoldRun
from kit.submission import CodeResult, Outcome, State, Verdict
from kit.truth import Truth

TEST, VALID = "test.parquet", "valid.npz"
MOST_KEPT = 2
"""Questions of which a worker keeps what is warm."""
_TIMES = ("fit_s", "valid_s", "test_s", "fit_cpu_s", "valid_cpu_s", "test_cpu_s")


def judge_code(
    competition: Competition,
    question: Question,
    truth: Truth | None,
    *,
    file: Path,
    filename: str,
    scratch: Path,
    n_cores: int,
    judge_predictions: Callable[[pd.DataFrame], Outcome],
    stop: threading.Event | None = None,
) -> Outcome:
    """Run a code submission and judge its bagged test predictions.

    Parameters
    ----------
    scratch : Path
        Folder of this judgement alone; predictions to be kept are left there.
    n_cores : int
        Processors that folds may use together.
    judge_predictions : callable
        What is done with a predictions file.

    Raises
    ------
    OrganizerError
        The problem cannot be loaded, a metric fails, or there is less isolation here than is asked for.
    """
    settings = runner_settings(competition, question)
    with _warm(competition, question, truth, settings) as (problem, runner):
        return _judge(
            problem, runner, settings, file=file, filename=filename, scratch=scratch, n_cores=n_cores,
            judge_predictions=judge_predictions, stop=stop,
        )  # fmt: skip


def _judge(
    problem: Problem,
    runner: Runner,
    settings: RunnerSettings,
    *,
    file: Path,
    filename: str,
    scratch: Path,
    n_cores: int,
    judge_predictions: Callable[[pd.DataFrame], Outcome],
    stop: threading.Event | None,
) -> Outcome:
    for fold in range(problem.n_folds):
        progress.tell(scratch, FoldRun(fold, "waiting"))
    code = scratch / "code"
    code.mkdir()
    try:
        unpack(file, filename, code, PurePath(problem.entries[0]).stem)
    except InvalidRequest as error:
        return Outcome(State.REJECTED, (), Verdict.CRASHED, (str(error),))
    report = run_folds(
        problem,
        code,
        settings,
        n_parallel=max(1, n_cores // settings.limits.n_threads),
        on_fold=lambda fold: progress.tell(scratch, _fold_run(fold)),
        stop=stop,
        runner=runner,
    )
    result = _kept(report, scratch)
    if report.verdict is None and report.scoring is not None:
        return _scored(report.scoring, result)
    if report.verdict is not None or report.test_predictions is None:
        reasons = tuple(report.reason.splitlines()) or ("It left no predictions.",)
        return Outcome(State.REJECTED, (), report.verdict or Verdict.OUTPUT_MISSING, reasons, code=result)
    return replace(judge_predictions(report.test_predictions), code=result)


def _scored(scoring: Scoring, result: CodeResult) -> Outcome:
    """By a problem.py's score types."""
    for each in scoring.scores:
        if not math.isfinite(each.score):
            raise MetricFailed(f"problem.py: '{each.metric}' is {each.score} on the {each.split} rows.")
    return Outcome(State.SCORED, scoring.scores, evidence=scoring.evidence, code=result)


@dataclass(frozen=True)
class _Kept:
    """What was dear to start: the process of a problem.py, with its data, where there is one, and a runner.

    The runner's process, which sandboxes are forked from, holds neither data nor any participant's code.
    """

    settings: RunnerSettings
    problem: RampProblem | None
    runner: Runner

    def serves(self, settings: RunnerSettings) -> bool:
        return self.settings == settings and (self.problem is None or self.problem.is_open)

    def close(self) -> None:
        self.runner.close()
        if self.problem is not None:
            self.problem.close()


_KEPT: dict[tuple[Path, str], _Kept] = {}


@contextmanager
def _warm(
    competition: Competition, question: Question, truth: Truth | None, settings: RunnerSettings
) -> Iterator[tuple[Problem, Runner]]:
    """A question's problem and what runs code on it, kept for later submissions where it is warm."""
    key = competition.directory, question.id
    kept = _KEPT.pop(key, None)
    if kept is not None and not kept.serves(settings):
        kept.close()
        kept = None
    while len(_KEPT) >= MOST_KEPT:
        _KEPT.pop(next(iter(_KEPT))).close()
    problem = (kept and kept.problem) or load_problem(competition, question, truth)
    runner = kept.runner if kept is not None else make_runner(settings)
    used = _Kept(settings, problem if isinstance(problem, RampProblem) else None, runner)
    try:
        yield problem, runner
    except BaseException:
        used.close()
        raise
    if runner.is_warm:
        _KEPT[key] = used
        return
    runner.close()
    if used.problem is not None:
        _KEPT[key] = replace(used, runner=make_runner(settings))


def _fold_run(fold: FoldReport) -> FoldRun:
    times = {} if fold.state in ("waiting", "running") else {name: getattr(fold, name) for name in _TIMES}
    return FoldRun(fold.fold, fold.state, fold.scores, times, fold.peak_bytes if times else None)


def _kept(report: CodeReport, scratch: Path) -> CodeResult:
    """What the store keeps; predictions as files, since they may be large."""
    files: dict[str, Path] = {}
    if report.test_predictions is not None:
        files["test"] = scratch / TEST
        report.test_predictions.to_parquet(files["test"])
    if report.valid_predictions:
        files["valid"] = scratch / VALID
        arrays: dict[str, Any] = {f"valid_{k}": array for k, array in enumerate(report.valid_predictions)}
        arrays |= {f"test_{k}": array for k, array in enumerate(report.fold_test_predictions)}
        np.savez_compressed(files["valid"], **arrays)
    # Texts are kept apart, so that what is read with scores never holds them, and the other way round.
    return CodeResult(
        replace(report, traceback="", output="").to_json(), report.traceback, report.output, files
    )
