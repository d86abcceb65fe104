"""What an organizer does before a competition opens, without a service: init, check, score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from kit.cli.screen import print_json, print_table
from kit.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from kit.starter import Guess
    from kit.submission import Score

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The competition's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (init, check, score):
        app.command(rich_help_panel="Organizing")(command)


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The new competition's folder.")],
    title: Annotated[str | None, typer.Option(help="By default made from the folder's name.")] = None,
    from_csv: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(metavar="TRAIN TEST TRUTH", help="Start from your own three CSV files."),
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="With --from-csv: the id column.")] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="With --from-csv: the target column; may be repeated.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="With --from-csv: the metric to rank by.")] = None,
    code: Annotated[bool, typer.Option("--code", help="Code may be submitted, and is trained here.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a new competition: a small working one to edit, or one from your own CSV files."""
    from kit.clock import utc_now
    from kit.starter import start_example, start_from_csv

    if from_csv is None:
        if id_column or target or metric:
            raise InvalidRequest("--id, --target and --metric go with --from-csv TRAIN TEST TRUTH.")
        guesses = start_example(directory, title=title, takes_code=code, now=utc_now())
    else:
        guesses = start_from_csv(
            directory,
            *from_csv,
            title=title,
            id_column=id_column,
            target=tuple(target or ()),
            metric=metric,
            takes_code=code,
            now=utc_now(),
        )
    if as_json:
        print_json([vars(g) for g in guesses])
        return
    _show_guesses(guesses, directory, has_code=code)


def check(directory: Directory, as_json: AsJson = False) -> None:
    """List every problem of a competition before it opens."""
    from kit.check import check_competition
    from kit.clock import utc_now

    problems = check_competition(directory, now=utc_now())
    if as_json:
        print_json([_facts(problem) for problem in problems])
    else:
        _show_problems(problems)
    if any(not problem.warning for problem in problems):
        raise typer.Exit(1)


def score(
    directory: Directory,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (also gzip, zstd) or Parquet.")],
    question: Annotated[
        str | None, typer.Option("--question", "-q", help="Question, where there are several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a predictions file on both splits, with intervals; uses the truth."""
    from kit.competition import load_competition
    from kit.predictions import read_predictions
    from kit.scoring import score as score_predictions
    from kit.truth import read_truth

    competition = load_competition(directory)
    asked = competition.find_question(question)
    truth = read_truth(competition, asked)
    predictions = read_predictions(file, truth.expected)
    scores = score_predictions(predictions, truth, asked, directory=competition.directory)
    by_metric = {name: _by_split(scores, name) for name in asked.metrics}
    if not as_json:
        rows = [
            {"metric": s.metric, "split": s.split.value, **_interval(s), "rows": s.n_rows} for s in scores
        ]
        columns = ("metric", "split", "score", "low", "high", "rows")
        print_table(rows, columns, title=f"{competition.slug}: {asked.id}")
        return
    first = {"question": asked.id, "metric": asked.metric, **by_metric.pop(asked.metric)}
    more = {"more": by_metric} if by_metric else {}
    print_json({**first, "n_rows": len(truth.expected.ids), **more})


def _by_split(scores: Sequence[Score], metric: str) -> dict[str, dict[str, float]]:
    return {s.split.value: _interval(s) for s in scores if s.metric == metric}


def _interval(score: Score) -> dict[str, float]:
    return {"score": score.score, "low": score.low, "high": score.high}


def _facts(problem: Problem) -> dict[str, Any]:
    level = "warning" if problem.warning else "error"
    return {
        "file": problem.file,
        "key": problem.key,
        "text": problem.text,
        "fix": problem.fix,
        "level": level,
    }


def _show_problems(problems: Sequence[Problem]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for file, group in groupby(sorted(problems, key=lambda p: p.file), key=lambda p: p.file):
        console.print(Text(file, style="bold"))
        for problem in group:
            mark = Text("  ! ", style="yellow") if problem.warning else Text("  x ", style="red")
            where = f"{problem.key}: " if problem.key else ""
            console.print(mark + Text(f"{where}{problem.text}"))
            if problem.fix:
                console.print(Text(f"    {problem.fix}", style="dim"))
    n_warnings = sum(problem.warning for problem in problems)
    n_errors = len(problems) - n_warnings
    if not problems:
        console.print(Text("ready to open", style="green"))
        return
    counts = f"{_counted(n_errors, 'problem')}, {_counted(n_warnings, 'warning')}"
    console.print(
        Text(counts if n_errors else f"{counts}: ready to open", style="red" if n_errors else "yellow")
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else noun + 's'}"


def _show_guesses(guesses: Sequence[Guess], directory: Path, *, has_code: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if guesses:
        console.print("Guessed from the files:")
        for guess in guesses:
            console.print(Text(f"  {guess.key} = {guess.value}", style="bold"))
            other = f" Another one: {guess.change}." if guess.change else ""
            console.print(Text(f"    {guess.why}{other}", style="dim"))
        console.print()
    console.print(f"Written to {directory}. Next:", markup=False)
    for command, what in (
        (
            f"edit {directory / 'competition.toml'}",
            "title, times, limits" + (", what was guessed" if guesses else ""),
        ),
        (f"kit check {directory}", "every problem before it opens"),
        *([(f"kit test {directory}", "run the code in submissions/")] if has_code else []),
        (f"kit serve {directory}", "open it"),
    ):
        console.print(Text(f"  {command}", style="bold") + Text(f"   {what}", style="dim"))
