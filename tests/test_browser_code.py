"""The notebook that submits code, run by hand in JupyterLab in a real browser, with the sample of code."""

from __future__ import annotations

import shutil
from pathlib import Path

import browsing
import pytest
from browsing import Notebook, log_in, row
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTEBOOK = "02-submit-code.ipynb"
JUDGED_MS = 400_000
"""Six runs; a loaded machine must not fail the test."""


@pytest.mark.timeout(1200)
def test_the_second_notebook_leads_from_the_login_over_a_dry_run_to_the_leaderboard(tmp_path: Path) -> None:
    shutil.copytree(browsing.ROOT / "data/departures", tmp_path / "departures")
    with (
        browsing.serving([tmp_path / "departures"], tmp_path / "data") as service,
        browsing.running_lab(tmp_path / "lab", f"{service.url}/departures") as lab,
        browsing.chromium() as browser,
    ):
        shutil.copy(browsing.ROOT / "notebooks" / NOTEBOOK, lab.notebooks)
        with browsing.visiting(browser, lab.address(NOTEBOOK), "code") as visit:
            notebook = Notebook(visit)
            panel = notebook.run(0)
            log_in(panel, "ada", by="Sign up")
            expect(panel.locator(".kit-header")).to_contain_text("Logged in as ada")
            notebook.run(1)
            figure = notebook.run(2)
            expect(figure.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(3)
            visit.screenshot(figure, "figure")

            trial = notebook.start(3)
            expect(trial).to_contain_text("Nothing was sent or used up", timeout=JUDGED_MS)
            expect(trial.locator(".kit-folds tbody tr")).to_have_count(5)
            visit.screenshot(trial, "dry-run")

            with service.judging_stopped():
                card = notebook.run(4).locator(".kit-card")
                expect(card).to_have_attribute("data-state", "QUEUED")
                visit.screenshot(card, "card-queued")
            expect(card).to_have_attribute("data-state", "SCORED", timeout=JUDGED_MS)
            visit.screenshot(card, "card-scored")

            expect(notebook.run(5)).to_contain_text("fit_cpu_s")
            expect(notebook.run(6).locator(".kit-code")).to_contain_text("def get_estimator():")
            board = notebook.run(7)
            expect(row(board, "ada")).to_be_visible()
            visit.screenshot(board, "leaderboard")
