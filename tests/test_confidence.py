"""Block tables against the metrics themselves, their errors against independent estimates and simulations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from test_metrics import NAMES, SHAPES, Rows, Shape, rows_for

from kit import _scoring
from kit._scoring import Blocks, Estimate, Range, black_box, compare, deal, estimate, mean_of, reducer, shown
from kit._scoring.order import ascending
from kit.metrics import METRICS, Array, Domain, Metric, Target, get_metric

MANY = Shape(600, n_levels=200)


def truth_of(rows: Rows, blocks: Blocks) -> _scoring.Rows:
    return _scoring.Rows(rows.y_true, blocks, rows.extra.get("groups"), rows.extra.get("events"), n_classes=2)


def table_of(metric: Metric, rows: Rows, blocks: Blocks) -> _scoring.Table:
    weights = rows.extra.get("class_weights")
    return reducer(metric, truth_of(rows, blocks), class_weights=weights)(rows.y_pred)


def estimate_of(metric: Metric, rows: Rows, blocks: Blocks) -> Estimate:
    return estimate(table_of(metric, rows, blocks), blocks, Range.of(metric))


def value_of(metric: Metric, rows: Rows) -> float:
    return metric.function(rows.y_true, rows.y_pred, **rows.extra, **metric.options)


def part(rows: Rows, chosen: Array) -> Rows:
    extra = {k: v if k == "class_weights" else v[chosen] for k, v in rows.extra.items()}
    return Rows(rows.y_true[chosen], rows.y_pred[chosen], extra)


def fits(metric: Metric, shape: Shape) -> bool:
    return metric.target is not Target.CLASS or shape.n_classes <= 2 or metric.multiclass_domain is not None


# Point scores -------------------------------------------------------------------------------------------


WORLDS = [
    pytest.param(name, shape, id=f"{name}-{key}")
    for name in NAMES
    for key, shape in SHAPES.items()
    if fits(get_metric(name), shape)
]


@pytest.mark.parametrize(("name", "shape"), WORLDS)
def test_the_totals_of_a_table_give_the_metric_itself(name: str, shape: Shape) -> None:
    metric = get_metric(name)
    for seed, n_blocks in ((0, 1024), (1, 7)):
        rows = rows_for(metric, shape, np.random.default_rng(seed))
        blocks = deal(len(rows.y_true), rows.extra.get("groups"), seed=seed, n_blocks=n_blocks)

        found = estimate_of(metric, rows, blocks)

        assert found.score == pytest.approx(value_of(metric, rows), rel=1e-12, abs=1e-12)
        assert found.low <= found.score <= found.high
        assert abs(found.influences.sum()) <= 1e-4 * (1e-6 + np.abs(found.influences).sum())


DEGENERATE: dict[str, Callable[[Array], Array]] = {
    "perfect": lambda y: y,
    "constant": lambda y: np.full(len(y), y[0]),
    "all the other class, or far away": lambda y: 1 - y if y.dtype.kind == "i" else y + 1e6,
}


@pytest.mark.parametrize("predict", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("name", sorted(METRICS))
def test_degenerate_predictions_have_a_score_and_an_interval(
    name: str, predict: Callable[[Array], Array]
) -> None:
    metric = METRICS[name]
    rows = rows_for(metric, MANY, np.random.default_rng(0))
    rows = dataclasses.replace(rows, y_pred=predict(rows.y_true).astype(rows.y_pred.dtype))
    blocks = deal(len(rows.y_true), rows.extra.get("groups"), seed=0, n_blocks=50)

    found = estimate_of(metric, rows, blocks)

    assert found.score == pytest.approx(value_of(metric, rows), rel=1e-12, abs=1e-12)
    assert np.isfinite([found.low, found.high, found.se]).all()
    assert found.low <= found.score <= found.high


@pytest.mark.parametrize(
    "name", [n for n, m in METRICS.items() if m.domain in (Domain.REAL, Domain.NON_NEGATIVE)]
)
def test_absurd_predictions_score_as_the_metric_scores_them(name: str) -> None:
    metric = METRICS[name]
    rows = rows_for(metric, MANY, np.random.default_rng(0))
    rows.y_pred[3] = 1e300
    blocks = deal(len(rows.y_true), rows.extra.get("groups"), seed=0, n_blocks=50)

    found = estimate_of(metric, rows, blocks)

    assert found.score == pytest.approx(value_of(metric, rows), rel=1e-12)
    assert found.low <= found.score <= found.high


def test_a_truth_without_positives_gives_no_number() -> None:
    rows = Rows(np.zeros(40, dtype=int), np.linspace(0, 1, 40))

    for name in ("roc_auc", "average_precision"):
        assert np.isnan(table_of(METRICS[name], rows, deal(40, seed=0)).score)


@pytest.mark.parametrize("n", [3, 20_000, 50_000])
def test_sorting_is_exact(n: int) -> None:
    rng = np.random.default_rng(n)
    normal = rng.normal(size=n)
    near = 1.0 + rng.integers(0, 50, n) * 1e-15  # differs in the last bits only
    for values in (
        normal,
        np.round(normal, 2),
        near,
        np.append(normal[1:], 1e300),
        np.zeros(n),
        normal * 1e-310,
    ):
        order, ranked = ascending(values)

        assert np.array_equal(ranked, np.sort(values))
        assert np.array_equal(values[order], ranked)
        assert np.array_equal(np.sort(order), np.arange(n))


# Errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(METRICS))
def test_the_standard_error_is_that_of_resampled_rows(name: str) -> None:
    metric = METRICS[name]
    rng = np.random.default_rng(3)
    rows = rows_for(metric, Shape(800), rng)
    groups = rows.extra.get("groups")
    blocks = deal(len(rows.y_true), groups, seed=0, n_blocks=400)

    found = estimate_of(metric, rows, blocks)

    by_rows = np.std([value_of(metric, resampled(rows, groups, rng)) for _ in range(300)])
    # A standard error from 300 resamples is known to 4 %; few queries and rare classes cost some more.
    assert found.se == pytest.approx(by_rows, rel=0.2)
    assert np.nanstd(found.resampled) == pytest.approx(found.se, rel=0.15)


def resampled(rows: Rows, groups: Array | None, rng: np.random.Generator) -> Rows:
    n = len(rows.y_true)
    if groups is None:
        return part(rows, rng.integers(0, n, n))
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    drawn = [members[g] for g in rng.integers(0, len(members), len(members))]
    anew = part(rows, np.concatenate(drawn))
    anew.extra["groups"] = np.repeat(np.arange(len(drawn)), [len(d) for d in drawn])
    return anew


def delong(y: Array, a: Array, b: Array) -> tuple[float, float, float]:
    """Difference of two areas, its standard error, and the first's: the textbook form over all pairs."""

    def placements(p: Array) -> tuple[Array, Array]:
        above = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
        return above.mean(axis=1), above.mean(axis=0)

    (a1, a0), (b1, b0) = placements(a), placements(b)
    own = np.var(a1, ddof=1) / len(a1) + np.var(a0, ddof=1) / len(a0)
    of_difference = np.var(a1 - b1, ddof=1) / len(a1) + np.var(a0 - b0, ddof=1) / len(a0)
    return float(a1.mean() - b1.mean()), float(np.sqrt(of_difference)), float(np.sqrt(own))


@pytest.mark.parametrize("n_levels", [None, 12], ids=["continuous", "ties"])
def test_the_error_of_auc_and_of_a_difference_is_delongs(n_levels: int | None) -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(1500) < 0.3).astype(int)
    a, b = (0.8 * y + rng.normal(size=1500) for _ in "ab")
    if n_levels:
        a, b = (np.round(p * n_levels / 4) for p in (a, b))
    blocks = deal(1500, seed=0, n_blocks=1500)

    first, second = (estimate_of(METRICS["roc_auc"], Rows(y, p), blocks) for p in (a, b))

    difference, se, own = delong(y, a, b)
    between = compare(first, second)
    assert between.difference == pytest.approx(difference, abs=1e-12)
    assert first.se == pytest.approx(own, rel=0.01)
    assert between.se == pytest.approx(se, rel=0.01)
    assert between.p_value == pytest.approx(2 * stats.norm.sf(abs(difference) / se), rel=0.05)


@pytest.mark.parametrize("name", ["rmse", "roc_auc", "f1_macro", "ndcg", "concordance_index", "medae"])
def test_neither_the_order_of_rows_nor_the_names_of_blocks_matter(name: str) -> None:
    metric = METRICS[name]
    rng = np.random.default_rng(0)
    rows = rows_for(metric, MANY, rng)
    n, groups = len(rows.y_true), rows.extra.get("groups")
    blocks = deal(n, groups, seed=0, n_blocks=40)
    order, names = rng.permutation(n), rng.permutation(blocks.n_blocks)
    renamed = Blocks(names[blocks.of_row[order]], blocks.n_blocks, seed=0)

    before, after = estimate_of(metric, rows, blocks), estimate_of(metric, part(rows, order), renamed)

    assert after.score == pytest.approx(before.score, rel=1e-12)
    assert (after.low, after.high) == pytest.approx((before.low, before.high), rel=1e-9)
    np.testing.assert_allclose(after.influences[names], before.influences, rtol=1e-4, atol=1e-6)


def test_the_mean_over_targets_is_the_mean_of_their_scores() -> None:
    rng = np.random.default_rng(0)
    blocks = deal(300, seed=0)
    each = [rows_for(METRICS["rmse"], Shape(300), rng) for _ in range(3)]

    both = mean_of([table_of(METRICS["rmse"], rows, blocks) for rows in each])

    assert both.score == pytest.approx(np.mean([value_of(METRICS["rmse"], rows) for rows in each]))


# Simulations ---------------------------------------------------------------------------------------------

N_TRIES = 800
LOSS = METRICS["log_loss"]


def few(blocks: Blocks) -> Blocks:
    """The same blocks with few resamples: intervals and comparisons do not use them."""
    return dataclasses.replace(blocks, n_resamples=2)


@pytest.mark.parametrize("name", ["rmse", "medae", "r2", "roc_auc", "average_precision", "f1", "mcc"])
def test_the_interval_covers_the_true_score_as_often_as_it_says(name: str) -> None:
    metric = METRICS[name]
    rng = np.random.default_rng(7)
    true = value_of(metric, draw(metric, 400_000, rng))
    blocks = few(deal(200, seed=0))

    covered = 0
    for _ in range(N_TRIES):
        found = estimate_of(metric, draw(metric, 200, rng), blocks)
        covered += found.low <= true <= found.high

    # 95 % with a standard error of 0.8 %; benchmarks/confidence.py tells it more exactly.
    assert 0.925 <= covered / N_TRIES <= 0.975


def draw(metric: Metric, n: int, rng: np.random.Generator) -> Rows:
    """Rows of one world, where each metric has its true value."""
    x = rng.normal(size=n)
    if metric.target is Target.CLASS:
        y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * x))).astype(int)
        p = 1 / (1 + np.exp(-1.2 * x - 0.7 * rng.normal(size=n)))
        return Rows(y, (p > 0.5).astype(int) if metric.domain is Domain.LABEL else p)
    return Rows(x, x + 0.5 * rng.normal(size=n))


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "jaccard"])
def test_the_interval_of_a_share_covers_where_few_rows_are_in_it(name: str) -> None:
    metric, rng = METRICS[name], np.random.default_rng(7)
    true = value_of(metric, rare(400_000, rng))
    blocks = few(deal(200, seed=0))

    covered = 0
    for _ in range(N_TRIES):
        found = estimate_of(metric, rare(200, rng), blocks)
        covered += found.low <= true <= found.high

    assert covered / N_TRIES >= 0.93


def rare(n: int, rng: np.random.Generator) -> Rows:
    """One row in twelve is positive, and of these one in four is found."""
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(3.0 - 1.5 * x))).astype(int)
    return Rows(y, (x + 0.6 * rng.normal(size=n) > 1.7).astype(int))


def test_wilsons_interval_is_the_one_of_the_textbook() -> None:
    y, p = np.repeat([1, 1, 0, 0], [7, 3, 2, 188]), np.repeat([1, 0, 1, 0], [7, 3, 2, 188])

    found = estimate_of(METRICS["recall"], Rows(y, p), deal(200, seed=0))

    n, z2 = 10, stats.t.ppf(0.975, 199) ** 2
    centre, spread = (0.7 + z2 / 20) / (1 + z2 / n), np.sqrt(z2 * (0.021 + z2 / 400)) / (1 + z2 / n)
    assert (found.low, found.high) == pytest.approx((centre - spread, centre + spread), rel=1e-9)


def test_a_share_without_a_hit_has_an_interval_and_an_error() -> None:
    y, p = np.repeat([1, 0], [12, 188]), np.zeros(200, dtype=int)

    none, nothing = (
        estimate_of(METRICS[name], Rows(y, p), deal(200, seed=0)) for name in ("f1", "precision")
    )

    assert none.low == none.score == 0.0 < none.se < none.high < 0.5
    assert (nothing.low, nothing.high) == (0.0, 1.0)


def test_an_interval_leans_to_where_large_errors_are() -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(400)
    skewed, even = rng.standard_t(3, 400), rng.choice([0.5, 1.5], 400)

    far, near = (estimate_of(METRICS["mse"], Rows(y, p), deal(400, seed=0)) for p in (skewed, even))

    assert np.log(far.high / far.score) > 1.1 * np.log(far.score / far.low)
    assert np.log(near.high / near.score) == pytest.approx(np.log(near.score / near.low), rel=0.05)


@pytest.mark.parametrize("clustered", [False, True], ids=["rows", "clusters"])
def test_equally_good_submissions_are_told_apart_as_often_as_chance_would(clustered: bool) -> None:
    rng = np.random.default_rng(5)
    n, size = 300, 6 if clustered else 1
    groups = np.repeat(np.arange(n), size)
    blocks = few(deal(n * size, groups, seed=0))
    wrongly = few(deal(n * size, seed=0))

    alarms = naive_alarms = 0
    for _ in range(N_TRIES):
        # The rows of one cluster have one truth, and what two rivals get wrong of it they share.
        y = np.repeat((rng.random(n) < 0.5).astype(int), size)
        a, b = (1 / (1 + np.exp(-(2 * y - 1) - np.repeat(rng.normal(size=n), size))) for _ in "ab")
        alarms += compare(*(estimate_of(LOSS, Rows(y, p), blocks) for p in (a, b))).is_clear
        if clustered:
            naive_alarms += compare(*(estimate_of(LOSS, Rows(y, p), wrongly) for p in (a, b))).is_clear

    assert 0.03 <= alarms / N_TRIES <= 0.07  # 5 % with a standard error of 0.8 %
    assert not clustered or naive_alarms / N_TRIES > 0.2


def test_a_paired_comparison_sees_what_two_intervals_do_not() -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=2000)
    a = y + rng.normal(size=2000)
    b = a + 0.1 * rng.normal(size=2000)
    blocks = deal(2000, seed=0)

    better, worse = (estimate_of(METRICS["rmse"], Rows(y, p), blocks) for p in (a, b))

    assert better.low < worse.score < better.high
    assert compare(better, worse).se < 0.2 * better.se


def test_a_submission_is_no_better_than_itself() -> None:
    rows = rows_for(LOSS, MANY, np.random.default_rng(0))
    found = estimate_of(LOSS, rows, deal(600, seed=0))

    assert compare(found, found).p_value == 1.0


def test_scores_of_other_blocks_do_not_compare() -> None:
    rows = rows_for(LOSS, MANY, np.random.default_rng(0))
    a, b = (estimate_of(LOSS, rows, deal(600, seed=0, n_blocks=n)) for n in (20, 30))

    with pytest.raises(ValueError, match="20 blocks do not compare with 30"):
        compare(a, b)


# Metrics that are black boxes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget_s", "method"), [(5.0, "jackknife of 64 blocks"), (0.0, "batch means of 32 blocks")]
)
def test_a_black_box_gets_nearly_the_error_of_its_table(budget_s: float, method: str) -> None:
    metric = METRICS["rmse"]
    rows = draw(metric, 6400, np.random.default_rng(0))
    blocks = deal(6400, seed=0)

    found = black_box(lambda chosen: value_of(metric, part(rows, chosen)), blocks, budget_s=budget_s)

    assert found.method == method
    assert found.score == value_of(metric, rows)
    # A standard error from 32 batches is known to 13 %, from 64 to 9 %.
    assert found.se == pytest.approx(estimate_of(metric, rows, blocks).se, rel=0.35)
    assert found.resampled.std() == pytest.approx(found.se, rel=0.1)


def test_a_black_box_that_fails_on_parts_says_so() -> None:
    found = black_box(lambda chosen: 1.0 if 0 in chosen else float("nan"), deal(50, seed=0))

    assert found.score == found.low == found.high == 1.0
    assert found.warning == "The metric is undefined on 1 of 50 parts."


# Doubts and grains ---------------------------------------------------------------------------------------


def test_an_interval_from_too_little_comes_with_a_warning() -> None:
    rng = np.random.default_rng(0)
    rare = Rows((np.arange(400) < 6).astype(int), rng.random(400))
    tiny = Rows(rng.normal(size=12), rng.normal(size=12))
    perfect = Rows(np.arange(300) % 2, np.arange(300) % 2)
    heavy = Rows(np.zeros(2000), rng.standard_t(2, size=2000))

    def warning(name: str, rows: Rows) -> str:
        return estimate_of(METRICS[name], rows, deal(len(rows.y_true), seed=0)).warning

    assert warning("roc_auc", rare) == "Only 6 rows are of the rarest class: the interval is a rough guide."
    assert warning("rmse", tiny) == "Only 12 independent rows or groups: the interval is a rough guide."
    assert warning("accuracy", perfect) == "All blocks score alike: there is no telling the error."
    assert warning("rmse", heavy) == "Few rows decide the score: the interval is a rough guide."
    assert warning("rmse", draw(METRICS["rmse"], 300, rng)) == ""
    assert warning("rmse", draw(METRICS["rmse"], 2000, rng)) == ""


def test_what_is_shown_is_never_finer_than_a_quarter_of_the_standard_error() -> None:
    rng = np.random.default_rng(0)
    for se in 10.0 ** rng.uniform(-9, 9, 200):
        values = se * rng.uniform(-1000, 1000, 50)
        cut = np.array([shown(v, se) for v in values])

        assert np.abs(cut - values).max() <= 0.63 * se / 2 * 1.001
        assert np.diff(np.unique(cut)).min() >= 0.25 * se * 0.999


# Blocks --------------------------------------------------------------------------------------------------


def test_blocks_are_of_one_size_and_keep_groups_whole() -> None:
    groups = np.random.default_rng(0).integers(0, 90, 1000)

    rows, whole = deal(1000, seed=3, n_blocks=64), deal(1000, groups, seed=3, n_blocks=30)

    assert set(rows.sizes) == {15.0, 16.0}
    assert whole.n_blocks == 30
    assert all(len(set(whole.of_row[groups == g])) == 1 for g in np.unique(groups))


def test_blocks_and_weights_follow_from_the_seed_alone() -> None:
    one, same, other = deal(500, seed=1), deal(500, seed=1), deal(500, seed=2)

    assert np.array_equal(one.of_row, same.of_row)
    assert np.array_equal(one.weights, same.weights)
    assert not np.array_equal(one.of_row, other.of_row)
    assert (one.weights.sum(axis=1) == 500).all()
