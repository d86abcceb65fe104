"""What a leaderboard's page shows: its rows with the reader's own, and how many others there are."""

from __future__ import annotations

from typing import Any

from kit.client.http import Json


def shown_rows(board: Json) -> list[dict[str, Any]]:
    """The rows of a page, and the reader's own where it stands: before them, among them or after them."""
    rows, own = list(board["rows"]), board.get("own")
    if own is None or any(_key(row) == _key(own) for row in rows):
        return rows
    is_before = bool(rows) and own["rank"] < min((row["rank"] or own["rank"] + 1) for row in rows)
    return [own, *rows] if is_before else [*rows, own]


def _key(row: Json) -> tuple[bool, str]:
    return bool(row.get("baseline")), row["team"]


def left_out(board: Json) -> str:
    """How many rows a page leaves out.

    Examples
    --------
    >>> left_out({"rows": [{}, {}], "n_rows": 99002, "offset": 0, "own": None})
    '… and 99,000 more'
    >>> left_out({"rows": [{}, {}], "n_rows": 99002, "offset": 10, "own": None})
    'Rows 11 to 12 of 99,002'
    """
    n, n_rows, offset = len(board["rows"]), board.get("n_rows") or 0, board.get("offset") or 0
    if n >= n_rows:
        return ""
    if offset:
        return f"Rows {offset + 1:,} to {offset + n:,} of {n_rows:,}" if n else f"No rows after {n_rows:,}"
    return f"… and {n_rows - n:,} more"
