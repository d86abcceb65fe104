"""A participant's traceback in a ``<pre>``, with the line that failed standing out."""

from __future__ import annotations

import re

from kit.widgets.fragment import Node, el

MOST_LINES = 40
_FRAME = re.compile(r'^\s*File ".*", line \d+|^.*\bIn \[\d+\]|^-+> *\d+ ')
_MARKS = re.compile(r"^[\s^~]+$")


def traceback(text: str) -> Node:
    """The end of a traceback and of what was printed; None where there is none."""
    lines = text.rstrip().splitlines()
    if not lines:
        return None
    failing = failing_lines(lines)
    # What was printed after the failure is less than where it failed.
    last = max(failing) + MOST_LINES // 2 if failing else len(lines)
    last = min(len(lines), max(last, MOST_LINES))
    first = max(0, last - MOST_LINES)
    parts: list[Node] = []
    if first:
        parts.append(el("i", f"… {first} more lines above\n"))
    for at in range(first, last):
        line = f"{lines[at]}\n"
        parts.append(el("b", line, name="kit-failing") if at in failing else line)
    if last < len(lines):
        parts.append(el("i", f"… {len(lines) - last} more lines below\n"))
    return el("pre", *parts, name="kit-traceback", tabindex="0", aria_label="Traceback")


def failing_lines(lines: list[str]) -> set[int]:
    """Numbers of the lines to look at: the code of the last frame, and what was raised there."""
    frames = [at for at, line in enumerate(lines) if _FRAME.match(line)]
    if not frames:
        return set()
    at = frames[-1] + 1
    found = set()
    while at < len(lines) and (lines[at].startswith("    ") or _MARKS.match(lines[at])):
        if not _MARKS.match(lines[at]):
            found.add(at)
        at += 1
    if at < len(lines) and lines[at].strip():
        found.add(at)
    return found
