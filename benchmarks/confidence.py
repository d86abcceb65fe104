"""Do the intervals, comparisons and ranks keep what they promise, and what do they cost?

Simulations in worlds whose true scores are known, and times at a million rows. Each case is a dict:
``{"case", "value", "error", "low", "high", "within"}``, the share found, its standard error, and the bounds
it should be in; for times ``{"case", "ours_s", "peer_s", "ratio", "limit_s"}``, where the peer resamples rows
1,000 times and the limit is the metric itself, without any error. A whole run takes about a quarter of an
hour of one core.

    python benchmarks/confidence.py [--quick] [--json] [--only coverage|clusters|doubts|ranks|first|times]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from confidence_worlds import (
    DOUBTFUL,
    FAMILIES,
    PER_QUERY,
    QUICK,
    RARE,
    SIZE,
    Play,
    blocks_of,
    clustered,
    draw,
    estimates,
    extra_of,
    in_clusters,
    rivals,
    true_score,
)
from first import first

from kit._scoring import Range, Rows, compare, deal, estimate, rank_teams, reducer
from kit.metrics import METRICS, Array, Target

Case = dict[str, Any]


def found(case: str, hits: int, n: int, low: float, high: float) -> Case:
    value = hits / n
    error = float(np.sqrt(max(value * (1 - value), 1 / n) / n))
    # Of few tries the share found, or one at the bound, tells its error; the larger counts.
    below, above = (2 * max(error, float(np.sqrt(end * (1 - end) / n))) for end in (low, high))
    within = low - below <= value <= high + above
    return {"case": case, "value": value, "error": error, "low": low, "high": high, "within": bool(within)}


# Cases ----------------------------------------------------------------------------------------------------


def coverage(quick: bool) -> Iterator[Case]:
    """How often the 95 % interval holds the true score, and false alarms on the same rows' rivals."""
    sizes = {200: 150, 2_000: 50} if quick else {200: 2000, 2_000: 1000, 200_000: 200}
    for name in QUICK if quick else METRICS:
        for share in (0.3, 0.05) if name in RARE else (0.3,):
            rng = np.random.default_rng(7)
            is_large = name in FAMILIES and not quick
            # A true value from few rows would be off by a share of the error that 200,000 rows leave.
            true = true_score(
                partial(draw, name, rng=rng, share=share), name, 1 if quick else 30 if is_large else 8
            )
            for n, n_tries in sizes.items():
                if n <= 2_000 or is_large:
                    yield from _covered(name, share, n, n_tries, true, rng)


def _covered(
    name: str, share: float, n: int, n_tries: int, true: float, rng: np.random.Generator
) -> Iterator[Case]:
    metric, blocks = METRICS[name], blocks_of(name, n)
    hits = alarms = warned = 0
    for _ in range(n_tries):
        play = draw(name, n, rng, share)
        own, a, b = estimates(metric, play, blocks, play.y_pred, *rivals(name, play, rng))
        hits += own.low <= true <= own.high
        warned += bool(own.warning)
        alarms += compare(a, b).is_clear
    what = f"{name}{'' if share == 0.3 else f' with {share:.0%} positives'}, n = {n:,}"
    yield {**found(f"coverage: {what}", hits, n_tries, 0.93, 0.97), "warned": warned / n_tries}
    yield found(f"false alarms: {what}", alarms, n_tries, 0.04, 0.06)


CLUSTERED = ("rmse", "medae", "log_loss", "roc_auc", "f1", "f1_macro")


def clusters(quick: bool) -> Iterator[Case]:
    """Coverage and false alarms where rows come in clusters, in blocks of clusters and of rows."""
    for name in ("log_loss",) if quick else CLUSTERED:
        rng = np.random.default_rng(5)
        true = true_score(partial(in_clusters, name, rng), name, 3 if quick else 20)
        for n, n_tries in {200: 300 if quick else 2000, **({} if quick else {2_000: 500})}.items():
            yield from _clustered(name, n, n_tries, true, rng)
    yield from _power(100 if quick else 1000, np.random.default_rng(5))


def _clustered(name: str, n: int, n_tries: int, true: float, rng: np.random.Generator) -> Iterator[Case]:
    whole = replace(deal(n * SIZE, np.repeat(np.arange(n), SIZE), seed=0), n_resamples=2)
    single = replace(deal(n * SIZE, seed=0), n_resamples=2)
    hits = alarms = wrong = 0
    for _ in range(n_tries):
        play, rival = clustered(name, n, rng)
        a, b = estimates(METRICS[name], play, whole, play.y_pred, rival)
        hits += a.low <= true <= a.high
        alarms += compare(a, b).is_clear
        wrong += compare(*estimates(METRICS[name], play, single, play.y_pred, rival)).is_clear
    what = f"{name}, {n:,} clusters of {SIZE}"
    yield found(f"coverage: {what}", hits, n_tries, 0.93, 0.97)
    yield found(f"false alarms: {what}", alarms, n_tries, 0.04, 0.06)
    yield found(f"false alarms: {what}, blocks of rows (wrong)", wrong, n_tries, 0.1, 1)


def doubts(quick: bool) -> Iterator[Case]:
    """How often an interval misses and does not warn, where there is too little to go by."""
    for label, (name, n, play, known) in DOUBTFUL.items():
        rng, n_tries = np.random.default_rng(5), 200 if quick else 2000
        true = true_score(partial(play, rng), name, 1 if quick else 10) if known is None else known
        blocks = replace(deal(n, seed=1), n_resamples=2)
        covered = warned = silent = 0
        for _ in range(n_tries):
            drawn = play(rng, n)
            own = estimates(METRICS[name], drawn, blocks, drawn.y_pred)[0]
            is_in = bool(own.low <= true <= own.high)
            covered += is_in
            warned += bool(own.warning)
            silent += not is_in and not own.warning
        more = {"covered": covered / n_tries, "warned": warned / n_tries}
        yield {**found(f"missed without a warning: {label}, {name}", silent, n_tries, 0, 0.07), **more}


def _power(n_tries: int, rng: np.random.Generator) -> Iterator[Case]:
    blocks = replace(deal(2000, seed=0), n_resamples=2)
    paired = unpaired = 0
    for _ in range(n_tries):
        y = rng.normal(size=2000)
        near = y + rng.normal(size=2000)
        a, b = estimates(METRICS["rmse"], Play(y, near), blocks, near, near + 0.2 * rng.normal(size=2000))
        paired += compare(a, b).is_clear
        unpaired += abs(a.score - b.score) > 1.96 * np.hypot(a.se, b.se)
    yield found("power: a rival worse by 2 %, rmse, paired", paired, n_tries, 0.5, 1)
    yield found("power: a rival worse by 2 %, rmse, unpaired", unpaired, n_tries, 0, 0.5)


FIELDS: dict[str, Callable[[np.random.Generator], Array]] = {
    "six tied leaders of 30": lambda _: np.append(np.zeros(6), -0.05 * np.arange(1, 25)),
    "30 close teams": lambda rng: 0.02 * rng.normal(size=30),
    "30 teams": lambda rng: 0.05 * rng.normal(size=30),
    "30 teams far apart": lambda rng: 0.2 * rng.normal(size=30),
    "30 teams crowded at the top": lambda rng: -0.1 * rng.exponential(size=30),
    "5 teams": lambda rng: 0.03 * rng.normal(size=5),
    "2 teams": lambda rng: 0.03 * rng.normal(size=2),
}
"""True skills; a block's error is 1, half of it shared by all teams, so a score's is 0.058."""


def observe(skills: Array, rng: np.random.Generator, n_blocks: int = 300) -> tuple[Array, Array]:
    seen = skills[:, None] + np.sqrt(0.5) * (
        rng.normal(size=n_blocks) + rng.normal(size=(len(skills), n_blocks))
    )
    return seen.mean(axis=1), seen - seen.mean(axis=1, keepdims=True)


def ranks(quick: bool) -> Iterator[Case]:
    """How often all rank intervals hold at once, the leaders are kept, and the said winner has won."""
    n_tries = 60 if quick else 600
    for label, field in FIELDS.items():
        rng = np.random.default_rng(3)
        held = kept = 0
        said, won, width = [], [], []
        for _ in range(n_tries):
            skills = field(rng)
            scores, influences = observe(skills, rng)
            given = rank_teams(scores, influences, greater_is_better=True)
            above = (skills[None, :] > skills[:, None]).sum(axis=1)
            below = (skills[None, :] < skills[:, None]).sum(axis=1)
            held += bool((given.low <= 1 + above).all() and (given.high >= len(skills) - below).all())
            kept += bool(given.may_be_first[above == 0].all())
            width.append((given.high - given.low + 1).mean())
            said.append(given.p_first[scores.argmax()])
            # Of teams tied at the top each is first as much as the others.
            won.append((above[scores.argmax()] == 0) / (above == 0).sum())
        yield {**found(f"all ranks covered: {label}", held, n_tries, 0.95, 1), "width": float(np.mean(width))}
        yield found(f"truly first in the tie group: {label}", kept, n_tries, 0.95, 1)
        says, is_first = float(np.mean(said)), float(np.mean(won))
        error = float(np.std(won) / np.sqrt(n_tries))
        yield {
            **{"case": f"probability of being first, said - true: {label}", "value": says - is_first},
            **{"error": error, "low": -0.1, "high": 0.1, "within": abs(says - is_first) <= 0.1 + 2 * error},
            **{"said": says, "true": is_first},
        }


TIMED = ("rmse", "log_loss", "roc_auc", "average_precision", "f1_macro", "quadratic_weighted_kappa", "ndcg")


def times(quick: bool) -> Iterator[Case]:
    """A score with error and 1,000 resamples, against 1,000 resamples of rows, and the score alone."""
    rng = np.random.default_rng(0)
    for name in TIMED:
        yield _timed(name, 100_000 if quick else 1_000_000, rng)
    scores, influences = observe(0.1 * rng.normal(size=1000), rng, n_blocks=1024)
    ours = _median_s(lambda: rank_teams(scores, influences, greater_is_better=True))
    yield {"case": "ranks of 1,000 teams", "ours_s": ours, "peer_s": None, "ratio": None, "limit_s": None}


def _timed(name: str, n: int, rng: np.random.Generator) -> Case:
    metric = METRICS[name]
    play = draw(name, n // (PER_QUERY if metric.needs_groups else 1), rng)
    blocks = deal(len(play.y_true), play.groups, seed=0)
    n_classes = int(play.y_true.max()) + 1 if metric.target is Target.CLASS else 0
    reduce = reducer(metric, Rows(play.y_true, blocks, play.groups, n_classes=n_classes))
    drawn = rng.integers(0, len(play.y_true), len(play.y_true))

    def score(rows: Array | slice) -> float:
        extra = {key: values[rows] for key, values in extra_of(metric, play).items()}
        return metric.function(play.y_true[rows], play.y_pred[rows], **extra)

    assert blocks.weights is not None  # made once for all submissions
    # A copy, since the counts of the submission before would be used again.
    ours = _median_s(lambda: estimate(reduce(play.y_pred.copy()), blocks, Range.of(metric)))
    peer, point = 1000 * _median_s(lambda: score(drawn)), _median_s(lambda: score(slice(None)))
    return {
        "case": f"{name}, n = {n:,}",
        "ours_s": ours,
        "peer_s": peer,
        "ratio": peer / ours,
        "limit_s": point,
    }


def _median_s(work: Callable[[], object]) -> float:
    work()
    lasted = []
    for _ in range(5):
        starts_at = time.perf_counter()
        work()
        lasted.append(time.perf_counter() - starts_at)
    return float(np.median(lasted))


PARTS: dict[str, Callable[[bool], Iterator[Case]]] = {
    "coverage": coverage,
    "clusters": clusters,
    "doubts": doubts,
    "ranks": ranks,
    "first": first,
    "times": times,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=list(PARTS))
    given = parser.parse_args()
    cases = []
    for name, part in PARTS.items():
        if given.only in (None, name):
            for case in part(given.quick):
                cases.append(case)
                if not given.json:
                    print(_line(case), flush=True)
    if given.json:
        json.dump(cases, sys.stdout, indent=1)


def _line(case: Case) -> str:
    if "ours_s" in case:
        keys = {"ours_s": "with errors", "peer_s": "rows resampled", "limit_s": "score alone"}
        return f"{case['case']:62s} " + ", ".join(
            f"{what} {1e3 * case[key]:.1f} ms" for key, what in keys.items() if case[key] is not None
        )
    more = "".join(
        f"  {k} {case[k]:.2f}" for k in ("covered", "warned", "width", "said", "true") if k in case
    )
    mark = "" if case["within"] else "  OUTSIDE"
    return f"{case['case']:62s} {case['value']:.3f} ± {case['error']:.3f}{more}{mark}"


if __name__ == "__main__":
    main()
