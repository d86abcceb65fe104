"""Logging in, submitting, choosing: what a panel does, against a service in memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from waiting import until
from widget_facts import (
    INJECTED,
    at,
    comp,
    inside,
)

from kit.widgets import (
    Countdown,
    Fragment,
    LeaderboardTable,
    LoginForm,
    SubmissionsTable,
    UploadBox,
    leaderboard,
    login,
    panel,
    submissions,
)
from kit.widgets.panel import limits_text


def test_a_password_is_no_part_of_the_widgets_state() -> None:
    seen: list[tuple[str, str]] = []
    form = LoginForm(lambda name, password: seen.append((name, password)), None, lambda: None)
    content = {"action": "log in", "name": "ada", "password": "correct horse"}

    form._heard(form, content, [])
    until(lambda: seen and not form.busy)

    assert seen == [("ada", "correct horse")]
    assert "correct horse" not in json.dumps(form.get_state(), default=str)
    assert "password" not in content


def test_a_wrong_password_is_told_and_the_form_can_be_used_again() -> None:
    handle = comp(me=None)
    handle.client.token = None
    shown = login(handle)
    (form,) = shown.children

    form._heard(form, {"action": "log in", "name": "ada", "password": "wrong"}, [])
    until(lambda: form.message and not form.busy)

    assert form.message == "Name and password do not match."
    assert shown.children == (form,)


def test_the_panel_takes_the_place_of_the_form_and_gives_it_back() -> None:
    handle = comp()
    handle.client.token = None
    shown = login(handle)

    form = shown.children[0]
    form._heard(form, {"action": "log in", "name": "ada", "password": "correct horse"}, [])
    until(lambda: not isinstance(shown.children[0], LoginForm))
    watching = len(handle.client.watched)
    shown.leave()

    assert watching >= 2
    assert handle.client.watched == []
    assert isinstance(shown.children[0], LoginForm)


def test_where_accounts_are_given_out_there_is_no_sign_up() -> None:
    handle = comp(signup="invite")
    handle.client.token = None

    (form,) = panel(handle).children

    assert form.sign_up is False


def test_the_panel_shows_every_part() -> None:
    shown = panel(comp(rules="# Rules"))

    assert inside(shown, Countdown) and inside(shown, UploadBox)
    assert inside(shown, LeaderboardTable) and inside(shown, SubmissionsTable)
    text = " ".join(each.text for each in inside(shown, Fragment))
    for part in (
        "Penguins",
        "Logged in as  ada",
        "train.csv",
        "1.2 kB",
        "Accept the rules",
        "lower is better",
    ):
        assert part in text


def test_showing_a_panel_again_is_another_view_of_it() -> None:
    handle = comp()

    assert panel(handle) is panel(handle)
    assert leaderboard(handle, "sex") is leaderboard(handle, "sex")
    assert leaderboard(handle, "sex") is not leaderboard(handle, "sex", "private")


def test_a_closed_widget_is_made_anew_and_watches_no_more() -> None:
    handle = comp()
    before = leaderboard(handle, "sex")

    before.close()

    assert handle.client.watched == []
    assert leaderboard(handle, "sex") is not before


def test_accepting_the_rules_is_a_button() -> None:
    handle = comp(rules="# Rules")
    (asked,) = [each for each in inside(panel(handle), Fragment) if "kit-acceptance" in each.classes]

    asked._heard(asked, {"action": "accept"}, [])
    until(lambda: "You have accepted" in asked.text)

    assert handle.overview["me"]["rules_accepted"] is True


def test_what_is_ticked_is_what_is_selected() -> None:
    shown = submissions(comp())
    (table,), (asked,) = inside(shown, SubmissionsTable), inside(shown, Fragment)

    table.selected = [7]
    asked._heard(asked, {"action": "select"}, [])
    until(lambda: "Selected" in asked.text)

    assert "Selected: No. 7." in asked.text


def upload(**traits: Any) -> tuple[UploadBox, list[tuple[str, str, str]]]:
    sent: list[tuple[str, str, str]] = []

    def submit(file: Path, question: str, note: str, again: bool) -> tuple[str, bool]:
        if not again and file.read_text() in {content for content, *_ in sent}:
            return "it was sent before", True
        sent.append((file.read_text(), question, note))
        return "taken", False

    return UploadBox(comp().check, submit, questions=[{"id": "sex", "title": "Male?"}], **traits), sent


def test_a_file_is_checked_at_once_and_sent_when_asked() -> None:
    shown, sent = upload()

    shown._heard(shown, {"action": "file", "filename": "good.csv"}, [memoryview(b"id,sex")])
    until(lambda: shown.state == "ready")
    assert sent == []
    shown._heard(shown, {"action": "submit", "note": "forest"}, [])
    until(lambda: shown.message == "taken")

    assert sent == [("id,sex", "sex", "forest")]
    assert shown.state == "done"


def test_a_file_that_was_sent_before_is_sent_once_more_when_submit_is_pressed_again() -> None:
    shown, sent = upload()

    def press(told: str) -> None:
        shown._heard(shown, {"action": "submit"}, [])
        until(lambda: shown.message == told)

    for expected in ("taken", "it was sent before"):
        shown._heard(shown, {"action": "file", "filename": "good.csv"}, [b"id,sex"])
        until(lambda: shown.state == "ready")
        press(expected)
    assert (shown.state, len(sent)) == ("ready", 1)
    press("taken")

    assert (shown.state, len(sent)) == ("done", 2)


def test_every_problem_of_a_file_is_listed_and_it_is_not_sent() -> None:
    shown, sent = upload()

    shown._heard(shown, {"action": "file", "filename": "bad.csv"}, [b"id,sex"])
    until(lambda: shown.problems)
    shown._heard(shown, {"action": "submit"}, [])

    assert shown.problems == ["2 ids missing: 17, 18", f"1 value is text: {INJECTED}"]
    assert sent == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x\\p.csv", "/", "a\0b.csv", "x" * 400 + ".csv"])
def test_a_files_name_says_nothing_of_where_it_goes(name: str) -> None:
    shown, _ = upload()

    shown._heard(shown, {"action": "file", "filename": name}, [b"id,sex"])
    until(lambda: shown.state == "ready")

    assert shown._file is not None
    assert shown._file.parent == Path(shown._folder.name)


def test_the_box_takes_no_more_than_jupyters_connection_carries() -> None:
    assert upload()[0].max_bytes == 8_000_000


def test_an_upload_leaves_nothing_behind() -> None:
    shown, _ = upload()
    folder = Path(shown._folder.name)

    shown.close()

    assert not folder.exists()


# Times


def test_the_countdown_knows_how_far_this_clock_is_off() -> None:
    before, off = datetime.now(UTC), timedelta(hours=3)
    shown = Countdown(at(), at(days=-1), (before + off).isoformat())
    sent: list[Any] = []
    shown.send = sent.append  # type: ignore[method-assign]

    shown._heard(shown, {"ask": "now"}, [])

    told = datetime.fromisoformat(sent[0]["now"])
    assert before <= told - off <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (None, "No phase is open now."),
        ({"daily_limit": None, "total_limit": None, "interval_s": 0.0}, "No limit on submissions."),
        ({"daily_limit": 5, "total_limit": 20, "interval_s": 60.0},
         "Limits for each team: 5 submissions a day, 20 in all, one every 60 s."),
    ],
    ids=["closed", "none", "all"],
)  # fmt: skip
def test_limits_are_a_sentence(phase: Any, said: str) -> None:
    assert limits_text({"phase": phase}) == said
