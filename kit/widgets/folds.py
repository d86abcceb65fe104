"""The folds of a code submission on its card: how far they are, what each scored, took and held."""

from __future__ import annotations

from typing import Any

from kit.client.folds import STEPS, rows, score_at, summary
from kit.widgets._widget import Json
from kit.widgets.fragment import Node, el

MANY = 60
"""More folds than these are not drawn one by one."""
STATES = {"waiting": "waits", "running": "running", "done": "done", "failed": "failed"}


def progress(code: Json) -> Node:
    """A strip with a piece for each fold, or each cell of a notebook, which says how far they are."""
    if code.get("n_cells"):
        return _cells(code["n_cells"], code.get("n_cells_done") or 0)
    n_folds = code.get("n_folds") or 0
    if not n_folds or n_folds > MANY:
        return None
    states = {fold["fold"]: fold["state"] for fold in code.get("folds") or []}
    pieces = [_piece(at, states.get(at, "waiting")) for at in range(n_folds)]
    label = f"{code.get('n_done') or 0} of {n_folds} folds done"
    return el("div", *pieces, name="kit-strip", role="img", aria_label=label)


def _cells(n_cells: int, n_done: int) -> Node:
    if n_cells > MANY:
        return None
    states = ["done"] * n_done + ["running"] + ["waiting"] * n_cells
    pieces = [_piece(at, state, "cell") for at, state in enumerate(states[:n_cells])]
    return el("div", *pieces, name="kit-strip", role="img", aria_label=f"{n_done} of {n_cells} cells done")


def _piece(at: int, state: str, what: str = "fold") -> Node:
    return el("span", name="kit-piece", data_state=state, title=f"{what} {at + 1}: {STATES[state]}")


def fold_table(code: Json, metric: str, *, is_final: bool = False) -> Node:
    """One line for each fold, then the mean and the bagged scores; None where no fold has begun.

    Of what is final, folds that were stopped have nothing to tell.
    """
    found = [row for row in rows(code, metric) if row["state"] != "waiting"]
    if is_final:
        found = [row for row in found if row["fit_s"] is not None]
    if not found:
        return None
    bagged = code.get("bagged")
    steps = [
        step
        for step in STEPS
        if score_at(bagged, step, metric) is not None or any(row[step] is not None for row in found)
    ]
    heads = ["Fold", *steps, "fit", "predict", "memory"]
    scopes = [el("th", head, scope="col", title=_help(head, metric)) for head in heads]
    shown = {step: _aligned([row[step] for row in found]) for step in steps}
    body = [_line(row, {step: shown[step][at] for step in steps}) for at, row in enumerate(found)]
    foot = [
        el(
            "tr",
            el("th", name, scope="row"),
            *(el("td", told.get(step, "")) for step in steps),
            *_means(found, is_mean=at == 0),
        )
        for at, (name, told) in enumerate(summary(code, metric))
    ]
    parts = [el("thead", el("tr", *scopes)), el("tbody", *body), *([el("tfoot", *foot)] if foot else [])]
    table = el("table", *parts, name="kit-folds", aria_label=f"Folds, {metric}", aria_live="off")
    return el("div", table, name="kit-scroll-x", tabindex="0", role="region", aria_label="Folds")


def seconds(value: float | None) -> str:
    """A duration as people say it.

    Examples
    --------
    >>> seconds(0.0421), seconds(3.14159), seconds(75), seconds(None)
    ('42 ms', '3.1 s', '75 s', '')
    """
    if value is None:
        return ""
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def memory(n_bytes: float | None) -> str:
    """A size of memory as people say it.

    Examples
    --------
    >>> memory(212_345_678), memory(3_400_000_000), memory(None)
    ('212 MB', '3.4 GB', '')
    """
    if not n_bytes:
        return ""
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"


def _aligned(values: list[float | None]) -> list[str]:
    """Four significant digits, or as many as were told, and the points below each other."""
    texts = ["" if value is None else f"{value:.4g}" for value in values]
    if any("e" in text or "n" in text for text in texts):
        return texts
    n_decimals = max(len(text.partition(".")[2]) for text in texts)
    return ["" if value is None else f"{value:.{n_decimals}f}" for value in values]


def _line(row: dict[str, Any], scores: dict[str, str]) -> Node:
    named = el("th", str(row["fold"] + 1), scope="row")
    told = f"fold {row['fold'] + 1}: {STATES[row['state']]}"
    if row["fit_s"] is None:
        cells = [
            el(
                "td",
                "running…" if row["state"] == "running" else STATES[row["state"]],
                colspan=len(scores) + 3,
                name="kit-wide-cell",
            )
        ]
    else:
        predict = [value for value in (row["valid_s"], row["test_s"]) if value]
        cpu = _cpu(row["valid_cpu_s"], row["test_cpu_s"])
        cells = [
            *(el("td", text, data_step=step) for step, text in scores.items()),
            el("td", seconds(row["fit_s"]), title=_cpu(row["fit_cpu_s"])),
            el("td", seconds(sum(predict)) if predict else "", title=cpu),
            el("td", memory(row["peak_bytes"])),
        ]
    return el("tr", named, *cells, data_fold=row["fold"], data_state=row["state"], title=told)


def _cpu(*values: float | None) -> str | None:
    known = [value for value in values if value is not None]
    return f"{seconds(sum(known))} of CPU time" if known else None


def _means(found: list[dict[str, Any]], *, is_mean: bool) -> list[Node]:
    if not is_mean:
        return [el("td") for _ in range(3)]
    done = [row for row in found if row["fit_s"] is not None]
    fit = sum(row["fit_s"] for row in done) / max(1, len(done))
    predict = sum((row["valid_s"] or 0) + (row["test_s"] or 0) for row in done) / max(1, len(done))
    peaks = [row["peak_bytes"] for row in done if row["peak_bytes"]]
    told = (seconds(fit), seconds(predict), memory(max(peaks)) if peaks else "")
    helps = ("mean of the folds", "mean of the folds", "most of the folds")
    return [el("td", text, title=help_) for text, help_ in zip(told, helps, strict=True)]


def _help(head: str, metric: str) -> str | None:
    helps = {
        "train": f"{metric} on the rows the fold was trained on",
        "valid": f"{metric} on the rows of the training data the fold has not seen",
        "test": f"{metric} on the public part of the truth",
        "private": f"{metric} on the private part of the truth",
        "fit": "Seconds by the clock to import and fit",
        "predict": "Seconds by the clock to predict validation and test rows",
        "memory": "Most memory held at a time",
    }
    return helps.get(head)
