"""Handle: one competition on a service, and what it tells of itself. Changes nothing there."""

from __future__ import annotations

import contextlib
import time
from html import escape
from typing import Any

from kit.client import text
from kit.client.display import widget_bundle
from kit.client.facts import Team
from kit.client.http import ONE_RETRY, Json, Retries, quoted
from kit.client.questions import named
from kit.client.service import Client
from kit.client.standing import describe
from kit.errors import KitError, NotAllowed

_KEPT = 3
"""So many of the last submissions a saved notebook tells of."""


class Handle:
    """One competition, as the service tells of it.

    Parameters
    ----------
    client : Client
        Of the service. When it logs in, this handle is live.
    """

    def __init__(self, client: Client, slug: str) -> None:
        self.client = client
        self.slug = slug
        self.path = f"/competitions/{quoted(slug)}"
        self._seen: Json = None
        self._seen_at = 0.0
        self._clock = ""

    @property
    def overview(self) -> Json:
        """What the service tells of the competition now: title, rules, times, questions, me."""
        return self.refresh()

    def refresh(self) -> Json:
        """Ask for the overview, which is also what the handle's text is made of."""
        return self._look(ONE_RETRY)

    @property
    def team(self) -> Team:
        """Your team."""
        self._require_login()
        me = self._me(self.overview)
        return Team(me["team"] or me["name"], tuple(me["members"]))

    def question(self, question: str | None = None) -> Json:
        """A question's part of the overview.

        Raises
        ------
        NotFound, InvalidRequest
            Naming the questions there are.
        """
        return named(self.overview, question)

    def __repr__(self) -> str:
        ago_s = time.monotonic() - self._seen_at
        return text.describe(self.slug, self.client, self._seen, self._clock, ago_s=ago_s)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("panel" if self.client.token else "login", self, anew=lambda _: self)

    def _kept_html_(self) -> str:
        lines = text.describe(self.slug, self.client, self._seen).splitlines()
        if self.client.token:
            with contextlib.suppress(KitError):
                found = self.client.get(f"{self.path}/submissions", {"limit": _KEPT})
                lines += [f"  {describe(facts)}" for facts in found]
        return f"<pre>{escape(chr(10).join(lines))}</pre>"

    def _of(self, question: Json) -> str:
        return f"{self.path}/questions/{quoted(question['id'])}"

    def _look(self, retries: Retries) -> Json:
        self._seen = self.client.get(self.path, retries=retries)
        self._seen_at = time.monotonic()
        self._clock = text.wrong_clock(self._seen["now"])
        return self._seen

    def _require_login(self) -> None:
        self.client.require_login(f"{self.client.url}/{self.slug}")

    def _me(self, overview: Json) -> Json:
        me = overview["me"]
        if me is None:
            # The overview is for everyone, so only here a bad token is told of.
            me = self.client.me()
        return {"team": None, "members": [me["name"]], "rules_accepted": True} | me

    def _check_rules(self, overview: Json) -> None:
        if overview["rules"] and not self._me(overview)["rules_accepted"]:
            raise NotAllowed(
                f"The rules of {self.slug!r} must be accepted before the first submission: read "
                "comp.overview['rules'], then comp.accept_rules(); in a terminal: kit rules --accept"
            )
