"""What every widget of the kit shares: its looks, and watching the service until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

from kit.errors import KitError

if TYPE_CHECKING:
    from kit.client import Client

Json = Any
"""What a JSON answer holds."""

STATIC = Path(__file__).parent / "static"


def esm(name: str) -> str:
    """A widget's JavaScript, after what all share."""
    return "\n".join((STATIC / f"{part}.js").read_text("utf-8") for part in ("base", name))


def css(name: str) -> str:
    """A widget's style, after the one all share."""
    return "\n".join((STATIC / f"{part}.css").read_text("utf-8") for part in ("base", name))


class KitWidget(anywidget.AnyWidget):
    """A widget that may watch addresses of the service, and stops when it is closed or forgotten.

    ``after`` holds what is called with the facts it shows when they have changed for good or for a while.
    """

    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    """``data-…`` attributes of the element."""
    follows = traitlets.Bool(False).tag(sync=True)
    """Whether it tells the kernel when somebody looks."""

    def __init__(self, **traits: Any) -> None:
        self._watches: list[Any] = []
        self.after: list[Callable[[Json], object]] = []
        # A watching thread, a subshell and the kernel's main thread may all set traits.
        self.lock = threading.RLock()
        super().__init__(**traits)
        self.on_msg(self._attended)

    @property
    def is_closed(self) -> bool:
        """Whether it is gone from the browser for good."""
        return self.comm is None

    def keep(self, *watches: Any) -> None:
        """Stop these watches when the widget is closed."""
        self._watches += watches

    def follow(
        self,
        client: Client,
        path: str,
        show: Callable[[Json], object],
        *,
        on_error: Callable[[KitError], object] | None = None,
    ) -> None:
        """Watch an address while somebody looks at the page; what is not looked at for an hour rests."""
        self.follows = True
        self.keep(client.watch(path, show, on_error=on_error, on_rest=self.rest))

    def rest(self) -> None:
        """Told when nobody looks any more."""

    def _attended(self, _: Any, content: Any, buffers: Any) -> None:  # noqa: ARG002
        if content.get("seen"):
            for watch in self._watches:
                watch.seen()

    def change(self, **traits: Any) -> None:
        """Set several traits at once, from any thread; the browser sees one change."""
        with self.lock, self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)

    def close(self) -> None:
        """Stop watching and remove the widget."""
        # Python closes once more what it throws away.
        watches, self._watches = self.__dict__.get("_watches", []), []
        for watch in watches:
            watch.stop()
        super().close()


def quiet(function: Callable[[], object], failed: Callable[[KitError], object]) -> threading.Thread:
    """Run something slow beside the kernel's main thread; its `KitError` goes to ``failed``."""

    def run() -> None:
        try:
            function()
        except KitError as error:
            failed(error)

    thread = threading.Thread(target=run, name="kit-widget", daemon=True)
    thread.start()
    return thread


def box(*children: ipywidgets.Widget, name: str = "") -> ipywidgets.VBox:
    """A column of widgets, with a class for its looks and for tests."""
    made = ipywidgets.VBox(list(children))
    for each in ("kit-box", *name.split()):
        made.add_class(each)
    return made


def close_all(widget: ipywidgets.Widget, *, but: ipywidgets.Widget | None = None) -> None:
    """Close a widget and everything in it, but one."""
    if widget is but:
        return
    for child in getattr(widget, "children", ()):
        close_all(child, but=but)
    widget.close()


def remembered(owner: object, key: object, make: Callable[[], Any]) -> Any:
    """The widget made before for a handle and key, unless it was closed: shown again, it is another view."""
    known = vars(owner).setdefault("_shown", {})
    if key not in known or known[key].comm is None:
        known[key] = make()
    return known[key]
