"""Leaderboards and submissions as CSV or Parquet files, for organizers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from kit.cells import guarded
from kit.service import models

Format = Literal["csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def board_table(rows: Sequence[models.BoardRow]) -> pa.Table:
    """A leaderboard as a table."""
    return pa.Table.from_pylist([_board_row(row) for row in rows], schema=_schema(_BOARD, _metrics(rows)))


def _board_row(row: models.BoardRow) -> dict[str, Any]:
    flat = row.model_dump(exclude={"metrics", "members"})
    return flat | {"members": ", ".join(row.members)} | row.metrics


def _metrics(rows: Sequence[models.BoardRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.metrics))


def submissions_table(rows: Sequence[models.Submission]) -> pa.Table:
    """Submissions as a table, with a column for each metric on each split."""
    flat = [_submission_row(row) for row in rows]
    scores = list(
        dict.fromkeys(key for row in flat for key in row if key.startswith(("public_", "private_")))
    )
    return pa.Table.from_pylist(flat, schema=_schema(_SUBMISSION, scores))


def _submission_row(row: models.Submission) -> dict[str, Any]:
    flat = row.model_dump(exclude={"score", "reasons", "left_today", "place_in_queue", "rejudged", "code"})
    flat["reasons"] = "; ".join(row.reasons)
    if row.score is not None:
        for split, values in (("public", row.score.public), ("private", row.score.private or {})):
            flat |= {f"{split}_{metric}": value.score for metric, value in values.items()}
    return flat


def written(table: pa.Table, form: Format) -> bytes:
    """A table as a file's bytes."""
    buffer = io.BytesIO()
    if form == "parquet":
        pq.write_table(table, buffer)
    else:
        pa_csv.write_csv(_safe(table), buffer)
    return buffer.getvalue()


def _safe(table: pa.Table) -> pa.Table:
    """Text that a spreadsheet would take for a formula, made text; times as RFC 3339."""
    columns = []
    for column in table.columns:
        values = column.to_pylist()
        if pa.types.is_string(column.type):
            values = [None if v is None else guarded(v) for v in values]
        elif pa.types.is_timestamp(column.type):
            values = [None if v is None else _time(v) for v in values]
        columns.append(pa.array(values, pa.string() if pa.types.is_timestamp(column.type) else column.type))
    return pa.table(columns, names=[guarded(name) for name in table.column_names])


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _schema(fields: dict[str, pa.DataType], scores: Sequence[str]) -> pa.Schema:
    numbers = {name: pa.float64() for name in scores if name not in fields}
    return pa.schema(list((fields | numbers).items()))


_TEXT, _WHOLE, _REAL, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_TIME = pa.timestamp("us", tz="UTC")
_BOARD: dict[str, pa.DataType] = {
    "rank": _WHOLE,
    "rank_low": _WHOLE,
    "rank_high": _WHOLE,
    "team": _TEXT,
    "members": _TEXT,
    "score": _REAL,
    "low": _REAL,
    "high": _REAL,
    "level": _REAL,
    "n_submissions": _WHOLE,
    "submitted_at": _TIME,
    "submission": _WHOLE,
    "baseline": _FLAG,
    "note": _TEXT,
    "shake_up": _WHOLE,
}
_SUBMISSION: dict[str, pa.DataType] = {
    "id": _WHOLE,
    "competition": _TEXT,
    "question": _TEXT,
    "phase": _TEXT,
    "team": _TEXT,
    "user": _TEXT,
    "kind": _TEXT,
    "filename": _TEXT,
    "note": _TEXT,
    "bytes": _WHOLE,
    "sha256": _TEXT,
    "submitted_at": _TIME,
    "selected": _FLAG,
    "baseline": _FLAG,
    "state": _TEXT,
    "verdict": _TEXT,
    "reasons": _TEXT,
    "incident": _TEXT,
    "queued_at": _TIME,
    "started_at": _TIME,
    "finished_at": _TIME,
    "metric": _TEXT,
}
