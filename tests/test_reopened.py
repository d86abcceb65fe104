"""What is shown in a notebook that nobody looks at, and in one that is opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import four
from live import listening
from served import Served

from kit.client import Client
from kit.widgets import leaderboard

BOARD = "/competitions/four/questions/counts/leaderboard?split=public"


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_nobody_looks_at_rests_and_goes_on_when_somebody_does(service: Served) -> None:
    ada = service.sign_up("ada")
    shown: list[int] = []
    always: list[int] = []
    rested = threading.Event()
    with listening(service) as url, Client(url, token=ada.token) as client:
        client._hub.rest_s = 0.0
        watch = client.watch(BOARD, lambda board: shown.append(len(board["rows"])), on_rest=rested.set)
        client.watch(BOARD, lambda board: always.append(len(board["rows"])))
        assert rested.wait(30)

        ada.submit(four.PERFECT)
        service.score(1.5)

        until(lambda: always == [0, 1])
        assert shown == [0]
        client._hub.rest_s = 3600.0
        watch.seen()
        until(lambda: shown == [0, 1])


def test_a_leaderboard_says_that_it_rests_and_wakes_by_a_look(service: Served) -> None:
    ada = service.sign_up("ada")
    with listening(service) as url, Client(url, token=ada.token) as client:
        comp = client.competition("four")
        table = leaderboard(comp)
        kept: Any = leaderboard(comp, rests=False)
        until(lambda: table.status == kept.status == "live")
        client._hub.rest_s = 0.0
        ada.submit(four.PERFECT)
        service.score(1.5)
        until(lambda: table.status == "resting")
        assert kept.status == "live"

        client._hub.rest_s = 3600.0
        table._attended(table, {"seen": True}, [])

        until(lambda: table.status == "live" and len(table.rows) == 1)
