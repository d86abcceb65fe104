"""Guard: around every request, limits of its body, headers of its answer, counts, and unexpected errors."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.service.context import Service
from kit.service.errors import unexpected
from kit.service.page import failed
from kit.service.uploads import Body

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


class Guard:
    """The outermost middleware of the service; plain ASGI, so that bodies stream through."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._place(scope)
        answer = _Answer(send)
        body = scope["kit.body"] = Body(receive)
        try:
            await self._app(scope, body.receive, answer.send)
        except Exception as error:
            where = f"{scope['method']} {_route(scope)}"
            service = self._service
            failure = await run_in_threadpool(
                unexpected, error, where, service.store, service.clock, service.troubles
            )
            if answer.status is None:
                await failed(Request(scope), failure)(scope, receive, answer.send)
        finally:
            self._service.counts.add(scope["method"], _route(scope), answer.status or 500)

    def _place(self, scope: Scope) -> None:
        """Let routes be found under the prefix that a JupyterHub's proxy leaves in the address."""
        if self._service.hub is None:
            return
        scope["root_path"] = self._service.hub.settings.prefix
        if scope["path"] == scope["root_path"]:
            scope["path"] += "/"


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _route(scope: MutableMapping[str, Any]) -> str:
    """The route's template: never what was asked for, which may hold anything."""
    return str(getattr(scope.get("route"), "path", "none"))
