"""What leaderboards show beside scores: columns, lines above them, plots."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from waiting import until
from widget_facts import CODE, QUESTION, FakeCompetition, FakeService, board, board_row, inside

from kit.cli.boards import UNICODE, board_lines
from kit.client.blends import blend_lines
from kit.widgets import LeaderboardTable, organizer, plots
from kit.widgets.boards import board_columns, board_rows
from kit.widgets.pareto import ParetoPlot, costs, progress_facts
from kit.widgets.plot import best_over_time

BLEND = {
    "combined": {"valid": 0.25, "public": 0.5}, "foldwise_best": {"valid": 0.375, "public": 0.75},
    "n_submissions": 3, "n_left_out": 0, "n_folds": 8, "made_at": "2026-03-02T12:00:00.000000Z", "why": "",
}  # fmt: skip


def row(team: str, number: int, score: float, contributivity: float, **more: Any) -> dict[str, Any]:
    given = {"submission": number, "contributivity": contributivity, "fit_s": 2.0, "valid_s": 1.0}
    given |= {"historical_contributivity": contributivity, "bagged_contributivity": contributivity + 1}
    given |= {"contributivity_error": 3.0, "test_s": 0.5, "peak_bytes": 200_000_000, "built_on": []}
    return board_row(team, number, score, **(given | more))


def full(**changed: Any) -> dict[str, Any]:
    rows = [
        row("bob", 1, 0.2, 70.0),
        row("ada", 2, 0.3, 30.0, built_on=[{"submission": 1, "team": "bob"}], historical_contributivity=15.0),
    ]
    return board(*rows, **{"blend": BLEND, "per": "team"} | changed)


def test_columns_stand_where_there_is_something_to_tell() -> None:
    def titles(of: dict[str, Any]) -> list[str]:
        return [each["title"] for each in board_columns(of)]

    usual = ["Rank", "Team", "log_loss", "auc", "Tries", "Submitted"]
    more = ["Contributivity", "Historical", "Bagged", "Train s", "Valid s", "Test s", "Peak MB", "Built on"]
    assert titles(board(board_row("ada", 1, 0.2))) == usual
    assert titles(full()) == [*usual[:4], *more, *usual[4:]]
    assert titles(full(per="submission")) == [*usual[:4], "No.", *more, "Submitted"]


def test_rows_of_submissions_are_told_apart() -> None:
    rows = board_rows(board(row("ada", 1, 0.2, 0.0), row("ada", 2, 0.3, 0.0), per="submission"), "ada")

    assert [each["_key"] for each in rows] == ["submission:1", "submission:2"]
    assert all(each["_you"] for each in rows)


def test_the_blend_stands_above_the_rows() -> None:
    table = LeaderboardTable("ada")

    table.show_board(full())
    told = table.lead
    table.show_board(board(board_row("ada", 1, 0.2)))

    assert told.splitlines() == [
        "Blend of 3 submissions, log_loss: 0.25 held-out rows, 0.5 public",
        "Best submission of each fold, log_loss: 0.375 held-out rows, 0.75 public",
    ]
    assert table.lead == ""
    assert blend_lines(full(blend=BLEND | {"why": "Its metric is the organizers' own function."})) == []


def test_a_terminal_shows_the_same() -> None:
    first, second = board_lines(full()["rows"], UNICODE)

    assert (first["contributivity"], first["historical"], first["built_on"]) == ("70 %", None, None)
    assert (second["historical"], second["built_on"]) == ("15 %", "bob (1)")
    assert (second["train_s"], second["peak_mb"]) == (2.0, 200)
    assert "submission" not in first
    assert board_lines(full()["rows"], UNICODE, per="submission")[0]["submission"] == 1


def test_scores_are_plotted_against_costs_and_over_time() -> None:
    cheap = row("ada", 2, 0.3, 30.0, fit_s=0.1, valid_s=0.1, test_s=0.1)
    told = board(row("bob", 1, 0.2, 70.0), cheap, row("eve", 3, 0.9, 0.0), board_row("mean", None, 0.5))

    before = threading.enumerate()
    plot = ParetoPlot(QUESTION)
    plot.show(told)

    for thread in threading.enumerate():
        if thread.name == "kit-widget" and thread not in before:
            thread.join()
    assert plot.box.children[0] is plot._figure
    shown = [trace for trace in plot._figure.data if trace.visible]
    assert [trace.name for trace in shown] == ["bob", "ada", "eve", "not beaten in both"]
    assert list(shown[-1].y) == [0.3, 0.2]
    assert [point["cost"] for point in costs(told, "peak_mb")] == [200, 200, 200]
    lines = best_over_time(progress_facts(told), QUESTION)
    assert [(team, scores) for team, _, scores in lines] == [("bob", [0.2]), ("ada", [0.3]), ("eve", [0.9])]


@pytest.mark.parametrize("show", [plots, organizer], ids=["everyone", "organizers"])
def test_a_competition_of_code_has_a_plot_against_cost(show: Any) -> None:
    service = FakeService(role="organizer")
    handle = FakeCompetition(service, questions=[QUESTION | {"code": CODE, "kinds": ["code"]}])

    made = show(handle)

    path = "/competitions/penguins/questions/sex/leaderboard?split=public&per=submission"
    until(lambda: path in service.watched)
    assert inside(made, type(made.children[0]))
