"""What commands print: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_PROSE = frozenset({"note", "why", "error", "title", "summary"})
"""Columns that may take several lines."""


def complain(message: str) -> None:
    """Print an error, red, as one block on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(message, style="red"))


def tell(message: str) -> None:
    """Print a remark on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(message))


def print_json(result: object) -> None:
    """Print a result for programs."""
    json.dump(result, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    print()


def print_table(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, own: str | None = None, title: str = ""
) -> None:
    """Print rows as a table; a column where all are empty is left out, the row of team ``own`` is bold."""
    kept = list(rows)
    shown = [name for name in columns if any(row.get(name) not in (None, "", False) for row in kept)]
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in shown:
        table.add_column(name, no_wrap=name not in _PROSE)
    for row in kept:
        style = "bold green" if own is not None and row.get("team") == own else None
        style = "dim" if row.get("baseline") else style
        table.add_row(*(_cell(name, row.get(name)) for name in shown), style=style)
    # Into a file or a pipe a row is a line, however long.
    width = None if sys.stdout.isatty() else 1000
    Console(highlight=False, width=width).print(table, crop=False)


def _cell(name: str, value: object) -> Text:
    if name.endswith("_at") and isinstance(value, str):
        return Text(value[:19].replace("T", " "))
    if value is None or value is False:
        return Text("")
    if value is True:
        return Text("yes")
    if isinstance(value, float):
        return Text(f"{value:.6g}")
    if isinstance(value, list):
        return Text("; ".join(map(str, value)))
    return Text(plain(str(value), keep=""))


def plain(text: str, *, keep: str = "\n\t") -> str:
    """Somebody else's text without control characters, which could rewrite the screen."""
    return "".join(c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text)
