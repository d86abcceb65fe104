"""How long selecting the ensembles of 200 submissions takes, against ramp-workflow; and is bagging steadier?

Times are those of the ensembles of 8 folds of 10,000 rows, from predictions in memory, in a warm process, on
one thread: ours against `rampwf.utils.combine.blend_on_fold` on the same predictions, and the selected lists
must be the same. Where the peer takes minutes, it runs on one fold, and its time is that times 8: the case
says so. `limit_s` is one pass over the predictions. Bagging, which has no peer, is timed on one fold.

Steadiness: the same submissions on validation sets drawn anew; how far do two sets' contributivities
correlate, and is the error that bagging states the one it makes? There a case is ``{"case", "value", "low",
"high", "within"}``.

    python benchmarks/contributivity.py [--quick] [--json] [--only times|steadiness]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from kit.contributivity import Blend, contributivity
from kit.metrics import Array

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its sources hold escapes that Python no longer likes
    import rampwf
    from rampwf.utils.combine import blend_on_fold

Case = dict[str, Any]
N_FAMILIES = 12
PEERS: dict[str, Callable[[], Any]] = {
    "rmse": rampwf.score_types.RMSE,
    "log_loss": rampwf.score_types.NegativeLogLikelihood,
    "accuracy": rampwf.score_types.Accuracy,
    "roc_auc": rampwf.score_types.ROCAUC,
}
SLOW = ("log_loss", "roc_auc")
"""There the peer takes minutes for eight folds."""


@dataclass(frozen=True)
class Size:
    n_submissions: int
    n_folds: int
    n_rows: int

    def __str__(self) -> str:
        return f"{self.n_submissions} submissions x {self.n_folds} folds x {self.n_rows:,} rows"


def draw(metric: str, size: Size, seed: int, fold: int) -> tuple[Array, Array]:
    """Truth and predictions of one fold: submissions of a family err alike, and some are better."""
    rng, of_submission = np.random.default_rng([seed, fold]), np.random.default_rng(1)
    skill = of_submission.uniform(0.5, 1.5, (size.n_submissions, 1))
    family = of_submission.integers(0, N_FAMILIES, size.n_submissions)
    signal, families = rng.normal(size=size.n_rows), rng.normal(size=(N_FAMILIES, size.n_rows))
    own = rng.normal(size=(size.n_submissions, size.n_rows))
    errors = 0.7 * skill * (families[family] + own)
    if metric == "rmse":
        return signal, signal + errors
    positive = rng.random(size.n_rows) < 1 / (1 + np.exp(-2 * signal))
    p = 1 / (1 + np.exp(-1.2 * (signal + 0.7 * errors)))
    return positive.astype(np.int64), np.stack([1 - p, p], axis=-1)


def ours(metric: str, truth: Array, predictions: Array) -> tuple[int, ...]:
    blend = Blend(truth, metric)
    blend.extend(predictions)
    return blend.select()


def wrapped(metric: str, truth: Array, predictions: Array) -> tuple[list[Any], Any]:
    make = rampwf.prediction_types
    kind = make.make_regression() if metric == "rmse" else make.make_multiclass([0, 1])
    return [kind(y_pred=each) for each in predictions], kind(y_true=truth)


def seconds(run: Callable[[], object], n_rounds: int = 1) -> tuple[float, Any]:
    """Median seconds, and what came out last."""
    taken, result = [], None
    for _ in range(n_rounds):
        start = time.perf_counter()
        result = run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), result


def times(quick: bool) -> Iterator[Case]:
    """The four metrics, and bagging."""
    size = Size(40, 2, 2_000) if quick else Size(200, 8, 10_000)
    for metric in PEERS:
        ours(metric, *draw(metric, Size(3, 1, 100), 0, 0))  # compiles what is compiled
        yield timed(metric, size)
    for metric in PEERS:
        truth, predictions = draw(metric, size, 0, 0)
        taken, _ = seconds(lambda m=metric, t=truth, p=predictions: contributivity([p], [t], m))
        case = f"{metric}, {Size(size.n_submissions, 1, size.n_rows)}, bagged with its error"
        yield {"case": case, "ours_s": taken, "peer_s": None, "ratio": None, "limit_s": None}


def timed(metric: str, size: Size) -> Case:
    ours_s = peer_s = limit_s = 0.0
    n_peer = 1 if metric in SLOW and size.n_folds > 2 else size.n_folds
    for fold in range(size.n_folds):
        truth, predictions = draw(metric, size, 0, fold)
        taken, found = seconds(lambda t=truth, p=predictions: ours(metric, t, p), 3)
        ours_s += taken
        limit_s += seconds(predictions.sum, 3)[0]
        if fold < n_peer:
            of_all, true = wrapped(metric, truth, predictions)
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                taken, theirs = seconds(lambda a=of_all, t=true: blend_on_fold(a, t, PEERS[metric]()))
            peer_s += taken
            if found != tuple(theirs):
                raise SystemExit(f"{metric}, fold {fold}: selected {found}, ramp-workflow {tuple(theirs)}")
    case = f"{metric}, {size}"
    if n_peer < size.n_folds:
        peer_s *= size.n_folds / n_peer
        case += f", peer's time is {size.n_folds} times that of one fold"
    return {"case": case, "ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s, "limit_s": limit_s}


def steadiness(quick: bool) -> Iterator[Case]:
    """Correlation of contributivities between redrawn validation sets, and the error that is stated."""
    n_sets, size = (8, Size(40, 2, 500)) if quick else (24, Size(40, 4, 1_000))
    for metric in ("rmse", "log_loss", "accuracy"):
        found = []
        for seed in range(n_sets):
            folds = [draw(metric, size, 100 + seed, fold) for fold in range(size.n_folds)]
            found.append(contributivity([p for _, p in folds], [y for y, _ in folds], metric))
        exact, bagged = (np.array([getattr(each, name) for each in found]) for name in ("exact", "bagged"))
        what = f"{metric}, {size}"
        before, after = correlation(exact), correlation(bagged)
        yield case(f"correlation between redrawn sets: {what}, exact", before, -1.0, 1.0)
        yield case(f"correlation between redrawn sets: {what}, bagged", after, before, 1.0)
        stated = np.sqrt(np.mean([np.square(each.error) for each in found]))
        made = np.sqrt(bagged.var(axis=0, ddof=1).mean())
        yield case(f"error stated / error made: {what}, bagged", stated / made, 0.75, 1.33)
        steadier = made / np.sqrt(exact.var(axis=0, ddof=1).mean())
        yield case(f"error bagged / error exact: {what}", steadier, 0.0, 1.0)


def correlation(of_sets: Array) -> float:
    return float(np.corrcoef(of_sets)[np.triu_indices(len(of_sets), 1)].mean())


def case(name: str, value: float, low: float, high: float) -> Case:
    return {
        "case": name,
        "value": float(value),
        "low": low,
        "high": high,
        "within": bool(low <= value <= high),
    }


PARTS: dict[str, Callable[[bool], Iterator[Case]]] = {"times": times, "steadiness": steadiness}


def line(case: Case) -> str:
    if "value" in case:
        return f"{case['case']:100s} {case['value']:.3f}{'' if case['within'] else '  OUTSIDE'}"
    if case["peer_s"] is None:
        return f"{case['case']:100s} {case['ours_s']:.3f} s"
    return (
        f"{case['case']:100s} {case['ours_s']:.3f} s, peer {case['peer_s']:.1f} s, "
        f"ratio {case['ratio']:.0f}, one pass {case['limit_s']:.3f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=list(PARTS))
    given = parser.parse_args()
    cases = []
    with threadpool_limits(1):
        for name, part in PARTS.items():
            if given.only in (None, name):
                for found in part(given.quick):
                    cases.append(found)
                    if not given.json:
                        print(line(found), flush=True)
    if given.json:
        json.dump(cases, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
