"""The pages of a service in a browser: on a large screen, on a phone, in the dark, without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import browsing
import four
import pytest
from browsing import Person, chromium, visiting
from playwright.sync_api import Browser, expect
from running import Service

pytestmark = pytest.mark.browser

EVERYONE = '[access]\nleaderboard = "everyone"'
NASTY = "ada-" + "very-" * 4 + "long"
SECOND = """
[[question]]
id = "again"
title = "Counted again"
metric = "rmse"
id_column = "id"
target = "count"
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Competitions whose leaderboard is for everyone, one with some teams on it."""
    folder = tmp_path_factory.mktemp("pages")
    directories = [
        four.write(folder / slug, slug=slug, phase="", closes_at="2099-01-01T00:00:00Z")
        for slug in ("four", "live")
    ]
    for directory in directories:
        toml = directory / "competition.toml"
        toml.write_text(f"{toml.read_text()}\n{EVERYONE}\n{SECOND}")
    with browsing.serving(directories, folder / "data") as service:
        for name, content in (
            (NASTY, four.PERFECT),
            ("bob", four.OFF_BY_ONE),
            ("eve", "id,count\n1,9\n2,29\n3,30\n4,4\n"),
        ):
            Person(service.url, "four", name).submit("counts", content)
        Person(service.url, "four", browsing.ORGANIZER).put_baseline("counts", "mean", four.OFF_BY_TWO)
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


LOOKS = {
    "large": {"viewport": {"width": 1920, "height": 1080}},
    "dark": {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "phone-dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}


@pytest.mark.parametrize("path", ["/four/leaderboard", "/four"], ids=["alone", "competition"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_page_fits_its_screen_and_can_be_read(
    service: Service, browser: Browser, look: str, path: str
) -> None:
    with visiting(
        browser, f"{service.url}{path}", f"page{path.replace('/', '-')}-{look}", **LOOKS[look]
    ) as visit:
        expect(visit.page.locator(".board tbody tr")).to_have_count(4)

        overflow = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        contrast = visit.page.evaluate(CONTRAST)

        visit.screenshot()
        assert overflow <= 0
        assert contrast >= 4.5


CONTRAST = """() => {
    const parse = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = (rgb) => rgb.map((v) => linear(v / 255))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const back = light(parse(getComputedStyle(document.body).backgroundColor));
    return Math.min(...[...document.querySelectorAll("h1, p, a, th, td, small, caption")].map((element) => {
        const front = light(parse(getComputedStyle(element).color));
        return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    }));
}"""


def test_a_change_is_shown_without_loading_the_page_and_where_one_reads_stays(
    service: Service, browser: Browser
) -> None:
    with visiting(browser, f"{service.url}/live/leaderboard?question=again", "page-live") as visit:
        expect(visit.page.get_by_text("No scores yet")).to_be_visible()
        visit.page.evaluate("window.mark = 1")

        Person(service.url, "live", "kim").submit("again", four.OFF_BY_ONE)

        expect(visit.page.get_by_role("rowheader", name="kim")).to_be_visible()
        assert visit.page.evaluate("window.mark") == 1
        visit.page.get_by_role("link", name="All questions").click()
        expect(visit.page.get_by_role("rowheader", name="kim")).to_be_visible()


def test_without_scripts_the_page_is_whole_and_loads_itself_again(service: Service, browser: Browser) -> None:
    with visiting(
        browser, f"{service.url}/four/leaderboard", "page-no-script", java_script_enabled=False
    ) as visit:
        expect(visit.page.locator(".board tbody tr")).to_have_count(4)
        assert '<meta http-equiv="refresh" content="30">' in visit.page.content()


def test_a_service_that_is_away_is_said_and_comes_back_by_itself(service: Service, browser: Browser) -> None:
    with visiting(browser, f"{service.url}/four/leaderboard", "page-away") as visit:
        status = visit.page.locator("#status")
        expect(status).to_have_text("Live.")

        service.stop()
        expect(status).to_have_text("The service does not answer; trying again.")
        expect(visit.page.locator(".board tbody tr")).to_have_count(4)
        service.start()

        expect(status).to_have_text("Live.")


def test_the_browser_finds_nothing_on_a_page_that_its_policy_forbids(
    service: Service, browser: Browser
) -> None:
    with visiting(browser, "about:blank", "page-policy") as visit:
        said: list[str] = []
        visit.page.on("console", lambda message: said.append(message.text))
        for path in ("/", "/four", "/four/leaderboard", "/nosuch", "/docs"):
            visit.page.goto(f"{service.url}{path}")
            visit.page.wait_for_load_state("load")

    assert [text for text in said if "Content Security Policy" in text] == []
