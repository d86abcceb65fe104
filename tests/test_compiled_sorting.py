"""Sorting and AUC by compiled passes: the same values as without, whatever the scores look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from test_large_metrics import SHAPES, N

from kit._scoring import Rows, compile_sorting, deal, order, reducer
from kit.metrics import METRICS, Array, average_precision, roc_auc

EACH = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@pytest.fixture(autouse=True)
def compiled() -> Iterator[None]:
    before = list(order._compiled)
    assert compile_sorting()
    yield
    order._compiled[:] = before


@EACH
def test_rows_are_ordered(shape: Callable[[np.random.Generator], Array]) -> None:
    values = shape(np.random.default_rng(0))

    rows, ranked = order.ascending(values)

    assert np.array_equal(np.sort(rows), np.arange(N))
    assert np.array_equal(ranked, np.sort(values))
    assert np.array_equal(values[rows], ranked)


@EACH
@pytest.mark.parametrize("share", [0.5, 0.001], ids=["even", "rare"])
def test_the_table_of_the_roc_auc_is_the_same_with_and_without(
    shape: Callable[[np.random.Generator], Array], share: float
) -> None:
    rng = np.random.default_rng(0)
    y_pred, y_true = shape(rng), (rng.random(N) < share).astype(int)
    reduce = reducer(METRICS["roc_auc"], Rows(y_true, deal(N, seed=1)))

    with_it = reduce(y_pred)
    order._compiled.clear()
    without = reduce(y_pred)

    assert np.array_equal(with_it.sums, without.sums)
    assert with_it.score == pytest.approx(roc_auc(y_true, y_pred), rel=1e-12)


@EACH
def test_the_table_of_average_precision_gives_its_value(
    shape: Callable[[np.random.Generator], Array],
) -> None:
    rng = np.random.default_rng(0)
    y_pred, y_true = shape(rng), (rng.random(N) < 0.3).astype(int)

    table = reducer(METRICS["average_precision"], Rows(y_true, deal(N, seed=1)))(y_pred)

    assert table.score == pytest.approx(average_precision(y_true, y_pred), rel=1e-12)
