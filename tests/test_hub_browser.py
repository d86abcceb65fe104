"""People's browsers at a real JupyterHub behind a proxy with TLS: log-in, log-out, live pages, dashboards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import four
import httpx2
import pytest
from browsing import SOON_MS, Visit, chromium, visiting
from fronting import MISSING, changed, documented, for_hub, fronting
from hub import LONG_S, Hub, missing, running_hub
from playwright.sync_api import Browser, Page, expect
from running import free_port
from securing import Secure, securing
from waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
pytestmark += [pytest.mark.skipif(missing() is not None, reason=missing() or "")]

BASE = "/jupyter"
ACCESS = '[access]\nsignup = "hub"\nhub_groups = ["hall"]'
EVERYONE = '[access]\nleaderboard = "everyone"'
SUBMIT = "/api/v1/competitions/{}/questions/counts/submissions?filename=p.csv"
PATH = f"{BASE}/services/kit"
INSECURE = {"ignore_https_errors": True}
"""Chromium asks no file for authorities; the client below does."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub with a competition for a group, and one whose leaderboard is for everyone."""
    with running_hub(base=BASE, top=ACCESS, more={"open": EVERYONE}) as hub:
        for short in ("alice", "olga"):
            hub.join(short, "hall")
        yield hub


@pytest.fixture(scope="module")
def secure(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """The Hub as the world sees it."""
    with securing(f"http://127.0.0.1:{hub.port}", tmp_path_factory.mktemp("tls")) as secure:
        yield secure


@pytest.fixture(scope="module")
def nginx(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """The same, by nginx as the documentation sets it."""
    if MISSING:
        pytest.skip(MISSING)
    port = free_port()
    block = changed(documented("hub.md"), for_hub(hub, port))
    with fronting(tmp_path_factory.mktemp("nginx"), block, port) as authority:
        yield Secure(f"https://127.0.0.1:{port}", authority)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def log_in(page: Page, name: str) -> None:
    """Fill in the Hub's own form."""
    page.locator("#username_input").fill(name)
    page.locator("#password_input").fill("any")
    page.locator("#login_submit").click()


def cookies(visit: Visit) -> dict[str, dict]:
    return {cookie["name"]: dict(cookie) for cookie in visit.page.context.cookies()}


def score(hub: Hub, name: str, slug: str, content: str) -> None:
    """Submit, and wait for the score."""
    person = hub.person(name)
    path = f"/api/v1/submissions/{person.ask('POST', SUBMIT.format(slug), content=content).json()['id']}"
    until(lambda: person.ask("GET", path).json()["state"] == "SCORED")


@pytest.fixture(scope="module")
def logged_out(hub: Hub, secure: Secure, browser: Browser) -> tuple[dict[str, str], float]:
    """Somebody's cookies, taken before logging out at the Hub, and when that was."""
    score(hub, "alice", "four", four.OFF_BY_ONE)
    address = f"{secure.url}{PATH}/four/leaderboard?question=counts"
    with visiting(browser, address, "hub-log-in", **INSECURE) as visit:
        log_in(visit.page, hub.accounts["alice"])
        expect(visit.page.locator("tr.own")).to_contain_text(hub.accounts["alice"])
        assert visit.page.url == address
        taken = {name: str(cookie["value"]) for name, cookie in cookies(visit).items()}
        visit.page.get_by_role("link", name="Log out").click()
        expect(visit.page.locator("#username_input")).to_be_visible()
        since = time.monotonic()
        visit.page.goto(address)
        expect(visit.page.get_by_role("heading", name="Log in again")).to_be_visible()
        visit.screenshot()
        visit.page.get_by_role("link", name="Log in again").click()
        log_in(visit.page, hub.accounts["alice"])
        expect(visit.page.locator("tr.own")).to_be_visible()
        assert visit.page.url == address
    return taken, since


def test_a_browser_logs_in_at_the_hub_and_out_again_and_comes_back_to_its_page(
    logged_out: tuple[dict[str, str], float],
) -> None:
    taken, _ = logged_out

    # All of it was seen on the way.
    assert {"__Secure-kit-session", "jupyterhub-session-id"} <= set(taken)


def test_cookies_go_to_this_service_alone_and_encrypted_and_links_stay_encrypted(
    hub: Hub, secure: Secure, browser: Browser
) -> None:
    asked = []
    with visiting(browser, "about:blank", "hub-cookies", **INSECURE) as visit:
        visit.page.on("request", lambda request: asked.append(request.url))
        visit.page.goto(f"{secure.url}{PATH}/four")
        log_in(visit.page, hub.accounts["olga"])
        expect(visit.page.locator(".who")).to_contain_text(hub.accounts["olga"])

        session = cookies(visit)["__Secure-kit-session"]
        links = visit.page.eval_on_selector_all("a", "all => all.map(each => each.href)")
        visit.screenshot()

    facts = {key: session[key] for key in ("path", "httpOnly", "secure", "sameSite", "domain")}
    assert facts == {
        "path": PATH,
        "httpOnly": True,
        "secure": True,
        "sameSite": "Lax",
        "domain": "127.0.0.1",
    }
    assert all(url.startswith(f"{secure.url}{BASE}/") for url in [*asked[1:], *links]), [*asked, *links]
    assert any("user-redirect/kit/organizer" in link for link in links)


def test_a_page_follows_what_happens_without_being_loaded_again(
    hub: Hub, secure: Secure, browser: Browser
) -> None:
    score(hub, "alice", "open", four.OFF_BY_TWO)
    with visiting(browser, f"{secure.url}{PATH}/open/leaderboard", "hub-open", **INSECURE) as visit:
        scores = visit.page.locator(".board tbody td.number:nth-of-type(2)")
        expect(scores).to_have_text(["2"])
        expect(visit.page.locator("#status")).to_have_text("Live.")
        visit.page.evaluate("window.mark = 1")

        score(hub, "alice", "open", four.OFF_BY_ONE)

        expect(scores).to_have_text(["1"])
        expect(visit.page.locator("tr.new")).to_have_count(1)
        assert visit.page.evaluate("window.mark") == 1
        assert visit.page.locator(".who").count() == 0


@pytest.mark.parametrize("by", ["secure", "nginx"])
def test_the_organizers_dashboard_and_its_websocket_go_through_tls(
    hub: Hub, browser: Browser, by: str, request: pytest.FixtureRequest
) -> None:
    sockets, answers, secure = [], [], request.getfixturevalue(by)
    with visiting(browser, f"{secure.url}{PATH}/four", f"hub-dashboard-{by}", **INSECURE) as visit:
        log_in(visit.page, hub.accounts["olga"])
        visit.page.on("websocket", lambda socket: sockets.append(socket.url))
        visit.page.on("response", lambda answer: answers.append((answer.status, answer.url)))
        expect(visit.page.locator(".who")).to_be_visible()
        assert "__Secure-kit-session" in cookies(visit)
        visit.page.get_by_role("link", name="Organizers' dashboard").click()
        expect(visit.page.get_by_role("tab", name="Participants")).to_be_visible(timeout=3 * SOON_MS)

    assert sockets and all(url.startswith(secure.url.replace("https", "wss")) for url in sockets)
    assert [url for status, url in answers if status >= 400] == []


def test_who_may_not_take_part_reads_why_and_no_leaderboard(
    hub: Hub, secure: Secure, browser: Browser
) -> None:
    with visiting(browser, f"{secure.url}{PATH}/four", "hub-refused", **INSECURE) as visit:
        log_in(visit.page, hub.accounts["bob"])

        expect(visit.page.get_by_text("takes members of the JupyterHub's groups 'hall'")).to_be_visible()
        assert visit.page.locator(".board").count() == 0
        visit.screenshot()
        visit.page.goto(f"{secure.url}{PATH}/four/leaderboard")
        expect(visit.page.get_by_role("heading", name="Not for you")).to_be_visible()


CONNECTING = """
import sys, kit, pandas
comp = kit.connect(sys.argv[1])
print(comp.client.me()["name"], sorted(comp.data()))
mine = comp.submit(pandas.DataFrame({"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]}))
print(mine.wait().state)
"""


@pytest.mark.parametrize("is_known", [True, False], ids=["authority known", "authority unknown"])
def test_a_script_elsewhere_trusts_the_hub_by_its_authoritys_file_alone(
    hub: Hub, secure: Secure, tmp_path: Path, is_known: bool
) -> None:
    alice = hub.person("alice")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KIT_")}
    environment |= {"KIT_TOKEN": alice.token, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    environment |= {"SSL_CERT_FILE": str(secure.authority)} if is_known else {}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CONNECTING, f"{secure.url}{PATH}/four"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONG_S,
    )

    if is_known:
        assert done.stdout.split("\n")[:2] == [f"{alice.name} ['test', 'train']", "SCORED"], done.stderr
    else:
        assert re.search(r"The certificate of https://.* is not trusted on this machine", done.stderr)
        assert "SSL_CERT_FILE=" in done.stderr


def test_what_a_client_says_of_itself_is_believed_of_a_proxy_alone(hub: Hub, secure: Secure) -> None:
    claimed = {"X-Forwarded-Host": "evil.example.org", "X-Forwarded-For": "203.0.113.9"}

    plain = httpx2.get(f"{hub.service}/four", headers=claimed)
    encrypted = httpx2.get(f"{secure.url}{PATH}/four", headers=claimed, verify=secure.trust)

    assert "Secure" not in plain.headers["Set-Cookie"]
    assert "; Secure" in encrypted.headers["Set-Cookie"]
    for answer in (plain, encrypted):
        assert answer.headers["Location"].startswith(f"{BASE}/hub/api/oauth2/authorize?")
        assert "evil" not in str(answer.headers)


def test_cookies_taken_before_logging_out_are_worth_nothing_half_a_minute_later(
    hub: Hub, secure: Secure, logged_out: tuple[dict[str, str], float]
) -> None:
    taken, since = logged_out
    page = f"{secure.url}{PATH}/four"
    without = {name: value for name, value in taken.items() if name != "jupyterhub-session-id"}

    at_once = httpx2.get(page, cookies=without, verify=secure.trust)
    time.sleep(max(0.0, since + 30 - time.monotonic()))
    later = httpx2.get(page, cookies=taken, verify=secure.trust)

    assert [at_once.status_code, later.status_code] == [401, 401]
    assert "Log in again" in later.text
