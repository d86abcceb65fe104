"""Contributivity of what a store holds: predictions and code, judged by real workers' code, blended here."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import four
import numpy as np
import pytest
from test_store import enrol

from kit.blender import BUSY_FACTOR, FACTOR, LONGEST_S, Blender, _Watched
from kit.blending import _KEPT, BlendJob, blend
from kit.competition import Competition
from kit.judge import Job, Judge, evaluate
from kit.store import Blended, Received, Store
from kit.submission import CodeResult, Kind, Outcome


@pytest.fixture(autouse=True)
def _cold() -> None:
    _KEPT.clear()


@dataclass
class Here:
    """An executor that judges in this process; code as if a sandbox had left these predictions."""

    n_workers: int = 1

    def submit(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        outcome = evaluate(replace(job, kind=Kind.PREDICTIONS))
        if job.kind is Kind.CODE:
            outcome = replace(outcome, code=CodeResult("{}", files={"valid": job.scratch / "valid.npz"}))
            arrays = np.load(job.file.with_suffix(".npz"))
            np.savez(job.scratch / "valid.npz", **arrays)
        future.set_result(outcome)
        return future

    def cancel(self, future: Future[Outcome]) -> None:
        return None

    def close(self) -> None:
        return None


def upload(store: Store, competition: Competition, name: str, counts: list[float], **code: list) -> int:
    """Submit counts, and have them judged; for code, with what its folds predicted."""
    question = competition.question[0]
    user_id, team_id = enrol(store, competition, name)
    rows = [f"{i},{count}" for i, count in enumerate(counts, 1)]
    blob = store.blobs.add("\n".join(["id,count", *rows]).encode())
    if code:
        np.savez(
            store.blobs.path(blob.sha256).with_suffix(".npz"), **{k: np.array(v) for k, v in code.items()}
        )
    kind = Kind.CODE if code else Kind.PREDICTIONS
    submission, _ = store.submissions.add(
        competition,
        question,
        Received(blob.sha256, blob.n_bytes, "p.csv", kind=kind),
        user_id=user_id,
        team_id=team_id,
        version=store.versions.keep(competition, question),
        now=four.NOON,
    )
    judge = Judge(store, [competition], Here(), code_executor=Here())
    while judge.step():
        pass
    assert store.submissions.judgement(submission.id).state == "SCORED"
    return submission.id


def blended(store: Store, competition: Competition) -> Blended:
    store.versions.keep_settings(competition)
    blender = Blender(store, ["four"], quiet_s=0.0)
    blender.step()
    found = store.blends.of("four", "counts")
    assert found is not None
    return found


def test_predictions_are_blended_on_the_public_split(store: Store, competition: Competition) -> None:
    low = upload(store, competition, "ada", [8, 20, 30, 30])
    high = upload(store, competition, "bob", [12, 20, 30, 60])
    upload(store, competition, "eve", [90, 90, 30, 40])

    found = blended(store, competition)

    assert {number: share.exact for number, share in found.shares.items()} == {low: 50, high: 50, 3: 0}
    assert found.scores["combined"] == {"public": 0.0, "private": 2.5}
    assert found.scores["foldwise_best"] == {"public": 1.0, "private": 5.0}
    assert (found.n_folds, found.n_left_out, found.why) == (1, 0, "")


def test_nothing_is_blended_twice_and_what_is_new_is_added(store: Store, competition: Competition) -> None:
    upload(store, competition, "ada", [8, 20, 30, 30])
    jobs: list[BlendJob] = []

    def count(job: BlendJob) -> Blended:
        jobs.append(job)
        return blend(job)

    store.versions.keep_settings(competition)
    blender = Blender(store, ["four"], count, quiet_s=0.0)
    blender.step()
    (kept,) = _KEPT.values()
    first = kept.blends
    for watched in blender._watched.values():
        watched.rests_until = 0.0
    n_again = blender.step()
    upload(store, competition, "bob", [12, 20, 30, 60])
    for watched in blender._watched.values():
        watched.rests_until = 0.0
    n_more = blender.step()

    assert (n_again, n_more, len(jobs)) == (0, 1, 2)
    assert kept.blends is first and len(first[0]) == 2


def test_a_leaderboard_that_is_never_still_is_blended_in_a_small_share_of_the_time() -> None:
    watched = _Watched(since=0.0, rests_until=FACTOR * 2.0, rests_busy_until=BUSY_FACTOR * 2.0)

    due = {
        now: (watched.is_due(now, quiet_s=1.0), watched.is_due(now, quiet_s=2.0 * now))
        for now in (0.9 * LONGEST_S, 1.1 * LONGEST_S, 2.2 * BUSY_FACTOR)
    }

    assert [still for still, _ in due.values()] == [True, True, True]
    assert [busy for _, busy in due.values()] == [False, False, True]


def test_code_is_blended_on_its_folds(store: Store, tmp_path: Path) -> None:
    # Of three rows (15, 25, 35) each fold holds out one.
    competition = four.competition(tmp_path / "four", question=four.CODE)
    problem = _folds(competition)
    held_out = {f"valid_{k}": [[[15, 25, 35][i] + 2] for i in rows] for k, rows in enumerate(problem)}
    over = upload(store, competition, "ada", [10, 20, 30, 40], **held_out, **_tests([[10], [20], [30], [40]]))
    held_out = {f"valid_{k}": [[[15, 25, 35][i] - 2] for i in rows] for k, rows in enumerate(problem)}
    under = upload(
        store, competition, "bob", [10, 20, 30, 40], **held_out, **_tests([[12], [22], [32], [42]])
    )
    upload(store, competition, "eve", [10, 20, 30, 40])

    found = blended(store, competition)

    assert {number: share.exact for number, share in found.shares.items()} == {over: 50, under: 50}
    assert found.scores["combined"] == {"valid": 0.0, "public": 1.0, "private": 1.0}
    assert found.scores["foldwise_best"] == {"valid": 2.0, "public": 0.0, "private": 0.0}
    assert found.n_folds == 3


def _tests(values: list[list[float]]) -> dict[str, list[list[float]]]:
    return {f"test_{k}": values for k in range(3)}


def _folds(competition: Competition) -> list[list[int]]:
    from kit.runner.problem import load_problem
    from kit.truth import read_truth

    question = competition.question[0]
    problem = load_problem(competition, question, read_truth(competition, question))
    return [rows.tolist() for rows in problem.held_out]  # type: ignore[attr-defined]


def test_a_metric_of_the_organizers_is_not_blended(store: Store, tmp_path: Path) -> None:
    four.write(tmp_path / "four", question="greater_is_better = false\n")
    toml = tmp_path / "four/competition.toml"
    toml.write_text(toml.read_text().replace('metric = "mae"', 'metric = "m.py:mae"'))
    (tmp_path / "four/m.py").write_text(
        "def mae(t, p):\n    return float(abs(t['count'] - p['count']).mean())\n"
    )
    competition = four.load_competition(tmp_path / "four")
    upload(store, competition, "ada", [8, 20, 30, 30])

    found = blended(store, competition)

    assert (found.shares, found.why) == ({}, "Its metric is the organizers' own function.")


def test_credits_add_up_and_the_last_of_a_pair_counts(store: Store, competition: Competition) -> None:
    first, second, third = (
        upload(store, competition, name, [8, 20, 30, 30]) for name in ("ada", "bob", "eve")
    )
    user = 1

    store.blends.add_credits(third, {first: 0.25, second: 0.5}, user_id=user, now=four.NOON)
    store.blends.add_credits(third, {second: 0.75}, user_id=user, now=four.NOON)

    assert [(g.submission, g.source, g.share) for g in store.blends.credits("four", "counts")] == [
        (third, second, 0.75)
    ]
