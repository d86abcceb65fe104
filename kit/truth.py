"""The truth of a question: read, checked, and encoded once, for all submissions. Never leaves the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from kit._competition_problems import nearest
from kit.competition import Competition, Question, class_text, is_custom, load_competition
from kit.errors import InvalidCompetition, OrganizerError, Problem
from kit.metrics import Array, Domain, Metric, Target, get_metric
from kit.predictions import Expected
from kit.submission import Split

MOST_OF_ALL = 0.8
"""A class that holds more of the rows leaves the others rare."""


@dataclass(frozen=True)
class Truth:
    """The truth of a question, rows in the order of ``expected.ids``.

    Parameters
    ----------
    targets : ndarray of shape (n, n_targets)
        Floats, or class codes 0..K-1 in the order of ``expected.classes``.
    is_public : ndarray of bool, shape (n,)
    groups, events : ndarray of shape (n,) or None
        Group codes and event indicators, where the question names such columns.
    """

    expected: Expected
    targets: Array
    is_public: Array
    groups: Array | None
    events: Array | None
    frame: pd.DataFrame
    """Target columns as the organizer wrote them, indexed by id: what a custom metric gets."""

    def rows(self, split: Split) -> Array:
        """Row numbers of a split, shape (n_split,)."""
        return self._rows[split]

    @cached_property
    def has_rare_class(self) -> bool:
        """Whether labels are predicted and one class holds most rows: honest files nearly agree then."""
        if self.expected.domain is not Domain.LABEL:
            return False
        return any(bool(np.bincount(codes).max() > MOST_OF_ALL * len(codes)) for codes in self.targets.T)

    @cached_property
    def _rows(self) -> dict[Split, Array]:
        return {s: np.flatnonzero(self.is_public == (s is Split.PUBLIC)) for s in Split}


def read_truth(competition: Competition, question: Question) -> Truth:
    """Read and check a question's truth.

    Raises
    ------
    InvalidCompetition
        With every problem found, in terms of the truth file.
    """
    if not question.truth:
        text, fix = "is left out: its problem.py scores code, and no predictions.", "Use kit test."
        problem = Problem("competition.toml", f"question '{question.id}': truth", text, fix)
        raise InvalidCompetition(str(competition.directory), [problem])
    frame = _read_frame(competition, question)
    problems = _column_problems(question, frame)
    if not problems:
        problems = [*_value_problems(question, frame), *_metric_problems(question, frame)]
    if problems:
        raise InvalidCompetition(str(competition.directory), problems)
    return _encoded(competition, question, frame)


def load_competitions(directories: Sequence[Path]) -> list[Competition]:
    """Load competitions and check that each can be judged.

    Raises
    ------
    InvalidCompetition, OrganizerError
    """
    competitions = [load_competition(directory) for directory in directories]
    slugs = [c.slug for c in competitions]
    for slug in slugs:
        if slugs.count(slug) > 1:
            where = ", ".join(str(c.directory) for c in competitions if c.slug == slug)
            raise OrganizerError(f"Two competitions have the slug '{slug}': {where}. Change one.")
    for competition in competitions:
        for question in competition.question:
            # A problem.py is read where it is hosted, in a process of its own.
            if not question.has_problem:
                read_truth(competition, question)
    return competitions


def classes_of(question: Question, frame: pd.DataFrame) -> tuple[str, ...]:
    """The question's classes as text: as its organizer orders them, else sorted; empty for numbers."""
    if _target_kind(question) is not Target.CLASS:
        return ()
    if question.classes:
        return question.classes
    values = {value for column in question.target for value in frame[column].unique().tolist()}
    in_order = sorted(values, key=lambda value: (isinstance(value, str), value))
    return tuple(dict.fromkeys(class_text(value) for value in in_order))


def domain_of(question: Question, classes: tuple[str, ...]) -> Domain:
    """The narrowest domain that serves every metric of the question.

    Where labels are wanted beside scores or probabilities, probabilities are asked for, and the
    label metrics take the likeliest class.

    Raises
    ------
    ValueError
        A metric cannot take that many classes.
    """
    if question.domain is not None:
        return question.domain
    domains = {_metric_domain(get_metric(m), len(classes)) for m in question.metrics if not is_custom(m)}
    if Domain.REAL in domains and Domain.LABEL in domains:
        return Domain.PROBABILITY
    narrowest = (Domain.DISTRIBUTION, Domain.PROBABILITY, Domain.LABEL, Domain.NON_NEGATIVE, Domain.REAL)
    return next((d for d in narrowest if d in domains), Domain.REAL)


def _metric_domain(metric: Metric, n_classes: int) -> Domain:
    if n_classes <= 2:
        return metric.domain
    if metric.multiclass_domain is None:
        raise ValueError(f"'{metric.name}' takes two classes, and the truth has {n_classes}")
    return metric.multiclass_domain


def _target_kind(question: Question) -> Target:
    kinds = [get_metric(m).target for m in question.metrics if not is_custom(m)]
    if not kinds:
        return Target.CLASS if question.classes or question.domain in _CLASS_DOMAINS else Target.NUMBER
    return Target.CLASS if Target.CLASS in kinds else kinds[0]


_CLASS_DOMAINS = (Domain.LABEL, Domain.PROBABILITY, Domain.DISTRIBUTION)


def _read_frame(competition: Competition, question: Question) -> pd.DataFrame:
    path = competition.directory / question.truth
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        text_columns = {question.id_column: str, "split": str}
        # "NA" and "None" may be classes: only an empty cell is empty.
        frame = pd.read_csv(
            path,
            dtype=text_columns,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
        )
    except Exception as error:
        fix = "Write CSV (UTF-8) or Parquet."
        if isinstance(error, PermissionError):
            fix = "Let the account that runs this read it, and no participant's."
        problem = Problem(question.truth, "", f"cannot be read: {error}.", fix)
        raise InvalidCompetition(str(competition.directory), [problem]) from None
    ids = frame.get(question.id_column)
    if ids is not None and len(ids) and ids.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        frame[question.id_column] = ids.astype("int64")
    return frame


def _column_problems(question: Question, frame: pd.DataFrame) -> list[Problem]:
    columns = [str(c) for c in frame.columns]
    wanted = [question.id_column, *question.target, "split"]
    wanted += [c for c in (question.group_column, question.event_column) if c]
    problems = []
    for column in wanted:
        if column not in columns:
            problems.append(
                Problem(question.truth, column, "is no column of the truth.", nearest(column, columns))
            )
    if not problems and len(frame) == 0:
        problems.append(Problem(question.truth, "", "has no rows.", "Add one row for each id."))
    return problems


def _kind_problems(question: Question, ids: pd.Series) -> list[Problem]:
    """Ids that programs read as something else than what stands there, so that none would match."""
    if pd.api.types.is_integer_dtype(ids):
        return []
    given = ids.dropna().astype(object)
    kind = pd.api.types.infer_dtype(given)
    text = f"holds ids of the type {kind}."
    if kind == "string" and given.str.fullmatch(r"-?\d+\.0*").all():
        text = f"holds ids with a point, as {given.iloc[0]!r}, which programs read as other numbers."
    elif kind in ("string", "integer", "empty"):
        return []
    return [
        Problem(question.truth, question.id_column, text, "Write whole numbers or text, in all files alike.")
    ]


def _value_problems(question: Question, frame: pd.DataFrame) -> list[Problem]:
    ids, splits = frame[question.id_column], frame["split"]
    problems = []
    if (n := int(ids.isna().sum())) > 0:
        problems.append(Problem(question.truth, question.id_column, f"{n} ids are empty.", "Fill them in."))
    problems += _kind_problems(question, ids)
    if ids.duplicated().any():
        named = ", ".join(map(str, ids[ids.duplicated()].unique()[:5]))
        text = f"ids stand more than once: {named}."
        problems.append(Problem(question.truth, question.id_column, text, "Keep one row for each id."))
    if odd := sorted({str(s) for s in splits.unique()} - {"public", "private"}):
        text = f"holds {', '.join(map(repr, odd[:5]))}."
        problems.append(Problem(question.truth, "split", text, "Write 'public' or 'private' in each row."))
    for split in Split:
        if not (splits == split.value).any():
            text = f"no row is {split.value}."
            problems.append(Problem(question.truth, "split", text, "Deal rows to both parts."))
    for column in question.target:
        problems += _target_problems(question, frame[column])
    if question.group_column and (n := int(frame[question.group_column].isna().sum())) > 0:
        problems.append(
            Problem(question.truth, question.group_column, f"{n} values are empty.", "Fill them in.")
        )
    if question.event_column and not frame[question.event_column].isin([0, 1]).all():
        text, fix = (
            "holds more than 0 and 1.",
            "Write 1 where the target was observed, 0 where it was censored.",
        )
        problems.append(Problem(question.truth, question.event_column, text, fix))
    return problems


def _target_problems(question: Question, column: pd.Series) -> list[Problem]:
    name = str(column.name)
    if (n := int(column.isna().sum())) > 0:
        return [Problem(question.truth, name, f"{n} values are empty.", "Fill them in, or drop the rows.")]
    if _target_kind(question) is Target.CLASS:
        known = set(question.classes)
        odd = sorted({class_text(v) for v in column.unique()} - known) if known else []
        text, fix = f"holds {', '.join(map(repr, odd[:5]))}.", "Add them to classes, or mend the truth."
        return [Problem(question.truth, name, text, fix)] if odd else []
    numbers = pd.to_numeric(column, errors="coerce")
    if not np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan)).all():
        bad = column[~np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan))].tolist()[0]
        fix = 'Mend the truth; for classes, choose a metric of classes, or set domain = "label".'
        return [Problem(question.truth, name, f"{bad!r} is not a finite number.", fix)]
    return []


def _metric_problems(question: Question, frame: pd.DataFrame) -> list[Problem]:
    problems = []
    classes = classes_of(question, frame)
    if classes and len(classes) < 2:
        text = f"holds one class only ({classes[0]})."
        problems.append(Problem(question.truth, question.target[0], text, "The truth needs two or more."))
    metrics = [get_metric(name) for name in question.metrics if not is_custom(name)]
    try:
        wrong = _mixed_kinds(metrics) or _unfit(question, domain_of(question, classes), classes)
    except ValueError as error:
        wrong = [(f"{error}.", "Choose metrics that go together.")]
    for name in (m.name for m in metrics if m.needs_groups and not question.group_column):
        fix = 'Add group_column = "…", the column of the truth that names each row\'s query.'
        wrong.append((f"'{name}' is computed by group.", fix))
    key = f"question '{question.id}': metric"
    return [*problems, *(Problem("competition.toml", key, text, fix) for text, fix in wrong)]


def _mixed_kinds(metrics: Sequence[Metric]) -> list[tuple[str, str]]:
    if len({metric.target is Target.CLASS for metric in metrics}) < 2:
        return []
    named = ", ".join(f"'{m.name}' ({m.target.value})" for m in metrics)
    return [(f"the metrics take different truths: {named}.", "Make one question for each kind.")]


def _unfit(question: Question, domain: Domain, classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """What the question's metrics and domain ask for that cannot be given together, and the way out."""
    metrics = [get_metric(name) for name in question.metrics if not is_custom(name)]
    wrong = []
    if domain is Domain.DISTRIBUTION and len(question.target) > 1:
        text = "several targets with a probability for each class."
        wrong.append((text, "Make one question for each target."))
    if domain is Domain.PROBABILITY and len(classes) > 2:
        text = f"domain is 'probability', and the truth has {len(classes)} classes."
        wrong.append((text, 'Set domain = "distribution".'))
    for metric in metrics:
        if question.domain is not None and domain not in _SERVES[_metric_domain(metric, len(classes))]:
            text = f"'{metric.name}' cannot be computed from domain '{domain.value}'."
            wrong.append((text, "Leave domain out: it follows from the metrics."))
    if odd := sorted(set(question.metric_options.get("class_weights", {})) - set(classes)):
        text = f"class_weights names '{odd[0]}', and the classes are {', '.join(classes)}."
        wrong.append((text, "Name the classes as they stand in the truth."))
    return wrong


_BY_CLASS = (Domain.PROBABILITY, Domain.DISTRIBUTION)
_SERVES: dict[Domain, tuple[Domain, ...]] = {
    Domain.LABEL: (Domain.LABEL, *_BY_CLASS),
    Domain.PROBABILITY: _BY_CLASS,
    Domain.DISTRIBUTION: (Domain.DISTRIBUTION,),
    Domain.NON_NEGATIVE: (Domain.NON_NEGATIVE, Domain.PROBABILITY),
    Domain.REAL: (Domain.REAL, Domain.NON_NEGATIVE, *_BY_CLASS),
}
"""The domains from which a metric of each domain can be computed."""


def _encoded(competition: Competition, question: Question, frame: pd.DataFrame) -> Truth:
    classes = classes_of(question, frame)
    domain = domain_of(question, classes)
    ids = frame[question.id_column].to_numpy()
    ids = ids.astype("int64") if np.issubdtype(ids.dtype, np.integer) else ids.astype(str).astype(object)
    columns = classes if domain is Domain.DISTRIBUTION else question.target
    max_bytes = int(competition.limits.max_mb * 1_000_000)
    expected = Expected(question.id, question.id_column, ids, columns, domain, classes, max_bytes)
    targets = np.column_stack([_encode(frame[column], classes) for column in question.target])
    return Truth(
        expected=expected,
        targets=targets,
        is_public=(frame["split"] == "public").to_numpy(dtype=bool),
        groups=pd.factorize(frame[question.group_column])[0] if question.group_column else None,
        events=frame[question.event_column].to_numpy(dtype=float) if question.event_column else None,
        frame=frame.set_index(question.id_column)[list(question.target)],
    )


def _encode(column: pd.Series, classes: tuple[str, ...]) -> Array:
    if not classes:
        return pd.to_numeric(column).to_numpy(dtype=float)
    return column.map({v: classes.index(class_text(v)) for v in column.unique()}).to_numpy(dtype="int64")
