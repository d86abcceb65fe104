"""Every metric, and what predictions it takes."""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap

from generating import markdown
from kit.metrics import METRICS, Domain, Metric, Target
from kit.metrics import _metric as defining

_INTRODUCTION = """\
`metric` and `more_metrics` of a [question](competition-toml.md#question) take these names. `ndcg@10`, `map@5`
and `pinball@0.9` set the number of theirs. Your own metric is `metrics.py:function`, a function
`(truth, predictions) -> float` of two DataFrames indexed by id, in a file of the competition's folder;
say its direction with `greater_is_better`."""
_TITLES = {
    Target.NUMBER: "Numbers",
    Target.CLASS: "Classes",
    Target.RELEVANCE: "Rankings",
}


def page() -> str:
    """The page."""
    parts = [_INTRODUCTION, "## What to send", markdown.table(("domain", "predictions"), _domains())]
    for target, title in _TITLES.items():
        chosen = [metric for metric in METRICS.values() if metric.target is target]
        head = ("metric", "", "better", "range", "what to send", "needs")
        parts += [f"## {title}", markdown.table(head, map(_row, chosen))]
    sources = [f"- `{name}`: {source(metric)}" for name, metric in METRICS.items()]
    return markdown.page("Metrics", *parts, "## Sources", "\n".join(sources))


def source(metric: Metric) -> str:
    """What the metric's docstring cites, on one line; empty where nothing."""
    text = inspect.getdoc(metric.function) or ""
    found = re.search(r"^References\n-+\n(.*?)(?=^\w[\w ]*\n---|\Z)", text, re.DOTALL | re.MULTILINE)
    entries = re.split(r"^\.\. \[\d+\] ", found[1], flags=re.MULTILINE)[1:] if found else []
    return " ".join(" ".join(entry.split()) for entry in entries)


def _row(metric: Metric) -> tuple[str, ...]:
    return (
        markdown.code(metric.name),
        metric.summary,
        "greater" if metric.greater_is_better else "lower",
        _range(metric),
        _sent(metric),
        _needs(metric),
    )


def _range(metric: Metric) -> str:
    worst = metric.worst if metric.worst is not None else math.inf
    low, high = (
        (metric.worst if metric.worst is not None else -math.inf, metric.best)
        if metric.greater_is_better
        else (metric.best, worst)
    )
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return {math.inf: "∞", -math.inf: "−∞"}.get(value, f"{value:.4g}".replace("-", "−"))


def _sent(metric: Metric) -> str:
    if metric.target is not Target.CLASS or metric.multiclass_domain is metric.domain:
        return markdown.code(metric.domain)
    if metric.multiclass_domain is None:
        return f"{markdown.code(metric.domain)}, two classes only"
    return f"{markdown.code(metric.domain)}; more than two classes: {markdown.code(metric.multiclass_domain)}"


def _needs(metric: Metric) -> str:
    needs = []
    if metric.needs_groups:
        needs.append("`group_column`")
    if metric.takes_events:
        needs.append("`event_column`, if censored")
    if metric.takes_class_weights:
        needs.append("`class_weights` in `metric_options`")
    return ", ".join(needs)


def _domains() -> list[tuple[str, str]]:
    """Each domain with the text below it in the source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(defining.Domain))).body[0]
    assert isinstance(tree, ast.ClassDef)
    texts = [
        n.value.value for n in tree.body[1:] if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
    ]
    return [(markdown.code(d.value), str(text)) for d, text in zip(Domain, texts, strict=True)]
