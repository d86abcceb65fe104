"""The dashboards in Voila, in a real browser: what an organizer sees there, and nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import browsing
import four
import httpx2
import pytest
from browsing import ASK_S, ORGANIZER, SOON_MS, Person, Visit, log_in, password_of, row, tab, teams
from playwright.sync_api import Browser, Locator, expect
from running import Service, free_port

from kit.cli import voila

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

ERROR = f"FileNotFoundError: no test.csv {browsing.EVIL}"


@dataclass
class Room:
    """Where all tests of this module take place."""

    service: Service
    folder: Path
    browser: Browser
    olga: Person
    environment: dict[str, str]
    """Of the organizer, who starts the dashboards and is logged in both by a file and by KIT_TOKEN."""

    def person(self, name: str) -> Person:
        return Person(self.service.url, "evil", name)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room")
    evil = browsing.write_evil(folder / "evil")
    with browsing.serving([evil], folder / "data") as service, browsing.chromium() as browser:
        olga = Person(service.url, "evil", ORGANIZER)
        _fill(service, olga)
        environment = browsing.bare_environment() | {"HOME": str(folder), "KIT_TOKEN": olga.token}
        environment |= {"XDG_CONFIG_HOME": str(folder / "config"), "KIT_URL": service.url}
        _save_login(service, environment)
        yield Room(service, folder, browser, olga, environment)


@pytest.fixture(scope="module")
def dashboard(room: Room) -> Iterator[str]:
    """``kit dashboard``, under a path as a proxy may show it."""
    port = free_port()
    command = [sys.executable, "-m", "kit", "dashboard", "--url", room.service.url, "--port", str(port)]
    with _voila(room, [*command, "--prefix", "dashboard"], port, room.environment) as url:
        yield f"{url}/dashboard/"


@pytest.fixture(scope="module")
def boards(room: Room) -> Iterator[str]:
    """Voila on all dashboards, started so that the organizer's KIT_TOKEN is in its kernels' environment."""
    port = free_port()
    command = voila.command("127.0.0.1", port, browsing.ROOT / "dashboards")
    with _voila(room, command, port, voila.environment(room.service.url) | room.environment) as url:
        yield url


@contextmanager
def _voila(room: Room, command: list[str], port: int, environment: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with browsing.process(command, environment, room.folder / f"{port}.log", f"{url}/are-you-there"):
        yield url


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")


def test_the_organizer_sees_everything_and_it_moves_by_itself(room: Room, dashboard: str, name: str) -> None:
    with browsing.visiting(room.browser, dashboard, name) as visit:
        page = _screen(visit)
        log_in(page, ORGANIZER)

        for split in ("public", "private"):
            expect(row(page.locator(f".kit-leaderboard[data-split={split}]"), "ada")).to_be_visible()
        visit.page.wait_for_function(SIDE_BY_SIDE, arg=SPLITS)
        public = page.locator(".kit-leaderboard[data-split=public]")
        expect(public.locator("tr[data-baseline]")).to_contain_text("mean")
        visit.screenshot(name="leaderboard")
        bob = room.person("bob")
        bob.submit("counts", four.PERFECT)
        expect(row(public, "bob")).to_be_visible()
        assert teams(public)[0] == "bob"
        expect(page.locator("[data-number=participants] b")).to_have_text(str(n_participants(room)))

        tab(page, "Submissions")
        table = page.locator(".kit-submissions")
        expect(table.locator("tbody tr", has_text="bob")).to_contain_text("SCORED")
        rejected = table.locator("tbody tr", has_text="REJECTED")
        expect(rejected).to_contain_text("ada")
        expect(rejected).to_contain_text("4 ids missing: 1, 2, 3, 4")
        visit.screenshot(name="submissions")
        eve = room.person("eve")
        eve.submit("counts", four.OFF_BY_TWO, note="while you look")
        expect(table.locator("tbody tr", has_text="while you look")).to_be_visible()

        tab(page, "Participants")
        expect(page.locator(".kit-participants tbody tr", has_text="ada")).to_contain_text("ago")
        visit.screenshot(name="participants")
        tab(page, "Queue and workers")
        expect(page.locator(".kit-workers")).to_contain_text("Worker")
        expect(page.locator(".kit-queue")).to_contain_text("Nothing waits")
        visit.screenshot(name="queue")
        tab(page, "Baselines")
        failed = page.locator(".kit-baselines tbody tr", has_text="broken")
        expect(failed).to_have_attribute("data-tone", "bad")
        expect(failed.locator("[data-key=state] .kit-tone-bad")).to_have_text("failed")
        expect(failed.locator("[data-key=cell]")).to_have_text("3")
        expect(failed).to_contain_text(ERROR)
        visit.screenshot(name="baselines")
        assert page.locator("img[src=x], [onerror]").count() == 0
        received = visit.page.content() + "".join(visit.received)
        assert "kit_" not in received and password_of(ORGANIZER) not in received

        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        expect(page.locator(".kit-organizer")).to_have_count(0)


def test_only_organizers_get_in(room: Room, dashboard: str, name: str) -> None:
    room.person("nosy")

    with browsing.visiting(room.browser, dashboard, name) as visit:
        page = _screen(visit)
        log_in(page, ORGANIZER, "a-wrong-password")
        expect(page.get_by_role("alert")).to_contain_text("password")
        log_in(page, "nosy")
        expect(page.get_by_role("alert")).to_contain_text("for organizers")
        assert not page.locator(".kit-organizer").count()
        visit.screenshot()


@pytest.mark.parametrize("notebook", ["organizer", "leaderboard"])
def test_a_dashboard_is_no_back_door(room: Room, boards: str, name: str, notebook: str) -> None:
    me = httpx2.get(f"{room.service.url}/api/v1/me", headers=room.olga.headers, timeout=ASK_S).json()
    assert me["role"] == "organizer"

    with browsing.visiting(room.browser, f"{boards}/voila/render/{notebook}.ipynb", name) as visit:
        page = _screen(visit)

        expect(page.get_by_label("Password")).to_be_visible()
        assert not page.locator(".kit-panel, .kit-table").count()
        assert visit.received
        seen = visit.page.content() + "".join(visit.received + visit.sent)
        assert not [each for each in (room.olga.token, password_of(ORGANIZER), "kit_") if each in seen]


def test_the_leaderboard_for_the_room_moves_by_itself(room: Room, boards: str, name: str) -> None:
    address = f"{boards}/voila/render/leaderboard.ipynb?competition=evil"
    with browsing.visiting(room.browser, address, name) as visit:
        page = _screen(visit)
        room.person("watcher")
        log_in(page, "watcher")
        expect(row(page, "ada")).to_be_visible()
        expect(page.locator("[data-split=private]")).to_have_count(0)

        zoe = room.person("zoe")
        zoe.submit("counts", four.OFF_BY_TWO)

        expect(row(page, "zoe")).to_be_visible()
        visit.screenshot()


SPLITS = ["public", "private"]
SIDE_BY_SIDE = """(splits) => {
    const [left, right] = splits.map((each) =>
        document.querySelector(`[data-split=${each}]`).getBoundingClientRect());
    return left.y === right.y && left.x < right.x;
}"""


def n_participants(room: Room) -> int:
    answer = httpx2.get(f"{room.service.url}/api/v1/users", headers=room.olga.headers, timeout=ASK_S)
    return sum(each["role"] == "participant" for each in answer.raise_for_status().json())


def _screen(visit: Visit) -> Locator:
    """The page, when its widgets are there."""
    screen = visit.page.locator("body")
    screen.locator(".kit-login").wait_for(timeout=3 * SOON_MS)
    return screen


def _fill(service: Service, olga: Person) -> None:
    olga.put_baseline("counts", "mean", "id,count\n1,25\n2,25\n3,25\n4,25\n")
    notebook = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    httpx2.put(
        f"{olga.path}/questions/counts/baselines/broken/notebook",
        headers=olga.headers,
        params={"state": "failed", "cell": 3, "error": ERROR, "seconds": 1.5},
        content=notebook,
        timeout=ASK_S,
    ).raise_for_status()
    ada = Person(service.url, "evil", "ada")
    note = browsing.EVIL
    ada.submit("counts", four.OFF_BY_ONE, note=note, filename=browsing.EVIL_FILENAME)
    ada.submit("counts", f"id,count,{browsing.EVIL_FILENAME}\n<b>9</b>,1,2\n", note=note)


def _save_login(service: Service, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "kit", "login", service.url, "--name", ORGANIZER, "--password-stdin"]
    subprocess.run(
        command, env=environment, input=password_of(ORGANIZER), text=True, check=True, capture_output=True
    )
    saved = Path(environment["XDG_CONFIG_HOME"]) / "kit/credentials.json"
    assert "kit_" in saved.read_text()
