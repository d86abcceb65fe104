"""Every command of the program kit with its arguments and options."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from generating import markdown
from kit.cli import build

_WORDS = {Path: "PATH", str: "TEXT", int: "INTEGER", float: "NUMBER"}
_INTRODUCTION = """\
The program is `kit`; `python -m kit` is the same. Results go to standard output, everything else to standard
error. Exit code 0 is success, 1 an error that is told, 2 a wrong command line, 130 Ctrl-C.

In the environment: `KIT_URL` and `KIT_TOKEN` stand for a login, `KIT_DATA` for `--data`."""


def commands() -> Iterator[tuple[str, Any]]:
    """Each command's full name, and the command."""
    yield from _walk(typer.main.get_command(build()), "kit")


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, below in command.commands.items():
        yield from _walk(below, f"{name} {word}")


def page() -> str:
    """The page."""
    panels: dict[str, list[tuple[str, Any]]] = {}
    group = typer.main.get_command(build())
    for name, command in commands():
        panel = group.commands[name.split()[1]].rich_help_panel  # type: ignore[attr-defined]
        panels.setdefault(panel or "Other", []).append((name, command))
    parts = [_INTRODUCTION]
    for panel, listed in panels.items():
        rows = [(f"[`{name}`](#{markdown.anchor(name)})", command.help) for name, command in listed]
        parts += [f"## {panel}", markdown.table(("command", ""), rows)]
        parts += [_command(name, command) for name, command in listed]
    return markdown.page("Commands", *parts)


def _command(name: str, command: Any) -> str:
    types_of = get_type_hints(inspect.unwrap(command.callback))
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-")]
    usage = [name, *(_usage(p, types_of[p.name]) for p in arguments), *(["[OPTIONS]"] if options else [])]
    taken = markdown.table(
        ("argument", "", "default"),
        [(markdown.code(_word(p, types_of[p.name])), p.help, _default(p)) for p in arguments],
    )
    may = markdown.table(
        ("option", "", "default"), [(_spelled(p, types_of[p.name]), _told(p), _default(p)) for p in options]
    )
    parts = [f"### {name}", f"```sh\n{' '.join(usage)}\n```", command.help, taken, may]
    return "\n\n".join(part for part in parts if part)


def _usage(parameter: Any, kind: Any) -> str:
    word = _word(parameter, kind)
    return word if parameter.required or word.startswith("[") else f"[{word}]"


def _word(parameter: Any, kind: Any) -> str:
    """What stands for a value: DIR, TEXT, public|private; empty for a flag."""
    if parameter.metavar:
        return str(parameter.metavar)
    kind = _without_none(kind)
    if kind is bool:
        return ""
    if parameter.opts[0] == parameter.name:
        return f"{parameter.name.upper()}{'...' if get_origin(kind) is list else ''}"
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return _WORDS[_without_none(get_args(kind)[0]) if get_origin(kind) is list else kind]


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(k for k in get_args(kind) if k is not type(None))
    return kind


def _spelled(option: Any, kind: Any) -> str:
    spelled = ", ".join(map(markdown.code, [*option.opts, *option.secondary_opts]))
    word = _word(option, kind)
    return f"{spelled} {markdown.code(word)}" if word else spelled


def _told(option: Any) -> str:
    return f"{option.help} Also `{option.envvar}`." if option.envvar else str(option.help)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required" if parameter.opts[0].startswith("-") else ""
    if parameter.default in (None, False, "", ()) or parameter.multiple:
        return ""
    if parameter.default is True:
        return markdown.code(parameter.opts[0])
    return markdown.code(
        f"{parameter.default:g}" if isinstance(parameter.default, float) else parameter.default
    )
