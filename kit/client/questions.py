"""Finds a question in an overview, and the data of all. Asks the service nothing."""

from __future__ import annotations

from typing import Any

from kit.client.http import Json
from kit.errors import InvalidRequest, NotFound


def named(overview: Json, question: str | None) -> Json:
    """A question's part of an overview; the only one where none is named.

    Raises
    ------
    NotFound, InvalidRequest
        Naming the questions there are.
    """
    slug, by_id = overview["slug"], {entry["id"]: entry for entry in overview["questions"]}
    names = ", ".join(map(repr, by_id))
    if question is None:
        if len(by_id) == 1:
            return next(iter(by_id.values()))
        first = next(iter(by_id))
        hint = f"question={first!r}; in a terminal: -q {first}"
        raise InvalidRequest(f"{slug!r} has several questions: {names}. Say which: {hint}")
    if question not in by_id:
        raise NotFound(f"{slug!r} has no question {question!r}. There are: {names}.")
    return by_id[question]


def with_data(overview: Json, question: str | None) -> Json:
    """As `named`; where none is named, the files of all questions, unless their names clash."""
    questions = overview["questions"]
    if question is not None or len(questions) < 2:
        return named(overview, question)
    files: dict[str, dict[str, Any]] = {}
    for asked in questions:
        for entry in asked["data"]:
            known = files.setdefault(entry["name"], {**entry, "question": asked["id"]})
            if known["sha256"] != entry["sha256"] or asked["id_column"] != questions[0]["id_column"]:
                return named(overview, None)
    of_classes = [asked for asked in questions if asked.get("classes")]
    return {
        **questions[0],
        "id": "all",
        "target": [column for asked in of_classes for column in asked["target"]],
        "classes": [name for asked in of_classes for name in asked["classes"]],
        "data": list(files.values()),
    }
