from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kit._contributivity.bounds import Ensemble, bounds_for
from kit._contributivity.form import form_of
from kit.contributivity import Blend, Credit, bagged_score, contributivity, historical, per_fold
from kit.metrics import Array, Domain, Target, get_metric, roc_auc

N_ROWS, N_SUBMISSIONS = 400, 14


def drawn(seed: int, n_rows: int = N_ROWS, n_submissions: int = N_SUBMISSIONS) -> tuple[Array, Array]:
    """A signal, and noisy opinions of it: families of submissions err alike."""
    rng = np.random.default_rng(seed)
    signal, families = rng.normal(size=n_rows), rng.normal(size=(5, n_rows))
    noise = families[rng.integers(0, 5, n_submissions)] + rng.normal(size=(n_submissions, n_rows))
    return signal, signal + noise * rng.uniform(0.3, 1.0, (n_submissions, 1))


def numbers(seed: int) -> tuple[Array, Array]:
    return drawn(seed)


def two_targets(seed: int) -> tuple[Array, Array]:
    one, other = drawn(seed), drawn(seed + 1000)
    return np.stack([one[0], other[0]], axis=-1), np.stack([one[1], 9 * other[1]], axis=-1)


def probabilities(seed: int) -> tuple[Array, Array]:
    signal, opinions = drawn(seed)
    return (signal > 0).astype(np.int64), 1 / (1 + np.exp(-opinions))


def shares_of_trees(seed: int) -> tuple[Array, Array]:
    """Probabilities that forests of ten trees give: full of ties, 0 and 1."""
    codes, p = probabilities(seed)
    return codes, np.round(p, 1)


def two_classes(seed: int) -> tuple[Array, Array]:
    codes, p = probabilities(seed)
    return codes, np.stack([1 - p, p], axis=-1)


def two_classes_of_trees(seed: int) -> tuple[Array, Array]:
    codes, p = shares_of_trees(seed)
    return codes, np.stack([1 - p, p], axis=-1)


def three_classes(seed: int) -> tuple[Array, Array]:
    signal, opinions = drawn(seed)
    weights = np.exp(-np.square(opinions[..., np.newaxis] - np.array([-1.0, 0.0, 1.0])))
    return np.digitize(signal, [-0.5, 0.5]), weights / weights.sum(axis=-1, keepdims=True)


def not_normalised(seed: int) -> tuple[Array, Array]:
    codes, p = three_classes(seed)
    return codes, p * np.linspace(0.5, 1.5, N_ROWS)[:, np.newaxis]


def three_classes_surely(seed: int) -> tuple[Array, Array]:
    """Nearly all on one class, and often on another than the ensemble's."""
    codes, _ = three_classes(seed)
    rng = np.random.default_rng(seed)
    sure = np.eye(3)[np.where(rng.random((N_SUBMISSIONS, N_ROWS)) < 0.5, codes, rng.integers(0, 3, N_ROWS))]
    return codes, 0.98 * sure + 0.02 * rng.dirichlet([1, 1, 1], (N_SUBMISSIONS, N_ROWS))


def near_copies(seed: int) -> tuple[Array, Array]:
    """Submissions that differ in the last bits, so that rounding decides."""
    truth, predictions = drawn(seed, n_submissions=3)
    noise = np.random.default_rng(seed).integers(-2, 3, (5, 3, N_ROWS))
    return truth, (predictions * (1.0 + noise * 2.0**-52)).reshape(-1, N_ROWS)[:N_SUBMISSIONS]


def labels(seed: int) -> tuple[Array, Array]:
    codes, p = three_classes(seed)
    return codes, p.argmax(axis=-1)


def two_labels(seed: int) -> tuple[Array, Array]:
    codes, p = probabilities(seed)
    return codes, (p > 0.5).astype(np.int64)


CASES: list[tuple[str, Callable[[int], tuple[Array, Array]]]] = [
    *((name, numbers) for name in ("rmse", "mse", "r2", "mae", "pearson", "concordance_index")),
    *((name, near_copies) for name in ("rmse", "r2")),
    ("accuracy", three_classes_surely),
    *((name, two_targets) for name in ("rmse", "mae")),
    *((name, probabilities) for name in ("log_loss", "brier", "roc_auc", "average_precision")),
    *((name, shares_of_trees) for name in ("log_loss", "brier", "roc_auc")),
    *((name, two_classes) for name in ("log_loss", "accuracy", "roc_auc", "f1")),
    *((name, two_classes_of_trees) for name in ("accuracy", "roc_auc", "log_loss")),
    *((name, three_classes) for name in ("log_loss", "accuracy", "roc_auc", "f1_macro", "brier")),
    *((name, not_normalised) for name in ("log_loss", "accuracy")),
    *((name, labels) for name in ("accuracy", "f1_macro")),
    *((name, two_labels) for name in ("accuracy", "f1", "mcc")),
]
IDS = [f"{name}-{make.__name__}" for name, make in CASES]


# The same in the plainest words: every ensemble from scratch, from the list of its members.


def plainly_combined(predictions: Array, members: list[int], truth: Array, metric: str) -> Array:
    domain = get_metric(metric).domain
    chosen = predictions[members]
    if domain is Domain.LABEL and chosen.ndim == 2:
        chosen = np.eye(max(2, int(truth.max()) + 1))[chosen]
    elif get_metric(metric).target is Target.CLASS and (chosen.ndim == 3 or domain is Domain.PROBABILITY):
        chosen = np.clip(chosen, 1e-15, 1 - 1e-15)
        chosen = chosen / chosen.sum(axis=-1, keepdims=True) if chosen.ndim == 3 else chosen
    return np.asarray(chosen.mean(axis=0))


def plain_score(truth: Array, given: Array, metric: str) -> float:
    function = get_metric(metric).function
    if get_metric(metric).domain is Domain.LABEL and given.ndim == 2:
        given = given.argmax(axis=1)
    if truth.ndim == 2:
        return float(np.mean([function(truth[:, c], given[:, c]) for c in range(truth.shape[1])]))
    return function(truth, given[:, 1] if given.ndim == 2 and given.shape[1] == 2 else given)


def plain_selection(
    truth: Array, predictions: Array, metric: str, max_members: int = 80, min_improvement: float = 0.0
) -> tuple[int, ...]:
    sign = -1.0 if get_metric(metric).greater_is_better else 1.0
    alone = [sign * plain_score(truth, each, metric) for each in predictions]
    chosen = [int(np.argmin(alone))]
    while len(chosen) < max_members:
        best, best_i = (
            sign * plain_score(truth, plainly_combined(predictions, chosen, truth, metric), metric),
            -1,
        )
        for i in range(len(predictions)):
            combined = plainly_combined(predictions, [*chosen, i], truth, metric)
            loss = sign * plain_score(truth, combined, metric)
            if loss < best - min_improvement:
                best, best_i = loss, i
        if best_i < 0:
            break
        chosen.append(best_i)
    return tuple(chosen)


def selected(truth: Array, predictions: Array, metric: str, **limits: Any) -> tuple[int, ...]:
    blend = Blend(truth, metric)
    blend.extend(predictions)
    return blend.select(**limits)


@pytest.mark.parametrize(("metric", "make"), CASES, ids=IDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_selected_list_is_that_of_the_plain_way(metric: str, make: Any, seed: int) -> None:
    truth, predictions = make(seed)

    found = selected(truth, predictions, metric)

    assert found == plain_selection(truth, predictions, metric)


@pytest.mark.parametrize(("metric", "make"), CASES, ids=IDS)
def test_adding_submissions_one_by_one_equals_starting_anew(metric: str, make: Any) -> None:
    truth, predictions = make(3)
    blend = Blend(truth, metric)
    blend.extend(predictions[:5])
    blend.select()

    for n in range(5, N_SUBMISSIONS):
        place = blend.add(predictions[n])

        assert place == n
        assert blend.select() == selected(truth, predictions[: n + 1], metric)


@pytest.mark.parametrize(
    ("metric", "make"), [c for c in CASES if c[0] in ("rmse", "log_loss", "accuracy", "roc_auc")]
)
@pytest.mark.parametrize("least", [1e-9, 1e-3, 0.02])
def test_a_least_improvement_goes_by_the_order_of_submissions(metric: str, make: Any, least: float) -> None:
    truth, predictions = make(4)

    found = selected(truth, predictions, metric, min_improvement=least)

    assert found == plain_selection(truth, predictions, metric, min_improvement=least)


@pytest.mark.parametrize(
    ("metric", "make"), [c for c in CASES if c[0] in ("rmse", "log_loss", "accuracy", "roc_auc")]
)
def test_of_equal_submissions_the_first_is_chosen(metric: str, make: Any) -> None:
    truth, predictions = make(5)
    repeated = np.concatenate([predictions, predictions[::-1]])

    found = selected(truth, repeated, metric)

    assert found == selected(truth, predictions, metric)
    assert max(found) < N_SUBMISSIONS


@pytest.mark.parametrize("metric", ["rmse", "log_loss", "accuracy", "roc_auc"])
def test_single_precision_selects_what_the_same_numbers_do_in_double(metric: str) -> None:
    truth, predictions = numbers(6) if metric == "rmse" else two_classes(6)
    single = predictions.astype(np.float32)

    found = selected(truth, single, metric)

    assert found == selected(truth, single.astype(np.float64), metric)


@pytest.mark.parametrize(("metric", "make"), CASES, ids=IDS)
@pytest.mark.parametrize("members", [(0,), (3, 1), (2, 2, 5, 9, 2, 11)], ids=len)
def test_no_ensemble_is_better_than_its_bound(metric: str, make: Any, members: tuple[int, ...]) -> None:
    truth, predictions = make(20)
    form = form_of(truth, get_metric(metric), predictions.shape[1:], 0, {})
    bounds = bounds_for(form)
    alone = bounds.extend(predictions)
    total = form.total([form.member(predictions[i]) for i in members])
    counts = np.bincount(members, minlength=N_SUBMISSIONS).astype(float)

    appended = bounds.appended(Ensemble(counts, total))

    for i, each in enumerate(predictions):
        assert alone[i] <= form.loss_alone(each)
        assert appended[i] <= form.loss(form.plus(total, form.member(each)), len(members) + 1)


def test_a_selection_stops_at_its_most_members() -> None:
    truth, predictions = numbers(7)

    found = selected(truth, predictions, "rmse", max_members=3)

    assert found == plain_selection(truth, predictions, "rmse")[:3]


@pytest.mark.parametrize("scale", [1e-200, 1e-8, 1e8, 1e160])
def test_absurd_scales_neither_warn_nor_mislead(scale: float) -> None:
    truth, predictions = numbers(8)
    predictions[3] *= scale

    for metric in ("rmse", "r2"):
        assert selected(truth, predictions, metric) == plain_selection(truth, predictions, metric)


def test_an_outlier_that_fills_no_bucket_does_not_mislead_auc() -> None:
    truth, predictions = probabilities(9)
    predictions[:, 0] *= 1e12

    assert selected(truth, predictions, "roc_auc") == plain_selection(truth, predictions, "roc_auc")


def test_perfect_submissions_stay_alone() -> None:
    truth, predictions = two_classes(10)
    predictions[4] = predictions[9] = np.eye(2)[truth]

    assert [selected(truth, predictions, name) for name in ("accuracy", "roc_auc")] == [(4,), (4,)]


def test_queries_are_ranked_by_their_groups() -> None:
    rng = np.random.default_rng(11)
    truth, groups = rng.integers(0, 3, N_ROWS).astype(float), np.repeat(np.arange(N_ROWS // 8), 8)
    predictions = truth + 2 * rng.normal(size=(6, N_ROWS))

    found = contributivity([predictions], [truth], "ndcg", extras=[{"groups": groups}], n_bags=18)

    alone = [get_metric("ndcg").function(truth, each, groups=groups) for each in predictions]
    assert found.members[0][0] == int(np.argmax(alone))
    assert found.combined > found.foldwise_best == max(alone)
    assert found.bagged is not None


# Against ramp-workflow


def rampwf() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("rampwf", reason="pip install ramp-workflow to compare with it")


def of_ramp(metric: str, truth: Array, predictions: Array) -> tuple[Any, Any, list[Any]]:
    rw = rampwf()
    types = {
        "rmse": rw.score_types.RMSE,
        "log_loss": rw.score_types.NegativeLogLikelihood,
        "accuracy": rw.score_types.Accuracy,
        "roc_auc": rw.score_types.ROCAUC,
    }
    if metric == "roc_auc":
        # scikit-learn's area is off by a rounding now and then, which ramp-workflow takes for improvement.
        types["roc_auc"] = type(
            "Exact", (rw.score_types.ROCAUC,), {"__call__": lambda _, y, p: roc_auc(y, p)}
        )
    make = rw.prediction_types.make_regression
    kind = (
        make() if metric == "rmse" else rw.prediction_types.make_multiclass([*range(predictions.shape[-1])])
    )
    return types[metric](), kind(y_true=truth), [kind(y_pred=each) for each in predictions]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("metric", "make"),
    [
        ("rmse", numbers),
        ("log_loss", two_classes),
        ("log_loss", three_classes),
        ("accuracy", two_classes),
        ("accuracy", two_classes_of_trees),
        ("accuracy", three_classes),
        ("roc_auc", two_classes),
        ("roc_auc", two_classes_of_trees),
    ],
)
@pytest.mark.parametrize("least", [0.0, 1e-3])
def test_the_selected_list_is_that_of_ramp_workflow(metric: str, make: Any, least: float) -> None:
    truth, predictions = make(12)
    score_type, true, of_all = of_ramp(metric, truth, predictions)
    from rampwf.utils.combine import blend_on_fold

    theirs = blend_on_fold(of_all, true, score_type, min_improvement=least)

    assert selected(truth, predictions, metric, min_improvement=least) == tuple(theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("metric", "make"), [("rmse", numbers), ("log_loss", three_classes)])
def test_bagging_over_folds_that_share_rows_is_that_of_ramp_workflow(metric: str, make: Any) -> None:
    truth, predictions = make(13)
    rows = [np.arange(0, 250), np.arange(150, 350), np.arange(340, 390)]
    score_type, true, _ = of_ramp(metric, truth, predictions)
    from rampwf.utils.combine import get_score_cv_bags

    found = contributivity(
        [predictions[:, r] for r in rows], [truth[r] for r in rows], metric, rows=rows, n_bags=0
    )

    for pick, ours in ((slice(None), found.combined), (slice(1), found.foldwise_best)):
        ensembles = [
            type(true).combine([type(true)(y_pred=predictions[i, r]) for i in chosen[pick]])
            for r, chosen in zip(rows, found.members, strict=True)
        ]
        _, theirs = get_score_cv_bags(score_type, ensembles, true, test_is_list=rows)
        assert ours == pytest.approx(theirs[-1], rel=1e-12)


# What is made of the lists


def test_contributivity_is_the_share_of_the_folds_ensembles() -> None:
    folds = [numbers(seed) for seed in (1, 2, 3)]

    found = contributivity([p for _, p in folds], [y for y, _ in folds], "rmse", n_bags=0)

    expected = np.zeros(N_SUBMISSIONS)
    for y, p in folds:
        chosen = plain_selection(y, p, "rmse")
        for i in chosen:
            expected[i] += 1 / len(chosen) / 3
    np.testing.assert_allclose(found.exact, 100 * expected)
    np.testing.assert_allclose(found.per_fold.sum(axis=1), 100)
    assert found.exact.sum() == pytest.approx(100)
    assert found.bagged is found.error is None


def test_folds_may_come_one_at_a_time() -> None:
    folds = [numbers(seed) for seed in (1, 2)]

    found = contributivity((p for _, p in folds), [y for y, _ in folds], "rmse", n_bags=0)

    at_once = contributivity([p for _, p in folds], [y for y, _ in folds], "rmse", n_bags=0)
    assert (found.members, found.combined) == (at_once.members, at_once.combined)


def test_the_ensemble_of_the_folds_scores_on_the_test_set_too() -> None:
    truth, predictions = numbers(14)
    members, everywhere = [(0, 0, 1), (2,)], [np.arange(N_ROWS)] * 2

    found = bagged_score([predictions] * 2, members, [truth] * 2, "rmse", rows=everywhere)

    by_hand = ((2 * predictions[0] + predictions[1]) / 3 + predictions[2]) / 2
    assert found == pytest.approx(get_metric("rmse").function(truth, by_hand))


def test_what_was_selected_before_gives_the_exact_number_again() -> None:
    folds = [labels(seed) for seed in (1, 2)]

    found = contributivity([p for _, p in folds], [y for y, _ in folds], "accuracy", n_bags=0)

    np.testing.assert_allclose(per_fold(found.members, N_SUBMISSIONS).mean(axis=0), found.exact)


# Bagging


def redrawn(n: int, n_rows: int) -> list[tuple[Array, Array]]:
    """The same submissions on validation sets drawn anew."""
    skills = np.random.default_rng(0).uniform(0.5, 0.9, (20, 1))
    families = np.random.default_rng(1).integers(0, 5, 20)
    sets = []
    for seed in range(n):
        rng = np.random.default_rng([2, seed])
        signal, errors = rng.normal(size=n_rows), rng.normal(size=(5, n_rows))
        sets.append((signal, signal + skills * (errors[families] + rng.normal(size=(20, n_rows)))))
    return sets


def test_bagged_contributivity_is_steadier_and_its_error_is_what_it_says() -> None:
    found = [contributivity([p], [y], "rmse", seed=3) for y, p in redrawn(24, 200)]

    exact = np.array([each.exact for each in found])
    bagged = np.array([each.bagged for each in found])
    error = np.sqrt(np.mean([np.square(np.asarray(each.error)) for each in found]))
    true_error = np.sqrt(bagged.var(axis=0, ddof=1).mean())
    pairs = np.triu_indices(len(found), 1)
    assert np.corrcoef(bagged)[pairs].mean() > np.corrcoef(exact)[pairs].mean() + 0.05
    assert true_error < 0.6 * np.sqrt(exact.var(axis=0, ddof=1).mean())
    assert 0.8 * true_error < error < 1.25 * true_error


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "roc_auc"])
def test_bagging_sums_to_100_and_is_the_same_for_the_same_seed(metric: str) -> None:
    truth, predictions = two_classes(15)

    one, again, other = (
        contributivity([predictions], [truth], metric, n_bags=18, seed=seed) for seed in (1, 1, 2)
    )

    assert one.bagged is not None and again.bagged is not None and other.bagged is not None
    assert one.error is not None
    assert one.bagged.sum() == pytest.approx(100)
    assert (one.bagged == again.bagged).all()
    assert (one.bagged != other.bagged).any()
    assert (one.error >= 0).all()


def test_a_single_submission_has_it_all_without_error() -> None:
    truth, predictions = numbers(16)

    found = contributivity([predictions[:1]], [truth], "rmse")

    assert found.bagged is not None and found.error is not None
    assert (found.exact.tolist(), found.bagged.tolist(), found.error.tolist()) == ([100], [100], [0])


def test_too_few_rows_or_too_rare_a_class_are_not_bagged() -> None:
    truth, predictions = probabilities(17)
    rare = np.zeros(N_ROWS, dtype=np.int64)
    rare[0] = 1

    few = contributivity([predictions[:, :20]], [truth[:20]], "roc_auc")
    one = contributivity([predictions], [rare], "roc_auc")

    assert few.bagged is None and one.bagged is None
    assert few.exact.sum() == one.exact.sum() == pytest.approx(100)


# Credit


def test_credit_passes_shares_on_from_the_newest_down() -> None:
    credits = [Credit(2, 1, 0.9), Credit(2, 1, 0.5), Credit(1, 0, 0.25)]

    kept = historical(np.array([10.0, 20.0, 70.0]), credits, [2, 1, 0])

    assert kept.tolist() == [10 + 55 / 4, 55 * 3 / 4, 35]


@pytest.mark.parametrize(
    ("credits", "says"),
    [
        ([Credit(1, 0, 1.5)], "from 0 to 1, got 1.5"),
        ([Credit(0, 1, 0.5)], "Submission 0 credits 1, which is not older"),
        ([Credit(1, 1, 0.5)], "which is not older"),
        ([Credit(2, 0, 0.6), Credit(2, 1, 0.6)], "Submission 2 credits more than all of itself"),
    ],
)
def test_a_credit_that_cannot_be_is_refused(credits: list[Credit], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        historical(np.array([10.0, 20.0, 70.0]), credits, [2, 1, 0])


# What does not fit


@pytest.mark.parametrize(
    ("truth", "predictions", "metric", "says"),
    [
        ([1.0, 2.0], [[1.0, 2.0, 3.0]], "rmse", "have 3 rows, the truth has 2"),
        ([1.0, 2.0], [[1.0, np.nan]], "rmse", "submission 0 are not all finite"),
        ([1.0, 2.0], [[[1.0], [2.0]]], "rmse", r"shape \(2, 1\) do not fit a truth of shape \(2,\)"),
        ([0, 1], [[0.2, 0.7]], "accuracy", "takes class codes from 0 to 1, or one column of probabilities"),
        ([0, 2], [[[0.5, 0.5], [0.5, 0.5]]], "log_loss", "has class 2, the predictions 2 columns"),
        ([0, 1], [[[0.2, 0.3, 0.5]] * 2], "average_precision", "takes two classes; the predictions have 3"),
        ([1, 1], [[0.2, 0.7]], "roc_auc", "'roc_auc' is undefined on these rows"),
        ([1.0, 2.0], np.zeros((0, 2)), "rmse", "no submissions"),
    ],
)
def test_what_does_not_fit_is_named(truth: Any, predictions: Any, metric: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        contributivity([np.array(predictions)], [np.array(truth)], metric, n_bags=0)


@pytest.mark.parametrize("n_bags", [1, 16, 19, 72])
def test_a_number_of_bags_that_makes_no_sense_is_refused(n_bags: int) -> None:
    truth, predictions = numbers(18)

    with pytest.raises(ValueError, match="n_bags must be 0, or even and from 18 to 70"):
        contributivity([predictions], [truth], "rmse", n_bags=n_bags)
