"""A participant's day in JupyterLab, in a real browser, on a real service."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import browsing
import four
import pytest
from browsing import Room, latency_s, log_in, penguins, row, tab, teams
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

BUSY = """\
from pathlib import Path
import numpy as np
rng = np.random.default_rng(0)
while not Path("enough").exists():
    np.linalg.svd(rng.normal(size=(120, 120)))
    sum(i * i for i in range(20_000))
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    _copy_penguins(folder / "penguins")
    evil = browsing.write_evil(folder / "evil")
    with browsing.furnished([folder / "penguins", evil], folder) as room:
        yield room


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")


def test_the_first_notebook_leads_from_the_login_to_the_selection(
    room: Room, name: str, record_property: Callable[[str, object], None]
) -> None:
    shutil.copy(browsing.ROOT / "notebooks/01-submit-predictions.ipynb", room.lab.notebooks)
    room.person(browsing.ORGANIZER).put_baseline("sex", "constant", penguins(0.5))
    with room.opened(name, "01-submit-predictions.ipynb") as (visit, notebook):
        panel = notebook.run(0)
        password = panel.get_by_label("Password")
        expect(password).to_have_attribute("type", "password")
        visit.screenshot(panel, "login")
        log_in(panel, "ada", by="Sign up")
        expect(panel.locator(".kit-header")).to_contain_text("Penguins: female or male?")
        expect(panel.locator(".kit-header")).to_contain_text("Logged in as ada")
        expect(panel.locator(".kit-rules")).to_contain_text("20 times a day")
        _expect_to_tick(panel.get_by_role("timer").locator(".kit-countdown-time"))
        for title, part in {
            "Data": ".kit-data >> text=train.csv",
            "Submit": ".kit-drop",
            "Leaderboard": ".kit-leaderboard",
            "My submissions": ".kit-submissions",
        }.items():
            tab(panel, title)
            expect(panel.locator(part)).to_be_visible()
            visit.screenshot(panel, title)
        tab(panel, "Overview")

        notebook.run(1)
        expect(notebook.run(2)).to_contain_text("bill_length_mm")
        notebook.run(3)
        expect(notebook.run(4)).to_contain_text("fit")

        with room.service.judging_stopped():
            card = notebook.run(5).locator(".kit-card")
            expect(card).to_have_attribute("data-state", "QUEUED")
            expect(card).to_contain_text("place 1")
            visit.screenshot(card, "card-queued")
        expect(card).to_have_attribute("data-state", "SCORED")
        expect(card.locator("[data-split=public]")).to_have_text(re.compile(r"0\.\d+"))
        visit.screenshot(card, "card-scored")

        board = notebook.run(6)
        expect(row(board, "ada")).to_have_attribute("data-you", "")
        expect(row(board, "ada")).to_contain_text("you")
        place = row(board, "ada").locator("td").first
        expect(place).to_have_text(re.compile(r"\d"))
        before = _first_number(place)
        baseline = board.locator("tr[data-baseline]")
        expect(baseline).to_contain_text("baseline")
        expect(baseline.locator("td").first).to_have_text("–")
        rival = room.person("rival")
        took_s = latency_s(board, "rival", lambda: rival.submit("sex", penguins(0.99)))
        record_property("leaderboard_latency_s", took_s)
        print(f"The rival's row was there {took_s:.2f} s after the score.")
        names = ("rival", "ada", "constant")
        assert [team for team in teams(board) if team in names] == list(names)
        assert _first_number(place) == before + 1
        visit.screenshot(board, "leaderboard")

        notebook.run(7)
        tab(panel, "My submissions")
        expect(panel.get_by_role("checkbox", name="Select")).to_be_checked()


def test_the_leaderboard_moves_while_the_kernel_is_busy(
    room: Room, name: str, record_property: Callable[[str, object], None]
) -> None:
    rival = room.person("busy-rival")
    ada = room.person("busy-ada")
    cells = (f"{ada.connects}\ncomp.leaderboard()", BUSY)
    with room.opened(name, room.lab.write(f"{name}.ipynb", *cells)) as (_, notebook):
        board = notebook.run(0)
        expect(board.locator(".kit-status")).to_contain_text("Live")

        notebook.start(1)
        expect(notebook.prompt(1)).to_have_text("[*]:")
        took_s = latency_s(board, "busy-rival", lambda: rival.submit("sex", penguins(0.8)))

        assert notebook.prompt(1).inner_text() == "[*]:"
        (room.lab.notebooks / "enough").touch()
        record_property("leaderboard_latency_busy_s", took_s)
        print(f"The rival's row was there {took_s:.2f} s after the score, in a busy kernel.")


def test_sorting_and_searching_survive_an_update(room: Room, name: str) -> None:
    for team, sure in {"sorted-b": 0.7, "sorted-c": 0.65, "sorted-a": 0.75}.items():
        room.person(team).submit("sex", penguins(sure))
    olga = room.person(browsing.ORGANIZER)
    for baseline in ("coin", "guess", "sorted-baseline"):
        olga.put_baseline("sex", baseline, penguins(0.55))
    file = room.lab.write(f"{name}.ipynb", olga.connects, "comp.leaderboard()")

    with room.opened(name, file) as (visit, notebook):
        notebook.run(0)
        board = notebook.run(1).locator(".kit-table")
        board.get_by_role("button", name="Team").click()
        board.get_by_role("searchbox").fill("SORTED-")
        expect(board.locator("tbody tr")).to_have_count(4)
        assert teams(board) == ["sorted-a", "sorted-b", "sorted-baseline", "sorted-c"]
        board.get_by_role("button", name="Team").click()

        room.person("sorted-d").submit("sex", penguins(0.9))

        expect(row(board, "sorted-d")).to_be_visible()
        assert teams(board) == ["sorted-d", "sorted-c", "sorted-baseline", "sorted-b", "sorted-a"]
        expect(board.get_by_role("searchbox")).to_have_value("SORTED-")
        expect(board.get_by_role("columnheader", name="Team")).to_have_attribute("aria-sort", "descending")
        visit.screenshot(board)
        board.get_by_role("searchbox").fill("no such team")
        expect(board).to_contain_text("Nothing matches")
        board.get_by_role("searchbox").fill("")
        board.get_by_role("button", name="Team").click()
        coin = board.locator('tr[data-row="baseline:coin"]')
        expect(coin).to_have_attribute("data-baseline", "")
        expect(coin.locator("td").first).to_have_text("–")


def test_two_of_three_submissions_are_ticked_as_final(room: Room, name: str) -> None:
    ada = room.person("ticking")
    first, second, third = (ada.submit("sex", penguins(sure))["id"] for sure in (0.6, 0.7, 0.8))
    file = room.lab.write(f"{name}.ipynb", f"import kit\ncomp = kit.connect('{room.url}')")

    with room.opened(name, file) as (visit, notebook):
        panel = notebook.run(0)
        log_in(panel, "ticking", "not-this-password")
        expect(panel.get_by_role("alert")).to_contain_text("password")
        log_in(panel, "ticking")
        tab(panel, "My submissions")
        box = {
            number: panel.get_by_role("checkbox", name=f"Select {number}")
            for number in (first, second, third)
        }
        box[first].check()
        box[third].check()
        expect(box[second]).to_be_disabled()
        panel.get_by_role("button", name="Save my selection").click()
        expect(panel.locator(".kit-selection")).to_contain_text("Selected")
        visit.screenshot(panel)

        assert set(ada.selection("sex")) == {first, third}
        ada.submit("sex", penguins(0.85))
        expect(panel.locator(".kit-submissions tbody tr")).to_have_count(4)
        expect(box[first]).to_be_checked()
        panel.get_by_role("button", name="Log out").click()
        expect(panel.get_by_label("Password")).to_be_visible()
        expect(panel.locator(".kit-panel")).to_have_count(0)
        logins = ada.logins()
        assert len(logins) == 1, "logging out must end the login"


def test_files_are_checked_and_submitted_by_the_upload_box(room: Room, name: str, tmp_path: Path) -> None:
    room.person("uploading")
    file = room.lab.write(f"{name}.ipynb", f"import kit\ncomp = kit.connect('{room.url}')")
    lines = penguins(0.9).splitlines()
    bad, large, good = (tmp_path / f"{each}.csv" for each in ("bad", "large", "good"))
    bad.write_text("\n".join([*lines[:5], lines[4], "999999,0.5", f"{lines[6].split(',')[0]},7", *lines[8:]]))
    large.write_bytes(b"x" * 9_000_000)
    good.write_text("\n".join(lines))

    with room.opened(name, file) as (visit, notebook):
        panel = notebook.run(0)
        log_in(panel, "uploading")
        tab(panel, "Submit")
        upload = panel.locator(".kit-upload")
        choose = upload.locator("input[type=file]")

        choose.set_input_files(bad)
        expect(upload).to_have_attribute("data-state", "refused")
        problems = upload.locator(".kit-problems li")
        for told in ("repeated", "999999", "missing", "7"):
            expect(problems.filter(has_text=told).first).to_be_visible()
        expect(problems.nth(3)).to_be_visible()
        expect(upload.get_by_role("button", name="Submit", exact=True)).to_be_disabled()
        visit.screenshot(panel, "refused")

        choose.set_input_files(large)
        expect(upload.get_by_role("status")).to_contain_text("Pass the path or a DataFrame instead")
        visit.screenshot(upload, "too-large")

        choose.set_input_files(good)
        expect(upload).to_have_attribute("data-state", "ready")
        upload.get_by_label("Note").fill("by the box")
        upload.get_by_role("button", name="Submit", exact=True).click()
        card = panel.locator(".kit-card")
        expect(card).to_have_attribute("data-state", "SCORED")
        expect(card).to_contain_text("by the box")
        expect(card).to_contain_text("good.csv")
        expect(upload).to_contain_text("19 of 20 left today")
        visit.screenshot(panel, "scored")


def test_a_rejected_submission_lists_every_problem(room: Room, name: str) -> None:
    ada = room.person("rejected")
    lines = penguins(0.9).splitlines()
    wrong = "\n".join([*lines[:5], lines[4], "999999,0.5", *lines[7:]])
    rejected = ada.submit("sex", wrong)
    file = room.lab.write(
        f"{name}.ipynb", ada.connects, f"comp.submission({rejected['id']})", "comp.submit('x')"
    )

    with room.opened(name, file) as (visit, notebook):
        notebook.run(0)
        card = notebook.run(1).locator(".kit-card")

        expect(card).to_have_attribute("data-state", "REJECTED")
        assert len(rejected["reasons"]) >= 3
        for reason in rejected["reasons"]:
            expect(card).to_contain_text(reason)
        visit.screenshot(card)


def test_markup_of_others_is_text_in_every_widget(room: Room, name: str) -> None:
    eve = room.person("eve", "evil")
    good = eve.submit("counts", four.OFF_BY_ONE, note=browsing.EVIL, filename=browsing.EVIL_FILENAME)
    bad = eve.submit("counts", f"id,{browsing.EVIL_FILENAME}\n<b>1</b>,2\n", note=browsing.EVIL)
    assert [good["state"], bad["state"]] == ["SCORED", "REJECTED"]
    cells = [
        f"{eve.connects}\ncomp",
        "comp.leaderboard()",
        f"comp.submission({good['id']})",
        f"comp.submission({bad['id']})",
        "comp.submissions()",
        "comp.submissions().frame()",
        "comp.baselines()",
        "comp.select(99)",
    ]

    with room.opened(name, room.lab.write(f"{name}.ipynb", *cells)) as (visit, notebook):
        panel = notebook.run(0)
        expect(panel.locator(".kit-header")).to_contain_text(browsing.EVIL)
        expect(panel.locator(".kit-rules")).to_contain_text(browsing.EVIL)
        visit.screenshot(panel)
        for title in ("Data", "Submit", "Leaderboard", "My submissions"):
            tab(panel, title)
        expect(panel.locator(".kit-submissions")).to_contain_text(browsing.EVIL)
        visit.screenshot(panel, "submissions")
        for at in range(1, len(cells) - 1):
            notebook.run(at)
        expect(notebook.output(2)).to_contain_text(browsing.EVIL)
        expect(notebook.output(3)).to_contain_text("<img src=x onerror=")
        notebook.start(len(cells) - 1)
        expect(notebook.output(len(cells) - 1)).to_contain_text("99")
        page = visit.page
        assert page.locator(".jp-OutputArea img[src=x], .jp-OutputArea [onerror]").count() == 0
        assert page.locator(".jp-OutputArea a[href^='javascript:' i]").count() == 0


def _copy_penguins(folder: Path) -> None:
    """The sample competition, which closes within the day: so the countdown shows seconds."""
    shutil.copytree(browsing.ROOT / "data/penguins", folder)
    toml = folder / "competition.toml"
    closes_at = f"{datetime.now(UTC) + timedelta(hours=20):%Y-%m-%dT%H:%M:%SZ}"
    toml.write_text(toml.read_text().replace("2030-01-01T00:00:00Z", closes_at))


def _expect_to_tick(time: Locator) -> None:
    before = time.inner_text()
    expect(time).not_to_have_text(before)


def _first_number(place: Locator) -> int:
    return int(re.findall(r"\d+", place.inner_text())[0])
