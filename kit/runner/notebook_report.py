"""What running a notebook led to, in the form of a report of code; and all of it without a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kit.competition import Competition, Question
from kit.errors import InvalidPredictions
from kit.notebook_files import read_notebook
from kit.predictions import read_predictions
from kit.runner.notebook import NotebookRun, run_notebook
from kit.runner.notebook_inputs import notebook_inputs
from kit.runner.report import CodeReport, Scores
from kit.runner.settings import RunnerSettings
from kit.scoring import score_rows
from kit.submission import Split, Verdict
from kit.truth import Truth


def report_of(run: NotebookRun, settings: RunnerSettings) -> CodeReport:
    """A run's facts; a notebook has no folds."""
    return CodeReport(
        folds=(),
        isolation=settings.isolation.level.value,
        features=settings.isolation.features,
        seed=settings.seed,
        threads=settings.limits.n_threads,
        environment=str(settings.python or ""),
        verdict=run.verdict,
        reason=run.reason,
        traceback=run.traceback,
        output=run.output,
        withheld=run.withheld,
    )


def try_notebook(
    competition: Competition,
    question: Question,
    truth: Truth,
    path: Path,
    settings: RunnerSettings,
    *,
    on_cell: Callable[[int, int], None] | None = None,
) -> tuple[CodeReport, NotebookRun]:
    """Run the notebook in a file and score what it wrote, as the service does; its scores are ``bagged``.

    Raises
    ------
    InvalidRequest
        It is no notebook.
    OrganizerError
        The tables cannot be read, a metric fails, or the environment lacks what runs notebooks.
    """
    notebook = read_notebook(path.read_bytes(), path.name)
    inputs = notebook_inputs(competition, question, truth)
    most = truth.expected.max_bytes
    run = run_notebook(notebook, inputs, settings, max_bytes=most, on_cell=on_cell)
    report = report_of(run, settings)
    if run.predictions is None:
        return report, run
    try:
        predictions = read_predictions(run.predictions, truth.expected)
    except InvalidPredictions as error:
        verdict, reason = Verdict.INVALID_PREDICTIONS, "\n".join(error.problems)
        return replace(report, verdict=verdict, reason=reason), run
    return replace(report, bagged=_scores(competition, question, truth, predictions)), run


def _scores(competition: Competition, question: Question, truth: Truth, predictions: pd.DataFrame) -> Scores:
    rows = {"test": np.arange(len(truth.expected.ids))} | {split.value: truth.rows(split) for split in Split}
    folder = competition.directory
    return {
        step: {
            name: score_rows(name, predictions, truth, question, chosen, directory=folder)
            for name in question.metrics
        }
        for step, chosen in rows.items()
    }
