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
        for n in (3, 30, 300)
        for sd, label in ((0.0, "all tied"), (0.5, "normal 0.5"), (1.0, "normal 1"), (3.0, "normal 3"))
    },
}
"""Skills, in standard errors of what is a team's own in its score."""
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


def first(quick: bool) -> Iterator[Case]:
    """Said against true of the team with the best score in each world, then of all teams by what is said."""
    n_tries = 40 if quick else 400
    together = []
    for label, field in WORLDS.items():
        for rho in (
            (0.0, 0.5, 0.9) if label in ("six tied, 24 below by steps", "30 teams, normal 1") else (0.5,)
        ):
            said, true = play(field, n_tries // 4 if label[:3] == "300" else n_tries, rho=rho)
            together.append((said.ravel(), true.ravel()))
            yield _case(f"{label}, rho = {rho}", said[:, 0], true[:, 0])
    for copies in (3, 10):
        said, true = play(WORLDS["30 teams, normal 1"], n_tries, copies=copies)
        yield _case(f"30 teams, normal 1, best {copies} nearly copies", said[:, 0], true[:, 0])
    says, is_first = (np.concatenate(each) for each in zip(*together, strict=True))
    for low, high in itertools.pairwise(EDGES):
        among = (says > low) & (says <= high)
        yield _case(f"all worlds, {low} < said <= {high}", says[among], is_first[among])


def _case(label: str, said: Array, true: Array) -> Case:
    says, is_first = (float(each.mean()) if len(each) else 0.0 for each in (said, true))
    error = float(true.std() / np.sqrt(len(true))) if len(true) else 0.0
    return {
        **{"case": f"first, said - true: {label}", "value": says - is_first, "error": error},
        **{"low": -0.1, "high": 0.1, "within": abs(says - is_first) <= 0.1 + 2 * error},
        **{"said": says, "true": is_first},
    }
