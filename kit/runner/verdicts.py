"""Why a run failed: a verdict, and one sentence that names the limit and the way out."""

from __future__ import annotations

import builtins
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.errors import SandboxUnavailable
from kit.runner.driving import End, Ended
from kit.runner.exchange import text_of
from kit.runner.replies import ROWS
from kit.runner.sandbox import MEGABYTE, RunLimits
from kit.runner.sandbox_process import Process
from kit.submission import Verdict

DOING = {
    "fit": "while it was trained",
    "valid": "while it predicted the training table's rows",
    "test": "while it predicted the test rows",
}

_LAST_WORDS_S = 5.0


@dataclass(frozen=True)
class Failure:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def failure_of_end(ended: Ended, stage: str, limits: RunLimits, process: Process) -> Failure:
    """What it means that a run was ended, or ended without an answer."""
    if ended.end is End.STOPPED:
        return Failure(Verdict.CANCELLED, "The run was cancelled.")
    if ended.end is End.NONSENSE:
        return _nonsense(ended.detail, stage)
    if ended.end is End.MEMORY:
        return _over("memory", stage, limits)
    # Who waits for processes that were killed uses up the time, and is not too slow.
    killed = failure_of_killed(stage, limits, process)
    if killed is not None:
        return killed
    if ended.end is not End.GONE:
        return _over(ended.end.value, stage, limits)
    crowded = _crowded(process, stage, limits)
    if crowded is not None:
        return crowded
    code = process.last_words(_LAST_WORDS_S)
    if process.is_lost:
        raise SandboxUnavailable(
            "The sandbox was ended from outside; the run says nothing of the submission."
        )
    return _gone(code, stage, limits)


def failure_of_killed(stage: str, limits: RunLimits, process: Process) -> Failure | None:
    """What it means that processes were killed for want of memory, whatever the others made of it.

    Raises
    ------
    SandboxUnavailable
        If they kept within the run's limit: nobody is to blame.
    """
    if process.group.n_out_of_memory():
        return _over("memory", stage, limits)
    if process.group.n_starved():
        raise SandboxUnavailable(
            "Processes of the sandbox were killed for want of memory though the run kept within its limit: "
            "the machine, or what limits the service, had no more. Give it more, or run fewer at a time; "
            "the run says nothing of the submission."
        )
    return None


def failure_of_error(
    header: Mapping[str, Any], stage: str, limits: RunLimits, process: Process, *, hidden: bool
) -> Failure:
    """What it means that the harness reports an exception; with ``hidden``, none of its words are used."""
    cause = header.get("error")
    if cause == "raised":
        crowded = _crowded(process, stage, limits)
        if crowded is not None:
            return crowded
    if cause in ("memory", "disk", "processes"):
        return _over(str(cause), stage, limits)
    if cause == "exit":
        return Failure(
            Verdict.OUTPUT_MISSING,
            f"The code ended the run itself {_doing(stage)}; remove the call of sys.exit().",
        )
    if hidden:
        return Failure(
            Verdict.CRASHED,
            f"An exception was raised {_doing(stage)}; its text is withheld, as these rows are hidden: "
            "see that the code takes values, missing ones and categories it was not trained on.",
        )
    if cause == "broken":
        return Failure(Verdict.CRASHED, text_of(header, "text", 500).replace("\n", " "))
    name = text_of(header, "type", 60)
    name = name if name.isidentifier() else "An exception"
    return Failure(Verdict.CRASHED, f"{name} was raised {_doing(stage)}; the traceback says where.")


def failure_of_cell(
    error: Mapping[str, Any], place: str, limits: RunLimits, process: Process, *, hidden: bool
) -> Failure:
    """What it means that a notebook's cell failed; ``place`` is where, with the preposition.

    With ``hidden``, only Python's own exceptions are named: another's name could be a text.
    """
    cause = error.get("cause")
    crowded = _crowded(process, place, limits)
    if crowded is not None:
        return crowded
    if cause in ("memory", "disk", "processes"):
        return _over(str(cause), place, limits)
    if cause == "died":
        return Failure(
            Verdict.CRASHED,
            f"The kernel ended {place}: its process was killed, or ended itself; remove what does so.",
        )
    name = text_of(error, "type", 60)
    named = getattr(builtins, name, None)
    is_pythons = isinstance(named, type) and issubclass(named, BaseException)
    name = name if is_pythons or (name.isidentifier() and not hidden) else "An exception"
    says = "its text is withheld, as test inputs are hidden" if hidden else "the traceback says more"
    return Failure(Verdict.CRASHED, f"{name} was raised {place}; {says}.")


def failure_of_answer(problem: str, stage: str, *, hidden: bool) -> Failure:
    """Predictions that do not fit; with ``hidden``, no word of what they are instead."""
    if hidden:
        problem = f"The predictions for {ROWS[stage]} do not fit: finite values are wanted, one per row of X."
    return Failure(Verdict.INVALID_PREDICTIONS, problem)


def _nonsense(detail: str, stage: str) -> Failure:
    what = "the training" if stage == "fit" else f"the predictions for {ROWS[stage]}"
    return Failure(
        Verdict.INVALID_PREDICTIONS,
        f"The answer of {what} cannot be read: {detail}; return arrays from the estimator's methods, "
        "and write to no file the code did not open.",
    )


def _doing(stage: str) -> str:
    """When something happened; of a notebook, the place itself is what stands for the stage."""
    return DOING.get(stage, stage)


def _over(what: str, stage: str, limits: RunLimits) -> Failure:
    doing = _doing(stage)
    texts = {
        "wall": (
            Verdict.TIME_LIMIT,
            f"The run took more than {limits.wall_s:g} s by the clock, {doing}; make it faster.",
        ),
        "cpu": (
            Verdict.TIME_LIMIT,
            f"The run used more than {limits.cpu_s:g} s of CPU time, {doing}; make it cheaper.",
        ),
        "memory": (
            Verdict.MEMORY_LIMIT,
            f"The run needed more than {limits.memory_bytes // MEGABYTE} MB of memory, {doing}; "
            "use a smaller model, smaller types or fewer copies of the data.",
        ),
        "processes": (
            Verdict.PROCESS_LIMIT,
            f"The run started more than {limits.n_pids} processes and threads, {doing}; use fewer workers, "
            "such as n_jobs=1.",
        ),
        "disk": (
            Verdict.DISK_LIMIT,
            f"The run wrote more than {limits.disk_bytes // MEGABYTE} MB of files, {doing}; write less.",
        ),
    }
    return Failure(*texts[what])


def _crowded(process: Process, stage: str, limits: RunLimits) -> Failure | None:
    """What the control groups say of a run that failed."""
    killed = failure_of_killed(stage, limits, process)
    if killed is not None:
        return killed
    return _over("processes", stage, limits) if process.group.n_out_of_pids() else None


def _gone(code: int | None, stage: str, limits: RunLimits) -> Failure:
    doing = _doing(stage)
    if code is None:
        return Failure(
            Verdict.OUTPUT_MISSING,
            f"The code closed the way back {doing}, without an answer; close no file it did not open.",
        )
    if code == -signal.SIGXCPU:
        return _over("cpu", stage, limits)
    if code == -signal.SIGXFSZ:
        return _over("disk", stage, limits)
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return Failure(
            Verdict.CRASHED, f"The process was ended by {name} {doing}; compiled code may be what failed."
        )
    return Failure(
        Verdict.OUTPUT_MISSING,
        f"The process ended with status {code} {doing}, and without an answer; remove what ends it.",
    )
