"""Leaderboards as HTML: tables that read well without colours and scripts. Decides not who sees them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

from kit.service.page import name_html

_MODES = {
    "frozen": "Frozen: scores of this phase are shown at the end.",
    "ladder": "A score changes only by a clear improvement.",
}
_TIED = "Cannot be told apart from the first at 5 %."
_TIE = f'<span class="tie" title="{_TIED}">●</span>'
LEAST_SHARE = 0.01
"""Smaller probabilities of being first are not shown."""

Json = Mapping[str, Any]


@lru_cache(maxsize=16)
def board_html(body: bytes) -> str:
    """A leaderboard's table, from its JSON as the interface gives it; made once for all who ask."""
    board: Json = json.loads(body)
    if board["hidden"]:
        return "<p>The leaderboard is hidden in this phase. Scores are shown when it opens.</p>"
    rows: list[Json] = board["rows"]
    if not rows:
        return "<p>No scores yet: the first submission opens the leaderboard.</p>"
    lead = f'<p class="quiet">{_MODES[board["mode"]]}</p>' if board["mode"] in _MODES else ""
    made = _of_question(board, rows) if "question" in board else _combined(rows)
    return f"{lead}{made}{_left_out(board)}{_legend(rows)}"


def marked(html: str, team: str | None) -> str:
    """A table with the row of a team marked."""
    if team is None:
        return html
    key = _key(team, is_baseline=False)
    return html.replace(f'<tr data-key="{key}"', f'<tr class="own" data-key="{key}"', 1)


def _of_question(board: Json, rows: Sequence[Json]) -> str:
    direction = "greater is better" if board["greater_is_better"] else "lower is better"
    split = "Private scores: the final leaderboard" if board["split"] == "private" else "Public scores"
    shares = any((row["p_first"] or 0.0) >= LEAST_SHARE for row in rows)
    moved = any(row["shake_up"] is not None for row in rows)
    heads = [
        _head("Rank", "The small ranks are those that are plausible"),
        _head("Team"),
        _head(board["metric"], direction, "number"),
        _head("95 % interval", "Where the true score lies", "interval wide-only"),
        *([_head("First", "How probably this team is truly first", "number wide-only")] if shares else []),
        *([_head("Shake-up", "Places won or lost from the public scores", "number")] if moved else []),
        _head("Tries", "Scored submissions", "number wide-only"),
        _head("Submitted", "", "wide-only"),
    ]
    least, most = min(row["low"] for row in rows), max(row["high"] for row in rows)
    lines = [_line(row, least, most, shares=shares, moved=moved) for row in rows]
    caption = f"{split}; {escape(board['metric'])}, {direction}. Baselines have no rank."
    return _table(caption, heads, lines)


def _line(row: Json, least: float, most: float, *, shares: bool, moved: bool) -> str:
    place = row["shake_up"]
    cells = [
        f'<td class="rank">{_rank(row)}</td>',
        f'<th scope="row">{name_html(row["team"])}{_members(row)}</th>',
        f'<td class="number">{_number(row["score"])}</td>',
        f'<td class="interval wide-only">{_bar(row, least, most)}</td>',
        *([f'<td class="number wide-only">{_share(row["p_first"])}</td>'] if shares else []),
        *([f'<td class="number">{"" if place is None else f"{place:+d}"}</td>'] if moved else []),
        f'<td class="number wide-only">{row["n_submissions"]}</td>',
        f'<td class="wide-only">{_time(row["submitted_at"])}</td>',
    ]
    return _row(row, cells)


def _combined(rows: Sequence[Json]) -> str:
    questions = list(dict.fromkeys(name for row in rows for name in row["parts"]))
    heads = [_head("Rank"), _head("Team"), _head("Score", "0 is the baseline, 1 the best", "number")]
    heads += [_head(name, "Normalised", "number wide-only") for name in questions]
    lines = []
    for row in rows:
        parts = [row["parts"].get(name, {}).get("normalized") for name in questions]
        cells = [
            f"<td>{row['rank']}</td>",
            f'<th scope="row">{name_html(row["team"])}{_members(row)}</th>',
            f'<td class="number">{_number(row["score"])}</td>',
            *(f'<td class="number wide-only">{"" if p is None else _number(p)}</td>' for p in parts),
        ]
        lines.append(_row(row, cells))
    return _table("All questions together: 0 is the baseline, 1 the best.", heads, lines)


def _table(caption: str, heads: Iterable[str], lines: Iterable[str]) -> str:
    return (
        f'<table class="board"><caption>{caption}</caption><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _head(text: str, title: str = "", look: str = "") -> str:
    more = (f' class="{look}"' if look else "") + (f' title="{escape(title)}"' if title else "")
    return f'<th scope="col"{more}>{escape(text)}</th>'


def _row(row: Json, cells: Iterable[str]) -> str:
    is_baseline = bool(row["baseline"])
    look = ' class="baseline"' if is_baseline else ""
    key = _key(row["team"], is_baseline=is_baseline)
    return f'<tr data-key="{key}" data-score="{_number(row["score"])}"{look}>{"".join(cells)}</tr>'


def _key(team: str, *, is_baseline: bool) -> str:
    return f"{'baseline' if is_baseline else 'team'}:{escape(team)}"


def _rank(row: Json) -> str:
    if row["rank"] is None:
        return ""
    low, high = row["rank_low"], row["rank_high"]
    plausible = f" <small>{low}–{high}</small>" if low is not None and low != high else ""
    return f"{row['rank']}{plausible}{f' {_TIE}' if row['tie_with_first'] else ''}"


def _members(row: Json) -> str:
    others = [name for name in row["members"] if name != row["team"]]
    shown = [name_html(name, after=",") for name in others[:-1]] + [name_html(name) for name in others[-1:]]
    return f" <small>{' '.join(shown)}</small>" if others else ""


def _bar(row: Json, least: float, most: float) -> str:
    """The interval on the scale of all rows, drawn; said in words to those who cannot see it."""
    width = (most - least) or 1.0
    start, end, at = (100 * (row[key] - least) / width for key in ("low", "high", "score"))
    said = f"{_number(row['low'])} to {_number(row['high'])}"
    return (
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f'<title>{said}</title><rect class="line" x="0" y="4.6" width="100" height=".8"/>'
        f'<rect class="range" x="{start:.2f}" y="2" width="{max(end - start, 0.3):.2f}" height="6"/>'
        f'<rect class="mark" x="{min(max(at - 0.3, 0.0), 99.4):.2f}" y="0" width=".6" height="10"/></svg>'
    )


def _number(value: float) -> str:
    return f"{value:.12g}"


def _share(value: float | None) -> str:
    return f"{value:.0%}" if value is not None and value >= LEAST_SHARE else ""


def _time(text: str) -> str:
    return f'<time datetime="{escape(text)}">{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC</time>'


def _left_out(board: Json) -> str:
    n_shown, n_rows = len(board["rows"]), board["n_rows"]
    return f'<p class="quiet">The first {n_shown:,} of {n_rows:,}.</p>' if n_shown < n_rows else ""


def _legend(rows: Iterable[Json]) -> str:
    is_needed = sum(bool(row.get("tie_with_first")) for row in rows) > 1
    return f'<p class="quiet">{_TIE} {_TIED}</p>' if is_needed else ""
