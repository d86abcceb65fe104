"""What is live in a notebook when the log-in ends: it says so, stays, and carries on after the next one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import four
import pytest
from conftest import Clock
from live import listening
from served import PASSWORD, Person, Served, serving
from test_service_hub import Answers, standing_in
from waiting import until

import kit
from kit.client import CompetitionClient
from kit.errors import NotLoggedIn
from kit.service import hub as hubs
from kit.service.hub import JupyterHub
from kit.store import Store
from kit.widgets.boards import LeaderboardTable, leaderboard


def followed(comp: CompetitionClient) -> LeaderboardTable:
    """The live leaderboard, once it is live."""
    table = leaderboard(comp, "counts")
    until(lambda: table.status == "live")
    return table


@pytest.fixture
def service(tmp_path: Path, store: Store, clock: Clock) -> Iterator[tuple[Served, str]]:
    with (
        serving(store, [four.competition(tmp_path / "four")], clock) as served,
        listening(served) as url,
    ):
        for name in ("ada", "bob"):
            served.people[name] = served.sign_up(name)
        yield served, url


def test_a_leaderboard_whose_token_was_revoked_carries_on_when_its_owner_connects_again(
    service: tuple[Served, str],
) -> None:
    served, url = service
    ada = served.people["ada"]
    with kit.connect(url, token=ada.token).client as old:
        table = followed(old.competition("four"))
        ada.ask("DELETE", "/tokens/current")
        served.people["bob"].submit()
        served.score(1.25, 1.25)
        until(lambda: table.status == "ended")

        # Somebody else's log-in is not theirs.
        kit.connect(url, token=served.people["bob"].token).client.close()
        assert table.status == "ended" and old.token == ada.token
        kit.connect(url, name="ada", password=PASSWORD).client.close()

        until(lambda: table.status == "live" and bool(table.rows))
        assert old.token != ada.token


def test_a_token_that_is_still_good_stays_who_ever_connects(service: tuple[Served, str]) -> None:
    served, url = service
    with kit.connect(url, token=served.people["ada"].token).client as old:
        table = followed(old.competition("four"))

        kit.connect(url, name="ada", password=PASSWORD).client.close()

        assert (old.token, table.status) == (served.people["ada"].token, "live")


def test_on_a_hub_a_stopped_servers_token_ends_what_is_live_and_its_next_one_goes_on(
    tmp_path: Path, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACTING_S", "READING_S"):
        monkeypatch.setattr(hubs, name, 0.0)
    answers = Answers()
    answers.add("t-old", "ada")
    answers.add("t-bob", "bob")
    competitions = [four.competition(tmp_path / "four")]
    with contextlib.ExitStack() as stack:
        settings = stack.enter_context(standing_in(answers))
        hub = JupyterHub(dataclasses.replace(settings, prefix=""))
        served = stack.enter_context(serving(store, competitions, clock, hub=hub))  # type: ignore[arg-type]
        url = stack.enter_context(listening(served))
        old = stack.enter_context(kit.connect(url, token="t-old").client)
        table = followed(old.competition("four"))
        del answers.people["token t-old"]
        # News end the waiting of the request that was let in before.
        assert Person(served.client, "bob", "t-bob").submit().status_code == 201
        served.score(1.25, 1.25)
        until(lambda: table.status == "ended")
        with pytest.raises(NotLoggedIn, match="restart your server there"):
            kit.connect(url, token="t-old")
        answers.add("t-new", "ada")

        kit.connect(url, token="t-new").client.close()

        until(lambda: table.status == "live")
