"""Competitions of any size to measure scoring with, and what a usual script calls for each metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import (
    cohen_kappa_score,
    f1_score,
    log_loss,
    mean_squared_error,
    ndcg_score,
    roc_auc_score,
)

from kit.competition import Competition, load_competition
from kit.metrics import Array, Domain
from kit.predictions import Expected, read_predictions, write_parquet

QUERY_ROWS = 100
GRADES = 5
PUBLIC = 0.3

TOML = """\
title = "Benchmark"
slug = "benchmark"
opens_at = 2026-03-01T09:00:00Z
closes_at = 2026-03-08T18:00:00Z
limits = { max_mb = 1000 }
"""
QUESTION = """
[[question]]
id = "{question}"
metric = "{metric}"
id_column = "id"
target = "{target}"
truth = "private/truth.parquet"
data = []
{more}
"""


@dataclass(frozen=True)
class Case:
    """A metric and what the peer calls for it; ``target`` is the column of truth and predictions."""

    metric: str
    target: str
    peer: Callable[[Array, Array], float]
    more: str = ""
    sorts: bool = False


def _ndcg(y_true: Array, y_pred: Array) -> float:
    # Rows come by query here, all queries alike: no peer could have it better.
    return float(ndcg_score(y_true.reshape(-1, QUERY_ROWS), y_pred.reshape(-1, QUERY_ROWS)))


CASES = (
    Case("log_loss", "chance", log_loss),
    Case("roc_auc", "chance", roc_auc_score, sorts=True),
    Case("rmse", "amount", lambda y, p: float(mean_squared_error(y, p) ** 0.5)),
    Case("f1_macro", "grade", lambda y, p: f1_score(y, p, average="macro")),
    Case("quadratic_weighted_kappa", "grade", lambda y, p: cohen_kappa_score(y, p, weights="quadratic")),
    Case("ndcg", "relevance", _ndcg, 'group_column = "query"', sorts=True),
)


def make(
    directory: Path, n: int, ids: str = "ordered", targets: tuple[str, ...] | None = None
) -> Competition:
    """A competition of ``n`` rows, and shuffled files of predictions for each target, or for some."""
    rng = np.random.default_rng(0)
    query = np.arange(n) // QUERY_ROWS
    is_public = (rng.random(query[-1] + 1) < PUBLIC)[query]
    truth = pd.DataFrame(
        {
            "id": _ids(n, ids, rng),
            "split": np.where(is_public, "public", "private"),
            "query": query,
            "chance": rng.integers(0, 2, n),
            "amount": rng.normal(size=n),
            "grade": rng.integers(0, GRADES, n),
            "relevance": rng.integers(0, 4, n),
        }
    )
    (directory / "private").mkdir()
    truth.to_parquet(directory / "private/truth.parquet")
    noisy = np.clip(truth["grade"] + rng.integers(-1, 2, n), 0, GRADES - 1)
    predictions = {
        "chance": 1 / (1 + np.exp(-truth["chance"] - rng.normal(size=n))),
        "amount": truth["amount"] + rng.normal(size=n),
        "grade": noisy,
        "relevance": truth["relevance"] + rng.normal(size=n),
    }
    shuffled = rng.permutation(n)
    for name, values in predictions.items():
        if targets is not None and name not in targets:
            continue
        frame = pd.DataFrame({"id": truth["id"], name: values}).iloc[shuffled]
        frame.to_csv(directory / f"{name}.csv", index=False)
        write_parquet(frame.set_index("id"), directory / f"{name}.parquet")
        _submit(frame, truth[name], directory / f"{name}-submitted.parquet")
    questions = (
        QUESTION.format(question=case.metric, metric=case.metric, target=case.target, more=case.more)
        for case in CASES
    )
    (directory / "competition.toml").write_text(TOML + "".join(questions))
    return load_competition(directory)


def _submit(frame: pd.DataFrame, truth: pd.Series, file: Path) -> None:
    """Write what ``comp.submit(frame)`` sends: the client knows the ids, sorted, and checks first."""
    name, ids = str(truth.name), np.sort(frame["id"].to_numpy())
    classes = tuple(map(str, range(GRADES))) if name == "grade" else ()
    domain = Domain.LABEL if classes else Domain.REAL
    write_parquet(read_predictions(frame, Expected("", "id", ids, (name,), domain, classes)), file)


def _ids(n: int, kind: str, rng: np.random.Generator) -> Array | list[str]:
    """Ids of the truth's rows: in order, as most are, or in any order."""
    if kind == "ordered":
        return np.arange(n)
    ids = rng.permutation(n)
    if kind == "sparse":
        return ids * 1_000_003 + 7
    return [f"row-{i:08x}" for i in ids] if kind == "text" else ids
