"""Organizers' commands, each as a process of its own, on a real service."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import four
import httpx2
import polars as pl
import psutil
import pytest
from processes import asked
from running import END_S, Service, free_port, running
from small_notebooks import write_notebook
from waiting import until

from kit.service_lock import only_service
from kit.store import Store

GOOD = "open(output_path, 'w').write('id,count\\n1,11\\n2,21\\n3,31\\n4,41\\n')"


@dataclass
class Kit:
    """Runs ``kit`` as one person: with a home of their own."""

    home: Path

    def __call__(
        self, *arguments: object, given: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kit", *map(str, arguments)]
        self.home.mkdir(exist_ok=True)
        own = {key: value for key, value in os.environ.items() if not key.startswith("KIT_")}
        own |= {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config")}
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            env=own | environment,
            cwd=self.home,
            timeout=300,
        )

    def json(self, *arguments: object, **environment: str) -> Any:
        done = self(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = four.write(
        tmp_path_factory.mktemp("c") / "four",
        top="[teams]\nmax_size = 2",
        question='baselines = ["notebooks/*.ipynb"]',
    )
    toml = directory / "competition.toml"
    toml.write_text(toml.read_text().replace("2026-03-08", "2126-03-08"))
    write_notebook(directory / "notebooks/constant.ipynb", GOOD)
    write_notebook(directory / "notebooks/broken.ipynb", "a = 1", "a / 0")
    return directory


@pytest.fixture(scope="module")
def service(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running([directory], tmp_path_factory.mktemp("s") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def ola(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """An organizer, logged in; added when the service has told how."""
    until(lambda: "kit users add" in service.log.read_text())
    kit = Kit(tmp_path_factory.mktemp("home") / "ola")
    done = kit("users", "add", "ola", "--organizer", "--data", service.data)
    assert done.returncode == 0, done.stderr
    done = kit("login", f"{service.url}/four", "--name", "ola", "--password-stdin", given=done.stdout)
    assert done.returncode == 0, done.stderr
    return kit


@pytest.fixture
def anyone(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "home")


def test_the_first_organizer_is_added_where_the_data_are_and_can_organize(ola: Kit) -> None:
    me = ola.json("whoami")

    assert (me["name"], me["role"]) == ("ola", "organizer")
    assert set(me["scopes"]) == {"submit", "read", "organize"}


def test_a_made_up_password_is_told_once_and_kept_as_a_hash(anyone: Kit, tmp_path: Path) -> None:
    made = anyone.json("users", "add", "eve", "--email", "eve@example.org", "--data", tmp_path / "data")

    assert len(made["password"]) >= 16
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or made["password"].encode() not in file.read_bytes()


def test_a_given_password_is_read_from_standard_input_and_not_repeated(anyone: Kit, tmp_path: Path) -> None:
    done = anyone(
        "users", "add", "eve", "--data", tmp_path / "d", "--password-stdin", given="a long secret\n"
    )

    assert done.returncode == 0
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [("x", "long enough it is", "'x'"), ("eve", "short", "shorter than 10")],
    ids=["name", "password"],
)
def test_an_account_that_cannot_be_is_refused(
    anyone: Kit, tmp_path: Path, name: str, password: str, problem: str
) -> None:
    done = anyone("users", "add", name, "--data", tmp_path / "d", "--password-stdin", given=password)

    assert done.returncode == 1
    assert problem in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_data_is_named(anyone: Kit, tmp_path: Path) -> None:
    done = anyone("users", "reset", "eve", "--data", tmp_path / "typo")

    assert done.returncode == 1 and "typo" in done.stderr
    assert not (tmp_path / "typo").exists()


def test_people_are_imported_over_http_with_teams_and_passwords(
    ola: Kit, service: Service, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("name,team,password\nbob,Owls,\neve,Owls,a password of hers\n")

    done = ola("users", "import", people, "-c", "four", "-o", tmp_path / "out.csv")

    assert done.returncode == 0, done.stderr
    made = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["name"] for row in made] == ["bob"]
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600
    assert [(t["name"], t["members"]) for t in ola.json("teams")] == [("Owls", ["bob", "eve"])]
    login = {"name": "bob", "password": made[0]["password"]}
    assert httpx2.post(f"{service.url}/api/v1/tokens", json=login).status_code == 201


def test_a_row_that_cannot_be_carried_out_is_told(ola: Kit, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("name,team\nmax,Full\nmia,Full\nmoe,Full\n")
    made = ola("users", "import", people, "-c", "four")
    people.write_text("name,team\nmia,Other\nmoe,Full\n")

    done = ola("users", "import", people, "-c", "four")

    assert (made.returncode, done.returncode) == (0, 1)
    assert "mia" in done.stderr and "in team 'Full' already" in done.stderr
    assert "moe" not in done.stderr


def test_people_are_imported_into_a_data_folder_too(anyone: Kit, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("name,email,team\nbob,bob@example.org,Owls\neve,,Owls\n")

    first = anyone("users", "import", people, "-c", "four", "--data", tmp_path / "data")
    again = anyone("users", "import", people, "-c", "four", "--data", tmp_path / "data")

    assert [row["name"] for row in csv.DictReader(io.StringIO(first.stdout))] == ["bob", "eve"]
    assert again.stdout == "name,password\n" and "2 had an account already" in again.stderr
    listed = anyone.json("users", "list", "--data", tmp_path / "data")
    assert [(u["name"], u["team"]) for u in listed] == [("bob", "Owls"), ("eve", "Owls")]


def test_no_passwords_are_made_for_a_data_folder_that_a_hub_served(anyone: Kit, tmp_path: Path) -> None:
    people, data = tmp_path / "people.csv", tmp_path / "data"
    people.write_text("name,team,password\nbob,Owls,\neve,Owls,a password of hers\n")
    with only_service(data, by_hub=True):
        pass

    imported = anyone("users", "import", people, "-c", "four", "--data", data)
    added = anyone("users", "add", "zoe", "--data", data)
    refused = [
        anyone("users", "add", "ola", "--organizer", "--data", data),
        anyone("users", "reset", "zoe", "--data", data),
    ]

    assert (imported.stdout, added.stdout) == ("name,password\n", "")
    for done in (imported, added):
        assert "by the JupyterHub, so there are no passwords" in done.stderr
    with closing(Store(data)) as store:
        assert store.accounts.teams("four")[0]["members"] == ["bob", "eve"]
        assert not any(store.accounts.user(name)["password_hash"] for name in ("bob", "eve", "zoe"))
    assert [done.returncode for done in refused] == [1, 1]
    for done, told in zip(
        refused, ("put 'ola' into the Hub's group", "password of 'zoe' there"), strict=True
    ):
        assert told in done.stderr


def test_a_folder_that_was_a_hubs_makes_passwords_again_where_its_service_is_not(
    anyone: Kit, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for by_hub in (True, False):
        with only_service(data, by_hub=by_hub):
            pass

    made = anyone.json("users", "add", "ola", "--organizer", "--data", data)

    assert len(made["password"]) >= 16


def test_people_of_a_hub_are_imported_under_the_names_it_gives(anyone: Kit, tmp_path: Path) -> None:
    people, data = tmp_path / "people.csv", tmp_path / "data"
    people.write_text("name\nzoë@example.org\no'brien\n", encoding="utf-8")
    elsewhere = anyone("users", "import", people, "--data", data)
    with only_service(data, by_hub=True):
        pass

    imported = anyone("users", "import", people, "--data", data)
    people.write_text("name\na/b\n")
    refused = anyone("users", "import", people, "--data", data)

    assert "line 2: the name 'zoë@example.org' is not 2 to 40 letters" in elsewhere.stderr
    assert imported.stderr.startswith("2 added.")
    assert "the name 'a/b' is none of a JupyterHub" in refused.stderr


def test_names_that_a_spreadsheet_would_compute_are_guarded_and_read_back(
    anyone: Kit, tmp_path: Path
) -> None:
    people, data = tmp_path / "people.csv", tmp_path / "data"
    people.write_text("name,team\n-1,-2\n'-3,'-4\n")

    made = anyone("users", "import", people, "-c", "four", "-o", tmp_path / "out.csv", "--data", data)
    again = anyone("users", "import", tmp_path / "out.csv", "--data", data)

    assert made.returncode == 0, made.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["name"] for row in rows] == ["'-1", "'-3"]
    assert rows[0]["password"][0].isalnum()
    assert "0 added; 2 had an account already" in again.stderr
    with closing(Store(data)) as store:
        assert [(team["name"], team["members"]) for team in store.accounts.teams("four")] == [
            ("-2", ["-1"]),
            ("-4", ["-3"]),
        ]


def test_every_bad_row_is_listed_with_its_line_and_nobody_is_added(anyone: Kit, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("name,email,password\nbob,,\n,x@example.org,\nb b,,\neve,nowhere,short\nBob,,\nzoe\n")

    done = anyone("users", "import", people, "--data", tmp_path / "data")

    assert done.returncode == 1
    for line, words in [
        (3, "no name"),
        (4, "'b b'"),
        (5, "'nowhere'"),
        (5, "shorter"),
        (6, "line 2"),
        (7, "fields"),
    ]:
        assert any(f"line {line}: " in told and words in told for told in done.stderr.splitlines()), words
    assert "short" not in done.stderr.replace("shorter", "")
    assert not (tmp_path / "data").exists()


def test_a_reset_password_ends_earlier_logins(ola: Kit, anyone: Kit, service: Service) -> None:
    password = ola.json("users", "add", "zoe")["password"]
    assert anyone("login", service.url, "--name", "zoe", "--password-stdin", given=password).returncode == 0

    new = ola.json("users", "reset", "zoe")["password"]

    assert anyone("whoami").returncode == 1
    assert anyone("login", service.url, "--name", "zoe", "--password-stdin", given=new).returncode == 0


def test_participants_cannot_organize(anyone: Kit, service: Service, directory: Path) -> None:
    sign_up = ["login", f"{service.url}/four", "--name", "kim", "--password-stdin", "--sign-up"]
    assert anyone(*sign_up, given="a password of hers").returncode == 0

    for arguments in (["users", "list"], ["export"], ["rejudge"], ["teams"], ["baseline", directory]):
        done = anyone(*arguments)
        assert done.returncode == 1, arguments
        assert "organize" in done.stderr and "Traceback" not in done.stderr


def test_reference_notebooks_go_on_the_leaderboard_and_a_failing_one_is_red(
    ola: Kit, directory: Path, service: Service, tmp_path: Path
) -> None:
    done = ola("baseline", directory, "--json", "-o", tmp_path / "kept")

    assert done.returncode == 1
    broken, constant = json.loads(done.stdout)
    assert (broken["name"], broken["state"], broken["cell"]) == ("broken", "failed", 4)
    assert broken["error"] == "a / 0 → ZeroDivisionError: division by zero"
    assert (constant["state"], constant["score"]) == ("ok", 1.0)
    assert Path(constant["notebook"]).is_file()
    board = ola.json("leaderboard", "-c", "four")
    assert [(row["team"], row["rank"], row["baseline"]) for row in board] == [("constant", None, True)]
    base = f"{service.url}/api/v1/competitions/four"
    stored = httpx2.get(f"{base}/questions/counts/baselines/broken/notebook", headers=_token(ola, service))
    assert "ZeroDivisionError" in stored.text and str(tmp_path) not in stored.text
    told = {
        row["name"]: row["state"]
        for row in httpx2.get(f"{base}/baselines", headers=_token(ola, service)).json()
    }
    assert told == {"broken": "failed", "constant": "ok"}


def test_results_are_exported_as_csv_and_parquet(ola: Kit, tmp_path: Path) -> None:
    ola("submit", "-c", "four", "-f", _file(tmp_path, four.OFF_BY_TWO), "-m", "two off")

    files = ola.json("export", "-c", "four", "-o", tmp_path / "out")["files"]

    names = {Path(file).name for file in files}
    assert {stat.S_IMODE(Path(file).stat().st_mode) for file in files} == {0o600}
    wanted = {"counts-leaderboard-public", "counts-leaderboard-private", "submissions"}
    assert names == {f"four-{name}.{suffix}" for name in wanted for suffix in ("csv", "parquet")}
    for suffix, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        board = read(tmp_path / "out" / f"four-counts-leaderboard-private.{suffix}")
        assert board.filter(pl.col("team") == "ola")["score"].to_list() == [2.0]


def test_submissions_are_judged_again(ola: Kit, tmp_path: Path) -> None:
    one = ola.json("submit", "-c", "four", "-f", _file(tmp_path, four.OFF_BY_TWO))

    (some,) = ola.json("rejudge", one["id"], "-c", "four", "--reason", "a worker died")
    (all_,) = ola.json("rejudge", "-c", "four")

    assert (some["state"], some["n"], some["partial"]) == ("done", 1, True)
    assert (all_["state"], all_["n_done"], all_["partial"]) == ("done", all_["n"], False)
    told = ola("submissions", "-c", "four")
    assert "a worker died" in told.stderr
    assert "no score changes" in ola("rejudge", "-c", "four", "--report").stdout


def test_a_backup_of_a_running_service_can_be_restored_and_served(
    ola: Kit, service: Service, directory: Path, tmp_path: Path
) -> None:
    ola("submit", "-c", "four", "-f", _file(tmp_path, four.PERFECT), "-m", "kept")
    backup = tmp_path / "backup.tar.gz"

    done = ola("backup", backup, "--data", service.data)
    restored = ola("restore", backup, "--data", tmp_path / "restored")

    assert (done.returncode, restored.returncode) == (0, 0), done.stderr + restored.stderr
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "restored").stat().st_mode) == 0o700
    with closing(Store(service.data)) as before, closing(Store(tmp_path / "restored")) as after:
        assert after.submissions.list("four") == before.submissions.list("four")
        assert any(s.note == "kept" for s in after.submissions.list("four"))
        assert all(after.blobs.path(s.sha256).is_file() for s in after.submissions.list("four"))
    with running([directory], tmp_path / "restored") as again:
        assert httpx2.get(f"{again.url}/healthz").status_code == 200


def test_neither_backup_nor_restore_overwrites(ola: Kit, service: Service, tmp_path: Path) -> None:
    backup = tmp_path / "backup.tar"
    assert ola("backup", backup, "--data", service.data).returncode == 0

    assert "exists" in ola("backup", backup, "--data", service.data).stderr
    assert "take b.tar, or b.tar.gz" in ola("backup", tmp_path / "b.zip", "--data", service.data).stderr
    done = ola("restore", backup, "--data", service.data)
    assert done.returncode == 1 and "not empty" in done.stderr


@pytest.mark.parametrize("damage", ["blob", "name", "cut"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(anyone: Kit, tmp_path: Path, damage: str) -> None:
    backup = tmp_path / "backup.tar"
    with closing(Store(tmp_path / "data")) as store:
        sha256 = store.blobs.add(b"id,count\n").sha256
        store.backup(tmp_path / "kit.db")
    with tarfile.open(backup, "w") as tar:
        tar.add(tmp_path / "kit.db", "kit.db")
        (tmp_path / "blob").write_bytes(b"id,count\n" if damage != "blob" else b"id,other\n")
        tar.add(tmp_path / "blob", f"blobs/{sha256[:2]}/{sha256}" if damage != "name" else "../../escaped")
    if damage == "cut":
        backup.write_bytes(backup.read_bytes()[:20_000])

    done = anyone("restore", backup, "--data", tmp_path / "restored")

    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "restored").exists() and not (tmp_path.parent / "escaped").exists()
    assert not list(tmp_path.glob(".restore-*"))


def test_serve_tells_its_addresses_and_how_to_become_organizer(service: Service, ola: Kit) -> None:
    log = service.log.read_text()

    assert f"{service.url}/four" in log and f"{service.url}/docs" in log
    assert "kit users add NAME --organizer --data" in log


def test_a_taken_port_is_told_with_the_next_free_one(anyone: Kit, directory: Path, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = anyone("serve", directory, "--data", tmp_path / "data", "--port", port)

    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr and "--port" in done.stderr


def test_a_competition_with_problems_is_not_served(anyone: Kit, tmp_path: Path) -> None:
    directory = four.write(tmp_path / "four", top='slugg = "four"')

    done = anyone("serve", directory, "--data", tmp_path / "data", "--port", free_port())

    assert done.returncode == 1 and "slugg" in done.stderr and "Traceback" not in done.stderr


def test_the_dashboard_is_one_command_needs_no_other_site_and_knows_no_login(
    ola: Kit, service: Service
) -> None:
    port = free_port()
    own = {key: value for key, value in os.environ.items() if not key.startswith("KIT_")}
    own |= {"HOME": str(ola.home), "XDG_CONFIG_HOME": str(ola.home / "config"), "KIT_TOKEN": "kit_secret"}
    command = [sys.executable, "-m", "kit", "dashboard", "--url", service.url, "--port", str(port)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"Dashboard of {service.url}: http://127.0.0.1:{port}/\n"
            children = psutil.Process(process.pid).children(recursive=True)
            assert all("KIT_TOKEN" not in asked(child, psutil.Process.environ, {}) for child in children)
            page = httpx2.get(f"http://127.0.0.1:{port}/", timeout=300)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(END_S) == 0

    assert page.status_code == 200
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']*""", page.text)
    _, alive = psutil.wait_procs(children, timeout=END_S)
    assert not alive


def _file(folder: Path, content: str) -> Path:
    file = folder / "predictions.csv"
    file.write_text(content)
    return file


def _token(kit: Kit, service: Service) -> dict[str, str]:
    kept = json.loads((kit.home / "config/kit/credentials.json").read_text())
    return {"Authorization": f"Bearer {kept['services'][service.url]['token']}"}
