"""What leaderboards show beside scores: contributivity, what runs took, who built on whom, the blend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kit.client.blends import blend_lines, built_on_text
from kit.widgets._widget import Json
from kit.widgets.table import column

_EXACT = "Share of the folds' ensembles, picked greedily from all submissions: RAMP's number"
_BAGGED = "The same over halves of rows and submissions, with its standard error: steadier"
_PASSED_ON = "Contributivity after each passed on what it credits to others"


def more_columns(rows: Iterable[Json], *, per: str = "team") -> list[dict[str, Any]]:
    """Columns of what at least one row has to tell."""
    rows = list(rows)

    def has(key: str) -> bool:
        return any(row.get(key) for row in rows)

    made = [column("submission", "No.", "number", digits=0)] if per == "submission" else []
    if has("contributivity"):
        text = {"digits": 0, "unit": " %", "hide": "narrow"}
        made.append(column("contributivity", "Contributivity", "number", help=_EXACT, **text))
        if any(row.get("historical_contributivity") != row.get("contributivity") for row in rows):
            made.append(column("historical_contributivity", "Historical", "number", help=_PASSED_ON, **text))
    if has("bagged_contributivity"):
        ends = {"low": "_bagged_low", "high": "_bagged_high", "digits": 0, "hide": "wide"}
        made.append(column("bagged_contributivity", "Bagged", "interval", help=_BAGGED, **ends))
    if has("fit_s"):
        for key, title in (("fit_s", "Train s"), ("valid_s", "Valid s"), ("test_s", "Test s")):
            made.append(column(key, title, "number", help="Seconds by the clock, all folds", hide="wide"))
    if has("peak_bytes"):
        made.append(
            column("_peak_mb", "Peak MB", "number", digits=0, help="Most memory of a fold", hide="wide")
        )
    if has("built_on"):
        made.append(column("_built_on", "Built on", hide="narrow"))
    return made


def more_values(row: Json) -> dict[str, Any]:
    """What those columns are drawn from, where it is not in the row."""
    bagged, error, peak = (
        row.get(key) for key in ("bagged_contributivity", "contributivity_error", "peak_bytes")
    )
    known = bagged is not None and error is not None
    return {
        "_bagged_low": max(0.0, bagged - error) if known else None,
        "_bagged_high": min(100.0, bagged + error) if known else None,
        "_peak_mb": None if peak is None else peak / 1e6,
        "_built_on": built_on_text(row),
    }


def lead(board: Json) -> str:
    """The scores of the blend, above the rows."""
    return "\n".join(blend_lines(board))
