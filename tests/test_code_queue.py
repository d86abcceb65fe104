"""The queue with lanes: whose turn it is, what waits for what, cancelling, workers that die."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import four
import pytest
from conftest import Clock, Serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import COUNTS, ran, rejected, scored
from test_store import enrol

from kit.competition import Competition
from kit.store import Claim, FoldRun, Received, Store
from kit.submission import Kind, Lane, State, Verdict

FOLD = {"train": 1.0, "valid": 2.0, "public": 3.0, "private": 4.0, "test": 3.5}


def send(store: Store, competition: Competition, who: tuple[int, int], kind: Kind = Kind.CODE) -> int:
    blob = store.blobs.add(b"code")
    question = competition.question[0]
    submission, _ = store.submissions.add(
        competition,
        question,
        Received(blob.sha256, blob.n_bytes, "model.py", kind=kind),
        user_id=who[0],
        team_id=who[1],
        version=store.versions.keep(competition, question),
        now=four.NOON,
    )
    return submission.id


def claim(store: Store, lane: Lane = Lane.CODE) -> Claim:
    claimed = store.queue.claim("w1", now=four.NOON, lease_s=30, lane=lane)
    assert claimed is not None
    return claimed


def place(store: Store, number: int) -> int | None:
    return store.submissions.place_in_queue(number)


@pytest.fixture
def unlimited(tmp_path: Path) -> Competition:
    return four.competition(tmp_path / "four", phase="")


def test_a_team_that_sends_many_makes_the_others_wait_for_one(store: Store, unlimited: Competition) -> None:
    ada, bob, eve = (enrol(store, unlimited, name) for name in ("ada", "bob", "eve"))
    adas = [send(store, unlimited, ada) for _ in range(20)]
    bobs, eves = send(store, unlimited, bob), send(store, unlimited, eve)

    assert [place(store, number) for number in (adas[0], bobs, eves, adas[1], adas[19])] == [1, 2, 3, 4, 22]
    assert [claim(store).submission_id for _ in range(5)] == [adas[0], bobs, eves, adas[1], adas[2]]


def test_a_team_that_comes_late_is_not_ahead_of_all_for_having_waited(
    store: Store, unlimited: Competition
) -> None:
    ada, bob = (enrol(store, unlimited, name) for name in ("ada", "bob"))
    adas = [send(store, unlimited, ada) for _ in range(6)]
    for _ in range(3):
        claim(store)
    bobs = [send(store, unlimited, bob) for _ in range(3)]

    order = [claim(store).submission_id for _ in range(6)]

    assert order == [adas[3], bobs[0], adas[4], bobs[1], adas[5], bobs[2]]


def test_predictions_never_wait_for_code(store: Store, unlimited: Competition) -> None:
    ada = enrol(store, unlimited, "ada")
    codes = [send(store, unlimited, ada) for _ in range(5)]
    quick = send(store, unlimited, ada, Kind.PREDICTIONS)

    assert place(store, quick) == 1
    assert claim(store, Lane.QUICK).submission_id == quick
    assert store.queue.is_empty(Lane.QUICK) and not store.queue.is_empty(Lane.CODE)
    assert place(store, codes[4]) == 5


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    steps=st.lists(st.sampled_from(["ada", "bob", "eve", "judge", "cancel"]), min_size=1, max_size=25),
)
def test_places_are_the_order_in_which_submissions_are_claimed(
    tmp_path: Path, unlimited: Competition, steps: list[str]
) -> None:
    store = Store(tempfile.mkdtemp(dir=tmp_path))
    teams = {who: enrol(store, unlimited, who) for who in ("ada", "bob", "eve")}
    waiting: dict[int, str] = {}
    for step in steps:
        if step in teams:
            waiting[send(store, unlimited, teams[step])] = step
        elif step == "judge" and waiting:
            del waiting[claim(store).submission_id]
        elif step == "cancel" and waiting:
            store.queue.cancel(last := max(waiting), teams[waiting.pop(last)][0], now=four.NOON)

    told = sorted(waiting, key=lambda number: place(store, number) or 0)
    assert [place(store, number) for number in told] == list(range(1, len(waiting) + 1))
    assert [claim(store).submission_id for _ in waiting] == told
    store.close()


def test_what_waits_is_cancelled_at_once_and_refunded(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, olga = service.sign_up("ada"), service.organizer()
    number = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1").json()["id"]

    answer = ada.post(f"/submissions/{number}/cancel").json()

    assert (answer["state"], answer["verdict"]) == ("REJECTED", "cancelled")
    assert [line["delta"] for line in ada.get("/competitions/four/ledger").json()] == [-1, 1]
    assert olga.get("/queue").json()["queued"] == []
    again = ada.post(f"/submissions/{number}/cancel")
    assert again.status_code == 400
    assert "is REJECTED: there is nothing to cancel" in again.json()["error"]["message"]


def test_another_team_cannot_cancel(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    number = ada.submit().json()["id"]

    assert bob.post(f"/submissions/{number}/cancel").status_code == 404
    assert ada.get(f"/submissions/{number}").json()["state"] == "QUEUED"


def test_a_cancelled_submission_is_never_judged_again(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, olga = service.sign_up("ada"), service.organizer()
    ada.submit()
    service.score(1.0)
    number = ada.submit().json()["id"]
    ada.post(f"/submissions/{number}/cancel")

    olga.post(f"{COUNTS}/rejudge", json={})
    service.score(2.0)

    assert ada.get(f"/submissions/{number}").json()["state"] == "REJECTED"
    (rejudge,) = olga.get("/competitions/four/rejudges").json()
    assert (rejudge["state"], rejudge["n"]) == ("done", 1)


def test_cancelling_takes_a_submission_out_of_a_rejudge_that_waits_for_it(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, olga = service.sign_up("ada"), service.organizer()
    ada.submit()
    service.score(1.0)
    olga.post(f"{COUNTS}/rejudge", json={})
    number = ada.submit().json()["id"]

    ada.post(f"/submissions/{number}/cancel")
    service.score(2.0)

    (rejudge,) = olga.get("/competitions/four/rejudges").json()
    assert (rejudge["state"], rejudge["n"]) == ("done", 1)
    assert ada.get(f"/submissions/{number}").json()["verdict"] == "cancelled"


def test_what_runs_and_was_judged_before_its_cancelling_was_heard_of_counts(
    store: Store, unlimited: Competition
) -> None:
    ada = enrol(store, unlimited, "ada")
    number = send(store, unlimited, ada)
    claimed = claim(store)
    store.queue.cancel(number, ada[0], now=four.NOON)

    store.queue.finish(claimed, scored(1.0, 2.0), now=four.NOON)

    assert store.submissions.judgement(number).state is State.SCORED
    assert store.queue.cancelled([number]) == set()


def test_what_was_to_be_cancelled_is_not_run_again_when_its_worker_died(
    store: Store, unlimited: Competition
) -> None:
    ada = enrol(store, unlimited, "ada")
    number = send(store, unlimited, ada)
    claim(store)
    store.queue.cancel(number, ada[0], now=four.NOON)

    store.queue.release_all(now=four.NOON)

    judgement = store.submissions.judgement(number)
    assert (judgement.state, judgement.verdict) == (State.REJECTED, Verdict.CANCELLED)


def test_after_three_deaths_of_its_worker_it_is_our_error_and_refunded(
    store: Store, unlimited: Competition
) -> None:
    ada = enrol(store, unlimited, "ada")
    number = send(store, unlimited, ada)

    for _ in range(3):
        assert store.submissions.judgement(number).state is State.QUEUED
        store.queue.abandon(claim(store), now=four.NOON)

    judgement = store.submissions.judgement(number)
    assert judgement.state is State.ERROR
    assert "died 3 times" in store.incident(judgement.incident or "")["detail"]
    assert [row["delta"] for row in store.submissions.ledger("four", ada[1])] == [-1, 1]


def test_no_run_counts_twice_when_a_submission_is_run_again(store: Store, unlimited: Competition) -> None:
    ada = enrol(store, unlimited, "ada")
    send(store, unlimited, ada)
    first = claim(store)
    store.runs.record(first.judgement_id, "w1", [FoldRun(k, "done") for k in range(3)])
    store.queue.abandon(first, now=four.NOON + timedelta(seconds=1))
    again = claim(store)

    store.runs.record(again.judgement_id, "w1", [FoldRun(0, "done"), FoldRun(1, "running")])
    store.runs.record(again.judgement_id, "w1", [FoldRun(1, "done")])

    folds = store.runs.of([again.judgement_id])[again.judgement_id].folds
    assert [(fold.fold, fold.state) for fold in folds] == [(0, "done"), (1, "done")]
    assert not store.runs.record(again.judgement_id, "another judge", [FoldRun(2, "done")])


def test_organizers_see_kind_lane_place_and_folds(serve: Serve) -> None:
    service = serve(question=four.CODE, phase="")
    ada, bob, olga = service.sign_up("ada"), service.sign_up("bob"), service.organizer()
    for _ in range(3):
        ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1")
    ada.submit()
    bob.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1")
    store = service.store
    claimed = claim(store)
    store.runs.record(
        claimed.judgement_id, "w1", [FoldRun(0, "done"), FoldRun(1, "running"), FoldRun(2, "waiting")]
    )

    queue = olga.get("/queue").json()

    waiting = [(line["lane"], line["place"], line["kind"], line["team"]) for line in queue["queued"]]
    assert waiting == [
        ("code", 1, "code", "bob"), ("code", 2, "code", "ada"), ("code", 3, "code", "ada"),
        ("quick", 1, "predictions", "ada"),
    ]  # fmt: skip
    (running,) = queue["running"]
    assert (running["kind"], running["n_done"], running["n_folds"]) == ("code", 1, 3)


# What is told of folds


CLOSED = four.CLOSES_AT + timedelta(hours=1)


def scores_in(code: dict) -> set[str]:
    """Steps whose scores are told anywhere in a submission's code."""
    told = {step for fold in code["folds"] for step in ("train", "valid", "test", "private") if fold[step]}
    return told | {step for name in ("mean", "std", "bagged") for step in code[name] or {}}


@pytest.mark.parametrize(
    ("leaderboard", "seen"),
    [("public", {"train", "valid", "test"}), ("hidden", set()), ("frozen", set()), ("ladder", set())],
)
def test_scores_of_folds_are_seen_where_the_score_is(
    serve: Serve, clock: Clock, leaderboard: str, seen: set[str]
) -> None:
    service = serve(question=four.CODE, phase=f'leaderboard = "{leaderboard}"')
    ada, olga = service.sign_up("ada"), service.organizer()
    number = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1").json()["id"]
    service.judge(ran(scored(1.0, 2.0), FOLD, traceback="line 3"))

    open_code, organizers = (who.get(f"/submissions/{number}").json()["code"] for who in (ada, olga))
    listed = ada.get("/competitions/four/submissions").json()[0]["code"]
    clock.now = CLOSED
    after = ada.get(f"/submissions/{number}").json()["code"]

    assert scores_in(open_code) == scores_in(listed) == seen
    assert scores_in(organizers) == scores_in(after) == {"train", "valid", "test", "private"}
    assert [fold["fit_s"] for fold in open_code["folds"]] == [1.5] * 3
    assert (open_code["n_done"], open_code["has_traceback"]) == (3, True)
    assert ada.get(f"/submissions/{number}/traceback").text == "line 3\n"


@pytest.mark.parametrize("outcome", [rejected("crashed")], ids=["rejected"])
def test_of_what_is_not_scored_nothing_is_told_of_hidden_labels(serve: Serve, outcome) -> None:
    service = serve(question=four.CODE)
    ada = service.sign_up("ada")
    number = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1").json()["id"]
    service.judge(ran(outcome, FOLD))

    code = ada.get(f"/submissions/{number}").json()["code"]

    assert scores_in(code) == {"train", "valid"}


def test_scores_of_folds_are_rounded_for_participants(serve: Serve) -> None:
    service = serve(question=four.CODE)
    ada, olga = service.sign_up("ada"), service.organizer()
    number = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1").json()["id"]
    service.judge(ran(scored(1.0, 2.0), {"valid": 1.2345678, "public": 1.2345678}))

    seen, exact = (who.get(f"/submissions/{number}").json()["code"]["folds"][0] for who in (ada, olga))

    assert seen["valid"]["mae"] == 1.235
    assert exact["valid"]["mae"] == exact["test"]["mae"] == 1.2345678


def test_participants_see_of_the_test_the_bagged_score_alone_until_the_close(
    serve: Serve, clock: Clock
) -> None:
    service = serve(question=four.CODE)
    ada = service.sign_up("ada")
    number = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"x = 1").json()["id"]
    service.judge(ran(scored(1.0, 2.0), FOLD))

    seen = ada.get(f"/submissions/{number}").json()["code"]
    clock.now = CLOSED
    closed = ada.get(f"/submissions/{number}").json()["code"]

    assert (seen["folds"][0]["test"], seen["folds"][0]["private"]) == (None, None)
    assert set(seen["mean"]) == set(seen["std"]) == {"train", "valid"}
    assert set(seen["bagged"]) == {"train", "valid", "test"}
    assert set(closed["mean"]) == {"train", "valid", "test", "private"}
    assert closed["folds"][0]["private"]["mae"] == 4.0


def test_code_is_its_teams_own_until_a_phase_opens_it(serve: Serve) -> None:
    service = serve(
        question=four.CODE,
        phase='closes_at = 2026-03-03T00:00:00Z\n[[phase]]\nid = "open"\ncode_visible = true',
    )
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    numbers = [
        ada.post(f"{COUNTS}/submissions?filename=m.py", content=text).json()["id"]
        for text in (b"a = 1\n", b"a = 2\n")
    ]
    service.judge(ran(scored(1.0, 2.0), FOLD))
    predictions = ada.submit().json()["id"]
    waiting = ada.post(f"{COUNTS}/submissions?filename=m.py", content=b"a = 3\n").json()["id"]

    before = bob.get(f"/submissions/{numbers[0]}/code").status_code
    service.clock.now = four.NOON + timedelta(days=1)  # type: ignore[attr-defined]
    opened = bob.get(f"/submissions/{numbers[0]}/code")

    assert before == 404
    assert opened.json() == {
        "submission": numbers[0], "team": "ada", "files": [{"name": "m.py", "text": "a = 1\n"}],
    }  # fmt: skip
    assert bob.get(f"/submissions/{predictions}/code").status_code == 404
    assert bob.get(f"/submissions/{waiting}/code").status_code == 404
    assert bob.get(f"/submissions/{numbers[0]}").status_code == 404
    assert bob.get(f"/submissions/{numbers[0]}/traceback").status_code == 404


# Uploads


@pytest.mark.parametrize(
    ("question", "filename", "text"),
    [
        ("", "model.py", "'model.py' is code; question 'counts' takes predictions: a CSV or Parquet file."),
        (four.CODE + 'kinds = ["code"]\n', "p.csv", "is taken for predictions; question 'counts' takes code"),
        (four.CODE, "model.ipynb", "is a notebook; question 'counts' takes predictions"),
        (four.CODE, "model.zip", "is no zip archive"),
    ],
    ids=["code where predictions are wanted", "predictions where code is", "a notebook", "no archive"],
)
def test_what_a_question_does_not_take_is_refused_and_costs_nothing(
    serve: Serve, question: str, filename: str, text: str
) -> None:
    service = serve(question=question)
    ada = service.sign_up("ada")

    answer = ada.post(f"{COUNTS}/submissions", params={"filename": filename}, content=b"x = 1")

    assert answer.status_code == 400
    assert text in answer.json()["error"]["message"]
    assert ada.get("/competitions/four/ledger").json() == []
    assert not list((service.store.directory / "blobs" / "incoming").iterdir())


def test_a_question_tells_what_it_takes_and_how_code_is_run(serve: Serve) -> None:
    service = serve(question=four.CODE)

    (question,) = service.nobody.get("/competitions/four").json()["questions"]

    assert question["kinds"] == ["predictions", "code"]
    code = question["code"]
    assert (code["submission"], code["n_folds"], code["wall_s"]) == ("estimator", 3, 600)
    assert code["splitter"] == {"name": "KFold", "n_splits": 3, "shuffle": True, "random_state": 0}
    assert (code["train"], code["test"], code["hides_inputs"]) == ("train.csv", "test.csv", False)


def test_the_health_and_the_metrics_tell_the_isolation(serve: Serve) -> None:
    service = serve(question=four.CODE)

    health = service.client.get("/healthz").json()
    metrics = service.client.get("/metrics").text

    assert health["isolation"] in ("isolated", "limited", "none")
    assert f'kit_isolation{{level="{health["isolation"]}"}} 1.0' in metrics
    assert 'kit_lane_length{lane="code"} 0.0' in metrics


def test_a_store_from_before_lanes_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "kit.db").write_bytes((Path(__file__).parent / "stores" / "v1.db").read_bytes())

    store = Store(tmp_path)

    assert store.queue.waiting() == {"quick": store.queue.counts()["queued"], "code": 0}
    store.close()
    database = sqlite3.connect(tmp_path / "kit.db")
    assert database.execute("select count(*) from judgement where lane != 'quick'").fetchone() == (0,)
    database.close()
