"""LiveTable: a table whose rows may change at any moment while somebody reads, searches or sorts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import traitlets

from kit.errors import KitError, NotLoggedIn
from kit.widgets._widget import KitWidget, css, esm

KINDS = frozenset({"text", "note", "number", "rank", "interval", "share", "time", "bar", "badge"})


class LiveTable(KitWidget):
    """A table that changes in place: search, sorting, scroll and focus stay as they are.

    A row is a dict. ``_you`` marks the reader's own, ``_baseline`` a baseline, ``_tone`` a bad one,
    ``_selectable`` False one that cannot be ticked.

    Parameters
    ----------
    columns : sequence of dict
        Made by `column`.
    row_key : str
        The key that tells rows apart.
    selectable : int
        How many rows may be ticked at once; 0 shows no boxes. What is ticked is ``selected``.
    legend : str
        What the marks in the first column mean; stands below, where there are any.
    lead : str
        What is said above the rows, a line each.
    note : str
        What is said below the rows, such as how many more there are.
    flash : sequence of str
        A row lights up for a moment when one of these values changes, and when it is new.
    """

    _esm = esm("table")
    _css = css("table")

    columns: traitlets.List[Any] = traitlets.List().tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    row_key = traitlets.Unicode("id").tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    legend = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Table").tag(sync=True)
    empty = traitlets.Unicode("Nothing here yet.").tag(sync=True)
    lead = traitlets.Unicode().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    selectable = traitlets.Int(0).tag(sync=True)
    selected: traitlets.List[Any] = traitlets.List().tag(sync=True)
    flash = traitlets.List(traitlets.Unicode()).tag(sync=True)
    status = traitlets.Enum(["waiting", "live", "reconnecting", "ended", "resting", "still"], "still").tag(
        sync=True
    )
    updated_at = traitlets.Unicode().tag(sync=True)
    height = traitlets.Unicode().tag(sync=True)

    def __init__(self, columns: Sequence[Mapping[str, Any]], rows: Iterable[Any] = (), **traits: Any) -> None:
        super().__init__(columns=[dict(each) for each in columns], rows=list(rows), **traits)

    def show(self, rows: Iterable[Any], *, updated_at: str = "", **traits: Any) -> None:
        """Show these rows, which just came from the service; safe from any thread."""
        self.change(rows=list(rows), status="live", updated_at=updated_at, **traits)

    def lost(self, error: KitError) -> None:
        """Say that the service does not answer, or that the log-in has ended; what is shown stays."""
        self.change(status="ended" if isinstance(error, NotLoggedIn) else "reconnecting")

    def rest(self) -> None:
        """Say that it is followed no longer, as nobody looks; whoever looks again wakes it."""
        self.change(status="resting")


def column(key: str, title: str, kind: str = "text", **options: Any) -> dict[str, Any]:
    """A column.

    Parameters
    ----------
    kind : str
        One of `KINDS`. "interval" draws ``low`` and ``high`` (keys of the row) on the column's own scale.
    **options
        ``align`` ("left", "right"), ``digits``, ``unit``, ``signed``, ``help`` (shown when pointed at),
        ``hide`` ("wide": not below 860 pixels; "narrow": not below 520), ``name`` (True: this column
        says whose row it is), ``tones`` and ``busy`` (of badges), ``detail`` (a key whose text is shown
        when pointed at), ``of`` (a bar's full length), ``mark`` (of ranks: a key; where it is true stands a
        dot), ``least`` (of shares: smaller ones are left out),
        ``list`` (of notes: a key with a list that stands below).
    """
    if kind not in KINDS:
        raise ValueError(f"no kind of column: {kind!r}; there are {', '.join(sorted(KINDS))}")
    return {"key": key, "title": title, "kind": kind, **options}
