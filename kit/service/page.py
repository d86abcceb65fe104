"""The frame of the pages that people see: looks, who is there, and errors as pages. Knows no competition."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from kit.errors import NotAllowed, NotFound, NotLoggedIn, OverLimit, ParticipantError, ServiceError
from kit.service.errors import MOST_SHOWN, STATUS, Failure, http_answer
from kit.service.sessions import LogInFirst, Sessions, checked

STATIC = Path(__file__).parent / "static"
_STYLE = (STATIC / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; script-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    # Who is there changes what is shown.
    "Vary": "Cookie",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>{head}
</head>
<body{look}>
{above}<main>
{body}
</main>
</body>
</html>
"""
LONG = 40
"""More letters than a name has without a JupyterHub."""
_LIVE = """
<script src="{root}/live.js" defer></script>
<noscript><meta http-equiv="refresh" content="30"></noscript>"""


@dataclass(frozen=True)
class Who:
    """Who looks at a page, and where they log out."""

    name: str
    log_out: str


def page(
    title: str,
    body: str,
    *,
    root: str = "",
    who: Who | None = None,
    is_live: bool = False,
    is_wide: bool = False,
) -> str:
    """A whole page; ``body`` is HTML, what is escaped in it is its maker's business.

    Parameters
    ----------
    root : str
        The prefix of all addresses of the service.
    is_live : bool
        Whether its part ``id="live"`` is kept as the service has it.
    """
    above = ""
    if who is not None:
        above = (
            f'<p class="who"><b>{name_html(who.name)}</b> · <a href="{escape(who.log_out)}">Log out</a></p>\n'
        )
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        head=_LIVE.format(root=escape(root)) if is_live else "",
        look=' class="wide"' if is_wide else "",
        above=above,
        body=body,
    )


def name_html(name: str, after: str = "") -> str:
    """A person's or team's name; a long one is cut to a line where it is shown, and told when pointed at."""
    if len(name) <= LONG:
        return escape(name) + after
    return f'<span class="name" title="{escape(name)}">{escape(name)}{after}</span>'


class PageRoute(APIRoute):
    """A route whose errors are pages too; HEAD is answered as GET."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.methods = {*(self.methods or ()), "HEAD"}

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except LogInFirst:
                sessions: Sessions = request.app.state.service.sessions
                return sessions.begin(request, here(request))
            except (ParticipantError, ServiceError, RequestValidationError) as error:
                return error_page(request, error)

        return answer


_TITLES: dict[type[Exception], str] = {
    NotLoggedIn: "Log in again",
    OverLimit: "Too many at a time",
    NotAllowed: "Not for you",
    NotFound: "Not here",
    ServiceError: "Not now",
}


def error_page(request: Request, error: Exception) -> Response:
    """What is wrong and what to do, as a page."""
    title = next((text for kind, text in _TITLES.items() if isinstance(error, kind)), "Not understood")
    status = 503 if isinstance(error, ServiceError) else 422
    message = str(error)
    if isinstance(error, ParticipantError):
        status = next(STATUS[kind] for kind in STATUS if isinstance(error, kind))
    if isinstance(error, RequestValidationError):
        message = "The address is not understood."
    root = request.scope.get("root_path", "")
    told = "".join(f"<p>{escape(line)}</p>" for line in message.splitlines())
    links = f'<p><a href="{escape(root)}/">All competitions</a></p>'
    if status == 401 and request.app.state.service.sessions is not None:
        links = f'<p><a class="button" href="{escape(log_in_address(request))}">Log in again</a></p>'
    html = page(title, f"<h1>{title}</h1>{told}{links}", root=root)
    return HTMLResponse(html, status_code=status, headers=HEADERS)


async def unknown_page(request: Request, error: Exception) -> Response:
    """An address that is none: told to browsers by a page, to programs as the interface tells errors.

    One that ends in a slash leads to the one without.
    """
    if not _is_for_people(request):
        return await http_answer(request, error)
    root, path = request.scope.get("root_path", ""), _path(request)
    if path.endswith("/"):
        # Quoted and with one slash before it, so that it cannot name another host.
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{root}/{quote(path.strip('/'))}{query}", headers=HEADERS)
    shown = path if len(path) <= MOST_SHOWN else f"{path[:MOST_SHOWN]}…"
    return error_page(request, NotFound(f"There is no page {shown!r} here."))


def failed(request: Request, failure: Failure) -> Response:
    """What failed: told to browsers by a page, to programs as the interface tells errors."""
    if not _is_for_people(request):
        return failure.answer()
    told = error_page(request, ServiceError(failure.message))
    told.status_code = failure.status
    told.headers.update(failure.headers)
    return told


def _is_for_people(request: Request) -> bool:
    is_read = request.method in ("GET", "HEAD") and not _path(request).startswith("/api/")
    return is_read and "text/html" in request.headers.get("Accept", "")


def _path(request: Request) -> str:
    path: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return path or "/"


def here(request: Request) -> str:
    """The address of a page below the service's root, with what it was asked for."""
    path = request.url.path.removeprefix(request.scope.get("root_path", "")) or "/"
    return f"{path}?{request.url.query}" if request.url.query else path


def log_in_address(request: Request) -> str:
    """Where a browser logs in, to come back to this page."""
    root = request.scope.get("root_path", "")
    return f"{root}/log_in?next={quote(checked(here(request)), safe='')}"
