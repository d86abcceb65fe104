"""What running a submission's code led to: facts of each fold, and of all together. Computes nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from kit.metrics import Array
from kit.scoring import Scoring
from kit.submission import Verdict

STEPS = ("train", "valid", "test", "public", "private")
"""Rows that are scored: of the training table, learnt from and held out; of the truth, all and by split."""

Scores = Mapping[str, Mapping[str, float]]
"""By step and metric; NaN where a metric is undefined on those rows."""

FoldState = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class FoldReport:
    """One fold: its scores, and what it took as the service measured it."""

    fold: int
    state: FoldState = "waiting"
    scores: Scores = field(default_factory=dict)
    fit_s: float = 0.0
    valid_s: float = 0.0
    test_s: float = 0.0
    fit_cpu_s: float = 0.0
    valid_cpu_s: float = 0.0
    test_cpu_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, eq=False)
class CodeReport:
    """All folds of a submission.

    Parameters
    ----------
    mean, std : Scores
        Over folds; the standard deviation is the population's. Folds where a metric is undefined are
        left out.
    bagged : Scores
        Of the predictions of all folds together: of rows held out by the folds that held them out, of test
        rows by all. That of "public" and "private" is the submission's score.
    reproducible : bool or None
        Whether running the first fold again gave the same predictions; None where it was not.
    verdict : Verdict or None
        Why it failed, None where it did not; ``reason`` says more, one problem a line.
    test_predictions : DataFrame or None
        As a predictions file: indexed by id. None where a fold failed.
    scoring : Scoring or None
        The submission's scores, of a question in RAMP's contract; of others they are those of
        ``test_predictions``.
    valid_predictions, fold_test_predictions : tuple of ndarray
        By fold, of the rows it held out and of the truth's: floats, or codes of classes.
    """

    folds: tuple[FoldReport, ...]
    mean: Scores = field(default_factory=dict)
    std: Scores = field(default_factory=dict)
    bagged: Scores = field(default_factory=dict)
    isolation: str = ""
    features: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    threads: int = 1
    environment: str = ""
    reproducible: bool | None = None
    verdict: Verdict | None = None
    reason: str = ""
    traceback: str = ""
    output: str = ""
    withheld: bool = False
    test_predictions: pd.DataFrame | None = None
    scoring: Scoring | None = None
    valid_predictions: tuple[Array, ...] = ()
    fold_test_predictions: tuple[Array, ...] = ()

    def to_json(self) -> str:
        """Everything but predictions, as JSON; NaN as null."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _ARRAYS}
        kept["folds"] = [asdict(fold) for fold in self.folds]
        return json.dumps(_without_nan(kept), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        kept = json.loads(text)
        folds = tuple(FoldReport(**{**f, "scores": _with_nan(f["scores"])}) for f in kept.pop("folds"))
        verdict = None if kept["verdict"] is None else Verdict(kept["verdict"])
        scores = {key: _with_nan(kept.pop(key)) for key in ("mean", "std", "bagged")}
        features = tuple(kept.pop("features"))
        return cls(folds, **{**kept, **scores, "features": features, "verdict": verdict})


_ARRAYS = {"test_predictions", "scoring", "valid_predictions", "fold_test_predictions"}


def mean_and_std(scores: Sequence[Scores]) -> tuple[Scores, Scores]:
    """Mean and population standard deviation over folds, by step and metric.

    Examples
    --------
    >>> mean, std = mean_and_std([{"valid": {"mae": 1.0}}, {"valid": {"mae": 3.0}}])
    >>> mean["valid"]["mae"], std["valid"]["mae"]
    (2.0, 1.0)
    """
    mean: dict[str, dict[str, float]] = {}
    std: dict[str, dict[str, float]] = {}
    for step, metrics in (scores[0] if scores else {}).items():
        for metric in metrics:
            values = np.array([fold[step][metric] for fold in scores])
            defined = values[np.isfinite(values)]
            mean.setdefault(step, {})[metric] = float(defined.mean()) if len(defined) else math.nan
            std.setdefault(step, {})[metric] = float(defined.std()) if len(defined) else math.nan
    return mean, std


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(scores: Mapping[str, Mapping[str, float | None]]) -> Scores:
    return {
        step: {name: math.nan if v is None else v for name, v in metrics.items()}
        for step, metrics in scores.items()
    }
