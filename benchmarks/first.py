"""Is the probability of being first what it says? Worlds whose true skills are known, ties split evenly."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kit._scoring import rank_teams
from kit.metrics import Array

Case = dict[str, Any]
Field = Callable[[np.random.Generator], Array]
N_BLOCKS = 100
EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.95, 1.0)

WORLDS: dict[str, Field] = {
    "six tied, 24 below by steps": lambda _: np.append(np.zeros(6), -1.22 * np.arange(1, 25)),
    "six tied, 24 near below": lambda _: np.append(np.zeros(6), -0.6 * np.arange(1, 25)),
    "ten tied, 20 below": lambda rng: np.append(np.zeros(10), -1 - 3 * rng.exponential(size=20)),
    "two close, 28 below": lambda rng: np.append([0.0, -0.5], -3 - 2 * rng.exponential(size=28)),
    "30 crowded at the top": lambda rng: -2.44 * rng.exponential(size=30),
    **{
        f"{n} teams, {label}": lambda rng, n=n, sd=sd: sd * rng.normal(size=n)  # type: ignore[misc]
        for n in (3, 5, 12, 30, 300)
        for sd, label in ((0.0, "all tied"), (0.5, "normal 0.5"), (1.0, "normal 1"), (3.0, "normal 3"))
    },
    "two teams, normal 0.7": lambda rng: 0.7 * rng.normal(size=2),
    "three tied, three below": lambda rng: np.append(np.zeros(3), -3 - 2 * rng.exponential(size=3)),
    "four tied, eight below": lambda _: np.append(np.zeros(4), -2 - 1.5 * np.arange(8)),
    "eight evenly over 4": lambda _: np.linspace(-4, 0, 8),
    "60 evenly over 6": lambda rng: 6 * rng.random(60),
    "100 teams, skills of t(3)": lambda rng: rng.standard_t(3, size=100),
    "20 teams of spread 0.7 over 40 that are 5 lower": lambda rng: (
        0.7 * rng.normal(size=60) - np.repeat([0.0, 5.0], [20, 40])
    ),
}
"""Skills, in standard errors of what is a team's own in its score. The prior was chosen on such worlds."""
OTHERS: dict[str, Field] = {
    "seven tied, 13 below by steps": lambda _: np.append(np.zeros(7), -1.0 * np.arange(1, 14)),
    "two tied, 38 below": lambda rng: np.append(np.zeros(2), -1 - 2 * rng.exponential(size=38)),
    "six teams, normal 2": lambda rng: 2 * rng.normal(size=6),
    "18 teams, skills of t(4)": lambda rng: rng.standard_t(4, size=18),
    "25 evenly over 8": lambda rng: 8 * rng.random(25),
    "one leads 15 by 2": lambda rng: np.append(2.0, -np.abs(rng.normal(size=15))),
    "60 teams, gamma": lambda rng: 1.5 * rng.gamma(1.5, size=60),
}
"""Worlds that chose nothing."""
CORRELATED = ("six tied, 24 below by steps", "30 teams, normal 1")


def seen(skills: Array, rng: np.random.Generator, *, rho: float, copies: int = 0) -> tuple[Array, Array]:
    """Scores and influences; errors correlate by ``rho``, those of the best ``copies`` by 0.95 more."""
    own = rng.normal(size=(len(skills), N_BLOCKS))
    alike = np.argsort(-skills)[:copies]
    own[alike] = np.sqrt(0.95) * rng.normal(size=N_BLOCKS) + np.sqrt(0.05) * own[alike]
    errors = np.sqrt(N_BLOCKS) * (own + np.sqrt(rho / (1.0 - rho)) * rng.normal(size=N_BLOCKS))
    scores = skills + errors.mean(axis=1)
    return scores, errors - errors.mean(axis=1, keepdims=True)


def play(field: Field, n_tries: int, *, rho: float = 0.5, copies: int = 0) -> tuple[Array, Array]:
    """Of each try (row) and team, best score first: the probability said, and the share of being first."""
    rng = np.random.default_rng(11)
    said, true = [], []
    for _ in range(n_tries):
        skills = field(rng)
        scores, influences = seen(skills, rng, rho=rho, copies=copies)
        order = np.argsort(-scores)
        said.append(rank_teams(scores, influences, greater_is_better=True).p_first[order])
        is_first = skills[order] == skills.max()
        true.append(is_first / is_first.sum())
    return np.array(said), np.array(true)


def won(field: Field, n_tries: int) -> Array:
    """The share of being first of the team with the best score, of many tries: errors alone tell it."""
    rng, shares = np.random.default_rng(12), []
    for _ in range(n_tries):
        skills = field(rng)
        is_first = skills == skills.max()
        best = (skills + rng.normal(size=len(skills))).argmax()
        shares.append(is_first[best] / is_first.sum())
    return np.array(shares)


def first(quick: bool) -> Iterator[Case]:
    """Said against true of the team with the best score in each world, then of all teams by what is said."""
    n_tries = 40 if quick else 300
    together = []
    for label, field in (WORLDS | OTHERS).items():
        true_share = won(field, 5000)
        for rho in (0.0, 0.5, 0.9) if label in CORRELATED else (0.5,):
            said, true = play(field, n_tries // 4 if label[:3] == "300" else n_tries, rho=rho)
            together.append((said.ravel(), true.ravel()))
            other = " (chose nothing)" if label in OTHERS else ""
            yield _case(f"{label}, rho = {rho}{other}", said[:, 0], true_share)
    for copies in (3, 10):
        said, true = play(WORLDS["30 teams, normal 1"], n_tries, copies=copies)
        yield _case(f"30 teams, normal 1, best {copies} nearly copies", said[:, 0], true[:, 0])
    says, is_first = (np.concatenate(each) for each in zip(*together, strict=True))
    for low, high in itertools.pairwise(EDGES):
        among = (says > low) & (says <= high)
        yield _case(f"all worlds, {low} < said <= {high}", says[among], is_first[among])


def _case(label: str, said: Array, true: Array) -> Case:
    says, is_first = (float(each.mean()) if len(each) else 0.0 for each in (said, true))
    variance = sum(float(each.var()) / len(each) for each in (said, true) if len(each))
    error = float(np.sqrt(variance))
    return {
        **{"case": f"first, said - true: {label}", "value": says - is_first, "error": error},
        **{"low": -0.1, "high": 0.1, "within": abs(says - is_first) <= 0.1 + 2 * error},
        **{"said": says, "true": is_first},
    }
