"""A competition as its organizer wrote it: reads and checks competition.toml. Reads no truth."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError, model_validator

from kit._competition_problems import FILE, form_problems, sense_problems
from kit._competition_tables import (
    SLUG,
    Access,
    Limits,
    Phase,
    Question,
    Table,
    Teams,
    Utc,
    class_text,
    is_custom,
)
from kit.errors import InvalidCompetition, NotFound, Problem

__all__ = [
    "FILE",
    "Access",
    "Competition",
    "Limits",
    "Phase",
    "Question",
    "Teams",
    "class_text",
    "is_custom",
    "load_competition",
    "question_version",
    "read_competition",
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


def read_competition(directory: Path | str) -> tuple[Competition | None, list[Problem]]:
    """As `load_competition`, with problems returned: what can be read is read, to be checked further.

    A competition that comes with problems must not be served: wrong keys are left out of it, and
    questions with wrong keys altogether. It is None where nothing could be read.
    """
    directory = Path(directory)
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
    return competition, [*problems, *sense_problems(competition)]


_MODELS: dict[str, type[BaseModel]] = {
    "": Competition,
    "question": Question,
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
    """Hash of all that a question's scores depend on: truth, metrics, their options and code."""
    digest = hashlib.sha256()
    fields = question.model_dump(
        mode="json", exclude={"title", "data", "sample_submission", "baselines", "weight"}
    )
    digest.update(json.dumps(fields, sort_keys=True).encode())
    for path in sorted({question.truth, *question.metric_files}):
        digest.update((competition.directory / path).read_bytes())
    return digest.hexdigest()
