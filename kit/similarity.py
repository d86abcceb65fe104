"""How alike two submissions are, in code and in predictions, with evidence. It measures, and judges nobody.

Similar is not copied: teams that use one library on one data set write and predict alike. What is said of
code leaves out what all were given, and is called telling only where chance hardly does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kit._similarity import END, Places, Token, covered, places_of, tile, tokens_of
from kit.metrics import Array
from kit.probing import Sketch, n_different

RUN = 18
"""So many tokens in a row must be the same: two to three lines."""
RUN_KNOWN = 8
"""So many must stand in a row in what was given to all, to be left out."""
TELLING_TOKENS = 60
TELLING_SHARE = 0.4
"""So many tokens, some eight lines, and so large a share of either program must be shared to be telling."""


@dataclass(frozen=True)
class Lines:
    """Lines of a file, from 1, the last one included."""

    file: str
    start: int
    end: int


@dataclass(frozen=True)
class Match:
    """Lines of two programs that are the same but for names, constants and layout."""

    first: Lines
    second: Lines
    n_tokens: int


@dataclass(frozen=True)
class CodeSimilarity:
    """How much of each of two programs is in the other.

    Parameters
    ----------
    first_in_second, second_in_first : float
        Share of the tokens of one that the other holds, from 0 to 1, of those nobody was given. It is a
        hint of how much credit one owes the other.
    n_tokens : int
        So many of the first are shared.
    matches : tuple of Match
        Where; the longest first.
    """

    first_in_second: float
    second_in_first: float
    n_tokens: int
    matches: tuple[Match, ...]

    @property
    def is_telling(self) -> bool:
        """Whether independent programs hardly share so much."""
        share = max(self.first_in_second, self.second_in_first)
        return self.n_tokens >= TELLING_TOKENS and share >= TELLING_SHARE


@dataclass(frozen=True, eq=False)
class Program:
    """A program as it is compared; made once by `read_program`, for many comparisons.

    Parameters
    ----------
    words, files, lines : sequence
        Of each token: its text, and the file and line it stands on.
    is_known : list of bool
        Of each token: was it given to all?
    runs : mapping of int to sequence of int
        Where runs of tokens begin.
    """

    words: Sequence[str]
    files: Sequence[str]
    lines: Sequence[int]
    is_known: list[bool]
    runs: Places

    def n_own(self, start: int, n: int) -> int:
        """How many tokens of a run nobody was given."""
        return n - sum(self.is_known[start : start + n])


def read_program(files: Mapping[str, str] | str, *, known: Sequence[str] = ()) -> Program:
    """Read a program's tokens; it may have syntax errors.

    Parameters
    ----------
    files : mapping of str to str, or str
        Text by file name; or the text of a single nameless file.
    known : sequence of str
        Texts that all were given, such as the starting kit.
    """
    given = {"": files} if isinstance(files, str) else files
    modules = {name.removesuffix(".py") for name in given}
    runs = _runs_of(tuple(known))
    tokens: list[Token] = []
    names: list[str] = []
    for name, text in given.items():
        of_file = tokens_of(text, modules)
        tokens += [*of_file, Token(END, 0)]
        names += [name] * (len(of_file) + 1)
    words = [token.text for token in tokens]
    lines = [token.line for token in tokens]
    is_known = [of or word == END for of, word in zip(covered(words, runs, RUN_KNOWN), words, strict=True)]
    return Program(words, names, lines, is_known, places_of(words, RUN))


@lru_cache(16)
def _runs_of(known: tuple[str, ...]) -> frozenset[int]:
    return frozenset(
        run for text in known for run in places_of([token.text for token in tokens_of(text)], RUN_KNOWN)
    )


def compare_programs(first: Program, second: Program) -> CodeSimilarity:
    """How much of two programs is the same but for names, constants, layout and order.

    Examples
    --------
    >>> one = "def area(a, b):\\n    return abs(a * b) if min(a, b) > 0 else sum([a, b, 1])"
    >>> other = "def surface(x, y):\\n    return abs(x * y) if min(x, y) > 2 else sum([x, y, 3])"
    >>> compare_programs(read_program(one), read_program(other)).first_in_second
    1.0
    """
    matches = []
    for a, b, n in tile(first.words, second.words, first.runs, second.runs):
        if first.n_own(a, n) >= RUN_KNOWN:
            matches.append(Match(_lines(first, a, n), _lines(second, b, n), first.n_own(a, n)))
    n_shared = sum(match.n_tokens for match in matches)
    back = [second.n_own(b, n) for b, _, n in tile(second.words, first.words, second.runs, first.runs)]
    n_back = sum(n for n in back if n >= RUN_KNOWN)
    return CodeSimilarity(
        first_in_second=n_shared / max(1, first.is_known.count(False)),
        second_in_first=n_back / max(1, second.is_known.count(False)),
        n_tokens=n_shared,
        matches=tuple(sorted(matches, key=lambda match: -match.n_tokens)),
    )


def _lines(program: Program, start: int, n: int) -> Lines:
    numbers = program.lines[start : start + n]
    return Lines(program.files[start], min(numbers), max(numbers))


@dataclass(frozen=True)
class PredictionSimilarity:
    """How alike two submissions' predictions are.

    Parameters
    ----------
    equal_rows : float
        Share of the rows that are equal to the last bit.
    n_different : int
        About so many rows differ; exact for a few.
    """

    equal_rows: float
    n_different: int


def compare_sketches(first: Sketch, second: Sketch) -> PredictionSimilarity:
    """How many rows of two submissions are equal, from what is kept of each."""
    n = n_different(first, second)
    return PredictionSimilarity(1.0 - n / max(1, first.n_rows, second.n_rows), n)


def correlate_errors(predictions: Array, truth: Array) -> Array:
    """Correlation of the errors of each two submissions, shape (n_submissions, n_submissions).

    Errors of honest models correlate too, since all miss what nobody can foresee: compare a pair with the
    other pairs. A submission without any error correlates 0 with others.

    Parameters
    ----------
    predictions : ndarray of shape (n_submissions, n_rows[, n_columns])
        Numbers, probabilities of class 1, or probabilities of all classes.
    truth : ndarray of shape (n_rows[, n_columns])
        Numbers, or class codes.

    Raises
    ------
    ValueError
        There are more or fewer rows than in the truth.
    """
    given, true = np.asarray(predictions, dtype=np.float64), np.asarray(truth)
    if given.shape[1] != len(true):
        raise ValueError(f"The predictions have {given.shape[1]} rows, the truth has {len(true)}.")
    if given.ndim == 3 and true.ndim == 1:
        true = np.eye(given.shape[2])[true]
    errors = (given - true).reshape(len(given), -1)
    errors -= errors.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.square(errors).sum(axis=1, keepdims=True))
    errors /= np.where(norms > 0.0, norms, 1.0)
    correlations = np.clip(errors @ errors.T, -1.0, 1.0)
    np.fill_diagonal(correlations, 1.0)
    return np.asarray(correlations)
