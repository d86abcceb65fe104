"""Kept: what a saved notebook shows where no kernel follows it, the last state as plain HTML with its time.

Jupyter saves of a widget only its number; a notebook opened the next day says "model not found" in its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

MOST_KEPT = 3
"""Of a widget shown in more cells, the last ones are brought up to date."""

# The page hides it while the widget is there, and for a moment before, in which the widget comes.
_PAGE = """<style>
@keyframes kit-kept {{ 0%, 99% {{ opacity: 0; max-height: 0; overflow: hidden; }} }}
.kit-kept-{key} {{ animation: kit-kept 2s; }}
:root:has(.kit-live-{key}) .kit-kept-{key},
:root:has(.kit-live-{key}) .jp-OutputArea-child:has(.kit-kept-{key}),
.jp-OutputArea-child:has(.kit-kept-{key})
  + .jp-OutputArea-child:has(> .jupyter-widgets):not(:has(> .jupyter-widgets > *)) {{ display: none; }}
</style><div class="kit-kept-{key}">{html}
<p><small>As it was on {at} UTC; no kernel follows it now. Run the cell again to follow it.</small></p>
</div>"""


class Kept:
    """An output beside a widget's; made by showing it.

    Parameters
    ----------
    widget : ipywidgets.DOMWidget
        Whose place it takes.
    """

    def __init__(self, widget: Any, html: str) -> None:
        self._key = str(widget.model_id)
        self._id = f"kit-kept-{self._key}-{datetime.now(UTC).timestamp()}"
        widget.add_class(f"kit-live-{self._key}")
        self._show(html)

    def update(self, html: str) -> None:
        """Keep a newer state, from any thread."""
        self._show(html, update=True)

    def _show(self, html: str, *, update: bool = False) -> None:
        from IPython.display import display

        at = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        data = {"text/html": _PAGE.format(key=self._key, html=html, at=at), "text/plain": ""}
        display(data, raw=True, display_id=self._id, update=update)  # type: ignore[no-untyped-call]


def keep(widget: Any, shown: object, anew: Callable[[Any], object] | None = None) -> None:
    """Show beside a widget what is kept of it.

    Parameters
    ----------
    shown : object
        What the widget shows; its ``_kept_html_`` or its text is kept.
    anew : callable, optional
        Makes that from newer facts, of which the widget tells those in its ``after``.
    """
    made = Kept(widget, html_of(shown))
    if anew is None or not hasattr(widget, "after"):
        return

    def bring_up_to_date(facts: Any) -> None:
        # What is kept may fail, what is shown live may not.
        with contextlib.suppress(Exception):
            made.update(html_of(anew(facts)))

    widget.after = [*widget.after, bring_up_to_date][-MOST_KEPT:]


def html_of(shown: object) -> str:
    """A handle as HTML: its own, else its text."""
    own = getattr(shown, "_kept_html_", None)
    return str(own()) if own is not None else f"<pre>{escape(repr(shown))}</pre>"
