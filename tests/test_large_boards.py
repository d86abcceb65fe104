"""Leaderboards of more teams than are sent at once, and the order in which leaderboards are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import crowd
import four
import pytest
from conftest import Clock
from live import listening
from served import COUNTS, Person, Served
from test_shown import outcome
from test_store_best import Happenings, plain

import kit
from kit.cli import main
from kit.clock import utc_now
from kit.leaderboard import rank
from kit.service import models
from kit.service.auth import Scope
from kit.service.climbing import Climbs
from kit.service.hosted import Sight
from kit.service.hosting import Hosting
from kit.service.standings import Standings
from kit.store import Store
from kit.submission import Split
from kit.widgets import leaderboard

BOARD = f"{COUNTS}/leaderboard"
N_TEAMS = 1100
START_S = (four.NOON - timedelta(hours=20)).timestamp()


@pytest.fixture
def many(serve: Callable[..., Served], store: Store) -> Served:
    """A service with many teams, whose scores of mae are all different."""
    service = serve(phase="")
    crowd.fill(
        store,
        service.competitions[0],
        n_teams=N_TEAMS,
        n_submissions=2 * N_TEAMS,
        from_s=START_S,
        until_s=four.NOON.timestamp(),
        n_blocks=20,
        n_with_evidence=700,
    )
    return service


def someone(service: Served, number: int) -> Person:
    return Person(
        service.client,
        f"team-{number}",
        service.token(service.store.accounts.user(f"team-{number}"), Scope.READ, Scope.SUBMIT),
    )


def board(person: Person, **params: Any) -> Any:
    answer = person.get(BOARD, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def plain_rows(store: Store, split: Split = Split.PUBLIC) -> list[tuple[int | None, str, int]]:
    rows = rank(store.entries("four", "counts"), metric="mae", greater_is_better=False, split=split)
    return [(row.rank, row.team, row.entry.submission) for row in rows]


def told(rows: Any) -> list[tuple[int | None, str, int]]:
    return [(row["rank"], row["team"], row["submission"]) for row in rows]


def test_a_long_leaderboard_comes_by_the_page_with_ones_own_row_beside_it(many: Served) -> None:
    expected = plain_rows(many.store)
    last = someone(many, int(expected[-1][1].removeprefix("team-")))

    found = board(last)

    assert (found["n_rows"], found["offset"], len(found["rows"])) == (N_TEAMS, 0, 100)
    assert told(found["rows"]) == expected[:100]
    assert told([found["own"]]) == expected[-1:]
    assert found["own"]["members"] == [last.name]
    assert found["own"]["n_submissions"] == 2


def test_those_who_ask_together_share_the_rows_and_each_has_their_own(many: Served) -> None:
    first, second = (someone(many, number).get(BOARD) for number in (3, 4))

    found = [models.Leaderboard.model_validate_json(each.content) for each in (first, second)]
    assert [each.own and each.own.team for each in found] == ["team-3", "team-4"]
    assert found[0].model_copy(update={"own": None}) == found[1].model_copy(update={"own": None})
    assert first.content == found[0].model_dump_json().encode()


def test_pages_put_together_are_the_leaderboard(many: Served) -> None:
    asker = someone(many, 7)

    pages = [board(asker, limit=300, offset=offset)["rows"] for offset in range(0, N_TEAMS, 300)]

    assert [each for page in pages for each in told(page)] == plain_rows(many.store)


def test_around_me_my_row_stands_in_the_middle(many: Served) -> None:
    expected = plain_rows(many.store)
    number = int(expected[500][1].removeprefix("team-"))

    found = board(someone(many, number), limit=11, around="me")

    assert found["offset"] == 495
    assert told(found["rows"]) == expected[495:506]
    assert found["rows"][5] == found["own"]


def test_who_has_no_team_has_no_row_of_their_own(many: Served) -> None:
    found = board(many.sign_up("zoe"), around="me")

    assert found["own"] is None
    assert told(found["rows"]) == plain_rows(many.store)[:100]


def test_a_new_score_shows_in_ones_own_rank_at_once(many: Served) -> None:
    best = plain_rows(many.store)[0]
    asker = someone(many, 9)
    before = board(asker)["own"]["rank"]

    asker.submit()
    many.score(-100.0)
    after = board(asker)["own"]

    assert before > 1
    assert (after["rank"], after["n_submissions"], after["score"]) == (1, 3, -100.0)
    assert board(asker, limit=3)["rows"][0]["team"] == "team-9" != best[1]


def test_the_first_have_plausible_ranks_by_pairs_and_the_others_by_their_own_intervals(many: Served) -> None:
    rows = board(many.organizer(), limit=1000)["rows"]

    assert all(row["rank_low"] <= row["rank"] <= row["rank_high"] for row in rows)
    assert rows[0]["tie_with_first"]
    assert sum(row["p_first"] for row in rows) == pytest.approx(1.0, abs=0.1)
    assert rows[900]["rank_low"] > 10


def test_a_short_leaderboard_comes_whole_or_by_the_page_that_is_asked_for(
    serve: Callable[..., Served],
) -> None:
    service = serve()
    people = [service.sign_up(name) for name in ("ada", "bob", "eve")]
    for number, person in enumerate(people):
        person.submit()
        service.score(float(number))

    whole, page = board(people[2]), board(people[2], limit=1, offset=1)

    assert (len(whole["rows"]), whole["n_rows"], whole["own"]) == (3, 3, None)
    assert (page["rows"], page["own"]) == (whole["rows"][1:2], whole["rows"][2])


def test_the_page_of_a_short_leaderboard_is_up_to_date_in_all_columns(serve: Callable[..., Served]) -> None:
    service = serve()
    ada, bob = (service.sign_up(name) for name in ("ada", "bob"))
    for number, person in enumerate((bob, ada, ada)):
        person.submit()
        service.judge(outcome(9.0 - number, seed=number))

        page, whole = board(ada, limit=1), board(ada)

        assert page["rows"] == whole["rows"][:1]
        assert page["rows"][0]["rank_low"] == 1


@pytest.mark.parametrize("phase", ['leaderboard = "hidden"', 'leaderboard = "frozen"'])
def test_no_page_tells_what_is_hidden(serve: Callable[..., Served], phase: str) -> None:
    service = serve(phase=phase)
    ada = service.sign_up("ada")
    ada.submit()
    service.score(1.0)

    for params in ({}, {"limit": 5}, {"around": "me"}):
        found = board(ada, **params)
        assert (found["rows"], found["own"], found["n_rows"]) == ([], None, 0)


def test_the_ladder_is_paged_too(serve: Callable[..., Served]) -> None:
    service = serve(phase='leaderboard = "ladder"')
    ada, bob = (service.sign_up(name) for name in ("ada", "bob"))
    for person, score in ((ada, 1.0), (bob, 2.0), (ada, 1.0 - 1e-12), (bob, 0.5)):
        person.submit()
        service.score(score)

    found = board(ada, limit=1)

    assert told(found["rows"]) == [(1, "bob", 4)]
    assert told([found["own"]]) == [(2, "ada", 1)]


def test_private_pages_say_who_moved_and_heed_what_was_selected(many: Served, clock: Clock) -> None:
    store, competition = many.store, many.competitions[0]
    for team in (5, 6):
        worst = max(
            (e for e in store.entries("four", "counts") if e.team == f"team-{team}"),
            key=lambda e: e.scores[Split.PRIVATE]["mae"].score,
        )
        store.submissions.select(competition, competition.question[0], team, [worst.submission], four.NOON)
    clock.now = four.CLOSES_AT
    rows = rank(store.entries("four", "counts"), metric="mae", greater_is_better=False, split=Split.PRIVATE)

    found = board(someone(many, 5), split="private", limit=1000)

    assert told(found["rows"]) == plain_rows(store, Split.PRIVATE)[:1000]
    assert [row["shake_up"] for row in found["rows"]] == [row.shake_up for row in rows[:1000]]


def test_the_combined_leaderboard_is_paged(many: Served) -> None:
    asker = someone(many, 3)

    first = asker.get("/competitions/four/leaderboard").json()
    mine = asker.get("/competitions/four/leaderboard", params={"limit": 3, "around": "me"}).json()

    assert (first["n_rows"], len(first["rows"]), first["own"]["team"]) == (N_TEAMS, 100, "team-3")
    assert mine["rows"][1] == mine["own"]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_kept_in_memory_is_that_of_the_plain_computation(store: Store, tmp_path, seed: int) -> None:
    competition = four.competition(tmp_path / "four", phase="")
    happenings = Happenings(store, competition, seed)
    hosted = Hosting(store, [competition], utc_now)["four"]
    question = hosted.questions["counts"]
    standings = Standings(store, Climbs(store))

    for _ in range(80):
        happenings.next()

        for split in Split:
            order = standings.order(hosted, question, split, Sight())
            expected = plain(store, split, False, None)
            lines = order.page(0, 100)
            assert order.lines() == lines
            assert [(each.rank, each.place.team, each.place.submission) for each in lines] == [
                (row.rank, row.team, row.entry.submission) for row in expected
            ]
            for number, each in enumerate(lines):
                assert order.row_number(each.place.team_id) == number
                assert order.line(each.place.team_id) == each
                assert order.page(number, 1) == [each]


def test_people_and_teams_come_by_the_page(many: Served) -> None:
    olga = many.organizer()

    people = olga.get("/users", params={"limit": 2, "offset": 1}).json()
    teams = olga.get("/competitions/four/teams", params={"limit": 1}).json()

    assert [each["name"] for each in people] == ["team-1", "team-10"]
    assert [(each["name"], each["n_submissions"]) for each in teams] == [("team-1", 2)]
    assert len(olga.get("/users").json()) == N_TEAMS + 1


def test_of_many_teams_the_busiest_are_looked_at_for_signs_of_probing(many: Served) -> None:
    busy = someone(many, 9)
    busy.submit()
    many.score(1.0)

    series = many.organizer().get("/competitions/four/probing").json()

    assert len(series) == 500
    assert {each["team"]: each["n_submissions"] for each in series}["team-9"] == 3


# In a notebook, and on the command line


def test_a_notebook_shows_the_first_page_ones_own_row_and_how_many_more_there_are(many: Served) -> None:
    expected = plain_rows(many.store)
    last = someone(many, int(expected[-1][1].removeprefix("team-")))

    with listening(many) as url:
        comp = kit.connect(f"{url}/four", token=last.token)
        frame, page = comp.leaderboard(), comp.leaderboard(limit=3, around_me=True)
        last_lines = repr(frame).splitlines()[-2:]
        table = leaderboard(comp, "counts")
        table.show_board(comp.client.get(comp.leaderboard_path(question="counts")))
        comp.client.close()

    assert list(frame["team"]) == [team for _, team, _ in [*expected[:100], expected[-1]]]
    assert last_lines[0].split()[0] == str(N_TEAMS) and last.name in last_lines[0]
    assert last_lines[1] == table.note == "… and 1,000 more"
    assert list(page["rank"]) == [1098, 1099, 1100]
    assert repr(page).endswith("Rows 1,098 to 1,100 of 1,100")
    assert [row["team"] for row in table.rows if row["_you"]] == [last.name]
    assert len(table.rows) == 101


def test_the_command_shows_the_top_or_where_one_stands(
    many: Served, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = plain_rows(many.store)
    number = int(expected[600][1].removeprefix("team-"))

    with listening(many) as url:
        monkeypatch.setenv("KIT_URL", f"{url}/four")
        monkeypatch.setenv("KIT_TOKEN", str(someone(many, number).token))
        shown = [
            run_kit(capfd, "leaderboard", *options)
            for options in (["--top", "2"], ["--around-me", "--top", "3"], ["--top", "5", "--json"])
        ]

    top, around, rows = (each.out for each in shown)
    assert [line.split()[0] for line in top.splitlines()[2:]] == ["1", "2", "601"]
    assert shown[0].err.splitlines()[0] == "… and 1,098 more"
    assert [line.split()[0] for line in around.splitlines()[2:]] == ["600", "601", "602"]
    assert [row["rank"] for row in json.loads(rows)] == [1, 2, 3, 4, 5]


def run_kit(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code
    return capfd.readouterr()
