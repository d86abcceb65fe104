"""The head of a panel: title, state, who is logged in, and the countdown."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from kit.widgets._widget import Json, box
from kit.widgets.countdown import countdown
from kit.widgets.fragment import Fragment, Node, button, chip, el

STATES = {"upcoming": ("Not open yet", "info"), "open": ("Open", "good"), "closed": ("Closed", "quiet")}


def header(
    overview: Json, leave: Callable[[], None] | None = None, *, by_hub: bool = False, **traits: object
) -> ipywidgets.VBox:
    """The head of a competition's panel; without ``leave`` it says nothing of who is there.

    Whom a JupyterHub says one is (``by_hub``) has nothing to log out of here.
    """
    about = Fragment(
        el(
            "div",
            el("h2", overview["title"]),
            el("p", overview.get("summary") or "", name="kit-muted"),
            el(
                "div",
                *_marks(overview),
                *(_who(overview["me"] or {}, by_hub) if leave else []),
                name="kit-row",
            ),
            name="kit-column",
        ),
        on={"log out": leave} if leave else {},
        classes=["kit-header", *_classes(traits)],
    )
    return box(about, countdown(overview, **traits), name="kit-head")


def _classes(traits: dict[str, object]) -> list[str]:
    found = traits.get("classes")
    return [str(each) for each in found] if isinstance(found, list) else []


def _marks(overview: Json) -> list[Node]:
    text, tone = STATES[overview["state"]]
    phase = overview.get("phase")
    several = phase and len(overview.get("phases") or []) > 1
    return [chip(text, tone), chip(f"Phase {phase['id']}") if several else None]


def _who(me: Json, by_hub: bool) -> list[Node]:
    name, team = me.get("name") or "", me.get("team")
    named = f"{name}, team {team}" if team and team != name else name
    leave = None if by_hub else button("Log out", "log out", look="kit-button-plain kit-small")
    return [
        el("span", "Logged in as ", el("b", named, name="kit-cut", title=named), name="kit-small kit-who"),
        leave,
    ]
