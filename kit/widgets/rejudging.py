"""What was judged again: for organizers with progress, before and after; for participants as a notice."""

from __future__ import annotations

import threading
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from kit.errors import KitError
from kit.widgets._widget import Json, box, quiet
from kit.widgets.fragment import Fragment, Node, el, message, time
from kit.widgets.plot import short
from kit.widgets.table import LiveTable, column

if TYPE_CHECKING:
    from kit.client import CompetitionClient

MOST_LINES = 30
MOST_NOTICES = 3
TONES = {"running": "info", "done": "good", "ready": "good", "blocked": "bad"}
WON, LOST, STAYED = "#3a9d5d", "#c9504a", "#8a8a8a"
"""Legible on light and on dark ground."""


class Rejudging:
    """The organizers' part: versions, rejudges, and what the last one does to the leaderboard."""

    def __init__(self, comp: CompetitionClient) -> None:
        self._comp = comp
        self._reported: tuple[Any, ...] = ()
        self.versions = Fragment(classes=["kit-versions"], announces=True)
        self.table = _rejudges_table()
        self.report = _report_table()
        self.slopes = SlopePlot()
        parts = box(self.report, self.slopes.box, name="kit-side")
        self.box = box(self.versions, self.table, parts, name="kit-rejudging")

    def show_versions(self, found: Json) -> None:
        """Say which questions' files have changed."""
        told = [f"{each['question']}: {each['message']}" for each in found if each["message"]]
        fine = el("p", "Everything is judged by the files as they are.", name="kit-muted kit-small")
        self.versions.change(nodes=[message(text, "warn") for text in told] or [fine])

    def show(self, found: Json) -> None:
        """Show the rejudges as the service tells them, and report on the last one."""
        self.table.show(
            {
                **each,
                "_part": 100 * each["n_done"] / max(1, each["n"]),
                "_versions": f"{each['from_version']} → {each['version']}",
                "_state": "dry run" if each["state"] == "ready" else each["state"],
            }
            for each in found
        )
        # One that runs is reported on when it has ended: each step would change the whole report.
        if found and found[0]["state"] != "running":
            last = found[0]
            if (seen := (last["id"], last["state"], last["n_done"])) != self._reported:
                self._reported = seen
                quiet(partial(self._report_on, last), self._lost)

    def _report_on(self, rejudge: Json) -> None:
        report = self._comp.client.get(f"{self._comp.path}/rejudges/{rejudge['id']}/report")
        self.report.show(
            (
                {**row, "_key": f"{row['baseline']}/{row['team']}", "_baseline": row["baseline"]}
                for row in report["rows"]
            ),
            title=f"{rejudge['question']}: before and after",
        )
        self.slopes.show(report["rows"])

    def _lost(self, error: KitError) -> None:
        self._reported = ()
        self.report.lost(error)


def _rejudges_table() -> LiveTable:
    return LiveTable(
        [
            column("id", "No.", "number", digits=0),
            column("question", "Question", name=True),
            column("_state", "State", "badge", tones=TONES | {"dry run": "good"}, busy=["running"]),
            column("_part", "Judged", "bar", of=100, unit=" %", digits=0),
            column("n", "Submissions", "number", digits=0),
            column("n_errors", "Errors", "number", digits=0, hide="narrow"),
            column("_versions", "Version", hide="narrow"),
            column("reason", "Reason", "note"),
            column("started_at", "Begun", "time"),
        ],
        title="Rejudges",
        label="rejudges",
        empty="Nothing has been rejudged: kit rejudge --dry-run shows what it would change.",
        classes=["kit-rejudges"],
        status="waiting",
    )


def _report_table() -> LiveTable:
    return LiveTable(
        [
            column("rank_after", "Rank", "rank"),
            column("rank_before", "Before", "number", digits=0),
            column("moved", "Moved", "number", digits=0, signed=True),
            column("team", "Team", name=True),
            column("score_after", "Score", "number"),
            column("score_before", "Before", "number"),
        ],
        row_key="_key",
        title="Before and after",
        label="before and after",
        empty="No rejudge to report on.",
        classes=["kit-report"],
    )


class SlopePlot:
    """Ranks before and after as one line a team; made when there is something to draw, as plotly is heavy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figure: Any = None
        self.box = box(name="kit-slopes")

    def show(self, rows: Json) -> None:
        """Draw the first teams and those that moved."""
        lines = [row for row in rows if row["rank_before"] and row["rank_after"]]
        lines.sort(key=lambda row: (not row["moved"], row["rank_after"]))
        with self._lock:
            if not lines:
                return
            self._figure = self._figure or _figure()
            with self._figure.batch_update():
                for at, trace in enumerate(self._figure.data):
                    trace.update(**(_line(lines[at]) if at < len(lines) else {"visible": False}))
            self.box.children = [self._figure]


def _line(row: Json) -> dict[str, Any]:
    moved = row["moved"]
    ranks = [row["rank_before"], row["rank_after"]]
    team = escape(short(row["team"]))
    return {
        "x": [0, 1],
        "y": ranks,
        "text": [f"{rank} {team}" for rank in ranks],
        "name": team,
        "line": {"color": WON if moved > 0 else LOST if moved < 0 else STAYED, "width": 2},
        "visible": True,
    }


def _figure() -> Any:
    import plotly.graph_objects as go

    traces = [
        go.Scatter(
            mode="lines+markers+text",
            textposition=["middle left", "middle right"],
            hovertemplate="%{text}<extra></extra>",
            visible=False,
        )
        for _ in range(MOST_LINES)
    ]
    axis = {"showgrid": False, "zeroline": False}
    layout = {
        "title": {"text": "Ranks before and after", "font": {"size": 15}, "x": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": STAYED, "family": "system-ui, sans-serif", "size": 12.5},
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "height": 420,
        "autosize": True,
        "showlegend": False,
        "xaxis": axis | {"range": [-0.6, 1.6], "tickvals": [0, 1], "ticktext": ["before", "after"]},
        "yaxis": axis | {"autorange": "reversed", "visible": False},
    }
    figure = go.FigureWidget(traces, layout)
    figure._config = {"responsive": True, "displaylogo": False, "displayModeBar": False}
    return figure


def notices(comp: CompetitionClient) -> Fragment:
    """What participants are told of rejudges, newest first; nothing where there was none."""
    made = Fragment(classes=["kit-notices"], announces=True)

    def show(found: Json) -> None:
        made.change(nodes=[_notice(each) for each in found[:MOST_NOTICES]])

    made.follow(comp.client, f"{comp.path}/notices", show)
    return made


def _notice(notice: Json) -> Node:
    reason = f": {notice['reason']}" if notice["reason"] else ""
    changed = [each for each in notice["changes"] if each["before"] != each["after"]]
    told = ", ".join(f"submission {each['submission']} {_change(each)}" for each in changed[:5])
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    return el(
        "div",
        el("b", f"Question {notice['question']} was rejudged{reason}"),
        el("p", f"Yours: {told}{more}.", name="kit-small") if told else None,
        time(notice["at"], "kit-muted kit-small"),
        name="kit-message kit-tone-info",
        data_notice=notice["id"],
    )


def _change(change: Json) -> str:
    before, after = (
        "no score" if value is None else f"{value:.5g}" for value in (change["before"], change["after"])
    )
    return f"{before} → {after}"
