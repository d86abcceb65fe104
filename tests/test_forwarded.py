"""What is believed of who asks, and how: of the proxies that are trusted alone."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit.errors import OrganizerError
from kit.service.forwarded import behind_proxies, checked_prefix, under

SAID = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https,http"}


async def seen(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(f"{request.url.scheme} {request.client.host}")


def asked(peer: str, said: dict[str, str] = SAID) -> str:
    app = behind_proxies(Starlette(routes=[Route("/", seen)]))
    return TestClient(app, client=(peer, 1234)).get("/", headers=said).text


async def placed(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.scope['root_path']} {request.url.path}")


def test_a_proxy_on_this_machine_says_who_asks_and_that_the_browser_came_encrypted() -> None:
    assert asked("127.0.0.1") == "https 198.51.100.7"


def test_nobody_else_does() -> None:
    assert asked("192.0.2.1") == "http 192.0.2.1"


def test_other_proxies_are_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1, 198.51.100.7")

    assert asked("192.0.2.1") == "https 203.0.113.9"
    assert asked("127.0.0.1") == "http 127.0.0.1"


def test_nginx_may_say_it_as_the_documentation_of_jupyterhub_lets_it() -> None:
    said = {"X-Scheme": "https", "X-Forwarded-Proto": "http"}

    assert asked("127.0.0.1", said).startswith("https ")
    assert asked("192.0.2.1", said).startswith("http ")


@pytest.mark.parametrize("asked_for", ["/kit/four", "/four"], ids=["kept", "taken away"])
def test_under_a_prefix_it_is_one_whether_the_proxy_keeps_it_or_takes_it_away(asked_for: str) -> None:
    app = under(Starlette(routes=[Route("/four", placed)]), "/kit")

    assert TestClient(app).get(asked_for).text == "/kit /kit/four"


@pytest.mark.parametrize("given", ["", "/"])
def test_without_a_prefix_nothing_changes(given: str) -> None:
    assert checked_prefix(given, ["four"]) == ""


@pytest.mark.parametrize("given", ["/kit", "kit", "/kit/"])
def test_a_prefix_is_written_as_one_likes(given: str) -> None:
    assert checked_prefix(given, ["four"]) == "/kit"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("https://example.org/kit", "is no path: write it as /kit"),
        ("/my kit", "is no path"),
        ("/four/kit", "begins as an address below it does, with 'four'"),
        ("/api", "with 'api': choose another"),
    ],
)
def test_a_prefix_that_would_be_taken_for_something_else_is_refused(given: str, why: str) -> None:
    with pytest.raises(OrganizerError, match=why):
        checked_prefix(given, ["four"])
