"""What is told of code: how it is run, how far it is, and scores where they may be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from statistics import fmean
from typing import Any

from kit._splitter import make_splitter
from kit.code_files import MOST_BYTES
from kit.competition import Question
from kit.service import models, showing
from kit.service.hosted import HostedQuestion
from kit.store import CodeRun, FoldRun
from kit.submission import Judgement, Split, State

SHOWN = {"train": "train", "valid": "valid", "public": "test", "private": "private"}
"""Steps as the judge names them, and as they are told; scores on all rows of the truth are not."""
_SPLITS = {"public": Split.PUBLIC, "private": Split.PRIVATE}
_TIMES = ("fit_s", "valid_s", "test_s", "fit_cpu_s", "valid_cpu_s", "test_cpu_s")


def question_code(hosted: HostedQuestion) -> models.QuestionCode | None:
    """How code is run, where the question takes any."""
    question, code = hosted.question, hosted.question.code
    if code is None:
        return None
    splitter = None if code.problem else _splitter(hosted)
    return models.QuestionCode(
        submission=PurePosixPath(hosted.entries[0]).stem,
        entries=list(hosted.entries),
        n_folds=hosted.n_folds if splitter is None else _n_folds(splitter),
        splitter=splitter,
        train=_given(question, code.train),
        test=_given(question, code.test),
        cpu_s=code.cpu_s,
        wall_s=code.wall_s,
        memory_mb=code.memory_mb,
        pids=code.pids,
        disk_mb=code.disk_mb,
        threads=code.threads,
        seed=code.seed,
        hides_inputs=code.hides_inputs(question.data),
        max_bytes=MOST_BYTES,
    )


def _splitter(hosted: HostedQuestion) -> dict[str, Any]:
    """The splitter with its name; by default as it is made."""
    code = hosted.question.code
    assert code is not None
    if "name" in code.splitter:
        return dict(code.splitter)
    name = "StratifiedKFold" if hosted.classes else "KFold"
    return {"name": name, "n_splits": 5, "shuffle": True, "random_state": 0} | code.splitter


def _n_folds(splitter: Mapping[str, Any]) -> int | None:
    try:
        made: Any = make_splitter(splitter, stratified=False, groups=None)
        return int(made.get_n_splits())
    except (ValueError, TypeError):
        # By group, say: only the data tell.
        return None


def _given(question: Question, path: str | None) -> str | None:
    """The name of a file, where participants are given it."""
    given = path is not None and PurePosixPath(path) in map(PurePosixPath, question.data)
    return PurePosixPath(path).name if path is not None and given else None


def code_run(
    run: CodeRun,
    judgement: Judgement,
    question: HostedQuestion | None,
    shown: frozenset[Split],
    *,
    exact: bool,
) -> models.CodeRun:
    """How far code is.

    Parameters
    ----------
    shown : frozenset of Split
        Splits whose scores the caller may see of this submission; empty where none are seen at all.
    exact : bool
        Whether all digits are told.
    """
    told = _Told(judgement, shown, exact)
    done = [fold for fold in run.folds if fold.state == "done"]
    n_cells_done, n_cells = run.cells or (None, None)
    folds = [] if run.cells else run.folds
    report = run.report if judgement.state is State.SCORED else {}
    return models.CodeRun(
        n_folds=len(folds) or (None if run.cells else _n_expected(question)),
        n_done=sum(fold.state in ("done", "failed") for fold in folds),
        folds=[told.fold(fold) for fold in folds],
        mean=told.steps(report.get("mean")),
        std=told.steps(report.get("std")),
        bagged=told.steps(report.get("bagged"), is_official=True),
        isolation=run.report.get("isolation"),
        reproducible=run.report.get("reproducible"),
        has_traceback=run.has_traceback,
        fit_s=_mean([fold.times.get("fit_s") for fold in done]),
        valid_s=_mean([fold.times.get("valid_s") for fold in done]),
        test_s=_mean([fold.times.get("test_s") for fold in done]),
        peak_bytes=max((fold.peak_bytes for fold in run.folds if fold.peak_bytes), default=None),
        n_cells=n_cells,
        n_cells_done=n_cells_done,
        has_notebook=run.has_notebook,
        built_on=None,
    )


def _n_expected(question: HostedQuestion | None) -> int | None:
    asked = None if question is None else question_code(question)
    return None if asked is None else asked.n_folds


class _Told:
    """Scores as one caller may see them."""

    def __init__(self, judgement: Judgement, shown: frozenset[Split], exact: bool) -> None:
        self._shown, self._exact = shown, exact
        # Before the end nothing is told of hidden labels: what fails or is cancelled is not counted.
        self._errors = (
            {(score.split, score.metric): score.error for score in judgement.scores}
            if judgement.state is State.SCORED
            else {}
        )

    def fold(self, fold: FoldRun) -> models.Fold:
        steps = self.steps(fold.scores) or {}
        facts = {"fold": fold.fold, "state": fold.state, "peak_bytes": fold.peak_bytes}
        scores = {told: steps.get(told) for told in SHOWN.values()}
        return models.Fold.model_validate({**facts, **scores, **{t: fold.times.get(t) for t in _TIMES}})

    def steps(
        self, scores: Mapping[str, Mapping[str, float | None]] | None, *, is_official: bool = False
    ) -> models.Steps | None:
        """Scores by the names of steps that are told; None where there is nothing to see.

        Of hidden labels a submission tells its official score alone while there is a private one to keep:
        code may answer otherwise in each fold, and would learn from as many scores as there are folds.
        """
        if not scores or not self._shown:
            return None
        is_free = is_official or self._exact or Split.PRIVATE in self._shown
        steps = {step: told for step, told in SHOWN.items() if is_free or step not in _SPLITS}
        seen = {told: self._step(step, scores[step]) for step, told in steps.items() if step in scores}
        return {told: values for told, values in seen.items() if values} or None

    def _step(self, step: str, values: Mapping[str, float | None]) -> dict[str, float]:
        split = _SPLITS.get(step)
        if split is None:
            return {metric: self._rounded(v) for metric, v in values.items() if v is not None}
        if split not in self._shown:
            return {}
        return {
            metric: showing.number(v, self._errors[split, metric], exact=self._exact)
            for metric, v in values.items()
            if v is not None and (split, metric) in self._errors
        }

    def _rounded(self, value: float) -> float:
        return value if self._exact else float(f"{value:.4g}")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
