"""Notebooks of yesterday, culled kernels and Notebook 7, in a real browser on a real service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import browsing
import nbformat
import pytest
from browsing import Room, Visit, log_in, penguins, row, tab
from playwright.sync_api import expect
from waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

CULLING = """\
from pathlib import Path

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager


class WhenTold(AsyncMappingKernelManager):
    async def cull_kernel_if_idle(self, kernel_id):
        if Path({told!r}).exists():
            await super().cull_kernel_if_idle(kernel_id)


c.ServerApp.kernel_manager_class = WhenTold
c.MappingKernelManager.cull_idle_timeout = 4
c.MappingKernelManager.cull_interval = 1
c.MappingKernelManager.cull_connected = True
"""
CULLED_MS = 180_000
"""JupyterLab looks every ten seconds which kernels there are."""
OWN_ERRORS = ("reading 'schema'", "filebrowser:open-path")
SUBMIT = """\
import pandas as pd
predictions = comp.data()["test"][["penguin_id"]].assign(sex=0.5)
s = comp.submit(predictions, note="of yesterday")
s"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    with browsing.furnished([browsing.ROOT / "data/penguins"], folder) as room:
        yield room


def test_a_notebook_of_yesterday_tells_how_things_stood_and_running_it_again_uses_nothing_up(
    room: Room,
) -> None:
    ada, name = room.person("ada"), "yesterday.ipynb"
    room.lab.write(name, f"{ada.connects}\ncomp", SUBMIT, "comp.leaderboard()", "comp.submissions()")

    with room.opened("yesterday", name) as (visit, notebook), room.service.judging_stopped():
        expect(notebook.run(0).locator(".kit-panel")).to_be_visible()
        card = notebook.run(1).locator(".kit-card")
        expect(card).to_have_attribute("data-state", "QUEUED")
        expect(notebook.run(2).locator(".kit-status")).to_contain_text("Live")
        # Hidden while the widgets are there.
        expect(visit.page.get_by_text("no kernel follows it now")).to_have_count(3)
        expect(visit.page.get_by_text("no kernel follows it now").first).to_be_hidden()
        save(visit)
        room.lab.end_kernels()
        status = notebook.output(2).locator(".kit-status")
        expect(status).to_contain_text("no kernel follows it", timeout=CULLED_MS)
        expect(card).to_have_attribute("data-left", "")
        visit.screenshot(name="culled")
    number = one(ada.submissions(), state={"QUEUED", "RUNNING", "SCORED"})
    room.person("rival").submit("sex", penguins(0.9))

    with room.opened("today", f"./{name}") as (visit, notebook):
        for at, told in enumerate(("Penguins", "QUEUED", "leaderboard of 'penguins'")):
            expect(notebook.output(at).get_by_text("no kernel follows it now")).to_be_visible()
            expect(notebook.output(at)).to_contain_text(told)
        missing = visit.page.get_by_text("model not found")
        expect(missing).to_have_count(3)
        expect(missing.locator("visible=true")).to_have_count(0)
        visit.screenshot(name="before")
        for at in range(4):
            notebook.run(at)

        card = notebook.output(1).locator(".kit-card")
        expect(card).to_have_attribute("data-state", "SCORED")
        expect(card).to_have_attribute("data-submission", str(number))
        expect(notebook.output(1)).to_contain_text("sent the same before")
        expect(row(notebook.output(2), "rival")).to_be_visible()
        expect(notebook.output(3)).to_contain_text("of yesterday")
        visit.screenshot(name="after")
        save(visit)
    assert one(ada.submissions(), state={"SCORED"}) == number

    room.lab.end_kernels()
    with room.opened("the-day-after", f"./{name}") as (_, notebook):
        expect(notebook.output(1)).to_contain_text("SCORED")
    room.lab.end_kernels()


def test_an_abandoned_leaderboard_lets_its_kernel_be_culled(
    room: Room, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("culling")
    told = folder / "told"
    config = folder / "culling.py"
    config.write_text(CULLING.format(told=str(told)))
    ada, rival = room.person("abandoned"), room.person("busy")
    # As if an hour had passed.
    cells = (f"{ada.connects}\ncomp.client._poller.rest_s = 0\ncomp.leaderboard()",)
    with browsing.running_lab(folder / "lab", room.url, options=[f"--config={config}"]) as lab:
        own = replace(room, lab=lab)
        with own.opened("abandoned", lab.write("abandoned.ipynb", *cells)) as (visit, notebook):
            visit.page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
            board = notebook.run(0)
            expect(board.locator(".kit-status")).to_contain_text("Paused while nobody looks")
            visit.screenshot(name="paused")
            told.touch()
            rival.submit("sex", penguins(0.8))

            expect(board.locator(".kit-status")).to_contain_text("no kernel follows it", timeout=CULLED_MS)

            until(lambda: lab.kernels() == [])
            expect(row(board, "busy")).to_have_count(0)


def test_notebook_7_shows_the_panel_the_card_and_the_live_leaderboard(
    room: Room, record_property: Callable[[str, object], None]
) -> None:
    connect = f"import kit\ncomp = kit.connect('{room.url}')"
    name = room.lab.write("seven.ipynb", connect, SUBMIT, "comp.leaderboard()")

    with room.opened("seven", name, in_notebook_7=True) as (visit, notebook):
        panel = notebook.run(0)
        log_in(panel, "seven", by="Sign up")
        expect(panel.locator(".kit-header")).to_contain_text("Logged in as seven")
        panel.get_by_role("button", name="Accept the rules").click()
        expect(panel).to_contain_text("You have accepted the rules")
        tab(panel, "Submit")
        expect(panel.locator(".kit-drop")).to_be_visible()
        visit.screenshot(name="panel")
        card = notebook.run(1).locator(".kit-card")
        expect(card).to_have_attribute("data-state", "SCORED")
        board = notebook.run(2)
        expect(row(board, "seven")).to_be_visible()

        rival = room.person("rival-of-seven")
        took_s = browsing.latency_s(board, "rival-of-seven", lambda: rival.submit("sex", penguins(0.95)))

        record_property("leaderboard_latency_s", took_s)
        visit.screenshot(name="board")
        # The card was QUEUED when it was shown; what is kept of it was brought up to date.
        until(lambda: "SCORED" in kept_of(visit, room.lab.notebooks / name, 1))
        # Its own: it lacks what the extensions of JupyterLab look for.
        visit.errors[:] = [text for text in visit.errors if not any(own in text for own in OWN_ERRORS)]


def kept_of(visit: Visit, notebook: Path, at: int) -> str:
    """What a saved notebook shows of a cell without its kernel."""
    save(visit)
    saved = nbformat.read(notebook, as_version=4)
    return str(saved.cells[at].outputs[0].data["text/html"])


def save(visit: Visit) -> None:
    """Save the notebook as the menu does, and wait for it."""
    with visit.page.expect_response(
        lambda answer: "/api/contents/" in answer.url and answer.request.method == "PUT"
    ):
        visit.page.keyboard.press("Control+s")


def one(submissions: list[dict[str, object]], *, state: set[str]) -> int:
    """The number of the only submission there is."""
    (found,) = submissions
    assert found["state"] in state
    return int(str(found["id"]))
