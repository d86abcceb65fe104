"""The organizers' command on signs of probing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kit.cli.participant import Competition, opened
from kit.cli.screen import print_json, print_table, tell

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
COLUMNS = ("question", "team", "n_submissions", "signs", "bits", "worth", "overfitting", "error", "why")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Organizing")(probing)


def probing(competition: Competition = None, as_json: AsJson = False) -> None:
    """Show signs that submissions read labels off the leaderboard, and how far public scores flatter."""
    comp = opened(competition)
    found = comp.client.get(f"{comp.path}/probing")
    if as_json:
        print_json(found)
        return
    print_table([_row(each) for each in found], COLUMNS, title=f"{comp.slug}, signs of probing")
    tell("A sign is no proof: look at the submissions, and ask the team.")


def _row(series: dict[str, Any]) -> dict[str, Any]:
    grown = series["overfitting"] or {}
    return {
        **series,
        "signs": ", ".join(flag["sign"] for flag in series["flags"]),
        "why": " ".join(flag["evidence"] for flag in series["flags"]),
        "overfitting": grown.get("growth"),
        "error": grown.get("se"),
    }
