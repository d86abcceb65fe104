"""Countdown: how long something is open, by the server's clock and ticking in the browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import traitlets

from kit.client.text import wrong_clock
from kit.widgets._widget import Json, KitWidget, css, esm


class Countdown(KitWidget):
    """Time left until something opens or closes; a wrong clock on this machine is told, and does not matter.

    Parameters
    ----------
    opens_at, closes_at, now : str
        RFC 3339; ``now`` by the server's clock, just fetched.
    what : str
        What opens and closes.
    """

    _esm = esm("countdown")
    _css = css("countdown")

    opens_at = traitlets.Unicode().tag(sync=True)
    closes_at = traitlets.Unicode().tag(sync=True)
    now = traitlets.Unicode().tag(sync=True)
    what = traitlets.Unicode("Competition").tag(sync=True)
    wrong_clock = traitlets.Unicode().tag(sync=True)
    """That the kernel's clock is wrong; the browser finds out about its own."""

    def __init__(self, opens_at: str, closes_at: str, now: str, what: str = "Competition", **traits: Any):
        self._ahead = timedelta(0)
        super().__init__(opens_at=opens_at, closes_at=closes_at, now=now, what=what, **traits)
        self.on_msg(self._heard)

    @traitlets.observe("now")
    def _learn(self, change: Any) -> None:
        self._ahead = datetime.fromisoformat(change["new"]) - datetime.now(UTC)
        self.wrong_clock = wrong_clock(change["new"])

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:  # noqa: ARG002
        if content.get("ask") == "now":
            self.send({"now": (datetime.now(UTC) + self._ahead).isoformat()})


def countdown(overview: Json, **traits: Any) -> Countdown:
    """The countdown of a competition: to its current phase's end where there are several phases."""
    phase = overview.get("phase")
    if phase and len(overview.get("phases") or []) > 1:
        what = f"Phase {phase['id']}"
        return Countdown(phase["opens_at"], phase["closes_at"], overview["now"], what, **traits)
    return Countdown(overview["opens_at"], overview["closes_at"], overview["now"], "Competition", **traits)
