"""Who a browser belongs to: logs people in by OAuth at the JupyterHub, for pages alone.

Keeps nothing: the session is a cookie, encrypted by a key that comes from the service's secret at the Hub,
and bound to the browser's session at the Hub. Routes under ``/api`` never look at it: what a browser sends
along by itself must not act for anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from kit.errors import InvalidRequest, NotLoggedIn, OrganizerError
from kit.service.hub import JupyterHub

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

HUB_SESSION = "jupyterhub-session-id"
"""The Hub's own cookie: goes when somebody logs out there, and is another one after the next log-in."""
LOGIN_S = 600
SESSION_S = 14 * 24 * 3600
_PAGE = re.compile(r"/([a-z0-9][a-z0-9-]{0,62}(/leaderboard)?)?(\?[\w=&.*%-]{0,300})?", re.ASCII)
"""The pages that a log-in may lead back to: of this service alone, whatever an address says."""


class LogInFirst(Exception):
    """A browser that nobody has logged in with yet."""


class Sessions:
    """Log-ins of browsers at a JupyterHub.

    Raises
    ------
    OrganizerError
        The package that encrypts is not installed.
    """

    def __init__(self, hub: JupyterHub) -> None:
        self._hub = hub
        self._box = _box(hub.settings.secret)

    async def token(self, request: Request) -> str:
        """The token at the Hub that the browser's session stands for.

        Raises
        ------
        LogInFirst
            There is no session.
        NotLoggedIn
            There was one, and it has ended.
        """
        kept = request.cookies.get(_name("session", request, self._hub))
        if kept is None:
            raise LogInFirst
        facts = self._opened(kept, SESSION_S)
        if facts is None or not _same(facts.get("session"), _hub_session(request)):
            raise NotLoggedIn(ENDED)
        return str(facts["token"])

    def begin(self, request: Request, back: str) -> Response:
        """Send a browser to the Hub, to come back to a page of ours."""
        name = _name("log-in", request, self._hub)
        # Kept where there is one, so that several tabs may be on their way at a time.
        mark = request.cookies.get(name) or ""
        if not re.fullmatch(r"[\w-]{43}", mark, re.ASCII):
            mark = secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(32)
        state = self._closed({"mark": mark, "verifier": verifier, "back": checked(back)})
        settings = self._hub.settings
        asked = {
            "client_id": settings.client_id,
            "redirect_uri": settings.callback,
            "response_type": "code",
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        response = RedirectResponse(f"{settings.hub_page('api/oauth2/authorize')}?{urlencode(asked)}", 303)
        self._set(response, request, name, mark, max_age=LOGIN_S)
        return response

    async def finish(self, request: Request, *, code: str, state: str) -> Response:
        """Take a browser that the Hub sends back, and lead it to the page that it came from.

        Raises
        ------
        InvalidRequest
            It is not the browser, or not the log-in, that was sent there.
        NotLoggedIn, NotAllowed
            The Hub says so.
        """
        facts = self._opened(state, LOGIN_S)
        mark = request.cookies.get(_name("log-in", request, self._hub))
        if facts is None or not _same(facts.get("mark"), mark):
            raise InvalidRequest(
                "This log-in was not begun in this browser, or took longer than ten minutes, or the browser "
                "keeps no cookies of this site: allow them, and try again."
            )
        token = await self._hub.token_for(code, facts["verifier"])
        await self._hub.visitor(token)
        root = self._hub.settings.prefix
        response = RedirectResponse(f"{root}{checked(facts['back'])}", 303)
        kept = self._closed({"token": token, "session": _hub_session(request)})
        self._set(response, request, _name("session", request, self._hub), kept, max_age=None)
        return response

    def _set(
        self, response: Response, request: Request, name: str, value: str, *, max_age: int | None
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path=self._hub.settings.prefix,
            secure=_is_secure(request, self._hub),
            httponly=True,
            # Not strict: the Hub, or who logs people in for it, may live elsewhere.
            samesite="lax",
        )

    def _closed(self, facts: dict[str, Any]) -> str:
        return self._box.encrypt(json.dumps(facts).encode()).decode()

    def _opened(self, text: str, most_s: int) -> dict[str, Any] | None:
        from cryptography.fernet import InvalidToken

        try:
            found: dict[str, Any] = json.loads(self._box.decrypt(text, ttl=most_s))
        except (InvalidToken, ValueError):
            return None
        return found


ENDED = "Your log-in at the JupyterHub has ended, or is another one now."


def checked(back: str) -> str:
    """The address of a page of this service; that of the first page where it is none.

    >>> checked("/four?question=counts"), checked("//example.org"), checked("/../../hub/logout")
    ('/four?question=counts', '/', '/')
    """
    return back if _PAGE.fullmatch(back) else "/"


def _box(secret: str) -> Fernet:
    try:
        from cryptography.fernet import Fernet
    except ImportError:
        raise OrganizerError(
            "Log-in of browsers takes the package cryptography: pip install 'competition-kit[hub]'"
        ) from None
    # Of its own: the secret itself is for the Hub alone.
    key = hmac.digest(secret.encode(), b"competition kit: sessions of browsers", "sha256")
    return Fernet(base64.urlsafe_b64encode(key))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _hub_session(request: Request) -> str:
    return hashlib.sha256(request.cookies.get(HUB_SESSION, "").encode()).hexdigest()


def _same(one: object, other: str | None) -> bool:
    return isinstance(one, str) and other is not None and hmac.compare_digest(one.encode(), other.encode())


def _is_secure(request: Request, hub: JupyterHub) -> bool:
    return request.url.scheme == "https" or hub.settings.public_url.startswith("https:")


def _name(what: str, request: Request, hub: JupyterHub) -> str:
    # By this prefix browsers take such a cookie from an encrypted page alone.
    prefix = "__Secure-" if _is_secure(request, hub) else ""
    return f"{prefix}{hub.settings.service}-{what}"
