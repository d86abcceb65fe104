"""Judge code: run it on all folds, then score what it predicted as a predictions file is. Runs in a worker.

What participants wrote runs in sandboxes alone; here it is files to copy. It touches no database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit import progress
from kit.code_files import unpack
from kit.competition import Competition, Question
from kit.errors import InvalidRequest
from kit.runner.folds import run_folds, runner_settings
from kit.runner.problem import load_problem
from kit.runner.report import CodeReport, FoldReport
from kit.store import FoldRun
from kit.submission import CodeResult, Outcome, State, Verdict
from kit.truth import Truth

TEST, VALID = "test.parquet", "valid.npz"
_TIMES = ("fit_s", "valid_s", "test_s", "fit_cpu_s", "valid_cpu_s", "test_cpu_s")


def judge_code(
    competition: Competition,
    question: Question,
    truth: Truth,
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
    problem = load_problem(competition, question, truth)
    for fold in range(problem.n_folds):
        progress.tell(scratch, FoldRun(fold, "waiting"))
    code = scratch / "code"
    code.mkdir()
    try:
        unpack(file, filename, code, question.code.submission if question.code else None)
    except InvalidRequest as error:
        return Outcome(State.REJECTED, (), Verdict.CRASHED, (str(error),))
    report = run_folds(
        problem,
        code,
        settings,
        n_parallel=max(1, n_cores // settings.limits.n_threads),
        on_fold=lambda fold: progress.tell(scratch, _fold_run(fold)),
        stop=stop,
    )
    result = _kept(report, scratch)
    if report.verdict is not None or report.test_predictions is None:
        reasons = tuple(report.reason.splitlines()) or ("It left no predictions.",)
        return Outcome(State.REJECTED, (), report.verdict or Verdict.OUTPUT_MISSING, reasons, code=result)
    return replace(judge_predictions(report.test_predictions), code=result)


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
