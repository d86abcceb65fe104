"""What a participant passes to submit, made ready to send; frames are checked on the way."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.client.http import PATIENT, Json
from kit.client.progress import bar
from kit.client.service import Client
from kit.errors import InvalidPredictions, InvalidRequest

if TYPE_CHECKING:
    import pandas as pd

    from kit.predictions import Expected

RowIds = Callable[[], tuple[str, Sequence[Any]]]
"""Gives a file's name and the ids in its row order."""

_CODE = frozenset({".py", ".ipynb"})


@contextmanager
def outgoing(
    predictions: object, expected: Callable[[], Expected], row_ids: RowIds, *, max_bytes: int
) -> Iterator[Path]:
    """The file to send: the participant's own, or a Parquet file of the checked predictions."""
    if isinstance(predictions, str | os.PathLike):
        yield existing_file(predictions, expected, max_bytes=max_bytes)
        return
    from kit.predictions import read_predictions, write_parquet

    checked = read_predictions(with_ids(predictions, expected(), row_ids), expected())
    with tempfile.TemporaryDirectory(prefix="kit-") as folder:
        file = Path(folder) / "predictions.parquet"
        write_parquet(checked, file)
        yield file


def send(client: Client, path: str, file: Path, *, note: str) -> Json:
    """Send a file with a progress bar; however often it is tried, it is one submission."""
    with bar(f"Sending {file.name}", file.stat().st_size) as advance:
        return client.upload(
            "POST",
            path,
            file,
            params={"filename": file.name, "note": note or None},
            key=str(uuid.uuid4()),
            progress=advance,
            retries=PATIENT,
        )


def existing_file(path: object, expected: Callable[[], Expected], *, max_bytes: int) -> Path:
    """A path, if there is a file that the service may take.

    Raises
    ------
    InvalidRequest
        Where there is none, or it is code.
    InvalidPredictions
        Where it is too large to be sent.
    """
    file = Path(str(path)).expanduser()
    if file.is_dir():
        raise InvalidRequest(f"{str(path)!r} is a folder: name a file in it.")
    if not file.is_file():
        raise InvalidRequest(f"There is no file {str(path)!r} in {Path.cwd()}.")
    if file.suffix in _CODE:
        raise InvalidRequest(f"{file.name} is code; this question takes predictions: a CSV or Parquet file.")
    n_bytes = file.stat().st_size
    if n_bytes > max_bytes:
        limit, size = (f"{n / 1e6:,.1f} MB" for n in (max_bytes, n_bytes))
        raise InvalidPredictions(expected().question, [f"the file has {size}; the limit is {limit}"])
    return file


def with_ids(predictions: object, expected: Expected, row_ids: RowIds) -> object:
    """The predictions, with ids where they are an array and so have none.

    An array belongs to the rows of the sample submission, else of the test table, in their order: it
    must have exactly as many values. Frames, Series and paths bring their own ids.
    """
    if isinstance(predictions, str | os.PathLike):
        return existing_file(predictions, lambda: expected, max_bytes=expected.max_bytes)
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
