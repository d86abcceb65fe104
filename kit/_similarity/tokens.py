"""Python text as tokens that renaming, comments, layout, constants and imports leave alone.

Names that the program makes up itself become one and the same; those of libraries, builtins and keyword
arguments stay, by which independent programs of one shape differ. Works on text that is not Python too.
"""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

MADE_UP, CONSTANT = "name", "constant"
_INTERFACE = frozenset(
    (
        "fit",
        "predict",
        "predict_proba",
        "transform",
        "fit_transform",
        "fit_predict",
        "score",
        "decision_function",
        "get_params",
        "set_params",
        "get_estimator",
        "forward",
        "backward",
        "train",
        "test",
    )
)
"""Names that a program defines and libraries call: they are no one's own."""
_KEPT = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | _INTERFACE | {"self", "cls"}
_PAIRS = ("()", "[]", "{}")
_BEFORE_DATA = frozenset("([{,:=") | {"return"}
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


class Token(NamedTuple):
    """A token as it is compared, and the line it stands on, from 1."""

    text: str
    line: int


def tokens_of(text: str, modules: Collection[str] = ()) -> list[Token]:
    """The tokens of a program: statements one after another, imports and docstrings left out.

    Parameters
    ----------
    modules : collection of str
        The program's own modules: what is imported from them is made up too.

    Examples
    --------
    >>> " ".join(token.text for token in tokens_of("import numpy as np\\nx = np.log(data, axis=1)  # why"))
    'name = numpy . log ( name , axis = constant )'
    """
    statements = [each for each in _statements(text) if each]
    imported: dict[str, str] = {}
    rest = []
    for statement in statements:
        if statement[0].string in ("import", "from"):
            words = [token.string for token in statement]
            if words[1:2] != ["."] and not set(words[1:2]) & set(modules):
                imported |= _imported(words)
        elif not all(token.type == tokenize.STRING for token in statement):
            rest.append(statement)
    own = {name for statement in rest for name in _made_up_attributes(statement)}
    normal = [token for statement in rest for token in _normal(statement, imported, own)]
    return _without_tables(normal)


def _statements(text: str) -> Iterator[list[tokenize.TokenInfo]]:
    """Logical lines; where the text is no Python, what can be read of each of its lines."""
    statement: list[tokenize.TokenInfo] = []
    done = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NEWLINE:
                yield statement
                statement, done = [], token.end[0]
            elif token.type not in _LAYOUT:
                statement.append(token)
        yield statement
    except (tokenize.TokenError, SyntaxError):
        lines = text.splitlines()
        for number in range(done, len(lines)):
            yield list(_of_line(lines[number].strip(), number))


def _of_line(line: str, number: int) -> Iterator[tokenize.TokenInfo]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            if token.type not in _LAYOUT and token.type != tokenize.NEWLINE:
                yield token._replace(start=(number + 1, token.start[1]), end=(number + 1, token.end[1]))
    except (tokenize.TokenError, SyntaxError):
        return


def _imported(words: Sequence[str]) -> dict[str, str]:
    """Local names of what an import statement imports, with the names they have at home."""
    names: dict[str, str] = {}
    start = words.index("import") + 1 if "import" in words else len(words)
    for place in range(start, len(words)):
        before = words[place - 1]
        if before == "as":
            names[words[place]] = words[place - 2]
        elif words[place].isidentifier() and before in ("import", ",", "(", "."):
            names[words[place]] = words[place]
    return names


def _made_up_attributes(statement: Sequence[tokenize.TokenInfo]) -> Iterator[str]:
    """Attributes that are assigned to, and functions and classes that are defined."""
    words = [token.string for token in statement]
    for place, word in enumerate(words[1:], start=1):
        follows = words[place + 1] if place + 1 < len(words) else ""
        is_own = words[place - 1] in ("def", "class") or (words[place - 1] == "." and follows in ("=", ":"))
        if is_own and word not in _INTERFACE and not word.startswith("__"):
            yield word


def _normal(
    statement: Sequence[tokenize.TokenInfo], imported: dict[str, str], own: set[str]
) -> Iterator[Token]:
    depth = 0
    is_definition = any(token.string in ("def", "lambda") for token in statement[:2])
    for place, token in enumerate(statement):
        word = token.string
        depth += (word in "([{") - (word in ")]}") if token.type == tokenize.OP else 0
        if token.type in (tokenize.NUMBER, tokenize.STRING) or word in ("None", "True", "False"):
            word = CONSTANT
        elif token.type == tokenize.NAME:
            before = statement[place - 1].string if place else ""
            after = statement[place + 1].string if place + 1 < len(statement) else ""
            if before == ".":
                word = MADE_UP if word in own else word
            elif not (depth and after == "=" and not is_definition):  # keyword arguments stay
                word = _name(word, imported, own)
        yield Token(word, token.start[0])


def _name(word: str, imported: dict[str, str], own: set[str]) -> str:
    if word in imported:
        return imported[word]
    return word if word in _KEPT and word not in own else MADE_UP


def _without_tables(tokens: Sequence[Token]) -> list[Token]:
    """One constant for all constants of a list, dict or table: such data are the same for everyone."""
    kept: list[Token] = []
    for token in tokens:
        kept.append(token)
        while n := _n_reducible([each.text for each in kept[-5:]]):
            kept[-n:] = [Token(CONSTANT, kept[-n].line)]
    return kept


def _n_reducible(tail: list[str]) -> int:
    """How many of the last words are but one constant; 0 where they are more."""
    c = CONSTANT
    if tail[-2:] == [c, c] or tail[-3:] == [c, ",", c]:
        return min(len(tail), 2 if tail[-2] == c else 3)
    before = tail[-4] if len(tail) > 3 else ""
    if tail[-3:] == [c, ":", c] and before in ("{", ","):
        return 3
    if len(tail) > 2 and tail[-2] in ("-", "+") and tail[-1] == c and tail[-3] in _BEFORE_DATA:
        return 2
    for n, inner in ((4, [c, ","]), (3, [c])):
        if len(tail) > n and tail[-n] + tail[-1] in _PAIRS and tail[1 - n : -1] == inner:
            return n if tail[-n - 1] in _BEFORE_DATA else 0
    return 0
