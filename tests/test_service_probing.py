"""What organizers are told of series of submissions: signs of probing, public against private."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Serve
from served import Served
from test_shown import outcome

from kit.overfitting import growth
from kit.probing import sketch
from kit.submission import Outcome, Split
from kit.widgets.probing import gaps

ADDRESS = "/competitions/four/probing"


def predicted(judged: Outcome, values: np.ndarray) -> Outcome:
    return replace(judged, sketch=sketch(pd.DataFrame({"count": values})))


def fill(service: Served) -> dict[str, Any]:
    """Ada changes a row at a time, bob all rows; returns what olga is told of each."""
    rng = np.random.default_rng(0)
    people = {name: service.sign_up(name) for name in ("ada", "bob")}
    values = rng.random(500)
    for i in range(8):
        values = np.where(np.arange(500) == i, 7.0, values)
        for name, sent in (("ada", values), ("bob", rng.random(500))):
            people[name].submit()
            service.judge(predicted(outcome(9.0 - i, seed=i, spread=1.0), sent))
    return {series["team"]: series for series in service.organizer().get(ADDRESS).json()}


@pytest.fixture
def told(serve: Serve) -> dict[str, Any]:
    return fill(serve(phase="daily_limit = 50"))


def test_who_changes_a_row_at_a_time_is_flagged_with_evidence(told: dict[str, Any]) -> None:
    signs = {flag["sign"]: flag for flag in told["ada"]["flags"]}

    assert "7 of 8 submissions differ from an earlier one in few rows" in signs["few rows"]["evidence"]
    assert "few rows" not in {flag["sign"] for flag in told["bob"]["flags"]}


def test_each_try_comes_with_both_scores(told: dict[str, Any]) -> None:
    assert [tried["public"] for tried in told["bob"]["tries"]] == [9.0 - i for i in range(8)]
    assert {tried["private"] - tried["public"] for tried in told["bob"]["tries"]} == {90_000.0}
    assert told["bob"]["overfitting"]["growth"] == 0.0
    assert gaps(list(told.values()))[0][2] == [-90_000.0] * 8


def test_what_was_not_shown_told_nothing(serve: Serve) -> None:
    told = fill(serve(phase='daily_limit = 50\nleaderboard = "hidden"'))

    assert told["bob"]["bits"] == 0.0


def test_shown_scores_tell_some_bits_each(told: dict[str, Any]) -> None:
    bits = [series["bits"] for series in told.values()]

    assert all(8 * 3 < each < 8 * 6 for each in bits)


class Scored:
    def __init__(self, score: float, spread: float = 0.0) -> None:
        self.score, self.influences = score, spread * np.array([-1.0, 1.0, -1.0, 1.0])


@pytest.mark.parametrize(("greater_is_better", "sign"), [(True, 1), (False, -1)])
def test_overfitting_is_what_was_gained_in_public_alone(greater_is_better: bool, sign: int) -> None:
    first = {Split.PUBLIC: Scored(0.50), Split.PRIVATE: Scored(0.50)}
    best = {Split.PUBLIC: Scored(0.50 + sign * 0.2, 0.1), Split.PRIVATE: Scored(0.50 + sign * 0.05, 0.1)}

    found = growth(first, best, greater_is_better=greater_is_better)

    assert found.growth == pytest.approx(0.15)
    assert found.se == pytest.approx(np.hypot(*[0.1 / np.sqrt(3)] * 2))
