"""Reference notebooks for a drafted question: a constant one, and gradient boosting on all columns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template
from textwrap import indent

from kit.metrics import Domain, get_metric
from kit.starter._draft import Draft

_TEMPLATES = Path(__file__).parent.parent / "templates"
_CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)
_BY_MEDIAN = ("mae", "medae", "mape", "smape")

_CONSTANT = {
    Domain.LABEL: "for target in targets:\n    predictions[target] = train[target].mode()[0]",
    Domain.PROBABILITY: (
        "for target in targets:\n    predictions[target] = (train[target] == classes[-1]).mean()"
    ),
    Domain.DISTRIBUTION: (
        "for value in classes:\n    predictions[str(value)] = (train[targets[0]] == value).mean()"
    ),
}
_FIT = {
    Domain.LABEL: "predictions[target] = model.fit(X, y).predict(test[features])",
    Domain.PROBABILITY: (
        "positive = y == classes[-1]\n"
        "predictions[target] = model.fit(X, positive).predict_proba(test[features])[:, 1]"
    ),
    Domain.DISTRIBUTION: (
        "shares = pd.DataFrame(model.fit(X, y).predict_proba(test[features]), columns=model.classes_)\n"
        "for value in classes:\n"
        "    predictions[str(value)] = shares[value].to_numpy() if value in shares else 0.0"
    ),
    Domain.NON_NEGATIVE: "predictions[target] = model.fit(X, y).predict(test[features]).clip(min=0)",
}


def notebooks(draft: Draft) -> dict[str, str]:
    """File name and text of each notebook.

    They keep the contract of reference notebooks: a cell tagged ``parameters`` with ``data_dir`` and
    ``output_path``; the data are read from the one, the predictions written to the other.
    """
    names = f"id_column, targets = {draft.id_column!r}, {list(draft.target)!r}"
    if draft.classes:
        names += f"\nclasses = {list(draft.classes)!r}"
    average = average_of(draft)
    number = f"for target in targets:\n    predictions[target] = train[target].{average}()"
    what = {Domain.LABEL: "The most frequent class"}.get(draft.domain, "The share of each class")
    boosting = "HistGradientBoosting" + ("Classifier" if draft.classes else "Regressor")
    loss = 'loss="absolute_error", ' if average == "median" and not draft.classes else ""
    # A metric of order (roc_auc alone) takes any score; probabilities of the last class are one.
    domain = Domain.PROBABILITY if draft.classes and draft.domain is Domain.REAL else draft.domain
    fit = _FIT.get(domain, "predictions[target] = model.fit(X, y).predict(test[features])")
    values = {
        "names": names,
        "what": what if draft.classes else f"The {average} of the target",
        "predict": _CONSTANT.get(domain, number),
        "model": boosting,
        "options": f"{loss}random_state=0",
        "fit": indent(fit, "    "),
    }
    return {
        f"{name}.ipynb": _notebook(
            Template((_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")).substitute(values)
        )
        for name in ("constant", "gradient-boosting")
    }


def average_of(draft: Draft) -> str:
    """What a constant is best by: "median" where the metric is of absolute errors, else "mean"."""
    return "median" if get_metric(draft.metric).name in _BY_MEDIAN else "mean"


def _notebook(text: str) -> str:
    _, *parts = _CELL.split(text)
    cells = [
        _cell(f"cell-{number}", tag.strip(), body.strip())
        for number, (tag, body) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cell(name: str, tag: str, source: str) -> dict[str, object]:
    if tag == "[markdown]":
        lines = re.sub(r"^# ?", "", source, flags=re.MULTILINE).splitlines(keepends=True)
        return {"cell_type": "markdown", "id": name, "metadata": {}, "source": lines}
    metadata = {"tags": [tag]} if tag else {}
    run: dict[str, object] = {"execution_count": None, "outputs": []}
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "id": name, "metadata": metadata, **run, "source": lines}
