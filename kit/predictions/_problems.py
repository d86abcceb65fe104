"""The wording of problems: counts, the first five offenders, values cut to 40 characters."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

import numpy as np

from kit.errors import InvalidPredictions
from kit.metrics import Array
from kit.predictions._expected import Expected

N_NAMED = 5
MAX_CHARACTERS = 40
_INDEX_NAMES = ("", "Unnamed: 0", "__index_level_0__")


def _numbered(row: int) -> str:
    return f"row {row + 1}"


@dataclass
class Findings:
    """Problems gathered so far, and how rows are called: by number until ids are known."""

    problems: list[str]
    label: Callable[[int], str] = _numbered

    def add(
        self, offends: Array, one: str, many: str, show: Callable[[int], str], *, way_out: str = ""
    ) -> None:
        """Add one line if anything offends: how many, and the first five as ``show`` names them."""
        n = int(np.count_nonzero(offends))
        if n > 0:
            first = (show(int(place)) for place in np.flatnonzero(offends)[: N_NAMED + 1])
            self.problems.append(f"{counted(n, one, many)}: {named(first)}{way_out}")

    def add_values(
        self, offends: Array, one: str, many: str, show: Callable[[int], str], *, way_out: str = ""
    ) -> None:
        """Add one line if any row's value offends: the rows, each with its value in brackets."""
        self.add(offends, one, many, lambda row: f"{self.label(row)} ({show(row)})", way_out=way_out)


def refuse(expected: Expected, *problems: str) -> NoReturn:
    """Stop with these problems; the cause is left out, it may hold a path."""
    raise InvalidPredictions(expected.question, problems) from None


def counted(n: int, one: str, many: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n} {one if n == 1 else many}"


def named(items: Iterable[str]) -> str:
    """The first five items, with an ellipsis where there are more."""
    first = list(islice(items, N_NAMED + 1))
    return ", ".join(first[:N_NAMED] + ["…"] * (len(first) > N_NAMED))


def shown(value: object) -> str:
    """A value in a message: numbers bare, text quoted and cut to 40 characters.

    Examples
    --------
    >>> print(shown(7), shown(float("nan")), shown("n/a"), shown(" "), shown(None))
    7 NaN 'n/a' ' ' empty
    """
    if value is None or value == "":
        return "empty"
    if isinstance(value, float):
        return "NaN" if value != value else repr(float(value))
    if not isinstance(value, str):
        return str(value)
    return repr(value if len(value) <= MAX_CHARACTERS else value[: MAX_CHARACTERS - 1] + "…")


def size(n_bytes: int) -> str:
    """A size in the largest unit that leaves it at one or more."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.4g} {name}"
    return f"{n_bytes} bytes"


def check_n_rows(n_rows: int, expected: Expected) -> None:
    """Refuse far too many rows, and none."""
    if n_rows == 0:
        refuse(expected, f"there are no rows; {counted(len(expected.ids), 'id is', 'ids are')} expected")
    if n_rows > expected.max_rows:
        refuse(expected, f"too many rows: {n_rows}; {counted(len(expected.ids), 'is', 'are')} expected")


def find_columns(names: Sequence[str], expected: Expected) -> tuple[dict[str, int], list[str]]:
    """Where each expected column stands among names, and what is wrong with the names."""
    if len(names) > expected.max_columns:
        refuse(expected, f"too many columns: {len(names)}; expected {named(map(shown, expected.header))}")
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    missing = [name for name in expected.header if name not in places]
    extra = [name for name in places if name not in expected.header][::-1]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    problems = []
    if repeated:
        problems.append(
            f"{counted(len(repeated), 'column', 'columns')} repeated: {named(map(shown, repeated))}"
        )
    if missing:
        problems.append(f"{counted(len(missing), 'column', 'columns')} missing: {named(map(shown, missing))}")
    if names[:1] and names[0] in _INDEX_NAMES and names[0] in extra:
        extra.remove(names[0])
        problems.append(_unnamed(expected, id_is_missing=expected.id_column in missing))
    if extra:
        near = (_with_suggestion(name, missing) for name in extra)
        problems.append(f"{counted(len(extra), 'column', 'columns')} not expected: {named(near)}")
    return {name: places[name] for name in expected.header if name in places}, problems


def _unnamed(expected: Expected, *, id_is_missing: bool) -> str:
    text = "the first column has no name, as pandas writes an index: "
    if id_is_missing:
        return text + f"name the index that holds the ids, index_label={shown(expected.id_column)} in to_csv"
    return text + "pass index=False to to_csv"


def _with_suggestion(name: str, missing: Sequence[str]) -> str:
    folded = {candidate.strip().casefold(): candidate for candidate in missing}
    near = difflib.get_close_matches(name[:200].strip().casefold(), folded, n=1)
    return shown(name) + (f" (did you mean {shown(folded[near[0]])}?)" if near else "")
