"""What a leaderboard tells of the blend of its submissions, in words."""

from __future__ import annotations

from kit.client.http import Json

_STEPS = {"valid": "held-out rows", "public": "public", "private": "private"}


def blend_lines(board: Json) -> list[str]:
    """Two lines: scores of the ensemble of all, and of each fold's best submission; none where not told.

    Examples
    --------
    >>> blend = {"combined": {"public": 0.25}, "foldwise_best": {"public": 0.5}, "n_submissions": 3}
    >>> blend_lines({"metric": "mae", "blend": blend | {"n_folds": 1, "n_left_out": 2, "why": ""}})
    ['Blend of 3 submissions (2 not in it), mae: 0.25 public', 'Best submission, mae: 0.5 public']
    """
    blend = board.get("blend")
    if not blend or blend["why"] or not blend["combined"]:
        return []
    n, n_out = blend["n_submissions"], blend["n_left_out"]
    out = f" ({n_out} not in it)" if n_out else ""
    best = "Best submission of each fold" if blend["n_folds"] > 1 else "Best submission"
    named = ((f"Blend of {n} submissions{out}", "combined"), (best, "foldwise_best"))
    return [f"{name}, {board['metric']}: {_scores(blend[key])}" for name, key in named]


def built_on_text(row: Json) -> str:
    """Whose code a row's is built on."""
    return ", ".join(f"{each['team']} ({each['submission']})" for each in row.get("built_on") or [])


def _scores(scores: Json) -> str:
    return ", ".join(f"{scores[step]:.5g} {name}" for step, name in _STEPS.items() if step in scores)
