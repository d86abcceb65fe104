"""What a participant passes to submit, made ready to send; frames are checked on the way."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.client.http import NO_RETRY, PATIENT, Json, Retries
from kit.client.progress import bar
from kit.client.service import Client
from kit.client.sources import Source, check_kind, read_source
from kit.errors import InvalidPredictions, InvalidRequest

if TYPE_CHECKING:
    import pandas as pd

    from kit.predictions import Expected

RowIds = Callable[[], tuple[str, Sequence[Any]]]
"""Gives a file's name and the ids in its row order."""
MOST_NOTE = 1000
"""Characters that the service takes: a longer one fits into no address either."""


@contextmanager
def outgoing(
    given: object, expected: Callable[[], Expected], row_ids: RowIds, *, question: Json
) -> Iterator[Path]:
    """The file to send: the participant's own, a zip of a folder, or a Parquet file of the predictions."""
    if source := source_of(given, question):
        with _written(source.filename) as file:
            file.write_bytes(source.content)
            yield file
        return
    if isinstance(given, str | os.PathLike):
        path = existing(given)
        _check_size(path.stat().st_size, expected, max_bytes=question["max_bytes"])
        yield path
        return
    from kit.predictions import read_predictions, write_parquet

    _check_takes_predictions(question)
    checked = read_predictions(with_ids(given, expected(), row_ids), expected())
    with _written("predictions.parquet") as file:
        write_parquet(checked, file)
        yield file


@contextmanager
def _written(name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kit-") as folder:
        yield Path(folder) / name


def send(client: Client, path: str, file: Path, *, note: str, again: bool = False) -> Json:
    """Send a file with a progress bar; see `upload`."""
    with bar(f"Sending {file.name}", file.stat().st_size) as advance:
        return upload(client, path, file, note=note, again=again, progress=advance, retries=PATIENT)


def upload(
    client: Client,
    path: str,
    file: Path,
    *,
    note: str,
    again: bool,
    progress: Callable[[int], object],
    retries: Retries = NO_RETRY,
) -> Json:
    """Send a file: however often it is tried, it is one submission.

    What the team sent before comes back as it is, ``earlier``, unless it shall be sent ``again``.
    """
    if len(str(note)) > MOST_NOTE:
        raise InvalidRequest(f"The note has {len(str(note)):,} characters; {MOST_NOTE:,} are the most.")
    with file.open("rb") as content:
        once = None if again else hashlib.file_digest(content, "sha256").hexdigest()
    return client.upload(
        "POST",
        path,
        file,
        params={"filename": file.name, "note": note or None, "once": once},
        key=str(uuid.uuid4()),
        progress=progress,
        retries=retries,
    )


def source_of(given: object, question: Json) -> Source | None:
    """The code at a path, if the question takes it; None where what is given is predictions.

    Raises
    ------
    InvalidRequest
        Where there is no such file, or the question does not take it, or it is no code.
    """
    if not isinstance(given, str | os.PathLike):
        return None
    path = existing(given)
    if check_kind(path, question["kinds"]) == "predictions":
        return None
    code = question.get("code") or {}
    source = read_source(path, code)
    _check_source_size(source, max_bytes=min(question["max_bytes"], code.get("max_bytes", math.inf)))
    return source


def existing(path: object) -> Path:
    """A path, if there is a file or folder.

    Raises
    ------
    InvalidRequest
        Where there is none.
    """
    file = Path(str(path)).expanduser()
    if not file.is_file() and not file.is_dir():
        raise InvalidRequest(f"There is no file {str(path)!r} in {Path.cwd()}.")
    return file


def _check_size(n_bytes: int, expected: Callable[[], Expected], *, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        limit, size = (f"{n / 1e6:,.1f} MB" for n in (max_bytes, n_bytes))
        raise InvalidPredictions(expected().question, [f"the file has {size}; the limit is {limit}"])


def _check_source_size(source: Source, *, max_bytes: float) -> None:
    if len(source.content) > max_bytes:
        limit, size = (f"{n / 1e6:,.1f} MB" for n in (max_bytes, len(source.content)))
        raise InvalidRequest(f"{source.filename} has {size}; the limit is {limit}. Send the modules alone.")


def _check_takes_predictions(question: Json) -> None:
    if "predictions" not in question["kinds"]:
        raise InvalidRequest(
            f"Question {question['id']!r} takes no predictions: submit code, as a .py file, a folder or by "
            "%%submit."
        )


def with_ids(predictions: object, expected: Expected, row_ids: RowIds) -> object:
    """The predictions, with ids where they are an array and so have none.

    An array belongs to the rows of the sample submission, else of the test table, in their order: it
    must have exactly as many values. Frames, Series and paths bring their own ids.
    """
    if isinstance(predictions, str | os.PathLike):
        path = existing(predictions)
        check_kind(path, ["predictions"])
        _check_size(path.stat().st_size, lambda: expected, max_bytes=expected.max_bytes)
        return path
    if hasattr(predictions, "to_pandas"):
        return predictions.to_pandas()
    import pandas as pd

    if isinstance(predictions, pd.DataFrame | pd.Series | bytes):
        return predictions
    return _framed(predictions, expected, row_ids)


def _framed(predictions: object, expected: Expected, row_ids: RowIds) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    try:
        values = np.asarray(predictions)
    except ValueError:
        raise InvalidPredictions(expected.question, ["a list of unequal rows is no predictions"]) from None
    if values.ndim == 0:
        text = f"what was passed is of type {type(predictions).__name__}"
        hint = "pass a DataFrame, a Series, an array or the path of a file"
        raise InvalidPredictions(expected.question, [f"{text}; {hint}"])
    name, ids = row_ids()
    columns = expected.columns
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or len(values) != len(ids):
        text = f"an array of shape {values.shape} does not fit the {len(ids)} rows of {name!r}"
        raise InvalidPredictions(expected.question, [f"{text}; pass one value for each row, in its order"])
    n_columns = 1 if values.ndim == 1 else values.shape[1]
    if n_columns != len(columns):
        text = f"an array of {n_columns} columns does not fit the {len(columns)} wanted: {', '.join(columns)}"
        hint = "; of two classes' probabilities pass those of the last, proba[:, 1]" if n_columns == 2 else ""
        raise InvalidPredictions(expected.question, [text + hint])
    frame = pd.DataFrame(values.reshape(len(ids), n_columns), columns=list(columns))
    frame.insert(0, expected.id_column, np.asarray(ids))
    return frame
