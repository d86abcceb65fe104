"""Reads the three CSV files a competition is made of, and names what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kit.errors import InvalidCompetition, Problem

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Tables:
    """Three CSV files; ``test`` and ``truth`` as text, cell by cell, ``train`` by its header."""

    train_path: Path
    test_path: Path
    truth_path: Path
    train_columns: tuple[str, ...]
    test: pd.DataFrame
    truth: pd.DataFrame

    def train(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Columns of the training data, typed."""
        return _typed(self.train_path, columns)

    def typed_truth(self, columns: tuple[str, ...]) -> pd.DataFrame:
        """Columns of the truth, typed as the kit reads them."""
        return _typed(self.truth_path, columns)


def read_tables(train: Path, test: Path, truth: Path) -> Tables:
    """Read the files.

    Raises
    ------
    InvalidCompetition
        One of them is no CSV file.
    """
    problems = [problem for path in (train, test, truth) for problem in _form_problems(path)]
    if problems:
        raise refusal(problems)
    try:
        return Tables(train, test, truth, tuple(_header(train)), _text(test), _text(truth))
    except (ValueError, OSError) as error:
        raise refusal([Problem(str(truth), "", f"cannot be read: {error}.", "Write CSV.")]) from None


def refusal(problems: list[Problem]) -> InvalidCompetition:
    """The error that these files do not make a competition."""
    return InvalidCompetition("these files", problems)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _form_problems(path: Path) -> Iterator[Problem]:
    try:
        header = _header(path)
    except OSError as error:
        yield Problem(str(path), "", f"cannot be read: {error.strerror}.", "Name a CSV file.")
        return
    except (UnicodeDecodeError, csv.Error):
        yield Problem(str(path), "", "is no UTF-8 text.", "Save it as CSV in UTF-8.")
        return
    if not any(header):
        yield Problem(str(path), "", "has no header.", "Write the names of the columns in its first line.")
    for separator, words in _SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            fix = f"Write commas: pd.read_csv(path, sep={separator!r}).to_csv(path, index=False)"
            yield Problem(str(path), "", f"its columns are separated by {words}.", fix)
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        yield Problem(str(path), repeated[0], "is the name of two columns.", "Give each its own.")


def _text(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], index_col=False)


def _typed(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.read_csv(path, usecols=list(columns), keep_default_na=False, na_values=[""], low_memory=False)
