"""Best public score over time, of the teams that lead; drawn by plotly, which needs no network for it."""

from __future__ import annotations

import threading
from collections import defaultdict
from html import escape
from typing import Any

from kit.widgets._widget import Json, box, quiet
from kit.widgets.fragment import Fragment, el
from kit.widgets.tabs import Tabs

MOST_TEAMS = 8
MOST_LETTERS = 32
COLOURS = ["#2f7ed8", "#e07b39", "#3a9d5d", "#b8467c", "#8a6fd1", "#a8871a", "#2a9da8", "#c9504a"]
_GREY = "#8a8a8a"
"""Legible on light and on dark ground."""


def short(name: str) -> str:
    """A name as plots show it: a long one would leave no room for the plot.

    >>> short("owls"), short("owls-" * 40)
    ('owls', 'owls-owls-owls-owls-owls-owls-o…')
    """
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


class ProgressPlot:
    """The one plot of a screen, of a question at a time; ``box`` holds it.

    It is made beside the main thread and kept while the competition changes: plotly takes seconds to
    import, and each of its figures sends 5 MB of script to the browser.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._questions: list[Json] = []
        self._found: Json = []
        self._figure: Any = None
        self._tabs = Tabs(kind="segments", label="Question of the plot")
        self._tabs.observe(lambda _: self._draw(), "index")
        told = "Scores over time are drawn here from the second scored submission on."
        self._nothing = Fragment(el("p", told, name="kit-muted kit-small"))
        self.box = box(self._nothing, name="kit-progress")
        quiet(self._make, lambda _: None)

    def ask(self, questions: list[Json]) -> None:
        """Plot these questions from now on."""
        with self._lock:
            self._questions, self._found = questions, []
            self._tabs.change(index=0, titles=[each["title"] for each in questions])
            (self._tabs.remove_class if len(questions) > 1 else self._tabs.add_class)("kit-hidden")
            self._draw()

    def show_submissions(self, found: Json) -> None:
        """Redraw from all submissions."""
        with self._lock:
            self._found = found
            self._draw()

    def _make(self) -> None:
        figure = _figure()
        with self._lock:
            self._figure = figure
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if self._figure is None or not self._questions:
                return
            # One point is no progress: there is nothing to draw yet.
            question = self._questions[self._tabs.index]
            lines = best_over_time(self._found, question)
            drawn = sum(len(times) for _, times, _ in lines) > 1
            shown = (self._tabs, self._figure) if drawn else (self._tabs, self._nothing)
            if self.box.children != shown:
                self.box.children = shown
            with self._figure.batch_update():
                self._figure.layout.yaxis.title.text = question["metric"]
                for at, trace in enumerate(self._figure.data):
                    team, times, scores = lines[at] if at < len(lines) else ("", [], [])
                    trace.update(x=times, y=scores, name=escape(short(team)), visible=at < len(lines))


def best_over_time(found: Json, question: Json) -> list[tuple[str, list[str], list[float]]]:
    """Team, times and best score so far, of the teams that lead a question, the first one first."""
    metric = question["metric"]
    known = {each["name"]: each.get("greater_is_better", True) for each in question["metrics"]}
    better = max if known.get(metric, True) else min
    lines: dict[str, tuple[list[str], list[float]]] = defaultdict(lambda: ([], []))
    for facts in sorted(found, key=lambda each: str(each["submitted_at"])):
        score = ((facts.get("score") or {}).get("public") or {}).get(metric)
        if facts["question"] != question["id"] or facts.get("baseline") or not score:
            continue
        times, scores = lines[facts["team"]]
        times.append(facts["submitted_at"])
        scores.append(better([score["score"], *scores[-1:]]))
    leading = sorted(lines.items(), key=lambda line: line[1][1][-1], reverse=better is max)
    return [(team, times, scores) for team, (times, scores) in leading[:MOST_TEAMS]]


def _figure() -> Any:
    figure = blank_figure("Best public score over time")
    hover = "%{fullData.name}: %{y:.5g}<br>%{x|%Y-%m-%d %H:%M} UTC<extra></extra>"
    figure.update_traces(line={"shape": "hv"}, hovertemplate=hover)
    figure.layout.yaxis.title.text = "score"
    return figure


def blank_figure(title: str) -> Any:
    """A figure with a line for each of a few teams, none of them drawn yet."""
    import plotly.graph_objects as go

    traces = [
        go.Scatter(
            mode="lines+markers",
            line={"width": 2, "color": colour},
            marker={"size": 6},
            visible=False,
            hovertemplate="%{fullData.name}: %{y:.5g}<extra></extra>",
        )
        for colour in COLOURS
    ]
    axis = {"gridcolor": "rgba(138,138,138,0.22)", "zeroline": False, "automargin": True}
    layout = {
        "title": {"text": title, "font": {"size": 15}, "x": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _GREY, "family": "system-ui, sans-serif", "size": 12.5},
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "height": 320,
        "autosize": True,
        "showlegend": True,
        "legend": {"orientation": "v"},
        "xaxis": axis,
        "yaxis": axis | {"title": {"text": ""}},
    }
    figure = go.FigureWidget(traces, layout)
    figure._config = {"responsive": True, "displaylogo": False, "displayModeBar": False}
    return figure
