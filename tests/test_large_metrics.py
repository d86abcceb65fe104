"""Metrics that take another way where rows are many: the same values, whatever the scores look like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from kit.metrics import Array, ndcg, roc_auc
from kit.metrics._order import ascending, ascending_in_runs, by_integer, run_starts

N = 60_000
SHAPES: dict[str, Callable[[np.random.Generator], Array]] = {
    "spread": lambda rng: rng.random(N),
    "rounded": lambda rng: np.round(rng.random(N), 2),
    "two values": lambda rng: rng.integers(0, 2, N).astype(float),
    "crowded at one end": lambda rng: rng.random(N) ** 40,
    "a few far off": lambda rng: np.where(rng.random(N) < 1e-3, 1e12, rng.normal(size=N)),
    "as wide as floats": lambda rng: rng.uniform(-1, 1, N) * 1.7e308,
    "the smallest there are": lambda rng: rng.integers(0, 5, N) * 5e-324,
    "constant": lambda rng: np.full(N, 0.5),
}
EACH = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@EACH
@pytest.mark.parametrize("share", [0.5, 0.001], ids=["even", "rare"])
def test_the_roc_auc_of_many_rows_is_that_of_scikit_learn(
    shape: Callable[[np.random.Generator], Array], share: float
) -> None:
    rng = np.random.default_rng(0)
    y_pred, y_true = shape(rng), (rng.random(N) < share).astype(int)

    assert roc_auc(y_true, y_pred) == pytest.approx(
        sk.roc_auc_score(y_true, stats.rankdata(y_pred)), rel=1e-12
    )


@EACH
@pytest.mark.parametrize("n_queries", [1, 7, 600, N])
def test_rows_are_ordered_within_queries(
    shape: Callable[[np.random.Generator], Array], n_queries: int
) -> None:
    rng = np.random.default_rng(0)
    values, codes = shape(rng), rng.integers(0, n_queries, N)
    wanted = np.lexsort((values, codes))

    by_code = by_integer(codes)
    order = by_code[ascending_in_runs(values[by_code], run_starts(codes[by_code]))]

    assert np.array_equal(np.sort(order), np.arange(N))
    assert np.array_equal(codes[order], codes[wanted])
    assert np.array_equal(values[order], values[wanted])


@EACH
def test_rows_are_ordered(shape: Callable[[np.random.Generator], Array]) -> None:
    values = shape(np.random.default_rng(0))

    order, ranked = ascending(values)

    assert np.array_equal(np.sort(order), np.arange(N))
    assert np.array_equal(ranked, np.sort(values))
    assert np.array_equal(values[order], ranked)


def test_the_ndcg_of_many_queries_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gains, scores = rng.integers(0, 4, (600, 100)).astype(float), np.round(rng.normal(size=(600, 100)), 2)
    shuffled = rng.permutation(60_000)
    queries = np.repeat(np.arange(600) + 10**12, 100)

    value = ndcg(gains.ravel()[shuffled], scores.ravel()[shuffled], queries[shuffled])

    assert value == pytest.approx(sk.ndcg_score(gains, scores), rel=1e-12)
