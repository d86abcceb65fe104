"""Best public score over time, of the teams that lead; drawn by plotly, which needs no network for it."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Any

import ipywidgets

from kit.widgets._widget import Json
from kit.widgets.tabs import tabbed

MOST_TEAMS = 8
COLOURS = ["#2f7ed8", "#e07b39", "#3a9d5d", "#b8467c", "#8a6fd1", "#a8871a", "#2a9da8", "#c9504a"]
_GREY = "#8a8a8a"
"""Legible on light and on dark ground."""


class ProgressPlot:
    """One plot for each question; ``box`` holds them."""

    def __init__(self, questions: list[Json]) -> None:
        self._questions = questions
        self._figures = {each["id"]: _figure(each["metric"]) for each in questions}
        pages = {each["title"]: self._figures[each["id"]] for each in questions}
        self.box: ipywidgets.VBox = tabbed(pages, kind="segments", label="Question of the plot")
        self.box.add_class("kit-progress")

    def show_submissions(self, found: Json) -> None:
        """Redraw from all submissions."""
        for question in self._questions:
            figure = self._figures[question["id"]]
            lines = best_over_time(found, question)
            with figure.batch_update():
                for at, trace in enumerate(figure.data):
                    team, times, scores = lines[at] if at < len(lines) else ("", [], [])
                    trace.update(x=times, y=scores, name=escape(team), visible=at < len(lines))


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


def _figure(metric: str) -> Any:
    import plotly.graph_objects as go

    traces = [
        go.Scatter(
            mode="lines+markers",
            line={"shape": "hv", "width": 2, "color": colour},
            marker={"size": 6},
            visible=False,
            hovertemplate="%{fullData.name}: %{y:.5g}<br>%{x|%Y-%m-%d %H:%M} UTC<extra></extra>",
        )
        for colour in COLOURS
    ]
    axis = {"gridcolor": "rgba(138,138,138,0.22)", "zeroline": False, "automargin": True}
    layout = {
        "title": {"text": "Best public score over time", "font": {"size": 15}, "x": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": _GREY, "family": "system-ui, sans-serif", "size": 12.5},
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "height": 320,
        "autosize": True,
        "showlegend": True,
        "legend": {"orientation": "v"},
        "xaxis": axis,
        "yaxis": axis | {"title": {"text": metric}},
    }
    figure = go.FigureWidget(traces, layout)
    figure._config = {"responsive": True, "displaylogo": False, "displayModeBar": False}
    return figure
