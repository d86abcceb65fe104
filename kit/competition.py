"""A competition as its organizer wrote it: reads and checks competition.toml. Reads no truth."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from kit.errors import InvalidCompetition, NotFound, Problem
from kit.metrics import Domain, get_metric

FILE = "competition.toml"
SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Phase(_Model):
    """A stretch of time with its own limits; times are aware UTC, ``opens_at`` in, ``closes_at`` out."""

    id: str = Field(pattern=NAME)
    opens_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    daily_limit: int | None = Field(default=None, ge=1)
    total_limit: int | None = Field(default=None, ge=1)
    interval_s: float = Field(default=0, ge=0)
    concurrent_limit: int | None = Field(default=None, ge=1)
    rejected_count: bool = False
    leaderboard: Literal["public", "hidden"] = "public"


class Teams(_Model):
    """How large teams may be, and until when they may be changed."""

    max_size: int = Field(default=1, ge=1)
    merge_until: AwareDatetime | None = None


class Access(_Model):
    """Who may sign up."""

    signup: Literal["open", "invite"] = "open"
    emails: tuple[str, ...] = ()
    invite_code: str | None = Field(default=None, min_length=6)


class Limits(_Model):
    """Limits of the whole competition."""

    day_starts_at: time = time(0)
    max_mb: float = Field(default=200, gt=0)
    selected: int = Field(default=2, ge=1)
    judge_wall_s: float = Field(default=120, gt=0)
    judge_memory_mb: float = Field(default=2048, gt=0)


class Question(_Model):
    """One target and one metric to rank by."""

    id: str = Field(pattern=NAME)
    title: str = ""
    metric: str
    more_metrics: tuple[str, ...] = ()
    metric_options: dict[str, Any] = {}
    greater_is_better: bool | None = None
    domain: Domain | None = None
    id_column: str
    target: tuple[str, ...]
    classes: tuple[str, ...] = ()
    group_column: str | None = None
    event_column: str | None = None
    truth: str
    data: tuple[str, ...] = ()
    sample_submission: str | None = None
    baselines: tuple[str, ...] = ()
    weight: float = Field(default=1.0, ge=0)

    @field_validator("target", mode="before")
    @classmethod
    def _one_target_is_a_list_too(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("classes", mode="before")
    @classmethod
    def _classes_are_text(cls, value: object) -> object:
        return [class_text(item) for item in value] if isinstance(value, list) else value

    @field_validator("target")
    @classmethod
    def _a_target_at_least(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one target column")
        return value

    @field_validator("metric", "more_metrics")
    @classmethod
    def _known_metrics(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (value,) if isinstance(value, str) else value:
            if not is_custom(name):
                get_metric(name)
        return value

    @model_validator(mode="after")
    def _custom_metrics_have_a_direction(self) -> Self:
        if is_custom(self.metric) and self.greater_is_better is None:
            raise ValueError(
                f"'{self.metric}' is your own metric, and its direction cannot be guessed: "
                "add greater_is_better = true or false"
            )
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric ranked by, then those only shown, each once."""
        return tuple(dict.fromkeys((self.metric, *self.more_metrics)))

    def is_greater_better(self, metric: str) -> bool:
        """Direction of one of the question's metrics."""
        return bool(self.greater_is_better) if is_custom(metric) else get_metric(metric).greater_is_better


class Competition(_Model):
    """All of competition.toml; paths are relative to ``directory``."""

    title: str
    slug: str = Field(pattern=SLUG)
    summary: str = ""
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    rules: str | None = None
    question: tuple[Question, ...] = Field(min_length=1)
    phase: tuple[Phase, ...] = ()
    teams: Teams = Teams()
    access: Access = Access()
    limits: Limits = Limits()
    _directory: Path = PrivateAttr(default=Path())

    @field_validator("opens_at", "closes_at")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.astimezone(UTC)

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.closes_at <= self.opens_at:
            raise ValueError(f"closes_at ({self.closes_at}) is not after opens_at ({self.opens_at})")
        return self

    @property
    def directory(self) -> Path:
        """Where competition.toml lies."""
        return self._directory

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in order, each with both times filled in."""
        phases, opens_at = [], self.opens_at
        for phase in self.phase or (Phase(id="main"),):
            opens_at = phase.opens_at or opens_at
            closes_at = phase.closes_at or self.closes_at
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


def is_custom(metric: str) -> bool:
    """Whether a metric is the organizer's own function, ``file.py:function``."""
    return ":" in metric


def class_text(value: object) -> str:
    """A class as text, the same from TOML, CSV and Parquet: 1, 1.0 and "1" are one class."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def load_competition(directory: Path | str) -> Competition:
    """Read ``directory/competition.toml``.

    Raises
    ------
    InvalidCompetition
        With every problem of the file's form, each with its key and the way out.
    """
    directory = Path(directory)
    try:
        tables = tomllib.loads((directory / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = "Write one with 'kit init', or name the folder that holds it."
        raise InvalidCompetition(str(directory), [Problem(FILE, "", "is not there.", fix)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = Problem(FILE, "", f"is not TOML: {error}.", "Mend that line.")
        raise InvalidCompetition(str(directory), [problem]) from None
    try:
        competition = Competition.model_validate(tables)
    except ValidationError as error:
        raise InvalidCompetition(str(directory), [_problem(e) for e in error.errors()]) from None
    competition._directory = directory.resolve()
    problems = [*_repeated_ids(competition), *_phase_problems(competition), *_missing_files(competition)]
    if problems:
        raise InvalidCompetition(str(directory), problems)
    return competition


def question_version(competition: Competition, question: Question) -> str:
    """Hash of all that a question's scores depend on: truth, metrics, their options and code."""
    digest = hashlib.sha256()
    fields = question.model_dump(
        mode="json", exclude={"title", "data", "sample_submission", "baselines", "weight"}
    )
    digest.update(json.dumps(fields, sort_keys=True).encode())
    paths = {question.truth, *(m.split(":")[0] for m in question.metrics if is_custom(m))}
    for path in sorted(paths):
        digest.update((competition.directory / path).read_bytes())
    return digest.hexdigest()


def _problem(error: Any) -> Problem:
    *table, last = error["loc"] or ("",)
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = list(_model_at(table).model_fields)
        near = difflib.get_close_matches(str(last), known, n=1)
        fix = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(known)}."
        return Problem(FILE, key, "is no key of the kit.", fix)
    if error["type"] == "missing":
        return Problem(FILE, key, "is missing.", f"Add {last} = …")
    if error["type"] in ("timezone_aware", "datetime_type", "datetime_parsing"):
        text = f"{error['input']!s} has no time zone." if error["type"] == "timezone_aware" else "is no time."
        return Problem(FILE, key, text, "Write UTC, as in 2026-03-01T09:00:00Z.")
    message = re.sub(r"^Value error, ", "", error["msg"])
    value = "" if isinstance(error["input"], dict) else f" (it is {error['input']!r})"
    return Problem(FILE, key, f"{message}{value}.", "")


def _model_at(location: list[Any]) -> type[BaseModel]:
    models: dict[str, type[BaseModel]] = {
        "question": Question,
        "phase": Phase,
        "teams": Teams,
        "access": Access,
        "limits": Limits,
    }
    return models.get(str(location[0]), Competition) if location else Competition


def _repeated_ids(competition: Competition) -> list[Problem]:
    problems = []
    for key, ids in (
        ("question", [q.id for q in competition.question]),
        ("phase", [p.id for p in competition.phase]),
    ):
        problems += [
            Problem(FILE, f"{key}.id", f"'{i}' stands {ids.count(i)} times.", "Give each its own id.")
            for i in dict.fromkeys(ids)
            if ids.count(i) > 1
        ]
    return problems


def _phase_problems(competition: Competition) -> list[Problem]:
    problems, previous = [], None
    for phase in competition.phases:
        assert phase.opens_at and phase.closes_at
        if phase.closes_at <= phase.opens_at:
            text = f"'{phase.id}' closes at {phase.closes_at}, not after it opens at {phase.opens_at}."
            problems.append(Problem(FILE, "phase.closes_at", text, "Set a later closes_at."))
        if phase.closes_at > competition.closes_at:
            text = (
                f"'{phase.id}' closes at {phase.closes_at}, after the competition ({competition.closes_at})."
            )
            problems.append(Problem(FILE, "phase.closes_at", text, "Move one of the two."))
        if previous is not None and previous.closes_at is not None and phase.opens_at < previous.closes_at:
            text = f"'{phase.id}' opens at {phase.opens_at}, before '{previous.id}' closes."
            problems.append(Problem(FILE, "phase.opens_at", text, "Phases must not overlap."))
        previous = phase
    return problems


def _missing_files(competition: Competition) -> list[Problem]:
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
        files += [(f"{key}: metric", m.split(":")[0]) for m in q.metrics if is_custom(m)]
    return [(key, path) for key, path in files if path]


def _published_truth(competition: Competition) -> list[Problem]:
    """The worst mistake an organizer can make: the truth listed among the participants' files."""
    secret = {(competition.directory / q.truth).resolve() for q in competition.question}
    return [
        Problem(FILE, f"question '{q.id}': data", f"'{path}' is the truth.", "Take it out of data.")
        for q in competition.question
        for path in (*q.data, *([q.sample_submission] if q.sample_submission else []))
        if (competition.directory / path).resolve() in secret
    ]
