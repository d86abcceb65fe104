"""What proxies before the service say and change: who asks, whether encrypted, and under which path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from kit.errors import OrganizerError

SCHEME = b"x-forwarded-proto"
TORNADOS = b"x-scheme"
"""What JupyterHub's documentation lets nginx say, and a Hub believes first."""
OWN = ("api", "docs", "healthz", "live.js", "metrics")
"""First parts of the service's own addresses."""


def behind_proxies(app: ASGIApp) -> ASGIApp:
    """An app that believes X-Forwarded-For, X-Forwarded-Proto and X-Scheme of this machine alone.

    FORWARDED_ALLOW_IPS in the environment names other addresses of proxies, or ``*``.
    """
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
    believing: ASGIApp = ProxyHeadersMiddleware(app, trusted)  # type: ignore[arg-type,assignment]

    async def with_first_scheme(scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            scope["headers"] = _told(scope["headers"])
        await believing(scope, receive, send)

    return with_first_scheme


def _told(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    # A Hub's proxy behind one with TLS adds its own to that one's, "https,http", or finds none but X-Scheme:
    # the browser's is the first.
    schemes = {
        name: value.partition(b",")[0].strip() for name, value in headers if name in (TORNADOS, SCHEME)
    }
    others = [(name, value) for name, value in headers if name != SCHEME]
    scheme = schemes.get(TORNADOS) or schemes.get(SCHEME)
    return [*others, (SCHEME, scheme)] if scheme else others


def under(app: ASGIApp, prefix: str) -> ASGIApp:
    """An app that is shown under a path, whether the proxy leaves that in the addresses or takes it away."""
    if not prefix:
        return app

    async def placed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["root_path"] = prefix
            path = scope["path"]
            if path == prefix:
                scope["path"] = f"{prefix}/"
            elif not path.startswith(f"{prefix}/"):
                scope["path"] = prefix + path
        await app(scope, receive, send)

    return placed


def checked_prefix(given: str, slugs: Iterable[str]) -> str:
    """A prefix as it stands before addresses, empty or as ``/kit``.

    Raises
    ------
    OrganizerError
        It is no path, or begins as an address of the service does.
    """
    parts = given.strip("/")
    if not parts:
        return ""
    if not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", parts, re.ASCII):
        raise OrganizerError(f"The prefix {given!r} is no path: write it as /kit, without host and port.")
    first = parts.partition("/")[0]
    if first in {*OWN, *slugs}:
        raise OrganizerError(
            f"The prefix {given!r} begins as an address below it does, with {first!r}: choose another."
        )
    return f"/{parts}"
