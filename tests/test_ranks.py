"""Rank intervals, who may be first and how probably: by hand, by properties, by simulation."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from kit._scoring import Ranks, rank_teams
from kit.metrics import Array

N_TRIES = 300
N_FIELDS = 150
N_BLOCKS = 300


def observe(skills: Array, rng: np.random.Generator, *, n_blocks: int = N_BLOCKS) -> tuple[Array, Array]:
    """Scores and influences of teams: half of the error is shared by all, as hard rows are."""
    shared, own = rng.normal(size=n_blocks), rng.normal(size=(len(skills), n_blocks))
    seen = skills[:, None] + np.sqrt(0.5) * (shared + own)
    return seen.mean(axis=1), seen - seen.mean(axis=1, keepdims=True)


def ranked(skills: list[float] | Array, *, seed: int = 0, n_blocks: int = N_BLOCKS) -> Ranks:
    scores, influences = observe(np.asarray(skills), np.random.default_rng(seed), n_blocks=n_blocks)
    return rank_teams(scores, influences, greater_is_better=True)


def test_teams_far_apart_have_one_rank_each() -> None:
    ranks = ranked([2.0, 9.0, 5.0])

    assert ranks.low.tolist() == ranks.high.tolist() == [3, 1, 2]
    assert ranks.may_be_first.tolist() == [False, True, False]
    assert ranks.p_first.tolist() == [0.0, 1.0, 0.0]


def test_two_close_teams_share_ranks_and_a_third_does_not() -> None:
    ranks = ranked([0.01, 0.0, -3.0])

    assert ranks.low.tolist() == [1, 1, 3]
    assert ranks.high.tolist() == [2, 2, 3]
    assert ranks.may_be_first.tolist() == [True, True, False]


def test_the_lowest_error_is_first_where_lower_is_better() -> None:
    scores, influences = observe(np.array([2.0, 9.0]), np.random.default_rng(0))

    assert rank_teams(scores, influences, greater_is_better=False).low.tolist() == [1, 2]


def test_identical_submissions_stand_together() -> None:
    scores, influences = observe(np.array([1.0, 0.0]), np.random.default_rng(0))

    ranks = rank_teams(scores[[0, 0, 0, 1]], influences[[0, 0, 0, 1]], greater_is_better=True)

    assert ranks.low.tolist() == [1, 1, 1, 4]
    assert ranks.high.tolist() == [3, 3, 3, 4]
    assert ranks.p_first == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=0.03)


def test_a_small_difference_of_nearly_equal_submissions_is_seen() -> None:
    rng = np.random.default_rng(0)
    scores, influences = observe(np.zeros(2), rng)
    nearly = influences[0] + 1e-4 * rng.normal(size=N_BLOCKS)
    nearly -= nearly.mean()

    ranks = rank_teams(
        np.array([scores[0], scores[0] - 1e-4]), np.vstack([influences[0], nearly]), greater_is_better=True
    )

    assert ranks.high.tolist() == [1, 2]  # the paired error is 1e-4 / sqrt(300)


@pytest.mark.parametrize("n_teams", [0, 1])
def test_nobody_and_one_team_are_ranked_too(n_teams: int) -> None:
    ranks = rank_teams(np.zeros(n_teams), np.zeros((n_teams, 5)), greater_is_better=True)

    assert ranks.low.tolist() == ranks.high.tolist() == [1] * n_teams
    assert ranks.p_first.tolist() == [1.0] * n_teams


def test_ranks_follow_the_teams_not_their_order() -> None:
    scores, influences = observe(0.1 * np.random.default_rng(1).normal(size=40), np.random.default_rng(2))
    order = np.random.default_rng(3).permutation(40)

    one = rank_teams(scores, influences, greater_is_better=True)
    other = rank_teams(scores[order], influences[order], greater_is_better=True)

    assert np.array_equal(one.low[order], other.low)
    assert np.array_equal(one.high[order], other.high)
    assert one.p_first[order] == pytest.approx(other.p_first)


def test_intervals_hold_the_rank_by_score_and_the_first_may_be_first() -> None:
    for seed in range(20):
        scores, influences = observe(
            0.1 * np.random.default_rng(seed).normal(size=30), np.random.default_rng(seed)
        )

        ranks = rank_teams(scores, influences, greater_is_better=True)

        place = 1 + np.argsort(np.argsort(-scores))
        assert (ranks.low <= place).all() and (place <= ranks.high).all()
        assert ranks.may_be_first[scores.argmax()]
        assert (ranks.low[ranks.may_be_first] == 1).all()
        assert ranks.p_first.sum() == pytest.approx(1.0)


def test_all_ranks_are_covered_at_once_with_six_tied_leaders() -> None:
    skills = np.append(np.zeros(6), -0.05 * np.arange(1, 25))
    best, worst = np.append(np.ones(6), np.arange(7, 31)), np.append(np.full(6, 6), np.arange(7, 31))

    all_covered = leaders_kept = 0
    for seed in range(N_TRIES):
        ranks = ranked(skills, seed=seed)
        all_covered += bool((ranks.low <= best).all() and (worst <= ranks.high).all())
        leaders_kept += bool(ranks.may_be_first[:6].all())

    # Each promised 95 %; the standard error of 300 tries is 1.3 %.
    assert all_covered / N_TRIES >= 0.93
    assert leaders_kept / N_TRIES >= 0.92


@pytest.mark.parametrize(
    ("field", "most"),
    [
        pytest.param(lambda _: np.append(np.zeros(6), -0.05 * np.arange(1, 25)), 0.05, id="six tied leaders"),
        pytest.param(
            lambda _: np.append(np.zeros(4), -0.08 - 0.06 * np.arange(8)), 0.08, id="four tied of 12"
        ),
        pytest.param(
            lambda rng: 0.03 * rng.normal(size=60) - np.repeat([0.0, 0.2], [20, 40]),
            0.08,
            id="group over group",
        ),
        pytest.param(lambda rng: 0.04 * rng.normal(size=30), 0.12, id="close"),
        pytest.param(lambda rng: 0.12 * rng.normal(size=30), 0.12, id="apart"),
    ],
)
def test_the_probability_of_being_first_is_about_right(
    field: Callable[[np.random.Generator], Array], most: float
) -> None:
    rng = np.random.default_rng(9)
    said, true, naive = [], [], []
    for _ in range(N_FIELDS):
        skills = field(rng)
        scores, influences = observe(skills, rng)
        winner = int(scores.argmax())
        said.append(rank_teams(scores, influences, greater_is_better=True).p_first[winner])
        true.append((skills[winner] == skills.max()) / (skills == skills.max()).sum())
        weights = rng.multinomial(N_BLOCKS, np.full(N_BLOCKS, 1 / N_BLOCKS), 60) / N_BLOCKS
        naive.append(np.mean((scores + weights @ influences.T).argmax(axis=1) == winner))

    # The standard error of the true share is at most 4 %, and nearly none where leaders are tied.
    assert abs(np.mean(said) - np.mean(true)) <= most
    assert np.mean(said) < np.mean(naive)


def test_of_two_nearly_equal_submissions_the_better_one_is_the_first() -> None:
    rng = np.random.default_rng(0)
    scores, influences = observe(np.zeros(4), rng)
    nearly = influences[0] + 1e-3 * rng.normal(size=N_BLOCKS)
    best = scores.max() + 0.02

    ranks = rank_teams(
        np.append(scores[1:], [best, best - 2e-4]),
        np.vstack([influences[1:], influences[0], nearly - nearly.mean()]),
        greater_is_better=True,
    )

    assert ranks.p_first[3] > 4 * ranks.p_first[4]


def test_what_all_teams_errors_share_does_not_matter_for_who_is_first() -> None:
    rng = np.random.default_rng(1)
    scores, influences = observe(0.04 * rng.normal(size=30), rng)
    shared = 5.0 * rng.normal(size=N_BLOCKS)

    one = rank_teams(scores, influences, greater_is_better=True)
    other = rank_teams(scores + 3.0, influences + shared - shared.mean(), greater_is_better=True)

    assert one.p_first == pytest.approx(other.p_first, abs=1e-3)


def test_more_teams_than_are_paired_still_have_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit._scoring.ranks.MOST_PAIRED", 20)
    skills = -0.3 * np.arange(60.0)

    ranks = ranked(skills)

    place = np.arange(1, 61)
    assert (ranks.low <= place).all() and (place <= ranks.high).all()
    assert (ranks.high - ranks.low).max() <= 6


def n_calls(act: Callable[[], object]) -> int:
    """Functions that are called meanwhile, as what takes each pair of teams by itself calls many."""
    found = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
    return found


def test_a_thousand_teams_are_ranked_at_once() -> None:
    def of(n_teams: int) -> int:
        rng = np.random.default_rng(0)
        scores, influences = observe(0.1 * rng.normal(size=n_teams), rng, n_blocks=1024)
        return n_calls(lambda: rank_teams(scores, influences, greater_is_better=True))

    of(10)  # what is imported at first is not of the ranks

    assert of(1000) < 3 * of(100)


def test_of_teams_below_those_that_are_paired_the_error_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kit._scoring.ranks.MOST_PAIRED", 20)
    scores, influences = observe(-0.3 * np.arange(60.0), np.random.default_rng(0))
    order = np.argsort(-scores)
    scores, influences = scores[order], influences[order]
    errors = np.sqrt(np.square(influences).sum(axis=1) / (N_BLOCKS * (N_BLOCKS - 1.0)))

    whole = rank_teams(scores, influences, greater_is_better=True)
    part = rank_teams(scores, influences[:20], errors=errors, greater_is_better=True)

    assert part.low.tolist() == whole.low.tolist()
    assert part.high.tolist() == whole.high.tolist()
    assert part.p_first.tolist() == whole.p_first.tolist()
