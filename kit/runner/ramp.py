"""A question in RAMP's contract: an organizer's problem.py, which has a process of its own.

Its data stay there. Into sandboxes go its modules and, packed, the inputs of one fold.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from kit._competition_problems import FILE, nearest
from kit._scoring import black_box, prepare
from kit.competition import Competition, Question
from kit.errors import InvalidCompetition, InvalidPredictions, OrganizerError
from kit.errors import Problem as Wrong
from kit.metrics import Array
from kit.runner.problem import Bagged, Fold, Predicted
from kit.runner.ramp_staging import STEPS, stage
from kit.runner.report import Scores
from kit.runner.run import Run, Task
from kit.runner.settings import python_of
from kit.scoring import Scoring
from kit.submission import Evidence, Score, Split

PROCESS = Path(__file__).with_name("ramp_process.py")
STEP_OF = {Split.PUBLIC: "valid", Split.PRIVATE: "test"}
"""As on RAMP's boards: rows held out rank as public, test rows as private."""


class RampProblem:
    """Folds, inputs and scores of a problem.py.

    Parameters
    ----------
    n_folds, metrics, entries
        As of any problem; ``metrics`` are all score types, the question's metric first.
    directions : mapping of str to bool
        Whether greater is better, by score type.
    folders : tuple of Path
        What sandboxes see of its data, as images are.
    n_test : int
        Rows to test on; 0 where the problem gives no labels of them.
    """

    def __init__(self, competition: Competition, question: Question) -> None:
        assert question.code is not None and question.code.problem is not None
        self._question, self._competition = question, competition
        path = competition.directory / question.code.problem
        self._process = _Process(python_of(competition, question) or Path(sys.executable), path)
        facts = self._facts = self._open()
        self.directions: Mapping[str, bool] = {name: not lower for name, lower in facts["scores"]}
        self.metrics = self._metrics()
        self.entries: tuple[str, ...] = tuple(facts["entries"])
        self.title = str(facts["title"])
        self.folders = tuple(map(Path, facts["mounts"]))
        self.n_folds, self.n_test = len(facts["folds"]), int(facts["n_test"])
        self._folds = [(np.array(a, dtype=int), np.array(b, dtype=int)) for a, b in facts["folds"]]
        scratch = tempfile.mkdtemp(prefix="kit-ramp-")
        self._remove = weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        self._staged = stage(competition, question, Path(scratch) / "problem")

    def task(self, code: Path) -> Task:
        """What is run of a submission: the workflow's steps, by the problem's modules without its data."""
        settings = self._question.code
        assert settings is not None
        return Task(
            code=code,
            entry=PurePath(self.entries[0]).stem,
            kind="ramp",
            seed=settings.seed,
            mounts=(self._staged, *self.folders),
            options={"problem": STEPS.stem, "columns": "any"},
        )

    def fold(self, k: int) -> Fold:
        """Inputs of a fold, packed; of labels only those it learns from."""
        X_train, y_train, X, X_test = self._process.call("inputs", k)
        n_train = self._facts["n_train"]
        packed = (
            _Packed.of(X_train, n_train), y_train, _Packed.of(X, n_train), _Packed.of(X_test, self.n_test)
        )  # fmt: skip
        return Fold(*packed, *self._folds[k])

    def read(self, run: Run) -> Predicted:
        """What a run predicted, checked by the problem's own type of predictions.

        Raises
        ------
        InvalidPredictions
        """
        predicted = Predicted(run.predictions["valid"], run.predictions["test"])
        try:
            self._process.call("check", predicted.valid, predicted.test)
        except _Unfit as error:
            raise InvalidPredictions(self._question.id, [str(error)]) from None
        return predicted

    def fold_scores(self, k: int, predicted: Predicted) -> Scores:
        """Scores of a fold by step."""
        return _with_private(self._process.call("fold_scores", k, predicted.valid, predicted.test))

    def kept(self, k: int, predicted: Predicted) -> tuple[Array, Array]:
        """Predictions of the rows the fold held out, and of the test rows."""
        return predicted.valid[self._folds[k][1]], predicted.test

    def bagged(self, predicted: Sequence[Predicted]) -> Bagged:
        """All folds, combined as the problem's type of predictions does, with intervals."""
        valids, tests = [p.valid for p in predicted], [p.test for p in predicted]
        scores = self._process.call("bag", valids, tests)
        return Bagged(_with_private(scores), self._test_predictions(), self._scoring(scores))

    def select(self, k: int, valids: Sequence[Array], *, most: int) -> list[int]:
        """Places of submissions in a fold's ensemble, by the first metric, in the order they are chosen.

        Parameters
        ----------
        valids : sequence of ndarray
            Of each submission, as `kept` gives them.
        """
        chosen: list[int] = self._process.call("select", k, self.metrics[0], list(valids), most)
        return chosen

    def blend(
        self,
        valids: Sequence[Sequence[Array]],
        tests: Sequence[Sequence[Array]],
        members: Sequence[Sequence[int]],
    ) -> Scores:
        """Scores of the folds' ensembles together, as of a submission; predictions by fold, then by it."""
        given = ([list(fold) for fold in each] for each in (valids, tests, members))
        return _with_private(self._process.call("blend", *given))

    @property
    def is_open(self) -> bool:
        """Whether the problem's process still answers."""
        return self._process.is_alive

    def close(self) -> None:
        """End the process, and remove what was staged."""
        self._process.close()
        self._remove()

    def _open(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = self._process.call("facts")
        except OrganizerError as error:
            path = str(self._question.code.problem) if self._question.code else ""
            text, fix = f"cannot be used: {error}", "Try it with ramp-test."
            raise InvalidCompetition(str(self._competition.directory), [Wrong(path, "", text, fix)]) from None
        return facts

    def _metrics(self) -> tuple[str, ...]:
        """All score types, the question's first; without one named, the problem's first ranks."""
        question, known = self._question, list(self.directions)
        key, problems = f"question '{question.id}': metric", []
        named = [name.partition(":")[2] for name in question.metrics]
        for name in named:
            if name and name not in known:
                problems.append(
                    Wrong(FILE, key, f"'{name}' is no score type of the problem.", nearest(name, known))
                )
        first = named[0] or known[0]
        said = question.greater_is_better
        if first in known and said is not None and said is not self.directions[first]:
            text = f"greater_is_better is {str(said).lower()}, and '{first}' says the contrary."
            problems.append(Wrong(FILE, key, text, "Take greater_is_better out: score types have it."))
        if problems:
            self._process.close()
            raise InvalidCompetition(str(self._competition.directory), problems)
        return tuple(dict.fromkeys([first, *known]))

    def _test_predictions(self) -> pd.DataFrame | None:
        content = self._process.call("bagged_test")
        if content is None:
            return None
        values = np.load(io.BytesIO(content), allow_pickle=False)
        values = values[:, None] if values.ndim == 1 else values
        labels = self._facts["labels"]
        columns = labels if len(labels) == values.shape[1] else [f"y{i}" for i in range(values.shape[1])]
        return pd.DataFrame(values, columns=columns).rename_axis(self._question.id_column)

    def _scoring(self, scores: Scores) -> Scoring:
        """Combined scores with intervals, and what is kept to compare submissions."""
        found: list[Score] = []
        evidence: list[Evidence] = []
        for split in (split for split in Split if STEP_OF[split] in scores):
            n_rows = self._process.call("n_bagged", STEP_OF[split])
            seed = int(self._facts["seed"][:16], 16) + (split is Split.PRIVATE)
            blocks = prepare(np.zeros((n_rows, 1)), seed=seed).blocks
            for name in self.metrics:
                estimate = black_box(_Part(self._process, STEP_OF[split], name), blocks)
                n_resamples = int(np.count_nonzero(np.isfinite(estimate.resampled)))
                size = (estimate.level, n_rows, n_resamples)
                warning = f"{estimate.warning} Error by {estimate.method}.".strip()
                value = scores[STEP_OF[split]][name]
                found.append(
                    Score(name, split, value, estimate.low, estimate.high, *size, estimate.se, warning)
                )
                if name == self.metrics[0]:
                    evidence.append(Evidence(split, estimate.influences, estimate.resampled))
        return Scoring(tuple(found), tuple(evidence))


def _with_private(scores: Mapping[str, Mapping[str, float]]) -> Scores:
    """With those of test rows as private ones, which are seen when the competition closes."""
    return {**scores, Split.PRIVATE.value: scores["test"]} if "test" in scores else scores


class _Packed(bytes):
    """Inputs as they cross, with the shape that says how many rows are to be predicted."""

    shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, content: bytes, n_rows: int) -> _Packed:
        packed = cls(content)
        packed.shape = (n_rows,)
        return packed


class _Part:
    """A combined score on some of its rows."""

    def __init__(self, process: _Process, step: str, name: str) -> None:
        self._process, self._step, self._name = process, step, name

    def __call__(self, rows: Array) -> float:
        return float(self._process.call("part", self._step, self._name, rows))

    def by_block(self, of_row: Array, n_blocks: int, *, is_left_out: bool) -> Array:
        """On all parts at once: each call costs a change of processes."""
        asked = self._step, self._name, of_row, n_blocks, is_left_out
        return np.array(self._process.call("parts", *asked), dtype=float)


class _Unfit(Exception):
    """Predictions that do not fit."""


class _Process:
    """Calls into the problem's process, one at a time; it ends with this one."""

    def __init__(self, python: Path, path: Path) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [str(python), "-B", str(PROCESS), str(theirs.fileno()), str(path)]
            self._popen = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self._connection = Connection(ours.detach())
        self.close = weakref.finalize(self, _end, self._popen, self._connection)

    @property
    def is_alive(self) -> bool:
        return self.close.alive and self._popen.poll() is None

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a method there.

        Raises
        ------
        OrganizerError
            It raised, or the process died.
        """
        with self._lock:
            try:
                # The first answer comes unasked: reading the data begins with the process.
                if name != "facts":
                    self._connection.send((name, tuple(_written(a) for a in arguments)))
                answer = self._connection.recv()
            except (EOFError, OSError) as error:
                raise OrganizerError(f"problem.py: its process ended ({self._popen.poll()}).") from error
        if answer[0] == "unfit":
            raise _Unfit(answer[1])
        if answer[0] == "failed":
            raise OrganizerError(f"problem.py: {answer[1]}\n{answer[2]}")
        return answer[1]


def _end(popen: subprocess.Popen[bytes], connection: Connection[Any, Any]) -> None:
    connection.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        popen.wait(1)
        return
    popen.kill()
    popen.wait()


def _written(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        file = io.BytesIO()
        np.save(file, value, allow_pickle=False)
        return file.getvalue()
    return [_written(item) for item in value] if isinstance(value, list) else value
