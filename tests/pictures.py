"""Takes the pictures in docs/images: ``python tests/pictures.py``; in a folder that is named, dark ones."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import browsing
import numpy as np
import pandas as pd
from browsing import ORGANIZER, Notebook, Person, log_in, row, tab
from playwright.sync_api import Browser, FloatRect, expect
from running import Service, free_port

from kit.cli import voila

SKILLS = {"grace": 3.2, "emmy": 2.9, "sofia": 2.7, "mary": 2.4, "rosalind": 2.0}
BASELINES = {"logistic-regression": 2.3, "class-prior": 0.0}


def main() -> None:
    """Take them all."""
    dark = Path(sys.argv[1]) if sys.argv[1:] else None
    images = dark or browsing.ROOT / "docs/images"
    images.mkdir(exist_ok=True, parents=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(browsing.ROOT / "data/penguins", folder / "penguins")
        with (
            browsing.serving([folder / "penguins"], folder / "data") as service,
            browsing.chromium() as browser,
        ):
            _fill(service)
            _notebook(service, browser, folder, images, is_dark=dark is not None)
            _dashboard(service, browser, folder, images, is_dark=dark is not None)


def _fill(service: Service) -> None:
    olga = Person(service.url, "penguins", ORGANIZER)
    for name, skill in BASELINES.items():
        olga.put_baseline("sex", name, _guesses(skill))
    for name, skill in SKILLS.items():
        person = Person(service.url, "penguins", name)
        person.submit("sex", _guesses(skill - 0.6), note="first try")
        person.submit("sex", _guesses(skill), note="boosted trees")


def _guesses(skill: float) -> str:
    """Predictions as a model of that skill might make them; 0 is none."""
    truth = pd.read_csv(browsing.ROOT / "data/penguins/private/truth.csv")
    side = truth["sex"].map({"male": 1.0, "female": -1.0})
    rng = np.random.default_rng(round(100 * skill))
    logit = skill * side + rng.normal(size=len(truth)) * min(skill, 1.0) * 1.8
    return truth[["penguin_id"]].assign(sex=1 / (1 + np.exp(-logit))).to_csv(index=False)


def _notebook(service: Service, browser: Browser, folder: Path, images: Path, *, is_dark: bool) -> None:
    ada = Person(service.url, "penguins", "ada")
    shown = ada.submit("sex", _guesses(2.8), note="forest, depth 5")
    connect = f"import kit\ncomp = kit.connect('{service.url}/penguins', token='{ada.token}')"
    with browsing.running_lab(folder / "lab", f"{service.url}/penguins", is_dark=is_dark) as lab:
        file = lab.write(
            "picture.ipynb", connect, "comp.leaderboard()", "comp", f"comp.submission({shown['id']})"
        )
        size = {"width": 1240, "height": 1000}
        options = {"viewport": size, "device_scale_factor": 2}
        with browsing.visiting(browser, lab.address(file), "picture", **options) as visit:
            notebook = Notebook(visit)
            visit.page.get_by_role("tab", name="File Browser").click()
            notebook.run(0)
            board = notebook.run(1)
            expect(row(board, "ada")).to_contain_text("you")
            box = notebook.cells.nth(1).bounding_box()
            assert box is not None
            # The frame of the next cell, which is selected, begins inside.
            clip: FloatRect = {
                "x": box["x"],
                "y": box["y"],
                "width": box["width"],
                "height": box["height"] - 2,
            }
            visit.page.screenshot(path=images / "leaderboard.png", clip=clip, animations="disabled")
            if is_dark:
                panel = notebook.run(2)
                for title in ("Overview", "Data", "Submit", "Leaderboard", "My submissions"):
                    tab(panel, title)
                    panel.screenshot(path=images / f"panel-{title}.png", animations="disabled")
                notebook.run(3).screenshot(path=images / "card.png", animations="disabled")


def _dashboard(service: Service, browser: Browser, folder: Path, images: Path, *, is_dark: bool) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = voila.command("127.0.0.1", port) + (["--theme=dark"] if is_dark else [])
    environment = voila.environment(service.url)
    size = {"width": 1400, "height": 1300}
    with (
        browsing.process(command, environment, folder / "voila.log", f"{url}/are-you-there"),
        browsing.visiting(browser, url, "picture", viewport=size, device_scale_factor=1.5) as visit,
    ):
        page = visit.page.locator("body")
        page.locator(".kit-login").wait_for(timeout=60_000)
        if is_dark:
            visit.page.screenshot(path=images / "dashboard-login.png")
        log_in(page, ORGANIZER)
        expect(row(page.locator("[data-split=private]"), "ada")).to_be_visible()
        page.locator(".kit-progress .main-svg").first.wait_for()
        page.locator(".kit-organizer").screenshot(path=images / "dashboard.png", animations="disabled")


if __name__ == "__main__":
    main()
