"""IPython magics: thin words for what the last connected competition's handle does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.client.connecting import last_connected

if TYPE_CHECKING:
    from kit.client.tables import Leaderboard


def leaderboard(line: str) -> Leaderboard:
    """``%leaderboard [QUESTION]``: the live leaderboard of the competition connected last."""
    return last_connected().leaderboard(question=line.strip() or None)
