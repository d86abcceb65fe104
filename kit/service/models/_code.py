"""Models of code submissions: how code is run, how far it is, what it scored on folds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

Steps = dict[str, dict[str, float]]
"""Scores by step (train, valid, test, private), then by metric."""


class QuestionCode(BaseModel):
    """How code is run; limits are those of one fold.

    ``entries`` are files that a submission must have: ``submission``.py, or what the problem says.
    ``n_folds`` is null where only the data tell, ``splitter`` where the organizers' problem splits, ``train``
    and ``test`` where these files are not among the data.
    """

    submission: str
    entries: list[str]
    n_folds: int | None
    splitter: dict[str, Any] | None
    train: str | None
    test: str | None
    cpu_s: float
    wall_s: float
    memory_mb: float
    pids: int
    disk_mb: float
    threads: int
    seed: int
    hides_inputs: bool
    max_bytes: int


class Fold(BaseModel):
    """A run: a submission on one fold. Scores are by metric, and null where they may not be seen (yet)."""

    fold: int
    state: Literal["waiting", "running", "done", "failed"]
    train: dict[str, float] | None
    valid: dict[str, float] | None
    test: dict[str, float] | None
    private: dict[str, float] | None
    fit_s: float | None
    valid_s: float | None
    test_s: float | None
    fit_cpu_s: float | None
    valid_cpu_s: float | None
    test_cpu_s: float | None
    peak_bytes: int | None


class CodeRun(BaseModel):
    """How far a submission's code is, and what it came to.

    ``test`` is on the public rows of the truth, ``private`` on the others. Both are told when the submission
    is SCORED, and like ``mean`` over folds, their ``std`` and ``bagged`` (all folds together) only where its
    score is. Times are means over the folds that are done, and ``peak_bytes`` is the most of them.
    ``built_on`` names the submissions it credits; null where code was not open when it was submitted.
    A notebook has no folds: it is run once, in ``fit_s``, and ``n_cells_done`` of its ``n_cells`` are done.
    """

    n_folds: int | None
    n_done: int
    folds: list[Fold]
    mean: Steps | None
    std: Steps | None
    bagged: Steps | None
    isolation: str | None
    reproducible: bool | None
    has_traceback: bool
    fit_s: float | None
    valid_s: float | None
    test_s: float | None
    peak_bytes: int | None
    n_cells: int | None
    n_cells_done: int | None
    has_notebook: bool
    built_on: list[int] | None


class CodeFile(BaseModel):
    """A file of a submission."""

    name: str
    text: str


class Code(BaseModel):
    """The code of a submission."""

    submission: int
    team: str
    files: list[CodeFile]
