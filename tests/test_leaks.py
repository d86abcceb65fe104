"""Attacks on leaderboards whose labels are coin tosses: the plain one falls, the ladder holds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kit import ladder
from kit.ladder import climb, factor, is_clear_gain

FOLDER = Path(__file__).parent.parent / "benchmarks"
N_TRIES = 500


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


attacks = load("attacks")
ATTACKS = {
    "boosting": attacks.boost,
    "small steps uphill": lambda w, b, n: attacks.climb_hill(w, b, n, 0.01),
    "large steps uphill": lambda w, b, n: attacks.climb_hill(w, b, n, 0.1),
    "descending": lambda w, b, n: attacks.descend(w, b, n, 0.2),
}


def gain(attack: str, board: str, *, n_runs: int = 2, rule: object = None) -> float:
    """Mean gain of an attack, in standard errors of a random guess."""
    gains = []
    for run in range(n_runs):
        made = attacks.BOARDS[board]() if rule is None else attacks.Ladder(rule)
        world = attacks.World(1000, np.random.default_rng(run))
        gains.append(list(ATTACKS[attack](world, made, N_TRIES))[-1])
    return float(np.mean(gains))


def one(score: float, *influences: float) -> attacks.Try:
    spread = np.array(influences)
    return attacks.Try(score, attacks.standard_error(spread), spread)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_plain_leaderboard_falls(attack: str) -> None:
    assert gain(attack, "plain") > 5


@pytest.mark.parametrize("attack", ["boosting", "large steps uphill"])
def test_the_rounded_leaderboard_falls_too(attack: str) -> None:
    assert gain(attack, "rounded") > 4


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_ladder_holds_within_three_standard_errors(attack: str) -> None:
    assert gain(attack, "ladder", n_runs=8) < 3


def test_the_published_step_falls_to_small_steps_uphill() -> None:
    assert gain("small steps uphill", "ladder", rule=attacks.paired(1.0)) > 5


@pytest.mark.parametrize(("board", "at_once", "low", "high"), [("plain", 40, 790, 800), ("ladder", 3, 0, 9)])
def test_log_loss_spells_labels_only_where_all_is_shown(
    board: str, at_once: int, low: int, high: int
) -> None:
    world = attacks.World(1000, np.random.default_rng(0))

    _, n_right = attacks.read_labels(world, attacks.BOARDS[board](), 20, at_once)

    assert low <= n_right <= high


def test_honest_progress_is_told() -> None:
    n, tries = 4000, []
    for wrong in np.linspace(0.30, 0.20, 11):
        rows = (np.arange(n) < wrong * n).astype(float)
        tries.append(one(float(rows.mean()), *(rows - rows.mean())))

    rungs = climb(tries, greater_is_better=False)

    assert all(rung.has_moved for rung in rungs)


def test_the_first_submission_is_told_and_a_worse_one_moves_nothing() -> None:
    tries = [one(0.5, -0.5, 0.5, -0.5, 0.5), one(0.9, -0.1, 0.3, -0.1, -0.1)]

    rungs = climb(tries, greater_is_better=False)

    assert [(rung.standing, rung.has_moved) for rung in rungs] == [(0, True), (0, False)]


def test_a_better_one_moves_where_greater_is_better() -> None:
    better = [0.5 - 1e-9, 0.5 + 1e-9]
    tries = [one(0.5, -0.5, 0.5, -0.5, 0.5), one(0.9, *better, *better)]

    assert [rung.standing for rung in climb(tries[:1] * 3, greater_is_better=True)] == [0, 0, 0]
    assert climb([tries[0], one(9.0, -0.5, 0.5, -0.4, 0.4)], greater_is_better=True)[-1].has_moved


def test_nobody_climbs_past_where_they_are_by_no_gain() -> None:
    same = one(0.5, -0.5, 0.5)

    assert not is_clear_gain(same, same, n_tries=2, n_moves=0, greater_is_better=True)


def test_scores_without_influences_are_compared_as_if_independent() -> None:
    known = attacks.Try(0.5, 0.1, None)

    def moves(score: float) -> bool:
        now = attacks.Try(score, 0.1, None)
        return is_clear_gain(now, known, n_tries=2, n_moves=0, greater_is_better=True)

    assert not moves(0.5 + 1.6 * 0.1 * np.sqrt(2))
    assert moves(0.5 + 1.7 * 0.1 * np.sqrt(2))


def test_the_step_grows_with_tries_and_with_moves() -> None:
    now, best = one(0.46, -1.0, 1.0, -1.0, 1.0), one(0.5, -1.0, 1.0, -1.0, 1.0)

    assert factor(1) < factor(60) < factor(1000)
    assert not is_clear_gain(now, best, n_tries=2, n_moves=0, greater_is_better=False)
    far = one(0.1, -1.0, 1.0, -1.0, 1.0)
    assert is_clear_gain(far, best, n_tries=2, n_moves=0, greater_is_better=False)
    assert not is_clear_gain(far, best, n_tries=2, n_moves=20, greater_is_better=False)


def test_a_thousand_tries_make_few_moves_by_chance() -> None:
    expected = sum(min(ladder.ALPHA, ladder.BUDGET / n) for n in range(1, 1001))

    assert expected < 1.6


def test_a_series_of_equally_good_submissions_moves_as_rarely_as_said() -> None:
    rng, n_tries, n_runs = np.random.default_rng(4), 20, 300
    moves = 0
    for _ in range(n_runs):
        spread = rng.normal(size=(n_tries, 200))
        means = spread.mean(axis=1, keepdims=True)
        tries = [one(float(m), *row) for m, row in zip(means[:, 0], spread - means, strict=True)]
        moves += sum(rung.has_moved for rung in climb(tries, greater_is_better=True)[1:])

    assert moves / n_runs < sum(min(ladder.ALPHA, ladder.BUDGET / n) for n in range(2, n_tries + 1))
