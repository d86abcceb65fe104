"""What the make_*.py scripts share: shuffling, stratified splitting and writing, the same bytes every time.

Order and chance come from SHA-256, not from a random generator: no release of a library changes them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

SHARE = tuple[int, int]
"""A share as a fraction of integers: (2, 5) is two of five."""


def source_file(package: str, path: str) -> Path:
    """Path of a data file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: pip install --no-deps -r data/requirements.txt")
    return Path(spec.submodule_search_locations[0]) / path


def target_directory(slug: str) -> Path:
    """Folder to write to: the competition's own, or the one named on the command line."""
    parser = argparse.ArgumentParser(description=f"Rebuild the csv files of the sample competition {slug}.")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(__file__).parent / slug)
    directory: Path = parser.parse_args().directory
    return directory


def lots(index: pd.Index, seed: str) -> pd.Series:
    """One lot per row, drawn from the row's label and the seed: sorting by it shuffles."""
    return pd.Series([hashlib.sha256(f"{seed}/{label}".encode()).hexdigest() for label in index], index=index)


def shuffled(frame: pd.DataFrame, seed: str) -> pd.DataFrame:
    """Return the same rows in an order that says nothing."""
    return frame.loc[lots(frame.index, seed).sort_values().index]


def with_ids(frame: pd.DataFrame, column: str, seed: str) -> pd.DataFrame:
    """Put ids 1..n in front, in an order independent of the rows' order, and shuffle the rows."""
    ids = pd.Series(range(1, len(frame) + 1), index=shuffled(frame, f"{seed}/ids").index)
    numbered = frame.copy()
    numbered.insert(0, column, ids)
    return shuffled(numbered, f"{seed}/rows")


def deciles(values: pd.Series) -> pd.Series:
    """Tenth of the ranks each value falls into, 0 to 9; in integers, so that nothing is rounded."""
    ranks = values.rank(method="first").astype(int) - 1
    return ranks * 10 // len(values)


def drawn(strata: pd.Series, share: SHARE, seed: str) -> pd.Series:
    """Mask of the rows drawn: the share of each stratum, to the nearest row, and of the whole."""
    part, whole = share
    order = pd.DataFrame({"stratum": strata, "lot": lots(strata.index, seed)}).sort_values(["stratum", "lot"])
    return pd.Series([k * part % whole < part for k in range(len(order))], index=order.index)[strata.index]


def split_names(strata: pd.Series, seed: str, share: SHARE = (2, 5)) -> pd.Series:
    """Name the split of each row of the truth, "public" for the share of each stratum, else "private"."""
    return drawn(strata, share, f"{seed}/split").map({True: "public", False: "private"})


def write(frame: pd.DataFrame, path: Path, decimals: Mapping[str, int] | None = None) -> None:
    """Write a CSV file in which every float has the decimals given for its column."""
    decimals = decimals or {}
    text = frame.copy()
    for column in text.select_dtypes("float"):
        form = f"{{:.{decimals[str(column)]}f}}"
        text[column] = text[column].map(form.format, na_action="ignore")
    path.parent.mkdir(parents=True, exist_ok=True)
    text.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
