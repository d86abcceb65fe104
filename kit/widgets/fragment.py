"""Fragment: a piece of page described by plain dicts. All text is text: nothing in it can be markup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from kit.widgets._widget import KitWidget, css, esm

Node = dict[str, Any] | str | None


class Fragment(KitWidget):
    """A piece of page.

    Parameters
    ----------
    nodes : list of Node
        Made by `el`, `time` and `button`.
    on : mapping, optional
        What to call for the action of a button.
    announces : bool
        Whether screen readers tell of changes.
    """

    _esm = esm("fragment")
    _css = css("fragment")

    nodes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    announces = traitlets.Bool(False).tag(sync=True)

    def __init__(self, *nodes: Node, on: Mapping[str, Callable[[], object]] | None = None, **traits: Any):
        self.on = dict(on or {})
        super().__init__(nodes=list(nodes), **traits)
        self.on_msg(self._heard)

    @property
    def text(self) -> str:
        """Everything it says, for tests and for those who read no pages."""
        return " ".join(part for node in self.nodes if (part := text_of(node)))

    def _heard(self, _: Any, content: Any, buffers: Any) -> None:  # noqa: ARG002
        if act := self.on.get(content.get("action")):
            act()


def el(tag: str, *children: Node, name: str = "", **attributes: Any) -> dict[str, Any]:
    """An element; ``name`` is its class, and underscores in attributes stand for hyphens."""
    given = {key.replace("_", "-"): str(value) for key, value in attributes.items() if value is not None}
    return {"tag": tag, "class": name, "attributes": given, "children": list(children)}


def time(at: str, name: str = "") -> dict[str, Any]:
    """A moment, told relative to now and kept so; in UTC when pointed at."""
    return {"tag": "time", "class": name, "time": at, "children": []}


def button(text: str, action: str, *, look: str = "kit-button", disabled: bool = False) -> dict[str, Any]:
    """A button that calls what `Fragment` has for its action."""
    made = el("button", text, name=look, **({"disabled": ""} if disabled else {}))
    return made | {"action": action}


def chip(text: str, tone: str = "quiet", *, busy: bool = False) -> dict[str, Any]:
    """A word on a coloured ground; ``tone`` is good, warn, bad, info or quiet."""
    return el("span", text, name=f"kit-chip kit-tone-{tone}", data_busy="" if busy else None)


def message(text: str, tone: str = "info", problems: list[str] | None = None) -> dict[str, Any]:
    """A message with a list of what is wrong."""
    items = [el("li", problem) for problem in problems or []]
    parts = [el("ul", *items, name="kit-problems")] if items else []
    return el("div", text, *parts, name=f"kit-message kit-tone-{tone}")


def text_of(node: Node) -> str:
    """The text of a node and all that is in it."""
    if not isinstance(node, dict):
        return node or ""
    parts = [text_of(child) for child in node.get("children", [])]
    return " ".join(part for part in [node.get("time", ""), *parts] if part)
