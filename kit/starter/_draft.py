"""What is decided of a new competition before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kit.competition import class_text
from kit.metrics import Domain


@dataclass(frozen=True)
class Guess:
    """A key of competition.toml, the value it was given, why, and how to give another."""

    key: str
    value: str
    why: str
    change: str = ""


@dataclass(frozen=True)
class Draft:
    """The one question of a new competition.

    ``classes`` are values as pandas reads them, the positive one last; empty where the target is a number.
    """

    id_column: str
    target: tuple[str, ...]
    classes: tuple[Any, ...]
    metric: str
    more_metrics: tuple[str, ...]
    domain: Domain
    split: pd.Series
    """"public" or "private", for each row of the truth."""
    guesses: tuple[Guess, ...]
    summary: str = ""


def sorted_classes(columns: Sequence[pd.Series]) -> tuple[Any, ...]:
    """The distinct values of columns, in the kit's order: numbers first, each by size, then text."""
    values = [value for column in columns for value in column.dropna().unique().tolist()]
    by_text = {class_text(v): int(v) if isinstance(v, float) and v.is_integer() else v for v in values}
    return tuple(sorted(by_text.values(), key=lambda value: (isinstance(value, str), value)))
