"""Code from cells of JupyterLab, in a real browser, on a real service: typed, watched, cancelled, tried."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import browsing
import coding
import four
import pytest
from browsing import Notebook, Person, Room, Visit, tab
from playwright.sync_api import Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]

JUDGED_MS = 400_000
MEAN = """\
import time


class Mean:
    def fit(self, X, y):
        time.sleep(1)
        self.mean = y.mean()
        return self

    def predict(self, X):
        return [self.mean] * len(X)


def get_estimator():
    return Mean()
"""
HELD = coding.held(MEAN, "time.sleep(1)")
FAILS = MEAN.replace("self.mean = y.mean()", "self.mean = int(y.mean()) / len(X[:0])")
SLEEPS = MEAN.replace("time.sleep(1)", "time.sleep(100)")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    far = "2099-01-01T00:00:00Z"
    directory = four.write(folder / "four", question=four.CODE, phase="daily_limit = 50", closes_at=far)
    is_dark = os.environ.get("KIT_DARK") == "1"
    with browsing.furnished([directory], folder, is_dark=is_dark) as room:
        yield room


def test_a_typed_cell_is_watched_from_the_queue_to_its_score(room: Room) -> None:
    with connected(room, "typing", "") as (visit, notebook, _):
        write(notebook, 1, f'%%submit --note "typed"\n{HELD}')
        gate = coding.Gate(room.service)

        card = notebook.start(1).locator(".kit-card")

        expect(card).to_have_attribute("data-state", "RUNNING", timeout=JUDGED_MS)
        expect(card.locator(".kit-chip")).to_have_text(re.compile(r"RUNNING · folds? \d"))
        expect(card.locator(".kit-piece")).to_have_count(3)
        gate.let_one_go()
        expect(card.locator("tr[data-state=done]")).to_have_count(1, timeout=JUDGED_MS)
        visit.screenshot(card, "running")
        for _ in range(3):
            gate.let_one_go()
        expect(card).to_have_attribute("data-state", "SCORED", timeout=JUDGED_MS)
        expect(card.locator("[data-split=public]")).to_have_text("10")
        expect(card.locator("tbody tr[data-state=done]")).to_have_count(3)
        expect(card.locator("tfoot")).to_contain_text("mean ± std")
        expect(card.locator("tfoot")).to_contain_text("bagged")
        expect(card).to_contain_text("“typed”")
        expect(card.get_by_role("button", name="Cancel")).to_have_count(0)
        visit.screenshot(card, "scored")


def test_a_failure_shows_the_line_and_the_code_comes_back_into_a_cell(room: Room) -> None:
    cells = (f"%%submit\n{FAILS}", "comp.use(comp.submissions()[0])", "comp.code(comp.submissions()[0])")
    with connected(room, "failing", *cells) as (visit, notebook, _):
        card = notebook.run(1).locator(".kit-card")

        expect(card).to_have_attribute("data-state", "REJECTED", timeout=JUDGED_MS)
        failing = card.locator(".kit-traceback .kit-failing")
        expect(failing.first).to_contain_text("self.mean = int(y.mean()) / len(X[:0])")
        expect(failing.last).to_contain_text("ZeroDivisionError")
        visit.screenshot(card, "failed")
        notebook.run(3)
        expect(notebook.output(3).locator(".kit-code-keyword").first).to_have_text("import")
        visit.screenshot(notebook.output(3), "code")
        notebook.run(2)
        taken = notebook.cells.nth(3).locator(".cm-content")
        expect(taken).to_contain_text("# Submission")
        expect(taken).to_contain_text("def get_estimator():")


def test_cancelling_is_one_click(room: Room) -> None:
    with connected(room, "cancelling", f"%%submit\n{SLEEPS}") as (visit, notebook, _):
        card = notebook.run(1).locator(".kit-card")
        expect(card).to_have_attribute("data-state", "RUNNING", timeout=JUDGED_MS)

        card.get_by_role("button", name="Cancel").click()

        expect(card).to_have_attribute("data-state", "REJECTED", timeout=JUDGED_MS)
        expect(card.locator(".kit-chip")).to_have_text("REJECTED · cancelled")
        expect(card).not_to_contain_text("mend")
        visit.screenshot(card)


def test_a_dry_run_shows_its_folds_and_sends_nothing(room: Room) -> None:
    cells = (f"%%submit --dry-run\n{MEAN}", f"%%submit --dry-run\n{SLEEPS}")
    with connected(room, "trying", *cells) as (visit, notebook, person):
        card = notebook.start(1).locator(".kit-card")

        expect(card).to_have_attribute("data-state", "DONE", timeout=JUDGED_MS)
        expect(notebook.prompt(1)).to_have_text("[2]:", timeout=JUDGED_MS)
        expect(card).to_have_count(1)
        expect(card.locator("tbody tr[data-state=done]")).to_have_count(3)
        visit.screenshot(card, "done")
        stopped = notebook.start(2)
        expect(stopped.locator("tr[data-state=running]").first).to_be_visible(timeout=JUDGED_MS)
        expect(stopped.locator(".kit-card")).to_have_attribute("data-state", "RUNNING")
        visit.screenshot(stopped, "running")
        visit.page.get_by_role("button", name="Interrupt the kernel").click()
        expect(stopped).to_contain_text("Stopped: 0 of 3 folds were done", timeout=JUDGED_MS)
        visit.screenshot(stopped, "stopped")
        assert person.submissions() == []


def test_the_panel_takes_a_file_of_code(room: Room, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(MEAN)
    bad.write_text("def get_estimator(:\n    pass\n")
    with connected(room, "dropping", "comp") as (visit, notebook, _):
        panel = notebook.run(1)
        tab(panel, "Submit")
        upload = panel.locator(".kit-upload")
        expect(upload).to_contain_text("Drop a predictions file or a .py file here")
        visit.screenshot(panel, "empty")

        choose(upload, bad)
        expect(upload).to_have_attribute("data-state", "refused", timeout=browsing.SOON_MS)
        expect(upload.get_by_role("status")).to_contain_text("bad.py, line 1: invalid syntax")
        choose(upload, good)
        expect(upload).to_have_attribute("data-state", "ready", timeout=browsing.SOON_MS)
        upload.get_by_role("button", name="Submit", exact=True).click()

        card = panel.locator(".kit-card")
        expect(card).to_have_attribute("data-state", "SCORED", timeout=JUDGED_MS)
        visit.screenshot(panel, "scored")
        tab(panel, "My submissions")
        expect(panel.locator(".kit-submissions td[data-key=kind]")).to_have_text("code")
        visit.screenshot(panel, "submissions")


@contextmanager
def connected(room: Room, name: str, *cells: str) -> Iterator[tuple[Visit, Notebook, Person]]:
    """A notebook in JupyterLab, connected as a new participant by its first cell."""
    person = room.person(name)
    file = room.lab.write(f"{name}.ipynb", f"%load_ext kit\n{person.connects}", *cells)
    with room.opened(name, file) as (visit, notebook):
        notebook.run(0)
        yield visit, notebook, person


def choose(upload: Locator, file: Path) -> None:
    upload.locator("input[type=file]").set_input_files(file)


def write(notebook: Notebook, at: int, text: str) -> None:
    """Type into a cell, as from a clipboard: the editor would indent and close brackets by itself."""
    notebook.cells.nth(at).locator(".cm-content").click()
    notebook.page.keyboard.insert_text(text)
