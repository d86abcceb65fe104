"""SQL over downloaded tables, by polars. Imported when needed: it is heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kit.client.files import table_files
from kit.client.http import Json
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas as pd


def answer(query: str, folder: Path, question: Json) -> pd.DataFrame:
    """The answer to a query over a question's tables, named by file stem.

    Raises
    ------
    InvalidRequest
        With polars' reason, and the tables there are.
    """
    frames = {
        key: pl.scan_csv(folder / name) if kind == "csv" else pl.scan_parquet(folder / name)
        for key, (name, kind) in table_files(question).items()
    }
    try:
        return pl.SQLContext(frames=frames).execute(query, eager=True).to_pandas()
    except pl.exceptions.PolarsError as error:
        # What follows the reason is polars' plan, of no use to who wrote SQL.
        reason = str(error).partition("\n\nResolved plan")[0].strip().rstrip(".")
        tables = ", ".join(frames)
        raise InvalidRequest(f"The query failed: {reason}. The tables are: {tables}.") from None
