"""What a leaderboard is made of, by the places that the store keeps."""

from __future__ import annotations

from datetime import datetime

from kit.leaderboard import Entry
from kit.store import Store
from kit.submission import Split


def contenders(
    store: Store,
    competition: str,
    question: str,
    *,
    metric: str,
    greater_is_better: bool,
    until: datetime | None = None,
) -> list[Entry]:
    """Of each team the best public submission, and that which decides its private place."""
    n_tries: dict[int, int] = {}
    for split in Split:
        by = greater_is_better
        found = store.places(competition, question, split, metric=metric, greater_is_better=by, until=until)
        n_tries |= {place.submission: place.n_tries for place in found.places}
    return store.chosen(n_tries)
