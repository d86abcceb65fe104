"""Small answers that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Team:
    """Who competes together."""

    name: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Checked:
    """Predictions that fit their question."""

    question: str
    n_rows: int

    def __repr__(self) -> str:
        return f"The {self.n_rows} predictions fit question {self.question!r}. Nothing was sent or used up."


@dataclass(frozen=True)
class CheckedCode:
    """Code that can be sent; whether it runs is not known."""

    question: str
    files: tuple[str, ...]

    def __repr__(self) -> str:
        names = ", ".join(self.files[:5]) + (", …" if len(self.files) > 5 else "")
        return f"{names} can be sent to question {self.question!r}. Nothing was run, sent or used up."


@dataclass(frozen=True)
class Comparison:
    """How submission ``a`` differs from ``b`` on the same rows; its text is one sentence.

    ``difference`` is the score of ``a`` minus that of ``b``, between ``low`` and ``high`` at ``level``.
    ``better`` is "a" or "b", or None where they cannot be told apart at 5 %; ``p_value`` says how often so
    large a difference arises between equals. ``warning`` is empty where all this may be trusted.
    """

    question: str
    split: str
    metric: str
    greater_is_better: bool
    a: int
    b: int
    team: str | None
    difference: float
    low: float
    high: float
    level: float
    p_value: float
    better: str | None
    sentence: str
    warning: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Comparison:
        """What the service tells, but for what it may tell besides."""
        return cls(**{field.name: told[field.name] for field in fields(cls)})

    def __repr__(self) -> str:
        return f"{self.sentence} {self.warning}".rstrip()
