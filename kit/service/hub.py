"""Asks a JupyterHub whose token a request carries. Keeps no token, and has no rights at the Hub itself."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from kit.errors import NotAllowed, NotLoggedIn, OrganizerError, ServiceError
from kit.service.auth import token_hash
from kit.service.models import is_plain

ACTING_S = 30.0
"""How old an answer of the Hub may be for acting on it: whoever is removed there cannot act for longer."""
READING_S = 300.0
"""The same for participants' reading: hundreds who watch would keep a Hub busy by themselves."""

TIMEOUT_S = 5.0
TURN_S = 40.0
AWAY_S = 1.0
N_KEPT = 10_000
N_ASKING = 16
AWAY = "The JupyterHub does not answer; trying again"

_REFUSED = frozenset({401, 403, 404})


@dataclass(frozen=True)
class Settings:
    """Where the Hub is, and as what it knows this service."""

    api_url: str
    service: str = "kit"
    prefix: str = ""
    organizers: str = "organizers"
    base_url: str = "/"
    host: str = ""
    """Of the Hub's pages, where they have another than the service's."""
    public_url: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    callback: str = ""

    @property
    def logs_browsers_in(self) -> bool:
        """Whether the Hub knows this service well enough to send it people who open its pages."""
        return bool(self.client_id and self.secret)

    def hub_page(self, path: str) -> str:
        """The address of a page of the Hub's, for browsers."""
        return f"{self.host}{self.base_url.rstrip('/')}/hub/{path}"

    def dashboard(self, name: str, competition: str) -> str:
        """The address of a dashboard in the server of whoever opens it, below the Hub's own."""
        return self.hub_page(f"user-redirect/kit/{name}?competition={competition}")

    @property
    def scope(self) -> str:
        """The scope that a token needs to be used here."""
        return f"access:services!service={self.service}"


@dataclass(frozen=True)
class Visitor:
    """Who the Hub says a token belongs to."""

    name: str
    groups: frozenset[str]
    is_organizer: bool


def settings_from(environment: Mapping[str, str], organizers: str) -> Settings:
    """What a JupyterHub tells its services in their environment.

    Raises
    ------
    OrganizerError
        This process was not started as a service of a Hub.
    """
    missing = [
        name
        for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_SERVICE_NAME", "JUPYTERHUB_SERVICE_PREFIX")
        if not environment.get(name)
    ]
    if missing:
        raise OrganizerError(
            f"--hub is for a service that a JupyterHub starts: {', '.join(missing)} not in the environment. "
            "The block of `kit hub-config` in jupyterhub_config.py makes the Hub start it."
        )
    prefix = "/" + environment["JUPYTERHUB_SERVICE_PREFIX"].strip("/")
    url = environment["JUPYTERHUB_API_URL"].rstrip("/")
    given = {key: environment.get(f"JUPYTERHUB_{name}", "") for key, name in _GIVEN.items()}
    given["base_url"] = given["base_url"] or "/"
    given["callback"] = given["callback"] or f"{prefix}/oauth_callback"
    return Settings(url, environment["JUPYTERHUB_SERVICE_NAME"], prefix, organizers, **given)


_GIVEN = {
    "base_url": "BASE_URL",
    "host": "HOST",
    "public_url": "PUBLIC_URL",
    "client_id": "CLIENT_ID",
    "secret": "API_TOKEN",
    "callback": "OAUTH_CALLBACK_URL",
}


@dataclass(frozen=True)
class _Kept:
    visitor: Visitor
    asked_at: float
    share: float
    """Of the time that it may serve: who came in together shall not ask together, again and again."""

    def serves(self, now: float, *, is_acting: bool) -> bool:
        longest_s = ACTING_S if is_acting or self.visitor.is_organizer else READING_S
        return now < self.asked_at + self.share * longest_s

    def is_aging(self, now: float) -> bool:
        return now >= self.asked_at + self.share * READING_S / 2


class JupyterHub:
    """Asks a Hub by the visitor's own token; answers are kept in memory, by the token's hash.

    Parameters
    ----------
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(self, settings: Settings, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._monotonic = monotonic
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Visitor]] = {}
        self._slots = asyncio.Semaphore(N_ASKING)
        # Nothing between this service and its Hub may learn tokens: no proxy, no redirect.
        self._http = httpx2.AsyncClient(trust_env=False, follow_redirects=False)
        self._answered_at = self._away_until = -math.inf

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def visitor(self, token: str, *, is_acting: bool = True) -> Visitor:
        """Whose token this is.

        Parameters
        ----------
        is_acting : bool
            Whether something is to be changed: that takes an answer of the last 30 seconds, as everything
            does that an organizer asks. Participants read by one of the last five minutes, which is renewed
            while they do.

        Raises
        ------
        NotLoggedIn
            The Hub does not know the token, or no longer.
        NotAllowed
            It may not be used for this service, or belongs to no person.
        ServiceError
            The Hub does not answer.
        """
        key, now = token_hash(token), self._monotonic()
        kept = self._kept.get(key)
        if kept is None or not kept.serves(now, is_acting=is_acting):
            return await asyncio.shield(self._task(key, token))
        if kept.is_aging(now):
            self._task(key, token)
        return kept.visitor

    def _task(self, key: str, token: str) -> asyncio.Task[Visitor]:
        """Many requests of one person at a time are one question."""

        def end(task: asyncio.Task[Visitor]) -> None:
            self._asking.pop(key, None)
            if not task.cancelled():
                # Seen, as nobody may be waiting for it.
                task.exception()

        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, token))
            task.add_done_callback(end)
        return task

    async def token_for(self, code: str, verifier: str) -> str:
        """The token that the Hub gives for a browser that it sent back with a code.

        Raises
        ------
        NotLoggedIn
            The code is no good.
        ServiceError
            The Hub does not answer.
        """
        given = {
            "client_id": self.settings.client_id,
            "client_secret": self.settings.secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.callback,
            "code_verifier": verifier,
        }
        try:
            response = await self._http.post(
                f"{self.settings.api_url}/oauth2/token", data=given, timeout=TIMEOUT_S
            )
        except httpx2.TransportError:
            raise ServiceError(AWAY) from None
        if response.status_code >= 500:
            raise ServiceError(AWAY)
        try:
            return str(response.raise_for_status().json()["access_token"])
        except (httpx2.HTTPStatusError, ValueError, KeyError, TypeError):
            raise NotLoggedIn("The JupyterHub did not take this log-in: try again.") from None

    async def _ask(self, key: str, token: str) -> Visitor:
        asked_at = self._monotonic()
        response = await self._answer(token)
        try:
            visitor = self._read(response)
        except (NotLoggedIn, NotAllowed):
            self._kept.pop(key, None)
            raise
        self._kept[key] = _Kept(visitor, asked_at, random.uniform(0.7, 1.0))
        self._kept.move_to_end(key)
        while len(self._kept) > N_KEPT:
            self._kept.popitem(last=False)
        return visitor

    async def _answer(self, token: str) -> httpx2.Response:
        try:
            # A hall that comes in at once waits its turn; a Hub that hangs keeps nobody waiting for it.
            async with asyncio.timeout(TURN_S), self._slots:
                if self._monotonic() < self._away_until:
                    raise ServiceError(AWAY)
                return await self._get(token)
        except TimeoutError:
            raise ServiceError(AWAY) from None

    async def _get(self, token: str) -> httpx2.Response:
        began_at = self._monotonic()
        try:
            response = await self._http.get(
                f"{self.settings.api_url}/user",
                headers={"Authorization": f"token {token}"},
                timeout=TIMEOUT_S,
            )
        except httpx2.TransportError:
            if self._answered_at < began_at:
                self._away_until = self._monotonic() + AWAY_S
            raise ServiceError(AWAY) from None
        self._answered_at = self._monotonic()
        return response

    def _read(self, response: httpx2.Response) -> Visitor:
        if response.status_code in _REFUSED:
            raise NotLoggedIn(
                "The JupyterHub does not know this token, or no longer: restart your server there "
                "(File, Hub Control Panel), or make a token on its page Token."
            )
        try:
            facts = response.raise_for_status().json()
            kind, name = facts["kind"], str(facts["name"])
            scopes, groups = set(facts["scopes"]), frozenset(map(str, facts.get("groups", ())))
        except (httpx2.HTTPStatusError, ValueError, KeyError, TypeError):
            raise ServiceError(AWAY) from None
        if kind != "user":
            raise NotAllowed(f"The token belongs to the service {name!r}: only people take part.")
        if not scopes & {self.settings.scope, "access:services"}:
            raise NotAllowed(
                f"This JupyterHub token may not be used here: it lacks the scope '{self.settings.scope}'. "
                "Ask for it when you make the token; where it is your server's own, the Hub's configuration "
                "must give it: see `kit hub-config`."
            )
        if not is_plain(name):
            raise NotAllowed(
                f"The name {name!a} at the JupyterHub holds characters that cannot be seen or look like "
                "others, so that it could be taken for another person's: ask for another one there."
            )
        return Visitor(name, groups, self.settings.organizers in groups)
