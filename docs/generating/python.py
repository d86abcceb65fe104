"""The public names of kit, from their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import kit
from generating import markdown
from kit.client.magics import leaderboard
from kit.client.submitting import USAGE, submit

_FIRST = ("connect", "CompetitionClient", "Submission", "Client")


def page() -> str:
    """The page."""
    parts = ["`import kit` does no work and imports little; what a name needs is loaded when it is used."]
    for name in _FIRST:
        subject = getattr(kit, name)
        parts += [f"## {name}", _signature(name, subject), markdown.docstring(inspect.getdoc(subject) or "")]
        if inspect.isclass(subject):
            parts += [part for member, value in members(subject) for part in _member(name, member, value)]
    parts += ["## Magics", "`%load_ext kit` adds:"]
    for usage, magic in ((USAGE, submit), ("%leaderboard [QUESTION]", leaderboard)):
        parts += [f"```\n{usage}\n```", markdown.docstring(inspect.getdoc(magic) or "")]
    parts += ["## Errors", markdown.table(("", ""), [(_error(name), _summary(name)) for name in errors()])]
    return markdown.page("Python", *parts)


def members(subject: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, its own first."""
    seen: set[str] = set()
    for base in subject.__mro__:
        for name, value in vars(base).items() if base.__module__.startswith("kit.") else ():
            is_member = callable(value) or isinstance(value, property | classmethod | staticmethod)
            if is_member and not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, value


def errors() -> list[str]:
    """The public errors."""
    return [name for name in kit.__all__ if inspect.isclass(getattr(kit, name)) and name not in _FIRST]


def _member(owner: str, name: str, value: Any) -> list[str]:
    is_property = isinstance(value, property)
    function = value.fget if is_property else getattr(value, "__func__", value)
    text = markdown.docstring(inspect.getdoc(function) or "")
    if is_property:
        return [f"### {owner}.{name}", f"Property, `{inspect.signature(function).return_annotation}`. {text}"]
    return [f"### {owner}.{name}", _signature(name, function), text]


def _signature(name: str, subject: Callable[..., Any]) -> str:
    signature = inspect.signature(subject)
    given: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            given, star = [*given, "*"], True
        star = star or parameter.kind is parameter.VAR_POSITIONAL
        given.append(_parameter(parameter))
    answer = signature.return_annotation
    arrow = "" if answer is signature.empty or inspect.isclass(subject) else f" -> {answer}"
    line = f"{name}({', '.join(given)}){arrow}"
    if len(line) > 100:
        line = f"{name}(\n    " + ",\n    ".join(given) + f",\n){arrow}"
    return f"```python\n{line}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    kinds: dict[object, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    mark = kinds.get(parameter.kind, "")
    kind = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{mark}{parameter.name}{kind}{default}"


def _error(name: str) -> str:
    parent = getattr(kit, name).__bases__[0].__name__
    return markdown.code(f"kit.{name}") + (f", a `{parent}`" if parent != "Exception" else "")


def _summary(name: str) -> str:
    return (inspect.getdoc(getattr(kit, name)) or "").partition("\n\n")[0]
