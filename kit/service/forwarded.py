"""Who asks, and whether encrypted, where proxies stand between: said by headers that only theirs may set."""

from __future__ import annotations

import os

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

SCHEME = b"x-forwarded-proto"


def behind_proxies(app: ASGIApp) -> ASGIApp:
    """An app that believes X-Forwarded-For and X-Forwarded-Proto of this machine alone.

    FORWARDED_ALLOW_IPS in the environment names other addresses of proxies, or ``*``.
    """
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
    believing: ASGIApp = ProxyHeadersMiddleware(app, trusted)  # type: ignore[arg-type,assignment]

    async def with_first_scheme(scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            scope["headers"] = [_first(name, value) for name, value in scope["headers"]]
        await believing(scope, receive, send)

    return with_first_scheme


def _first(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    # A Hub's proxy behind one with TLS adds its own to that one's, "https,http": the browser's is the first.
    return (name, value.partition(b",")[0].strip()) if name == SCHEME else (name, value)
