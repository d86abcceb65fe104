"""Tables, cards and small pieces, against plain dicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import until
from widget_facts import (
    INJECTED,
    board,
    board_row,
    facts,
    fold,
    run_facts,
)

from kit.client.code import Code
from kit.client.trial import Trial
from kit.errors import NotAllowed, ServiceError
from kit.runner.report import CodeReport, FoldReport
from kit.submission import Verdict
from kit.widgets import (
    Fragment,
    LeaderboardTable,
    LiveTable,
    SubmissionCard,
    SubmissionsTable,
    card,
    column,
    listing,
    trial_card,
)
from kit.widgets._widget import STATIC
from kit.widgets.boards import board_columns, board_rows
from kit.widgets.fragment import text_of
from kit.widgets.panel import rules
from kit.widgets.traceback import traceback

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


# Cards of code


def test_a_queued_run_can_be_cancelled_and_says_its_place() -> None:
    shown = card(RunHandle(run_facts("QUEUED")))

    for text in ("QUEUED · place 2", "estimator.py", "code", "Cancel"):
        assert text in shown.text
    assert "Fold" not in shown.text


def test_a_running_card_tells_the_fold_and_a_line_for_each() -> None:
    shown = card(RunHandle(run_facts("RUNNING", fold(0), fold(1, "running"))))

    for text in (
        "RUNNING · fold 2 of 3",
        "train valid test fit predict memory",
        "0.1 0.3 0.4 1.2 s 30 ms 212 MB",
    ):
        assert text in shown.text
    assert states_of(shown, "kit-piece") == ["done", "running", "waiting"]


def test_a_scored_card_has_mean_spread_and_bagged_scores() -> None:
    shown = card(RunHandle(run_facts("SCORED", fold(0), fold(1), fold(2), reproducible=False)))

    for text in (
        "0.25 public log_loss", "mean ± std 0.1 ± 0.012 0.3 ± 0.012 0.4 ± 0.012 1.2 s", "bagged 0.28 0.25",
        "Not reproducible",
    ):  # fmt: skip
        assert text in shown.text
    assert "Cancel" not in shown.text
    assert states_of(shown, "kit-piece") == []


def test_where_scores_are_hidden_times_and_memory_are_shown() -> None:
    hidden = {**fold(0), "train": None, "valid": None, "test": None}
    shown = card(RunHandle(run_facts("SCORED", hidden, mean=None, std=None, bagged=None) | {"score": None}))

    assert "1 1.2 s 30 ms 212 MB" in shown.text
    assert "train" not in shown.text
    assert "stays hidden" in shown.text


def test_a_notebook_shows_the_cell_it_is_at_and_is_saved_as_it_ran(tmp_path: Path) -> None:
    none: dict[str, Any] = {"n_folds": None, "n_done": 0}
    running = {**run_facts("RUNNING", **none, n_cells=3, n_cells_done=1), "kind": "notebook"}
    ended = run_facts("REJECTED", **none, n_cells=3, n_cells_done=1, has_notebook=True, fit_s=2.0)
    handle = RunHandle({**ended, "kind": "notebook", "verdict": "crashed", "reasons": ["in cell 2 of 3"]})
    handle.notebook = lambda: tmp_path / "executed.ipynb"  # type: ignore[attr-defined]

    shown, after = SubmissionCard(running), card(handle)
    after.on["save"]()

    assert "RUNNING · cell 2 of 3" in shown.text
    assert states_of(shown, "kit-piece") == ["done", "running", "waiting"]
    assert "1 of 3 cells ran (2.0 s)." in after.text
    until(lambda: f"Saved as {tmp_path / 'executed.ipynb'}." in after.text)


def test_a_failure_shows_the_traceback_with_the_line_that_failed() -> None:
    facts = run_facts("REJECTED", fold(0, "failed"), has_traceback=True)
    facts |= {"verdict": "crashed", "reasons": ["ZeroDivisionError in get_estimator"]}

    shown = card(RunHandle(facts))

    until(lambda: "Traceback" in shown.text)
    assert [text_of(node) for node in found_in(shown, "kit-failing")] == [
        "    return 1 / 0\n",
        "ZeroDivisionError: division by zero\n",
    ]
    assert states_of(shown, "kit-piece") == []
    assert "yours to mend: ZeroDivisionError in get_estimator" in shown.text


def test_a_long_traceback_is_shortened_to_where_it_failed() -> None:
    text = "printed\n" * 300 + TRACEBACK + "more\n" * 300

    shown = traceback(text)

    told = text_of(shown)
    assert "return 1 / 0" in told and "more lines above" in told and "more lines below" in told
    assert len(told.splitlines()) <= 42


@pytest.mark.parametrize("text", ["", "only output\n", 'File "x", line 1\n', "Traceback\n"])
def test_what_is_no_traceback_is_shown_all_the_same(text: str) -> None:
    shown = traceback(text)

    assert text_of(shown).rstrip() == text.rstrip()


def test_cancelling_asks_nothing_and_shows_what_came_of_it() -> None:
    handle = RunHandle(run_facts("RUNNING", fold(0)))
    shown = card(handle)

    shown._heard(shown, {"action": "cancel"}, [])
    until(lambda: shown.data["state"] == "REJECTED")

    assert "REJECTED · cancelled" in shown.text
    assert "It was cancelled." in shown.text
    assert "mend" not in shown.text and "Cancelling" not in shown.text


def test_folds_that_were_stopped_are_left_out_of_what_was_cancelled() -> None:
    facts = run_facts("REJECTED", fold(0), fold(1, "failed"), fold(2, "failed"))

    shown = card(RunHandle(facts | {"verdict": "cancelled", "reasons": ["Cancelled by its team."]}))

    assert [node["attributes"]["data-fold"] for node in found_in(shown, "") if is_row(node)] == ["0"]
    assert "kit-tone-quiet" in shown.classes


def test_a_cancelling_that_is_refused_says_why_and_can_be_tried_again() -> None:
    handle = RunHandle(run_facts("RUNNING", fold(0)), refuses=True)
    shown = card(handle)

    shown._heard(shown, {"action": "cancel"}, [])
    until(lambda: "Nobody may" in shown.text)

    assert shown.data["state"] == "RUNNING"
    assert shown.text.count("Cancel") == 1


def test_what_came_before_the_end_does_not_undo_it() -> None:
    shown = card(RunHandle(run_facts("SCORED", fold(0))))

    assert shown.show(run_facts("RUNNING", fold(0))) is False
    assert shown.data["state"] == "SCORED"


def test_code_is_shown_highlighted_and_as_text() -> None:
    found = Code({"id": 7, "team": "ada"}, {"estimator.py": f"# {INJECTED}\ndef f():\n    return 'x'\n"})

    shown = listing(found)

    assert f"# {INJECTED}" in shown.text
    assert [text_of(node) for node in found_in(shown, "kit-code-keyword")] == ["def", "return"]
    assert text_of(shown.nodes[0]).startswith("Submission 7 by ada estimator.py")


def test_a_dry_run_is_shown_as_it_goes_and_as_it_ended() -> None:
    trial = Trial("sex", "log_loss", 2, "estimator.py")
    shown = trial_card(trial)
    assert "RUNNING · fold 1 of 2" in shown.text

    trial.tell(FoldReport(0, "done", {"train": {"log_loss": 0.1}, "valid": {"log_loss": 0.3}}, fit_s=1.25))
    shown.refresh()
    assert "1 0.1 0.3 1.2 s" in shown.text
    trial.end(
        CodeReport(
            (FoldReport(0, "failed"),), verdict=Verdict.CRASHED, reason="KeyError", traceback=TRACEBACK
        )
    )
    shown.refresh()

    for text in ("FAILED · crashed", "yours to mend: KeyError", "return 1 / 0"):
        assert text in shown.text
    assert repr(trial).splitlines()[:2] == ["Dry run for 'sex': FAILED, crashed", "  - KeyError"]


TRACEBACK = """\
Traceback (most recent call last):
  File "estimator.py", line 3, in get_estimator
    return 1 / 0
           ~~^~~
ZeroDivisionError: division by zero
"""


class RunHandle:
    """A submission that tells what it is given."""

    def __init__(self, told: dict[str, Any], *, refuses: bool = False) -> None:
        self.facts, self._refuses, self.traceback = told, refuses, TRACEBACK

    def watch(self, callback: Any, *, on_error: Any = None) -> Any:
        callback(self.facts)
        return SimpleNamespace(stop=lambda: None, on_error=on_error)

    def cancel(self) -> Any:
        if self._refuses:
            raise NotAllowed("Nobody may.")
        self.facts = run_facts("REJECTED") | {"verdict": "cancelled", "reasons": ["It was cancelled."]}
        return self


def found_in(shown: Fragment, name: str) -> list[Any]:
    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            if not name or name in node["class"].split():
                yield node
            for child in node["children"]:
                yield from walk(child)

    return [each for node in shown.nodes for each in walk(node)]


def is_row(node: Any) -> bool:
    return "data-fold" in node.get("attributes", {})


def states_of(shown: Fragment, name: str) -> list[str]:
    return [node["attributes"]["data-state"] for node in found_in(shown, name)]


# Text is text


def test_no_script_makes_markup_of_text() -> None:
    scripts = {file.name: file.read_text("utf-8") for file in STATIC.glob("*.js")}

    found = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")
    assert [name for name, text in scripts.items() if found.search(text)] == []
    assert len(scripts) == 7


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
