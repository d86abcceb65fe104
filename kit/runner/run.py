"""Run a participant's code on one fold, stage by stage, in a sandbox; this side holds the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kit.runner.sandbox import Level, RunLimits
from kit.submission import Verdict


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

    Raises
    ------
    SandboxUnavailable
        When this machine cannot give the level asked for.
    """

    def __init__(
        self, limits: RunLimits, *, level: Level, python: Path | None = None, hide_inputs: bool = False
    ) -> None:
        self.limits = limits

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
        raise NotImplementedError

    def close(self) -> None:
        """Give back what was kept warm."""
