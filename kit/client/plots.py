"""Plots of a question's scores: a handle that shows itself in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.client.display import widget_bundle

if TYPE_CHECKING:
    from kit.client.competition import CompetitionClient


class Plots:
    """Best score over time and, of code, score against cost; live in a notebook."""

    def __init__(self, comp: CompetitionClient, question: str) -> None:
        self._comp, self._question = comp, question

    def __repr__(self) -> str:
        return (
            f"Plots of question {self._question!r}, which a notebook shows. Their numbers: "
            'comp.leaderboard(per="submission").'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("plots", self._comp, self._question)
