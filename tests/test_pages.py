"""Pages that people open in a browser, of a service that belongs to no Hub."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import four
import pytest
from conftest import Clock
from served import COUNTS, Served, serving

from kit.errors import InvalidCompetition
from kit.service.page_boards import board_html, marked
from kit.store import Store

EVERYONE = '[access]\nleaderboard = "everyone"'
NASTY = '</table><script>window.planted = 1</script><b onclick="x">'
SECOND = """
[[question]]
id = "again"
title = "Counts, <again>"
metric = "rmse"
id_column = "id"
target = "count"
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
"""


@pytest.fixture
def world(tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    """A competition of two questions whose leaderboards are for everyone, with two teams on one."""
    competition = four.competition(tmp_path / "four", top=EVERYONE, question=SECOND)
    with serving(store, [competition], clock, n_looks=30) as service:
        for name, score in (("ada", 1.25), ("bob", 2.5)):
            service.people[name] = service.sign_up(name)
            service.people[name].submit()
            service.score(score, 1000 + score)
        yield service


def page(service: Served, address: str = "/four/leaderboard") -> str:
    answer = service.client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return str(answer.text)


def test_the_leaderboard_is_a_page_for_everyone_with_ranks_scores_and_intervals(world: Served) -> None:
    html = page(world)

    assert re.findall(r'<th scope="row">(\w+)', html) == ["ada", "bob"]
    assert re.findall(r'class="number">([\d.]+)<', html) == ["1.25", "2.5"]
    assert html.count("<svg") == 2 and 'aria-label="1.25 to 1.25"' in html
    assert "<caption>Public scores; mae, lower is better." in html
    assert '<script src="/live.js" defer></script>' in html


def test_the_competitions_page_shows_it_too_and_leads_to_it(world: Served) -> None:
    html = page(world, "/four")

    assert '<th scope="row">ada' in html
    assert 'href="/four/leaderboard"' in html
    assert "kit.connect(" in html


def test_each_question_has_a_tab_and_all_together_another(world: Served) -> None:
    again, together = page(world, "/four/leaderboard?question=again"), page(world, "/four?question=*")

    assert '<a href="/four/leaderboard?question=again" aria-current="page">Counts, &lt;again&gt;</a>' in again
    assert "No scores yet" in again
    assert '<a href="/four?question=%2A" aria-current="page">All questions</a>' in together


def test_after_the_end_the_page_shows_the_final_leaderboard(world: Served, clock: Clock) -> None:
    refused = world.client.get("/four/leaderboard?split=private")
    clock.now = four.CLOSES_AT

    html, public = page(world), page(world, "/four/leaderboard?split=public")

    assert refused.status_code == 403 and "<h1>Not for you</h1>" in refused.text
    assert "Private scores: the final leaderboard" in html and "1001.25" in html
    assert "1001.25" not in public


def test_before_the_opening_the_page_says_when(world: Served, clock: Clock) -> None:
    clock.now = four.OPENS_AT.replace(hour=1)

    answer = world.client.get("/four/leaderboard")

    assert answer.status_code == 403
    assert "2026-03-01" in answer.text and "<table" not in answer.text


def test_a_page_that_has_not_changed_is_not_sent_again(world: Served) -> None:
    first = world.client.get("/four/leaderboard")

    same = world.client.get("/four/leaderboard", headers={"If-None-Match": first.headers["ETag"]})
    world.people["bob"].submit()
    world.score(0.5, 0.5)
    other = world.client.get("/four/leaderboard", headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, other.status_code) == (304, 200)


def test_who_looks_without_a_log_in_too_often_waits(world: Served) -> None:
    statuses = [world.client.get("/four/leaderboard").status_code for _ in range(15)]
    statuses += [world.nobody.get(f"{COUNTS}/leaderboard").status_code for _ in range(16)]

    late = world.client.get("/four")

    assert statuses == [200] * 30 + [429]
    assert late.status_code == 429 and "<h1>Too many at a time</h1>" in late.text
    assert world.people["ada"].get(f"{COUNTS}/leaderboard").status_code == 200


def test_a_token_that_is_no_good_is_told_so_also_where_none_is_needed(world: Served) -> None:
    answer = world.nobody.get(f"{COUNTS}/leaderboard", headers={"Authorization": "Bearer kit_old"})

    assert answer.status_code == 401
    assert "wrong, expired or revoked" in answer.text


@pytest.mark.parametrize("address", ["/nosuch", "/nosuch/leaderboard", "/four/leaderboard?question=none"])
def test_an_address_that_is_none_is_answered_by_a_page(world: Served, address: str) -> None:
    answer = world.client.get(address)

    assert answer.status_code == 404
    assert "<h1>Not here</h1>" in answer.text


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("address", ["/four/nothing", "/competitions/four/nothing", "/apis/v1"])
def test_a_browser_is_told_by_a_page_what_is_not_there_and_where_to_begin(
    world: Served, address: str
) -> None:
    answer, head = (world.client.request(method, address, headers=BROWSER) for method in ("GET", "HEAD"))

    assert (answer.status_code, head.status_code) == (404, 404)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Not here</h1>" in answer.text and f"There is no page &#x27;{address}&#x27;" in answer.text
    assert '<a href="/">All competitions</a>' in answer.text
    assert "<style>" in answer.text and "style-src" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/four/", "/four"),
        ("/four/leaderboard/?question=a%26b", "/four/leaderboard?question=a%26b"),
        ("//evil.example/", "/evil.example"),
        ("/\\evil.example/", "/%5Cevil.example"),
    ],
)
def test_a_slash_too_many_leads_to_the_page_without_it_and_to_no_other_host(
    world: Served, address: str, target: str
) -> None:
    answer = world.client.get(f"http://testserver{address}", headers=BROWSER, follow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (307, target)


def test_what_an_unknown_address_holds_is_text_and_no_longer_than_can_be_read(world: Served) -> None:
    answer = world.client.get(f"/four/<script>window.planted = 1</script>{'x' * 5000}", headers=BROWSER)

    assert answer.status_code == 404
    assert "<script" not in answer.text and "&lt;script&gt;" in answer.text
    assert "xxx…" in answer.text and "x" * 300 not in answer.text


@pytest.mark.parametrize(
    ("method", "address", "accept"),
    [
        ("GET", "/api/v1/nothing", BROWSER["Accept"]),
        ("GET", "/api/", BROWSER["Accept"]),
        ("POST", "/four/nothing", BROWSER["Accept"]),
        ("GET", "/four/nothing", "application/json"),
        ("GET", "/four/nothing", "*/*"),
    ],
)
def test_a_program_is_told_what_is_not_there_as_json(
    world: Served, method: str, address: str, accept: str
) -> None:
    answer = world.client.request(method, address, headers={"Accept": accept})

    assert answer.status_code == 404
    assert answer.json()["error"]["class"] == "NotFound"


@pytest.mark.parametrize("address", ["/", "/four", "/four/leaderboard", "/live.js"])
def test_head_of_a_page_is_answered_as_get(world: Served, address: str) -> None:
    head, get = world.client.head(address), world.client.get(address)

    assert (head.status_code, head.headers["Content-Type"]) == (200, get.headers["Content-Type"])


def test_by_default_leaderboards_are_for_those_who_take_part(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    with serving(store, [four.competition(tmp_path / "four")], clock) as service:
        answer = service.client.get("/four/leaderboard")

        assert answer.status_code == 403
        assert "for those who take part" in answer.text
        assert "<table" not in page(service, "/four")


def test_another_word_for_who_sees_leaderboards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidCompetition, match="participants"):
        four.competition(tmp_path / "four", top='[access]\nleaderboard = "all"')


def board(**row: object) -> bytes:
    import json

    facts = {"rank": 1, "rank_low": 1, "rank_high": 3, "tie_with_first": True, "p_first": 0.5}
    facts |= {"team": NASTY, "members": [NASTY], "score": 0.5, "low": 0.25, "high": 0.75, "baseline": False}
    facts |= {"n_submissions": 2, "submitted_at": "2026-03-02T12:00:00Z", "shake_up": None}
    whole = {"question": "counts", "hidden": False, "mode": "public", "split": "public", "n_rows": 1}
    whole |= {"metric": "metrics.py:<mine>", "greater_is_better": True, "rows": [facts | row]}
    return json.dumps(whole).encode()


def test_names_are_text_whatever_they_hold() -> None:
    html = marked(board_html(board(members=[NASTY, "<i>"])), NASTY)

    assert "<script" not in html and "<b " not in html and "<i>" not in html
    assert html.count("</table>") == 1
    assert '<tr class="own" data-key="team:&lt;/table&gt;' in html


def test_a_baseline_and_a_score_below_zero_have_their_place() -> None:
    html = board_html(board(rank=None, baseline=True, score=-1e-9, low=-1.0, high=0.0, p_first=None))

    assert 'class="baseline"' in html
    assert 'aria-label="-1 to 0"' in html
    assert '<td class="rank"></td>' in html


def test_a_page_that_fails_says_so_to_browsers_as_a_page_with_the_incidents_number(world: Served) -> None:
    with closing(sqlite3.connect(world.store.directory / "kit.db")) as db:
        db.execute("alter table team rename to gone")
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    address = "/four/leaderboard?split=public&page=2"

    shown = world.client.get(address, headers=browser)
    told = world.client.get(f"/api/v1{COUNTS}/leaderboard", headers=browser)

    told_here = r"<p>The service failed\. Quote incident [\w-]+ to the organizers\.</p>"
    assert (shown.status_code, told.status_code) == (500, 500)
    assert re.search(told_here, shown.text)
    assert "gone" not in shown.text and "sql" not in shown.text.lower()
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert told.json()["error"]["incident"]
