"""What screens say of rejudges: progress, before and after, and the notice to participants."""

from __future__ import annotations

from typing import Any

from waiting import until
from widget_facts import INJECTED, at, comp, facts, inside

from kit.client.standing import rejudged_text
from kit.widgets import Fragment, panel
from kit.widgets.card import SubmissionCard
from kit.widgets.organizer import organizer
from kit.widgets.rejudging import Rejudging, SlopePlot

PATH = "/competitions/penguins"
NOTICE = {
    "id": 1, "at": at(), "question": "sex", "version": 2, "reason": "row 17 had a wrong label",
    "partial": False, "metric": "log_loss",
    "changes": [{"submission": 7, "before": 0.84, "after": 0.83}, {"submission": 8, "before": 1, "after": 1}],
}  # fmt: skip


def rejudge(state: str = "done", **changed: Any) -> dict[str, Any]:
    made = {
        "id": 1, "question": "sex", "state": state, "dry_run": False, "partial": False, "reason": INJECTED,
        "version": 2, "from_version": 1, "started_at": at(), "ended_at": None, "n": 4, "n_done": 1,
        "n_errors": 0, "message": "",
    }  # fmt: skip
    return made | changed


def row(team: str, before: int | None, after: int | None) -> dict[str, Any]:
    moved = before - after if before and after else None
    scores = {"score_before": 0.5, "score_after": 0.25, "submission_before": 1, "submission_after": 1}
    return {
        "team": team,
        "baseline": False,
        "rank_before": before,
        "rank_after": after,
        "moved": moved,
    } | scores


def test_the_panel_tells_what_was_rejudged_and_what_it_changed() -> None:
    handle = comp()
    handle.client.answers[f"{PATH}/notices"] = [NOTICE]

    text = " ".join(each.text for each in inside(panel(handle), Fragment))

    assert "Question sex was rejudged: row 17 had a wrong label" in text
    assert "submission 7 0.84 → 0.83" in text and "submission 8" not in text


def test_a_card_tells_the_score_before() -> None:
    before = {"public": {"log_loss": {"score": 0.84}}, "private": None}
    told = facts("SCORED", rejudged={"at": at(), "reason": "row 17 had a wrong label", "before": before})

    text = SubmissionCard(told).text

    assert "Rejudged on 2026-03-01 09:00 UTC: row 17 had a wrong label; before it was 0.84" in text
    assert rejudged_text(facts("SCORED")) == ""


def test_organizers_see_versions_progress_and_the_report() -> None:
    handle = comp()
    handle.client.role = "organizer"
    message = "3 judgements were made under version 1; the files are version 2: run kit rejudge"
    handle.client.answers[f"{PATH}/versions"] = [{"question": "sex", "message": message}]
    handle.client.answers[f"{PATH}/rejudges"] = [rejudge()]
    handle.client.answers[f"{PATH}/rejudges/1/report"] = {"rows": [row("bob", 2, 1), row("ada", 1, 2)]}

    shown = organizer(handle)
    tables = {each.label: each for each in inside(shown, object) if hasattr(each, "row_key")}
    until(lambda: tables["before and after"].rows)

    assert message in " ".join(each.text for each in inside(shown, Fragment))
    assert tables["rejudges"].rows[0]["_part"] == 25
    assert [each["moved"] for each in tables["before and after"].rows] == [1, -1]


def test_one_that_runs_is_not_reported_on() -> None:
    handle = comp()
    asked: list[str] = []
    handle.client.get = lambda path: asked.append(path)

    Rejudging(handle).show([rejudge("running")])

    assert asked == []


def test_the_picture_has_a_line_for_each_team_that_stands_on_both_boards() -> None:
    plot = SlopePlot()

    plot.show([row("bob", 2, 1), row(INJECTED, 1, 2), row("new", None, 3)])

    (figure,) = plot.box.children
    lines = [trace for trace in figure.data if trace.visible]
    assert [list(line.y) for line in lines] == [[2, 1], [1, 2]]
    assert "<img" not in lines[1].text[0]
    assert lines[0].line.color != lines[1].line.color
