"""What a team sent before is not sent again, unless it says so: "Run all" uses nothing up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import four
import pandas as pd
import pytest
from conftest import Clock
from served import COUNTS, Person, Served, failed, rejected, scored

from kit.client import Client
from kit.submission import Outcome


def send(person: Person, content: str, *, once: str | None = "", key: str | None = None):
    sha256 = hashlib.sha256(content.encode()).hexdigest() if once == "" else once
    return person.post(
        f"{COUNTS}/submissions",
        params={"filename": "p.csv", **({"once": sha256} if sha256 else {})},
        content=content,
        headers={"Idempotency-Key": key} if key else {},
    )


def left_today(person: Person) -> int:
    (limit,) = person.get("/competitions/four/limits").json()
    return int(limit["left_today"])


def test_the_same_content_gives_back_the_earlier_submission_while_it_waits_and_when_it_is_scored(
    service: Served,
) -> None:
    ada = service.sign_up("ada")
    first = send(ada, four.PERFECT)

    waiting = send(ada, four.PERFECT)
    service.score(1.5)
    judged = send(ada, four.PERFECT)

    assert (first.status_code, first.json()["earlier"]) == (201, False)
    assert [(a.status_code, a.json()["earlier"]) for a in (waiting, judged)] == [(200, True)] * 2
    assert {a.json()["id"] for a in (first, waiting, judged)} == {1}
    assert judged.json()["score"]["public"]["mae"]["score"] == 1.5
    assert left_today(ada) == 2


def test_other_content_another_team_and_no_such_wish_make_new_submissions(service: Served) -> None:
    ada, bob = service.sign_up("ada"), service.sign_up("bob")
    send(ada, four.PERFECT)

    made = [send(ada, four.OFF_BY_ONE), send(bob, four.PERFECT), send(ada, four.PERFECT, once=None)]

    assert [a.status_code for a in made] == [201, 201, 201]
    assert [a.json()["id"] for a in made] == [2, 3, 4]


@pytest.mark.parametrize("outcome", [rejected("no"), failed("ours")], ids=["REJECTED", "ERROR"])
def test_what_was_not_scored_may_be_sent_again(service: Served, outcome: Outcome) -> None:
    ada = service.sign_up("ada")
    send(ada, four.PERFECT)
    service.judge(outcome)

    again = send(ada, four.PERFECT)

    assert (again.status_code, again.json()["id"]) == (201, 2)


def test_it_is_given_back_also_where_limits_are_used_up_and_after_the_end(
    service: Served, clock: Clock
) -> None:
    ada = service.sign_up("ada")
    for content in (four.PERFECT, four.OFF_BY_ONE, four.OFF_BY_TWO):
        send(ada, content)
    assert left_today(ada) == 0

    over = send(ada, four.PERFECT)
    clock.now = service.competitions[0].closes_at
    closed = send(ada, four.PERFECT)

    assert [(a.status_code, a.json()["id"]) for a in (over, closed)] == [(200, 1)] * 2
    assert send(ada, four.PERFECT + "\n").status_code == 403


def test_after_a_rejudge_the_earlier_submission_comes_back_as_it_is_judged_now(service: Served) -> None:
    ada, olga = service.sign_up("ada"), service.organizer()
    send(ada, four.PERFECT)
    service.score(1.5)
    send(service.sign_up("bob"), four.PERFECT)
    service.score(1.5)
    (service.competitions[0].directory / "private/truth.csv").write_text(four.TRUTH.replace("40", "41"))
    assert olga.post(f"{COUNTS}/rejudge", json={"team": "bob"}).status_code in (200, 201, 202)
    service.score(2.5)

    unchanged = send(ada, four.PERFECT)

    # The rejudge of one team brings no version into force, so what ada has is judged as all is now.
    assert unchanged.status_code == 200
    assert olga.post(f"{COUNTS}/rejudge", json={}).status_code in (200, 201, 202)
    service.score(2.5)
    rejudged = send(ada, four.PERFECT)
    assert (rejudged.status_code, rejudged.json()["score"]["public"]["mae"]["score"]) == (200, 2.5)


def test_a_repeated_request_is_no_earlier_submission_and_a_changed_file_is_refused(service: Served) -> None:
    ada = service.sign_up("ada")

    sent = [send(ada, four.PERFECT, key="k") for _ in range(2)]
    damaged = send(ada, four.OFF_BY_ONE, once=hashlib.sha256(b"other").hexdigest())

    assert [(a.status_code, a.json()["id"], a.json()["earlier"]) for a in sent] == [
        (201, 1, False),
        (200, 1, False),
    ]
    assert damaged.status_code == 400
    assert "changed on the way" in damaged.json()["error"]["message"]
    assert left_today(ada) == 2


def test_the_handle_says_that_it_was_sent_before_and_again_sends_it_once_more(
    service: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = service.sign_up("ada")
    comp = Client("http://kit", token=ada.token, transport=service.client._transport).competition("four")
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]})
    first = comp.submit(frame, note="first")
    service.judge(scored(1.5, 0.0))

    second = comp.submit(frame, note="second")

    told = capsys.readouterr().err
    assert (second.id, second.state, second.score) == (first.id, "SCORED", 1.5)
    assert "sent the same before: it is submission 1 (SCORED), and nothing was used up" in told
    assert "again=True" in told
    assert comp.submit(frame, again=True).id == 2
    assert capsys.readouterr().err == ""
