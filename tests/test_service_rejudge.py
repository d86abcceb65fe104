"""Rejudging over HTTP: what organizers ask for and see, and what participants are told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import four
import pytest
from conftest import Clock, Serve
from served import COUNTS, Person, Served, scored
from waiting import until

from kit.judge import Judge
from kit.submission import Outcome, State
from kit.workers import LocalPool

FOUR = "/competitions/four"


@pytest.fixture
def arena(service: Served) -> Served:
    """Ada is ahead of bob, and olga organizes."""
    for name, score in (("ada", 1.0), ("bob", 2.0)):
        service.people[name] = service.sign_up(name)
        service.people[name].submit()
        service.score(score, score)
    service.people["olga"] = service.organizer()
    return service


def truth(service: Served) -> Path:
    return service.competitions[0].directory / "private/truth.csv"


def rejudge(person: Person, **asked: Any) -> Any:
    answer = person.post(f"{COUNTS}/rejudge", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def decide(service: Served, *scores: float) -> None:
    """Judge what waits, one after another, each with its own score."""
    for score in scores:
        claim = service.store.queue.claim("w", now=service.clock(), lease_s=30)
        assert claim is not None
        service.store.queue.finish(claim, scored(score, score), now=service.clock())


def ranking(person: Person, **params: Any) -> list[tuple[str, float]]:
    board = person.get(f"{COUNTS}/leaderboard", params=params).json()
    return [(row["team"], row["score"]) for row in board["rows"]]


# Versions


def test_changed_files_are_told_of_and_do_nothing_until_a_rejudge(arena: Served) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))

    stale = arena.nobody.client.get("/healthz").json()["stale"]
    (status,) = olga.get(f"{FOUR}/versions").json()
    before = ranking(ada)
    ada.submit()
    arena.score(0.5, 0.5)

    told = "2 judgements were made under version 1; the files are version 2: run kit rejudge"
    assert stale == [f"four/counts: {told}"]
    assert (status["in_force"], status["files"], status["n_stale"]) == (1, 2, 2)
    assert before == [("ada", 1.0), ("bob", 2.0)] and ranking(ada)[0] == ("ada", 0.5)
    rejudge(olga)
    arena.score(3.0, 3.0)
    assert arena.nobody.client.get("/healthz").json()["stale"] == []
    assert olga.get(FOUR).json()["questions"][0]["version"] == 2


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("private/truth.csv", "id,count,split\n1,x,public\n2,20,private\n", "not a finite number"),
        ("private/truth.csv", "", "cannot be read"),
        ("competition.toml", "[[[", "is not TOML"),
    ],
    ids=["label", "empty", "toml"],
)
def test_files_that_cannot_be_judged_by_are_refused_and_change_nothing(
    arena: Served, file: str, text: str, told: str
) -> None:
    (arena.competitions[0].directory / file).write_text(text)

    answer = arena.people["olga"].post(f"{COUNTS}/rejudge", json={})

    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert "version 1 stays in force" in answer.json()["error"]["message"]
    assert str(arena.competitions[0].directory) not in answer.text
    assert arena.store.queue.counts()["queued"] == 0
    arena.people["ada"].submit()
    arena.score(0.1, 0.1)
    assert ranking(arena.people["ada"])[0] == ("ada", 0.1)


def test_files_that_cannot_be_read_are_told_of(arena: Served) -> None:
    truth(arena).unlink()

    (told,) = arena.nobody.client.get("/healthz").json()["stale"]

    assert told == "four/counts: the files cannot be read; version 1 stays in force: see kit check"


def test_another_metric_ranks_the_board_from_the_switch_on(arena: Served) -> None:
    olga = arena.people["olga"]
    toml = arena.competitions[0].directory / "competition.toml"
    toml.write_text(
        toml.read_text()
        .replace('"mae"', '"r2"', 1)
        .replace('more_metrics = ["rmse"]', 'more_metrics = ["mae"]')
    )
    before = olga.get(f"{COUNTS}/leaderboard").json()["metric"]

    rejudge(olga)
    during = olga.get(f"{COUNTS}/leaderboard").json()["metric"]
    with_pool(arena)

    after = olga.get(f"{COUNTS}/leaderboard").json()
    assert (before, during, after["metric"]) == ("mae", "mae", "r2")
    assert after["greater_is_better"] is True and [row["score"] for row in after["rows"]] == [1.0, 1.0]
    report = olga.get(f"{FOUR}/rejudges/1/report").json()
    assert (report["metric_before"], report["metric_after"]) == ("mae", "r2")


def with_pool(service: Served) -> None:
    """Judge what waits for real."""
    pool = LocalPool(1)
    try:
        judge = Judge(service.store, service.competitions, pool, clock=service.clock)
        until(lambda: not (judge.step() or any(service.store.queue.counts().values())))
    finally:
        pool.close()


# Rejudging


def test_no_mixed_board_is_ever_shown_and_the_report_tells_before_and_after(arena: Served) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))

    started = rejudge(olga, reason="row 4 had a wrong label")
    decide(arena, 4.0)
    half = ranking(ada), ranking(olga)
    progress = olga.get(f"{FOUR}/rejudges/1").json()
    decide(arena, 3.0)

    assert (started["n"], started["version"], started["from_version"]) == (2, 2, 1)
    assert half == ([("ada", 1.0), ("bob", 2.0)],) * 2
    assert (progress["n_done"], progress["state"]) == (1, "running")
    assert ranking(ada) == [("bob", 3.0), ("ada", 4.0)]
    report = olga.get(f"{FOUR}/rejudges/1/report").json()
    rows = [(r["team"], r["rank_before"], r["rank_after"], r["moved"]) for r in report["rows"]]
    assert rows == [("bob", 2, 1, 1), ("ada", 1, 2, -1)]
    assert [(r["score_before"], r["score_after"]) for r in report["rows"]] == [(2.0, 3.0), (1.0, 4.0)]
    assert report["n_moved"] == 2


def test_a_dry_run_shows_who_would_move_and_participants_see_nothing(arena: Served) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))

    rejudge(olga, dry_run=True)
    decide(arena, 4.0, 3.0)

    assert olga.get(f"{FOUR}/rejudges").json()[0]["state"] == "ready"
    assert olga.get(f"{FOUR}/rejudges/1/report").json()["n_moved"] == 2
    assert ranking(ada) == [("ada", 1.0), ("bob", 2.0)]
    assert ada.get(f"{FOUR}/notices").json() == []
    assert ada.get("/submissions/1").json()["rejudged"] is None
    done = rejudge(olga)
    assert (done["state"], done["id"]) == ("done", 1)
    assert ranking(ada) == [("bob", 3.0), ("ada", 4.0)]


def test_it_works_after_closing(arena: Served, clock: Clock) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    clock.now = four.CLOSES_AT + timedelta(days=1)
    truth(arena).write_text(four.TRUTH.replace("40", "41"))

    rejudge(olga, reason="late find")
    decide(arena, 4.0, 3.0)

    assert ranking(ada, split="private") == [("bob", 3.0), ("ada", 4.0)]
    assert ada.get(f"{FOUR}/notices").json()[0]["reason"] == "late find"
    at = four.CLOSES_AT.isoformat()
    assert ranking(olga, split="private", at=at) == [("ada", 1.0), ("bob", 2.0)]
    report = olga.get(f"{FOUR}/rejudges/1/report", params={"split": "private"}).json()
    assert report["n_moved"] == 2


def test_a_team_is_judged_again_under_the_version_in_force(arena: Served) -> None:
    ada, bob, olga = (arena.people[name] for name in ("ada", "bob", "olga"))
    truth(arena).write_text(four.TRUTH.replace("40", "41"))

    started = rejudge(olga, team="Bob", reason="your worker died")
    decide(arena, 0.5)

    assert (started["n"], started["version"], started["partial"]) == (1, 1, True)
    assert ranking(ada) == [("bob", 0.5), ("ada", 1.0)]
    assert [len(each.get(f"{FOUR}/notices").json()) for each in (ada, bob, olga)] == [0, 1, 1]
    assert olga.post(f"{COUNTS}/rejudge", json={"team": "nobody"}).status_code == 404
    assert olga.post(f"{COUNTS}/rejudge", json={"submissions": [77]}).status_code == 400


def test_a_rejudge_can_be_stopped_and_goes_on_when_asked_again(arena: Served) -> None:
    olga = arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))
    rejudge(olga)
    decide(arena, 4.0)

    stopped = olga.ask("DELETE", f"{FOUR}/rejudges/1").json()
    waiting = arena.store.queue.counts()["queued"]
    again = rejudge(olga)
    decide(arena, 3.0)

    assert (stopped["state"], waiting) == ("stopped", 0)
    assert (again["id"], again["n_done"]) == (1, 1)
    assert ranking(olga) == [("bob", 3.0), ("ada", 4.0)]


def test_our_error_holds_the_switch_and_says_so(arena: Served) -> None:
    olga = arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))
    rejudge(olga)
    arena.judge(Outcome(State.ERROR, detail="the metric broke"))

    (told,) = olga.get(f"{FOUR}/rejudges").json()

    assert (told["state"], told["n_errors"]) == ("blocked", 2)
    assert "2 ended as our ERROR" in told["message"]
    assert ranking(olga) == [("ada", 1.0), ("bob", 2.0)]


def test_after_a_restart_the_version_in_force_and_a_rejudge_go_on(
    serve: Serve, store: Any, clock: Clock, arena: Served
) -> None:
    from served import serving

    truth(arena).write_text(four.TRUTH.replace("40", "41"))
    rejudge(arena.people["olga"])
    decide(arena, 4.0)
    competition = four.load_competition(arena.competitions[0].directory)

    with serving(store, [competition], clock) as again:
        hosted = again.client.app.state.service.hosted["four"].questions["counts"]  # type: ignore[attr-defined]
        first = store.versions.number("four", "counts", hosted.version)
        decide(again, 3.0)
        hosted = again.client.app.state.service.hosted["four"].questions["counts"]  # type: ignore[attr-defined]

    assert first == 1
    assert store.versions.number("four", "counts", hosted.version) == 2


# History and notices


def test_the_leaderboard_of_a_version_or_a_moment_is_for_organizers(arena: Served, clock: Clock) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))
    clock.now += timedelta(hours=1)
    rejudge(olga)
    decide(arena, 4.0, 3.0)

    assert ranking(olga, version=1) == [("ada", 1.0), ("bob", 2.0)]
    assert ranking(olga, version=2) == [("bob", 3.0), ("ada", 4.0)]
    assert ranking(olga, at="2026-03-02T12:59:59Z") == [("ada", 1.0), ("bob", 2.0)]
    assert ranking(olga, at="2026-03-02T13:00:00Z") == [("bob", 3.0), ("ada", 4.0)]
    assert ranking(olga, at="2026-03-01T00:00:00Z") == []
    path = f"{COUNTS}/leaderboard"
    assert ada.get(path, params={"version": 1}).status_code == 403
    assert ada.get(path, params={"at": "2026-03-02T12:00:00Z"}).status_code == 403
    assert olga.get(path, params={"version": 9}).status_code == 404
    assert olga.get(path, params={"version": 1, "at": "2026-03-02T12:00:00Z"}).status_code == 400
    assert olga.get(path, params={"version": 1, "per": "submission"}).status_code == 400


def test_participants_are_told_what_changed_and_why(arena: Served) -> None:
    ada, olga = arena.people["ada"], arena.people["olga"]
    truth(arena).write_text(four.TRUTH.replace("40", "41"))
    rejudge(olga, reason="row 4 had a wrong label")
    decide(arena, 4.0, 3.0)

    (notice,) = ada.get(f"{FOUR}/notices").json()
    rejudged = ada.get("/submissions/1").json()["rejudged"]

    assert (notice["reason"], notice["question"], notice["version"]) == (
        "row 4 had a wrong label",
        "counts",
        2,
    )
    assert notice["changes"] == [{"submission": 1, "before": 1.0, "after": 4.0}]
    assert rejudged["reason"] == "row 4 had a wrong label"
    assert rejudged["before"]["public"]["mae"]["score"] == 1.0
    assert rejudged["before"]["private"] is None


def test_where_scores_are_hidden_the_notice_holds_none(serve: Serve) -> None:
    service = serve(phase='leaderboard = "hidden"')
    ada, olga = service.sign_up("ada"), service.organizer()
    ada.submit()
    service.score(1.25, 1.25)
    truth(service).write_text(four.TRUTH.replace("40", "41"))
    rejudge(olga, reason="row 4 had a wrong label")
    service.score(4.25, 4.25)

    answers = [ada.get(path) for path in (f"{FOUR}/notices", "/submissions/1", f"{FOUR}/submissions")]

    assert all("wrong label" in answer.text for answer in answers)
    assert not any("1.25" in answer.text or "4.25" in answer.text for answer in answers)
