"""Run one reference notebook in a folder of its own, which holds the participants' files and nothing else."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kit.competition import Competition, Question
from kit.errors import InvalidPredictions, OrganizerError

OnCell = Callable[[str, str, int, int], object]
"""Told of each cell that starts: question, notebook's name, cell (0 before the first), number of cells."""

TIMEOUT_S = 1800.0
ERROR_CHARACTERS = 500

# What a notebook must not find in its environment: whoever may read it later must learn no login from it.
_PRIVATE = ("KIT_TOKEN", "KIT_URL", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")


@dataclass(frozen=True)
class Baseline:
    """How a reference notebook ran."""

    name: str
    question: str
    state: Literal["ok", "failed"]
    cell: int | None
    """Of a failure: the number in front of the cell, In [n], in the executed notebook."""
    error: str | None
    seconds: float
    notebook: Path | None
    """The executed notebook, as far as it came."""
    predictions: Path | None
    submission: int | None = None
    score: float | None = None


def find_notebooks(competition: Competition, question: Question) -> list[Path]:
    """The reference notebooks of a question, sorted by name.

    Raises
    ------
    OrganizerError
        Two have the same name.
    """
    found = {path for pattern in question.baselines for path in competition.directory.glob(pattern)}
    kept = sorted((p for p in found if ".ipynb_checkpoints" not in p.parts), key=lambda p: (p.stem, str(p)))
    for one, other in itertools.pairwise(kept):
        if one.stem == other.stem:
            raise OrganizerError(f"Two baselines of '{question.id}' are called '{one.stem}': rename {other}.")
    return kept


def run_notebook(
    notebook: Path,
    competition: Competition,
    question: Question,
    folder: Path,
    *,
    check: Callable[[Path], object],
    timeout_s: float = TIMEOUT_S,
    on_cell: OnCell | None = None,
) -> Baseline:
    """Run a notebook; whatever goes wrong in it is told by the result.

    Parameters
    ----------
    folder : path
        Empty or new; outside the competition's folder, so that no relative path leads to the truth. It
        gets the executed notebook, and ``work/``, where the notebook runs.
    check : callable
        Takes the predictions' path and raises InvalidPredictions.
    """
    started = time.monotonic()
    work = _prepare(notebook, competition, question, folder)
    told = _execute(
        work, folder, notebook.name, timeout_s, lambda c, n: _tell(on_cell, question, notebook, c, n)
    )
    predictions = work / "predictions.csv"
    if told["error"] is None:
        told["error"] = _problem(predictions, check)
    executed = folder / notebook.name
    return Baseline(
        name=notebook.stem,
        question=question.id,
        state="ok" if told["error"] is None else "failed",
        cell=told["cell"],
        error=told["error"],
        seconds=round(time.monotonic() - started, 3),
        notebook=_without_paths(executed, folder) if executed.is_file() else None,
        predictions=predictions if told["error"] is None else None,
    )


def _tell(on_cell: OnCell | None, question: Question, notebook: Path, cell: int, n_cells: int) -> None:
    if on_cell is not None:
        on_cell(question.id, notebook.stem, cell, n_cells)


def _prepare(notebook: Path, competition: Competition, question: Question, folder: Path) -> Path:
    work = folder / "work"
    (work / "data").mkdir(parents=True)
    (folder / "ipython").mkdir()
    shared = dict.fromkeys(
        [*question.data, *([question.sample_submission] if question.sample_submission else [])]
    )
    for path in shared:
        shutil.copyfile(competition.directory / path, work / "data" / Path(path).name)
    shutil.copyfile(notebook, work / notebook.name)
    return work


def _execute(
    work: Path, folder: Path, name: str, timeout_s: float, on_cell: Callable[[int, int], object]
) -> dict[str, Any]:
    """Run the notebook in a process of its own; returns the failing ``cell`` and the ``error``, or Nones."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "kit.baselines.process", name, f"../{name}"]
    command += ["--timeout", str(timeout_s), "--tell", str(writer), "--sockets"]
    environment = {key: value for key, value in os.environ.items() if key not in _PRIVATE}
    environment["IPYTHONDIR"] = str(folder / "ipython")
    log = folder / "log.txt"
    with os.fdopen(reader) as news, log.open("wb") as noise, _sockets() as sockets:
        process = subprocess.Popen(
            [*command, sockets],
            cwd=work,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=noise,
            stderr=noise,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        try:
            return _listen(process, news, on_cell, log)
        finally:
            _end(process)


def _sockets() -> tempfile.TemporaryDirectory[str]:
    # Their paths must be short. A kernel that outlives its papermill a moment takes its own away.
    return tempfile.TemporaryDirectory(prefix="kit-", ignore_cleanup_errors=True)


def _listen(process: Any, news: Any, on_cell: Callable[[int, int], object], log: Path) -> dict[str, Any]:
    for line in news:
        message = json.loads(line)
        if "end" in message:
            return dict(message["end"])
        on_cell(message["cell"], message["n_cells"])
    code = process.wait()
    lines = log.read_text(errors="replace").strip().splitlines()
    return {"cell": None, "error": short(f"papermill ended with code {code}: {lines[-1] if lines else ''}")}


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    # The end of its standard input tells it to stop its kernel and go.
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _problem(predictions: Path, check: Callable[[Path], object]) -> str | None:
    if not predictions.is_file():
        return "The notebook ran, and wrote nothing to output_path."
    try:
        check(predictions)
    except InvalidPredictions as error:
        return short("The predictions do not fit: " + "; ".join(error.problems))
    return None


def short(text: str) -> str:
    """A text of one line that is not too long."""
    text = " ".join(text.split())
    return text if len(text) <= ERROR_CHARACTERS else text[: ERROR_CHARACTERS - 1] + "…"


def _without_paths(executed: Path, folder: Path) -> Path:
    """Take this machine's paths out of a notebook that others will read."""
    text = executed.read_text(encoding="utf-8")
    for path, instead in ((folder.resolve(), "…"), (folder, "…"), (Path(sys.prefix), "…/python")):
        text = text.replace(json.dumps(str(path), ensure_ascii=False)[1:-1], instead)
    executed.write_text(text, encoding="utf-8")
    return executed
