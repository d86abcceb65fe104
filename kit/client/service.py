"""Client: one service, spoken to with one token. Imports no widgets and no server code."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpx2

from kit.client.http import Json, Wire
from kit.client.polling import Poller
from kit.client.session import Session
from kit.client.watching import Callback, OnError, OnRest, Watch
from kit.errors import NotFound, NotLoggedIn

if TYPE_CHECKING:
    from kit.client.competition import CompetitionClient


class Client(Wire):
    """One service, spoken to with one token.

    Parameters
    ----------
    url : str
        The service's base, as ``http://127.0.0.1:8000``; may have a path before ``/api``.
    token : str, optional
        ``kit_…``; set later by `log_in` and `sign_up`, and everything that uses this client goes live.
    transport : httpx2.BaseTransport, optional
        Another way to reach the service, as in tests.
    """

    def __init__(
        self, url: str, *, token: str | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        super().__init__(Session(url.rstrip("/"), token), transport)
        self._poller = Poller(self.session)
        self._finalizer = weakref.finalize(self, _close, self._http, self._poller)

    def __repr__(self) -> str:
        return f"<Client of {self.url}, {'logged in' if self.token else 'not logged in'}>"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and stop everything that is watched."""
        self._finalizer()

    @property
    def url(self) -> str:
        """The service's base."""
        return self.session.url

    @property
    def token(self) -> str | None:
        """The token sent with each request."""
        return self.session.token

    @token.setter
    def token(self, token: str | None) -> None:
        self.session.token = token

    @property
    def is_by_hub(self) -> bool:
        """Whether the token is a JupyterHub's, where one logs in and out."""
        return self.token is not None and not self.token.startswith("kit_")

    def log_in(
        self,
        name: str,
        password: str,
        *,
        scopes: Iterable[str] | None = None,
        label: str | None = None,
        days: float | None = None,
    ) -> Json:
        """Get a token by password and use it from now on."""
        wanted = {"scopes": None if scopes is None else list(scopes), "label": label, "days": days}
        given = {key: value for key, value in wanted.items() if value is not None}
        answer = self.post("/tokens", {"name": name, "password": password, **given})
        self._enter(answer)
        return answer

    def _enter(self, answer: Json) -> None:
        self.session.token, self.session.name = answer["token"], answer["user"]["name"]
        self.session.share()

    def sign_up(
        self, name: str, password: str, *, email: str | None = None, invite: str | None = None
    ) -> Json:
        """Make an account and use its token from now on."""
        given = {key: value for key, value in (("email", email), ("invite", invite)) if value}
        answer = self.post("/users", {"name": name, "password": password, **given})
        self._enter(answer)
        return answer

    def log_out(self) -> None:
        """Revoke the token in use."""
        self.delete("/tokens/current")
        self.token = None

    def me(self) -> Json:
        """Whose token this is."""
        self.require_login()
        return self.get("/me")

    def competitions(self) -> Json:
        """The competitions of the service."""
        return self.get("/competitions")

    def competition(self, slug: str | None = None) -> CompetitionClient:
        """A handle of one competition; of the only one where no slug is given.

        Raises
        ------
        NotFound
            Naming the competitions there are.
        """
        from kit.client.competition import CompetitionClient

        known = [entry["slug"] for entry in self.competitions()]
        if slug is None and len(known) == 1:
            slug = known[0]
        if slug not in known:
            raise NotFound(_no_competition(slug, known, self.url))
        return CompetitionClient(self, str(slug))

    def watch(
        self,
        path: str,
        callback: Callback,
        *,
        on_error: OnError | None = None,
        on_rest: OnRest | None = None,
    ) -> Watch:
        """Call back with the JSON of an address, now and whenever it changes, until stopped.

        All watching of a client shares one daemon thread, which also makes the calls; it outlives
        restarts of the service and prints nothing.

        Parameters
        ----------
        callback : callable
            Takes the JSON; returning False ends the watching. A bound method is held weakly, so what
            it belongs to may go away.
        on_error : callable, optional
            Takes the `KitError` of each failed attempt; watching goes on.
        on_rest : callable, optional
            Where given, watching rests when `Watch.seen` of none of the client's watches was called for an
            hour, and goes on with the next call; it is told of each rest. So an abandoned page keeps no
            kernel awake.
        """
        return self._poller.watch(path, callback, on_error, on_rest)

    def require_login(self, where: str | None = None) -> None:
        """Raise NotLoggedIn, with what to do at the address meant, where there is no token."""
        if not self.token:
            raise NotLoggedIn(how_to_log_in(where or self.url))


def how_to_log_in(url: str) -> str:
    """What someone without a token must do."""
    return (
        f"You are not logged in to {url}. In a notebook, fill in the form that kit.connect({url!r}) shows, "
        f"or pass token=…; in a terminal, run: kit login {url}"
    )


def _no_competition(slug: str | None, known: list[str], url: str) -> str:
    if not known:
        return f"The service at {url} has no competition."
    names = ", ".join(repr(name) for name in known)
    if slug is None:
        return f"The service at {url} has several competitions: {names}. Say which: {url}/{known[0]}"
    return f"There is no competition {slug!r} at {url}. There are: {names}."


def _close(http: httpx2.Client, poller: Poller) -> None:
    poller.close()
    http.close()
