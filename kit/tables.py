"""Tables of a competition as CSV, read so that ids and classes are what is written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_csv(path: Path, *, ids: Collection[str], classes: Collection[str] = ()) -> pd.DataFrame:
    """A table, whose ids stay text: "007" is one, and 7 another.

    Parameters
    ----------
    ids, classes : collection of str
        Columns in which "NA", "null" or "None" are values, as in the truth: only an empty cell is empty.
        In other columns they are missing values, as pandas has it. Those that are not there do not matter.
    """
    import pandas as pd

    text = dict.fromkeys(ids, str)
    frame = pd.read_csv(path, dtype=text, low_memory=False)
    asked = [column for column in frame if column in {*ids, *classes} and frame[column].isna().any()]
    if not asked:
        return frame
    written = pd.read_csv(
        path, usecols=asked, dtype=text, keep_default_na=False, na_values=[""], low_memory=False
    )
    return frame.assign(**{column: written[column] for column in asked})
