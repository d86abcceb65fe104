"""Comparisons as participants get them, against what exact ones would give away."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from kit._scoring import Comparison, compare, compare_coarsely, told

N = 1000
"""Rows, each a block of its own."""


@dataclass(frozen=True, eq=False)
class Measured:
    score: float
    se: float
    influences: np.ndarray


def measured(losses: np.ndarray) -> Measured:
    score = float(losses.mean())
    return Measured(score, float(losses.std(ddof=1) / np.sqrt(N)), losses - score)


def numbers(c: Comparison) -> tuple[float, ...]:
    return c.difference, c.low, c.high, c.p_value


@pytest.fixture
def losses() -> np.ndarray:
    drawn = measured(np.abs(np.random.default_rng(0).normal(size=N)))
    # The score is what it is cut to, so that a small change cuts it to the same.
    return drawn.influences + told(drawn.score, drawn.se / 4)


def test_one_row_more_right_or_more_wrong_looks_the_same(losses: np.ndarray) -> None:
    before = measured(losses)
    better, worse = losses.copy(), losses.copy()
    better[7] -= 0.5
    worse[7] += 0.5

    coarse = [numbers(compare_coarsely(measured(after), before)) for after in (better, worse)]
    exact = [compare(measured(after), before).difference for after in (better, worse)]

    assert coarse[0] == coarse[1]
    assert coarse[0][0] == 0.0
    assert exact == pytest.approx([-0.5 / N, 0.5 / N])


def test_many_comparisons_tell_no_more_than_the_cut_scores(losses: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    target = measured(losses)
    others = [measured(losses + rng.normal(0.1, 0.5, N)) for _ in range(50)]

    # Had only the difference been rounded, others at all sorts of distances would find the target out.
    moved = replace(target, score=target.score + 1e-4 * target.se)
    assert told(moved.score, target.se / 4) == told(target.score, target.se / 4)

    for other in others:
        assert numbers(compare_coarsely(target, other)) == numbers(compare_coarsely(moved, other))


def test_a_difference_that_is_clear_beyond_the_scores_errors_stays_clear(losses: np.ndarray) -> None:
    a, b = measured(losses), measured(losses + 0.05 + np.random.default_rng(2).normal(0, 0.2, N))

    coarse, exact = compare_coarsely(b, a), compare(b, a)

    assert exact.is_clear and coarse.is_clear
    assert exact.difference < a.se * 4  # the two intervals overlap
    assert coarse.difference == pytest.approx(exact.difference, abs=a.se / 4)
    assert exact.se <= coarse.se


def test_false_alarms_stay_below_their_level() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(1000):
        common = rng.exponential(size=N)
        a, b = (measured(common + rng.normal(0, 0.3, N)) for _ in range(2))
        alarms += compare_coarsely(a, b).is_clear

    assert alarms <= 60  # 5 % and its standard error, 0.7 %


def test_scores_without_error_are_compared_by_their_first_digits() -> None:
    flat = Measured(0.123456, 0.0, np.zeros(N))

    found = compare_coarsely(flat, replace(flat, score=0.123457))

    assert (found.difference, found.p_value) == (0.0, 1.0)
