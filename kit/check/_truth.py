"""Whether the splits of a truth can carry a leaderboard."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kit.competition import Question
from kit.errors import Problem
from kit.submission import Split
from kit.truth import Truth

MIN_ROWS = 30
"""Below this, a split's scores are mostly chance."""


def truth_problems(question: Question, truth: Truth) -> Iterator[Problem]:
    """Splits that are small, lack a class, or share a group."""
    for split in Split:
        n_rows = len(truth.rows(split))
        if n_rows < MIN_ROWS:
            rows = "row" if n_rows == 1 else "rows"
            text = f"the {split.value} split has {n_rows} {rows}: its scores are mostly chance."
            fix = f"Use at least {MIN_ROWS}, better hundreds."
            yield Problem(question.truth, "split", text, fix, warning=True)
    yield from _missing_classes(question, truth)
    yield from _shared_groups(question, truth)


def _missing_classes(question: Question, truth: Truth) -> Iterator[Problem]:
    classes = truth.expected.classes
    for number, column in enumerate(question.target if classes else ()):
        codes = truth.targets[:, number]
        present = {split: set(codes[truth.rows(split)].tolist()) for split in Split}
        for split, other in ((Split.PUBLIC, Split.PRIVATE), (Split.PRIVATE, Split.PUBLIC)):
            missing = sorted(present[other] - present[split])
            if missing:
                named = ", ".join(repr(classes[int(code)]) for code in missing[:5])
                text = f"the {split.value} split has no row of {named}."
                fix = "Split each class by itself (a stratified split)."
                yield Problem(question.truth, column, text, fix, warning=True)


def _shared_groups(question: Question, truth: Truth) -> Iterator[Problem]:
    if truth.groups is None or question.group_column is None:
        return
    public, private = (np.unique(truth.groups[truth.rows(split)]) for split in Split)
    n_shared = len(np.intersect1d(public, private))
    if n_shared:
        text = f"{n_shared} groups have rows in both splits: the public score tells of private rows."
        fix = "Deal whole groups to the splits."
        yield Problem(question.truth, question.group_column, text, fix, warning=True)
