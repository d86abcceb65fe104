"""Judge a notebook: run it in a sandbox, then score the file it wrote as an uploaded one. Runs in a worker.

What a participant wrote is run in the sandbox alone; here it is JSON to check. It touches no database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kit import progress
from kit.competition import Competition, Question
from kit.errors import InvalidRequest
from kit.notebook_files import read_notebook
from kit.runner.folds import runner_settings
from kit.runner.notebook import NotebookRun, run_notebook
from kit.runner.notebook_inputs import notebook_inputs
from kit.runner.notebook_report import report_of
from kit.runner.settings import RunnerSettings
from kit.store import FoldRun
from kit.submission import CodeResult, Outcome, State, Verdict
from kit.truth import Truth

PREDICTIONS, EXECUTED = "predictions", "executed.ipynb"


def judge_notebook(
    competition: Competition,
    question: Question,
    truth: Truth,
    *,
    file: Path,
    filename: str,
    scratch: Path,
    judge_predictions: Callable[[Path | pd.DataFrame], Outcome],
) -> Outcome:
    """Run a notebook and judge the predictions it wrote.

    Parameters
    ----------
    scratch : Path
        Folder of this judgement alone; files to be kept are left there.
    judge_predictions : callable
        What is done with a predictions file.

    Raises
    ------
    OrganizerError
        The tables cannot be read, a metric fails, there is less isolation than is asked for, or the
        environment lacks what runs notebooks.
    """
    settings = runner_settings(competition, question)
    try:
        notebook = read_notebook(file.read_bytes(), filename)
    except InvalidRequest as error:
        return Outcome(State.REJECTED, (), Verdict.CRASHED, (str(error),))

    def on_cell(n_done: int, n_cells: int) -> None:
        progress.tell(scratch, FoldRun(0, "running", cells=(n_done, n_cells)))

    inputs = notebook_inputs(competition, question, truth)
    run = run_notebook(notebook, inputs, settings, max_bytes=truth.expected.max_bytes, on_cell=on_cell)
    outcome = _judged(run, scratch, judge_predictions)
    times = {"fit_s": run.took.wall_s, "fit_cpu_s": run.took.cpu_s}
    state = "done" if run.verdict is None else "failed"
    cells = run.n_done, run.n_cells
    progress.tell(scratch, FoldRun(0, state, times=times, peak_bytes=run.peak_bytes, cells=cells))
    return replace(outcome, code=_kept(run, outcome, settings, scratch))


def _judged(
    run: NotebookRun, scratch: Path, judge_predictions: Callable[[Path | pd.DataFrame], Outcome]
) -> Outcome:
    if run.verdict is not None or run.predictions is None:
        return Outcome(State.REJECTED, (), run.verdict or Verdict.OUTPUT_MISSING, (run.reason,))
    written = scratch / PREDICTIONS
    written.write_bytes(run.predictions)
    outcome = judge_predictions(written)
    if run.withheld and outcome.state is State.REJECTED:
        # What is wrong would quote values, and these may be those of hidden inputs.
        reason = (
            "The file at `output` does not fit: one row is wanted for each id of test, with the columns that "
            "predictions have. More is withheld, as test inputs are hidden."
        )
        return replace(outcome, reasons=(reason,))
    return outcome


def _kept(run: NotebookRun, outcome: Outcome, settings: RunnerSettings, scratch: Path) -> CodeResult:
    """What the store keeps; texts apart from the report, so that neither is read with the other."""
    files: dict[str, Path] = {}
    if outcome.state is State.SCORED:
        files["test"] = scratch / PREDICTIONS
    if run.executed is not None:
        files["notebook"] = scratch / EXECUTED
        files["notebook"].write_bytes(run.executed)
    report = report_of(run, settings)
    return CodeResult(replace(report, traceback="", output="").to_json(), run.traceback, run.output, files)
