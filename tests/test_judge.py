from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import four
import pytest
from test_store import claim, enrol
from waiting import until

from kit.competition import Competition, question_version
from kit.judge import Job, Judge, evaluate
from kit.store import Received, Store
from kit.submission import Judgement, Split, State, Verdict
from kit.workers import LocalPool

CUSTOM = """\
import os, time

def odd(truth, predictions):
    first = predictions["count"].iloc[0]
    if first == 11:
        time.sleep(600)
    if first == 12:
        hold = bytearray(3_000_000_000)
        hold[::4096] = b"x" * len(hold[::4096])
    if first == 13:
        os.abort()
    if first == 14:
        return float("nan")
    if first == 15:
        raise KeyError("secret")
    return float(abs(truth["count"] - predictions["count"]).mean())
"""


def odd_competition(directory: Path, *, wall_s: float = 600) -> Competition:
    four.write(
        directory,
        top=f"[limits]\njudge_wall_s = {wall_s}\njudge_memory_mb = 500\n",
        question="greater_is_better = false\n",
        phase="",
    )
    (directory / "metrics.py").write_text(CUSTOM)
    toml = directory / "competition.toml"
    toml.write_text(toml.read_text().replace('metric = "mae"', 'metric = "metrics.py:odd"'))
    return four.load_competition(directory)


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    pool = LocalPool(1)
    yield pool
    pool.close()


def judge_one(store: Store, competition: Competition, pool: LocalPool, content: str) -> Judgement:
    """Submit a file and have it judged."""
    question = competition.question[0]
    name = f"team-{len(store.submissions.list(competition.slug))}"
    user_id, team_id = enrol(store, competition, name)
    blob = store.blobs.add(content.encode())
    submission, _ = store.submissions.add(
        competition,
        question,
        Received(blob.sha256, blob.n_bytes, "p.csv"),
        user_id=user_id,
        team_id=team_id,
        version=store.versions.keep(competition, question),
        now=four.NOON,
    )
    judge = Judge(store, [competition], pool)

    def is_judged() -> bool:
        judge.step()
        return store.submissions.judgement(submission.id).state.is_final

    until(is_judged, within_s=120)
    return store.submissions.judgement(submission.id)


def first(value: int) -> str:
    return f"id,count\n1,{value}\n2,20\n3,30\n4,40\n"


def test_predictions_are_scored_on_both_splits(
    store: Store, competition: Competition, pool: LocalPool
) -> None:
    judgement = judge_one(store, competition, pool, "id,count\n4,42\n3,30\n2,21\n1,10\n")

    found = {(s.metric, s.split): s.score for s in judgement.scores}
    assert judgement.state is State.SCORED
    assert found[("mae", Split.PUBLIC)] == 0.5
    assert found[("mae", Split.PRIVATE)] == 1.0
    assert found[("rmse", Split.PRIVATE)] == pytest.approx(2**0.5)


def test_a_judgement_keeps_what_comparing_takes(
    store: Store, competition: Competition, pool: LocalPool
) -> None:
    judgement = judge_one(store, competition, pool, "id,count\n4,42\n3,30\n2,21\n1,10\n")

    database = sqlite3.connect(store.directory / "kit.db")
    sizes = database.execute(
        "select split, length(influences), length(resampled) from evidence where judgement_id = ? order by 1",
        [judgement.id],
    ).fetchall()
    database.close()
    assert sizes == [("private", 4 * 2, 4 * 1000), ("public", 4 * 2, 4 * 1000)]


def test_invalid_predictions_are_rejected_with_every_problem(
    store: Store, competition: Competition, pool: LocalPool
) -> None:
    judgement = judge_one(store, competition, pool, "id,count\n1,10\n1,11\n7,20\n4,x\n")

    assert (judgement.state, judgement.verdict) == (State.REJECTED, Verdict.INVALID_PREDICTIONS)
    text = " | ".join(judgement.reasons)
    assert all(word in text for word in ("2, 3", "7", "'x'"))


@pytest.mark.parametrize(
    ("value", "wall_s", "verdict"),
    [(11, 1, Verdict.TIME_LIMIT), (12, 600, Verdict.MEMORY_LIMIT), (13, 600, Verdict.CRASHED)],
    ids=["sleeps", "allocates", "aborts"],
)
def test_a_judgement_that_runs_wild_ends_alone(
    store: Store, tmp_path: Path, pool: LocalPool, value: int, wall_s: float, verdict: Verdict
) -> None:
    odd, patient = odd_competition(tmp_path / "odd", wall_s=wall_s), odd_competition(tmp_path / "patient")

    wild = judge_one(store, odd, pool, first(value))
    after = judge_one(store, patient, pool, first(10))

    assert (wild.state, wild.verdict) == (State.REJECTED, verdict)
    assert after.state is State.SCORED


@pytest.mark.parametrize(
    ("value", "detail"),
    [(14, "gives nan on the public split"), (15, "raised KeyError: 'secret'")],
    ids=["nan", "raises"],
)
def test_a_metric_that_fails_is_our_error_and_its_text_stays_with_us(
    store: Store, tmp_path: Path, pool: LocalPool, value: int, detail: str
) -> None:
    competition = odd_competition(tmp_path / "odd")

    judgement = judge_one(store, competition, pool, first(value))

    assert judgement.state is State.ERROR
    assert judgement.reasons == ()
    assert judgement.incident and detail in store.incident(judgement.incident)["detail"]
    assert [r["delta"] for r in store.submissions.ledger("four", 1)] == [-1, 1]


@pytest.mark.parametrize(("counts", "sum_of_deltas"), [(False, 0), (True, -1)])
def test_a_rejected_submission_counts_only_where_the_phase_says_so(
    store: Store, tmp_path: Path, pool: LocalPool, counts: bool, sum_of_deltas: int
) -> None:
    competition = four.competition(tmp_path / "c", phase=f"rejected_count = {str(counts).lower()}")

    judge_one(store, competition, pool, "nothing\n")

    assert sum(r["delta"] for r in store.submissions.ledger("four", 1)) == sum_of_deltas


def test_a_copy_of_a_version_that_was_tampered_with_is_noticed(competition: Competition) -> None:
    question = competition.question[0]
    version = question_version(competition, question)
    (competition.directory / question.truth).write_text(four.TRUTH.replace("10", "11"))
    file = competition.directory / "p.csv"
    file.write_text(four.PERFECT)

    outcome = evaluate(Job(competition.directory, "counts", version, file, 10, 100))

    assert outcome.state is State.ERROR
    assert "was changed" in outcome.detail


def test_a_judge_that_stops_gives_its_claims_back(store: Store, tmp_path: Path) -> None:
    competition = odd_competition(tmp_path / "odd")
    user_id, team_id = enrol(store, competition, "ada")
    blob = store.blobs.add(first(11).encode())
    question = competition.question[0]
    version = store.versions.keep(competition, question)
    received = Received(blob.sha256, blob.n_bytes, "p.csv")
    store.submissions.add(
        competition, question, received, user_id=user_id, team_id=team_id, version=version, now=four.NOON
    )
    stop, judge = threading.Event(), Judge(store, [competition], LocalPool(1))
    thread = threading.Thread(target=judge.run, args=[stop])

    thread.start()
    try:
        until(lambda: store.submissions.judgement(1).state is State.RUNNING)
    finally:
        stop.set()
        thread.join()

    judgement = store.submissions.judgement(1)
    assert (judgement.state, judgement.attempts) == (State.QUEUED, 0)


def test_a_judge_that_starts_takes_up_what_a_dead_one_left(
    store: Store, competition: Competition, pool: LocalPool
) -> None:
    user_id, team_id = enrol(store, competition, "ada")
    blob = store.blobs.add(four.PERFECT.encode())
    question = competition.question[0]
    version = store.versions.keep(competition, question)
    received = Received(blob.sha256, blob.n_bytes, "p.csv")
    submission, _ = store.submissions.add(
        competition, question, received, user_id=user_id, team_id=team_id, version=version, now=four.NOON
    )
    claim(store, "dead", now=datetime.now(UTC))

    store.queue.release_all(now=datetime.now(UTC))

    assert store.submissions.judgement(submission.id).state is State.QUEUED
