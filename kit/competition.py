"""A competition as its organizer wrote it: reads and checks competition.toml. Reads no truth."""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from kit._competition_code import Code
from kit._competition_form import Table
from kit._competition_problems import FILE, form_problems, sense_problems
from kit._competition_tables import (
    SLUG,
    Access,
    Limits,
    Phase,
    Question,
    Teams,
    Utc,
    class_text,
    is_custom,
)
from kit.errors import InvalidCompetition, NotFound, Problem

__all__ = [
    "FILE",
    "NOT_JUDGED_BY",
    "Access",
    "Code",
    "Competition",
    "Limits",
    "Phase",
    "Question",
    "Teams",
    "class_text",
    "is_custom",
    "load_competition",
    "load_copy",
    "question_version",
    "read_competition",
    "version_files",
]


class Competition(Table):
    """All of competition.toml; paths are relative to ``directory``."""

    title: str = Field(description="Shown to participants.")
    slug: str = Field(pattern=SLUG, description="The competition's address: http://host:8000/SLUG.")
    summary: str = Field(default="", description="One sentence, shown in lists.")
    opens_at: Utc = Field(description="Data can be seen and predictions submitted from here on.")
    closes_at: Utc = Field(description="From here on nothing is taken, and private scores are shown.")
    rules: str | None = Field(
        default=None, description="Markdown file that must be accepted before the first submission."
    )
    question: tuple[Question, ...] = Field(min_length=1, description="One or more tables [[question]].")
    phase: tuple[Phase, ...] = Field(
        default=(), description="Tables [[phase]] in order; by default one phase without limits."
    )
    teams: Teams = Field(default=Teams(), description="Table [teams].")
    access: Access = Field(default=Access(), description="Table [access].")
    limits: Limits = Field(default=Limits(), description="Table [limits].")
    _directory: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.closes_at <= self.opens_at:
            raise ValueError(
                f"closes_at ({self.closes_at}) is not after opens_at ({self.opens_at}). Move one of the two."
            )
        return self

    @property
    def directory(self) -> Path:
        """Where competition.toml lies."""
        return self._directory

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in order, each with both times filled in."""
        phases: list[Phase] = []
        given = self.phase or (Phase(id="main"),)
        starts = [phase.opens_at for phase in given[1:]]
        opens_at = self.opens_at
        for phase, next_opens_at in zip(given, [*starts, None], strict=True):
            opens_at = phase.opens_at or opens_at
            closes_at = phase.closes_at or next_opens_at or self.closes_at
            phases.append(phase.model_copy(update={"opens_at": opens_at, "closes_at": closes_at}))
            opens_at = closes_at
        return tuple(phases)

    def phase_at(self, now: datetime) -> Phase | None:
        """The phase that is open at ``now``, if any; opening included, closing excluded."""
        if not self.opens_at <= now < self.closes_at:
            return None
        return next((p for p in self.phases if p.opens_at <= now < p.closes_at), None)  # type: ignore[operator]

    def find_question(self, question: str | None) -> Question:
        """The question of that id; without an id, the only one.

        Raises
        ------
        NotFound
            Names the questions there are.
        """
        if question is None and len(self.question) == 1:
            return self.question[0]
        found = next((q for q in self.question if q.id == question), None)
        if found is None:
            known = ", ".join(repr(q.id) for q in self.question)
            raise NotFound(f"Competition '{self.slug}' has no question {question!r}; it has {known}.")
        return found


def load_competition(directory: Path | str) -> Competition:
    """Read ``directory/competition.toml``.

    Raises
    ------
    InvalidCompetition
        With every problem of the file's form, each with its key and the way out.
    """
    competition, problems = read_competition(directory)
    if problems or competition is None:
        raise InvalidCompetition(str(directory), problems)
    return competition


def load_copy(directory: Path) -> Competition:
    """As `load_competition`, of a folder that holds some of the files only.

    Raises
    ------
    InvalidCompetition
    """
    competition, problems = _read_form(directory)
    if problems or competition is None:
        raise InvalidCompetition(str(directory), problems)
    return competition


def read_competition(directory: Path | str) -> tuple[Competition | None, list[Problem]]:
    """As `load_competition`, with problems returned: what can be read is read, to be checked further.

    A competition that comes with problems must not be served: wrong keys are left out of it, and
    questions with wrong keys altogether. It is None where nothing could be read.
    """
    competition, problems = _read_form(Path(directory))
    return competition, [*problems, *(sense_problems(competition) if competition else [])]


def _read_form(directory: Path) -> tuple[Competition | None, list[Problem]]:
    try:
        tables = tomllib.loads((directory / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        fix = "Write one with 'kit init', or name the folder that holds it."
        return None, [Problem(FILE, "", "is not there.", fix)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return None, [Problem(FILE, "", f"is not TOML: {error}.", "Mend that line.")]
    problems = []
    try:
        competition = Competition.model_validate(tables)
    except ValidationError as error:
        problems = form_problems(error.errors(), tables, _MODELS)
        try:
            competition = Competition.model_validate(_without(tables, [e["loc"] for e in error.errors()]))
        except ValidationError:
            return None, problems
    competition._directory = directory.resolve()
    return competition, problems


_MODELS: dict[str, type[BaseModel]] = {
    "": Competition,
    "question": Question,
    "question.code": Code,
    "phase": Phase,
    "teams": Teams,
    "access": Access,
    "limits": Limits,
}
_STAND_INS = {
    "title": "?",
    "slug": "unnamed",
    "opens_at": datetime(1970, 1, 1, tzinfo=UTC),
    "closes_at": datetime(9999, 1, 1, tzinfo=UTC),
}


def _without(tables: Mapping[str, Any], wrong: Collection[tuple[int | str, ...]]) -> dict[str, Any]:
    """The tables without their wrong keys, and with stand-ins for those that must be there."""
    keys = {str(location[0]) for location in wrong if location}
    if () in wrong:  # The one check of the whole file: it closes before it opens.
        keys.add("closes_at")
    mended = {key: value for key, value in tables.items() if key not in keys}
    for key in ("question", "phase"):
        bad = {location[1] for location in wrong if len(location) > 1 and location[0] == key}
        if bad:
            mended[key] = [item for i, item in enumerate(tables[key]) if i not in bad]
    return _STAND_INS | mended


def question_version(competition: Competition, question: Question) -> str:
    """Hash of all that a question's judgements depend on: truth, metrics with their code, limits of judging.

    Limits, and keys of [question.code], count where they are not the default ones.
    """
    digest = hashlib.sha256()
    fields = question.model_dump(mode="json", exclude=NOT_JUDGED_BY | {"code"})
    if question.code is not None:
        fields["code"] = question.code.model_dump(mode="json", exclude_defaults=True)
    digest.update(json.dumps(fields, sort_keys=True).encode())
    if limits := competition.limits.model_dump(
        mode="json", include={"max_mb", "judge_wall_s", "judge_memory_mb"}, exclude_defaults=True
    ):
        digest.update(json.dumps(limits, sort_keys=True).encode())
    named = _named(question)
    for path in named:
        digest.update((competition.directory / path).read_bytes())
    for path in version_files(competition, question)[len(named) :]:
        digest.update(f"\0{path}\0".encode())
        _add_file(digest, competition.directory / path)
    return digest.hexdigest()


def _add_file(digest: Any, path: Path) -> None:
    """In pieces: the data of a problem.py may be larger than memory."""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)


NOT_JUDGED_BY = {"title", "data", "sample_submission", "baselines", "weight"}
"""Keys of a question that no judgement depends on."""


def version_files(competition: Competition, question: Question) -> list[str]:
    """Files that make a question's version.

    Truth and metrics; then modules beside these that they import, and for code what it is trained and
    tested on: the tables, or a problem.py with the modules it imports and the folders data, private and
    external_imports beside it.
    """
    named = _named(question)
    more = [path for _, path in question.code.files if path not in named] if question.code else []
    waiting = [*question.metric_files]
    if question.code and question.code.problem:
        waiting.append(question.code.problem)
        more += (
            path
            for path in _folders_beside(competition.directory, question.code.problem)
            if path not in named
        )
    while waiting:
        for path in _imported_beside(competition.directory, waiting.pop()):
            if path not in named and path not in more:
                more.append(path)
                waiting.append(path)
    return [*named, *sorted(more)]


def _named(question: Question) -> list[str]:
    return sorted({question.truth, *question.metric_files} - {""})


def _folders_beside(directory: Path, problem: str) -> Iterator[str]:
    """What a problem.py may read, and what a submission of it may import."""
    for folder in ("data", "private", "external_imports"):
        for path in sorted((directory / Path(problem).parent / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(directory).as_posix()


def _imported_beside(directory: Path, path: str) -> Iterator[str]:
    """Modules in the file's folder that it imports by name; none of a file that cannot be parsed."""
    try:
        tree = ast.parse((directory / path).read_bytes())
    except (SyntaxError, ValueError):
        return
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in sorted({name.partition(".")[0] for name in names} - {""}):
        module = Path(path).parent / name
        if (directory / module).with_suffix(".py").is_file():
            yield module.with_suffix(".py").as_posix()
        elif (directory / module).is_dir():
            found = sorted((directory / module).rglob("*.py"))
            yield from (each.relative_to(directory).as_posix() for each in found)
