"""What is wrong with a competition.toml, each problem with its key and the way out. Reads no file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kit.errors import Problem

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from kit.competition import Competition, Question

FILE = "competition.toml"
MOST_PROBLEM_FILES, MOST_PROBLEM_BYTES = 100_000, 20_000_000_000
"""What a problem.py may have beside it: each version of its question has a copy."""
_NAMES = {
    "slug": "Use lower-case letters, digits and hyphens, as in 'my-competition'.",
    "id": "Use letters, digits, hyphens and underscores.",
}


def form_problems(
    errors: Sequence[ErrorDetails], tables: Mapping[str, Any], models: Mapping[str, type[BaseModel]]
) -> list[Problem]:
    """Each error of pydantic's as a problem; ``models`` by table, the whole file's under ``""``."""
    # A list whose items all fail is reported as too short as well, which it is not.
    return [
        _form_problem(error, tables, models)
        for error in errors
        if not (error["type"] == "too_short" and error["input"])
    ]


def _form_problem(
    error: ErrorDetails, tables: Mapping[str, Any], models: Mapping[str, type[BaseModel]]
) -> Problem:
    location = error["loc"]
    key, last, value = _key(location, tables), str(location[-1]) if location else "", error["input"]
    match error["type"]:
        case "extra_forbidden":
            table = ".".join(str(part) for part in location[:-1] if isinstance(part, str))
            return Problem(
                FILE, key, "is no key of the kit.", nearest(last, list(models[table].model_fields))
            )
        case "missing" | "too_short":
            fix = "Add a table [[question]]." if last == "question" else f"Add {last} = …"
            return Problem(FILE, key, "is missing.", fix)
        case "timezone_aware":
            return Problem(FILE, key, f"{value} has no time zone.", "Write UTC, as in 2026-03-01T09:00:00Z.")
        case kind if kind.startswith("datetime"):
            return Problem(FILE, key, f"{value!r} is no time.", "Write UTC, as in 2026-03-01T09:00:00Z.")
        case "string_pattern_mismatch":
            return Problem(FILE, key, f"{value!r} is no {last}.", _NAMES[last])
        case "tuple_type" if last in models:
            return Problem(FILE, key, "is no list of tables.", f"Write [[{last}]], with two brackets.")
        case "model_type" | "model_attributes_type":
            table = ".".join(str(part) for part in location if isinstance(part, str))
            return Problem(FILE, key, f"{value!r} is no table.", f"Write [{table}] above its keys.")
        case "tuple_type":
            return Problem(FILE, key, f"{value!r} is no list.", f"Write {last} = [{value!r}].")
        case "value_error":
            text, _, fix = error["msg"].removeprefix("Value error, ").partition(". ")
            return Problem(FILE, key, f"{text.rstrip('.')}.", fix)
    return Problem(FILE, key, f"is {value!r}.", error["msg"].replace("Input should", "It should") + ".")


def _key(location: Sequence[int | str], tables: Mapping[str, Any]) -> str:
    """``question 'price': metric`` for a location such as ``("question", 0, "metric")``."""
    if len(location) < 2 or not isinstance(location[1], int):
        return ".".join(map(str, location))
    table, number, *rest = location
    name = tables[str(table)][number].get("id") if isinstance(tables[str(table)][number], dict) else None
    which = repr(name) if isinstance(name, str) else str(int(number) + 1)
    return ": ".join(part for part in (f"{table} {which}", ".".join(map(str, rest))) if part)


def nearest(name: str, known: Sequence[str]) -> str:
    """The way out for a name that is not known: the nearest known one, else all."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(known)}."


def sense_problems(competition: Competition) -> list[Problem]:
    """What is wrong though every key is well: repeated ids, phases out of order, files that are not there."""
    return [
        *_repeated_ids(competition),
        *_phase_problems(competition),
        *_file_problems(competition),
        *_code_problems(competition),
    ]


def _repeated_ids(competition: Competition) -> list[Problem]:
    problems = []
    for key, ids in (
        ("question.id", [q.id for q in competition.question]),
        ("phase.id", [p.id for p in competition.phase]),
    ):
        problems += [
            Problem(FILE, key, f"'{i}' stands {ids.count(i)} times.", "Give each its own id.")
            for i in dict.fromkeys(ids)
            if ids.count(i) > 1
        ]
    return problems


def _phase_problems(competition: Competition) -> list[Problem]:
    problems, previous = [], None
    given = zip(competition.phase, competition.phase[1:], strict=False)
    for phase, after in given:
        if phase.closes_at is None and after.opens_at is None:
            text = f"is missing, and '{after.id}' has no opens_at."
            problems.append(Problem(FILE, f"phase '{phase.id}': closes_at", text, "Add one of the two."))
    if problems:
        return problems
    for phase in competition.phases:
        assert phase.opens_at and phase.closes_at
        key = f"phase '{phase.id}'"
        if phase.opens_at < competition.opens_at:
            text = f"opens at {phase.opens_at}, before the competition ({competition.opens_at})."
            problems.append(Problem(FILE, f"{key}: opens_at", text, "Move one of the two."))
        if phase.closes_at <= phase.opens_at:
            text = f"closes at {phase.closes_at}, not after it opens ({phase.opens_at})."
            problems.append(Problem(FILE, f"{key}: closes_at", text, "Set a later closes_at."))
        if phase.closes_at > competition.closes_at:
            text = f"closes at {phase.closes_at}, after the competition ({competition.closes_at})."
            problems.append(Problem(FILE, f"{key}: closes_at", text, "Move one of the two."))
        if previous and previous.closes_at and phase.opens_at < previous.closes_at:
            text = f"opens at {phase.opens_at}, before '{previous.id}' closes ({previous.closes_at})."
            problems.append(Problem(FILE, f"{key}: opens_at", text, "Phases must not overlap."))
        previous = phase
    return problems


def _file_problems(competition: Competition) -> list[Problem]:
    problems = []
    for key, path in _named_files(competition):
        full = (competition.directory / path).resolve()
        if not full.is_relative_to(competition.directory):
            text, fix = f"'{path}' is outside the competition's folder.", "Move the file inside."
            problems.append(Problem(FILE, key, text, fix))
        elif not full.is_file():
            text, fix = f"the file '{path}' is not there.", "Add it, or mend the path."
            problems.append(Problem(FILE, key, text, fix))
    return [*problems, *_published_truth(competition)]


def _named_files(competition: Competition) -> list[tuple[str, str]]:
    files = [("rules", competition.rules)]
    for q in competition.question:
        key = f"question '{q.id}'"
        files += [(f"{key}: truth", q.truth), (f"{key}: sample_submission", q.sample_submission)]
        files += [(f"{key}: data", path) for path in q.data]
        files += [(f"{key}: metric", path) for path in q.metric_files]
        files += [(f"{key}: code.{name}", path) for name, path in (q.code.files if q.code else ())]
    return [(key, path) for key, path in dict.fromkeys(files) if path]


def _code_problems(competition: Competition) -> Iterator[Problem]:
    from kit._splitter import splitter_problems

    for q in competition.question:
        if q.code is None:
            continue
        yield from _large_problem(competition, q)
        for text, fix in splitter_problems(q.code.splitter):
            yield Problem(FILE, f"question '{q.id}': code.splitter", text, fix)
        if q.code.test is not None and q.code.test == q.truth:
            text, fix = f"'{q.truth}' is the truth, and code gets it.", "Name a table without the target."
            yield Problem(FILE, f"question '{q.id}': code.test", text, fix)


def _large_problem(competition: Competition, question: Question) -> Iterator[Problem]:
    """A version of a question copies and hashes what its problem.py may read."""
    if question.code is None or question.code.problem is None:
        return
    n_files = n_bytes = 0
    folder = competition.directory / PurePath(question.code.problem).parent
    for path in (path for name in ("data", "private") for path in (folder / name).rglob("*")):
        if path.is_file():
            n_files, n_bytes = n_files + 1, n_bytes + path.stat().st_size
    if n_files > MOST_PROBLEM_FILES or n_bytes > MOST_PROBLEM_BYTES:
        text = (
            f"beside it data and private hold {n_files:,} files of {n_bytes / 1e9:.1f} GB; "
            f"{MOST_PROBLEM_FILES:,} files of {MOST_PROBLEM_BYTES / 1e9:g} GB are the most."
        )
        fix = "Pack small files together, or leave out what problem.py does not read."
        yield Problem(FILE, f"question '{question.id}': code.problem", text, fix)


def _published_truth(competition: Competition) -> list[Problem]:
    """The worst mistake an organizer can make: the truth listed among the participants' files."""
    secret = {(competition.directory / q.truth).resolve() for q in competition.question}
    problems = []
    for q in competition.question:
        published = [("data", path) for path in q.data]
        published += [("sample_submission", q.sample_submission)] if q.sample_submission else []
        for key, path in published:
            if (competition.directory / path).resolve() in secret:
                text, fix = f"'{path}' is the truth, and participants get it.", f"Take it out of {key}."
                problems.append(Problem(FILE, f"question '{q.id}': {key}", text, fix))
    return problems
