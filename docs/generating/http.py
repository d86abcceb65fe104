"""The HTTP interface, from the service's own OpenAPI document."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

import kit.service
from generating import markdown
from kit.service import create_app
from kit.service.context import MAX_ID, anyone, logged_in, onlooker, organizer, reader, submitter
from kit.service.errors import STATUS
from kit.store import Store

_INTRODUCTION = """\
The service answers under `/api/v1`, and shows the same document, to try out, at `/docs`
(as OpenAPI: `/api/v1/openapi.json`).

{about}
## Errors

Every answer from 400 up is `{{"error": {{"class", "message", "problems", "question", "incident"}}}}`.
The class is that of the Python error; `problems` lists everything that is wrong at once.

{errors}"""
_OTHER = {
    408: "`InvalidRequest`: The body came too slowly.",
    413: "`InvalidPredictions`: The file is larger than the question's `max_bytes`. "
    "`InvalidRequest`: Another body is too large.",
    422: "`InvalidRequest`: The request does not have the form below.",
    429: "`NotAllowed`: A limit is used up, or there were too many attempts; "
    "`Retry-After` says when to ask again, where it is worth it.",
    500: "`ServiceError`: The service failed; `incident` is a number to quote to the organizers.",
}
_FOR = (
    (organizer, "organizers, with scope `organize`"),
    (submitter, "scope `submit`"),
    (reader, "scope `read`"),
    (onlooker, "scope `read`; everyone, where `[access] leaderboard` says so"),
    (logged_in, "any token"),
    (anyone, "everyone; a token adds what is yours"),
)


_NO_LIMITS = (MAX_ID, float(MAX_ID))


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of a service without competitions."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Store(Path(folder) / "store")) as store:
        found: dict[str, Any] = create_app(store, []).openapi()
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation of every route."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def page() -> str:
    """The page."""
    parts = [_INTRODUCTION.format(about=document()["info"]["description"].strip() + "\n", errors=_errors())]
    groups: dict[str, list[str]] = {}
    for method, path, operation in operations():
        groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    for tag, written in sorted(groups.items(), key=lambda group: group[0] == "organizers"):
        parts += [f"## {tag.capitalize()}", *written]
    schemas = document()["components"]["schemas"]
    models = [_model(name, schema) for name, schema in schemas.items() if "properties" in schema]
    return markdown.page("HTTP", *parts, "## Models", "`?` marks what may be left out or null.", *models)


def _errors() -> str:
    texts = {status: f"`{kind.__name__}`: {_first(kind.__doc__)}" for kind, status in STATUS.items()}
    return markdown.table(("status", ""), [(str(s), text) for s, text in sorted((texts | _OTHER).items())])


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (
            markdown.code(p["name"]),
            p["in"],
            _kind(p["schema"]),
            _default(p["schema"]),
            p.get("description", ""),
        )
        for p in operation.get("parameters", [])
        if p["in"] != "path" or "description" in p
    ]
    answers = operation["responses"]
    good = [f"{status}: {_answer(answer)}" for status, answer in sorted(answers.items()) if int(status) < 400]
    bad = [status for status in sorted(answers) if int(status) >= 400]
    lines = [f"For: {_audience(method, path)}."]
    if "requestBody" in operation:
        lines.append(f"Body: {_answer(operation['requestBody'])}.")
    lines.append(f"Answers: {'; '.join(good)}." + (f" Errors: {', '.join(bad)}." if bad else ""))
    head = ("parameter", "in", "type", "default", "")
    parts = [f"### {method} {path}", operation["description"], "  \n".join(lines), markdown.table(head, rows)]
    return "\n\n".join(part for part in parts if part)


def _answer(answer: dict[str, Any]) -> str:
    content: dict[str, Any] = answer.get("content", {})
    kinds = [
        _kind(given["schema"]) if kind == "application/json" else f"`{kind}`"
        for kind, given in content.items()
        if given.get("schema") or kind != "application/json"
    ]
    said = str(answer.get("description", "")).rstrip(".")
    said = "" if said in ("Successful Response", "") else said[0].lower() + said[1:]
    return ", ".join([*kinds, *([said] if said else [])]) or "nothing"


def _model(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = []
    for key, kind in schema["properties"].items():
        optional = key not in required or any(k.get("type") == "null" for k in kind.get("anyOf", []))
        rows.append((markdown.code(key + "?" * optional), _kind(kind), _default(kind)))
    return "\n\n".join(
        [f"### {name}", schema.get("description", ""), markdown.table(("", "type", "default"), rows)]
    )


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _named(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(kind) for kind in schema["anyOf"] if kind.get("type") != "null")
    if "const" in schema:
        return markdown.code(schema["const"])
    if "enum" in schema:
        return " or ".join(map(markdown.code, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"object of {_kind(values)}"
    return ", ".join([str(schema.get("format", schema.get("type", "any"))), *_limits(schema)])


def _named(name: str) -> str:
    schema = document()["components"]["schemas"][name]
    return f"[{name}](#{markdown.anchor(name)})" if "properties" in schema else _kind(schema)


def _limits(schema: dict[str, Any]) -> Iterator[str]:
    for key, text in (
        ("minimum", "from {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "to {}"),
        ("minLength", "{} characters or more"),
        ("maxLength", "{} characters at most"),
        ("maxItems", "{} at most"),
        ("pattern", "matches `{}`"),
    ):
        if key in schema and schema[key] not in _NO_LIMITS:
            value = schema[key]
            yield text.format(f"{value:g}" if isinstance(value, float) else value)


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, float):
        return markdown.code(f"{default:g}")
    return markdown.code(" ".join(default) if isinstance(default, list) else default)


@cache
def _routes() -> dict[tuple[str, str], APIRoute]:
    found: dict[tuple[str, str], APIRoute] = {}
    for module in pkgutil.iter_modules(kit.service.__path__):
        if module.name.startswith("routes_"):
            for route in importlib.import_module(f"kit.service.{module.name}").router.routes:
                found |= {(method, route.path): route for method in route.methods}
    return found


def _audience(method: str, path: str) -> str:
    asked = set(_calls(_routes()[method, path].dependant))
    return next((text for dependency, text in _FOR if dependency in asked), "everyone")


def _calls(dependant: Any) -> Iterator[Any]:
    for below in dependant.dependencies:
        yield below.call
        yield from _calls(below)
