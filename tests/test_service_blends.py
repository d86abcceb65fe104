"""What leaderboards tell of contributivity, of times and of who built on whom, and to whom."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import four
import pytest
from conftest import Clock, Serve
from served import COUNTS, Person, Served, ran, scored

from kit.store import Blended, Share

FOLD = {"train": 1.0, "valid": 2.0, "public": 3.0, "private": 4.0, "test": 5.0}
BOARD = f"{COUNTS}/leaderboard"
SECRET = {"combined": {"valid": 0.123456789, "public": 0.987654321, "private": 0.555555555}}
SHARES = {1: Share(20.4, 21.0, 3.0), 2: Share(49.6, 50.0, 4.0), 3: Share(30.0, 29.0, 0.1)}


def send(service: Served, person: Person, public: float) -> int:
    answer = person.post(f"{COUNTS}/submissions?filename=model.py", content=f"x = {public}".encode())
    assert answer.status_code == 201, answer.text
    service.judge(ran(scored(public, public), FOLD))
    return int(answer.json()["id"])


def fill(service: Served) -> Served:
    """Ada's two, with 50 % together, and bob's."""
    for name in ("ada", "bob"):
        service.people[name] = service.sign_up(name)
    ada, bob = service.people["ada"], service.people["bob"]
    for person, public in ((ada, 2.0), (bob, 1.0), (ada, 3.0)):
        send(service, person, public)
    version = service.store.versions.in_force("four", "counts")
    assert version is not None
    blended = Blended(version, SHARES, SECRET, n_folds=3, n_left_out=0, is_bagged=True)
    service.store.blends.keep("four", "counts", "a", blended, now=four.NOON)
    return service


def board(person: Person, **asked: Any) -> dict[str, Any]:
    answer = person.get(BOARD, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_team_has_the_contributivity_of_all_that_it_submitted(serve: Serve) -> None:
    service = fill(serve(question=four.CODE))

    seen = board(service.people["ada"])

    named = {row["team"]: row for row in seen["rows"]}
    assert [named[team]["contributivity"] for team in ("ada", "bob")] == [50.0, 50.0]
    assert (named["bob"]["bagged_contributivity"], named["bob"]["contributivity_error"]) == (50.0, 4.0)
    assert (named["ada"]["fit_s"], named["ada"]["peak_bytes"]) == (4.5, 1000)
    assert seen["blend"]["combined"] == {"valid": 0.1235, "public": 0.988}
    assert seen["blend"]["n_submissions"] == 3


def test_submissions_have_rows_of_their_own_where_they_are_asked_for(serve: Serve) -> None:
    service = fill(serve(question=four.CODE))

    rows = board(service.people["ada"], per="submission")["rows"]

    assert [(row["rank"], row["submission"], row["team"]) for row in rows] == [
        (1, 2, "bob"),
        (2, 1, "ada"),
        (3, 3, "ada"),
    ]
    assert [row["contributivity"] for row in rows] == [50.0, 20.0, 30.0]


def test_what_is_credited_is_passed_on(serve: Serve) -> None:
    service = fill(serve(question=four.CODE))
    user = service.store.accounts.user("ada")["id"]

    service.store.blends.add_credits(3, {2: 0.5}, user_id=user, now=four.NOON)
    by_team = {row["team"]: row for row in board(service.people["bob"])["rows"]}
    by_submission = {row["submission"]: row for row in board(service.people["bob"], per="submission")["rows"]}

    assert [by_team[team]["historical_contributivity"] for team in ("ada", "bob")] == [35.0, 65.0]
    assert by_submission[3]["historical_contributivity"] == 15.0
    assert by_team["ada"]["built_on"] == by_submission[3]["built_on"] == [{"submission": 2, "team": "bob"}]
    assert by_team["bob"]["built_on"] == []


@pytest.mark.parametrize("mode", ["hidden", "frozen", "ladder"])
def test_where_scores_are_not_shown_as_they_are_contributivity_is_not(
    serve: Serve, clock: Clock, mode: str
) -> None:
    phase = 'opens_at = 2026-03-01T09:00:00Z\ncloses_at = 2026-03-02T11:00:00Z\n[[phase]]\nid = "second"\n'
    service = fill(serve(question=four.CODE, phase=f'{phase}leaderboard = "{mode}"'))

    for per in ("team", "submission"):
        seen, all_seen = (
            board(service.people["ada"], per=per),
            board(service.organizer(f"olga-{per}"), per=per),
        )

        assert seen["blend"] is None
        assert all(row["contributivity"] is None for row in seen["rows"])
        assert all(row["historical_contributivity"] is None for row in seen["rows"])
        assert all(row["contributivity"] > 0 for row in all_seen["rows"])
        assert all_seen["blend"]["combined"] == SECRET["combined"]
    assert mode == "frozen" or board(service.people["ada"], per="submission")["rows"] == []


def test_after_the_close_everyone_sees_it_and_the_private_score_of_the_blend(
    serve: Serve, clock: Clock
) -> None:
    service = fill(serve(question=four.CODE))
    clock.now = datetime(2026, 3, 9, tzinfo=UTC)

    seen = board(service.people["ada"], split="private")

    assert set(seen["blend"]["combined"]) == {"valid", "public", "private"}
    assert seen["rows"][0]["contributivity"] == 50.0


def test_what_was_blended_under_another_version_is_not_shown(serve: Serve) -> None:
    service = fill(serve(question=four.CODE))
    service.store.blends.keep("four", "counts", "b", Blended("0" * 64, SHARES, SECRET), now=four.NOON)

    seen = board(service.people["ada"])

    assert seen["blend"] is None and seen["rows"][0]["contributivity"] is None
