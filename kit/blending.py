"""What each submission adds to the ensemble of all, computed in a worker of the judge: it takes labels.

Of code, folds are those it was run on; of uploaded predictions, the one fold is the public split. What was
computed of a submission stays in the worker, so that one more costs little.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kit.competition import Competition, Question, is_custom, load_copy
from kit.contributivity import Blend, bagged_score, contributivity, per_fold
from kit.errors import OrganizerError
from kit.metrics import Array, Domain, Metric, Target, get_metric
from kit.predictions import read_predictions
from kit.runner.problem import TableProblem, load_problem
from kit.store import Blended, Share
from kit.submission import Split
from kit.truth import Truth, read_truth

log = logging.getLogger("kit.blending")

MOST_CELLS = 25_000_000
"""So many predicted numbers are held at a time."""
MOST_BAGGED = 2_000_000
"""Of more predicted numbers only the exact contributivity is computed: bagging these takes half a minute."""
MOST_KEPT = 2
"""Questions whose predictions the worker keeps."""
OWN_METRIC = "Its metric is the organizers' own function."
MOST_OF_PROBLEM = 60
"""So many submissions of a question in RAMP's contract, whose own Python combines them."""
MOST_MEMBERS = 80


class CannotBlend(Exception):
    """A question whose submissions cannot be blended, or not yet; the text says why."""


@dataclass(frozen=True)
class Member:
    """A submission, and the file with what it predicted."""

    submission: int
    judgement: int
    file: Path


@dataclass(frozen=True)
class BlendJob:
    """Which submissions of a question are to be blended, those that matter most first."""

    directory: Path
    question: str
    version: str
    members: tuple[Member, ...]
    are_code: bool
    n_left_out: int = 0
    is_bagged: bool = False
    """Whether the bagged contributivity is wanted too, which takes most of the time."""


def blend(job: BlendJob) -> Blended:
    """Blend submissions; where that cannot be, ``why`` says it."""
    try:
        competition = load_copy(job.directory)
        question = competition.find_question(job.question)
        if question.has_problem:
            return _blend_by_problem(competition, question, job)
        return _warm(competition, question, job).found(job)
    except (CannotBlend, OrganizerError, ValueError) as error:
        _KEPT.clear()
        why = str(error) if isinstance(error, CannotBlend) else f"It failed: {type(error).__name__}."
        if not isinstance(error, CannotBlend):
            log.exception("Submissions of question %s cannot be blended", job.question)
        return Blended(job.version, {}, why=why, is_bagged=True)


@dataclass(frozen=True, eq=False)
class Rows:
    """Truth of a fold or a split: as the metric takes it, and which rows of the whole these are."""

    truth: Array
    numbers: Array
    extras: Mapping[str, Array]


class _Question:
    """A question's labels, by fold and by split, and how its predictions are read."""

    def __init__(self, competition: Competition, question: Question, *, are_code: bool) -> None:
        if is_custom(question.metric):
            raise CannotBlend(OWN_METRIC)
        self.metric: Metric = get_metric(question.metric)
        self._question, self._are_code = question, are_code
        self._truth = read_truth(competition, question)
        if self.metric.target is Target.CLASS and len(question.target) > 1:
            raise CannotBlend("Classes of several targets are not combined.")
        self.n_classes = len(self._truth.expected.classes)
        self.splits = {split: self._rows(self._truth, self._truth.rows(split)) for split in Split}
        self.folds = self._code_folds(competition) if are_code else [self.splits[Split.PUBLIC]]

    @property
    def n_cells(self) -> int:
        """How many numbers a submission predicts of all folds' rows."""
        wide = len(self._truth.expected.columns) + (self.metric.domain is Domain.LABEL)
        return wide * sum(len(fold.numbers) for fold in self.folds)

    def _code_folds(self, competition: Competition) -> list[Rows]:
        problem = load_problem(competition, self._question, self._truth)
        assert isinstance(problem, TableProblem)
        return [self._rows(problem.truth, rows) for rows in problem.held_out]

    def _rows(self, truth: Truth, numbers: Array) -> Rows:
        targets = truth.targets[numbers]
        extras: dict[str, Array] = {}
        if self.metric.needs_groups and truth.groups is not None:
            extras["groups"] = truth.groups[numbers]
        if self.metric.takes_events and truth.events is not None:
            extras["events"] = truth.events[numbers]
        if self.metric.takes_class_weights:
            weights = self._question.metric_options.get("class_weights", {})
            extras["class_weights"] = np.array(
                [float(weights.get(name, 1.0)) for name in truth.expected.classes]
            )
        return Rows(targets[:, 0] if targets.shape[1] == 1 else targets, numbers, extras)

    def held_out(self, file: Path) -> list[Array]:
        """What a submission predicted of each fold's rows."""
        if not self._are_code:
            return [self._formed(self._read(file)[self.folds[0].numbers])]
        with np.load(file, allow_pickle=False) as kept:
            found = [kept[f"valid_{k}"] for k in range(len(self.folds))]
        return [self._formed(values) for values in found]

    def tested(self, file: Path) -> list[Array]:
        """What it predicted of all rows of the truth, by each fold."""
        if not self._are_code:
            return [self._formed(self._read(file))]
        with np.load(file, allow_pickle=False) as kept:
            found = [kept[f"test_{k}"] for k in range(len(self.folds))]
        return [self._formed(values) for values in found]

    def _read(self, file: Path) -> Array:
        values: Array = read_predictions(file, self._truth.expected).to_numpy()
        return values

    def _formed(self, values: Array) -> Array:
        """As predictions are combined: a column for each class, codes, or numbers."""
        domain = self._truth.expected.domain
        values = values[:, np.newaxis] if values.ndim == 1 else values
        if domain is Domain.PROBABILITY and self.metric.domain is Domain.LABEL:
            return np.column_stack([1.0 - values[:, 0], values[:, 0]])
        return values if domain is Domain.DISTRIBUTION or values.shape[1] > 1 else values[:, 0]


@dataclass
class _Kept:
    """A question with the blend of each fold, and the judgements that are in them."""

    question: _Question
    blends: list[Blend] = field(default_factory=list)
    judgements: list[int] = field(default_factory=list)

    def found(self, job: BlendJob) -> Blended:
        """Blend the members of a job, of which those before them may be known already."""
        n_held = max(2, MOST_CELLS // self.question.n_cells)
        members_in = sorted(job.members[:n_held], key=lambda member: member.submission)
        n_left_out = job.n_left_out + len(job.members) - len(members_in)
        job = replace(job, members=tuple(members_in), n_left_out=n_left_out)
        self._take(job.members)
        folds, metric = self.question.folds, self.question.metric
        truth, rows, extras = _columns(folds)
        if job.is_bagged and len(job.members) * self.question.n_cells <= MOST_BAGGED:
            found = contributivity(
                (each.predictions for each in self.blends), truth, metric, rows=rows,
                n_classes=self.question.n_classes, extras=extras,
            )  # fmt: skip
            members, exact = found.members, found.exact
            bagged, error = found.bagged, found.error
        else:
            members = tuple(each.select() for each in self.blends)
            exact, bagged, error = per_fold(members, len(self.judgements)).mean(axis=0), None, None
        shares = {
            member.submission: Share(float(exact[i]), _at(bagged, i), _at(error, i))
            for i, member in enumerate(job.members)
        }
        return Blended(
            version=job.version,
            shares=shares,
            scores={
                "combined": self._scores(job, members),
                "foldwise_best": self._scores(job, [each[:1] for each in members]),
            },
            n_folds=len(folds),
            n_left_out=job.n_left_out,
            is_bagged=job.is_bagged,
        )

    def _take(self, members: Sequence[Member]) -> None:
        """Bring the blends to these members, in their order; anew where not all of the old ones are first."""
        wanted = [member.judgement for member in members]
        if self.judgements != wanted[: len(self.judgements)]:
            self.judgements = []
        if not self.judgements:
            q = self.question
            self.blends = [
                Blend(fold.truth, q.metric, n_classes=q.n_classes, extras=fold.extras) for fold in q.folds
            ]
        new = [self.question.held_out(member.file) for member in members[len(self.judgements) :]]
        for k, each in enumerate(self.blends):
            if new:
                each.extend(np.stack([held_out[k] for held_out in new]))
        self.judgements = wanted

    def _scores(self, job: BlendJob, members: Sequence[Sequence[int]]) -> dict[str, float]:
        """The metric of the folds' ensembles together, by step."""
        q, found = self.question, {}
        truth, rows, extras = _columns(q.folds)
        held_out = (each.predictions for each in self.blends)
        step = "valid" if job.are_code else Split.PUBLIC.value
        found[step] = bagged_score(
            held_out, members, truth, q.metric, rows=rows, n_classes=q.n_classes, extras=extras
        )
        for split in Split:
            if split.value not in found:
                part = q.splits[split]
                truth, rows, extras = _columns([_whole(part)] * len(q.folds))
                predictions = self._tested(job, members, part)
                found[split.value] = bagged_score(
                    *predictions, truth, q.metric, rows=rows, n_classes=q.n_classes, extras=extras
                )
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def _tested(
        self, job: BlendJob, members: Sequence[Sequence[int]], part: Rows
    ) -> tuple[Iterator[Array], list[tuple[int, ...]]]:
        """Of the chosen submissions alone, what each fold's run predicted of a split; and their places."""
        chosen = sorted({i for fold in members for i in fold})
        tested = [self.question.tested(job.members[i].file) for i in chosen]
        places = [tuple(chosen.index(i) for i in fold) for fold in members]
        by_fold = (np.stack([each[k][part.numbers] for each in tested]) for k in range(len(members)))
        return by_fold, places


def _whole(part: Rows) -> Rows:
    return Rows(part.truth, np.arange(len(part.truth)), part.extras)


def _columns(folds: Sequence[Rows]) -> tuple[list[Array], list[Array], list[Mapping[str, Array]]]:
    return [f.truth for f in folds], [f.numbers for f in folds], [f.extras for f in folds]


def _at(values: Array | None, i: int) -> float | None:
    return None if values is None else float(values[i])


_KEPT: dict[tuple[Path, str, bool], _Kept] = {}


def _warm(competition: Competition, question: Question, job: BlendJob) -> _Kept:
    """What the worker knows of a question's version; the one not asked for longest goes."""
    key = (job.directory, job.question, job.are_code)
    if (kept := _KEPT.pop(key, None)) is None:
        kept = _Kept(_Question(competition, question, are_code=job.are_code))
    _KEPT[key] = kept
    if len(_KEPT) > MOST_KEPT:
        del _KEPT[next(iter(_KEPT))]
    return kept


def _blend_by_problem(competition: Competition, question: Question, job: BlendJob) -> Blended:
    """Blend by a problem.py, which combines and scores predictions in a process of its own."""
    from kit.runner.ramp import STEP_OF, RampProblem

    members = sorted(job.members[:MOST_OF_PROBLEM], key=lambda member: member.submission)
    with closing(RampProblem(competition, question)) as problem:
        folds = range(problem.n_folds)
        files = [dict(np.load(member.file, allow_pickle=False)) for member in members]
        valids = [[file[f"valid_{k}"] for file in files] for k in folds]
        tests = [[file[f"test_{k}"] for file in files] for k in folds]
        chosen = [problem.select(k, valids[k], most=MOST_MEMBERS) for k in folds]
        if not all(chosen):
            raise CannotBlend("Its metric is undefined on a fold.")
        scores = {
            name: problem.blend(valids, tests, picked)
            for name, picked in (("combined", chosen), ("foldwise_best", [each[:1] for each in chosen]))
        }
        metric = problem.metrics[0]
    exact = per_fold(chosen, len(members)).mean(axis=0)
    return Blended(
        version=job.version,
        shares={member.submission: Share(float(exact[i])) for i, member in enumerate(members)},
        scores={
            name: {split.value: found[STEP_OF[split]][metric] for split in Split if STEP_OF[split] in found}
            for name, found in scores.items()
        },
        n_folds=len(chosen),
        n_left_out=job.n_left_out + len(job.members) - len(members),
        is_bagged=True,
    )
