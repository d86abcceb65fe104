"""Trial: a dry run of code on the public training data, on this machine. Sends and uses up nothing."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.client.code import Listing
from kit.client.display import widget_bundle
from kit.client.folds import STEPS, TIMES, progress_text, rows, summary
from kit.client.http import Json
from kit.client.progress import in_kernel, waiting
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas as pd

    from kit.client.sources import Source
    from kit.predictions import Expected
    from kit.runner.report import CodeReport, FoldReport

POLL_S = 0.1


class Trial:
    """What a dry run led to; shows itself as a submission's card does.

    ``facts`` has the form of a submission's: ``state`` is RUNNING, DONE or FAILED, ``code`` tells of the
    folds, whose test part is empty: the truth is with the service.
    """

    def __init__(self, question: str, metric: str, n_folds: int, filename: str) -> None:
        folds = [_fold_facts(number, "waiting", {}) for number in range(n_folds)]
        code = {"n_folds": n_folds, "n_done": 0, "folds": folds, "mean": None, "std": None, "bagged": None}
        about = {"question": question, "metric": metric, "filename": filename}
        self.facts: dict[str, Any] = {
            **about,
            "state": "RUNNING",
            "verdict": None,
            "reasons": [],
            "code": code,
        }
        self._traceback = ""

    @property
    def state(self) -> str:
        """RUNNING, DONE or FAILED."""
        return str(self.facts["state"])

    @property
    def folds(self) -> list[dict[str, Any]]:
        """What is known of each fold."""
        return list(self.facts["code"]["folds"])

    @property
    def traceback(self) -> str:
        """Where the code failed, and the end of what it printed."""
        return Listing(self._traceback)

    def runs(self) -> pd.DataFrame:
        """The folds as a table, as of a submission."""
        from kit.client.folds import frame

        return frame(self.facts["code"], self.facts["metric"])

    def line(self) -> str:
        """How it stands, in one line."""
        head = f"Dry run for {self.facts['question']!r}: {self.state}"
        if self.state == "RUNNING":
            return f"{head}, {progress_text(self.facts['code'])}"
        return f"{head}, {self.facts['verdict']}" if self.facts["verdict"] else head

    def tell(self, fold: FoldReport) -> None:
        """Take in how a fold is."""
        known = {field: value for field, value in asdict(fold).items() if field not in ("fold", "state")}
        folds = self.folds
        folds[fold.fold] = _fold_facts(fold.fold, fold.state, known)
        n_done = sum(each["state"] == "done" for each in folds)
        self.facts = {**self.facts, "code": {**self.facts["code"], "folds": folds, "n_done": n_done}}

    def end(self, report: CodeReport) -> None:
        """Take in what all folds led to."""
        for fold in report.folds:
            self.tell(fold)
        together = {"mean": report.mean, "std": report.std, "bagged": report.bagged}
        code = {**self.facts["code"], **together, "isolation": report.isolation}
        code["has_traceback"] = bool(report.traceback or report.output)
        reasons = report.reason.splitlines()
        verdict = None if report.verdict is None else str(report.verdict)
        state = "FAILED" if verdict else "DONE"
        self.facts = {**self.facts, "state": state, "verdict": verdict, "reasons": reasons, "code": code}
        printed = f"Output:\n{report.output}" if report.output.strip() else ""
        self._traceback = "\n".join(part for part in (report.traceback, printed) if part)

    def __repr__(self) -> str:
        lines = [self.line(), *(f"  - {reason}" for reason in self.facts["reasons"]), *self._table()]
        if self.state == "FAILED":
            return "\n".join([*lines, self._traceback]).rstrip()
        return "\n".join([*lines, "Nothing was sent or used up; the test score is the service's to tell."])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("trial_card", self)

    def _table(self) -> list[str]:
        code, metric = self.facts["code"], self.facts["metric"]
        done = [row for row in rows(code, metric) if row["state"] == "done"]
        lines = [
            f"  fold {row['fold'] + 1}: "
            + ", ".join(f"{step} {row[step]:.4g}" for step in STEPS if row[step] is not None)
            for row in done
        ]
        for name, told in summary(code, metric):
            lines.append(f"  {name}: " + ", ".join(f"{step} {text}" for step, text in told.items()))
        return [f"  {metric}", *lines] if lines else []


class Stopped(KeyboardInterrupt):
    """A dry run that was interrupted; told in one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]


def run_trial(
    overview: Json,
    question: Json,
    source: Source,
    folder: Path,
    expected: Expected,
    *,
    shown: Callable[[Trial], Callable[[], object]],
) -> Trial:
    """Run the folds in processes of their own and wait; an interrupt stops them.

    Parameters
    ----------
    folder : Path
        With the question's data.
    shown : callable
        Shows a trial; gives what to call after each change of it.

    Raises
    ------
    Stopped
        It was interrupted.
    """
    from kit.client.trial_problem import metric_of, trial

    if source.kind != "code":
        raise InvalidRequest(f"{source.filename} is a {source.kind}; a dry run takes code.")
    with trial(overview, question, folder, expected) as (problem, settings):
        made = Trial(question["id"], metric_of(question), problem.n_folds, source.filename)
        redraw = shown(made)

        def on_fold(fold: FoldReport) -> None:
            made.tell(fold)
            redraw()

        with tempfile.TemporaryDirectory(prefix="kit-") as scratch:
            source.write(Path(scratch), entry=question["code"]["submission"])
            running = _Running(lambda stop: _folds(problem, Path(scratch), settings, on_fold, stop))
            report = running.wait(made)
        made.end(report)
        redraw()
    if running.is_stopped:
        raise Stopped(
            f"{made.facts['code']['n_done']} of {problem.n_folds} folds were done. Nothing is sent."
        )
    return made


def _folds(problem: Any, code: Path, settings: Any, on_fold: Any, stop: threading.Event) -> CodeReport:
    from kit.runner.folds import run_folds

    return run_folds(problem, code, settings, on_fold=on_fold, stop=stop)


@contextmanager
def _line(trial: Trial) -> Iterator[Callable[[str], object]]:
    # In a notebook the card tells it.
    if in_kernel():
        yield str
        return
    with waiting(trial.line()) as change:
        yield change


class _Running:
    """Work in a thread, so that an interrupt of this one can end it in good order."""

    def __init__(self, work: Callable[[threading.Event], CodeReport]) -> None:
        self._stop, self._ended = threading.Event(), threading.Event()
        self._work = work
        self._report: CodeReport | None = None
        self._error: BaseException | None = None
        self.is_stopped = False

    def wait(self, trial: Trial) -> CodeReport:
        """Until it ends; its errors are raised here."""
        thread = threading.Thread(target=self._run, name="kit-trial", daemon=True)
        try:
            with _line(trial) as change:
                # What shows the line is imported by now: an interrupt in the middle of an import may be lost.
                thread.start()
                while not self._ended.wait(POLL_S):
                    change(trial.line())
        except KeyboardInterrupt:
            self.is_stopped = True
            self._stop.set()
            if thread.ident is not None:
                self._ended.wait()
        if self.is_stopped and self._report is None:
            # An interrupt reaches the whole group of processes, and a sandbox may be the first to go.
            return _stopped()
        if self._error is not None:
            raise self._error
        assert self._report is not None
        return self._report

    def _run(self) -> None:
        try:
            self._report = self._work(self._stop)
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()


def _stopped() -> CodeReport:
    from kit.runner.report import CodeReport
    from kit.submission import Verdict

    return CodeReport((), verdict=Verdict.CANCELLED, reason="It was stopped.")


def _fold_facts(number: int, state: str, known: dict[str, Any]) -> dict[str, Any]:
    is_over = state in ("done", "failed")
    scores = known.get("scores") or {}
    told = {step: scores.get(step) for step in STEPS}
    return {"fold": number, "state": state, **told} | {
        key: known.get(key) if is_over else None for key in (*TIMES, "peak_bytes")
    }
