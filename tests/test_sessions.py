"""Log-in of browsers, beside a small stand-in for the Hub; attacks on it must fail."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import four
import pytest
from conftest import Clock
from served import COUNTS, Served, serving
from starlette.testclient import TestClient
from test_service_hub import Answers, standing_in

from kit.service import hub as hubs
from kit.service.hub import JupyterHub
from kit.service.sessions import HUB_SESSION
from kit.store import Store

ROOT = "/services/kit"
SECRET = "the-services-secret-at-the-hub"
SUBMIT = f"{ROOT}/api/v1{COUNTS}/submissions?filename=p.csv"


@dataclasses.dataclass
class World:
    """A service of a Hub, and browsers."""

    served: Served
    answers: Answers
    base: str = "http://hub.example.org"

    def browser(self, session: str | None = "s-1") -> TestClient:
        """A browser with a session at the Hub, and nothing of the service's."""
        client = TestClient(self.served.client.app, base_url=self.base, follow_redirects=False)
        if session is not None:
            client.cookies.set(HUB_SESSION, session, path="/")
        return client

    def logged_in(self, name: str, session: str = "s-1") -> TestClient:
        """A browser that somebody logged in with."""
        browser = self.browser(session)
        answer = come_back(browser, begin(browser), name)
        assert answer.status_code == 303, answer.text
        return browser


def begin(browser: TestClient, page: str = "/four") -> str:
    """Open a page without a log-in; the state that the Hub is told."""
    answer = browser.get(f"{ROOT}{page}")
    assert answer.status_code == 303, answer.text
    (state,) = parse_qs(urlsplit(answer.headers["Location"]).query)["state"]
    return state


def come_back(browser: TestClient, state: str, name: str = "ada") -> Any:
    return browser.get(f"{ROOT}/oauth_callback", params={"code": f"c-{name}", "state": state})


@pytest.fixture
def world(tmp_path: Path, store: Store, clock: Clock) -> Iterator[World]:
    answers = Answers()
    for name, groups in (("ada", ()), ("bob", ()), ("olga", ("organizers",)), ("<b>eve</b>", ())):
        answers.add(f"t-{name}", name, *groups)
    shown = four.write(tmp_path / "open", slug="open", top='[access]\nleaderboard = "everyone"')
    competitions = [four.competition(tmp_path / "four"), four.load_competition(shown)]
    with contextlib.ExitStack() as stack:
        settings = dataclasses.replace(
            stack.enter_context(standing_in(answers)),
            client_id="service-kit",
            secret=SECRET,
            callback=f"{ROOT}/oauth_callback",
        )
        hub = JupyterHub(settings)
        served = stack.enter_context(serving(store, competitions, clock, hub=hub))  # type: ignore[arg-type]
        yield World(served, answers)


def test_who_opens_a_page_is_sent_to_the_hub_and_comes_back_to_it_by_name(world: World) -> None:
    browser = world.browser()
    sent = browser.get(f"{ROOT}/four/leaderboard?question=counts")
    asked = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))

    back = come_back(browser, asked.pop("state"))
    page = browser.get(back.headers["Location"])

    assert sent.headers["Location"].startswith("/hub/api/oauth2/authorize?")
    assert back.headers["Location"] == f"{ROOT}/four/leaderboard?question=counts"
    assert page.status_code == 200 and '<b>ada</b> · <a href="/hub/logout">Log out</a>' in page.text
    (exchanged,) = world.answers.exchanged
    challenge = hashlib.sha256(exchanged["code_verifier"].encode()).digest()
    assert asked.pop("code_challenge") == base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    known = {"client_id": "service-kit", "redirect_uri": f"{ROOT}/oauth_callback", "response_type": "code"}
    assert asked == known | {"code_challenge_method": "S256"}
    assert exchanged["client_secret"] == SECRET and exchanged["redirect_uri"] == f"{ROOT}/oauth_callback"


def test_an_unknown_page_below_the_prefix_says_so_without_a_log_in_and_leads_to_the_start(
    world: World,
) -> None:
    browser = world.browser()
    accept = {"Accept": "text/html"}

    answer = browser.get(f"{ROOT}/four/nothing", headers=accept)
    known = [browser.request(method, f"{ROOT}/four", headers=accept) for method in ("GET", "HEAD")]

    assert answer.status_code == 404 and "There is no page &#x27;/four/nothing&#x27; here." in answer.text
    assert f'<a href="{ROOT}/">All competitions</a>' in answer.text
    assert [each.status_code for each in known] == [303, 303]
    assert all("/hub/api/oauth2/authorize" in each.headers["Location"] for each in known)


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_cookies_are_for_this_services_pages_alone_and_tell_no_token(world: World, is_secure: bool) -> None:
    world.base = "https://hub.example.org" if is_secure else world.base
    browser = world.browser()
    first = browser.get(f"{ROOT}/four")
    state = parse_qs(urlsplit(first.headers["Location"]).query)["state"][0]

    second = come_back(browser, state)

    for answer in (first, second):
        parts = answer.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", f"Path={ROOT}", "SameSite=lax"} <= set(parts)
        assert ("Secure" in parts) is is_secure is parts[0].startswith("__Secure-kit-")
    assert "t-ada" not in str(second.headers) and SECRET not in str(first.headers)
    assert "Max-Age" not in second.headers["Set-Cookie"]


def test_nothing_of_a_session_is_kept_on_disk(world: World, tmp_path: Path) -> None:
    browser = world.logged_in("ada")
    browser.get(f"{ROOT}/four")
    secrets = [b"t-ada", *(browser.cookies[f"kit-{name}"].encode() for name in ("session", "log-in"))]

    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]

    assert len(kept) > 3
    assert not any(secret in content for content in kept for secret in secrets)


def test_organizers_have_a_link_to_their_dashboard_and_see_on_pages_what_all_see(world: World) -> None:
    olga, ada = world.logged_in("olga"), world.logged_in("ada")

    pages = [each.get(f"{ROOT}/four").text for each in (olga, ada)]

    assert ["Organizers' dashboard</a>" in page for page in pages] == [True, False]


def test_a_cookie_acts_for_nobody_at_the_interface(world: World) -> None:
    ada = world.logged_in("ada")

    answers = [
        ada.get(f"{ROOT}/api/v1/me"),
        ada.get(f"{ROOT}/api/v1{COUNTS}/leaderboard"),
        ada.post(SUBMIT, content=four.PERFECT),
        ada.post(f"{ROOT}/api/v1/competitions/four/rules"),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4


NEXT = {
    "another site": "https://evil.example.org/",
    "another site by two slashes": "//evil.example.org",
    "by a backslash": "/\\evil.example.org",
    "by dots": "/../../hub/logout",
    "by encoded dots": "/%2e%2e/%2e%2e/hub/logout",
    "a script": "javascript:alert(1)",
    "a header": "/four\r\nSet-Cookie: a=b",
    "the log-in itself": "/log_in?next=/four",
    "the interface": "/api/v1/me",
    "a user's server": "/user/bob/",
}


@pytest.mark.parametrize("address", NEXT.values(), ids=NEXT)
def test_a_log_in_leads_to_pages_of_this_service_alone(world: World, address: str) -> None:
    browser = world.browser()
    sent = browser.get(f"{ROOT}/log_in", params={"next": address})
    state = parse_qs(urlsplit(sent.headers["Location"]).query)["state"][0]

    back = come_back(browser, state)

    assert back.headers["Location"] == f"{ROOT}/"


def test_a_state_that_is_not_this_browsers_is_refused(world: World) -> None:
    evil, ada = world.browser("s-evil"), world.browser()
    foreign, own = begin(evil), begin(ada)

    answers = {
        "another's": come_back(ada, foreign),
        "forged": come_back(ada, own[:-4] + "AAAA"),
        "none": come_back(ada, ""),
        "without the cookie": come_back(world.browser(), own),
    }

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 400)
    assert all("Set-Cookie" not in answer.headers for answer in answers.values())
    assert world.answers.exchanged == []
    assert "keeps no cookies" in answers["none"].text


def test_several_tabs_may_log_in_at_a_time(world: World) -> None:
    browser = world.browser()
    one, two = begin(browser, "/four"), begin(browser, "/open")

    answers = [come_back(browser, one, "ada"), come_back(browser, two, "bob")]

    assert [answer.headers["Location"] for answer in answers] == [f"{ROOT}/four", f"{ROOT}/open"]


def test_a_code_is_good_once(world: World) -> None:
    browser = world.browser()
    state = begin(browser)
    come_back(browser, state)

    again = come_back(browser, state)

    assert again.status_code == 401
    assert "did not take this log-in" in again.text


def test_after_logging_out_at_the_hub_the_page_says_so_and_leads_back(world: World) -> None:
    browser = world.logged_in("ada")
    browser.cookies.delete(HUB_SESSION)

    answer = browser.get(f"{ROOT}/four?question=counts")

    assert answer.status_code == 401
    assert "<h1>Log in again</h1>" in answer.text
    assert f'href="{ROOT}/log_in?next=%2Ffour%3Fquestion%3Dcounts"' in answer.text


def test_a_session_is_no_good_in_another_browser(world: World) -> None:
    ada, bob = world.logged_in("ada", "s-ada"), world.browser("s-bob")
    bob.cookies.set("kit-session", ada.cookies["kit-session"], path=ROOT)

    assert bob.get(f"{ROOT}/four").status_code == 401


def test_a_session_that_somebody_made_up_is_none(world: World) -> None:
    browser = world.browser()
    browser.cookies.set("kit-session", base64.urlsafe_b64encode(b"t-ada" * 30).decode(), path=ROOT)

    assert browser.get(f"{ROOT}/four").status_code == 401


def test_who_was_removed_at_the_hub_is_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "ACTING_S", 0.0)
    browser = world.logged_in("ada")
    del world.answers.people["token t-ada"]

    answer = browser.get(f"{ROOT}/four")

    assert answer.status_code == 401
    assert "Your log-in at the JupyterHub has ended" in answer.text


def test_too_few_rights_are_told_instead_of_a_loop(world: World) -> None:
    world.answers.add("t-dan", "dan", scopes=())
    browser = world.browser()

    answer = come_back(browser, begin(browser), "dan")

    assert answer.status_code == 403
    assert "lacks the scope" in answer.text and "Set-Cookie" not in answer.headers


def test_a_hub_that_hangs_is_told_as_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "ACTING_S", 0.0)
    browser = world.logged_in("ada")
    world.answers.status = 503

    answer = browser.get(f"{ROOT}/four")

    assert answer.status_code == 503
    assert "<h1>Not now</h1><p>The JupyterHub does not answer" in answer.text


def test_what_is_for_everyone_is_shown_whatever_the_session_is(world: World) -> None:
    nobody, ended = world.browser(None), world.logged_in("ada")
    ended.cookies.delete(HUB_SESSION)

    pages = [each.get(f"{ROOT}/open/leaderboard") for each in (nobody, ended, world.logged_in("bob", "s-2"))]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert ["<b>bob</b>" in page.text for page in pages] == [False, False, True]
    assert nobody.get(f"{ROOT}/four/leaderboard").status_code == 303


def test_a_name_is_text_whatever_it_holds(world: World) -> None:
    page = world.logged_in("<b>eve</b>").get(f"{ROOT}/four").text

    assert "&lt;b&gt;eve&lt;/b&gt;" in page and "<b>eve</b>" not in page
