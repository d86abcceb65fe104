"""Participants' commands for code: see its folds and its traceback, cancel it, read it, run it dry."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kit.cli.screen import complain, plain, print_json, print_table, tell
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.client import CompetitionClient, Submission
    from kit.client.trial import Trial

Number = Annotated[int, typer.Argument(metavar="ID", help="Id of the submission; see kit submissions.")]
Where = Annotated[
    str | None,
    typer.Option("--competition", "-c", help="Slug or address; by default that of the last login."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
COLUMNS = (
    "fold",
    "state",
    "train",
    "valid",
    "test",
    "private",
    "fit_s",
    "valid_s",
    "test_s",
    "cpu_s",
    "peak_mb",
)


_SECONDS = ("fit_s", "valid_s", "test_s", "cpu_s")


def cancel(number: Number, competition: Where = None, as_json: AsJson = False) -> None:
    """Cancel a submission of code that waits or runs; what waited is not counted."""
    submission = _opened(competition).submission(number).cancel()
    if as_json:
        print_json(submission.facts)
    else:
        print(submission)


def code(
    number: Number,
    competition: Where = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder to write the files to.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the code of a submission, or write its files."""
    found = _opened(competition).code(number)
    if as_json:
        print_json({"submission": number, "files": [{"name": k, "text": v} for k, v in found.files.items()]})
    elif output is not None:
        for file in found.write(output):
            print(file)
    else:
        for name in found.files:
            _print_file(name, found.shown(name))


def diff(
    a: Number,
    b: Annotated[int, typer.Argument(metavar="OTHER", help="Id of another.")],
    competition: Where = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs from the code of one submission to that of another."""
    found = _opened(competition).diff(a, b)
    if as_json:
        print_json([{"file": name, "lines": lines} for name, lines in found.lines().items()])
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(plain(repr(found)), "diff"))
    else:
        print(repr(found))


def credit(
    number: Number,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="ID or ID=SHARE, a share from 0 to 1; may be repeated.")
    ] = None,
    suggested: Annotated[bool, typer.Option("--suggested", help="As the likeness of code suggests.")] = False,
    competition: Where = None,
    as_json: AsJson = False,
) -> None:
    """Show what a submission owes to others' code; or say it, in place of what was said before."""
    comp = _opened(competition)
    if suggested:
        found = comp.credit(number)
    elif to:
        sources, shares = zip(*map(_owed, to), strict=True)
        known = None if None in shares else [share for share in shares if share is not None]
        found = comp.credit(number, to=sources, shares=known)
    else:
        found = comp.credits(number)
    if as_json:
        print_json(found.facts)
    else:
        print(found)


def _owed(text: str) -> tuple[int, float | None]:
    source, _, share = text.partition("=")
    try:
        return int(source), float(share) if share else None
    except ValueError:
        raise InvalidRequest(f"--to {text} is not understood: write ID or ID=SHARE, as in 12=0.3.") from None


def show_submission(submission: Submission, *, traceback: bool, as_json: bool) -> None:
    """Print one submission with its folds; with ``traceback``, where it failed too."""
    text = submission.traceback if traceback else ""
    if as_json:
        print_json(submission.facts | ({"traceback": str(text)} if traceback else {}))
        return
    print(submission)
    print_folds(submission.code, submission.facts["metric"])
    if traceback:
        print(plain(text.rstrip()) if text else "There is no traceback, and nothing was printed.")
    elif submission.code.get("has_traceback") and submission.state == "REJECTED":
        tell(f"Where it failed: kit submissions --id {submission.id} --traceback")


def print_folds(told: Mapping[str, Any], metric: str) -> None:
    """Print a table of folds, then mean ± std and bagged; nothing where there are none."""
    from kit.client.folds import rows, summary

    found = rows(told, metric)
    if not found:
        return
    lines = [_fold_line(row) for row in found]
    for name, scores in summary(told, metric):
        lines.append({"fold": name, **scores})
    print_table(lines, COLUMNS, title=metric)


def run_dry(comp: CompetitionClient, file: Path, question: str | None, *, as_json: bool) -> None:
    """Run code on the public training data here; exit 1 where it fails."""
    trial: Trial = comp.dry_run(file, question)
    if as_json:
        print_json(trial.facts | {"traceback": str(trial.traceback)})
    else:
        print(trial.line())
        print_folds(trial.facts["code"], trial.facts["metric"])
        for reason in trial.facts["reasons"]:
            complain(reason)
    if trial.state == "FAILED":
        tell(plain(trial.traceback))
        raise typer.Exit(1)
    tell("Nothing was sent or used up.")


def _fold_line(row: Mapping[str, Any]) -> dict[str, Any]:
    cpu = [row[key] for key in ("fit_cpu_s", "valid_cpu_s", "test_cpu_s") if row[key] is not None]
    peak = row["peak_bytes"]
    more = {"cpu_s": sum(cpu) if cpu else None, "peak_mb": round(peak / 1e6) if peak else None}
    line = {**row, **more, "fold": row["fold"] + 1}
    return {**line, **{key: float(f"{line[key]:.3g}") for key in _SECONDS if line[key] is not None}}


def _print_file(name: str, text: str) -> None:
    if not sys.stdout.isatty():
        print(f"# {name}\n{text}")
        return
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console()
    console.rule(plain(name), align="left")
    console.print(Syntax(plain(text), "python", line_numbers=True))


def _opened(where: str | None) -> CompetitionClient:
    from kit.cli.participant import opened

    return opened(where)
