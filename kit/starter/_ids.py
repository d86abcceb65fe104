"""Guesses the id column: rows are matched by it, never by their order."""

from __future__ import annotations

import re

from kit.errors import Problem
from kit.starter._draft import Guess
from kit.starter._tables import Tables, refusal

N_NAMED = 5
_LIKE_AN_ID = re.compile(r"(^|[^a-z])(id|key|uuid)($|[^a-z])|[a-z]I[dD]$|^id", re.IGNORECASE)


def guess_id(tables: Tables, given: str | None) -> Guess:
    """The column that names each row of test and truth alike.

    Raises
    ------
    InvalidCompetition
        There is none, or the given one does not; names the ids that are in the way.
    """
    shared = [str(c) for c in tables.test.columns if c in tables.truth.columns]
    if given is not None:
        problems = _given_problems(tables, given) or _id_problems(tables, given)
        if problems:
            raise refusal(problems)
        return Guess("id_column", given, "")
    if not shared:
        text = (
            f"shares no column with {tables.test_path.name} (here: {', '.join(tables.truth.columns)}; "
            f"there: {', '.join(tables.test.columns)}), so its rows cannot be matched."
        )
        fix = (
            "Rows are never matched by their order: add an id column to both, as with "
            "frame.insert(0, 'id', range(len(frame)))."
        )
        raise refusal([Problem(str(tables.truth_path), "", text, fix)])
    problems_of = {column: _id_problems(tables, column) for column in shared}
    good = [column for column in shared if not problems_of[column]]
    if not good:
        nearest = max(shared, key=lambda c: (bool(_LIKE_AN_ID.search(c)), _n_matched(tables, c)))
        raise refusal(problems_of[nearest])
    found = next((c for c in good if _LIKE_AN_ID.search(c)), good[0])
    why = "each row of test and truth has its own, the same in both."
    return Guess("id_column", found, why, "--id COLUMN")


def _given_problems(tables: Tables, column: str) -> list[Problem]:
    return [
        Problem(str(path), column, "is no column.", f"It has {', '.join(frame.columns)}.")
        for path, frame in ((tables.test_path, tables.test), (tables.truth_path, tables.truth))
        if column not in frame
    ]


def _n_matched(tables: Tables, column: str) -> int:
    return len(set(tables.test[column].dropna()) & set(tables.truth[column].dropna()))


def _id_problems(tables: Tables, column: str) -> list[Problem]:
    test, truth = tables.test[column], tables.truth[column]
    problems = []
    for path, ids in ((tables.test_path, test), (tables.truth_path, truth)):
        if n := int(ids.isna().sum()):
            problems.append(Problem(str(path), column, f"{n} ids are empty.", "Fill them in."))
        if repeated := ids[ids.duplicated()].dropna().unique().tolist():
            text = f"ids stand more than once: {_named(repeated)}."
            problems.append(Problem(str(path), column, text, "Give each row its own, or name another --id."))
    in_test, in_truth = set(test.dropna()), set(truth.dropna())
    for path, name, ids, others in (
        (tables.test_path, "truth", test, in_truth),
        (tables.truth_path, "test", truth, in_test),
    ):
        if strange := [i for i in ids.dropna().unique().tolist() if i not in others]:
            text = f"{len(strange)} of its ids are not in {name}: {_named(strange)}."
            problems.append(Problem(str(path), column, text, "Test and truth must hold the same ids."))
    return problems


def _named(ids: list[str]) -> str:
    return ", ".join([*ids[:N_NAMED], *(["…"] if len(ids) > N_NAMED else [])])
