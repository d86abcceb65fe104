"""The command test: run submissions of code on all folds, in the sandbox, without a service."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.cli.screen import complain, print_json, tell
from kit.errors import InvalidRequest

if TYPE_CHECKING:
    from kit.runner.folds import CodeReport, FoldReport, RunnerSettings, Scores
    from kit.runner.problem import Problem

SHOWN = ("train", "valid", "test")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Organizing")(test)


def test(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The competition's folder.")],
    submission: Annotated[
        str | None,
        typer.Option(metavar="NAME_OR_PATH", help="One of submissions/, or a path; by default all of them."),
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", "-q", help="Question, where there are several.")
    ] = None,
    isolation: Annotated[
        Literal["isolated", "limited", "none"] | None,
        typer.Option(help="Least isolation accepted, by default the question's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run code submissions on all folds, and notebooks, in the sandbox: scores, times, memory."""
    from kit.cli.notebooks import run_notebook
    from kit.competition import load_competition
    from kit.runner.gather import find_submission, submissions_of
    from kit.runner.problem import load_problem
    from kit.runner.sandbox import Level
    from kit.runner.settings import runner_settings
    from kit.truth import read_truth

    competition = load_competition(directory)
    asked = competition.find_question(question)
    if asked.code is None:
        raise InvalidRequest(f"Question '{asked.id}' takes no code: it has no table [question.code].")
    given = [find_submission(directory, submission)] if submission else list(submissions_of(directory))
    if not given:
        raise InvalidRequest(
            f"There is no submission in {directory / 'submissions'}. Name one: --submission."
        )
    truth = None if asked.code.problem else read_truth(competition, asked)
    settings = runner_settings(competition, asked, least=Level(isolation) if isolation else None)
    # Whoever runs this has the test inputs anyway.
    settings = replace(settings, hide_inputs=False)
    results, verdicts = [], []
    with closing(load_problem(competition, asked, truth)) as problem:
        for path in given:
            if path.suffix == ".ipynb":
                report, facts = run_notebook(competition, asked, truth, path, settings)
            else:
                report = _run(problem, path, settings)
                facts = _facts(path.stem, report)
            results.append(facts)
            verdicts.append(report.verdict)
            if not as_json:
                _show(report, problem.metrics, title=f"{competition.slug}: {asked.id}, {path.stem}")
    if as_json:
        print_json(results[0] if submission else results)
    if any(verdict is not None for verdict in verdicts):
        raise typer.Exit(1)


def _run(problem: Problem, path: Path, settings: RunnerSettings) -> CodeReport:
    from kit.runner.folds import run_folds
    from kit.runner.gather import gather

    with tempfile.TemporaryDirectory(prefix="kit-code-") as scratch, _progress(path.stem, problem) as on_fold:
        code = gather(path, Path(scratch) / "code", entries=problem.entries)
        return run_folds(problem, code, settings, on_fold=on_fold)


@contextmanager
def _progress(name: str, problem: Problem) -> Iterator[Callable[[FoldReport], None]]:
    """Show how far the folds are: as a moving line on a terminal, else a line where one ends."""
    console = Console(stderr=True, highlight=False)
    states: dict[int, str] = {}
    with console.status(Text(f"{name}: starting"), spinner="line") as status:

        def on_fold(fold: FoldReport) -> None:
            states[fold.fold] = fold.state
            n_done = sum(state in ("done", "failed") for state in states.values())
            text = f"{name}: {n_done} of {problem.n_folds} folds"
            if console.is_terminal:
                status.update(Text(text))
            elif fold.state != "running":
                tell(text)

        yield on_fold


def _facts(name: str, report: CodeReport) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(report.to_json())
    folds = [fold.pop("scores") | fold for fold in facts.pop("folds")]
    return {"submission": name, "folds": folds, **facts}


def _show(report: CodeReport, metrics: tuple[str, ...], *, title: str) -> None:
    # Into a file or a pipe a row is a line, however long.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 1000)
    for number, metric in enumerate(metrics):
        table = _table(report, metric, title="" if number else title, with_costs=not number)
        console.print(table, crop=False)
    console.print(Text(f"isolation: {report.isolation}", style="dim"))
    if report.reproducible is False:
        complain("Not reproducible: the first fold gave other predictions when it was run again.")
    if report.verdict is None:
        return
    complain(f"{report.verdict.value}: {report.reason}")
    for text in (report.traceback, report.output):
        if text:
            console.print(Text(text.rstrip()))


def _table(report: CodeReport, metric: str, *, title: str, with_costs: bool) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    table.add_column(metric)
    costs = ("fit s", "valid s", "test s", "CPU s", "peak MB") if with_costs else ()
    for name in (*SHOWN, *costs):
        table.add_column(name, justify="right", no_wrap=True)
    for fold in report.folds:
        taken = _costs(fold) if with_costs and fold.state in ("done", "failed") else []
        style = "red" if fold.state == "failed" else None
        table.add_row(f"fold {fold.fold}", *_numbers(fold.scores, metric), *taken, style=style)
    if report.mean:
        table.add_row("mean", *_numbers(report.mean, metric))
        table.add_row("± std", *_numbers(report.std, metric), style="dim")
    if report.bagged:
        table.add_row("bagged" if report.mean else "score", *_numbers(report.bagged, metric), style="bold")
    return table


def _costs(fold: FoldReport) -> list[str]:
    cpu_s = fold.fit_cpu_s + fold.valid_cpu_s + fold.test_cpu_s
    times = [f"{seconds:.2f}" for seconds in (fold.fit_s, fold.valid_s, fold.test_s, cpu_s)]
    return [*times, f"{fold.peak_bytes / 1e6:.0f}"]


def _numbers(scores: Scores, metric: str) -> list[str]:
    values = [scores.get(step, {}).get(metric) for step in SHOWN]
    return ["" if value is None else f"{value:.5g}" for value in values]
