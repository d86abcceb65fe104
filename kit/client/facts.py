"""Small answers that a person reads."""

from __future__ import annotations

from dataclasses import dataclass


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
