"""What is believed of who asks, and how: of the proxies that are trusted alone."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kit.service.forwarded import behind_proxies

SAID = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https,http"}


async def seen(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(f"{request.url.scheme} {request.client.host}")


def asked(peer: str) -> str:
    app = behind_proxies(Starlette(routes=[Route("/", seen)]))
    return TestClient(app, client=(peer, 1234)).get("/", headers=SAID).text


def test_a_proxy_on_this_machine_says_who_asks_and_that_the_browser_came_encrypted() -> None:
    assert asked("127.0.0.1") == "https 198.51.100.7"


def test_nobody_else_does() -> None:
    assert asked("192.0.2.1") == "http 192.0.2.1"


def test_other_proxies_are_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1, 198.51.100.7")

    assert asked("192.0.2.1") == "https 203.0.113.9"
    assert asked("127.0.0.1") == "http 127.0.0.1"
