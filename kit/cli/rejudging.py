"""The organizers' command to judge again: start, watch, stop, and what it does to the leaderboard."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kit.cli.participant import Competition, Question
from kit.cli.screen import print_json, print_table, tell
from kit.errors import InvalidRequest, NotFound, ServiceError

if TYPE_CHECKING:
    from kit.client import CompetitionClient

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
COLUMNS = ("rank_before", "rank_after", "moved", "team", "score_before", "score_after")
POLL_S = 0.5
SILENCE_S = 60.0
"""A service that does not answer for longer has not only been restarted."""


def rejudge(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[IDS]...", help="By default all.")] = None,
    competition: Competition = None,
    question: Question = None,
    team: Annotated[str | None, typer.Option(help="Only this team's submissions.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would move; nothing of it counts.")
    ] = False,
    reason: Annotated[str, typer.Option(help="What changed and why, for the participants.")] = "",
    wait: Annotated[bool, typer.Option(help="Show the progress until all is judged.")] = True,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop what is under way; nothing of it counts.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Show before and after of the last one; judge nothing.")
    ] = False,
    split: Annotated[Literal["public", "private"], typer.Option(help="Leaderboard to report on.")] = "public",
    as_json: AsJson = False,
) -> None:
    """Judge submissions again, all under the files as they are now; earlier judgements are kept.

    It goes on in the background behind new submissions, and counts when all of it is judged. After an
    interruption the same command goes on with what is left. Some submissions alone are judged under the
    version that is in force.
    """
    from kit.cli.results import organized

    comp = organized(competition)
    questions = [question] if question else [q["id"] for q in comp.overview["questions"]]
    if stop or report:
        found = _last(comp, questions, only_open=stop)
        ended = [_stopped(comp, each) for each in found] if stop else found
    else:
        asked = {"team": team, "dry_run": dry_run, "reason": reason}
        ended = [
            _start(comp, q, asked | {"submissions": n}) for q, n in _chosen(comp, questions, ids).items()
        ]
        if wait:
            ended = [_watched(comp, each) for each in ended]
    told = [{**each, "report": _report(comp, each, split)} if wait or report else each for each in ended]
    if as_json:
        print_json(told)
    else:
        for each in told:
            _show(comp, each, split)
    if any(each["state"] in ("blocked", "overtaken") for each in ended):
        raise typer.Exit(1)


def _chosen(
    comp: CompetitionClient, questions: list[str], ids: list[int] | None
) -> dict[str, list[int] | None]:
    """Which submissions of which questions; None is all."""
    if not ids:
        return dict.fromkeys(questions)
    handles = [comp.submission(number) for number in ids]
    chosen = {q: [h.id for h in handles if h.question == q] for q in questions}
    odd = [h.id for h in handles if h.question not in questions]
    if odd:
        raise InvalidRequest(f"Submission {odd[0]} is of another question than {', '.join(questions)}.")
    return {q: found for q, found in chosen.items() if found}


def _start(comp: CompetitionClient, question: str, asked: dict[str, Any]) -> dict[str, Any]:
    from kit.client.http import quoted

    started: dict[str, Any] = comp.client.post(f"{comp.path}/questions/{quoted(question)}/rejudge", asked)
    if started["partial"]:
        for status in comp.client.get(f"{comp.path}/versions"):
            if status["question"] == question and status["message"]:
                tell(f"{question}: judged under version {started['version']}. {status['message']}")
    return started


def _last(comp: CompetitionClient, questions: list[str], *, only_open: bool) -> list[dict[str, Any]]:
    """The last rejudge of each question."""
    states = ("running", "blocked", "ready")
    found: dict[str, dict[str, Any]] = {}
    for each in comp.client.get(f"{comp.path}/rejudges"):
        if each["question"] in questions and (not only_open or each["state"] in states):
            found.setdefault(each["question"], each)
    if not found:
        raise NotFound("Nothing is being rejudged." if only_open else "Nothing has been rejudged yet.")
    return list(found.values())


def _stopped(comp: CompetitionClient, rejudge: dict[str, Any]) -> dict[str, Any]:
    comp.client.delete(_path(comp, rejudge))
    return _facts(comp, rejudge)


def _watched(comp: CompetitionClient, rejudge: dict[str, Any]) -> dict[str, Any]:
    """Wait until it is no longer under way, also while the service is restarted."""
    answered_at = time.monotonic()
    try:
        with _progress(rejudge) as advance:
            while rejudge["state"] == "running":
                time.sleep(POLL_S)
                try:
                    rejudge = _facts(comp, rejudge)
                    answered_at = time.monotonic()
                except ServiceError:
                    if time.monotonic() - answered_at > SILENCE_S:
                        raise
                advance(rejudge)
    except KeyboardInterrupt:
        tell("It goes on in the background. The same command shows it again; kit rejudge --stop ends it.")
        raise
    return rejudge


@contextmanager
def _progress(rejudge: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], object]]:
    """A bar on a terminal, else a line every tenth part."""
    if not sys.stderr.isatty():
        seen = -1

        def say(facts: dict[str, Any]) -> None:
            nonlocal seen
            tenth = 10 * (facts["n_done"] + facts["n_errors"]) // max(1, facts["n"])
            if tenth != seen:
                seen = tenth
                tell(f"{facts['question']}: {facts['n_done']} of {facts['n']} judged again")

        yield say
        return
    from tqdm import tqdm

    with tqdm(total=rejudge["n"], desc=rejudge["question"], unit=" submissions", file=sys.stderr) as bar:

        def advance(facts: dict[str, Any]) -> None:
            bar.total = facts["n"]
            bar.update(facts["n_done"] + facts["n_errors"] - bar.n)

        advance(rejudge)
        yield advance


def _path(comp: CompetitionClient, rejudge: dict[str, Any]) -> str:
    return f"{comp.path}/rejudges/{rejudge['id']}"


def _facts(comp: CompetitionClient, rejudge: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = comp.client.get(_path(comp, rejudge))
    return facts


def _report(comp: CompetitionClient, rejudge: dict[str, Any], split: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = comp.client.get(f"{_path(comp, rejudge)}/report", {"split": split})["rows"]
    return rows


def _show(comp: CompetitionClient, rejudge: dict[str, Any], split: str) -> None:
    tell(f"{rejudge['question']}: {rejudge['message']}")
    if "report" not in rejudge:
        return
    rows = [row for row in rejudge["report"] if _differs(row)]
    if not rows:
        print(f"{rejudge['question']}: no score changes.")
        return
    n_moved = sum(row["rank_before"] != row["rank_after"] for row in rows)
    would = "would move" if rejudge["state"] != "done" else "moved"
    title = f"{comp.slug}, {rejudge['question']}, {split}: {n_moved} of {len(rejudge['report'])} {would}"
    arrows = [{**row, "moved": _arrow(row["moved"])} for row in rows]
    print_table(arrows, COLUMNS, title=f"{title}, version {rejudge['from_version']} to {rejudge['version']}")


def _differs(row: dict[str, Any]) -> bool:
    return (row["rank_before"], row["score_before"]) != (row["rank_after"], row["score_after"])


def _arrow(moved: int | None) -> str:
    if not moved:
        return ""
    return f"↑ {moved}" if moved > 0 else f"↓ {-moved}"
