"""Run a participant's code on one fold, stage by stage, in a sandbox; this side holds the clock."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from kit.errors import SandboxUnavailable
from kit.runner.driving import TAIL_BYTES, Driver, End, Ended
from kit.runner.exchange import Answer, BadAnswer, cleaned, message, payload_bound, read_npy, text_of
from kit.runner.packages import packages_of
from kit.runner.replies import ROWS, problem_of, wanted_columns
from kit.runner.sandbox import Level, RunLimits, detect_isolation
from kit.runner.sandbox_process import NotStarted, Process
from kit.runner.sandbox_start import own_limits, start, start_template
from kit.runner.sandbox_warm import Template
from kit.runner.verdicts import (
    Failure,
    failure_of_answer,
    failure_of_end,
    failure_of_error,
    failure_of_killed,
)
from kit.submission import Verdict

START_S = 120.0
"""How long a sandbox may take to start, before any code of a participant runs."""


@dataclass(frozen=True)
class Task:
    """What to run.

    Parameters
    ----------
    code : Path
        Folder of the submission; its files are copied into the sandbox.
    entry : str
        Module to import, which defines ``get_estimator()``.
    kind : str
        "estimator", or "ramp": the workflow of a ``problem.py`` among ``mounts``.
    wants : str
        "predict", or "predict_proba" with columns in the order of ``classes``.
    classes : tuple
        All labels there are, for classifiers; empty where values are predicted.
    mounts : tuple of Path
        Files and folders to be seen read-only as ``/mnt/NAME``; they can be imported.
    options : mapping
        ``problem``: name of the problem's module, "problem" if left out. ``columns``: how many columns the
        predictions have, "any" for no check of the shape but its rows.
    """

    code: Path
    entry: str = "estimator"
    kind: str = "estimator"
    wants: str = "predict"
    classes: tuple[Any, ...] = ()
    seed: int = 0
    mounts: tuple[Path, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """What a stage took, by the parent's clock."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Run:
    """What running one fold led to.

    Parameters
    ----------
    predictions : mapping
        "valid": one row per row of X, all of the training part; "test": one per row of X_test.
    stages : mapping
        "fit", "valid", "test": those that were answered, and the one that failed.
    verdict : Verdict or None
        None where all stages were answered.
    reason : str
        One sentence of ours, with the way out.
    traceback, output : str
        Of the participant's own frames, and the end of what was printed; at most 20 kB each.
    packages : mapping
        Version by name of the distributions the run imported.
    withheld : bool
        Whether texts made while the test inputs were in the sandbox are left out.
    """

    predictions: Mapping[str, NDArray[Any]]
    stages: Mapping[str, Stage]
    peak_bytes: int
    verdict: Verdict | None
    reason: str
    traceback: str
    output: str
    packages: Mapping[str, str]
    withheld: bool


class Runner:
    """Runs tasks under the same limits; several threads may run at once. A context manager.

    With ``warm``, isolated runs are forked from a process that imports what nearly all need only once, each
    into namespaces of its own; without, or where that does not work, each run starts a jail and imports anew.

    Raises
    ------
    SandboxUnavailable
        When this machine cannot give the level asked for, or the sandbox itself failed.
    """

    def __init__(
        self,
        limits: RunLimits,
        *,
        level: Level,
        python: Path | None = None,
        hide_inputs: bool = False,
        warm: bool = True,
    ) -> None:
        self.limits, self.level, self.python, self.hide_inputs = limits, level, python, hide_inputs
        # Libraries start their threads when they are imported, and threads do not survive a fork.
        self._warm = warm and level is Level.ISOLATED and limits.n_threads == 1
        self._templates: dict[tuple[Path, ...], Template] = {}
        self._lock = threading.Lock()
        if level is Level.ISOLATED:
            found = detect_isolation()
            if found.level is not Level.ISOLATED:
                raise SandboxUnavailable(f"No isolated sandbox here; missing: {'; '.join(found.missing)}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(
        self,
        task: Task,
        X_train: Any,
        y_train: Any,
        X: Any,
        X_test: Any,
        *,
        stop: threading.Event | None = None,
        on_stage: Callable[[str], None] | None = None,
    ) -> Run:
        """Run one fold; ``on_stage`` is told each stage as it begins, ``stop`` ends the run as cancelled."""
        inputs = {
            "fit": {"X_train": X_train, "y_train": y_train},
            "valid": {"X": X},
            "test": {"X": X_test},
        }
        driver = Driver(self._start(task), self.limits, stop)
        try:
            return _Course(self, task, driver).run(inputs, on_stage or (lambda _: None))
        finally:
            driver.close()

    def close(self) -> None:
        """Give back what was kept warm."""
        with self._lock:
            for template in self._templates.values():
                template.close()
            self._templates.clear()

    @property
    def is_warm(self) -> bool:
        """Whether runs are forked from a process that has imported what they need."""
        return self._warm and bool(self._templates)

    def _start(self, task: Task) -> Process:
        try:
            if self._warm:
                with contextlib.suppress(NotStarted):
                    return self._template(task.mounts).fork()
                self._give_up_warmth()
            return start(self.level, self.python, task.mounts, self.limits)
        except (NotStarted, OSError) as error:
            raise SandboxUnavailable(f"The sandbox did not start: {error}") from error

    def _template(self, mounts: tuple[Path, ...]) -> Template:
        with self._lock:
            if mounts not in self._templates:
                self._templates[mounts] = start_template(self.python, mounts, self.limits)
            return self._templates[mounts]

    def _give_up_warmth(self) -> None:
        """Where namespaces cannot be nested, or a template died, every run gets a jail started for it."""
        self._warm = False


class _Course:
    """One run as it goes: what is known so far."""

    def __init__(self, runner: Runner, task: Task, driver: Driver) -> None:
        self.runner, self.task, self.driver = runner, task, driver
        self.limits, self.process = runner.limits, driver.process
        self.predictions: dict[str, NDArray[Any]] = {}
        self.stages: dict[str, Stage] = {}
        self.modules: list[str] = []
        self.output: bytes | None = None
        self.n_columns: int | None = None

    def run(self, inputs: Mapping[str, Mapping[str, Any]], on_stage: Callable[[str], None]) -> Run:
        task = self.task
        y_train = inputs["fit"]["y_train"]
        self.n_columns = wanted_columns(task.wants, task.classes, y_train, task.options.get("columns"))
        try:
            self._set_up()
        except Ended as ended:
            if ended.end is End.STOPPED:
                return self._result(failure_of_end(ended, "fit", self.limits, self.process))
            said = self.driver.printed().decode(errors="replace").strip()[-1000:]
            raise SandboxUnavailable(f"The harness did not start ({ended}): {said}") from None
        for stage, values in inputs.items():
            on_stage(stage)
            if stage == "test" and self.runner.hide_inputs:
                self.output = self.driver.printed()
            failure, traceback = self._stage(stage, values)
            if failure is not None:
                return self._result(failure, traceback, stage)
        return self._result(None)

    def _set_up(self) -> None:
        self.driver.settle((), START_S)
        n_threads = self.driver.begin()
        task = self.task
        setup = {
            "stage": "setup", "entry": task.entry, "kind": task.kind, "wants": task.wants, "seed": task.seed,
            "classes": [getattr(label, "item", lambda label=label: label)() for label in task.classes],
            "options": dict(task.options), "folder": self.process.folder, "paths": self.process.paths,
            "limits": own_limits(self.runner.level, self.limits, n_threads),
        }  # fmt: skip
        self.driver.settle(message(setup, _files(task.code)), START_S)

    def _stage(self, stage: str, values: Mapping[str, Any]) -> tuple[Failure | None, str]:
        """Do one stage; what was wrong, with the traceback."""
        hidden = stage == "test" and self.runner.hide_inputs
        n_rows = 0 if stage == "fit" else _n_rows(values["X"])
        bound = 0 if stage == "fit" else payload_bound(n_rows, self.n_columns, self.task.classes)
        buffers = message({"stage": stage}, values)
        try:
            answer = self.driver.ask(buffers, bound)
        except Ended as ended:
            return failure_of_end(ended, stage, self.limits, self.process), ""
        finally:
            self.stages[stage] = Stage(self.driver.stage.wall_s, self.driver.stage.cpu_s)
        if answer.header.get("stage") != stage:
            nonsense = Ended(End.NONSENSE, "it is not one of this stage")
            return failure_of_end(nonsense, stage, self.limits, self.process), ""
        if answer.header.get("error"):
            failure = failure_of_error(answer.header, stage, self.limits, self.process, hidden=hidden)
            return failure, text_of(answer.header, "traceback", TAIL_BYTES)
        killed = failure_of_killed(stage, self.limits, self.process)
        if killed is not None:
            return killed, ""
        if stage != "test":
            names = answer.header.get("modules")
            self.modules = [str(name) for name in names] if isinstance(names, list) else []
        if stage != "fit":
            problem = self._take(stage, answer, n_rows)
            if problem:
                return failure_of_answer(problem, stage, hidden=hidden), ""
        return None, ""

    def _take(self, stage: str, answer: Answer, n_rows: int) -> str:
        """Keep an answer's array; or say what is wrong with it."""
        came = text_of(answer.header, "invalid", 200)
        if came:
            return f"The predictions for {ROWS[stage]} are {came}; an array of numbers or labels is wanted."
        try:
            array = read_npy(answer.payload)
        except BadAnswer as error:
            return f"The predictions for {ROWS[stage]} cannot be read: {error}; return an array of numbers."
        task = self.task
        labels = task.wants == "predict" and bool(task.classes)
        problem = problem_of(
            array, stage, n_rows=n_rows, n_columns=self.n_columns, classes=task.classes, labels=labels
        )
        if not problem:
            flat = self.n_columns == 0 and array.ndim == 2
            self.predictions[stage] = array.ravel() if flat else array
        return problem

    def _result(self, failure: Failure | None, traceback: str = "", stage: str = "") -> Run:
        self.process.kill()
        printed = self.driver.printed() if self.output is None else self.output
        withheld = self.output is not None
        return Run(
            predictions=self.predictions,
            stages=self.stages,
            peak_bytes=self.driver.peak_bytes,
            verdict=failure.verdict if failure else None,
            reason=failure.reason if failure else "",
            traceback="" if withheld and stage == "test" else traceback,
            output=cleaned(printed.decode(errors="replace")),
            packages=packages_of(self.modules, self.runner.python),
            withheld=withheld,
        )


def _files(folder: Path) -> dict[str, bytes]:
    """By name: the submission's files. Links are not followed: they would show what the service can read."""
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for path in (Path(root, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                found[f"code/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    return found


def _n_rows(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
