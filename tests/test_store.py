from __future__ import annotations

import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import four
import pytest
from conftest import Clock

from kit.competition import Competition, question_version
from kit.errors import AlreadyExists, InvalidRequest, NotAllowed, NotFound, OrganizerError
from kit.store import Claim, Received, Store
from kit.submission import Outcome, Score, Split, State, Submission, Verdict


def enrol(store: Store, competition: Competition, name: str) -> tuple[int, int]:
    """User id and team id of a new participant."""
    user = store.accounts.add_user(name, password_hash=None, now=four.NOON)
    team = store.accounts.join(competition.slug, user, now=four.NOON)
    return user["id"], team["id"]


def submit(
    store: Store, competition: Competition, who: tuple[int, int], *, key: str | None = None, now=four.NOON
) -> Submission:
    blob = store.blobs.add(four.PERFECT.encode())
    question = competition.question[0]
    submission, _ = store.submissions.add(
        competition,
        question,
        Received(blob.sha256, blob.n_bytes, "p.csv", idempotency_key=key),
        user_id=who[0],
        team_id=who[1],
        version=question_version(competition, question),
        now=now,
    )
    return submission


def claim(store: Store, worker: str = "w1", now=four.NOON) -> Claim:
    claimed = store.queue.claim(worker, now=now, lease_s=30)
    assert claimed is not None
    return claimed


def scored(public: float, private: float) -> Outcome:
    scores = tuple(
        Score("mae", split, value, value, value, 0.95, 2, 100)
        for split, value in ((Split.PUBLIC, public), (Split.PRIVATE, private))
    )
    return Outcome(State.SCORED, scores)


def test_a_submission_is_queued_and_debited_in_one_go(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")

    submission = submit(store, competition, ada)

    assert store.submissions.judgement(submission.id).state is State.QUEUED
    assert store.submissions.place_in_queue(submission.id) == 1
    assert [(r["delta"], r["reason"]) for r in store.submissions.ledger("four", ada[1])] == [
        (-1, "submitted")
    ]


def test_the_same_idempotency_key_is_the_same_submission(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")

    first, again = (submit(store, competition, ada, key="k1") for _ in range(2))

    assert first.id == again.id
    assert len(store.submissions.list("four")) == 1


def test_a_daily_limit_ends_with_the_day(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    for _ in range(3):
        submit(store, competition, ada)

    with pytest.raises(NotAllowed, match=r"used its 3 submissions of today; .* 2026-03-03 00:00:00 UTC"):
        submit(store, competition, ada)

    assert submit(store, competition, ada, now=four.NOON + timedelta(hours=12)).id == 4


def test_two_at_once_cannot_both_take_the_last_one(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    barrier = threading.Barrier(8)

    def try_to_submit(_: int) -> bool:
        barrier.wait()
        try:
            submit(store, competition, ada)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(try_to_submit, range(8)))

    assert sum(taken) == 3


@pytest.mark.parametrize(
    ("after_close_us", "taken"), [(-1, True), (0, False), (1, False)], ids=["before", "at", "after"]
)
def test_the_closing_time_holds_to_the_microsecond(
    store: Store, competition: Competition, after_close_us: int, taken: bool
) -> None:
    ada = enrol(store, competition, "ada")
    now = four.CLOSES_AT + timedelta(microseconds=after_close_us)

    if taken:
        submit(store, competition, ada, now=now)
    else:
        with pytest.raises(NotAllowed, match="closed at 2026-03-08 18:00:00 UTC"):
            submit(store, competition, ada, now=now)


def test_the_closing_time_holds_for_what_had_to_wait_for_other_writers(
    store: Store, competition: Competition, clock: Clock
) -> None:
    ada = enrol(store, competition, "ada")
    clock.now = competition.closes_at - timedelta(seconds=1)

    with ThreadPoolExecutor(1) as threads:
        with store._c.write():
            waiting = threads.submit(submit, store, competition, ada, now=clock)
            time.sleep(0.2)
            clock.now = competition.closes_at
        error = waiting.exception()

    assert isinstance(error, NotAllowed)
    assert store.submissions.list(competition.slug) == []


def test_a_claim_is_judged_once_and_its_outcome_stands(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))
    claimed = claim(store)

    assert store.queue.claim("w2", now=four.NOON, lease_s=30) is None
    assert store.queue.finish(claimed, scored(1, 2), now=four.NOON)
    assert not store.queue.finish(claimed, scored(9, 9), now=four.NOON)

    judgement = store.submissions.judgement(submission.id)
    assert judgement.state is State.SCORED
    assert {s.split: s.score for s in judgement.scores} == {Split.PUBLIC: 1, Split.PRIVATE: 2}


def test_many_threads_claim_each_judgement_once(store: Store, tmp_path: Path) -> None:
    competition = four.competition(tmp_path / "free", phase="")
    ada = enrol(store, competition, "ada")
    for _ in range(40):
        submit(store, competition, ada)

    def claim_all(worker: int) -> list[int]:
        claimed = []
        while (c := store.queue.claim(f"w{worker}", now=four.NOON, lease_s=30)) is not None:
            claimed.append(c.judgement_id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = [j for js in pool.map(claim_all, range(4)) for j in js]

    assert sorted(claimed) == list(range(1, 41))


def test_a_lease_that_ran_out_goes_back_to_the_queue(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))
    lost = claim(store)
    later = four.NOON + timedelta(seconds=31)

    second = claim(store, "w2", now=later)

    assert second.submission_id == submission.id
    assert not store.queue.renew(lost, now=later, lease_s=30)
    assert not store.queue.finish(lost, scored(1, 1), now=later)
    assert store.queue.finish(second, scored(1, 1), now=later)


def test_a_renewed_lease_holds(store: Store, competition: Competition) -> None:
    submit(store, competition, enrol(store, competition, "ada"))
    claimed = claim(store)

    assert store.queue.renew(claimed, now=four.NOON + timedelta(seconds=29), lease_s=30)

    assert store.queue.claim("w2", now=four.NOON + timedelta(seconds=40), lease_s=30) is None


def test_after_three_deaths_it_is_our_error_and_refunded(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    submission = submit(store, competition, ada)
    for death in range(3):
        claim(store, f"w{death}", now=four.NOON + timedelta(minutes=death))

    assert store.queue.claim("w9", now=four.NOON + timedelta(minutes=9), lease_s=30) is None

    judgement = store.submissions.judgement(submission.id)
    assert judgement.state is State.ERROR
    assert judgement.incident and store.incident(judgement.incident)["submission_id"] == submission.id
    assert sum(r["delta"] for r in store.submissions.ledger("four", ada[1])) == 0


def test_a_released_claim_is_no_attempt(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))

    for _ in range(5):
        store.queue.release(claim(store))

    judgement = store.submissions.judgement(submission.id)
    assert (judgement.state, judgement.attempts) == (State.QUEUED, 0)


def test_a_refund_is_paid_once(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    submit(store, competition, ada)
    store.queue.finish(claim(store), Outcome(State.ERROR, detail="x"), now=four.NOON, refund="ours")
    question = competition.question[0]
    version = question_version(competition, question)

    store.rejudges.start("four", "counts", version, now=four.NOON)
    store.queue.finish(claim(store), Outcome(State.ERROR, detail="x"), now=four.NOON, refund="ours")

    assert [r["delta"] for r in store.submissions.ledger("four", ada[1])] == [-1, 1]


def test_a_rejudgement_counts_and_the_first_one_stays(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))
    store.queue.finish(claim(store), scored(1, 2), now=four.NOON)

    store.rejudges.start("four", "counts", "new", now=four.NOON)
    before = store.entries("four", "counts")[0].scores[Split.PUBLIC]["mae"].score
    store.queue.finish(claim(store), scored(5, 6), now=four.NOON)

    after = store.entries("four", "counts")[0].scores[Split.PUBLIC]["mae"].score
    assert (before, after) == (1, 5)
    assert [j.scores[0].score for j in store.submissions.judgements(submission.id)] == [2, 6]


def test_our_error_never_takes_a_score_away(store: Store, competition: Competition) -> None:
    submit(store, competition, enrol(store, competition, "ada"))
    store.queue.finish(claim(store), scored(1, 2), now=four.NOON)

    store.rejudges.start("four", "counts", "new", now=four.NOON)
    store.queue.finish(claim(store), Outcome(State.ERROR, detail="metric broke"), now=four.NOON)

    assert store.entries("four", "counts")[0].scores[Split.PUBLIC]["mae"].score == 1


def test_a_rejected_submission_is_kept_with_its_reasons(store: Store, competition: Competition) -> None:
    submission = submit(store, competition, enrol(store, competition, "ada"))
    reasons = ("2 ids missing: 1, 2", "1 id repeated: 3")

    outcome = Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, reasons)
    store.queue.finish(claim(store), outcome, now=four.NOON)

    assert store.submissions.judgement(submission.id).reasons == reasons
    assert store.blobs.read(submission.sha256) == four.PERFECT.encode()
    assert store.entries("four", "counts") == []


def test_only_scored_submissions_of_the_own_team_can_be_selected(
    store: Store, competition: Competition
) -> None:
    ada, bob = (enrol(store, competition, name) for name in ("ada", "bob"))
    of_ada = submit(store, competition, ada)
    store.queue.finish(claim(store), scored(1, 1), now=four.NOON)
    waiting = submit(store, competition, ada)
    of_bob = submit(store, competition, bob)
    question = competition.question[0]

    for wrong in (waiting.id, of_bob.id, 99):
        with pytest.raises(InvalidRequest, match=f"Submission {wrong} cannot be selected"):
            store.submissions.select(competition, question, ada[1], [of_ada.id, wrong], four.NOON)
    store.submissions.select(competition, question, ada[1], [of_ada.id], four.NOON)

    assert store.submissions.selected(ada[1], "counts") == (of_ada.id,)
    with pytest.raises(NotAllowed, match="closed"):
        store.submissions.select(competition, question, ada[1], [], four.CLOSES_AT)


def test_selecting_goes_on_in_a_pause_between_phases(store: Store, tmp_path: Path) -> None:
    competition = four.competition(tmp_path / "c", phase="closes_at = 2026-03-02T18:00:00Z")
    ada = enrol(store, competition, "ada")
    submission = submit(store, competition, ada)
    store.queue.finish(claim(store), scored(1, 1), now=four.NOON)
    pause = four.NOON + timedelta(days=1)

    store.submissions.select(competition, competition.question[0], ada[1], [submission.id], pause)

    assert store.submissions.selected(ada[1], "counts") == (submission.id,)


@pytest.mark.parametrize(
    "sql",
    [
        "update submission set note = 'x'",
        "delete from submission",
        "delete from judgement",
        "update judgement set state = 'QUEUED'",
    ],
)
def test_the_file_itself_refuses_to_edit_facts(store: Store, competition: Competition, sql: str) -> None:
    submit(store, competition, enrol(store, competition, "ada"))
    store.queue.finish(claim(store), scored(1, 1), now=four.NOON)
    direct = sqlite3.connect(store.directory / "kit.db")

    with pytest.raises(sqlite3.IntegrityError, match="never"):
        direct.execute(sql)

    direct.close()


def test_other_accounts_cannot_read_the_store(store: Store, competition: Competition) -> None:
    submit(store, competition, enrol(store, competition, "ada"))

    mode = stat.S_IMODE(store.directory.stat().st_mode)

    assert mode == 0o700


def test_names_that_differ_in_case_are_one(store: Store) -> None:
    store.accounts.add_user("Ada", password_hash="h", now=four.NOON)

    with pytest.raises(AlreadyExists, match="'ada' is taken"):
        store.accounts.add_user("ada", password_hash="h", now=four.NOON)

    assert store.accounts.user("ADA")["name"] == "Ada"
    with pytest.raises(NotFound, match="no user 'bob'"):
        store.accounts.user("bob")


def test_a_token_ends_by_time_revocation_or_password(store: Store, clock: Clock) -> None:
    user = store.accounts.add_user("ada", password_hash="h", now=clock())
    tomorrow = clock() + timedelta(days=1)

    def add(name: str) -> int:
        return store.accounts.add_token(
            user["id"], name, label="", scopes=["read"], now=clock(), expires_at=tomorrow
        )

    first, _ = add("t1"), add("t2")
    assert store.accounts.token("t1", now=clock()) is not None
    store.accounts.revoke_token(user["id"], first, now=clock())
    assert store.accounts.token("t1", now=clock()) is None
    assert store.accounts.token("t2", now=tomorrow) is None
    store.accounts.set_password("ada", "h2", now=clock())
    assert store.accounts.token("t2", now=clock()) is None


def test_teams_are_shared_up_to_their_size(store: Store) -> None:
    users = [store.accounts.add_user(n, password_hash=None, now=four.NOON) for n in ("ada", "bob", "eve")]

    teams = [store.accounts.join("four", u, now=four.NOON, team="trio", max_size=2) for u in users[:2]]

    assert teams[0]["id"] == teams[1]["id"]
    assert teams[1]["members"] == ["ada", "bob"]
    with pytest.raises(NotAllowed, match="Team 'trio' has 2 members"):
        store.accounts.join("four", users[2], now=four.NOON, team="trio", max_size=2)


def test_each_change_is_told_by_topic(store: Store, competition: Competition) -> None:
    ada = enrol(store, competition, "ada")
    version = question_version(competition, competition.question[0])
    store.versions.open("four", "counts", version, now=four.NOON)
    seen, _ = store.changed_since(0)

    submit(store, competition, ada)
    after_submit, topics = store.changed_since(seen)
    store.queue.finish(claim(store), scored(1, 1), now=four.NOON)
    _, topics_of_judging = store.changed_since(after_submit)

    assert set(topics) == {f"team/{ada[1]}", "submissions/four", "queue"}
    assert "board/four/counts" in topics_of_judging


def test_an_older_store_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    old = (Path(__file__).parent / "stores" / "v1.db").read_bytes()
    (tmp_path / "store" / "kit.db").write_bytes(old)

    store = Store(tmp_path / "store")

    assert [s.team for s in store.submissions.list("four")] == ["bob", "ada"]
    assert len(store.entries("four", "counts")) == 1
    store.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kit.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    with pytest.raises(OrganizerError, match="cannot be opened as a store"):
        Store(tmp_path)


def test_an_upload_that_never_ended_leaves_nothing(store: Store) -> None:
    writer = store.blobs.writer()
    writer.write(b"half a fi")
    writer.discard()
    lost = store.blobs.writer()
    lost.write(b"killed")

    store.blobs.clear_incoming()

    assert [p for p in store.blobs.directory.rglob("*") if p.is_file()] == []
    lost.discard()
