"""The way of predictions: told apart, read into columns, aligned by id."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

from kit.predictions._expected import Expected
from kit.predictions._problems import named, refuse, shown

if TYPE_CHECKING:
    import pandas as pd

    from kit.predictions._columns import Columns


def read_predictions(source: object, expected: Expected) -> pd.DataFrame:
    """Predictions of every expected id, in the order of ``expected.ids``.

    Ids are matched by value, never by row. Where the expected ids are integers, 5, 5.0, "5", "05" and
    "5.0" are one id; where they are text, ids are compared as they are written.

    Parameters
    ----------
    source : path, bytes, DataFrame or Series
        A file is CSV (also gzip or zstd), or Parquet, told by its content. A DataFrame holds the ids as a
        column or as its index; a Series as its index.

    Returns
    -------
    DataFrame of shape (n_ids, n_columns)
        float64; for ``Domain.LABEL`` int64 codes 0..K-1 into ``expected.classes``. Rows of
        ``Domain.DISTRIBUTION`` sum to 1.

    Raises
    ------
    InvalidPredictions
        With every problem found.

    Examples
    --------
    >>> import numpy as np
    >>> from kit.metrics import Domain
    >>> expected = Expected("counts", "id", np.array([1, 2]), ("n",), Domain.REAL)
    >>> read_predictions(b"id,n\\n2,20\\n1,10.5\\n", expected)
           n
    id
    1   10.5
    2   20.0
    """
    from kit.predictions._align import align, framed
    from kit.predictions._files import check_n_bytes, read_path
    from kit.predictions._quick import read_plain
    from kit.predictions._values import settle

    if isinstance(source, str | Path):
        source = read_path(Path(source), expected)
    if isinstance(source, bytes):
        check_n_bytes(len(source), expected)
        values = read_plain(source, expected)
        if values is not None and settle(values, expected):
            return framed(values, expected)
    # Handed over, not held: a large file's bytes and columns go as soon as they are used.
    columns = [_columns(source, expected)]
    del source
    return align(columns.pop(), expected)


def compile_reader() -> bool:
    """Make this process read plain CSV files in one compiled pass; whether it can.

    Takes a second or two, for a process that reads many files or a very large one. The results are the
    same without it. Without numba nothing happens.
    """
    from kit.predictions import _quick

    return _quick.compile_reader()


def write_parquet(frame: pd.DataFrame, target: Path | str | IO[bytes]) -> None:
    """Write what `read_predictions` returned as Parquet, ids as the first column.

    Class codes are written as the labels they stand for: reading the file gives the same frame again.

    Examples
    --------
    >>> import io, numpy as np
    >>> from kit.metrics import Domain
    >>> expected = Expected("pets", "id", np.array([1, 2]), ("pet",), Domain.LABEL, ("cat", "dog"))
    >>> frame, file = read_predictions(b"id,pet\\n2,cat\\n1,dog\\n", expected), io.BytesIO()
    >>> write_parquet(frame, file)
    >>> read_predictions(file.getvalue(), expected).equals(frame)
    True
    """
    from kit.predictions import _frames

    _frames.write_parquet(frame, target)


def _columns(source: object, expected: Expected) -> Columns:
    from kit.predictions._files import read_file

    if isinstance(source, bytes | bytearray | memoryview):
        return read_file(bytes(source), expected)
    import pandas as pd

    from kit.predictions._frames import read_frame, read_series

    if isinstance(source, pd.DataFrame):
        return read_frame(source, expected)
    if isinstance(source, pd.Series):
        return read_series(source, expected)
    columns, index = named(map(shown, expected.header)), shown(expected.id_column)
    ways = f"a DataFrame with the columns {columns}, a Series whose index is {index}, or the path of a file"
    return refuse(expected, f"{type(source).__name__} has no ids: pass {ways}")
