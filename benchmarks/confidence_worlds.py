"""Worlds whose true scores are known, to play intervals and comparisons in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from kit._scoring import Blocks, Estimate, Range, Rows, deal, estimate, reducer
from kit.metrics import METRICS, Array, Domain, Metric, Target

PER_QUERY = 8
SIZE = 6
"""Rows of a cluster."""
CLASSES = 4
ORDERED = ("f1_macro", "f1_weighted", "balanced_accuracy", "cohen_kappa", "mcc", "quadratic_weighted_kappa")
"""Played with four ordered classes; other metrics of classes with two."""
RARE = ("roc_auc", "average_precision", "log_loss", "f1", "precision", "recall")
"""Played with 5 % positives too."""
FAMILIES = ("rmse", "medae", "r2", "log_loss", "roc_auc", "average_precision", "f1", "f1_macro", "ndcg")
"""Of each kind of table one is played with 200,000 rows."""
QUICK = ("rmse", "medae", "log_loss", "roc_auc", "average_precision", "f1_macro", "ndcg")


@dataclass(frozen=True)
class Play:
    """Rows of one world, with predictions."""

    y_true: Array
    y_pred: Array
    groups: Array | None = None


World = Callable[[np.random.Generator, int], Play]
"""A play of so many rows."""


def draw(name: str, n: int, rng: np.random.Generator, share: float = 0.3) -> Play:
    """``n`` independent rows or queries, ``share`` of them positive where there are two classes."""
    metric = METRICS[name]
    if metric.needs_groups:
        y = (rng.random(PER_QUERY * n) < 0.3) * rng.integers(1, 4, PER_QUERY * n).astype(float)
        return Play(y, y / 2 + rng.normal(size=len(y)), np.repeat(np.arange(n), PER_QUERY))
    if metric.target is Target.NUMBER:  # skewed, with errors that have heavy tails and grow with the truth
        y = rng.gamma(2.0, 3.0, n)
        return Play(y, np.abs(y + 0.6 * np.sqrt(y) * rng.standard_t(5, n)))
    if name in ORDERED:
        y = rng.choice(CLASSES, n, p=[0.4, 0.3, 0.2, 0.1])
        return Play(y, np.clip(np.rint(y + 0.8 * rng.normal(size=n)), 0, CLASSES - 1).astype(int))
    x, base = rng.normal(size=n), np.log(share / (1 - share))
    y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * x - base))).astype(int)
    p = 1 / (1 + np.exp(-1.2 * x - 0.7 * rng.normal(size=n) - base))
    return Play(y, (p > 0.5).astype(int) if metric.domain is Domain.LABEL else p)


def rivals(name: str, play: Play, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two predictions made worse in the same way, independently: equally good."""
    metric, n = METRICS[name], len(play.y_pred)
    if metric.domain is Domain.LABEL:
        pair = [
            np.where(rng.random(n) < 0.15, rng.integers(0, int(play.y_true.max()) + 1, n), play.y_pred)
            for _ in "ab"
        ]
    elif metric.target is Target.CLASS:
        logit = np.log(play.y_pred / (1 - play.y_pred))
        pair = [1 / (1 + np.exp(-logit - 0.4 * rng.normal(size=n))) for _ in "ab"]
    else:
        pair = [np.abs(play.y_pred + 0.4 * play.y_pred.std() * rng.normal(size=n)) for _ in "ab"]
    return pair[0], pair[1]


def estimates(metric: Metric, play: Play, blocks: Blocks, *predictions: Array) -> list[Estimate]:
    n_classes = int(play.y_true.max()) + 1 if metric.target is Target.CLASS else 0
    reduce = reducer(metric, Rows(play.y_true, blocks, play.groups, n_classes=n_classes))
    return [estimate(reduce(p), blocks, Range.of(metric)) for p in predictions]


def blocks_of(name: str, n: int) -> Blocks:
    """Rows are independent here, so one deal serves all repetitions; intervals use no resamples."""
    groups = np.repeat(np.arange(n), PER_QUERY) if METRICS[name].needs_groups else None
    dealt = deal(n if groups is None else len(groups), groups, seed=1)
    return replace(dealt, n_resamples=2)


def true_score(play: Callable[[int], Play], name: str, n_draws: int) -> float:
    """Of a metric in the world that ``play`` draws rows of, from millions of them."""
    metric = METRICS[name]
    n, n_draws = (200_000, 3 * n_draws) if metric.needs_groups else (1_000_000, n_draws)
    drawn = (play(n) for _ in range(n_draws))
    return float(np.mean([metric.function(p.y_true, p.y_pred, **extra_of(metric, p)) for p in drawn]))


def extra_of(metric: Metric, play: Play) -> dict[str, Array]:
    return {"groups": play.groups} if metric.needs_groups and play.groups is not None else {}


def clustered(name: str, n: int, rng: np.random.Generator) -> tuple[Play, Array]:
    """``n`` clusters of rows with one truth and mostly one error, and an equally good rival."""
    metric = METRICS[name]
    y = rng.normal(size=n) if metric.target is Target.NUMBER else (rng.random(n) < 0.5).astype(int)
    whole = np.repeat(y, SIZE)
    pair = []
    for _ in "ab":
        error = np.repeat(rng.normal(size=n), SIZE) + 0.3 * rng.normal(size=n * SIZE)
        chance = 1 / (1 + np.exp(1 - 2 * whole - error))
        is_label = metric.domain is Domain.LABEL
        if metric.target is Target.NUMBER:
            pair.append(whole + error)
        else:
            pair.append((chance > 0.5).astype(int) if is_label else chance)
    return Play(whole, pair[0], np.repeat(np.arange(n), SIZE)), pair[1]


def in_clusters(name: str, rng: np.random.Generator, n: int) -> Play:
    """Some ``n`` rows in clusters."""
    return clustered(name, n // SIZE, rng)[0]


def _few_positives(rng: np.random.Generator, n: int) -> Play:
    return draw("roc_auc", n, rng, share=0.012)


def _with_tails(degrees: float) -> World:
    def play(rng: np.random.Generator, n: int) -> Play:
        y = rng.normal(size=n)
        return Play(y, y + rng.standard_t(degrees, n))

    return play


def _near_zero(rng: np.random.Generator, n: int) -> Play:
    y = 0.001 + rng.random(n)
    return Play(y, y + 0.1 * rng.normal(size=n))


def _plain(rng: np.random.Generator, n: int) -> Play:
    return draw("rmse", n, rng)


def _chances(rng: np.random.Generator, n: int) -> Play:
    return draw("log_loss", n, rng)


DOUBTFUL: dict[str, tuple[str, int, World, float | None]] = {
    "12 rows": ("rmse", 12, _plain, None),
    "12 rows of two classes": ("log_loss", 12, _chances, None),
    "400 rows, 5 positive": ("roc_auc", 400, _few_positives, None),
    "400 rows, 5 positive, a precision": ("average_precision", 400, _few_positives, None),
    "200 rows, errors of t(3)": ("rmse", 200, _with_tails(3.0), 3**0.5),
    "2,000 rows, errors of t(3)": ("rmse", 2_000, _with_tails(3.0), 3**0.5),
    "200 rows, losses of t(2)": ("mae", 200, _with_tails(2.0), 2**0.5),
    "2,000 rows, losses of t(2)": ("mae", 2_000, _with_tails(2.0), 2**0.5),
    "200 rows, truth near 0": ("mape", 200, _near_zero, None),
    "2,000 rows, truth near 0": ("mape", 2_000, _near_zero, None),
}
"""Where intervals fail: what it is, metric, rows, world, and its score where simulation is a poor guide."""
