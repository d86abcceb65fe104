"""Participants' commands, in Kaggle's words. They do what kit.client does, and print it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kit.cli.code import cancel, code, credit, diff, print_folds, run_dry, show_submission
from kit.cli.screen import complain, plain, print_json, print_table, tell
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.client import CompetitionClient

Competition = Annotated[
    str | None,
    typer.Option("--competition", "-c", help="Slug or address; by default that of the last login."),
]
Positional = Annotated[str | None, typer.Argument(metavar="[COMPETITION]", help="The same as -c.")]
Question = Annotated[str | None, typer.Option("--question", "-q", help="Question, where there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SUBMISSION_COLUMNS = (
    "id",
    "question",
    "kind",
    "submitted_at",
    "state",
    "public",
    "private",
    "note",
    "selected",
    "rejudged",
    "why",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from kit.cli import session

    session.register(app)
    for command in (download, submit, submissions, cancel, code, diff, credit, rules, select):
        app.command(rich_help_panel="Taking part")(command)


def download(
    where: Positional = None,
    competition: Competition = None,
    question: Question = None,
    path: Annotated[Path, typer.Option("--path", "-p", help="Folder to put the files in.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the data; of all questions where none is named."""
    comp = opened(competition or where)
    folder = comp.data_dir(question)
    path.mkdir(parents=True, exist_ok=True)
    copied = [
        Path(shutil.copyfile(file, path / file.name)) for file in sorted(folder.iterdir()) if file.is_file()
    ]
    if as_json:
        print_json({"files": [str(file) for file in copied]})
        return
    for file in copied:
        print(file)


def submit(
    where: Positional = None,
    competition: Competition = None,
    file: Annotated[
        Path,
        typer.Option(
            "--file", "-f", help="Predictions (CSV, Parquet), a .py file, a folder of modules or a notebook."
        ),
    ] = ...,  # type: ignore[assignment]
    message: Annotated[str, typer.Option("--message", "-m", help="A note to find it by.")] = "",
    question: Question = None,
    wait: Annotated[bool, typer.Option(help="Wait for the score.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run code here on the public training data; nothing is sent.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send it once more, also where your team sent the same before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Submit predictions, code or a notebook, and wait for the score."""
    from kit.client.standing import describe

    comp = opened(competition or where)
    if dry_run:
        run_dry(comp, file, question, as_json=as_json)
        return
    submission = comp.submit(file, note=message, question=question, again=again)
    if wait:
        submission.wait()
    facts = submission.facts
    if as_json:
        print_json(facts)
    elif submission.state not in ("REJECTED", "ERROR"):
        print(describe(facts))
        print_folds(submission.code, facts["metric"])
    if submission.state in ("REJECTED", "ERROR"):
        complain(repr(submission))
        if submission.traceback:
            tell(plain(submission.traceback).rstrip())
    tell(remaining(facts))
    if submission.state in ("REJECTED", "ERROR"):
        raise typer.Exit(1)


def submissions(
    where: Positional = None,
    competition: Competition = None,
    question: Question = None,
    number: Annotated[int | None, typer.Option("--id", help="Only this one, with its folds.")] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="With --id: where the code failed, and what it printed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List your team's submissions, newest first; or show one of them."""
    comp = opened(competition or where)
    if number is not None:
        show_submission(comp.submission(number), traceback=traceback, as_json=as_json)
        return
    if traceback:
        raise InvalidRequest("Say of which submission: kit submissions --id ID --traceback")
    comp.client.require_login()
    found = comp.client.get(f"{comp.path}/submissions", {"question": question})
    if as_json:
        print_json(found)
    elif found:
        print_table([submission_row(facts) for facts in found], SUBMISSION_COLUMNS)
        for notice in comp.notices():
            if question in (None, notice["question"]):
                tell(notice_line(notice))
    else:
        tell("No submissions yet: kit submit -f FILE -m NOTE")


def rules(
    where: Positional = None,
    competition: Competition = None,
    accept: Annotated[bool, typer.Option("--accept", help="Accept them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rules, or accept them."""
    comp = opened(competition or where)
    if accept:
        comp.accept_rules()
    overview = comp.overview
    accepted = bool((overview["me"] or {}).get("rules_accepted"))
    if as_json:
        print_json({"rules": overview["rules"], "accepted": accepted})
        return
    if not accept:
        print(overview["rules"] or "There are no rules.")
    if overview["rules"]:
        tell("You have accepted the rules." if accepted else "To accept them: kit rules --accept")


def select(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of submissions, of one question.")] = None,
    competition: Competition = None,
    question: Question = None,
    none: Annotated[bool, typer.Option("--none", help="Select none: your best public ones decide.")] = False,
    as_json: AsJson = False,
) -> None:
    """Select the submissions that decide your private score."""
    if not ids and not none:
        raise InvalidRequest("Say which: kit select ID..., or --none. Ids: kit submissions")
    if ids and none:
        raise InvalidRequest(f"--none selects nothing, and {ids[0]} is named too: take one of the two out.")
    comp = opened(competition)
    selected = comp.select(*(ids or []), question=question)
    if as_json:
        print_json({"submissions": selected})
    else:
        print("Selected:", ", ".join(map(str, selected)) or "none")


def opened(where: str | None) -> CompetitionClient:
    """The competition meant by a slug, an address or nothing; with the person's token if there is one."""
    from kit import credentials
    from kit.client import Client, locate

    if where is not None and "://" not in where:
        base, _ = locate()
        slug: str | None = where
    else:
        base, slug = locate(where)
    return Client(base, token=credentials.token_for(base)).competition(slug)


def remaining(facts: dict[str, Any]) -> str:
    """How many submissions are left today, in words."""
    left = facts.get("left_today")
    return "No daily limit." if left is None else f"Submissions left today: {left}."


def submission_row(facts: dict[str, Any]) -> dict[str, Any]:
    """A submission as a row of the table."""
    scores = {
        split: ((facts.get("score") or {}).get(split) or {}).get(facts["metric"], {}).get("score")
        for split in ("public", "private")
    }
    from kit.client.standing import rejudged_text

    incident = facts.get("incident")
    reasons = facts.get("reasons") or []
    more = f" (and {len(reasons) - 1} more: --json)" if len(reasons) > 1 else ""
    why = f"{reasons[0]}{more}" if reasons else facts.get("verdict") or (incident and f"incident {incident}")
    # The kind is worth a column only where there are several.
    kind = facts.get("kind") if facts.get("kind") != "predictions" else None
    return {**facts, **scores, "kind": kind, "why": why, "rejudged": rejudged_text(facts)}


def notice_line(notice: dict[str, Any]) -> str:
    """That submissions were judged again, in a sentence."""
    reason = f": {notice['reason']}" if notice["reason"] else "."
    return (
        f"Question {notice['question']!r} was rejudged on {notice['at'][:16].replace('T', ' ')} UTC{reason}"
    )
