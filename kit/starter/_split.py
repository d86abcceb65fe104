"""The public and the private part of a truth: as it has them, else dealt out, stratified."""

from __future__ import annotations

import secrets

import numpy as np
import pandas as pd

from kit.errors import Problem
from kit.starter._draft import Guess
from kit.starter._tables import Tables, refusal
from kit.submission import Split


def guess_split(tables: Tables, target: str, *, is_class: bool) -> tuple[pd.Series, Guess]:
    """The split of each row of the truth, and where it comes from.

    Raises
    ------
    InvalidCompetition
        A column 'split' holds something else.
    """
    names = {split.value for split in Split}
    for column in tables.truth.columns:
        if str(column).lower() not in ("split", "usage"):
            continue
        values = tables.truth[column].fillna("").str.strip().str.lower()
        if set(values) == names:
            return values, Guess("split", f"as in column '{column}'", f"{_counts(values)}.")
        if column == "split":
            odd = ", ".join(repr(v) for v in sorted(set(values) - names)[:5]) or f"only {values.iloc[0]!r}"
            fix = (
                "Write 'public' or 'private' in each row, both, or take the column out: rows are dealt then."
            )
            raise refusal([Problem(str(tables.truth_path), "split", f"holds {odd}.", fix)])
    if len(tables.truth) < 2:
        text = "has a single row." if len(tables.truth) else "has no rows."
        fix = "Two splits need two rows, better hundreds."
        raise refusal([Problem(str(tables.truth_path), "", text, fix)])
    dealt = deal(tables.typed_truth((target,))[target], is_class=is_class)
    by = "class" if is_class else "tenth of the values"
    why = f"no column 'split' in the truth: half of each {by} of '{target}' was dealt to each, at random."
    return dealt, Guess("split", _counts(dealt), why, "edit private/truth.csv")


def deal(values: pd.Series, *, is_class: bool) -> pd.Series:
    """Deal rows to public and private by turns, class by class, or tenth by tenth of the values."""
    codes = pd.factorize(values, sort=True)[0]
    strata = (
        codes if is_class else values.rank(method="first").to_numpy().astype(int) * 10 // (len(values) + 1)
    )
    # A known seed would tell participants which rows are public.
    lots = np.random.default_rng(secrets.randbits(128)).permutation(len(values))
    order = np.lexsort((lots, strata))
    split = np.empty(len(values), dtype=object)
    split[order[0::2]] = Split.PRIVATE.value
    split[order[1::2]] = Split.PUBLIC.value
    return pd.Series(split, index=values.index)


def _counts(split: pd.Series) -> str:
    n_public = int((split == Split.PUBLIC.value).sum())
    return f"{n_public} rows public, {len(split) - n_public} private"
