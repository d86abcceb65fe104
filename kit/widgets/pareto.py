"""Scores of all submissions against what they cost, and over time; drawn by plotly."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from kit.widgets._widget import Json, box, quiet, remembered
from kit.widgets.fragment import Fragment, el
from kit.widgets.plot import ProgressPlot, blank_figure, short

if TYPE_CHECKING:
    from kit.client import CompetitionClient

COSTS = {"seconds": "Train, valid and test, seconds of all folds", "peak_mb": "Peak memory, MB"}


class ParetoPlot:
    """Each submission's public score against its cost, and the line of those that none beats in both.

    ``box`` holds it; it says so where there are no costs.
    """

    def __init__(self, question: Json, cost: str = "seconds") -> None:
        self._lock = threading.RLock()
        self._question, self._cost = question, cost
        self._board: Json = {}
        self._figure: Any = None
        told = "Scores against cost are drawn here from the second scored submission of code on."
        self._nothing = Fragment(el("p", told, name="kit-muted kit-small"))
        self.box = box(self._nothing, name="kit-progress")
        quiet(self._make, lambda _: None)

    def show(self, board: Json) -> None:
        """Redraw from a leaderboard with a row for each submission."""
        with self._lock:
            self._board = board
            self._draw()

    def _make(self) -> None:
        figure = blank_figure(f"Public score against cost, {self._question['title']}")
        figure.layout.xaxis.update(title={"text": COSTS[self._cost]}, type="log")
        figure.layout.yaxis.title.text = self._question["metric"]
        for trace in figure.data:
            trace.update(mode="markers", marker={"size": 9}, hovertemplate="%{text}<extra></extra>")
        figure.data[-1].update(mode="lines", line={"shape": "hv", "dash": "dot", "color": "#8a8a8a"})
        with self._lock:
            self._figure = figure
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if self._figure is None or not self._board:
                return
            points = costs(self._board, self._cost)
            drawn = len(points) > 1
            shown = (self._figure,) if drawn else (self._nothing,)
            if self.box.children != shown:
                self.box.children = shown
            with self._figure.batch_update():
                self._fill(points if drawn else [])

    def _fill(self, points: list[dict[str, Any]]) -> None:
        teams = list(dict.fromkeys(point["team"] for point in points))
        *groups, line = self._figure.data
        for at, trace in enumerate(groups):
            # Of many teams those that do not lead share the last colour.
            is_last = at == len(groups) - 1
            mine = teams[at:] if is_last else teams[at : at + 1]
            some = [point for point in points if point["team"] in mine]
            name = f"{len(mine)} others" if len(mine) > 1 else next(iter(mine), "")
            trace.update(
                x=[point["cost"] for point in some],
                y=[point["score"] for point in some],
                text=[_hover(point) for point in some],
                name=escape(short(name)),
                visible=bool(some),
            )
        front = pareto(points, greater_is_better=bool(self._board.get("greater_is_better", True)))
        line.update(
            x=[point["cost"] for point in front],
            y=[point["score"] for point in front],
            text=[_hover(point) for point in front],
            name="not beaten in both",
            visible=len(front) > 1,
        )


def costs(board: Json, cost: str = "seconds") -> list[dict[str, Any]]:
    """Of each submission with known costs: number, team, score and cost, best first."""
    found = []
    for row in board.get("rows") or []:
        seconds = [row.get(key) for key in ("fit_s", "valid_s", "test_s")]
        peak = row.get("peak_bytes")
        known: dict[str, float] = {}
        if None not in seconds:
            known["seconds"] = sum(seconds)
        if peak is not None:
            known["peak_mb"] = peak / 1e6
        if known.get(cost, 0.0) > 0.0:
            kept = {key: row[key] for key in ("submission", "team", "score")}
            found.append(kept | {"cost": known[cost]})
    return found


def pareto(points: list[dict[str, Any]], *, greater_is_better: bool) -> list[dict[str, Any]]:
    """The points that no other beats in score and cost, the cheapest first.

    Examples
    --------
    >>> points = [{"cost": 3.0, "score": 0.9}, {"cost": 2.0, "score": 0.7}, {"cost": 2.5, "score": 0.6}]
    >>> [point["cost"] for point in pareto(points, greater_is_better=True)]
    [2.0, 3.0]
    """
    sign = 1.0 if greater_is_better else -1.0
    front: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda each: (each["cost"], -sign * each["score"])):
        if not front or sign * point["score"] > sign * front[-1]["score"]:
            front.append(point)
    return front


def progress_facts(board: Json) -> list[dict[str, Any]]:
    """A leaderboard with a row for each submission as a list of submissions, which `ProgressPlot` takes."""
    return [
        {
            "question": board["question"],
            "team": row["team"],
            "baseline": row["baseline"],
            "submitted_at": row["submitted_at"],
            "score": {"public": {board["metric"]: {"score": row["score"]}}},
        }
        for row in board["rows"]
    ]


def plots(comp: CompetitionClient, question: str | None = None) -> ipywidgets.VBox:
    """Live plots of a question: best score over time, and score against cost where code is taken."""
    return remembered(comp, ("plots", comp.client.token, question), lambda: _plots(comp, question))


def _plots(comp: CompetitionClient, question: str | None) -> ipywidgets.VBox:
    asked = comp.question(question)
    progress = ProgressPlot()
    progress.ask([asked])
    head = Fragment(el("h3", asked["title"]))
    path = comp.leaderboard_path("public", asked["id"], per="submission")
    head.follow(comp.client, path, lambda board: progress.show_submissions(progress_facts(board)))
    made = box(head, progress.box, name="kit-plots")
    if asked.get("code"):
        against_cost = ParetoPlot(asked)
        head.follow(comp.client, path, against_cost.show)
        made.children = (*made.children, against_cost.box)
        made.told = against_cost
    return made


def _hover(point: dict[str, Any]) -> str:
    return f"{escape(short(point['team']))}, {point['submission']}: {point['score']:.5g}, {point['cost']:.3g}"
