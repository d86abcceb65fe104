"""What is wrong with the files participants get: columns, ids, the sample submission."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from kit.check._files import published
from kit.check._metrics import perfect
from kit.competition import FILE, Competition, Question, class_text
from kit.errors import InvalidPredictions, Problem
from kit.predictions import read_predictions
from kit.tables import read_csv
from kit.truth import Truth

Frames = Mapping[str, pd.DataFrame]
"""By path, as competition.toml writes it; ids are text."""

TABLES = (".csv", ".csv.gz", ".csv.zst", ".parquet")
N_NAMED = 5


def read_data(competition: Competition) -> tuple[Frames, list[Problem]]:
    """Each table that participants get, and a problem for each that cannot be read."""
    samples = {q.sample_submission for q in competition.question}
    id_columns = {q.id_column for q in competition.question}
    targets = {column for q in competition.question for column in q.target}
    frames: dict[str, pd.DataFrame] = {}
    problems = []
    for _, _, path in published(competition):
        if path in frames or path in samples or not path.endswith(TABLES):
            continue
        try:
            frames[path] = _read(competition.directory / path, id_columns, targets)
        except Exception as error:
            fix = "Write CSV (UTF-8, commas) or Parquet."
            problems.append(Problem(path, "", f"cannot be read: {error}.", fix))
    return frames, problems


def _read(path: Path, id_columns: Collection[str], targets: Collection[str]) -> pd.DataFrame:
    if path.suffix != ".parquet":
        return read_csv(path, ids=id_columns, classes=targets)
    frame = pd.read_parquet(path)
    return frame.assign(**{c: frame[c].astype(str) for c in id_columns if c in frame})


def ids_of(truth: Truth) -> pd.Index:
    """The ids to predict, as text."""
    return pd.Index(truth.expected.ids).astype(str)


def role(path: str, frame: pd.DataFrame, question: Question, truth: Truth) -> str:
    """``train``, ``test``, ``sample`` or ``other``: by the file's name, else by its ids and target."""
    name = PurePath(path).name.lower()
    for word in ("sample", "train", "test"):
        if word in name:
            return word
    if question.id_column not in frame:
        return "other"
    if frame[question.id_column].isin(ids_of(truth)).any():
        return "test"
    return "train" if set(question.target) <= set(frame.columns) else "other"


def data_problems(
    competition: Competition, question: Question, truth: Truth, frames: Frames
) -> Iterator[Problem]:
    """Problems of train and test columns, ids and the sample submission of one question."""
    own = {path: frames[path] for path in question.data if path in frames}
    roles = {path: role(path, frame, question, truth) for path, frame in own.items()}
    key = f"question '{question.id}': data"
    for word, missing in (("train", "learn from"), ("test", "predict for")):
        if word not in roles.values():
            text = f"no table with '{word}' in its name, so there is nothing to {missing}."
            yield Problem(FILE, key, text, f"Add it, as in data/{word}.csv.", warning=True)
    trains = {path: own[path] for path in own if roles[path] == "train"}
    tests = {path: own[path] for path in own if roles[path] == "test"}
    yield from _train_problems(question, truth, trains)
    yield from _test_problems(question, truth, tests)
    yield from _sample_problems(competition, question, truth)


def _train_problems(question: Question, truth: Truth, trains: Frames) -> Iterator[Problem]:
    for path, frame in trains.items():
        for column in question.target:
            if column not in frame:
                text = f"is no column, and it is the target of question '{question.id}'."
                yield Problem(path, column, text, f"It has {_named(frame.columns)}.")
            elif truth.expected.classes and column in truth.frame:
                seen = {class_text(v) for v in frame[column].dropna().unique().tolist()}
                unseen = sorted({class_text(v) for v in truth.frame[column].unique().tolist()} - seen)
                if unseen:
                    text = f"lacks {_count(unseen, 'class')} of the truth: {_named(unseen)}."
                    fix = "Check that both files spell the classes alike."
                    yield Problem(path, column, text, fix, warning=True)


def _test_problems(question: Question, truth: Truth, tests: Frames) -> Iterator[Problem]:
    column, given = question.id_column, set()
    for path, frame in tests.items():
        if column not in frame:
            text = f"is no column, and predictions of question '{question.id}' are matched by it."
            yield Problem(path, column, text, f"It has {_named(frame.columns)}.")
        else:
            given |= set(frame[column].dropna())
    if not given:
        return
    wanted, where = set(ids_of(truth)), ", ".join(tests)
    if missing := [i for i in ids_of(truth) if i not in given]:
        text = f"lacks {_count(missing, 'id')} of the truth: {_named(missing)}."
        yield Problem(where, column, text, f"Add their rows, or take them out of {question.truth}.")
    if unknown := sorted(given - wanted):
        text = f"holds {_count(unknown, 'id')} that the truth does not: {_named(unknown)}."
        yield Problem(where, column, text, f"Take their rows out, or add them to {question.truth}.")


def _sample_problems(competition: Competition, question: Question, truth: Truth) -> Iterator[Problem]:
    path = question.sample_submission
    if path is None or not (competition.directory / path).is_file():
        return
    try:
        sample = read_predictions(competition.directory / path, truth.expected)
    except InvalidPredictions as error:
        for problem in error.problems:
            yield Problem(path, "", f"is no valid submission: {problem}.", "Mend the file.")
        return
    if np.allclose(sample.to_numpy(), perfect(truth).to_numpy()):
        yield Problem(path, "", "holds the truth, and participants get it.", "Write constants instead.")


def _count(items: list[str], noun: str) -> str:
    plural = {"class": "classes", "id": "ids"}[noun]
    return f"{len(items)} {noun if len(items) == 1 else plural}"


def _named(items: Iterable[object]) -> str:
    shown = [str(item) for item in items]
    return ", ".join([*shown[:N_NAMED], *(["…"] if len(shown) > N_NAMED else [])])
