"""What the service knows of its competitions and their questions. Keeps no labels."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kit.competition import NOT_JUDGED_BY, Competition, Phase, Question, is_custom, load_copy
from kit.errors import InvalidCompetition, InvalidRequest, NotFound
from kit.metrics import get_metric
from kit.predictions import Expected
from kit.runner.ramp_facts import kept_facts
from kit.truth import read_truth


@dataclass(frozen=True)
class DataFile:
    """A file that participants get."""

    name: str
    path: Path
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class HostedMetric:
    """What participants are told of a metric."""

    name: str
    greater_is_better: bool
    summary: str


@dataclass(frozen=True)
class Sight:
    """What participants may see of public scores: by default all.

    ``is_ladder``: of each team only the score that the ladder released. ``until``: nothing of what was
    submitted at that time or later.
    """

    is_hidden: bool = False
    is_ladder: bool = False
    until: datetime | None = None

    def reaches(self, submitted_at: datetime) -> bool:
        """Whether a submission of that time may be seen to have a score."""
        return not self.is_hidden and (self.until is None or submitted_at < self.until)


@dataclass(frozen=True)
class HostedQuestion:
    """A question and what participants may know of its truth: ids, columns and classes.

    Where a problem.py takes the truth's place, there is no form of predictions. ``entries`` are the files
    that code must have; ``n_folds`` is None where only reading the data tells.
    """

    question: Question
    version: str
    max_bytes: int
    files: Mapping[str, DataFile]
    sample_submission: str | None
    metrics: tuple[HostedMetric, ...] = ()
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    domain: str = ""
    n_rows: int | None = None
    ids_parquet: bytes | None = None
    ids_sha256: str = ""
    entries: tuple[str, ...] = ()
    n_folds: int | None = None

    @property
    def id(self) -> str:
        """The question's id."""
        return self.question.id

    @property
    def kinds(self) -> tuple[str, ...]:
        """What may be submitted."""
        return self.question.kinds

    def ids(self) -> bytes:
        """The ids that predictions must have, sorted, as Parquet.

        Raises
        ------
        InvalidRequest
            It takes no predictions.
        """
        if self.ids_parquet is None:
            wanted = " and ".join(self.entries)
            raise InvalidRequest(f"Question '{self.id}' takes no predictions: submit code, {wanted}.")
        return self.ids_parquet

    def find_file(self, name: str) -> DataFile:
        """A file by its exact name.

        Raises
        ------
        NotFound
        """
        # A look-up among known names: what was asked for never becomes part of a path.
        if name not in self.files:
            raise NotFound(f"Question '{self.id}' has no file {name!r}; it has {', '.join(self.files)}.")
        return self.files[name]


@dataclass(frozen=True)
class Hosted:
    """A competition that the service runs."""

    competition: Competition
    questions: Mapping[str, HostedQuestion]
    rules: str | None
    rules_hash: str | None

    @property
    def slug(self) -> str:
        """The competition's slug."""
        return self.competition.slug

    def with_questions(self, questions: Mapping[str, HostedQuestion]) -> Hosted:
        """The same with questions in another version."""
        in_force = tuple(each.question for each in questions.values())
        competition = self.competition.model_copy(update={"question": in_force})
        return replace(self, competition=competition, questions=questions)

    def find(self, question: str) -> HostedQuestion:
        """A question by its id.

        Raises
        ------
        NotFound
        """
        return self.questions[self.competition.find_question(question).id]

    def is_closed(self, now: datetime) -> bool:
        """Whether private scores may be shown."""
        return now >= self.competition.closes_at

    def leaderboard(self, now: datetime) -> Literal["public", "hidden", "frozen", "ladder"]:
        """What participants see of scores: as the phase in force says, also in the pause after it."""
        if self.is_closed(now):
            return "public"
        started = [p for p in self.competition.phases if p.opens_at is not None and p.opens_at <= now]
        phase: Phase = started[-1] if started else self.competition.phases[0]
        return phase.leaderboard

    def leaderboard_in(self, phase: str) -> Literal["public", "hidden", "frozen", "ladder"]:
        """What a phase shows participants of scores; public of one that is no more."""
        return next((p.leaderboard for p in self.competition.phases if p.id == phase), "public")

    def is_code_visible(self, now: datetime) -> bool:
        """Whether everyone may read everyone's code: as the last phase that opened says."""
        started = [p for p in self.competition.phases if p.opens_at is not None and p.opens_at <= now]
        return bool(started) and started[-1].code_visible

    def is_code_visible_in(self, phase: str) -> bool:
        """Whether everyone reads everyone's code in a phase."""
        return any(p.id == phase and p.code_visible for p in self.competition.phases)

    def is_hidden(self, now: datetime) -> bool:
        """Whether participants see no scores."""
        return self.sight(now).is_hidden

    def sight(self, now: datetime) -> Sight:
        """What participants may see of public scores; a frozen leaderboard is as it was before its phase."""
        if self.is_closed(now):
            return Sight()
        started = [p for p in self.competition.phases if p.opens_at is not None and p.opens_at <= now]
        until = None
        while started and started[-1].leaderboard == "frozen":
            until = started.pop().opens_at
        if started:
            kind = started[-1].leaderboard
        else:
            kind = "public" if until is not None else self.competition.phases[0].leaderboard
        return Sight(kind == "hidden", kind == "ladder", until)

    def state(self, now: datetime) -> str:
        """``upcoming``, ``open`` or ``closed``."""
        if now < self.competition.opens_at:
            return "upcoming"
        return "closed" if self.is_closed(now) else "open"


def host(competition: Competition, questions: Mapping[str, HostedQuestion]) -> Hosted:
    """A competition with its questions as they are in force."""
    rules = None
    if competition.rules is not None:
        rules = (competition.directory / competition.rules).read_text(encoding="utf-8")
    return Hosted(
        competition=competition,
        questions={},
        rules=rules,
        rules_hash=None if rules is None else hashlib.sha256(rules.encode()).hexdigest(),
    ).with_questions(questions)


def host_question(competition: Competition, question_id: str, version: str, copy: Path) -> HostedQuestion:
    """Read what the service needs of a question; its truth is read, and forgotten but for the ids.

    Parameters
    ----------
    competition : Competition
        As its files are: says what participants are shown and given.
    copy : Path
        The files of a version of the question: say all that it is judged by.

    Raises
    ------
    InvalidCompetition
    OrganizerError
        The environment of its code is not there.
    """
    copied = load_copy(copy)
    shown = competition.find_question(question_id).model_dump(include=NOT_JUDGED_BY)
    question = copied.find_question(question_id).model_copy(update=shown)
    paths = [*question.data, *([question.sample_submission] if question.sample_submission else [])]
    files = [_data_file(competition.directory / path) for path in paths]
    hosted = HostedQuestion(
        question=question,
        version=version,
        max_bytes=int(copied.limits.max_mb * 1_000_000),
        files={file.name: file for file in files},
        sample_submission=Path(question.sample_submission).name if question.sample_submission else None,
    )
    try:
        return (_with_problem if question.has_problem else _with_truth)(hosted, copied)
    except InvalidCompetition as error:
        # By the folder that the organizer knows.
        raise InvalidCompetition(str(competition.directory), error.problems) from None


def _with_truth(hosted: HostedQuestion, copied: Competition) -> HostedQuestion:
    question, code = hosted.question, hosted.question.code
    # Only ``expected`` is kept: the process that talks to the network holds no labels.
    expected = read_truth(copied, question).expected
    ids = _ids_parquet(expected)
    return replace(
        hosted,
        metrics=tuple(_metric(question, name) for name in question.metrics),
        columns=expected.columns,
        classes=expected.classes,
        domain=expected.domain.value,
        n_rows=len(expected.ids),
        ids_parquet=ids,
        ids_sha256=hashlib.sha256(ids).hexdigest(),
        entries=(f"{code.submission}.py",) if code else (),
    )


def _with_problem(hosted: HostedQuestion, copied: Competition) -> HostedQuestion:
    """A question as its problem.py has it, which runs in another process and tells what it is."""
    facts = kept_facts(copied, hosted.question)
    first, *more = facts.metrics
    said = {"metric": first, "more_metrics": tuple(more), "greater_is_better": facts.directions[first]}
    return replace(
        hosted,
        question=hosted.question.model_copy(update={"title": hosted.question.title or facts.title, **said}),
        metrics=tuple(HostedMetric(name, facts.directions[name], "") for name in facts.metrics),
        entries=facts.entries,
        n_folds=facts.n_folds,
    )


def _ids_parquet(expected: Expected) -> bytes:
    # Sorted, since the order of the truth's rows may say something of its labels.
    ids = np.sort(expected.ids)
    column = pa.array(ids.tolist(), pa.string()) if ids.dtype == object else pa.array(ids)
    buffer = io.BytesIO()
    pq.write_table(pa.table({expected.id_column: column}), buffer, compression="zstd")
    return buffer.getvalue()


def _data_file(path: Path) -> DataFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return DataFile(path.name, path, path.stat().st_size, sha256)


def _metric(question: Question, name: str) -> HostedMetric:
    summary = "" if is_custom(name) else get_metric(name).summary
    return HostedMetric(name, question.is_greater_better(name), summary)
