"""Each metric against an independent oracle, and the properties that all of them share."""

from __future__ import annotations

import inspect
import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from kit.metrics import (
    METRICS,
    Array,
    Domain,
    Metric,
    Target,
    concordance_index,
    get_metric,
    mean_average_precision,
    ndcg,
    roc_auc,
)

NAMES = sorted([*METRICS, "ndcg@3", "map@2", "pinball@0.9"])


# Random questions -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Truth, predictions, and what else the metric is given; all arrays of the same length."""

    y_true: Array
    y_pred: Array
    extra: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    n: int
    n_classes: int = 2
    n_levels: int | None = None
    """Distinct predictions and target values; None for continuous ones."""
    rare: bool = False


SHAPES = {
    "few rows": Shape(6),
    "few rows, three classes": Shape(9, n_classes=3),
    "ties": Shape(60, n_levels=4),
    "ties, three classes": Shape(60, n_classes=3, n_levels=4),
    "imbalanced": Shape(300, rare=True),
    "imbalanced, five classes": Shape(400, n_classes=5, rare=True),
    "many rows": Shape(2000, n_levels=300),
    "many rows, many classes": Shape(2000, n_classes=12),
}


def rows_for(metric: Metric, shape: Shape, rng: np.random.Generator) -> Rows:
    """A random question that this metric is defined on."""
    if metric.target is Target.CLASS:
        return _class_rows(metric, shape, rng)
    extra: dict[str, Array] = {}
    y_true = _levels(rng.gamma(2.0, 3.0, shape.n), shape)
    y_pred = _levels(np.abs(y_true + rng.normal(0.0, 2.0, shape.n)), shape)
    if metric.target is Target.RELEVANCE:
        y_true = rng.integers(0, 2 if metric.function is mean_average_precision else 4, shape.n).astype(float)
        y_true[0] = 1.0
        y_pred = _levels(rng.normal(size=shape.n) + 0.3 * y_true, shape)
        extra["groups"] = rng.integers(0, max(1, shape.n // 9), shape.n)
    if metric.takes_events:
        extra["events"] = rng.integers(0, 2, shape.n)
        extra["events"][np.argmin(y_true)] = 1
    return Rows(y_true, y_pred, extra)


def _class_rows(metric: Metric, shape: Shape, rng: np.random.Generator) -> Rows:
    n, n_classes = shape.n, shape.n_classes if metric.multiclass_domain else 2
    shares = 0.25 ** np.arange(n_classes) if shape.rare else np.ones(n_classes)
    y_true = rng.choice(n_classes, n, p=shares / shares.sum())
    y_true[rng.permutation(n)[: 2 * n_classes]] = np.repeat(np.arange(n_classes), 2)
    right = np.eye(n_classes)[y_true]
    scores = _levels(rng.gamma(1.0, 1.0, (n, n_classes)) + 0.5 * right, shape) + 1e-3
    distribution = scores / scores.sum(axis=1, keepdims=True)
    domain = metric.domain if n_classes == 2 else metric.multiclass_domain
    y_pred = {
        Domain.PROBABILITY: distribution[:, 1],
        Domain.DISTRIBUTION: distribution,
        Domain.LABEL: distribution.argmax(axis=1),
        Domain.REAL: scores[:, 1] - scores[:, 0],
    }[domain or Domain.LABEL]
    extra = {"class_weights": rng.uniform(0.5, 4.0, n_classes)} if metric.takes_class_weights else {}
    return Rows(y_true, y_pred, extra)


def _levels(values: Array, shape: Shape) -> Array:
    if shape.n_levels is None:
        return values
    levels: Array = np.ceil(values / values.max() * shape.n_levels) / 4.0
    return levels


def _cases(*shapes: str) -> list[Any]:
    """Names and shapes that go together: several classes only where the metric takes them."""
    return [
        pytest.param(name, SHAPES[shape], id=f"{name}, {shape}")
        for name in NAMES
        for shape in shapes or SHAPES
        if SHAPES[shape].n_classes == 2 or get_metric(name).multiclass_domain
    ]


def score(metric: Metric, rows: Rows) -> float:
    return metric.function(rows.y_true, rows.y_pred, **rows.extra, **metric.options)


def perfect(metric: Metric, rows: Rows) -> Rows:
    if rows.y_pred.ndim == 2:
        return Rows(rows.y_true, np.eye(rows.y_pred.shape[1])[rows.y_true], rows.extra)
    if metric.target is Target.CLASS and metric.domain is not Domain.LABEL:
        return Rows(rows.y_true, (rows.y_true == 1).astype(float), rows.extra)
    return Rows(rows.y_true, rows.y_true.copy(), rows.extra)


# Oracles: scikit-learn, scipy, or the definition spelt out ---------------------------------------------


def _labels(rows: Rows) -> list[int]:
    return list(range(2 if rows.y_pred.ndim == 1 else rows.y_pred.shape[1]))


def _sk(function: Callable[..., float], **options: Any) -> Callable[[Rows], float]:
    return lambda rows: float(function(rows.y_true, rows.y_pred, **options))


def _of_present_queries(of_query: Callable[[Array, Array], float]) -> Callable[[Rows], float]:
    def oracle(rows: Rows) -> float:
        queries = [rows.extra["groups"] == g for g in np.unique(rows.extra["groups"])]
        return float(
            np.mean([of_query(rows.y_true[q], rows.y_pred[q]) for q in queries if rows.y_true[q].any()])
        )

    return oracle


def _ndcg_of_query(k: int | None) -> Callable[[Array, Array], float]:
    def of_query(y_true: Array, y_pred: Array) -> float:
        if len(y_true) == 1:
            return 1.0
        return float(sk.ndcg_score(y_true[None], y_pred[None], k=k))

    return of_query


def _map_of_query(k: int | None) -> Callable[[Array, Array], float]:
    """Place by place, from the hypergeometric law of what a tie has shown before this place."""

    def of_query(y_true: Array, y_pred: Array) -> float:
        total, place, above = 0.0, 0, 0
        for value in sorted(set(y_pred.tolist()), reverse=True):
            tied = y_true[y_pred == value] > 0
            m, r = len(tied), int(tied.sum())
            for j in range(m):
                place += 1
                if r and (k is None or place <= k):
                    ways = [math.comb(r - 1, s) * math.comb(m - r, j - s) for s in range(j + 1)]
                    seen = sum(s * w for s, w in enumerate(ways)) / math.comb(m - 1, j)
                    total += r / m * (above + seen + 1) / place
            above += r
        return total / min(above, k or above)

    return of_query


def _concordance_pair_by_pair(rows: Rows) -> float:
    y, p, e = rows.y_true, rows.y_pred, rows.extra["events"] == 1
    first = e[:, None] & ((y[:, None] < y[None, :]) | ((y[:, None] == y[None, :]) & ~e[None, :]))
    right = (p[:, None] < p[None, :]) + 0.5 * (p[:, None] == p[None, :])
    return float((first * right).sum() / first.sum())


def _roc_auc(rows: Rows) -> float:
    return float(sk.roc_auc_score(rows.y_true, rows.y_pred, multi_class="ovr"))


def _smape(rows: Rows) -> float:
    terms = [
        2 * abs(p - y) / (abs(y) + abs(p)) if y or p else 0.0
        for y, p in zip(rows.y_true.tolist(), rows.y_pred.tolist(), strict=True)
    ]
    return math.fsum(terms) / len(terms)


def _weighted_log_loss(rows: Rows) -> float:
    weights = rows.extra["class_weights"][rows.y_true]
    return float(sk.log_loss(rows.y_true, rows.y_pred, labels=_labels(rows), sample_weight=weights))


def _kappa(rows: Rows) -> float:
    labels = list(range(int(max(rows.y_true.max(), rows.y_pred.max())) + 1))
    return float(sk.cohen_kappa_score(rows.y_true, rows.y_pred, labels=labels, weights="quadratic"))


ORACLES: dict[str, Callable[[Rows], float]] = {
    "rmse": _sk(sk.root_mean_squared_error),
    "mse": _sk(sk.mean_squared_error),
    "mae": _sk(sk.mean_absolute_error),
    "medae": _sk(sk.median_absolute_error),
    "r2": _sk(sk.r2_score),
    "mape": _sk(sk.mean_absolute_percentage_error),
    "smape": _smape,
    "rmsle": _sk(sk.root_mean_squared_log_error),
    "pinball": _sk(sk.mean_pinball_loss, alpha=0.5),
    "pinball@0.9": _sk(sk.mean_pinball_loss, alpha=0.9),
    "pearson": lambda rows: float(stats.pearsonr(rows.y_true, rows.y_pred).statistic),
    "log_loss": lambda rows: float(sk.log_loss(rows.y_true, rows.y_pred, labels=_labels(rows))),
    "weighted_log_loss": _weighted_log_loss,
    "brier": lambda rows: float(sk.brier_score_loss(rows.y_true, rows.y_pred, labels=_labels(rows))),
    "roc_auc": _roc_auc,
    "average_precision": _sk(sk.average_precision_score),
    "accuracy": _sk(sk.accuracy_score),
    "balanced_accuracy": _sk(sk.balanced_accuracy_score),
    "f1": _sk(sk.f1_score, zero_division=0),
    "f1_macro": _sk(sk.f1_score, average="macro", zero_division=0),
    "f1_micro": _sk(sk.f1_score, average="micro", zero_division=0),
    "f1_weighted": _sk(sk.f1_score, average="weighted", zero_division=0),
    "precision": _sk(sk.precision_score, zero_division=0),
    "precision_macro": _sk(sk.precision_score, average="macro", zero_division=0),
    "recall": _sk(sk.recall_score, zero_division=0),
    "recall_macro": _sk(sk.recall_score, average="macro", zero_division=0),
    "mcc": _sk(sk.matthews_corrcoef),
    "cohen_kappa": _sk(sk.cohen_kappa_score),
    "quadratic_weighted_kappa": _kappa,
    "jaccard": _sk(sk.jaccard_score, zero_division=0),
    "jaccard_macro": _sk(sk.jaccard_score, average="macro", zero_division=0),
    "ndcg": _of_present_queries(_ndcg_of_query(None)),
    "ndcg@3": _of_present_queries(_ndcg_of_query(3)),
    "map": _of_present_queries(_map_of_query(None)),
    "map@2": _of_present_queries(_map_of_query(2)),
    "concordance_index": _concordance_pair_by_pair,
}


def test_every_metric_has_an_oracle() -> None:
    assert sorted(ORACLES) == NAMES


@pytest.mark.parametrize(("name", "shape"), _cases())
def test_a_metric_agrees_with_its_oracle(name: str, shape: Shape) -> None:
    metric = get_metric(name)
    n_questions = 10 if shape.n < 100 else 2

    for seed in range(n_questions):
        rows = rows_for(metric, shape, np.random.default_rng(seed))
        expected = ORACLES[name](rows)

        assert score(metric, rows) == pytest.approx(expected, rel=1e-12, abs=1e-14), f"seed {seed}"


# What holds for all -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shape"), _cases())
def test_a_perfect_prediction_reaches_the_best_and_no_other_is_out_of_bounds(name: str, shape: Shape) -> None:
    metric = get_metric(name)
    sign = 1.0 if metric.greater_is_better else -1.0
    rng = np.random.default_rng(7)
    rows = rows_for(metric, shape, rng)
    if metric.takes_events:
        rows.extra["events"][:] = 1

    assert score(metric, perfect(metric, rows)) == pytest.approx(metric.best, abs=1e-12)
    for _ in range(10):
        shuffled = Rows(rows.y_true, rng.permutation(rows.y_pred), rows.extra)
        assert sign * score(metric, shuffled) <= sign * metric.best
        if metric.worst is not None:
            assert sign * score(metric, shuffled) >= sign * metric.worst


@pytest.mark.parametrize("name", NAMES)
def test_better_predictions_score_better(name: str) -> None:
    metric = get_metric(name)
    rng = np.random.default_rng(3)
    rows = rows_for(metric, Shape(2000), rng)
    best = perfect(metric, rows).y_pred
    mixed = np.where(rng.random(2000) < 0.5, best, rng.permutation(best))

    good = score(metric, Rows(rows.y_true, mixed, rows.extra))
    bad = score(metric, Rows(rows.y_true, rng.permutation(best), rows.extra))

    assert good > bad if metric.greater_is_better else good < bad


@pytest.mark.parametrize(("name", "shape"), _cases("ties", "ties, three classes"))
def test_the_order_of_rows_changes_nothing(name: str, shape: Shape) -> None:
    metric = get_metric(name)
    rng = np.random.default_rng(5)
    rows = rows_for(metric, shape, rng)
    order = rng.permutation(shape.n)
    extra = {key: a if key == "class_weights" else a[order] for key, a in rows.extra.items()}

    moved = score(metric, Rows(rows.y_true[order], rows.y_pred[order], extra))

    assert moved == pytest.approx(score(metric, rows), rel=1e-12)


@pytest.mark.parametrize(("name", "shape"), _cases("ties", "ties, three classes"))
def test_inputs_stay_as_they_were(name: str, shape: Shape) -> None:
    metric = get_metric(name)
    rows = rows_for(metric, shape, np.random.default_rng(1))
    arrays = [rows.y_true, rows.y_pred, *rows.extra.values()]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False

    score(metric, rows)

    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_type_that_numbers_are_stored_in_changes_nothing(name: str) -> None:
    metric = get_metric(name)
    rows = rows_for(metric, SHAPES["imbalanced"], np.random.default_rng(2))
    is_codes = metric.target is Target.CLASS
    small = rows.y_true.astype(np.int8 if is_codes else np.float32)
    predicted = rows.y_pred.astype(np.int8 if metric.domain is Domain.LABEL else np.float32)
    wide = Rows(
        small.astype(np.int64 if is_codes else np.float64),
        predicted.astype(np.int64 if metric.domain is Domain.LABEL else np.float64),
        rows.extra,
    )

    assert score(metric, Rows(small, predicted, rows.extra)) == pytest.approx(score(metric, wide), rel=1e-12)


# Degenerate questions (any warning fails, by the project's settings) ----------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_leave_every_metric_undefined(name: str) -> None:
    metric = get_metric(name)
    rows = rows_for(metric, Shape(6, n_classes=3), np.random.default_rng(0))
    extra = {key: a if key == "class_weights" else a[:0] for key, a in rows.extra.items()}

    assert math.isnan(score(metric, Rows(rows.y_true[:0], rows.y_pred[:0], extra)))


UNDEFINED_BY = {
    "one row": {"r2", "pearson", "roc_auc", "cohen_kappa", "quadratic_weighted_kappa", "concordance_index"},
    "constant truth": {
        "r2",
        "pearson",
        "roc_auc",
        "cohen_kappa",
        "quadratic_weighted_kappa",
        "concordance_index",
    },
    "truth of zeros": {
        *("r2", "pearson", "roc_auc", "cohen_kappa", "quadratic_weighted_kappa", "concordance_index"),
        *("average_precision", "ndcg", "ndcg@3", "map", "map@2"),
    },
}
TRUTHS = {"one row": [1], "constant truth": [1, 1, 1, 1], "truth of zeros": [0, 0, 0, 0]}


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize(("name", "shape"), _cases("few rows", "few rows, three classes"))
def test_a_metric_is_undefined_because_of_the_truth_and_never_of_the_predictions(
    name: str, truth: str, shape: Shape
) -> None:
    metric = get_metric(name)
    n = len(TRUTHS[truth])
    y_true = np.array(TRUTHS[truth], dtype=np.int64 if metric.target is Target.CLASS else np.float64)
    rows = rows_for(metric, shape, np.random.default_rng(4))
    extra = {
        key: a if key == "class_weights" else np.ones(n, dtype=np.int64) for key, a in rows.extra.items()
    }
    constant = np.repeat(rows.y_pred[:1], n, axis=0)

    for y_pred in (rows.y_pred[:n], constant, perfect(metric, Rows(y_true, rows.y_pred[:n])).y_pred):
        assert math.isnan(score(metric, Rows(y_true, y_pred, extra))) == (name in UNDEFINED_BY[truth])


@pytest.mark.parametrize("name", NAMES)
def test_constant_predictions_get_a_finite_score(name: str) -> None:
    metric = get_metric(name)
    rows = rows_for(metric, Shape(50), np.random.default_rng(8))

    value = score(metric, Rows(rows.y_true, np.repeat(rows.y_pred[:1], 50, axis=0), rows.extra))

    assert math.isfinite(value)


@pytest.mark.parametrize(
    "name", [n for n in NAMES if get_metric(n).domain in (Domain.REAL, Domain.NON_NEGATIVE)]
)
@pytest.mark.parametrize("value", [1.7e308, 1e-320, 0.0], ids=["huge", "subnormal", "zero"])
def test_absurd_predictions_get_a_finite_score(name: str, value: float) -> None:
    metric = get_metric(name)
    rows = rows_for(metric, Shape(50), np.random.default_rng(8))
    signs = np.where(np.arange(50) % 3 == 0, -1.0, 1.0) if metric.domain is Domain.REAL else np.ones(50)

    absurd = score(metric, Rows(rows.y_true, value * signs, rows.extra))

    assert math.isfinite(absurd)


@pytest.mark.filterwarnings("ignore:A single label was found")
@pytest.mark.parametrize(
    "name", [n for n in NAMES if get_metric(n).domain is Domain.LABEL and not n.endswith("kappa")]
)
def test_labels_of_one_class_score_as_in_scikit_learn(name: str) -> None:
    metric = get_metric(name)
    zeros, ones = np.zeros(5, dtype=np.int64), np.ones(5, dtype=np.int64)
    if name == "balanced_accuracy":
        assert (score(metric, Rows(ones, zeros)), score(metric, Rows(ones, ones))) == (0.0, 1.0)
        return

    for rows in (Rows(zeros, ones), Rows(ones, zeros), Rows(ones, ones), Rows(np.array([1]), np.array([1]))):
        assert score(metric, rows) == ORACLES[name](rows)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", [n for n in NAMES if get_metric(n).multiclass_domain is Domain.LABEL])
def test_classes_that_are_never_true_or_never_predicted_count_as_in_scikit_learn(name: str) -> None:
    metric = get_metric(name)
    rows = Rows(np.array([0, 0, 1, 1, 5, 5]), np.array([0, 3, 0, 1, 3, 7]))

    assert score(metric, rows) == pytest.approx(ORACLES[name](rows), rel=1e-12)


# Particular metrics -----------------------------------------------------------------------------------


def test_a_class_that_no_row_has_is_still_a_step_of_the_quadratic_kappa() -> None:
    y_true, y_pred = np.array([0, 1, 3, 3]), np.array([0, 3, 3, 1])

    ours = METRICS["quadratic_weighted_kappa"].function(y_true, y_pred)

    assert ours == pytest.approx(
        sk.cohen_kappa_score(y_true, y_pred, labels=[0, 1, 2, 3], weights="quadratic")
    )
    assert ours != pytest.approx(sk.cohen_kappa_score(y_true, y_pred, weights="quadratic"))


def test_log_loss_forgives_a_probability_of_zero_no_further_than_epsilon() -> None:
    metric = METRICS["log_loss"]

    value = metric.function(np.array([1]), np.array([0.0]))

    assert value == metric.worst == pytest.approx(-math.log(np.finfo(float).eps))
    assert metric.function(np.array([1]), np.array([0.0], dtype=np.float32)) == value


def test_a_class_of_weight_zero_does_not_count() -> None:
    y_true, y_pred = np.array([0, 0, 1]), np.array([0.5, 0.5, 0.1])
    weighted = METRICS["weighted_log_loss"].function

    assert weighted(y_true, y_pred, class_weights=np.array([1.0, 0.0])) == pytest.approx(math.log(2))
    assert math.isnan(weighted(y_true, y_pred, class_weights=np.array([0.0, 0.0])))


def test_the_roc_auc_of_a_multiclass_truth_without_one_class_is_undefined() -> None:
    assert math.isnan(roc_auc(np.array([0, 1, 1]), np.full((3, 3), 1 / 3)))


@pytest.mark.parametrize("k", [None, 1, 2, 3, 10])
@pytest.mark.parametrize("metric", [ndcg, mean_average_precision])
def test_tied_rows_of_a_query_score_the_mean_over_all_their_orders(
    metric: Callable[..., float], k: int | None
) -> None:
    y_true, y_pred = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.5, 0.9, 0.9, 0.1])
    rank_orders = [
        np.array(order)
        for order in itertools.permutations(range(6))
        if all(y_pred[a] >= y_pred[b] for a, b in itertools.pairwise(order))
    ]

    untied = []
    for order in rank_orders:
        places = np.empty(6)
        places[order] = np.arange(6)
        untied.append(metric(y_true, -places, k=k))

    assert len(rank_orders) == 12
    assert metric(y_true, y_pred, k=k) == pytest.approx(np.mean(untied), rel=1e-12)


def test_map_without_ties_and_cut_off_is_the_mean_of_scikit_learns_average_precision() -> None:
    rows = rows_for(METRICS["map"], Shape(400), np.random.default_rng(6))

    expected = _of_present_queries(lambda y, p: float(sk.average_precision_score(y, p)))(rows)

    assert score(METRICS["map"], rows) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", [ndcg, mean_average_precision])
def test_queries_are_told_apart_by_any_codes_and_those_without_relevant_rows_are_left_out(
    metric: Callable[..., float],
) -> None:
    y_true, y_pred = np.array([1.0, 0.0, 0.0, 0.0, 1.0]), np.array([2.0, 1.0, 1.0, 2.0, 3.0])

    value = metric(y_true, y_pred, groups=np.array([7, 7, 3, 3, 900]))

    assert value == 1.0


def test_a_negative_relevance_leaves_ndcg_undefined() -> None:
    assert math.isnan(ndcg(np.array([1.0, -1.0]), np.array([1.0, 2.0])))


@pytest.mark.parametrize("n_levels", [None, 5])
def test_concordance_of_observed_rows_is_somers_d(n_levels: int | None) -> None:
    rows = rows_for(METRICS["concordance_index"], Shape(80, n_levels=n_levels), np.random.default_rng(9))

    expected = (stats.somersd(rows.y_true, rows.y_pred).statistic + 1.0) / 2.0

    assert concordance_index(rows.y_true, rows.y_pred) == pytest.approx(expected, rel=1e-12)


def test_a_censored_row_is_compared_with_none_after_it() -> None:
    y_true, y_pred = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])

    assert concordance_index(y_true, y_pred, events=np.array([0, 1, 1])) == 0.0
    assert math.isnan(concordance_index(y_true, y_pred, events=np.array([0, 0, 1])))


def test_concordance_of_a_million_rows_takes_no_quadratic_time() -> None:
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 40_000, (2, 1_000_000))

    # Pair by pair it would not end within the time that a test may take.
    value = concordance_index(y_true, y_pred, events=rng.integers(0, 2, 1_000_000))

    assert value == pytest.approx(0.5, abs=0.01)


# The table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    metric = METRICS[name]
    text = inspect.getdoc(metric.function) or ""

    assert metric.summary.endswith(".")
    assert ("Greater is better" if metric.greater_is_better else "Lower is better") in text
    assert "References\n----------\n.. [1] " in text
    assert ">>> " in text


@pytest.mark.parametrize("name", sorted(METRICS))
def test_the_function_of_every_metric_takes_what_the_table_says(name: str) -> None:
    metric = METRICS[name]
    parameters = set(inspect.signature(metric.function).parameters)

    assert name == metric.name
    assert ("groups" in parameters) == metric.needs_groups
    assert ("events" in parameters) == metric.takes_events
    assert ("class_weights" in parameters) == metric.takes_class_weights
    assert set(metric.options) <= parameters


def test_the_number_after_the_at_sign_is_the_metrics_option() -> None:
    assert get_metric("ndcg@10").options == {"k": 10}
    assert get_metric("map@5").name == "map@5"
    assert get_metric("pinball@0.9").options == {"alpha": 0.9}
    assert get_metric("pinball").options == {"alpha": 0.5}
    assert get_metric("ndcg") is METRICS["ndcg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("logloss", "Did you mean 'log_loss'"),
        ("AUC", "Did you mean 'roc_auc'"),
        ("ndgc@10", "Did you mean 'ndcg'"),
        ("zzzzzz", "Known are: accuracy, "),
        ("", "Known are: "),
        ("rmse@5", "takes no number"),
        ("ndcg@0", "whole number from 1 up"),
        ("ndcg@", "whole number from 1 up"),
        ("map@2.5", "whole number from 1 up"),
        ("pinball@1", "between 0 and 1"),
        ("pinball@nan", "between 0 and 1"),
        ("pinball@high", "between 0 and 1"),
    ],
)
def test_a_name_that_is_wrong_is_told_the_way_out(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_metric(name)


def test_importing_the_metrics_is_light() -> None:
    code = (
        "import sys, kit.metrics; print(sorted({'sklearn', 'scipy', 'pandas', 'polars'} & set(sys.modules)))"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
