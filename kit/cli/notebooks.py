"""Notebooks in ``kit test``: run in the sandbox and scored as the service does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from kit.cli.screen import tell
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.competition import Competition, Question
    from kit.runner.report import CodeReport
    from kit.runner.settings import RunnerSettings
    from kit.truth import Truth


def run_notebook(
    competition: Competition, question: Question, truth: Truth | None, path: Path, settings: RunnerSettings
) -> tuple[CodeReport, dict[str, Any]]:
    """Run a notebook, telling how far it is: its report, and its facts as JSON has them.

    Raises
    ------
    InvalidRequest
        The question is of a problem.py, so that there are no files for a notebook to read.
    """
    from kit.runner.notebook_report import try_notebook

    if truth is None:
        raise InvalidRequest(f"Question '{question.id}' has a problem.py, which notebooks are not run on.")
    console = Console(stderr=True, highlight=False)
    with console.status(Text(f"{path.stem}: starting"), spinner="line") as status:

        def on_cell(n_done: int, n_cells: int) -> None:
            text = f"{path.stem}: {n_done} of {n_cells} cells"
            if console.is_terminal:
                status.update(Text(text))
            elif n_done:
                tell(text)

        report, run = try_notebook(competition, question, truth, path, settings, on_cell=on_cell)
    facts: dict[str, Any] = json.loads(report.to_json())
    cells = {"n_cells": run.n_cells, "n_cells_done": run.n_done, "peak_bytes": run.peak_bytes}
    return report, {
        "submission": path.stem,
        **facts,
        **cells,
        "wall_s": run.took.wall_s,
        "cpu_s": run.took.cpu_s,
    }
