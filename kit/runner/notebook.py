"""Run a participant's notebook by papermill in a sandbox, a cell at a time; this side holds the clock.

What is run inside is in notebook_harness.py, which stands where a submission's module would: it can do no
more than one, and nothing it says is believed but bytes that are bounded and checked.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kit.errors import OrganizerError, SandboxUnavailable
from kit.notebook_files import PARAMETERS, Notebook, without_folders
from kit.runner.driving import TAIL_BYTES, Driver, End, Ended
from kit.runner.exchange import Answer, BadAnswer, cleaned, message, read_npy, text_of
from kit.runner.run import START_S, Stage
from kit.runner.sandbox import MEGABYTE, Level
from kit.runner.sandbox_process import NotStarted
from kit.runner.sandbox_start import own_limits, start
from kit.runner.sandbox_tree import usage_of
from kit.runner.settings import RunnerSettings
from kit.runner.verdicts import Failure, failure_of_cell, failure_of_end, failure_of_killed
from kit.submission import Verdict

INSIDE = Path(__file__).with_name("notebook_harness.py")
_ENTRY = "kit_notebook"
_OWN_THREADS = 48
"""Of the kernel and of papermill, which are not the participant's, at most."""
_STATE_BYTES = 256 * 1024
_NOTEBOOK_BYTES = 40_000_000
_HEADER_BYTES = 4096
_LINE = re.compile(r"Cell In\[(\d+)\], line (\d+)")


@dataclass(frozen=True)
class NotebookRun:
    """What running a notebook led to.

    Parameters
    ----------
    predictions : bytes or None
        The file it wrote, read by nobody yet.
    executed : bytes or None
        The notebook as it ran; without outputs where test inputs are hidden, None where it was ended.
    n_done, n_cells : int
        Cells that ran to their end, of all.
    verdict : Verdict or None
        None where predictions came; ``reason`` says more in one sentence.
    traceback, output : str
        What the cell that failed raised, and the end of what was printed; at most 20 kB each.
    withheld : bool
        Whether all texts made while it ran are left out.
    """

    predictions: bytes | None
    executed: bytes | None
    n_done: int
    n_cells: int
    took: Stage
    peak_bytes: int
    verdict: Verdict | None
    reason: str
    traceback: str
    output: str
    withheld: bool


def run_notebook(
    notebook: Notebook,
    inputs: Mapping[str, bytes],
    settings: RunnerSettings,
    *,
    max_bytes: int,
    on_cell: Callable[[int, int], None] | None = None,
    stop: threading.Event | None = None,
) -> NotebookRun:
    """Run a notebook's cells in order; never raises for what a participant did.

    Parameters
    ----------
    inputs : mapping
        Files by name; the part before the first dot is the parameter by which the notebook finds it.
    max_bytes : int
        The most its predictions file may have.
    on_cell : callable
        Told how many cells are done, of how many.

    Raises
    ------
    SandboxUnavailable
        The sandbox failed.
    OrganizerError
        The environment lacks papermill or ipykernel.
    """
    # Its inputs lie where it writes, and are not the participant's to answer for.
    given = sum(map(len, inputs.values()))
    limits = replace(settings.limits, disk_bytes=settings.limits.disk_bytes + given)
    try:
        process = start(settings.isolation.level, settings.python, (), limits, modules="numpy,papermill")
    except (NotStarted, OSError) as error:
        raise SandboxUnavailable(f"The sandbox did not start: {error}") from error
    driver = Driver(process, limits, stop)
    try:
        course = _Course(notebook, settings, driver, max_bytes, on_cell or (lambda *_: None))
        return course.run(inputs)
    finally:
        driver.close()


class _Course:
    """A run as it goes."""

    def __init__(
        self,
        notebook: Notebook,
        settings: RunnerSettings,
        driver: Driver,
        max_bytes: int,
        on_cell: Callable[[int, int], None],
    ) -> None:
        self.notebook, self.settings, self.driver = notebook, settings, driver
        self.max_bytes, self.on_cell, self.hidden = max_bytes, on_cell, settings.hide_inputs
        self.cells = notebook.run
        self.n_done = self.n_run = 0
        self.wall_s = self.cpu_s = 0.0
        self.executed: bytes | None = None

    def run(self, inputs: Mapping[str, bytes]) -> NotebookRun:
        try:
            self._set_up(inputs)
        except Ended as ended:
            if ended.end is End.STOPPED:
                return self._result(self._ended(ended, "before its first cell"))
            said = self.driver.printed().decode(errors="replace").strip()[-1000:]
            raise SandboxUnavailable(f"The harness did not start ({ended}): {said}") from None
        try:
            failure, traceback = self._cells()
            if failure is not None:
                # What failed is told in any case.
                with contextlib.suppress(Ended):
                    self._take_notebook(inputs)
                return self._result(failure, traceback)
            self._take_notebook(inputs)
            return self._result(*self._predictions())
        except Ended as ended:
            place = f"in cell {self.n_run} of {len(self.cells)}"
            return self._result(
                self._ended(ended, place if self.n_done < self.n_run else "after its last cell")
            )

    def _set_up(self, inputs: Mapping[str, bytes]) -> None:
        """Let the kernel start; from then on limits count."""
        driver, process, level = self.driver, self.driver.process, self.settings.isolation.level
        driver.settle((), START_S)
        n_threads = usage_of(process.root).n_threads + _OWN_THREADS
        setup = {
            "stage": "setup", "entry": _ENTRY, "kind": "estimator", "wants": "predict", "classes": [],
            "seed": self.settings.seed, "options": {}, "folder": process.folder, "paths": process.paths,
            "limits": own_limits(level, driver.limits, n_threads),
        }  # fmt: skip
        about = {
            "notebook": self.notebook.to_json(),
            "inputs": {name.partition(".")[0]: name for name in inputs},
            "max_bytes": self.max_bytes,
        }
        files = {f"code/{_ENTRY}.py": INSIDE.read_bytes(), "code/setup.json": json.dumps(about).encode()}
        files |= {f"code/inputs/{name}": content for name, content in inputs.items()}
        driver.settle(message(setup, files), START_S)
        answer = driver.settle(message({"stage": "fit"}, {"X_train": b"", "y_train": b""}), START_S)
        if answer.header.get("error"):
            said = text_of(answer.header, "traceback", TAIL_BYTES).strip().rpartition("\n")[2]
            raise OrganizerError(
                f"No notebook can be run in the environment of this question: {said}. "
                "It needs papermill and ipykernel."
            )
        driver.begin()

    def _cells(self) -> tuple[Failure | None, str]:
        """Run them; what was wrong, with the traceback."""
        n_cells = len(self.cells)
        for number in range(1, n_cells + 1):
            self.on_cell(self.n_done, n_cells)
            self.n_run = number
            told = self._state(self._ask("cell", _STATE_BYTES))
            error = told.get("error")
            if isinstance(error, dict):
                traceback = text_of(error, "traceback", TAIL_BYTES)
                return self._failed(error, number, traceback), traceback
            limits, process = self.settings.limits, self.driver.process
            killed = failure_of_killed(f"in cell {number} of {n_cells}", limits, process)
            if killed is not None:
                return killed, ""
            self.n_done = number
            if told.get("is_over") is True:
                break
        self.on_cell(self.n_done, n_cells)
        return None, ""

    def _failed(self, error: Mapping[str, Any], number: int, traceback: str) -> Failure:
        place = f"in cell {number} of {len(self.cells)}"
        n_lines = self.cells[number - 1].source.count("\n") + 1
        lines = [int(line) for cell, line in _LINE.findall(traceback[-TAIL_BYTES:]) if cell == str(number)]
        if lines and 1 <= lines[-1] <= n_lines:
            place += f", line {lines[-1]}"
        limits = self.settings.limits
        return failure_of_cell(error, place, limits, self.driver.process, hidden=self.hidden)

    def _take_notebook(self, inputs: Mapping[str, bytes]) -> None:
        """Keep the notebook as it ran."""
        process = self.driver.process
        folder = Path(process.folder)
        # As the harness inside sets them; what it says itself could be anything.
        parameters = {name.partition(".")[0]: str(folder / "inputs" / name) for name in inputs}
        parameters[PARAMETERS[-1]] = str(folder.parent / "notebook" / "predictions.csv")
        if self.settings.isolation.level is not Level.ISOLATED:
            parameters = {name: Path(path).name for name, path in parameters.items()}
        results: object = {}
        if not self.hidden:
            with contextlib.suppress(ValueError, RecursionError):
                results = json.loads(self._ask("notebook", _NOTEBOOK_BYTES))
        self.executed = self.notebook.executed(results, n_run=self.n_run, parameters=parameters)

    def _predictions(self) -> tuple[Failure | None, str, bytes | None]:
        content = self._ask("output", self.max_bytes + 1)
        if content[:1] == b"\0":
            return None, "", content[1:]
        return _no_predictions(content[1:], self.max_bytes), "", None

    def _ask(self, what: str, n_bytes: int) -> bytes:
        """The bytes of an answer."""
        driver = self.driver
        try:
            answer = driver.ask(message({"stage": what}, {"X": what.encode()}), n_bytes + _HEADER_BYTES)
        finally:
            self.wall_s += driver.stage.wall_s
            self.cpu_s += driver.stage.cpu_s
        return _bytes_of(answer, what)

    def _state(self, content: bytes) -> dict[str, Any]:
        try:
            told = json.loads(content)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Ended(End.NONSENSE, "it is no state of a cell")
        return told

    def _ended(self, ended: Ended, place: str) -> Failure:
        if ended.end is End.NONSENSE:
            reason = (
                f"The sandbox answered {place} what cannot be read: {ended.detail}; leave its files alone."
            )
            return Failure(Verdict.OUTPUT_MISSING, reason)
        return failure_of_end(ended, place, self.settings.limits, self.driver.process)

    def _result(
        self, failure: Failure | None, traceback: str = "", predictions: bytes | None = None
    ) -> NotebookRun:
        self.driver.process.kill()
        # What it printed is in the notebook, where there is one.
        has_output = self.executed is None and not self.hidden
        printed = without_folders(self.driver.printed().decode(errors="replace")) if has_output else ""
        return NotebookRun(
            predictions=predictions,
            executed=self.executed,
            n_done=self.n_done,
            n_cells=len(self.cells),
            took=Stage(self.wall_s, self.cpu_s),
            peak_bytes=self.driver.peak_bytes,
            verdict=failure.verdict if failure else None,
            reason=failure.reason if failure else "",
            traceback="" if self.hidden else without_folders(traceback),
            output=cleaned(printed),
            withheld=self.hidden,
        )


def _bytes_of(answer: Answer, what: str) -> bytes:
    if answer.header.get("stage") != what or answer.header.get("error"):
        raise Ended(End.NONSENSE, "it is not what was asked for")
    try:
        array = read_npy(answer.payload)
    except BadAnswer as error:
        raise Ended(End.NONSENSE, str(error)) from None
    if array.dtype != np.uint8 or array.ndim != 1:
        raise Ended(End.NONSENSE, "it is no file")
    return array.tobytes()


def _no_predictions(why: bytes, max_bytes: int) -> Failure:
    if why == b"large":
        megabytes = f"{max_bytes / MEGABYTE:g} MB"
        return Failure(Verdict.INVALID_PREDICTIONS, f"The file at `output` is larger than {megabytes}.")
    if why == b"link":
        text = "What the notebook left at `output` is a link or no plain file; write the predictions there."
        return Failure(Verdict.OUTPUT_MISSING, text)
    text = "The notebook wrote no file to the path `output`, which is set below the cell tagged parameters."
    return Failure(Verdict.OUTPUT_MISSING, text)
