"""Leaderboards worked out by hand, with teams ada, bob and eve."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import four
import numpy as np
import pytest

from kit.combined import Board, CombinedRow, combine
from kit.leaderboard import Entry, Row, rank, rounded, with_uncertainty
from kit.submission import Score, Split

_ids = count(1)


def entry(
    team: str,
    public: float,
    private: float = 0.0,
    *,
    minute: int = 0,
    selected: bool = False,
    baseline: bool = False,
    version: str = "one",
    se: float = 0.0,
) -> Entry:
    scores = {
        split: {"mae": Score("mae", split, value, value, value, 0.95, 2, 100, se=se)}
        for split, value in ((Split.PUBLIC, public), (Split.PRIVATE, private))
    }
    at, number = four.NOON + timedelta(minutes=minute), next(_ids)
    facts = {"is_selected": selected, "is_baseline": baseline, "judgement": 100 + number}
    return Entry(number, team, at, scores, version=version, **facts)


def errors(*entries: Entry, split: Split = Split.PUBLIC) -> list[Row]:
    return rank(entries, metric="mae", greater_is_better=False, split=split)


def places(rows: list[Row]) -> list[tuple[int | None, str, float]]:
    return [(row.rank, row.team, row.score.score) for row in rows]


def test_the_best_submission_of_each_team_counts() -> None:
    rows = errors(entry("ada", 3), entry("ada", 1), entry("bob", 2), entry("eve", 4))

    assert places(rows) == [(1, "ada", 1), (2, "bob", 2), (3, "eve", 4)]
    assert [row.n_submissions for row in rows] == [2, 1, 1]


def test_greater_is_better_turns_the_order_around() -> None:
    rows = rank([entry("ada", 3), entry("ada", 1), entry("bob", 2)], metric="mae", greater_is_better=True)

    assert places(rows) == [(1, "ada", 3), (2, "bob", 2)]


def test_ties_share_a_rank_and_the_earlier_stands_first() -> None:
    rows = errors(entry("ada", 1, minute=5), entry("bob", 1, minute=3), entry("eve", 2))

    assert places(rows) == [(1, "bob", 1), (1, "ada", 1), (3, "eve", 2)]


def test_scores_that_differ_after_the_tenth_digit_are_a_tie() -> None:
    rows = errors(entry("ada", 0.1 + 0.2, minute=1), entry("bob", 0.3, minute=2), entry("eve", 0.300000001))

    assert [row.rank for row in rows] == [1, 1, 3]
    assert [row.team for row in rows] == ["ada", "bob", "eve"]


@pytest.mark.parametrize(
    ("score", "kept"),
    [(0.12345678904, 0.1234567890), (1234567890.4, 1234567890.0), (-1e-12, -1e-12), (0.0, 0.0)],
)
def test_scores_are_rounded_to_ten_significant_digits(score: float, kept: float) -> None:
    assert rounded(score) == kept


def test_baselines_are_placed_and_not_ranked() -> None:
    rows = errors(entry("ada", 1), entry("median", 2, baseline=True), entry("bob", 3))

    assert places(rows) == [(1, "ada", 1), (None, "median", 2), (2, "bob", 3)]


def test_a_team_may_have_the_name_of_a_baseline() -> None:
    rows = errors(entry("median", 1), entry("median", 2, baseline=True))

    assert places(rows) == [(1, "median", 1), (None, "median", 2)]


def test_the_private_score_of_the_best_public_submission_counts_where_none_is_selected() -> None:
    rows = errors(entry("ada", 1, 9), entry("ada", 2, 3), entry("bob", 5, 5), split=Split.PRIVATE)

    assert places(rows) == [(1, "bob", 5), (2, "ada", 9)]


def test_the_best_private_score_of_the_selected_submissions_counts() -> None:
    ada = [entry("ada", 1, 9), entry("ada", 2, 4, selected=True), entry("ada", 3, 3, selected=True)]

    rows = errors(*ada, entry("bob", 5, 5), split=Split.PRIVATE)

    assert places(rows) == [(1, "ada", 3), (2, "bob", 5)]


def test_the_shake_up_is_the_places_won() -> None:
    rows = errors(entry("ada", 1, 9), entry("bob", 2, 8), entry("eve", 3, 7), split=Split.PRIVATE)

    assert [(row.team, row.shake_up) for row in rows] == [("eve", 2), ("bob", 0), ("ada", -2)]


# Uncertainty --------------------------------------------------------------------------------------------

UP_AND_DOWN = np.array([1.0, -1.0, 1.0, -1.0])
"""Influences of four blocks; their standard error is sqrt(4 / (4 * 3)) = 0.577."""


def uncertain(blocks: dict[str, float | np.ndarray], *entries: Entry) -> dict[str, Row]:
    """Rows by team, where each team's influences are so many times UP_AND_DOWN."""
    influences = {
        e.judgement: np.asarray(
            blocks[e.team] * UP_AND_DOWN if np.isscalar(blocks[e.team]) else blocks[e.team]
        )
        for e in entries
        if e.team in blocks
    }
    rows = with_uncertainty(errors(*entries), influences, greater_is_better=False)
    return {row.team: row for row in rows}


def intervals(rows: dict[str, Row]) -> dict[str, tuple[int | None, int | None]]:
    return {team: (row.rank_low, row.rank_high) for team, row in rows.items()}


def test_teams_that_differ_by_many_standard_errors_have_their_rank_for_sure() -> None:
    # 1 is 17 standard errors of 0.0577; with three degrees of freedom 3.2 are needed.
    rows = uncertain({"ada": 0.0, "bob": 0.1}, entry("ada", 1), entry("bob", 2))

    assert intervals(rows) == {"ada": (1, 1), "bob": (2, 2)}
    assert [rows[t].tie_with_first for t in ("ada", "bob")] == [True, False]
    assert [rows[t].p_first for t in ("ada", "bob")] == [1.0, 0.0]


def test_teams_that_differ_by_less_than_chance_may_have_each_others_rank() -> None:
    # 1 is 1.7 standard errors.
    rows = uncertain({"ada": 0.0, "bob": 1.0}, entry("ada", 1), entry("bob", 2))

    assert intervals(rows) == {"ada": (1, 2), "bob": (1, 2)}
    assert all(row.tie_with_first for row in rows.values())
    assert 0.5 < rows["ada"].p_first < 1.0
    assert rows["ada"].p_first + rows["bob"].p_first == pytest.approx(1.0)


def test_errors_that_two_teams_have_in_common_do_not_blur_their_ranks() -> None:
    # Apart, they have errors of 0.35 and 0.38, and 1 would be but 2 of their difference's.
    rows = uncertain({"ada": 0.6, "bob": 0.65}, entry("ada", 1), entry("bob", 2))

    assert intervals(rows) == {"ada": (1, 1), "bob": (2, 2)}


def test_two_accounts_with_nearly_the_same_predictions_learn_nothing_of_a_row() -> None:
    def told(step: float) -> list[tuple[object, ...]]:
        rows = uncertain({"ada": 0.6, "bob": 0.6001}, entry("ada", 1.0), entry("bob", 1.0 + step))
        facts = ("rank_low", "rank_high", "tie_with_first", "p_first")
        return [tuple(getattr(rows[team], fact) for fact in facts) for team in ("ada", "bob")]

    # Paired, the error is 0.00006, and steps of a hundred of them are told apart for sure.
    assert told(0.006) == told(0.003) == told(0.0001)


def test_scores_that_tie_share_their_rank_interval() -> None:
    rows = uncertain({"ada": 0.0, "bob": 0.0}, entry("ada", 0.1 + 0.2), entry("bob", 0.3))

    assert intervals(rows) == {"ada": (1, 2), "bob": (1, 2)}


def test_a_team_judged_under_another_version_is_ranked_and_may_be_anywhere() -> None:
    old = entry("eve", 3, version="zero")
    blocks = {"ada": 0.0, "bob": 0.1, "eve": 0.2}

    rows = uncertain(blocks, entry("ada", 1), entry("bob", 2), old)

    assert (rows["eve"].rank, rows["eve"].p_first) == (3, None)
    assert intervals(rows) == {"ada": (1, 2), "bob": (2, 3), "eve": (None, None)}


def test_a_team_with_another_number_of_blocks_has_no_rank_interval() -> None:
    blocks = {"ada": 0.0, "bob": 0.1, "eve": np.array([1.0, -1.0])}

    rows = uncertain(blocks, entry("ada", 1), entry("bob", 2), entry("eve", 3))

    assert intervals(rows)["eve"] == (None, None)


def test_where_the_first_cannot_be_compared_nobody_is_tied_with_it() -> None:
    blocks = {"ada": 0.0, "bob": 1.0, "eve": 2.0}

    rows = uncertain(blocks, entry("ada", 1, version="zero"), entry("bob", 2), entry("eve", 3))

    assert not any(row.tie_with_first for row in rows.values())
    assert {row.p_first for row in rows.values()} == {None}
    assert intervals(rows)["bob"] == (1, 3)


def test_baselines_keep_their_place_and_have_no_rank_interval() -> None:
    blocks = {"ada": 0.0, "median": 1.0, "bob": 0.1}

    rows = uncertain(blocks, entry("ada", 1), entry("median", 1.5, baseline=True), entry("bob", 2))

    assert list(rows) == ["ada", "median", "bob"]
    assert intervals(rows) == {"ada": (1, 1), "median": (None, None), "bob": (2, 2)}


def test_without_evidence_nothing_is_claimed() -> None:
    rows = uncertain({}, entry("ada", 1), entry("bob", 2))

    assert intervals(rows) == {"ada": (None, None), "bob": (None, None)}


def test_a_team_alone_is_first() -> None:
    rows = uncertain({"ada": 1.0}, entry("ada", 1))

    assert (intervals(rows)["ada"], rows["ada"].p_first) == ((1, 1), 1.0)


# Several questions --------------------------------------------------------------------------------------


def board(question: str, *entries: Entry, weight: float = 1.0) -> Board:
    return Board(question, weight, errors(*entries))


def shares(rows: list[CombinedRow]) -> dict[str, float]:
    return {row.team: row.score for row in rows}


def test_a_score_is_0_at_the_baseline_and_1_at_the_best() -> None:
    rows = combine([board("q", entry("ada", 2), entry("bob", 4), entry("median", 10, baseline=True))])

    assert shares(rows) == {"ada": 1.0, "bob": 0.75}
    assert [row.rank for row in rows] == [1, 2]


def test_the_best_baseline_is_the_one_that_counts() -> None:
    baselines = [entry("mean", 20, baseline=True), entry("median", 10, baseline=True)]

    assert shares(combine([board("q", entry("ada", 2), entry("bob", 4), *baselines)]))["bob"] == 0.75


def test_a_score_below_the_baseline_counts_0() -> None:
    rows = combine([board("q", entry("ada", 2), entry("eve", 99), entry("median", 10, baseline=True))])

    assert shares(rows) == {"ada": 1.0, "eve": 0.0}


def test_where_the_best_is_below_the_baseline_all_count_0() -> None:
    rows = combine([board("q", entry("ada", 11), entry("eve", 99), entry("median", 10, baseline=True))])

    assert shares(rows) == {"ada": 0.0, "eve": 0.0}
    assert [row.rank for row in rows] == [1, 1]


def test_without_a_baseline_the_last_team_is_at_0() -> None:
    assert shares(combine([board("q", entry("ada", 2), entry("bob", 4), entry("eve", 6))])) == {
        "ada": 1.0,
        "bob": 0.5,
        "eve": 0.0,
    }
    assert shares(combine([board("q", entry("ada", 2))])) == {"ada": 1.0}


def test_teams_that_tie_on_a_leaderboard_tie_on_the_combined_one() -> None:
    rows = combine([board("q", entry("ada", 0.1 + 0.2), entry("bob", 0.3))])

    assert shares(rows) == {"ada": 1.0, "bob": 1.0}


def test_questions_count_by_weight_and_an_unanswered_one_counts_0() -> None:
    first = board("a", entry("ada", 0), entry("bob", 5), entry("median", 10, baseline=True), weight=3)
    second = board("b", entry("bob", 0), entry("median", 10, baseline=True))

    rows = combine([first, second])

    assert shares(rows) == {"ada": 0.75, "bob": 0.625}
    assert rows[1].parts["a"].normalized == 0.5
    assert "b" not in rows[0].parts


def test_the_mean_rank_counts_an_unanswered_question_one_after_the_last() -> None:
    first = board("a", entry("ada", 1), entry("bob", 2), entry("eve", 3))
    second = board("b", entry("eve", 1), entry("bob", 2))

    rows = combine([first, second], method="mean_rank")

    assert [(row.rank, row.team, row.score) for row in rows] == [(1, "ada", 2), (1, "bob", 2), (1, "eve", 2)]


def test_the_mean_rank_changes_when_irrelevant_teams_join() -> None:
    ada, bob = (entry("ada", 1), entry("bob", 2)), (entry("ada", 5), entry("bob", 1))
    crowd = [entry(f"team {i}", 3) for i in range(3)]

    before = combine([board("a", *ada), board("b", *bob)], method="mean_rank")
    after = combine([board("a", *ada), board("b", *bob, *crowd)], method="mean_rank")

    assert [row.rank for row in before] == [1, 1]
    assert {row.team: row.rank for row in after if row.team in ("ada", "bob")} == {"bob": 1, "ada": 5}


def test_a_combined_score_has_the_errors_of_its_parts() -> None:
    first = board("a", entry("ada", 0), entry("bob", 5, se=3), entry("median", 10, baseline=True), weight=3)
    second = board("b", entry("bob", 0, se=8), entry("median", 2, baseline=True))

    bob = combine([first, second])[-1]

    assert bob.parts["a"].normalized_se == 0.3
    assert bob.se == pytest.approx(((3 * 0.3 / 4) ** 2 + (4 / 4) ** 2) ** 0.5)
