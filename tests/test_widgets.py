"""Tables, cards and small pieces, against plain dicts."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from widget_facts import (
    INJECTED,
    board,
    board_row,
    facts,
)

from kit.errors import NotAllowed, ServiceError
from kit.widgets import (
    LeaderboardTable,
    LiveTable,
    SubmissionCard,
    SubmissionsTable,
    card,
    column,
)
from kit.widgets._widget import STATIC
from kit.widgets.boards import board_columns, board_rows
from kit.widgets.panel import rules

# Tables


def test_the_readers_row_and_the_baselines_are_marked() -> None:
    rows = board_rows(board(board_row("ada", 1, 0.2), board_row("mean", None, 0.3)), "ada")

    assert [row["_you"] for row in rows] == [True, False]
    assert [row["_baseline"] for row in rows] == [False, True]
    assert rows[1]["rank"] is None


def test_a_baseline_that_bears_the_readers_name_is_not_the_reader() -> None:
    rows = board_rows(board(board_row("ada", None, 0.2), board_row("ada", 1, 0.3)), "ada")

    assert [row["_you"] for row in rows] == [False, True]
    assert len({row["_key"] for row in rows}) == 2


def test_the_private_board_shows_the_shake_up_and_the_public_one_does_not() -> None:
    public, private = (board_columns(board(board_row("ada", 1, 0.2), split=s)) for s in ("public", "private"))

    assert "shake_up" not in {each["key"] for each in public}
    assert "shake_up" in {each["key"] for each in private}


def test_the_combined_board_has_a_column_for_each_question() -> None:
    parts = {"sex": {"score": 0.2, "normalized": 0.8, "rank": 1}, "mass": {"score": 3, "normalized": None}}
    told = {
        "split": "public",
        "hidden": False,
        "rows": [{"rank": 1, "team": "ada", "score": 1, "parts": parts}],
    }
    table = LeaderboardTable("ada")

    table.show_board(told)

    assert [each["title"] for each in table.columns][-2:] == ["sex", "mass"]
    assert table.rows[0]["parts.sex"] == 0.8


def test_teams_that_cannot_be_told_apart_from_the_first_are_marked_with_a_legend() -> None:
    tied = [board_row(team, 1, 0.2, tie_with_first=True, p_first=0.5) for team in ("ada", "bob")]
    table = LeaderboardTable()

    table.show_board(board(*tied, board_row("eve", 3, 0.9, tie_with_first=False, p_first=0.0)))

    assert [row["_tie"] for row in table.rows] == [True, True, False]
    assert table.legend == "Cannot be told apart from the first at 5 %."
    assert "p_first" in {each["key"] for each in table.columns}


def test_a_first_that_stands_alone_needs_no_legend() -> None:
    table = LeaderboardTable()

    table.show_board(board(board_row("ada", 1, 0.2, tie_with_first=True), board_row("bob", 2, 0.3)))

    assert table.legend == ""
    assert "p_first" not in {each["key"] for each in table.columns}


def test_a_hidden_leaderboard_says_so() -> None:
    table = LeaderboardTable()

    table.show_board(board(hidden=True))

    assert "hidden" in table.empty


def test_the_table_says_when_the_service_is_away_and_keeps_its_rows() -> None:
    table = LeaderboardTable("ada")
    table.show_board(board(board_row("ada", 1, 0.2)))

    table.lost_board(ServiceError("away"))

    assert (table.status, len(table.rows)) == ("reconnecting", 1)


def test_a_leaderboard_one_may_not_see_says_why() -> None:
    table = LeaderboardTable()

    table.lost_board(NotAllowed("'penguins' opens at 2026-03-01."))

    assert table.empty == "'penguins' opens at 2026-03-01."


def test_a_choice_not_yet_saved_survives_an_update() -> None:
    table = SubmissionsTable(selectable=2)
    table.show_submissions([facts("SCORED", id=1, selected=True), facts("SCORED", id=2)])

    table.selected = [2]
    table.show_submissions([facts(id=3), facts("SCORED", id=1, selected=True), facts("SCORED", id=2)])

    assert table.selected == [2]


def test_a_choice_saved_elsewhere_arrives() -> None:
    table = SubmissionsTable(selectable=2)
    table.show_submissions([facts("SCORED", id=1, selected=True), facts("SCORED", id=2)])

    table.show_submissions([facts("SCORED", id=1), facts("SCORED", id=2, selected=True)])

    assert table.selected == [2]


def test_only_scored_submissions_can_be_ticked() -> None:
    table = SubmissionsTable()

    table.show_submissions([facts("SCORED", id=1), facts("REJECTED", id=2), facts("QUEUED", id=3)])

    assert [row["_selectable"] for row in table.rows] == [True, False, False]


def test_an_unknown_kind_of_column_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of column: 'html'"):
        column("team", "Team", "html")


def test_rows_are_json_whatever_stands_in_them() -> None:
    table = LiveTable([column("team", "Team")], [{"id": 1, "team": INJECTED}])

    assert json.loads(json.dumps(table.get_state()["rows"])) == [{"id": 1, "team": INJECTED}]


# Cards


@pytest.mark.parametrize(
    ("state", "changed", "said"),
    [
        ("QUEUED", {}, ["QUEUED · place 2", "Waiting", "4 left today"]),
        ("RUNNING", {}, ["RUNNING", "Being judged"]),
        ("SCORED", {}, ["SCORED", "0.25", "public log_loss", "95% interval 0.2 to 0.3"]),
        ("SCORED", {"score": None}, ["SCORED", "stays hidden"]),
        ("REJECTED", {"verdict": "invalid predictions", "reasons": ["1 id missing: 5", "1 id repeated: 6"]},
         ["REJECTED · invalid predictions", "yours to mend", "1 id missing: 5", "1 id repeated: 6"]),
        ("ERROR", {"incident": "K7Q2-9XRT"}, ["ERROR", "not counted", "K7Q2-9XRT"]),
    ],
    ids=["queued", "running", "scored", "scored but hidden", "rejected", "error"],
)  # fmt: skip
def test_a_card_says_how_the_submission_stands(state: str, changed: dict[str, Any], said: list[str]) -> None:
    shown = SubmissionCard(facts(state, **changed))

    assert [text for text in said if text not in shown.text] == []
    assert shown.data["state"] == state


def test_a_card_follows_its_submission_until_it_is_judged() -> None:
    shown = SubmissionCard(facts("QUEUED"))

    going_on = [shown.show(facts("RUNNING")), shown.show(facts("SCORED"))]

    assert going_on == [True, False]
    assert "0.25" in shown.text


def test_a_card_says_once_that_the_service_is_away() -> None:
    shown = SubmissionCard(facts("QUEUED"))

    shown.lost(ServiceError("away"))
    shown.lost(ServiceError("away"))

    assert shown.text.count("does not answer") == 1


def test_a_judged_submission_is_not_watched() -> None:
    def watch(*_: Any, **__: Any) -> None:
        raise AssertionError("watched")

    shown = card(SimpleNamespace(facts=facts("SCORED"), watch=watch))  # type: ignore[arg-type]

    assert "SCORED" in shown.text


# Text is text


def test_no_script_makes_markup_of_text() -> None:
    scripts = {file.name: file.read_text("utf-8") for file in STATIC.glob("*.js")}

    found = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")
    assert [name for name, text in scripts.items() if found.search(text)] == []
    assert len(scripts) == 6


def test_nothing_is_loaded_from_elsewhere() -> None:
    texts = {file.name: file.read_text("utf-8") for file in STATIC.iterdir()}

    found = re.compile(r"https?://|url\(|@import|\bimport\b.*from")
    assert [name for name, text in texts.items() if found.search(text)] == []


def test_a_note_stays_text() -> None:
    shown = SubmissionCard(facts("SCORED", note=INJECTED))

    assert f"“{INJECTED}”" in shown.text


def test_html_in_the_rules_is_shown_and_not_obeyed() -> None:
    markdown = (
        f"# Rules\n{INJECTED} [out](https://example.org) [bad](javascript:alert(1)) ![p](http://x/y.png)"
    )
    html = rules(markdown).value

    assert "<img" not in html
    assert "&lt;img" in html
    assert 'href="javascript' not in html
    assert 'rel="noopener noreferrer"' in html
