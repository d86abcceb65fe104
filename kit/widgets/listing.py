"""The files of a code submission, highlighted. All text is text, and none of it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.widgets._widget import remembered
from kit.widgets.fragment import Fragment, Node, el

if TYPE_CHECKING:
    from pygments.token import _TokenType

    from kit.client.code import Code
    from kit.client.diff import Diff

MOST_CHARACTERS = 60_000
"""A longer file is shown plain, which is quick."""


def listing(code: Code) -> Fragment:
    """The files, one below the other."""
    return remembered(code, "listing", lambda: _listing(code))  # type: ignore[no-any-return]


def _listing(code: Code) -> Fragment:
    parts: list[Node] = [el("h3", code.title)]
    for name in code.files:
        parts += [el("h4", name), el("pre", *highlighted(code.shown(name)), name="kit-code", tabindex="0")]
    if not code.files:
        parts.append(el("p", "There are no files.", name="kit-muted"))
    return Fragment(el("div", *parts, name="kit-listing"), classes=["kit-files-of-code"])


def diff(made: Diff) -> Fragment:
    """What differs, file by file: lines that went and lines that came, coloured."""
    parts: list[Node] = [el("h3", made.title)]
    for name, lines in made.lines().items():
        shown = [el("span", f"{line}\n", name=f"kit-diff-{_change(line)}") for line in lines[2:]]
        parts += [el("h4", name), el("pre", *shown, name="kit-code", tabindex="0")]
    if len(parts) == 1:
        parts.append(el("p", "The same code.", name="kit-muted"))
    return Fragment(el("div", *parts, name="kit-listing"), classes=["kit-files-of-code"])


def _change(line: str) -> str:
    return {"+": "came", "-": "went", "@": "place"}.get(line[:1], "same")


def highlighted(text: str) -> list[Node]:
    """Python code as pieces, each with the class of what it is."""
    if len(text) > MOST_CHARACTERS:
        return [text]
    from pygments.lexers.python import PythonLexer

    pieces: list[tuple[str, str]] = []
    for token, value in PythonLexer(stripnl=False).get_tokens(text):
        look = _look(token)
        if pieces and pieces[-1][0] == look:
            pieces[-1] = (look, pieces[-1][1] + value)
        else:
            pieces.append((look, value))
    return [el("span", value, name=f"kit-code-{look}") if look else value for look, value in pieces]


def _look(token: _TokenType) -> str:
    from pygments import token as kinds

    looks = {
        kinds.Comment: "comment",
        kinds.Keyword: "keyword",
        kinds.Operator.Word: "keyword",
        kinds.String: "string",
        kinds.Number: "number",
        kinds.Name.Function: "defined",
        kinds.Name.Class: "defined",
        kinds.Name.Decorator: "defined",
        kinds.Name.Builtin: "builtin",
    }
    return next((look for kind, look in looks.items() if token in kind), "")
