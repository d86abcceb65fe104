"""What breaks around the service on a real JupyterHub: the Hub itself, its answers, its proxy."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent import futures
from functools import partial

import httpx2
import pandas as pd
import psutil
import pytest
from hub import LONG_S, Hub, missing, running_hub
from processes import command_of
from waiting import until

from kit.client import Client
from kit.client.http import PATIENT

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(missing() is not None, reason=missing() or "")]

soon = partial(until, within_s=120)
PERFECT = {"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub(base="/jupyter") as hub:
        yield hub


def child_of(hub: Hub, word: str) -> psutil.Process | None:
    """The child of the Hub with a word in its command line, if there is one that lives."""
    return next((child for child in psutil.Process(hub.pid).children() if word in command_of(child)), None)


def service_of(hub: Hub) -> int:
    """The service's process; 0 where there is none."""
    found = child_of(hub, "kit serve")
    return found.pid if found else 0


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


WHILE_THE_HUB_IS_DOWN = """
import pathlib, sys, time
import kit, pandas
from kit.errors import ServiceError

def heard(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.05)

def frame(off):
    return pandas.DataFrame({"id": [1, 2, 3, 4], "count": [10 + off, 20 + off, 30 + off, 40 + off]})

comp = kit.connect()
earlier = comp.submit(frame(2), wait=True)
# Half a minute begins anew, however long that took.
comp.client.token = sys.argv[1]
comp.client.me()
pathlib.Path("ready").touch()
heard("down")
# Who was known a moment ago goes on.
taken = comp.submit(frame(1), wait=True)
print("meanwhile", taken.state)
# As half a minute later: the service must ask the Hub.
comp.client.token = sys.argv[2]
try:
    comp.leaderboard()
except ServiceError as error:
    print("told:", error)
pathlib.Path("sending").touch()
later = comp.submit(frame(0), wait=True)
print("later", later.state)
print([each.id for each in comp.submissions()] == [later.id, taken.id, earlier.id])
"""


@pytest.mark.slow
def test_while_the_hub_is_down_that_is_told_and_what_is_sent_arrives_when_it_is_back(hub: Hub) -> None:
    alice = hub.person("alice")
    alice.start_server()
    home = hub.folder / "home" / alice.name
    alice.keep("participant.py", WHILE_THE_HUB_IS_DOWN)
    tokens = [hub.person("alice").token for _ in range(2)]
    started = "import subprocess, sys; subprocess.Popen([sys.executable, 'participant.py', *{}], "
    started += "stdout=open('told', 'w'), stderr=subprocess.STDOUT, start_new_session=True)"
    alice.run(started.format(tokens))
    soon((home / "ready").exists)
    service = service_of(hub)

    hub.kill()
    (home / "down").touch()
    soon((home / "sending").exists)
    lived_on = is_alive(service)
    hub.start()
    soon(lambda: "True" in (home / "told").read_text() or "Error" in (home / "told").read_text())

    told = (home / "told").read_text()
    assert lived_on
    assert "meanwhile SCORED" in told
    assert (
        "told: The JupyterHub does not answer. What was taken before is safe; try again in a minute." in told
    )
    assert "The JupyterHub does not answer; trying again in 0.5 s" in told
    assert "later SCORED\nTrue" in told
    # The next Hub's own service takes the place of the old one, whose token counts no more.
    soon(lambda: not is_alive(service))
    soon(lambda: service_of(hub) not in {0, service})
    soon(lambda: alice.ask("GET", "/healthz").status_code == 200)


def test_a_slow_hub_holds_up_only_those_whom_the_service_does_not_know_yet(hub: Hub) -> None:
    known, new = hub.person("alice"), hub.person("bob")
    known.ask("GET", "/api/v1/me").raise_for_status()
    with futures.ThreadPoolExecutor() as pool, Client(hub.direct, token=new.token) as client:
        os.kill(hub.pid, signal.SIGSTOP)
        try:
            asked = pool.submit(client.get, "/me", retries=PATIENT)
            with pytest.raises(futures.TimeoutError):
                asked.result(2)
            at_once = httpx2.get(f"{hub.direct}/api/v1/me", headers=known.header)
        finally:
            os.kill(hub.pid, signal.SIGCONT)

        assert at_once.json()["name"] == known.name
        assert asked.result()["name"] == new.name


def test_a_restarted_proxy_interrupts_neither_sending_nor_watching(hub: Hub) -> None:
    bob = hub.person("bob")
    proxy = child_of(hub, "configurable-http-proxy")
    assert proxy is not None
    with Client(hub.service, token=bob.token) as client:
        comp = client.competition("four")
        n_rows: list[int] = []
        watch = comp.watch_leaderboard(lambda board: n_rows.append(len(board["rows"])))
        soon(lambda: n_rows)

        proxy.kill()
        sent = comp.submit(pd.DataFrame(PERFECT))

        assert sent.wait(LONG_S).score == 0.0
        assert [each.id for each in comp.submissions()] == [sent.id]
        soon(lambda: n_rows[-1] > n_rows[0])
        watch.stop()
