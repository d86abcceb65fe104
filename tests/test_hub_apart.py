"""On a real JupyterHub: nothing of the service and of others can be had from a participant's account."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Iterator
from concurrent import futures
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import four
import httpx2
import psutil
import pytest
from attempts import started_at
from hub import LONG_S, Hub, Person, missing, processes_of
from processes import asked
from waiting import until

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(missing() is not None, reason=missing() or "")]

SLOW_CODE = """
import time

from sklearn.dummy import DummyRegressor


class Slow(DummyRegressor):
    def fit(self, X, y):
        time.sleep(100)
        return super().fit(X, y)


def get_estimator():
    return Slow()
"""
SUBMIT = "/api/v1/competitions/four/questions/counts/submissions?filename=p.csv"
SUBMIT_CODE = "/api/v1/competitions/four/questions/coded/submissions?filename=submission.py"
SAID = "olgas-secret-4f1d"
SAYING = f"""
import time
from pathlib import Path
Path("saying").touch()
while Path("saying").exists():
    print("{SAID}", flush=True)
    time.sleep(0.1)
"""
"""What olga's kernel does meanwhile: it prints what nobody else may hear."""

KINDS = {
    *(
        "ask",
        "bound",
        "connect",
        "create",
        "cut",
        "date",
        "fetch",
        "files",
        "follow",
        "keep",
        "list",
        "look",
        "map",
    ),
    *("memory", "open", "overhear", "place", "plant", "read", "rename", "renice", "signal", "take"),
    *("trace", "write"),
}
"""What an account can do to what is its own; were one missing, the attempts would prove nothing."""


def owned(folder: Path, uid: int) -> Iterator[str]:
    """Paths below a folder that belong to an account, and what is below those."""
    for path in folder.iterdir():
        # What runs meanwhile makes and removes its own.
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_uid == uid:
                yield from map(str, (path, *below(path)))


def below(folder: Path) -> Iterator[Path]:
    """Files and folders below one, of which any may go meanwhile."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


@contextlib.contextmanager
def saying(person: Person) -> Iterator[None]:
    """Let a kernel of theirs say something all the time."""
    file = person.home / "saying"
    with futures.ThreadPoolExecutor() as pool:
        said = pool.submit(person.run, SAYING)
        try:
            until(lambda: file.exists() or said.done(), within_s=180)
            yield
        finally:
            file.unlink(missing_ok=True)
        said.result()


@contextlib.contextmanager
def running_code(person: Person, hub: Hub) -> Iterator[int]:
    """Let code of theirs run; gives the submission."""
    number = int(person.ask("POST", SUBMIT_CODE, content=SLOW_CODE).json()["id"])
    try:
        until(lambda: is_running(person, number) and has_sandbox(hub), within_s=180)
        yield number
    finally:
        person.ask("POST", f"/api/v1/submissions/{number}/cancel")


def is_running(person: Person, submission: int) -> bool:
    """Whether a fold of code is under way: before, its sandbox may be one that only tries out what holds."""
    code = person.ask("GET", f"/api/v1/submissions/{submission}").json()["code"]
    return any(fold["state"] == "running" for fold in code["folds"])


def has_sandbox(hub: Hub) -> bool:
    return any("bwrap" in asked(process, psutil.Process.name, "") for process in processes_of(hub.account))


@pytest.fixture(scope="module")
def aims(hub: Hub) -> Iterator[dict[str, Any]]:
    """Everything of the service's and of olga's, while her code and her kernel run."""
    olga = hub.person("olga")
    olga.start_server()
    olga.keep("secret.ipynb", "{}")
    hers = olga.ask("POST", SUBMIT, content=four.OFF_BY_ONE).json()["id"]
    with running_code(olga, hub) as code, saying(olga):
        yield everything(hub, olga, hers, code)


def everything(hub: Hub, olga: Person, hers: int, running: int) -> dict[str, Any]:
    """What of the service and of olga, by kind."""
    processes = processes_of(hub.account)
    others = processes_of(olga.name)
    folders = [hub.data, hub.folder / "four", hub.folder / "hub", olga.home]
    paths = [str(path) for folder in folders for path in (folder, *below(folder)) if not path.is_socket()]
    for name in (hub.account, olga.name):
        for place in ("/tmp", "/dev/shm", "/run"):
            paths += owned(Path(place), pwd.getpwnam(name).pw_uid)
    return {
        "own_url": f"{hub.direct}/healthz",
        "databases": [str(hub.data / "kit.db"), str(hub.folder / "hub/jupyterhub.sqlite")],
        "paths": [path for path in paths if not path.startswith(str(olga.home / "saying"))],
        "sockets": [address for p in (*processes, *others) for address in sockets_of(p)],
        "ports": [json.loads(path.read_text())["iopub_port"] for path in connections_of(olga)],
        "urls": [
            f"{hub.direct}/api/v1/users",
            f"{hub.direct}/api/v1/submissions/{hers}",
            f"{hub.direct}/api/v1/submissions/{hers}/file",
            f"{hub.direct}/api/v1/submissions/{running}/code",
            f"{hub.url}/hub/api/users",
            f"{hub.url}/user/{olga.name}/api/kernels",
            f"{hub.url}/user/{olga.name}/api/contents/secret.ipynb",
        ],
        "accounts": [hub.account, olga.name, "root"],
        "pids": [
            (p.pid, started_at(p.pid))
            for p in (*processes, *others, psutil.Process(hub.pid))
            if p.is_running()
        ],
    }


def connections_of(person: Person) -> list[Path]:
    """Files that say where their kernels listen."""
    return [path for path in below(person.home) if fnmatch(path.name, "kernel-*.json")]


@pytest.mark.parametrize("origin", ["kernel", "terminal"])
def test_a_participants_account_can_do_nothing_to_the_service_and_to_others(
    hub: Hub, aims: dict[str, Any], origin: str
) -> None:
    alice = hub.person("alice")
    alice.keep("attempts.py", (Path(__file__).parent / "attempts.py").read_text())
    alice.keep("aims.json", json.dumps(aims))
    before = {(p.pid, started_at(p.pid)) for p in processes_of(hub.account)} & set(aims["pids"])

    if origin == "kernel":
        found = json.loads(alice.run("import attempts; attempts.main()"))
    else:
        shown = alice.type(f"{sys.executable} attempts.py > found.json")
        assert (alice.home / "found.json").exists(), shown
        found = json.loads((alice.home / "found.json").read_text())

    assert found["uid"] == pwd.getpwnam(alice.name).pw_uid
    assert found["tty"] == (origin == "terminal")
    tools = {tool for tool in ("gdb", "sqlite3", "strace") if shutil.which(tool)}
    assert {name.split()[0] for name in found["control"]} == KINDS | tools
    assert found["done"] == []
    states = [asked(p, psutil.Process.status, "") for p in processes_of(hub.account)]
    assert psutil.STATUS_STOPPED not in states
    assert len(aims["ports"]) > 0 < len(before)


def test_the_services_account_listens_at_one_port_alone(hub: Hub) -> None:
    listening = {
        connection.laddr
        for process in processes_of(hub.account)
        for connection in asked(process, lambda p: p.net_connections("tcp"), [])
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening == {("127.0.0.1", hub.service_port)}


def sockets_of(process: psutil.Process) -> list[str]:
    """Where a process can be reached on this machine, by names of its own."""
    return [s.laddr for s in asked(process, lambda p: p.net_connections("unix"), []) if s.laddr]


def environments_of(account: str) -> dict[int, bytes]:
    """Of its processes; those that end meanwhile have none."""
    found = {}
    for process in processes_of(account):
        with contextlib.suppress(OSError):
            found[process.pid] = Path(f"/proc/{process.pid}/environ").read_bytes()
    return found


def test_the_services_token_is_in_no_command_line_and_not_with_its_judge(hub: Hub) -> None:
    environments = environments_of(hub.account)
    lines = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(line.read_bytes())

    holding = [e for e in environments.values() if b"JUPYTERHUB_API_TOKEN=" in e]

    assert len(holding) == 1 < len(environments)
    token = holding[0].partition(b"JUPYTERHUB_API_TOKEN=")[2].partition(b"\0")[0]
    assert len(token) > 20
    assert not any(token in line for line in lines)


def test_the_services_own_token_has_no_right_at_the_hub(hub: Hub) -> None:
    environment = next(e for e in environments_of(hub.account).values() if b"JUPYTERHUB_API_TOKEN=" in e)
    token = environment.partition(b"JUPYTERHUB_API_TOKEN=")[2].partition(b"\0")[0].decode()
    header = {"Authorization": f"token {token}"}

    for path in ("/users", "/groups", "/proxy", f"/users/{hub.accounts['alice']}"):
        assert httpx2.get(f"{hub.url}/hub/api{path}", headers=header, timeout=LONG_S).status_code in (
            403,
            404,
        ), path


def test_the_services_folder_is_open_to_its_account_alone(hub: Hub) -> None:
    modes = {}
    for path in (hub.data, *below(hub.data)):
        with contextlib.suppress(FileNotFoundError):
            modes[path] = path.lstat().st_mode

    assert hub.data / "kit.db" in modes
    assert [str(path) for path, mode in modes.items() if mode & 0o077 and not stat.S_ISLNK(mode)] == []
