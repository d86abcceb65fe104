"""What participants are shown of scores while leaderboards are public, hidden, frozen or a ladder.

Recognisable scores are planted, every route is walked, and no answer, card, sentence or log line may hold a
score that its reader may not see.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import four
import numpy as np
import pytest
import test_service_routes as routes
from conftest import Clock
from served import COUNTS, Served, failed, serving

from kit.client.standing import describe
from kit.store import Blended, Share, Store
from kit.submission import Evidence, Outcome, Score, Split, State
from kit.widgets.boards import board_columns, board_rows, submission_row
from kit.widgets.card import nodes
from kit.widgets.columns import lead

MODES = ("public", "hidden", "frozen", "ladder")
BREAK = datetime(2026, 3, 4, tzinfo=UTC)
"""The second phase begins, whose leaderboard is of the mode tested."""
MOMENTS = {
    "before": BREAK - timedelta(hours=1),
    "during": BREAK + timedelta(hours=13),
    "after": four.CLOSES_AT + timedelta(hours=1),
}
FIRST, SMALL, WORSE, CLEAR, NOT_CLEAR = 6101.25, 6007.75, 7203.5, 4105.75, 4011.25
BOBS_FIRST, BOBS_CLEAR, LATE_BASELINE = 6409.25, 3501.75, 5609.5
IN_AN_INCIDENT = 8123.75
BLEND = 5400.0
SHARE = '"contributivity":37.0'
PRIVATE = 90_000.0
"""Private scores are by so much greater."""
PLANTED = (FIRST, SMALL, WORSE, CLEAR, NOT_CLEAR, BOBS_FIRST, BOBS_CLEAR, LATE_BASELINE, BLEND)


def outcome(public: float, *, seed: int, spread: float = 1e-9) -> Outcome:
    """Scores that are shown with all their digits; a large ``spread`` makes gains of them unclear."""
    scores = [
        Score(metric, split, value, value, value, 0.95, 2, 100, se=1e-9)
        for metric in ("mae", "rmse")
        for split, value in ((Split.PUBLIC, public), (Split.PRIVATE, public + PRIVATE))
    ]
    influences = spread * np.random.default_rng(seed).normal(size=64).astype(np.float32)
    influences -= influences.mean()
    evidence = [Evidence(split, influences, np.full(10, public, np.float32)) for split in Split]
    return Outcome(State.SCORED, tuple(scores), evidence=tuple(evidence))


def phases(mode: str) -> str:
    second = f'[[phase]]\nid = "second"\ndaily_limit = 50\nleaderboard = "{mode}"'
    return f"daily_limit = 50\ncloses_at = {BREAK.isoformat()}\n{second}"


@pytest.fixture(params=MODES)
def world(request: pytest.FixtureRequest, tmp_path: Path, store: Store, clock: Clock) -> Iterator[Served]:
    """Two phases full of scores, the second of which shows them in one of the modes."""
    open_to_all = '[access]\nleaderboard = "everyone"'
    competition = four.competition(tmp_path / "four", top=open_to_all, phase=phases(request.param))
    clock.now = BREAK - timedelta(hours=12)
    with serving(store, [competition], clock) as service:
        people = {name: service.sign_up(name) for name in ("ada", "bob", "carol")}
        service.people = people | {"nobody": service.nobody, "olga": service.organizer()}
        _submit(service, "ada", outcome(FIRST, seed=1))
        _submit(service, "bob", outcome(BOBS_FIRST, seed=2))
        _submit(service, "bob", failed(f"the score was {IN_AN_INCIDENT}"))
        clock.now = BREAK + timedelta(hours=12)
        _submit(service, "ada", outcome(SMALL, seed=3, spread=1e4))
        _submit(service, "ada", outcome(WORSE, seed=4))
        _submit(service, "ada", outcome(CLEAR, seed=5))
        _submit(service, "ada", outcome(NOT_CLEAR, seed=6, spread=1e4))
        _submit(service, "bob", outcome(BOBS_CLEAR, seed=7))
        service.people["olga"].put(f"{COUNTS}/baselines/mean/predictions", content=four.OFF_BY_TWO)
        service.judge(outcome(LATE_BASELINE, seed=8))
        _blend(service)
        yield service


def _blend(service: Served) -> None:
    version = service.store.versions.in_force("four", "counts")
    assert version is not None
    scores = {"public": BLEND, "private": BLEND + PRIVATE}
    blended = Blended(
        version, {1: Share(37.0), 2: Share(63.0)}, {"combined": scores, "foldwise_best": scores}
    )
    service.store.blends.keep("four", "counts", "all", blended, now=BREAK)


def _submit(service: Served, name: str, judged: Outcome) -> None:
    assert service.people[name].submit().status_code == 201
    service.judge(judged)


def mode_of(service: Served) -> str:
    return service.competitions[0].phases[-1].leaderboard


def visible(mode: str, moment: str) -> set[float | str]:
    """What ada may see of what is planted."""
    # On the leaderboard of all submissions everyone's.
    if moment == "after":
        return {*PLANTED, *(value + PRIVATE for value in PLANTED), SHARE}
    if moment == "before" or mode == "public":
        return {*PLANTED, SHARE}
    return {
        "hidden": set[float | str](),
        "frozen": {FIRST, BOBS_FIRST},
        "ladder": {FIRST, CLEAR, BOBS_CLEAR, LATE_BASELINE},
    }[mode]


def forbidden(mode: str, moment: str) -> set[float | str]:
    everything = {*PLANTED, *(value + PRIVATE for value in PLANTED), IN_AN_INCIDENT, SHARE}
    return everything - visible(mode, moment)


def walk(service: Served) -> Iterator[tuple[str, str]]:
    """All that ada is told: every route, in every form that could hold a score, and what is made of it."""
    ada = service.people["ada"]
    numbers = [s["id"] for s in ada.get("/competitions/four/submissions").json()]
    pairs = [(a, b) for a in numbers for b in numbers if a != b]
    addresses = [
        *(f"/submissions/{number}" for number in range(1, 12)),
        *(f"{COUNTS}/leaderboard?split={split}{per}" for split in Split for per in ("", "&per=submission")),
        *(
            f"/competitions/four/leaderboard?split={split}&method={method}"
            for split in Split
            for method in ("normalized", "mean_rank")
        ),
        *(f"/competitions/four/compare?a={a}&b={b}&split={split}" for a, b in pairs for split in Split),
        *(f"/competitions/four/compare?a={a}&team=bob" for a in numbers),
        *(
            f"/competitions/four/export?what={what}&split={split}"
            for what in ("leaderboard", "submissions")
            for split in Split
        ),
    ]
    for address in addresses:
        yield address, ada.get(address).text
    yield from _without_log_in(service)
    yield from _screens(service)
    for route in routes.ROUTES:
        answer = routes.ask(service, "ada", route)
        yield route, answer.content.decode("latin-1") + str(answer.headers)


def _without_log_in(service: Served) -> Iterator[tuple[str, str]]:
    for split in ("", *(f"split={split}" for split in Split)):
        for address in (f"{COUNTS}/leaderboard?{split}", f"/competitions/four/leaderboard?{split}"):
            yield f"without log-in {address}", service.nobody.get(address).text
        for address in (
            f"/four/leaderboard?{split}",
            f"/four?{split}",
            f"/four/leaderboard?question=*&{split}",
        ):
            yield f"page {address}", service.client.get(address).text


def _screens(service: Served) -> Iterator[tuple[str, str]]:
    ada = service.people["ada"]
    for facts in ada.get("/competitions/four/submissions").json():
        yield f"card {facts['id']}", json.dumps(nodes(facts))
        yield f"sentence {facts['id']}", describe(facts)
        yield f"line {facts['id']}", json.dumps(submission_row(facts))
    board = ada.get(f"{COUNTS}/leaderboard").json()
    yield "board", json.dumps([board_columns(board), board_rows(board, "ada"), lead(board)])


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_tells_a_score_that_may_not_be_seen(
    world: Served, clock: Clock, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now = MOMENTS[moment]
    secret = forbidden(mode_of(world), moment)
    caplog.set_level(logging.DEBUG)

    leaks = [f"{where}: {value}" for where, text in walk(world) for value in secret if str(value) in text]

    assert leaks == []
    assert not [value for value in {*PLANTED, IN_AN_INCIDENT} if str(value) in caplog.text]


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_may_be_seen_is_told(world: Served, clock: Clock, moment: str) -> None:
    clock.now = MOMENTS[moment]

    told = "".join(text for _, text in walk(world))

    assert [v for v in visible(mode_of(world), moment) if str(v) not in told] == []


def test_organizers_see_all_scores_at_any_time(world: Served, clock: Clock) -> None:
    for now in MOMENTS.values():
        clock.now = now
        told = world.people["olga"].get("/competitions/four/submissions").text

        told += world.people["olga"].get(f"{COUNTS}/leaderboard").text

        assert all(str(v) in told and str(v + PRIVATE) in told for v in PLANTED)


def start(tmp_path: Path, store: Store, clock: Clock, mode: str) -> Any:
    return serving(store, [four.competition(tmp_path / "four", phase=f'leaderboard = "{mode}"')], clock)


def test_a_ladder_tells_in_words_whether_a_score_moved(tmp_path: Path, store: Store, clock: Clock) -> None:
    with start(tmp_path, store, clock, "ladder") as service:
        service.people["ada"] = ada = service.sign_up("ada")
        for judged in (outcome(9.5, seed=1), outcome(9.25, seed=2, spread=1e4), outcome(3.5, seed=3)):
            _submit(service, "ada", judged)

        third, second, first = ada.get("/competitions/four/submissions").json()

    assert [s["moved"] for s in (first, second, third)] == [True, False, True]
    assert [s["stands"] for s in (first, second, third)] == [1, 1, 3]
    assert [s["score"]["public"]["mae"]["score"] for s in (first, second, third)] == [9.5, 9.5, 3.5]
    assert "Not a clear improvement: your score stays 9.5 (submission 1)." in json.dumps(nodes(second))
    assert "A clear improvement: your score is 3.5 now." in json.dumps(nodes(third))
    assert "not a clear improvement" in describe(second)


def test_a_ladders_board_shows_where_each_team_stands_and_all_its_tries(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    with start(tmp_path, store, clock, "ladder") as service:
        for name in ("ada", "bob"):
            service.people[name] = service.sign_up(name)
        _submit(service, "ada", outcome(9.5, seed=1))
        _submit(service, "ada", outcome(9.25, seed=2, spread=1e4))
        _submit(service, "bob", outcome(9.375, seed=3))

        board = service.people["ada"].get(f"{COUNTS}/leaderboard").json()

    assert board["mode"] == "ladder"
    rows = [(r["rank"], r["team"], r["score"], r["n_submissions"]) for r in board["rows"]]
    assert rows == [(1, "bob", 9.375, 1), (2, "ada", 9.5, 2)]


@pytest.mark.parametrize("world", ["frozen"], indirect=True)
def test_a_frozen_board_stays_as_it_was_until_the_end(world: Served, clock: Clock) -> None:
    bob = world.people["bob"]

    clock.now = MOMENTS["during"]
    frozen = bob.get(f"{COUNTS}/leaderboard").json()
    own = [s["score"] for s in bob.get("/competitions/four/submissions").json() if s["state"] == "SCORED"]
    clock.now = MOMENTS["after"]
    opened = bob.get(f"{COUNTS}/leaderboard").json()

    assert [(r["team"], r["score"], r["n_submissions"]) for r in frozen["rows"]] == [
        ("ada", FIRST, 1),
        ("bob", BOBS_FIRST, 1),
    ]
    assert [score is None for score in own] == [True, False]
    assert opened["rows"][0]["score"] == BOBS_CLEAR
    assert (frozen["mode"], opened["mode"]) == ("frozen", "public")


def test_a_ladder_goes_on_from_what_it_kept_as_if_climbed_from_the_start(
    tmp_path: Path, store: Store, clock: Clock
) -> None:
    rng = np.random.default_rng(0)
    scores = 9 - 0.1 * np.arange(12) + 0.5 * rng.normal(size=12)
    with start(tmp_path, store, clock, "ladder") as service:
        service.people["ada"] = ada = service.sign_up("ada")
        for seed, score in enumerate(scores):
            _submit(service, "ada", outcome(float(score), seed=seed, spread=2.0))
            ada.get("/competitions/four/submissions")
        kept = ada.get("/competitions/four/submissions").json()
        with serving(store, service.competitions, clock) as again:
            anew = again.client.get(
                "/api/v1/competitions/four/submissions", headers={"Authorization": f"Bearer {ada.token}"}
            ).json()

    assert kept == anew
    assert {s["moved"] for s in kept} == {True, False}


@pytest.mark.parametrize("moment", MOMENTS)
def test_without_a_log_in_one_sees_just_what_participants_see(
    world: Served, clock: Clock, moment: str
) -> None:
    clock.now = MOMENTS[moment]

    for address in (f"{COUNTS}/leaderboard", "/competitions/four/leaderboard"):
        assert world.nobody.get(address).content == world.people["ada"].get(address).content
