from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import four
import pytest
from test_store import claim, enrol, scored
from waiting import until

from kit._store.backup import restore_backup, write_backup
from kit.competition import Competition, load_competition, question_version
from kit.errors import InvalidRequest
from kit.judge import Judge
from kit.store import Received, Rejudge, Store
from kit.submission import Outcome, Split, State, Verdict
from kit.workers import LocalPool

METRIC = """\
import helper

def off(truth, predictions):
    return helper.distance(truth["count"], predictions["count"])
"""
HELPER = "def distance(a, b):\n    return float(abs(a - b).mean())\n"


def own_metric(directory: Path) -> Competition:
    """The competition with a metric of its own, which imports a module beside it."""
    four.write(directory, question="greater_is_better = false\n", phase="")
    (directory / "metrics").mkdir(exist_ok=True)
    (directory / "metrics/own.py").write_text(METRIC)
    (directory / "metrics/helper.py").write_text(HELPER)
    toml = directory / "competition.toml"
    toml.write_text(toml.read_text().replace('metric = "mae"', 'metric = "metrics/own.py:off"'))
    return load_competition(directory)


def submit(store: Store, competition: Competition, name: str, content: str = four.PERFECT) -> int:
    """A new participant's submission."""
    user_id, team_id = enrol(store, competition, name)
    blob = store.blobs.add(content.encode())
    submission, _ = store.submissions.add(
        competition,
        competition.question[0],
        Received(blob.sha256, blob.n_bytes, "p.csv"),
        user_id=user_id,
        team_id=team_id,
        version=store.versions.keep(competition, competition.question[0]),
        now=four.NOON,
    )
    return submission.id


def finish(store: Store, outcome: Outcome, n: int = 1, now: datetime = four.NOON) -> None:
    for _ in range(n):
        store.queue.finish(claim(store, now=now), outcome, now=now, refund=_refund(outcome))


def _refund(outcome: Outcome) -> str | None:
    return "rejected" if outcome.state is State.REJECTED else None


def public(store: Store) -> dict[str, float]:
    """Score by team, as the leaderboard shows them."""
    entries = store.entries("four", "counts")
    return {e.team: next(iter(e.scores[Split.PUBLIC].values())).score for e in entries}


def start(store: Store, version: str = "new", **given: object) -> Rejudge:
    return store.rejudges.start("four", "counts", version, now=four.NOON, **given)  # type: ignore[arg-type]


@pytest.fixture
def two(store: Store, competition: Competition) -> Store:
    """Submissions of ada and bob, both scored."""
    for name, score in (("ada", 1.0), ("bob", 2.0)):
        submit(store, competition, name)
        finish(store, scored(score, score))
    return store


# All at once


def test_all_of_a_rejudge_counts_at_once_and_its_version_comes_into_force(two: Store) -> None:
    before = two.versions.in_force("four", "counts")

    start(two)
    finish(two, scored(5, 5))
    half = public(two), two.versions.in_force("four", "counts")
    finish(two, scored(6, 6))

    assert half == ({"ada": 1, "bob": 2}, before)
    assert public(two) == {"ada": 5, "bob": 6}
    assert two.versions.in_force("four", "counts") == "new"
    assert two.rejudges.get(1).state == "done"


def test_new_submissions_go_first_and_are_judged_under_both_versions(
    two: Store, competition: Competition
) -> None:
    start(two)
    eve = submit(two, competition, "eve")

    first = claim(two)
    two.queue.finish(first, scored(3, 3), now=four.NOON)
    meanwhile = public(two)
    finish(two, scored(7, 7), 3)

    assert first.submission_id == eve
    assert meanwhile == {"ada": 1, "bob": 2, "eve": 3}
    assert public(two) == {"ada": 7, "bob": 7, "eve": 7}
    assert [j.version == "new" for j in two.submissions.judgements(eve)] == [False, True]


def test_what_is_judged_late_under_the_old_version_no_longer_counts(
    two: Store, competition: Competition
) -> None:
    start(two)
    submit(two, competition, "eve")
    slow = claim(two)
    finish(two, scored(7, 7), 3)

    two.queue.finish(slow, scored(3, 3), now=four.NOON)

    assert public(two)["eve"] == 7


def test_a_dry_run_counts_nothing_and_becomes_the_rejudge_without_judging_again(
    two: Store, competition: Competition
) -> None:
    start(two, is_dry_run=True)
    finish(two, scored(5, 5), 2)
    dry = two.rejudges.get(1)
    submit(two, competition, "eve")
    finish(two, scored(3, 3))
    before = public(two)

    again = start(two, reason="row 17 had a wrong label")
    finish(two, scored(6, 6))

    assert (dry.state, before) == ("ready", {"ada": 1, "bob": 2, "eve": 3})
    assert (again.id, again.n, again.n_done) == (1, 3, 2)
    assert public(two) == {"ada": 5, "bob": 5, "eve": 6}
    assert two.rejudges.get(1).reason == "row 17 had a wrong label"


def test_an_error_of_ours_holds_the_rejudge_until_it_is_mended(two: Store) -> None:
    start(two)
    finish(two, scored(5, 5))
    finish(two, Outcome(State.ERROR, detail="the metric broke"))
    held = two.rejudges.get(1), public(two)

    again = start(two)
    finish(two, scored(6, 6))

    assert (held[0].state, held[0].n_errors, held[1]) == ("blocked", 1, {"ada": 1, "bob": 2})
    assert (again.id, again.n_done) == (1, 1)
    assert public(two) == {"ada": 5, "bob": 6}


def test_what_was_an_error_before_may_stay_one(store: Store, competition: Competition) -> None:
    submit(store, competition, "ada")
    finish(store, Outcome(State.ERROR, detail="x"))

    start(store)
    finish(store, Outcome(State.ERROR, detail="x"))

    assert store.rejudges.get(1).state == "done"
    assert store.submissions.judgement(1).state is State.ERROR


def test_a_rejection_by_a_rejudge_gives_the_try_back_when_it_counts(two: Store) -> None:
    rejected = Outcome(State.REJECTED, (), Verdict.INVALID_PREDICTIONS, ("2 ids missing",))
    start(two)
    finish(two, rejected)
    before = sum(row["delta"] for row in two.submissions.ledger("four", 1))

    finish(two, scored(6, 6))

    assert (before, sum(row["delta"] for row in two.submissions.ledger("four", 1))) == (-1, 0)
    assert public(two) == {"bob": 6}


# Some of them


def test_some_are_judged_again_under_the_version_in_force(two: Store) -> None:
    version = two.versions.in_force("four", "counts")
    assert version is not None

    start(two, version, submissions=[2])
    finish(two, scored(9, 9))

    assert public(two) == {"ada": 1, "bob": 9}
    assert two.versions.in_force("four", "counts") == version


def test_some_that_were_overtaken_by_all_do_not_count(two: Store) -> None:
    version = two.versions.in_force("four", "counts")
    assert version is not None
    start(two, version, submissions=[2])
    slow = claim(two)

    start(two)
    finish(two, scored(5, 5), 2)
    two.queue.finish(slow, scored(9, 9), now=four.NOON)

    assert two.rejudges.get(1).state == "overtaken"
    assert public(two) == {"ada": 5, "bob": 5}


def test_another_questions_submission_is_refused_and_nothing_is_queued(two: Store) -> None:
    with pytest.raises(InvalidRequest, match="Submission 99 is none of question 'counts'"):
        start(two, submissions=[1, 99])

    assert two.queue.counts()["queued"] == 0


# Interrupted


def test_a_stopped_rejudge_leaves_the_queue_and_goes_on_where_it_was(two: Store) -> None:
    start(two)
    finish(two, scored(5, 5))

    stopped = two.rejudges.stop(1)
    waiting = two.queue.counts()["queued"]
    again = start(two)
    finish(two, scored(6, 6))

    assert (stopped.state, waiting) == ("stopped", 0)
    assert (again.id, again.n_done, again.n) == (1, 1, 2)
    assert public(two) == {"ada": 5, "bob": 6}
    with pytest.raises(InvalidRequest, match="done already"):
        two.rejudges.stop(1)


def test_a_newer_version_takes_the_place_of_a_rejudge_under_way(two: Store) -> None:
    start(two, "new")

    start(two, "newer")
    finish(two, scored(7, 7), 2)

    assert [r.state for r in two.rejudges.list("four")] == ["done", "stopped"]
    assert two.versions.in_force("four", "counts") == "newer"


def test_a_worker_that_died_costs_a_rejudge_nothing(two: Store) -> None:
    start(two)
    claim(two, "dead")

    two.queue.release_all(now=four.NOON)
    finish(two, scored(5, 5), 2)

    assert two.rejudges.get(1).state == "done"


def test_judgements_and_what_counted_cannot_be_deleted_but_plans_can(two: Store) -> None:
    start(two)
    claim(two)
    direct = sqlite3.connect(two.directory / "kit.db")

    for sql in ("delete from judgement where state != 'QUEUED'", "delete from counted"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            direct.execute(sql)
    n = direct.execute("delete from judgement where state = 'QUEUED'").rowcount

    direct.close()
    assert n == 1


# History


def test_the_leaderboard_of_any_moment_or_version_can_be_had(two: Store) -> None:
    first = two.versions.in_force("four", "counts")
    assert first is not None
    later = four.NOON + timedelta(hours=1)
    two.rejudges.start("four", "counts", "new", now=later)
    finish(two, scored(5, 5), 2, later)

    def scores(entries: object) -> list[float]:
        return [e.scores[Split.PUBLIC]["mae"].score for e in entries]  # type: ignore[attr-defined]

    assert scores(two.history.at("four", "counts", later - timedelta(seconds=1))) == [1, 2]
    assert scores(two.history.at("four", "counts", later)) == [5, 5]
    assert scores(two.history.of_version("four", "counts", first)) == [1, 2]
    assert scores(two.history.of_version("four", "counts", "new")) == [5, 5]
    assert scores(two.history.before(1)) == [1, 2]
    assert scores(two.history.after(1)) == [5, 5]
    assert [v.number for v in two.versions.list("four", "counts")] == [1, 2]


# Files


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalPool]:
    pool = LocalPool(1)
    yield pool
    pool.close()


def judge_all(store: Store, competition: Competition, pool: LocalPool) -> None:
    judge = Judge(store, [competition], pool)

    def is_idle() -> bool:
        judge.step()
        return not any(store.queue.counts().values())

    until(is_idle, within_s=120)


def test_judging_goes_on_under_the_copy_while_files_are_edited_to_pieces(
    store: Store, competition: Competition, pool: LocalPool
) -> None:
    submit(store, competition, "ada", four.OFF_BY_ONE)
    (competition.directory / "private/truth.csv").write_text("id,cou")
    (competition.directory / "competition.toml").write_text("[[[")

    judge_all(store, competition, pool)

    assert public(store) == {"ada": 1.0}


def test_a_changed_module_of_an_own_metric_is_a_version_of_its_own(
    store: Store, tmp_path: Path, pool: LocalPool
) -> None:
    competition = own_metric(tmp_path / "own")
    submit(store, competition, "ada", four.OFF_BY_TWO)
    judge_all(store, competition, pool)
    first = public(store)
    (tmp_path / "own/metrics/helper.py").write_text(HELPER.replace("mean()", "sum() * 10"))

    version = store.versions.keep(competition, competition.question[0])
    start(store, version)
    judge_all(store, competition, pool)

    assert (first, public(store)) == ({"ada": 2.0}, {"ada": 40.0})
    assert store.versions.in_force("four", "counts") == version


def test_a_version_changes_with_what_judging_depends_on_and_nothing_else(tmp_path: Path) -> None:
    own = own_metric(tmp_path / "own")
    question = own.question[0]
    versions = [question_version(own, question)]
    for file, text in (("metrics/other.py", "x = 1"), ("data/train.csv", "id\n1\n")):
        (tmp_path / "own" / file).write_text(text)
        versions.append(question_version(own, question))
    (tmp_path / "own/metrics/helper.py").write_text(HELPER + "\n")
    changed = question_version(own, question)
    limited = four.competition(tmp_path / "limited", top="[limits]\njudge_wall_s = 3")
    free = four.competition(tmp_path / "free", top="[limits]\nselected = 1")
    plain = four.competition(tmp_path / "plain")

    assert len(set(versions)) == 1 and changed not in versions
    assert question_version(limited, limited.question[0]) != question_version(plain, plain.question[0])
    assert question_version(free, free.question[0]) == question_version(plain, plain.question[0])


def test_a_metric_still_finds_the_other_files_beside_it(
    store: Store, tmp_path: Path, pool: LocalPool
) -> None:
    competition = own_metric(tmp_path / "own")
    (tmp_path / "own/metrics/factor.txt").write_text("3")
    (tmp_path / "own/metrics/helper.py").write_text(
        "from pathlib import Path\n\nFACTOR = float((Path(__file__).parent / 'factor.txt').read_text())\n\n\n"
        "def distance(a, b):\n    return FACTOR * float(abs(a - b).mean())\n"
    )

    submit(store, competition, "ada", four.OFF_BY_ONE)
    judge_all(store, competition, pool)

    assert public(store) == {"ada": 3.0}


def test_a_restored_backup_judges_by_the_version_in_force(
    store: Store, tmp_path: Path, pool: LocalPool
) -> None:
    competition = own_metric(tmp_path / "own")
    submit(store, competition, "ada", four.OFF_BY_TWO)
    write_backup(store, tmp_path / "backup.tar")

    restore_backup(tmp_path / "backup.tar", tmp_path / "restored")
    restored = Store(tmp_path / "restored")
    judge_all(restored, competition, pool)

    assert public(restored) == {"ada": 2.0}
    restored.close()


def test_a_store_from_before_goes_on_where_it_was(tmp_path: Path, pool: LocalPool) -> None:
    (tmp_path / "store").mkdir()
    old = (Path(__file__).parent / "stores" / "v1.db").read_bytes()
    (tmp_path / "store" / "kit.db").write_bytes(old)
    store = Store(tmp_path / "store")
    n, before = len(store.submissions.list("four")), public(store)
    assert store.versions.in_force("four", "counts") is not None

    rejudge = start(store)
    finish(store, scored(5, 5), store.queue.counts()["queued"], datetime.now(UTC))

    assert (rejudge.n, len(before)) == (n, 1)
    assert set(public(store).values()) == {5}
    store.close()


def test_very_many_are_queued_in_pieces_between_which_others_write(
    two: Store, competition: Competition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit._store.rejudges.CHUNK", 1)

    rejudge = start(two)
    submit(two, competition, "eve")
    finish(two, scored(3, 3))
    finish(two, scored(5, 5), n=3)

    assert (rejudge.state, rejudge.n) == ("running", 2)
    assert two.rejudges.get(1).state == "done"
    assert public(two) == {"ada": 5, "bob": 5, "eve": 5}


def test_a_piece_that_was_never_queued_keeps_a_rejudge_running_until_it_is_started_again(
    two: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit._store.rejudges.CHUNK", 1)
    two._c.db.conn.execute(
        "create temp trigger power_cut before insert on judgement when new.submission_id = 2 "
        "begin select raise(abort, 'power cut'); end"
    )
    with pytest.raises(sqlite3.IntegrityError, match="power cut"):
        start(two)
    two._c.db.conn.execute("drop trigger power_cut")

    finish(two, scored(5, 5))
    before = two.rejudges.get(1).state, public(two)
    start(two)
    finish(two, scored(6, 6))

    assert before == ("running", {"ada": 1, "bob": 2})
    assert public(two) == {"ada": 5, "bob": 6}
