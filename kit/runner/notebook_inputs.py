"""What a notebook is given to read: the tables of its question as files, without a label of the test rows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from kit.competition import Competition, Question
from kit.runner.tables import read_tables
from kit.truth import Truth


def notebook_inputs(competition: Competition, question: Question, truth: Truth) -> Mapping[str, bytes]:
    """Files by name: ``train``, as the organizer wrote it, and ``test``, each with the suffix of its own.

    Of ``test`` only ids and the columns that ``train`` has too are given, and no target.

    Raises
    ------
    InvalidCompetition
        With every problem of the tables.
    """
    assert question.code and question.code.train and question.code.test
    tables = read_tables(competition, question, truth)
    train, test = (competition.directory / path for path in (question.code.train, question.code.test))
    columns = [question.id_column, *tables.X_test.columns]
    return {f"train{_suffix(train)}": train.read_bytes(), f"test{_suffix(test)}": _only(test, columns)}


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:])


def _only(path: Path, columns: list[str]) -> bytes:
    """A table with these columns alone; the file as it is, where it has no others."""
    is_parquet = path.suffix == ".parquet"
    # As text: numbers stay as they were written.
    frame = pd.read_parquet(path) if is_parquet else pd.read_csv(path, dtype=str, keep_default_na=False)
    named = frame.set_axis(frame.columns.map(str), axis="columns")
    kept = named[[column for column in named if column in set(columns)]]
    if kept.shape[1] == frame.shape[1] and frame.index.name is None:
        return path.read_bytes()
    file = io.BytesIO()
    if is_parquet:
        kept.to_parquet(file, index=False)
        return file.getvalue()
    packed: Literal["gzip", "zstd"] | None = (
        "gzip" if path.suffix == ".gz" else "zstd" if path.suffix == ".zst" else None
    )
    kept.to_csv(file, index=False, compression=packed)
    return file.getvalue()
