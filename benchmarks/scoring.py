"""How long a predictions file takes from its bytes on disk to both splits' scores, against the usual script.

The peer is what platforms' scoring scripts do, in a warm process that has already read the truth:
``pandas.read_csv``, checks of ids and values, ``merge`` on id, scikit-learn once per split. Ours is the
judge's path. Both take turns, and medians count. ``limit_s`` is what no program can save: reading the
bytes, and one sort where the metric needs one.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score, f1_score, log_loss, mean_squared_error, ndcg_score, roc_auc_score

from kit.competition import Competition, load_competition
from kit.metrics import Array
from kit.predictions import compile_reader, read_predictions, write_parquet
from kit.scoring import score_split
from kit.submission import Split
from kit.truth import Truth, read_truth

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


def make(directory: Path, n: int, ids: str = "dense") -> Competition:
    """A competition of ``n`` rows, and a file of predictions in shuffled order for each target."""
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
        frame = pd.DataFrame({"id": truth["id"], name: values}).iloc[shuffled]
        frame.to_csv(directory / f"{name}.csv", index=False)
        write_parquet(frame.set_index("id"), directory / f"{name}.parquet")
    questions = (
        QUESTION.format(question=case.metric, metric=case.metric, target=case.target, more=case.more)
        for case in CASES
    )
    (directory / "competition.toml").write_text(TOML + "".join(questions))
    return load_competition(directory)


def _ids(n: int, kind: str, rng: np.random.Generator) -> Array | list[str]:
    dense = rng.permutation(n)
    if kind == "sparse":
        return dense * 1_000_003 + 7
    return [f"row-{i:08x}" for i in dense] if kind == "text" else dense


def ours(competition: Competition, truth: Truth, case: Case, file: Path) -> list[float]:
    """The judge's path, up to the points."""
    question = competition.find_question(case.metric)
    predictions = read_predictions(file, truth.expected)
    return [
        score_split(case.metric, predictions, truth, question, split, directory=competition.directory)
        for split in Split
    ]


def peer(truth: pd.DataFrame, case: Case, file: Path) -> list[float]:
    """What a careful scoring script does."""
    predictions = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
    if len(predictions) != len(truth) or predictions["id"].duplicated().any():
        raise ValueError("ids missing or repeated")
    if predictions[case.target].isna().any():
        raise ValueError("values missing")
    both = truth.merge(predictions, on="id", suffixes=("_true", "_pred"))
    if len(both) != len(truth):
        raise ValueError("ids unknown")
    scores = []
    for split in Split:
        rows = both[both["split"] == split.value]
        scores.append(case.peer(rows[f"{case.target}_true"].to_numpy(), rows[f"{case.target}_pred"].to_numpy()))
    return scores


def limit(case: Case, file: Path, n: int) -> None:
    """Read the bytes; sort once where the metric needs it."""
    file.read_bytes()
    if case.sorts:
        np.sort(np.random.default_rng(0).random(n))


def measure(runs: list[Callable[[], object]], n_rounds: int) -> list[float]:
    """Median seconds of each, taking turns."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(n_rounds):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def rows(n: int, n_rounds: int, ids: str = "dense") -> Iterator[dict[str, object]]:
    """Every case at ``n`` rows; each pair of scores is compared before it is timed."""
    with tempfile.TemporaryDirectory(prefix="kit-") as folder:
        competition = make(Path(folder), n, ids)
        frame = pd.read_parquet(Path(folder) / "private/truth.parquet")
        for case in CASES:
            truth = read_truth(competition, competition.find_question(case.metric))
            yield from _case(competition, truth, frame, case, n, n_rounds, ids)
            del truth


def _case(
    competition: Competition,
    truth: Truth,
    frame: pd.DataFrame,
    case: Case,
    n: int,
    n_rounds: int,
    ids: str,
) -> Iterator[dict[str, object]]:
    csv, parquet = (competition.directory / f"{case.target}{suffix}" for suffix in (".csv", ".parquet"))
    columns = frame[["id", "split", case.target]]
    for file in (csv, parquet):
        np.testing.assert_allclose(
            ours(competition, truth, case, file), peer(columns, case, file), rtol=1e-12
        )
    runs: list[Callable[[], object]] = [
        lambda: ours(competition, truth, case, csv),
        lambda: ours(competition, truth, case, parquet),
        lambda: peer(columns, case, csv),
        lambda: peer(columns, case, parquet),
        lambda: limit(case, csv, n),
        lambda: limit(case, parquet, n),
    ]
    our_csv, our_parquet, peer_csv, peer_parquet, limit_csv, limit_parquet = measure(runs, n_rounds)
    what = f"{case.metric} n={n}" + ("" if ids == "dense" else f" {ids} ids")
    yield _row(f"{what} csv", our_csv, peer_csv, limit_csv)
    yield _row(f"{what} parquet", our_parquet, peer_csv, limit_parquet)
    yield _row(f"{what} parquet, peer reads parquet", our_parquet, peer_parquet, limit_parquet)


def _row(case: str, ours_s: float, peer_s: float, limit_s: float) -> dict[str, object]:
    return {
        "case": case,
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "limit_s": limit_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out 10,000,000 rows and other ids")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    compile_reader()
    table = [*rows(10**4, 21), *rows(10**6, 5)]
    if arguments.json:
        print(json.dumps(table, indent=1))
    else:
        for row in table:
            print(f"{row['case']:55} {row['ours_s']:9.4f} s {row['peer_s']:9.4f} s {row['ratio']:6.1f}x {row['limit_s']:9.4f} s")


if __name__ == "__main__":
    main()
