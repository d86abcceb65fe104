"""What leaderboards give away, and what it costs honest teams that the ladder gives nothing away.

The labels are coin tosses: whatever an attacker wins leaked. Gains are in standard errors of a random guess,
over 1,000 tries. Each case is ``{"case", "value", "error", "low", "high", "within"}``.

    python benchmarks/leaks.py [--quick] [--json] [--only PART] [--figure FILE.svg]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attacks
import figure
import numpy as np
import pandas as pd
from attacks import BOARDS, Board, Ladder, Rule, Try, World

from kit._scoring.estimate import standard_error
from kit.metrics import Array
from kit.probing import Told, probe, sketch

Case = dict[str, Any]
MakeBoard = Callable[[], Board | Ladder]
N_TRIES = 1000
N_ROWS = 4000
SHARES = (0.0025, 0.01, 0.03, 0.1, 0.25)
PUSHES = (0.05, 0.2, 0.5, 1.0)

RULES: dict[str, Rule] = {
    "1 paired error (Blum and Hardt)": attacks.paired(1.0),
    "2 paired errors": attacks.paired(2.0),
    "3 paired errors": attacks.paired(3.0),
    "3 paired errors, floor 1/4 error": attacks.paired(3.0, 0.25),
    "2.5 paired errors, floor 1 error": attacks.paired(2.5, 1.0),
    "1 error": attacks.paired(0.0, 1.0),
    "2 errors": attacks.paired(0.0, 2.0),
    "alpha spending, 5 % in all": attacks.spending,
    "5 %, later 0.6 / n; floor": attacks.shrinking(0.6),
    "5 %, later 0.25 / n; floor": attacks.shrinking(0.25),
    "5 %, later 0.25 / n; growing floor": attacks.shrinking(0.25, 1.125),
    "5 %, later 0.1 / n; growing floor (the kit's)": attacks.clear_gain,
}


def curves(
    make: MakeBoard, attack: Callable[..., Iterator[float]], n_runs: int, n: int, **given: Any
) -> Array:
    """Gains after 50, 100, … tries, shape (n_runs, 20)."""
    return np.array(
        [
            list(attack(World(n, np.random.default_rng(run)), make(), N_TRIES, **given))
            for run in range(n_runs)
        ]
    )


def mounted(make: MakeBoard, n_runs: int, n: int = N_ROWS) -> dict[str, Array]:
    """Each attack at its most successful setting."""
    hills = [curves(make, attacks.climb_hill, n_runs, n, share=share) for share in SHARES]
    slopes = [curves(make, attacks.descend, n_runs, n, push=push) for push in PUSHES]
    return {
        "boosting": curves(make, attacks.boost, n_runs, n),
        "hill-climbing": max(hills, key=lambda c: c[:, -1].mean()),
        "descending": max(slopes, key=lambda c: c[:, -1].mean()),
    }


def attacked(quick: bool) -> Iterator[Case]:
    """The gain of each attack on each board; the ladder's must stay within 3 standard errors."""
    n_runs = 4 if quick else 20
    for board, make in BOARDS.items():
        for attack, found in mounted(make, n_runs).items():
            yield _gain(f"{attack}, {board}", found, *((-3.0, 3.0) if board == "ladder" else (3.0, np.inf)))


def _gain(case: str, found: Array, low: float, high: float) -> Case:
    last = found[:, -1]
    value, error = float(last.mean()), float(last.std() / np.sqrt(len(last)))
    q95 = float(np.quantile(last, 0.95))
    return {
        **{"case": f"gain: {case}", "value": value, "error": error, "low": low, "high": high},
        # Not in the mean alone: 95 of 100 attacks must stay below, too.
        **{"within": low <= value <= high and (low > 0 or q95 <= high), "q95": q95},
        **{"curve": found.mean(axis=0).tolist()},
    }


def oracle(quick: bool) -> Iterator[Case]:
    """Labels of 1,000 read rightly (99 %) with log_loss, in 20 queries."""
    n_runs, n_queries = 5 if quick else 50, 20
    for board, make in BOARDS.items():
        most = 0.0
        for at_once in (1, 2, 3, 4, 5, 8, 12, 20, 30, 40, 45):
            worlds = [World(1000, np.random.default_rng(run)) for run in range(n_runs)]
            read = np.array([attacks.read_labels(w, make(), n_queries, at_once) for w in worlds]).sum(axis=0)
            if read[1] >= 0.99 * read[0]:
                most = max(most, float(read[0]) / n_runs)
        low, high = (0.0, 10.0) if board == "ladder" else (20.0, 1000.0)
        yield {
            **{"case": f"labels read in {n_queries} queries: {board}", "value": most, "error": 0.0},
            **{"low": low, "high": high, "within": low <= most <= high},
        }


USUAL = 0.25 - 0.03 * (1 - np.exp(-np.arange(60) / 20))
LONG = 0.35 - 0.25 * (1 - np.exp(-np.arange(300) / 100))
STEADY = 0.40 - 0.003 * np.arange(100)


def honest(rng: np.random.Generator, course: Array, rho: float = 0.85) -> tuple[Array, list[Try]]:
    """True errors of a team's submissions, which get better and worse, and their scores on 4,000 rows."""
    n_tries = len(course)
    true = course + 0.006 * rng.normal(size=n_tries)
    spread = np.sqrt(true * (1 - true) / (N_ROWS / 1024))
    noise = np.sqrt(rho) * rng.normal(size=1024) + np.sqrt(1 - rho) * rng.normal(size=(n_tries, 1024))
    rows = spread[:, None] * noise
    means = rows.mean(axis=1)
    influences = rows - means[:, None]
    scores = true + means
    return true, [Try(s, standard_error(i), i) for s, i in zip(scores, influences, strict=True)]


def price(quick: bool) -> Iterator[Case]:
    """True error of what a team believes its best of 60, above its best's; believing only the board."""
    for board, make in BOARDS.items():
        yield _price(f"price for 60 honest submissions: {board}", make, 40 if quick else 600)
    for label, course in {"300 from 0.35 to 0.10": LONG, "100 steadily from 0.40 to 0.10": STEADY}.items():
        yield _price(f"price for {label}: ladder", Ladder, 4 if quick else 60, course, most=0.008)
        without = partial(Ladder, attacks.shrinking(0.25))
        case = f"price for {label}: floor not growing"
        yield _price(case, without, 4 if quick else 60, course, most=0.008)


def _price(case: str, make: MakeBoard, n_runs: int, course: Array = USUAL, most: float = 0.006) -> Case:
    rng, lost, moves = np.random.default_rng(11), [], 0
    for _ in range(n_runs):
        true, tries = honest(rng, course)
        board, chosen = make(), 0
        for number, one in enumerate(tries):
            if board.ask(one).is_better:
                chosen, moves = number, moves + 1
        lost.append(float(true[chosen] - true.min()))
    value, error = float(np.mean(lost)), float(np.std(lost) / np.sqrt(n_runs))
    within = value <= most + 2 * error
    return {
        **{"case": case, "value": value, "error": error, "low": 0.0, "high": most, "within": within},
        "moves": moves / n_runs,
    }


def alarms(quick: bool) -> Iterator[Case]:
    """How many honest series of 60 submissions are flagged as probing, and whether attacks are."""
    n_runs, n = 10 if quick else 100, 5000
    for label, (scatter, cut) in HONEST.items():
        flagged = 0
        for run in range(n_runs):
            rng = np.random.default_rng(run)
            base, tries = rng.normal(size=n), []
            for number in range(60):
                values = base + scatter * rng.normal(size=n)
                values = values if cut is None else (values > cut).astype(float)
                kept = sketch(pd.DataFrame({"p": values}), are_labels=cut is not None and cut > 0.84)
                tries.append(Told(number, kept, 0.01, 0.0025))
            flagged += bool(probe(tries, n_labels=n // 2).flags)
        value = flagged / n_runs
        error = float(np.sqrt(max(value * (1 - value), 1 / n_runs) / n_runs))
        high = 1.0 if "nearly the same" in label else 0.2 if "class" in label else 0.05
        yield {
            **{"case": f"flagged: {label}", "value": value, "error": error, "low": 0.0, "high": high},
            "within": value <= high,
        }


HONEST: dict[str, tuple[float, float | None]] = {
    "probabilities": (0.1, None),
    "labels, 5 % change": (0.11, 0.0),
    "labels, 2 % change": (0.045, 0.0),
    "labels, 1 % change": (0.022, 0.0),
    "labels, nearly the same (0.3 % change)": (0.007, 0.0),
    "labels of a class of 1 %, a fifth of it changes": (0.1, 2.33),
    "labels of a class of 0.1 %, nearly the same": (0.1, 3.1),
}
"""By how much models scatter, and where their labels are cut."""


def rules(quick: bool) -> Iterator[Case]:
    """The steps that were tried: each attack's gain, and the price."""
    n_runs = 2 if quick else 10
    for label, rule in RULES.items():
        make = partial(Ladder, rule)
        found = {attack: gains[:, -1] for attack, gains in mounted(make, n_runs).items()}
        worst = max(float(gains.mean()) for gains in found.values())
        paid = _price(label, make, 20 if quick else 600)
        yield {
            **{
                "case": f"rule: {label}",
                "value": worst,
                "error": float(np.max([g.std() for g in found.values()]) / np.sqrt(n_runs)),
            },
            **{
                "low": -np.inf,
                "high": np.inf,
                "within": True,
                "price": paid["value"],
                "moves": paid["moves"],
            },
            **{attack: float(gains.mean()) for attack, gains in found.items()},
        }


PARTS: dict[str, Callable[[bool], Iterator[Case]]] = {
    "attacks": attacked,
    "oracle": oracle,
    "price": price,
    "alarms": alarms,
    "rules": rules,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=list(PARTS))
    parser.add_argument("--figure", type=Path, help="draw what was found")
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
    if given.figure:
        given.figure.write_text(figure.draw(cases), encoding="utf-8")


def _line(case: Case) -> str:
    keys = ("q95", "boosting", "hill-climbing", "descending", "price", "moves")
    more = "".join(f"  {key} {case[key]:.4g}" for key in keys if key in case)
    mark = "" if case["within"] else "  OUTSIDE"
    return f"{case['case']:58s} {case['value']:.4f} ± {case['error']:.4f}{more}{mark}"


if __name__ == "__main__":
    main()
