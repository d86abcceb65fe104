"""Every key of competition.toml."""

from __future__ import annotations

import datetime
import json
import types
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from generating import markdown
from kit.competition import Access, Code, Competition, Limits, Phase, Question, Teams

ROOT = Path(__file__).parents[2]
TABLES: dict[str, type[BaseModel]] = {
    "": Competition,
    "[[question]]": Question,
    "[question.code]": Code,
    "[[phase]]": Phase,
    "[teams]": Teams,
    "[access]": Access,
    "[limits]": Limits,
}
"""The model of each table; the first is the file's top."""
_INTRODUCTION = """\
One file describes a competition. Paths are relative to it and stay within its folder; times have a zone, best
UTC (`2026-03-01T09:00:00Z`). Unknown keys are errors that name the nearest known one. `kit init` writes a
file to edit, `kit check` lists everything that is wrong, each problem with its key and the way out.

The service reads the file when it starts. What scores depend on (the truth, metrics and their code, columns,
classes, limits of judging) makes a question's version: a change there comes into force by `kit rejudge`, the
service running or not."""


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Table, key and field of every key."""
    for table, model in TABLES.items():
        for key, field in model.model_fields.items():
            yield table, key, field


def page() -> str:
    """The page."""
    parts = [_INTRODUCTION]
    for table, model in TABLES.items():
        rows = [
            (markdown.code(key), _type(field), _default(field), str(field.description))
            for t, key, field in fields()
            if t == table
        ]
        about = (model.__doc__ or "").strip() if table else ""
        parts += [f"## {table or 'Top of the file'}", about]
        parts.append(markdown.table(("key", "type", "default", "meaning"), rows))
    example = (ROOT / "data/flights/competition.toml").read_text(encoding="utf-8").strip()
    return markdown.page("competition.toml", *parts, "## Example", f"```toml\n{example}\n```")


def _type(field: FieldInfo) -> str:
    return ", ".join([_kind(field.annotation), *(text for rule in field.metadata for text in _rules(rule))])


def _rules(rule: Any) -> Iterator[str]:
    for name, text in (("ge", "from {} up"), ("gt", "above {}"), ("min_length", "{} or more")):
        if (value := getattr(rule, name, None)) is not None:
            yield text.format(value)
    if (pattern := getattr(rule, "pattern", None)) is not None:
        yield f"matches `{pattern}`"


def _kind(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _kind(next(k for k in inner if k is not type(None)))
    if origin is Literal:
        return " or ".join(f'`"{choice}"`' for choice in inner)
    if origin is tuple:
        return "tables" if _is(inner[0], BaseModel) else f"list of {_kind(inner[0])}"
    if origin is dict or _is(kind, BaseModel):
        return "table"
    if _is(kind, StrEnum):
        return " or ".join(f'`"{choice.value}"`' for choice in kind)
    if origin is not None:
        return _kind(inner[0])
    names: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    names |= {AwareDatetime: "time with zone", datetime.time: "time of day"}
    return names[kind]


def _is(kind: Any, base: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default in (None, (), "") or field.default == {} or isinstance(field.default, BaseModel):
        return ""
    if isinstance(field.default, bool):
        return markdown.code(str(field.default).lower())
    if isinstance(field.default, float):
        return markdown.code(f"{field.default:g}")
    if isinstance(field.default, tuple):
        return markdown.code(json.dumps(field.default))
    return markdown.code(f'"{field.default}"' if isinstance(field.default, str) else field.default)
