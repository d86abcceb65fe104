"""Signs of probing and of overfitting, for organizers: a table, and public against private in a picture."""

from __future__ import annotations

import threading
from html import escape
from typing import Any

from kit.widgets._widget import Json, box, quiet
from kit.widgets.fragment import Fragment, el
from kit.widgets.plot import COLOURS, blank_figure, short
from kit.widgets.table import LiveTable, column

_ABOUT = (
    "A sign is no proof: look at the submissions, and ask the team. Worth: by how many standard errors the "
    "scores shown can have lifted a score, at most. Overfitting: how much more a team gained in public than "
    "in private, from its first submission to its best."
)


class ProbingView:
    """What each team's submissions look like; ``box`` holds it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._found: Json = []
        self._figure: Any = None
        self.table = LiveTable(
            [
                column("team", "Team", name=True),
                column("question", "Question", hide="narrow"),
                column("n_submissions", "Tries", "number", digits=0),
                column("signs", "Signs", "note", list="evidence"),
                column("worth", "Worth", "number", hide="narrow"),
                column("overfitting", "Overfitting", "interval", low="low", high="high"),
            ],
            row_key="_key",
            empty="No scored submissions yet.",
            label="signs of probing",
        )
        self._picture = box(name="kit-progress")
        self.box = box(Fragment(el("p", _ABOUT, name="kit-muted kit-small")), self.table, self._picture)
        quiet(self._make, lambda _: None)

    def show(self, found: Json) -> None:
        """Show what the service found."""
        with self._lock:
            self._found = found
            self.table.show([_row(series) for series in found])
            self._draw()

    def _make(self) -> None:
        figure = blank_figure("Public minus private score, submission by submission")
        with self._lock:
            self._figure = figure
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            lines = gaps(self._found)
            if self._figure is None or not lines:
                return
            if not self._picture.children:
                self._picture.children = (self._figure,)
            with self._figure.batch_update():
                for at, trace in enumerate(self._figure.data):
                    name, numbers, values = lines[at] if at < len(lines) else ("", [], [])
                    trace.update(x=numbers, y=values, name=escape(name), visible=at < len(lines))


def gaps(found: Json) -> list[tuple[str, list[int], list[float]]]:
    """Of the teams that tried most: name, number of the try, public minus private score."""
    most = sorted((s for s in found if len(s["tries"]) > 1), key=lambda s: -len(s["tries"]))[: len(COLOURS)]
    several = len({series["question"] for series in found}) > 1
    return [
        (
            f"{short(series['team'])}, {series['question']}" if several else short(series["team"]),
            list(range(1, len(series["tries"]) + 1)),
            [tried["public"] - tried["private"] for tried in series["tries"]],
        )
        for series in most
    ]


def _row(series: Json) -> dict[str, Any]:
    grown = series["overfitting"]
    spread = {} if grown is None else {"overfitting": grown["growth"]} | _ends(grown["growth"], grown["se"])
    return {
        **{key: series[key] for key in ("team", "question", "n_submissions", "worth")},
        **spread,
        "signs": ", ".join(flag["sign"] for flag in series["flags"]),
        "evidence": [flag["evidence"] for flag in series["flags"]],
        "_key": f"{series['question']}/{series['team']}",
        "_tone": "warn" if series["flags"] else "",
    }


def _ends(value: float, se: float) -> dict[str, float]:
    return {"low": value - 1.96 * se, "high": value + 1.96 * se}
