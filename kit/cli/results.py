"""Organizers' commands on what a competition has: baseline, export."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.cli.participant import Competition, Question, opened
from kit.cli.screen import print_json, tell

if TYPE_CHECKING:
    from kit.baselines import Baseline, OnCell
    from kit.client import Client, CompetitionClient

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    from kit.cli.rejudging import rejudge

    for command in (baseline, export, rejudge):
        app.command(rich_help_panel="Organizing")(command)


def baseline(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The competition's folder.")],
    question: Question = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds each notebook may take.")] = 1800.0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder to keep what the notebooks wrote.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Re-run the reference notebooks and put them on the leaderboard."""
    from kit.baselines import rerun
    from kit.competition import load_competition

    competition = load_competition(directory)
    questions = None if question is None else [competition.find_question(question)]
    comp = opened(competition.slug)
    with _folder(output) as folder, _cells() as on_cell:
        results = rerun(comp, competition, folder, questions=questions, timeout_s=timeout, on_cell=on_cell)
    if as_json:
        print_json([_facts(result, kept=output is not None) for result in results])
    else:
        _show(results, competition.slug)
    if any(result.state == "failed" for result in results):
        raise typer.Exit(1)


def export(
    competition: Competition = None,
    question: Question = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(),
    form: Annotated[
        Literal["csv", "parquet", "both"], typer.Option("--format", help="Of the files.")
    ] = "both",
    as_json: AsJson = False,
) -> None:
    """Write leaderboards, public and private, and submissions to files."""
    comp = organized(competition)
    questions = [q["id"] for q in comp.overview["questions"]] if question is None else [question]
    output.mkdir(parents=True, exist_ok=True)
    files = []
    for suffix in ("csv", "parquet") if form == "both" else (form,):
        for asked in questions:
            for split in ("public", "private"):
                facts = {"what": "leaderboard", "question": asked, "split": split, "format": suffix}
                name = f"{comp.slug}-{asked}-leaderboard-{split}.{suffix}"
                files.append(_fetch(comp, facts, output / name))
        facts = {"what": "submissions", "question": question, "format": suffix}
        files.append(_fetch(comp, facts, output / f"{comp.slug}-submissions.{suffix}"))
    if as_json:
        print_json({"files": [str(file) for file in files]})
        return
    for file in files:
        print(file)


def organized(where: str | None) -> CompetitionClient:
    """A competition, opened by an organizer.

    Raises
    ------
    NotAllowed
    """
    from kit.baselines import check_organizer

    comp = opened(where)
    check_organizer(comp.client)
    return comp


def client() -> Client:
    """The service of the last login, or of KIT_URL, whatever the competition."""
    from kit import credentials
    from kit.client import Client, locate

    base, _ = locate()
    return Client(base, token=credentials.token_for(base))


def _fetch(comp: CompetitionClient, facts: dict[str, Any], file: Path) -> Path:
    query = urlencode({key: value for key, value in facts.items() if value is not None})
    scratch = file.with_name(f".{file.name}.part")
    try:
        # Private scores and names: for the organizer alone, as long as they do not hand them on.
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out, comp.client.stream(f"{comp.path}/export?{query}") as answer:
            for piece in answer.iter_bytes():
                out.write(piece)
        return scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="kit-baselines-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _cells() -> Iterator[OnCell]:
    """Show which cell of which notebook runs: as a moving line on a terminal, else a line a notebook."""
    console = Console(stderr=True, highlight=False)
    seen: set[tuple[str, str]] = set()
    with console.status("Starting", spinner="line") as status:

        def on_cell(question: str, name: str, cell: int, n_cells: int) -> None:
            if console.is_terminal:
                status.update(f"{question} / {name}: cell {cell} of {n_cells}")
            elif (question, name) not in seen:
                tell(f"{question} / {name} runs")
            seen.add((question, name))

        yield on_cell


def _facts(result: Baseline, *, kept: bool) -> dict[str, Any]:
    facts = asdict(result)
    paths = {key: str(facts.pop(key) or "") or None for key in ("notebook", "predictions")}
    return facts | paths if kept else facts


def _show(results: list[Baseline], title: str) -> None:
    table = Table("question", "name", "state", "cell", "seconds", "score", title=title, title_justify="left")
    table.box = None
    for result in results:
        cell = "" if result.cell is None else f"In [{result.cell}]"
        score = "" if result.score is None else f"{result.score:.6g}"
        row = (result.question, result.name, result.state, cell, f"{result.seconds:.1f}", score)
        table.add_row(*map(Text, row), style="red" if result.state == "failed" else None)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for result in results:
        if result.error:
            console.print(Text(f"{result.question} / {result.name}: {result.error}", style="red"))
