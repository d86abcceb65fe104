"""Commands that show who is where, and what differs: leaderboard, compare."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import typer

from kit.cli.participant import AsJson, Competition, Positional, Question, opened
from kit.cli.screen import print_json, print_table, tell
from kit.client.blends import blend_lines, built_on_text
from kit.client.pages import left_out, shown_rows
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.client import CompetitionClient

COLUMNS = (
    "rank",
    "ranks",
    "tie",
    "team",
    "score",
    "interval",
    "low",
    "high",
    "first",
    "submission",
    "contributivity",
    "historical",
    "train_s",
    "valid_s",
    "test_s",
    "peak_mb",
    "built_on",
    "n_submissions",
    "submitted_at",
    "shake_up",
)
N_SCALE = 10
"""So many of the first rows are wholly on the scale of the bars; those far below do not squeeze them."""
WIDTH = 17
Split = Annotated[Literal["public", "private"], typer.Option(help="Part of the truth.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (leaderboard, compare):
        app.command(rich_help_panel="Taking part")(command)


def leaderboard(
    where: Positional = None,
    competition: Competition = None,
    question: Question = None,
    split: Split = "public",
    version: Annotated[
        int | None, typer.Option(min=1, help="For organizers: as judged under this version of the question.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="For organizers: as it was at this time, such as 2026-03-02T12:00:00Z.")
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, max=1000, help="Only so many rows.")] = None,
    around_me: Annotated[bool, typer.Option("--around-me", help="The rows around your team.")] = False,
    per: Annotated[
        Literal["team", "submission"], typer.Option(help="What has a row: each team, or each submission.")
    ] = "team",
    as_json: AsJson = False,
) -> None:
    """Show the leaderboard; of all questions together where there are several and none is named.

    Of more than 1,000 rows it shows the first 100 and that of your team.
    """
    comp = opened(competition or where)
    asked = {"version": version, "at": at, "limit": top, "around": "me" if around_me else None}
    board = comp.client.get(_board_path(comp, split, question, per, asked))
    if as_json:
        print_json(board["rows"])
        if board["n_rows"] > len(board["rows"]) and top is None:
            tell(f"{len(board['rows'])} of {board['n_rows']:,} rows; 'kit export' writes all.")
        return
    if board.get("hidden") and not board["rows"]:
        tell("The leaderboard is hidden in this phase.")
        return
    if not board["rows"]:
        tell("No scores yet.")
        return
    me = comp.overview["me"] or {}
    signs = UNICODE if "utf" in (sys.stdout.encoding or "").lower() else ASCII
    rows = board_lines(shown_rows(board), signs, per=per)
    for line in blend_lines(board):
        tell(line)
    title = f"{comp.slug}, {split}, {board.get('metric') or 'all questions'}"
    print_table(rows, COLUMNS, own=me.get("team"), title=title)
    if more := left_out(board):
        tell(more)
    if any(row["tie"] for row in rows):
        tell(f"{signs.tie} cannot be told apart from the first at 5 %.")


def _board_path(
    comp: CompetitionClient, split: str, question: str | None, per: str, asked: dict[str, Any]
) -> str:
    path = comp.leaderboard_path(split, question, per=per)
    given = {key: value for key, value in asked.items() if value is not None}
    is_past = "version" in given or "at" in given
    if is_past and question is None and path.startswith(f"{comp.path}/leaderboard"):
        raise InvalidRequest("Name the question: there is no earlier leaderboard of all together.")
    return f"{path}&{urlencode(given)}" if given else path


def compare(
    a: Annotated[int, typer.Argument(help="A submission of yours.")],
    b: Annotated[str, typer.Argument(help="Another one, or the name of a team on the leaderboard.")],
    competition: Competition = None,
    split: Split = "public",
    as_json: AsJson = False,
) -> None:
    """Say how two submissions differ, in one sentence."""
    found = opened(competition).compare(a, int(b) if b.isdecimal() else b, split=split)
    if as_json:
        print_json(vars(found))
    else:
        print(found)


@dataclass(frozen=True)
class Signs:
    """What bars and marks are drawn with."""

    start: str
    line: str
    end: str
    dot: str
    to: str
    tie: str


UNICODE = Signs("├", "─", "┤", "●", "–", "≈")
ASCII = Signs("|", "-", "|", "o", "-", "~")


def board_lines(rows: Sequence[dict[str, Any]], signs: Signs, *, per: str = "team") -> list[dict[str, Any]]:
    """Rows of a leaderboard as they are printed."""
    idle = "submission" if per == "team" else "n_submissions"
    scale = _scale(rows)
    has_ties = sum(bool(row.get("tie_with_first")) for row in rows) > 1
    return [
        {
            **{key: value for key, value in row.items() if key != idle},
            **_more(row),
            "ranks": _ranks(row, signs),
            "tie": signs.tie if has_ties and row.get("tie_with_first") else "",
            "interval": bar(row, scale, signs) if scale else "",
            "first": _percent(row.get("p_first")),
        }
        for row in rows
    ]


def _more(row: dict[str, Any]) -> dict[str, Any]:
    """What a row tells beside scores; nothing where it is 0, as on RAMP's leaderboards."""
    peak, share, passed = (row.get(k) for k in ("peak_bytes", "contributivity", "historical_contributivity"))
    return {
        "contributivity": f"{share:g} %" if share else None,
        "historical": f"{passed:g} %" if passed and passed != share else None,
        "train_s": row.get("fit_s"),
        "peak_mb": round(peak / 1e6) if peak else None,
        "built_on": built_on_text(row) or None,
    }


def _ranks(row: dict[str, Any], signs: Signs) -> str:
    low, high = row.get("rank_low"), row.get("rank_high")
    return "" if low is None or high is None or low == high else f"{low}{signs.to}{high}"


def _percent(share: float | None) -> str:
    return "" if share is None or share < 0.01 else f"{share:.0%}"


def _scale(rows: Sequence[dict[str, Any]]) -> tuple[float, float] | None:
    measured = [row for row in rows if row.get("low") is not None and row.get("high") is not None]
    first = measured[:N_SCALE]
    if not first:
        return None
    low, high = min(row["low"] for row in first), max(row["high"] for row in first)
    return (low, high) if high > low else None


def bar(row: dict[str, Any], scale: tuple[float, float], signs: Signs) -> str:
    """An interval with its score on a scale; what is beyond the scale stands at its end.

    Examples
    --------
    >>> bar({"score": 4.0, "low": 2.0, "high": 6.0}, (0.0, 16.0), UNICODE)
    '  ├─●─┤          '
    """
    if row.get("low") is None or row.get("high") is None:
        return ""
    low, at, high = (_place(row[key], scale) for key in ("low", "score", "high"))
    cells = [" "] * WIDTH
    cells[low : high + 1] = signs.line * (high + 1 - low)
    cells[low], cells[high] = signs.start, signs.end
    cells[at] = signs.dot
    return "".join(cells)


def _place(value: float, scale: tuple[float, float]) -> int:
    share = (value - scale[0]) / (scale[1] - scale[0])
    return round(max(0.0, min(1.0, share)) * (WIDTH - 1))
