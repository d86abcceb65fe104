"""A real JupyterHub with its proxy, real system accounts, and the kit's service among its services."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import time
from concurrent import futures
from functools import partial
from pathlib import Path

import four
import httpx2
import pytest
from browsing import SOON_MS, chromium, visiting
from hub import Hub, Person, missing
from playwright.sync_api import expect
from traitlets.config import Config
from typer.testing import CliRunner
from waiting import until

from kit.cli import build
from kit.client import Client
from kit.client.http import PATIENT
from kit.errors import NotAllowed, OrganizerError
from kit.hub import as_text, configure, make_block

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(missing() is not None, reason=missing() or "")]


BOARD = "/api/v1/competitions/four/questions/counts/leaderboard"
SUBMIT = "/api/v1/competitions/four/questions/counts/submissions?filename=p.csv"

SUBMITTING = """
import subprocess, sys
import kit, pandas
comp = kit.connect()
print(comp.client.me()["name"], comp.client.url)
mine = comp.submit(pandas.DataFrame({"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]}), question="counts")
mine.wait()
print(mine.state)
told = subprocess.run([sys.executable, "-m", "kit", "whoami"], capture_output=True, text=True, check=True)
print(told.stdout)
print(sorted(comp.data()))
"""


@pytest.fixture(scope="module", autouse=True)
def removed(hub: Hub) -> tuple[Person, float]:
    """Somebody who took part and was then removed at the Hub, and when: the others' tests pass meanwhile."""
    name = f"{hub.accounts['alice']}x"
    hub.add(name)
    hub.join_named(name, "hall")
    token = hub.api("POST", f"/users/{name}/tokens", json={}).json()["token"]
    person = Person(hub, name, token)
    taken = person.ask("POST", SUBMIT, content=four.OFF_BY_TWO)
    assert taken.status_code == 201, taken.text
    hub.api("DELETE", f"/users/{name}")
    return person, time.monotonic()


def test_in_a_kernel_on_the_hub_connecting_asks_nothing_and_groups_are_teams(hub: Hub) -> None:
    alice = hub.person("alice")

    printed = alice.run(SUBMITTING)

    assert f"{alice.name} {hub.direct}" in printed
    assert "SCORED" in printed, hub.log.read_text()[-8000:]
    assert f"{alice.name} (participant) at {hub.direct}" in printed
    assert "['test', 'train']" in printed
    rows = alice.ask("GET", BOARD).json()["rows"]
    assert [(row["rank"], row["score"]) for row in rows if row["team"] == "owls"] == [(1, 0.0)]


STATE = """
import hashlib, json, os
import kit, pandas
comp = kit.connect()
frame = pandas.DataFrame({"id": [1, 2, 3, 4], "count": [14, 24, 34, 44]})
mine = comp.submit(frame, question="counts").wait()
own = hashlib.sha256(os.environ["JUPYTERHUB_API_TOKEN"].encode()).hexdigest()
told = {"name": comp.client.me()["name"], "mine": mine.id, "left": mine.facts["left_today"], "token": own}
told["ids"] = [s.id for s in comp.submissions("counts")]
print(json.dumps(told | {"data": str(comp.data_dir("counts"))}))
"""


def test_a_named_server_is_the_same_person_who_finds_the_same_state(hub: Hub) -> None:
    alice = hub.person("alice")
    alice.start_server("second")

    first, second = (json.loads(alice.run(STATE, server).splitlines()[-1]) for server in ("", "second"))

    assert second["token"] != first["token"]
    assert {**second, "token": ""} == {**first, "token": ""}
    assert first["name"] == alice.name
    assert first["mine"] in first["ids"]
    hub.api("DELETE", f"/users/{alice.name}/servers/second")


def test_roles_and_entry_come_from_groups_alone(hub: Hub) -> None:
    admin, olga = hub.person("bob"), hub.person("olga")

    assert hub.api("GET", f"/users/{admin.name}").json()["admin"]
    assert admin.ask("GET", "/api/v1/users").status_code == 403
    assert olga.ask("GET", "/api/v1/users").status_code == 200
    refused = admin.ask("POST", SUBMIT, content=four.PERFECT)
    assert refused.status_code == 403
    assert "the JupyterHub's groups 'hall'" in refused.json()["error"]["message"]


def test_the_services_folder_is_known_as_the_hubs_so_no_password_is_made(hub: Hub) -> None:
    name = hub.person("alice").name

    answer = CliRunner().invoke(build(), ["users", "reset", name, "--data", str(hub.data)])

    assert isinstance(answer.exception, NotAllowed) and not answer.stdout
    assert "was last served on a JupyterHub" in str(answer.exception)


def test_a_token_with_too_narrow_scopes_is_refused_by_the_scopes_name(hub: Hub) -> None:
    narrow = hub.person("alice", scopes=["users:activity!user"])

    answer = narrow.ask("GET", "/api/v1/me")

    assert answer.status_code == 403
    assert "lacks the scope 'access:services!service=kit'" in answer.json()["error"]["message"]
    wide = hub.person("alice", scopes=["access:services!service=kit"])
    assert wide.ask("GET", "/api/v1/me").json()["role"] == "participant"


def test_pages_files_and_live_updates_come_through_the_proxy_under_the_prefix(hub: Hub) -> None:
    alice = hub.person("alice")

    for path in ("/docs", "/docs/swagger-ui-bundle.js", "/live.js", "/healthz"):
        assert httpx2.get(f"{hub.service}{path}").status_code == 200, path
    for path in ("", "/", "/four", "/four/leaderboard"):
        answer = httpx2.get(f"{hub.service}{path}")
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith(
            "/jupyter/hub/api/oauth2/authorize?client_id=service-kit"
        )
    described = httpx2.get(f"{hub.service}/api/v1/openapi.json").json()
    assert described["servers"] == [{"url": "/jupyter/services/kit"}]
    data = alice.ask("GET", "/api/v1/competitions/four/questions/counts/data/train.csv")
    assert data.text == four.TRAIN
    # A leaderboard that waits for news, and the news.
    known = alice.ask("GET", BOARD).headers["ETag"]
    waiting = alice.header | {"If-None-Match": known, "Prefer": "wait=20"}
    with futures.ThreadPoolExecutor() as pool:
        asked = partial(httpx2.get, f"{hub.service}{BOARD}", headers=waiting)
        told = pool.submit(until, lambda: asked().status_code == 200)
        alice.ask("POST", SUBMIT, content=four.PERFECT)
    assert told.result()


# Dashboards


@pytest.mark.browser
@pytest.mark.parametrize("short", ["olga", "alice"])
def test_a_dashboard_runs_in_its_visitors_own_server_behind_the_hubs_log_in(hub: Hub, short: str) -> None:
    person = hub.person(short)
    person.start_server()

    with chromium() as browser, visiting(browser, f"{hub.service}/four", f"hub-{short}") as visit:
        visit.page.locator("#username_input").fill(person.name)
        visit.page.locator("#password_input").fill("any")
        visit.page.locator("#login_submit").click()
        expect(visit.page.locator(".who")).to_contain_text(person.name)
        link = visit.page.get_by_role("link", name="Organizers' dashboard")

        if short == "olga":
            link.click()
            expect(visit.page.get_by_role("tab", name="Participants")).to_be_visible(timeout=3 * SOON_MS)
            assert f"/user/{person.name}/kit/organizer" in visit.page.url
            # There is nothing to log out of: who is there is whose server it is.
            assert visit.page.get_by_text("Log out").count() == 0
            visit.screenshot()
        else:
            assert link.count() == 0
            visit.page.goto(f"{hub.url}/hub/user-redirect/kit/organizer?competition=four")
            refusal = visit.page.get_by_text("This screen is for organizers")
            expect(refusal).to_contain_text(
                f"and you, {person.name}, are not in their group", timeout=3 * SOON_MS
            )
            visit.page.goto(f"{hub.url}/hub/user-redirect/kit/leaderboard?competition=fuor")
            wrong = visit.page.get_by_text("There is no competition 'fuor'")
            expect(wrong).to_be_visible(timeout=3 * SOON_MS)
        assert visit.page.locator(".kit-login").count() == 0


def test_nobody_enters_another_persons_dashboard(hub: Hub) -> None:
    olga = hub.person("olga")
    olga.start_server()

    answer = httpx2.get(f"{hub.url}/user/{olga.name}/kit/organizer", headers=hub.person("alice").header)

    assert answer.status_code == 403


# The block


def test_the_printed_block_does_what_configure_does(hub: Hub) -> None:
    asked = {"competitions": [hub.folder / "four"], "data": hub.data, "user": hub.account}
    done, spelled = Config(), Config()

    configure(done, **asked)
    exec(as_text(make_block(**asked)), {"c": spelled})

    for key, kind in (("services", list), ("load_roles", list), ("load_groups", dict)):
        assert done.JupyterHub[key] == spelled.JupyterHub[key].get_value(kind()), key
    assert done.Spawner.environment == spelled.Spawner.environment.get_value({})


def test_configure_keeps_what_the_configuration_says_already(hub: Hub) -> None:
    c = Config()
    c.JupyterHub.base_url = "/lab/"
    c.JupyterHub.services = [{"name": "culler"}]
    c.JupyterHub.load_roles = [{"name": "server", "scopes": ["users:activity!user", "read:hub"]}]
    c.JupyterHub.load_groups = {"organizers": {"users": ["olga"]}}
    c.Spawner.environment = {"A": "1"}

    configure(c, competitions=[hub.folder / "four"], data=hub.data, user=hub.account)

    assert [service["name"] for service in c.JupyterHub.services] == ["culler", "kit"]
    scopes = {role["name"]: role["scopes"] for role in c.JupyterHub.load_roles}
    assert scopes["server"] == ["users:activity!user", "read:hub", "access:services!service=kit"]
    assert scopes["user"] == ["self", "access:services!service=kit"]
    assert c.JupyterHub.load_groups == {"organizers": {"users": ["olga"]}}
    assert c.Spawner.environment == {"A": "1", "KIT_URL": "http://127.0.0.1:10101/lab/services/kit"}


def test_configure_refuses_a_truth_that_other_accounts_can_read(hub: Hub, tmp_path: Path) -> None:
    place = hub.folder / "open"
    four.write_open(place)

    with pytest.raises(OrganizerError, match="can be read by other accounts"):
        configure(Config(), competitions=[place], data=hub.data, user=hub.account)
    with pytest.raises(OrganizerError, match="useradd --system"):
        configure(Config(), competitions=[place], data=hub.data, user="nobody-of-that-name")


def test_configure_refuses_what_only_a_group_of_participants_could_read(hub: Hub) -> None:
    place = hub.folder / "grouped"
    truth = four.write_open(place) / "private/truth.csv"
    course = pwd.getpwnam(hub.accounts["alice"]).pw_gid
    for path in (truth, truth.parent, place):
        shutil.chown(path, hub.account, course)
        path.chmod(0o640 if path.is_file() else 0o750)

    with pytest.raises(OrganizerError, match="can be read by other accounts"):
        configure(Config(), competitions=[place], data=hub.data, user=hub.account)


def test_configure_refuses_what_the_services_account_cannot_reach_and_leaves_nothing(hub: Hub) -> None:
    place, data = hub.folder / "roots", hub.folder / "roots-data"
    for path in four.write_open(place).rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)

    with pytest.raises(OrganizerError, match=rf"cannot read .*: chown -R {hub.account}: {place}"):
        configure(Config(), competitions=[place], data=data, user=hub.account)
    assert not data.exists()

    data.mkdir(mode=0o700)
    with pytest.raises(OrganizerError, match=rf"no folder that .* can write to.* chown -R {hub.account}: "):
        configure(Config(), competitions=[hub.folder / "four"], data=data, user=hub.account)
    with pytest.raises(OrganizerError, match="may not run as 'root'"):
        configure(Config(), competitions=[place], data=data, user="root")
    assert os.geteuid() == 0


def test_who_is_removed_at_the_hub_cannot_act_after_half_a_minute(
    removed: tuple[Person, float],
) -> None:
    person, since = removed
    time.sleep(max(0.0, since + 30 - time.monotonic()))

    answer = person.ask("POST", SUBMIT, content=four.PERFECT)

    assert answer.status_code == 401
    assert "The JupyterHub does not know this token" in answer.json()["error"]["message"]


def test_while_the_hub_hangs_that_is_said_and_afterwards_everything_goes_on(hub: Hub) -> None:
    alice = hub.person("alice", scopes=["access:services!service=kit"])
    os.kill(hub.pid, signal.SIGSTOP)
    try:
        hung = httpx2.get(f"{hub.direct}/api/v1/me", headers=alice.header)
        alive = httpx2.get(f"{hub.direct}/healthz")
    finally:
        os.kill(hub.pid, signal.SIGCONT)

    assert hung.status_code == 503
    assert hung.json()["error"]["message"] == "The JupyterHub does not answer; trying again"
    assert alive.status_code == 200
    # By the client, which asks again.
    again = Client(hub.direct, token=alice.token)
    assert again.get("/me", retries=PATIENT)["name"] == alice.name
    again.close()
