"""Scores of aligned predictions on each split, with confidence intervals. Reads no files, knows no store."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit.competition import Question, class_text, is_custom
from kit.errors import MetricFailed
from kit.metrics import Array, Domain, Metric, Target, get_metric
from kit.submission import Score, Split
from kit.truth import Truth

LEVEL = 0.95
N_RESAMPLES = 1000
BUDGET_S = 0.5
"""Resampling of one metric on one split stops after this long, but not before MIN_RESAMPLES."""
MIN_RESAMPLES = 100

OnRows = Callable[[Array, Array | None], float]
"""A metric with its data, as a function of row numbers, which may repeat, and of their group codes."""


def score(
    predictions: pd.DataFrame, truth: Truth, question: Question, *, directory: Path, seed: int = 0
) -> tuple[Score, ...]:
    """Score predictions by every metric of a question, on both splits.

    Parameters
    ----------
    predictions : DataFrame
        As ``kit.predictions.read_predictions`` returns it: aligned with ``truth.expected.ids``.
    directory : Path
        The competition's folder, where a custom metric's file lies.
    seed : int
        Of the bootstrap; the same for all submissions of a question, so that intervals do not
        change from one judging to the next.

    Raises
    ------
    MetricFailed
        A metric raised or is not a finite number: the organizer's to mend.
    """
    scores = []
    for name in question.metrics:
        on_rows = _on_rows(name, predictions, truth, question, directory)
        for split in Split:
            scores.append(_score_split(name, on_rows, truth, split, seed))
    return tuple(scores)


def score_split(
    name: str, predictions: pd.DataFrame, truth: Truth, question: Question, split: Split, *, directory: Path
) -> float:
    """One metric's value on one split, without an interval.

    Raises
    ------
    MetricFailed
        As `score` does.
    """
    rows = truth.rows(split)
    groups = None if truth.groups is None else truth.groups[rows]
    return _finite(
        name, _on_rows(name, predictions, truth, question, directory)(rows, groups), split, len(rows)
    )


def bootstrap(
    on_rows: OnRows, rows: Array, groups: Array | None = None, *, seed: int, budget_s: float = BUDGET_S
) -> Array:
    """Scores of resamples with replacement; resamples without a finite score are left out.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
    groups : ndarray of int, shape (n,), optional
        Whole groups are drawn instead of rows: rows of one query or patient are not independent.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile interval).
    """
    rng = np.random.default_rng(seed)
    draw = _row_draw(rows, rng) if groups is None else _group_draw(rows, groups, rng)
    ends_at = time.perf_counter() + budget_s
    resampled = np.full(N_RESAMPLES, np.nan)
    for b in range(N_RESAMPLES):
        if b >= MIN_RESAMPLES and time.perf_counter() > ends_at:
            break
        # A metric of the organizer's may raise where a resample lacks a class, say: like NaN.
        with contextlib.suppress(MetricFailed):
            resampled[b] = on_rows(*draw())
    finite: Array = resampled[np.isfinite(resampled)]
    return finite


def _row_draw(rows: Array, rng: np.random.Generator) -> Callable[[], tuple[Array, Array | None]]:
    return lambda: (rows[rng.integers(0, len(rows), len(rows))], None)


def _group_draw(
    rows: Array, groups: Array, rng: np.random.Generator
) -> Callable[[], tuple[Array, Array | None]]:
    order = np.argsort(groups, kind="stable")
    members = np.split(rows[order], np.flatnonzero(np.diff(groups[order])) + 1)

    def draw() -> tuple[Array, Array | None]:
        drawn = [members[g] for g in rng.integers(0, len(members), len(members))]
        # A group drawn twice counts as two groups, so it is numbered anew.
        return np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(d) for d in drawn])

    return draw


def _score_split(name: str, on_rows: OnRows, truth: Truth, split: Split, seed: int) -> Score:
    rows = truth.rows(split)
    groups = None if truth.groups is None else truth.groups[rows]
    value = on_rows(rows, groups)
    _finite(name, value, split, len(rows))
    resampled = bootstrap(on_rows, rows, groups, seed=seed)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail]) if len(resampled) else (value, value)
    # A percentile interval of a skewed metric can miss the score itself by a hair: take it in.
    low, high = min(float(low), value), max(float(high), value)
    return Score(name, split, value, low, high, LEVEL, len(rows), len(resampled))


def _finite(name: str, value: float, split: Split, n_rows: int) -> float:
    if np.isfinite(value):
        return value
    raise MetricFailed(
        f"Metric '{name}' gives {value} on the {split.value} split ({n_rows} rows). "
        "A score must be a finite number: check the metric's function, and that the split holds "
        "every class and more than one value."
    )


def _on_rows(
    name: str, predictions: pd.DataFrame, truth: Truth, question: Question, directory: Path
) -> OnRows:
    if is_custom(name):
        return _custom(name, predictions, truth, directory)
    metric = get_metric(name)
    options = dict(metric.options)
    if metric.takes_class_weights:
        options["class_weights"] = _class_weights(question, truth.expected.classes)
    if metric.target is Target.CLASS and truth.expected.domain is Domain.DISTRIBUTION:
        return _over_rows(metric, truth.targets[:, 0], _as_domain(metric, predictions, truth), options, truth)
    parts = [
        _over_rows(
            metric, truth.targets[:, i], _as_domain(metric, predictions.iloc[:, [i]], truth), options, truth
        )
        for i in range(truth.targets.shape[1])
    ]
    return (
        parts[0]
        if len(parts) == 1
        else lambda rows, groups: float(np.mean([part(rows, groups) for part in parts]))
    )


def _over_rows(
    metric: Metric, y_true: Array, y_pred: Array, options: dict[str, object], truth: Truth
) -> OnRows:
    def on_rows(rows: Array, groups: Array | None) -> float:
        extra = dict(options)
        if metric.needs_groups:
            extra["groups"] = groups
        if metric.takes_events and truth.events is not None:
            extra["events"] = truth.events[rows]
        return float(metric.function(y_true[rows], y_pred[rows], **extra))

    return on_rows


def _as_domain(metric: Metric, predictions: pd.DataFrame, truth: Truth) -> Array:
    """The predictions as the metric takes them; probabilities serve a label metric by the likeliest class."""
    values: Array = predictions.to_numpy()
    given = truth.expected.domain
    wanted = metric.domain if len(truth.expected.classes) <= 2 else metric.multiclass_domain
    if given is Domain.DISTRIBUTION:
        if wanted is Domain.LABEL:
            codes: Array = np.argmax(values, axis=1)
            return codes
        return values if wanted is Domain.DISTRIBUTION else values[:, 1]
    if given is Domain.PROBABILITY and wanted is Domain.LABEL:
        return (values[:, 0] >= 0.5).astype("int64")
    return values[:, 0]


def _class_weights(question: Question, classes: tuple[str, ...]) -> Array:
    weights = question.metric_options.get("class_weights", {})
    return np.array([float(weights.get(name, 1.0)) for name in classes])


def _custom(name: str, predictions: pd.DataFrame, truth: Truth, directory: Path) -> OnRows:
    """An organizer's ``file.py:function(truth, predictions) -> float`` over frames indexed by id."""
    function = load_function(name, directory)
    predicted = predictions
    if truth.expected.domain is Domain.LABEL:
        # Classes as the truth writes them, so that the two frames compare: 1 stays 1, not "1".
        written = {class_text(v): v for column in truth.frame for v in truth.frame[column].unique().tolist()}
        names = [written.get(name, name) for name in truth.expected.classes]
        predicted = pd.DataFrame(
            {column: [names[code] for code in codes] for column, codes in predictions.items()},
            index=predictions.index,
        )

    def on_rows(rows: Array, _groups: Array | None) -> float:
        try:
            return float(function(truth.frame.iloc[rows], predicted.iloc[rows]))
        except MemoryError:
            raise
        except Exception as error:
            raise MetricFailed(f"Metric '{name}' raised {type(error).__name__}: {error}") from error

    return on_rows


def load_function(name: str, directory: Path) -> Callable[..., Any]:
    """The function a question names as ``file.py:function``, from the competition's folder.

    Raises
    ------
    MetricFailed
        The file cannot be imported, or holds no such function.
    """
    file, _, attribute = name.partition(":")
    spec = importlib.util.spec_from_file_location(f"kit_metric_{Path(file).stem}", directory / file)
    if spec is None or spec.loader is None:
        raise MetricFailed(f"Metric '{name}': '{file}' is no Python file.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        function = getattr(module, attribute)
    except Exception as error:
        raise MetricFailed(f"Metric '{name}' cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(function):
        raise MetricFailed(f"Metric '{name}': '{attribute}' in '{file}' is no function.")
    callable_function: Callable[..., Any] = function
    return callable_function
