"""The organizers' command on teams whose submissions are alike."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kit.cli.participant import Competition, Question, opened
from kit.cli.screen import plain, print_json, print_table, tell

COLUMNS = ("question", "what", "first", "second", "share", "share_back", "n_different", "credited", "where")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Organizing")(similar)


def similar(
    competition: Competition = None,
    question: Question = None,
    lines: Annotated[bool, typer.Option("--lines", help="Show the lines that are the same.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show pairs of teams whose code or predictions are alike, leaving out what all were given."""
    comp = opened(competition)
    found = comp.client.get(f"{comp.path}/similar", {"question": question})
    if as_json:
        print_json(found)
        return
    if not found:
        tell("No two teams are more alike than independent ones may be.")
        return
    print_table([_row(pair) for pair in found], COLUMNS, title=f"{comp.slug}, similar submissions")
    for pair in found if lines else []:
        for match in pair["lines"]:
            for number, part in ((pair["first"], ""), (pair["second"], "other_")):
                place = f"{match[part + 'file']}:{match[part + 'start']}"
                print(f"# {number['submission']} by {number['team']}, {plain(place)}")
                print(plain(match[f"{part}text"]))
            print()
    tell("Similar is not copied: teams that use one library on one data set write and predict alike.")


def _row(pair: dict[str, Any]) -> dict[str, Any]:
    first, second = (f"{pair[each]['team']} ({pair[each]['submission']})" for each in ("first", "second"))
    where = [f"{m['file']}:{m['start']}={m['other_file']}:{m['other_start']}" for m in pair["lines"][:3]]
    return {**pair, "first": first, "second": second, "where": where}
