"""What is shown in a notebook that nobody looks at, and in one that is opened again."""

from __future__ import annotations

import threading
from typing import Any

import anywidget
import four
from live import listening
from served import Served
from waiting import until

import kit.widgets
from kit.client import Client
from kit.client.kept import html_of
from kit.widgets import leaderboard
from kit.widgets._widget import KitWidget

BOARD = "/competitions/four/questions/counts/leaderboard?split=public"


def test_what_nobody_looks_at_rests_and_goes_on_when_somebody_does(service: Served) -> None:
    ada = service.sign_up("ada")
    shown: list[int] = []
    always: list[int] = []
    rested = threading.Event()
    with listening(service) as url, Client(url, token=ada.token) as client:
        client._poller.rest_s = 0.0
        watch = client.watch(BOARD, lambda board: shown.append(len(board["rows"])), on_rest=rested.set)
        client.watch(BOARD, lambda board: always.append(len(board["rows"])))
        until(rested.is_set)

        ada.submit(four.PERFECT)
        service.score(1.5)

        until(lambda: always[-1:] == [1])
        assert shown == [0]
        client._poller.rest_s = 3600.0
        watch.seen()
        until(lambda: shown[-1:] == [1])


def test_a_leaderboard_says_that_it_rests_and_wakes_by_a_look(service: Served) -> None:
    ada = service.sign_up("ada")
    with listening(service) as url, Client(url, token=ada.token) as client:
        comp = client.competition("four")
        table = leaderboard(comp)
        kept: Any = leaderboard(comp, rests=False)
        until(lambda: table.status == kept.status == "live")
        client._poller.rest_s = 0.0
        ada.submit(four.PERFECT)
        service.score(1.5)
        until(lambda: table.status == "resting")
        assert kept.status == "live"

        client._poller.rest_s = 3600.0
        table._attended(table, {"seen": True}, [])

        until(lambda: table.status == "live" and len(table.rows) == 1)


def test_every_widget_of_ours_is_an_anywidget_whose_script_comes_from_the_kernel() -> None:
    ours = {name: getattr(kit.widgets, name) for name in kit.widgets.__all__}
    found = [each for each in ours.values() if isinstance(each, type) and issubclass(each, KitWidget)]

    assert len(found) >= 7
    for each in found:
        assert issubclass(each, anywidget.AnyWidget)
        assert each._model_module.default_value == "anywidget"
        assert "export default" in str(each._esm)


class Evil:
    def __repr__(self) -> str:
        return "<img src=x onerror=alert(1)> {key} & more"


def test_what_is_kept_is_text_where_a_handle_has_no_html_of_its_own() -> None:
    assert html_of(Evil()) == "<pre>&lt;img src=x onerror=alert(1)&gt; {key} &amp; more</pre>"


def test_a_handle_keeps_its_overview_and_the_last_submissions(service: Served) -> None:
    ada = service.sign_up("ada")
    ada.submit(four.PERFECT)
    service.score(1.5)
    with listening(service) as url, Client(url, token=ada.token) as client:
        comp = client.competition("four")
        comp.refresh()

        told, board = html_of(comp), html_of(comp.leaderboard())

    assert "Submission 1 for &#x27;counts&#x27;: SCORED, public mae 1.5" in told
    assert "logged in as ada" in told
    assert "<td>ada</td>" in board
    assert "public leaderboard of" in board
