"""Put what reference notebooks gave on the leaderboard, as an organizer of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kit.baselines._run import TIMEOUT_S, Baseline, OnCell, find_notebooks, run_notebook
from kit.client import Client, CompetitionClient, Submission
from kit.client.http import ONE_RETRY, quoted
from kit.competition import Competition, Question
from kit.errors import NotAllowed, OrganizerError

JUDGED_WITHIN_S = 120.0


def rerun(
    comp: CompetitionClient,
    competition: Competition,
    folder: Path,
    *,
    questions: Sequence[Question] | None = None,
    timeout_s: float = TIMEOUT_S,
    on_cell: OnCell | None = None,
) -> list[Baseline]:
    """Run the reference notebooks of a competition and put them on its leaderboard; a failed one is red.

    Parameters
    ----------
    folder : path
        Gets a folder for each notebook: ``QUESTION/NAME``.

    Raises
    ------
    NotAllowed
        The login is not an organizer's.
    OrganizerError
        There is no notebook.
    """
    check_organizer(comp.client)
    asked = competition.question if questions is None else questions
    found = [(question, path) for question in asked for path in find_notebooks(competition, question)]
    if not found:
        patterns = [pattern for question in asked for pattern in question.baselines]
        raise OrganizerError(f"No notebook fits baselines = {patterns} in {competition.directory}.")
    results = []
    for question, path in found:
        place = folder / question.id / path.stem
        place.mkdir(parents=True)
        result = run_notebook(
            path,
            competition,
            question,
            place,
            # By its content, not by its path: where participants send code, baselines still predict.
            check=lambda file, question=question: comp.check(file.read_bytes(), question.id),  # type: ignore[misc]
            timeout_s=timeout_s,
            on_cell=on_cell,
        )
        results.append(publish(comp, result, source=path))
    return results


def check_organizer(client: Client) -> None:
    """Raise NotAllowed, with the way out, where a login may not organize."""
    me = client.me()
    if me["role"] != "organizer":
        raise NotAllowed(f"{me['name']} is no organizer. Log in as one: kit login {client.url}")
    if "organize" not in me["scopes"]:
        raise NotAllowed(f"This login may not organize. Log in again: kit login {client.url}")


def publish(comp: CompetitionClient, baseline: Baseline, *, source: Path) -> Baseline:
    """Upload predictions and executed notebook, and wait for the score.

    Parameters
    ----------
    source : path
        Uploaded where the run left no notebook.
    """
    if baseline.predictions is not None:
        baseline = _judged(comp, baseline)
    facts = {"state": baseline.state, "cell": baseline.cell, "error": baseline.error}
    comp.client.upload(
        "PUT",
        f"{_address(comp, baseline)}/notebook",
        baseline.notebook or source,
        params=facts | {"seconds": baseline.seconds},
        retries=ONE_RETRY,
    )
    return baseline


def _judged(comp: CompetitionClient, baseline: Baseline) -> Baseline:
    assert baseline.predictions is not None
    answer = comp.client.upload(
        "PUT",
        f"{_address(comp, baseline)}/predictions",
        baseline.predictions,
        params={"filename": baseline.predictions.name},
    )
    submission = Submission(comp.client, answer).wait(JUDGED_WITHIN_S)
    if submission.state != "SCORED":
        return replace(baseline, state="failed", error=repr(submission), submission=submission.id)
    return replace(baseline, submission=submission.id, score=submission.score)


def _address(comp: CompetitionClient, baseline: Baseline) -> str:
    return f"{comp.path}/questions/{quoted(baseline.question)}/baselines/{quoted(baseline.name)}"
