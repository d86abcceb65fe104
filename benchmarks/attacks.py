"""Attacks on leaderboards whose labels are coin tosses: whatever is won there leaked.

Boards are told the truth of a submission (score, standard error, influences) and say what they would show.
Attackers see only that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from kit._scoring import compare, deal, shown
from kit._scoring.estimate import standard_error
from kit.ladder import is_clear_gain
from kit.metrics import Array


@dataclass(frozen=True, eq=False)
class Try:
    """A scored submission, as the ladder takes it."""

    score: float
    se: float
    influences: Array


@dataclass(frozen=True)
class Told:
    """What a board shows after a submission; ``is_better`` than all it showed this team before."""

    score: float
    is_better: bool


Rule = Callable[[Try, Try, int, int], bool]
"""Whether a submission moves a team from the one that stands, at its n-th try and after so many moves."""


def clear_gain(now: Try, best: Try, n_tries: int, n_moves: int) -> bool:
    """The kit's rule; lower scores are better."""
    return is_clear_gain(now, best, n_tries=n_tries, n_moves=n_moves, greater_is_better=False)


def paired(factor: float, floor: float = 0.0) -> Rule:
    """So many paired standard errors, and at least so many of the score's own."""

    def rule(now: Try, best: Try, _n: int, _moves: int) -> bool:
        return best.score - now.score > max(factor * compare(now, best).se, floor * now.se)

    return rule


def spending(now: Try, best: Try, n: int, _moves: int) -> bool:
    """5 % for all tries together."""
    z = -special.ndtri(0.05 * 6 / np.pi**2 / n**2)
    return bool(best.score - now.score > z * compare(now, best).se)


def shrinking(budget: float, growth: float = 1.0) -> Rule:
    """5 % at first, later ``budget / n``; and a quarter of the score's own error, dearer at each move."""

    def rule(now: Try, best: Try, n: int, moves: int) -> bool:
        step = -special.ndtri(min(0.05, budget / n)) * compare(now, best).se
        return bool(best.score - now.score > max(step, 0.25 * growth**moves * now.se))

    return rule


@dataclass
class Board:
    """Shows each score, with all digits or as many as its error supports."""

    is_rounded: bool = False
    best: float = np.inf

    def ask(self, now: Try) -> Told:
        score = shown(now.score, now.se) if self.is_rounded else now.score
        told = Told(score, score < self.best)
        self.best = min(self.best, score)
        return told


@dataclass
class Ladder:
    """Shows the score that stands."""

    rule: Rule = clear_gain
    best: Try | None = None
    n: int = 0
    n_moves: int = 0

    def ask(self, now: Try) -> Told:
        self.n += 1
        moves = self.best is None or self.rule(now, self.best, self.n, self.n_moves)
        self.n_moves += moves and self.best is not None
        self.best = now if moves or self.best is None else self.best
        return Told(shown(self.best.score, self.best.se), moves)


BOARDS: dict[str, Callable[[], Board | Ladder]] = {
    "plain": Board,
    "rounded": lambda: Board(is_rounded=True),
    "ladder": Ladder,
}


@dataclass
class World:
    """Rows with random labels, 0 or 1, and the errors of submissions to them."""

    n: int
    rng: np.random.Generator
    labels: Array = field(init=False)

    def __post_init__(self) -> None:
        self.labels = self.rng.integers(0, 2, self.n)
        self._blocks = deal(self.n, seed=int(self.rng.integers(2**31)))

    def errors(self, guess: Array) -> Try:
        """Share of wrong labels."""
        return self._mean((guess != self.labels).astype(np.float64))

    def log_loss(self, logits: Array) -> Try:
        """Mean of -log of the probability given to the label."""
        return self._mean(np.logaddexp(0.0, np.where(self.labels == 1, -logits, logits)))

    def _mean(self, losses: Array) -> Try:
        score = float(losses.mean())
        blocks = self._blocks.sums(losses) * (self._blocks.n_blocks / self.n) - score
        return Try(score, standard_error(blocks), blocks)

    def gain(self, guess: Array) -> float:
        """By how many standard errors of a random guess these labels are better than one."""
        return float((0.5 - (guess != self.labels).mean()) * 2 * np.sqrt(self.n))

    def guess(self) -> Array:
        return self.rng.integers(0, 2, self.n)


def boost(world: World, board: Board | Ladder, n_tries: int) -> Iterator[float]:
    """Blum and Hardt's attack: the majority of those random guesses that scored well; its gain so far."""
    votes = np.zeros(world.n)
    is_ladder = isinstance(board, Ladder)
    for number in range(1, n_tries + 1):
        guess = world.guess()
        told = board.ask(world.errors(guess))
        if told.is_better if is_ladder else told.score < 0.5:
            votes += 2 * guess - 1
        if number % 50 == 0:
            yield world.gain(np.where(votes == 0, guess, votes > 0))


def climb_hill(world: World, board: Board | Ladder, n_tries: int, share: float) -> Iterator[float]:
    """Change a share of the rows at random, keep what the board calls better; the gain so far."""
    best = world.guess()
    board.ask(world.errors(best))
    n_rows = max(1, round(share * world.n))
    for number in range(2, n_tries + 1):
        rows = world.rng.permutation(world.n)[:n_rows] if n_rows > 1 else world.rng.integers(world.n, size=1)
        guess = best.copy()
        guess[rows] ^= 1
        if board.ask(world.errors(guess)).is_better:
            best = guess
        if number % 50 == 0:
            yield world.gain(best)


def read_labels(world: World, board: Board | Ladder, n_queries: int, at_once: int) -> tuple[int, int]:
    """Whitehill's oracle: k rows get odds of 1, 2, 4 … units, all others none, so the loss spells labels.

    Returns how many labels were read, and how many rightly. Where the board did not move, nothing is.

    References
    ----------
    J. Whitehill, Climbing the Kaggle Leaderboard by Exploiting the Log-Loss Oracle, 2017.
    """
    logits = np.ldexp(34.0, np.arange(at_once) - at_once + 1)
    unit = logits[0]
    known = (world.n - at_once) * np.log(2.0) + np.logaddexp(0.0, -logits).sum()
    n_read = n_right = 0
    for first in range(0, world.n - at_once + 1, at_once)[:n_queries]:
        rows = np.arange(first, first + at_once)
        told = board.ask(world.log_loss(_at(world.n, rows, logits)))
        if isinstance(board, Ladder) and not told.is_better:
            continue
        spelt = round(float((world.n * told.score - known) / unit))
        wrong = np.array([(max(0, spelt) >> i) & 1 for i in range(at_once)])
        n_read += at_once
        n_right += int((wrong == 1 - world.labels[rows]).sum())
    return n_read, n_right


def _at(n: int, rows: Array, values: Array) -> Array:
    spread = np.zeros(n)
    spread[rows] = values
    return spread


def descend(world: World, board: Board | Ladder, n_tries: int, push: float) -> Iterator[float]:
    """Begin far too sure, and be less so at each try, so little that every other one is called better.

    Each answer then says as much as one can: whether a random change, of size ``push``, fits the labels.
    """
    base, votes, sureness, step = 2.0 * world.guess() - 1.0, np.zeros(world.n), 30.0, 0.02
    board.ask(world.log_loss(sureness * base))
    for number in range(2, n_tries + 1):
        signs = 2.0 * world.guess() - 1.0
        asked = sureness * (1.0 - step)
        moved = board.ask(world.log_loss(asked * (base + push * signs))).is_better
        # Where even large steps are not called better the answers say nothing any more.
        votes += signs if moved else -signs if step < 0.3 else 0.0
        step = step * 0.9 if moved else min(0.5, step / 0.9)
        sureness = asked if moved else sureness
        if number % 50 == 0:
            yield world.gain(np.where(votes == 0, base > 0, votes > 0))
