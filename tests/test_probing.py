"""Signs of probing in series of submissions, and how rarely honest ones show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from kit.metrics import Array
from kit.probing import Probing, Told, budget, n_different, probe, sketch

N = 5000


def frame(values: Array) -> pd.DataFrame:
    return pd.DataFrame({"p": values})


def look(series: Iterator[Array]) -> Probing:
    tries = [Told(i, sketch(frame(values)), se=0.01, grain=0.0025) for i, values in enumerate(series)]
    return probe(tries, n_labels=N // 2)


def signs(series: Iterator[Array]) -> set[str]:
    return {flag.sign for flag in look(series).flags}


def hill_climbing(rng: np.random.Generator) -> Iterator[Array]:
    best = rng.integers(0, 2, N).astype(float)
    for _ in range(20):
        now = best.copy()
        now[rng.integers(0, N, 10)] = 1 - now[rng.integers(0, N, 10)]
        yield now


def one_hot_sweep(rng: np.random.Generator) -> Iterator[Array]:
    for first in range(0, 60, 3):
        now = np.full(N, 0.5)
        now[first : first + 3] = [1e-15, 1e-9, 1e-5]
        yield now
    del rng


def honest_probabilities(rng: np.random.Generator) -> Iterator[Array]:
    base = rng.normal(size=N)
    for _ in range(40):
        yield 1 / (1 + np.exp(-base - 0.1 * rng.normal(size=N)))


def honest_labels(rng: np.random.Generator) -> Iterator[Array]:
    base = rng.normal(size=N)
    for _ in range(40):
        yield (base + 0.15 * rng.normal(size=N) > 0).astype(float)


def honest_rare_labels(rng: np.random.Generator) -> Iterator[Array]:
    base = rng.normal(size=N)
    for _ in range(40):
        yield (base + 0.3 * rng.normal(size=N) > 1.5).astype(float)


def honest_very_rare_labels(rng: np.random.Generator) -> Iterator[Array]:
    base = rng.normal(size=N)
    for _ in range(40):
        yield (base + 0.3 * rng.normal(size=N) > 2.3).astype(float)


def honest_start(rng: np.random.Generator) -> Iterator[Array]:
    yield np.zeros(N)
    yield np.full(N, 0.5)
    last = rng.random(N)
    yield last
    yield np.where(np.arange(N) == 7, 0.0, last)
    yield from honest_probabilities(rng)


@pytest.mark.parametrize("n", [1, 3, 17])
def test_a_few_different_rows_are_counted_exactly(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.random(N)
    rows = np.arange(n) * 5
    changed = values.copy()
    changed[rows] += 1

    assert n_different(sketch(frame(values)), sketch(frame(changed))) == pytest.approx(n, abs=n // 10)


def test_many_different_rows_are_counted_nearly() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(1_000_000)
    changed = values.copy()
    changed[rng.permutation(len(values))[:1000]] += 1

    assert n_different(sketch(frame(values)), sketch(frame(changed))) == pytest.approx(1000, rel=0.06)


def test_equal_predictions_do_not_differ_and_all_rows_count_as_all() -> None:
    values = np.random.default_rng(0).random(N)

    assert n_different(sketch(frame(values)), sketch(frame(values))) == 0
    assert n_different(sketch(frame(values)), sketch(frame(values + 1))) == N


def test_rows_that_change_places_differ() -> None:
    values = np.random.default_rng(0).random(3000)
    swapped = values.copy()
    swapped[[5, 5 + 1024]] = values[[5 + 1024, 5]]

    assert n_different(sketch(frame(values)), sketch(frame(swapped))) == 1


@pytest.mark.parametrize(
    ("attack", "wanted"),
    [(hill_climbing, {"few rows"}), (one_hot_sweep, {"few rows", "near-constant", "sweep"})],
)
def test_attacks_are_flagged(
    attack: Callable[[np.random.Generator], Iterator[Array]], wanted: set[str]
) -> None:
    assert signs(attack(np.random.default_rng(0))) == wanted


@pytest.mark.parametrize(
    "honest",
    [honest_probabilities, honest_labels, honest_rare_labels, honest_start],
    ids=lambda f: f.__name__,
)
def test_honest_series_are_not(honest: Callable[[np.random.Generator], Iterator[Array]]) -> None:
    assert [signs(honest(np.random.default_rng(seed))) for seed in range(5)] == [set()] * 5


def test_labels_of_a_rare_class_are_not_flagged() -> None:
    series = honest_very_rare_labels(np.random.default_rng(0))
    tries = [Told(i, sketch(frame(v), are_labels=True), 0.01, 0.0025) for i, v in enumerate(series)]

    assert probe(tries, n_labels=N).flags == ()


def near_constant_labels() -> Iterator[Array]:
    for first in range(0, 60, 3):
        now = np.zeros(N)
        now[first : first + 3] = 1
        yield now


@pytest.mark.parametrize("has_rare_class", [False, True], ids=["even classes", "a rare class"])
def test_near_constant_labels_are_flagged_where_no_class_is_rare(has_rare_class: bool) -> None:
    tries = [
        Told(i, sketch(frame(v), are_labels=has_rare_class), 0.01, 0.0025)
        for i, v in enumerate(near_constant_labels())
    ]

    found = {flag.sign for flag in probe(tries, n_labels=N).flags}

    assert found == (set() if has_rare_class else {"near-constant", "sweep", "few rows"})


def test_a_sample_submission_sent_again_and_again_tells_its_score_once() -> None:
    sample, other = np.full(N, 0.5), np.where(np.arange(N) == 7, 0.4, 0.5)

    constant, same = look(iter([sample] * 12)), look(iter([other] * 12))

    # A constant file tells no row from another; one that singles out a row does, if only once.
    assert constant.flags == ()
    assert {flag.sign for flag in same.flags} == {"near-constant"}
    assert constant.bits == same.bits == pytest.approx(4.05, abs=0.01)


def test_flags_name_submissions_and_say_why() -> None:
    (flag,) = look(hill_climbing(np.random.default_rng(0))).flags

    assert len(flag.submissions) >= 15
    assert flag.evidence.startswith(f"{len(flag.submissions)} of 20 submissions differ from an earlier one")


def test_a_score_in_quarter_errors_tells_four_bits_and_no_move_one() -> None:
    told, not_told = Told(1, None, 0.01, 0.0025), Told(2, None, 0.01, 0.0025, is_told=False)

    assert budget([told]) == pytest.approx(4.05, abs=0.01)
    assert budget([told, not_told]) == pytest.approx(5.05, abs=0.01)


def test_scores_that_can_spell_all_labels_are_flagged() -> None:
    many = [Told(i, None, 0.01, 0.0025) for i in range(30)]

    found = probe(many, n_labels=100)

    assert [flag.sign for flag in found.flags] == ["budget"]
    assert found.worth > 10
