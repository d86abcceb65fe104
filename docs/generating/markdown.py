"""Pieces of Markdown that the pages share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by docs/generate.py: run `make docs`, edit nothing here. -->"


def page(title: str, *parts: str) -> str:
    """A whole page."""
    return "\n\n".join([f"# {title}", NOTE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column that is empty everywhere is left out, and no rows are no table."""
    kept = [list(row) for row in rows]
    shown = [i for i in range(len(head)) if any(row[i] for row in kept)]
    lines = [[head[i] for i in shown], ["---"] * len(shown), *([row[i] for i in shown] for row in kept)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) if kept else ""


def code(text: object) -> str:
    """Text as code."""
    return f"`{text}`"


def anchor(heading: str) -> str:
    """The anchor that a heading gets: kit-users-add for "kit users add"."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def docstring(text: str) -> str:
    """A numpydoc docstring as Markdown: sections as bold words, their entries as lists."""
    lines, out, section = text.strip().splitlines(), [], ""
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and line and re.fullmatch(r"-{3,}", lines[i + 1].strip()):
            section = line.strip()
            out += [f"**{section}**", ""]
        elif re.fullmatch(r"-{3,}", line.strip()) and section:
            continue
        elif section in ("Parameters", "Returns", "Raises"):
            out.append(_entry(line))
        else:
            out.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_fenced(out))).strip()


def _entry(line: str) -> str:
    if not line.strip() or line.startswith(" "):
        return line
    name, colon, kind = line.partition(" : ")
    return f"- `{name}`" + (f": {kind}" if colon else "")


def _fenced(lines: Sequence[str]) -> Iterable[str]:
    """Examples in fences."""
    inside = False
    for line in lines:
        if line.startswith(">>>") and not inside:
            inside = True
            yield "```python"
        elif inside and not line.strip():
            inside = False
            yield "```"
        yield re.sub(r"\s*# doctest: .*", "", line) if inside else line
    if inside:
        yield "```"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
