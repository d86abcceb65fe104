"""Names of hundreds of letters, as a JupyterHub's users may have: no row is tall by one, and none is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import browsing
import four
import httpx2
import pytest
from browsing import ASK_S, ORGANIZER, SOON_MS, Person, chromium, log_in, tab, visiting
from playwright.sync_api import Browser, Locator, expect
from running import Service, free_port

from kit.cli import voila
from kit.clock import utc_now
from kit.service.auth import new_token
from kit.store import Store

pytestmark = pytest.mark.browser

LONG = "jean-baptiste-" * 14 + "owl"
TEAM = "the owls of the great forest " * 6 + "<b>"
TALL = 62
"""Pixels: a row of two lines, as a badge takes."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("long")
    directory = four.write_open(folder / "four", phase="")
    toml = directory / "competition.toml"
    toml.write_text(f'{toml.read_text()}\n[access]\nleaderboard = "everyone"\n')
    with browsing.serving([directory], folder / "data") as service:
        submit(service, LONG, None)
        for name in (f"{LONG}1", "bob", f"{LONG}2"):
            submit(service, name, TEAM)
        Person(service.url, "four", "ada").submit("counts", four.OFF_BY_TWO)
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def submit(service: Service, name: str, team: str | None) -> None:
    """Submit as somebody whom a Hub names."""
    with contextlib.closing(Store(service.data)) as store:
        user = store.accounts.hub_user(name, "participant", now=utc_now())
        store.accounts.join("four", user, now=utc_now(), team=team, max_size=3)
        token = new_token(store, user, now=utc_now()).text
    httpx2.post(
        f"{service.url}/api/v1/competitions/four/questions/counts/submissions",
        headers={"Authorization": f"Bearer {token}"},
        params={"filename": f"{LONG}.csv"},
        content=four.OFF_BY_ONE,
        timeout=ASK_S,
    ).raise_for_status()


def heights(rows: Locator) -> list[float]:
    boxes = [each.bounding_box() for each in rows.all()]
    return [box["height"] for box in boxes if box is not None]


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": {"width": 1400, "height": 900}},
        {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
    ],
    ids=["large", "phone, dark"],
)
def test_on_a_page_a_long_name_takes_one_line_and_is_told_when_pointed_at(
    service: Service, browser: Browser, look: dict[str, object]
) -> None:
    with visiting(browser, f"{service.url}/four/leaderboard", "long-names", **look) as visit:
        expect(visit.page.locator(".board tbody tr")).to_have_count(3)
        names = visit.page.locator(".board .name")

        told = {each.get_attribute("title") for each in names.all()}
        lines = heights(names)
        overflow = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")

        visit.screenshot()
        assert told == {LONG, TEAM, f"{LONG}1", f"{LONG}2"}
        assert all(height < 50 for height in lines)
        assert overflow <= 0
        assert visit.page.get_by_text("ada", exact=True).locator(".name").count() == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_in_dashboards_no_row_is_tall_by_a_name_or_a_files_name(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = voila.command("127.0.0.1", port, browsing.ROOT / "dashboards")
    with (
        browsing.process(command, voila.environment(service.url), tmp_path / "log", f"{url}/are-you-there"),
        visiting(browser, f"{url}/voila/render/organizer.ipynb", "long-names-dashboard") as visit,
    ):
        page = visit.page.locator("body")
        page.locator(".kit-login").wait_for(timeout=3 * SOON_MS)
        log_in(page, ORGANIZER)
        for title, table in {
            "Leaderboard": "[data-split=public]",
            "Submissions": ".kit-submissions",
            "Participants": ".kit-participants",
        }.items():
            tab(page, title)
            rows = page.locator(f"{table} tbody tr")
            expect(rows.filter(has_text="jean-baptiste").first).to_be_visible()
            visit.screenshot(name=title)
            assert all(height < TALL for height in heights(rows)), title
        cell = page.locator(f".kit-participants tr[data-row] td[title='{LONG}']").first
        assert cell.locator(".kit-name").inner_text() == LONG
