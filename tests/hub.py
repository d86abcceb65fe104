"""A real JupyterHub: proxy, system accounts with servers and kernels of their own, and the kit's service."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import four
import httpx2
import psutil
from running import free_port
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect
from waiting import until

ROOT = Path(__file__).parent.parent
PROXY = ROOT / ".venv/npm/node_modules/.bin/configurable-http-proxy"
NAMES = ("alice", "bob", "olga")
"""Participants alice and bob; olga, whom the group organizers makes one."""

LONG_S = 240
"""What takes so long hangs, on a busy machine too."""
PASSING = frozenset({502, 503, 504})
"""Answers after which the client asks again: the Hub, or its proxy, was too busy."""

HALL = """
[access]
signup = "hub"
hub_groups = ["hall"]
team_groups = "team-"
[[question]]
id = "coded"
metric = "mae"
id_column = "id"
target = "count"
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
[question.code]
train = "data/train.csv"
test = "data/test.csv"
splitter = { n_splits = 3 }
"""
"""Lines of the competition: the group hall may take part, and a second question takes code."""

CONFIG = """
import sys
sys.path.insert(0, {root!r})
import kit.hub

c.JupyterHub.bind_url = "http://127.0.0.1:{port}{base}"
c.JupyterHub.subdomain_host = {host!r}
c.JupyterHub.cleanup_servers = False
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.Authenticator.admin_users = {admins!r}
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "tests", "services": ["tests"], "scopes": [
    "admin:users", "admin:groups", "admin:servers", "tokens", "access:servers", "access:services"]}}]
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
c.Spawner.environment = {{"JUPYTER_PLATFORM_DIRS": "1"}}

kit.hub.configure(
    c,
    competitions={competitions!r},
    data={data!r},
    user={account!r},
    port={service_port},
    shared_data={shared!r},
)
"""


def missing() -> str | None:
    """What keeps a Hub from being tested here, in one line; None where nothing does."""
    if os.geteuid() != 0:
        return "a JupyterHub with real accounts takes root: sudo make test"
    for program in ("useradd", "unshare", "node"):
        if shutil.which(program) is None:
            return f"a JupyterHub takes {program}, which is not here"
    return None if PROXY.exists() else "the Hub's proxy is not installed: make test does it"


@dataclass
class Person:
    """Somebody at the Hub, by a token of theirs."""

    hub: Hub
    name: str
    token: str

    @property
    def header(self) -> dict[str, str]:
        """What is sent with each request."""
        return _header(self.token)

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """The answer to a request to the service, through the proxy, once it is more than to ask again."""
        url, given = f"{self.hub.service}{path}", {"headers": self.header, "timeout": LONG_S} | given

        def answered() -> httpx2.Response | None:
            answer = httpx2.request(method, url, **given)
            return None if answer.status_code in PASSING else answer

        answer = until(answered, within_s=60)
        assert answer is not None
        return answer

    def start_server(self, server: str = "") -> None:
        """Start the person's server, or a named one, unless it runs, and wait until it answers."""
        with contextlib.suppress(AssertionError):
            path = f"servers/{server}" if server else "server"
            self.hub.api("POST", f"/users/{self.name}/{path}")
        deadline = time.monotonic() + LONG_S
        while time.monotonic() < deadline:
            found = self.hub.api("GET", f"/users/{self.name}").json().get("servers", {}).get(server)
            if found and found["ready"]:
                return
            time.sleep(0.2)
        raise AssertionError(f"{self.name}'s server did not start:\n{self.hub.log.read_text()[-4000:]}")

    def run(self, code: str, server: str = "") -> str:
        """What code prints in a new kernel of the person's server; an error there is one here."""
        with self._opened("kernels", "id", 201, server) as (url, number):
            return asyncio.run(_execute(f"{url}/api/kernels/{number}/channels", self.token, code))

    def type(self, command: str) -> str:
        """What a new terminal of the person's server shows of a command."""
        with self._opened("terminals", "name", 200) as (url, name):
            return asyncio.run(_type(f"{url}/terminals/websocket/{name}", self.token, command))

    @contextlib.contextmanager
    def _opened(self, kind: str, key: str, status: int, server: str = "") -> Iterator[tuple[str, str]]:
        """Something new on the person's server, until the block ends: the server's address, and its name."""
        url = f"{self.hub.url}/user/{self.name}{server and '/'}{server}"
        made = httpx2.post(f"{url}/api/{kind}", headers=self.header, timeout=LONG_S)
        assert made.status_code == status, made.text
        name = made.json()[key]
        try:
            yield url, name
        finally:
            httpx2.delete(f"{url}/api/{kind}/{name}", headers=self.header, timeout=LONG_S)

    @property
    def home(self) -> Path:
        """Where the person's files are."""
        return self.hub.folder / "home" / self.name

    def keep(self, name: str, text: str) -> None:
        """Write a file into the person's home, as the person."""
        url = f"{self.hub.url}/user/{self.name}/api/contents/{name}"
        file = {"type": "file", "format": "text", "content": text}
        kept = httpx2.put(url, json=file, headers=self.header, timeout=LONG_S)
        assert kept.is_success, kept.text


@dataclass
class Hub:
    """A Hub that runs."""

    folder: Path
    port: int
    service_port: int
    token: str
    base: str
    account: str
    accounts: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    host: str = ""

    @property
    def pid(self) -> int:
        """The Hub's own process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start the Hub, and wait until its service answers through its proxy."""
        command = [
            sys.executable,
            "-m",
            "jupyterhub",
            "--config",
            str(self.folder / "hub/jupyterhub_config.py"),
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("KIT_", "JUPYTER", "XDG_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                opened_to_all([ROOT, Path(sys.base_prefix), Path(sys.prefix)], command),
                cwd=self.folder / "hub",
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait(self, self.process)

    def kill(self) -> None:
        """Kill the Hub alone: its proxy, its service and people's servers live on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        """The Hub as the proxy shows it."""
        return f"http://127.0.0.1:{self.port}{self.base}"

    @property
    def service(self) -> str:
        """The kit's service as the proxy shows it, by the Hub's own address alone."""
        return self.direct if self.host else f"{self.url}/services/kit"

    @property
    def direct(self) -> str:
        """The kit's service without the proxy."""
        return f"http://127.0.0.1:{self.service_port}{self.base}/services/kit"

    @property
    def log(self) -> Path:
        """What the Hub and its service say."""
        return self.folder / "hub.log"

    @property
    def data(self) -> Path:
        """The service's folder."""
        return self.folder / "data"

    @property
    def shared(self) -> Path:
        """The folder from which all accounts read data."""
        return self.folder / "shared"

    def api(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """A request to the Hub's own interface, with every right."""
        response = httpx2.request(
            method, f"{self.url}/hub/api{path}", headers=_header(self.token), timeout=LONG_S, **given
        )
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def person(self, short: str, *, scopes: Sequence[str] | None = None) -> Person:
        """Somebody, with a new token; by default one that may do all that the person may."""
        name = self.accounts[short]
        given = {} if scopes is None else {"scopes": list(scopes)}
        return Person(self, name, self.api("POST", f"/users/{name}/tokens", json=given).json()["token"])

    def add(self, name: str) -> None:
        """Make a user; an admin is there from the start."""
        with contextlib.suppress(AssertionError):
            self.api("POST", f"/users/{name}")

    def join(self, short: str, group: str) -> None:
        """Put somebody into a group, which is made."""
        self.join_named(self.accounts[short], group)

    def join_named(self, name: str, group: str) -> None:
        """Put a user of any name into a group, which is made."""
        with contextlib.suppress(AssertionError):
            self.api("POST", f"/groups/{group}")
        self.api("POST", f"/groups/{group}/users", json={"users": [name]})


@contextlib.contextmanager
def running_hub(
    *, base: str = "", top: str = "", more: Mapping[str, str] | None = None, host: str = ""
) -> Iterator[Hub]:
    """A Hub with accounts of its own, all of which end with the block.

    ``top`` are lines added to its competition; ``more`` those of further ones, by slug. ``host`` is the
    address of a proxy before it, where everyone's server and the service have names below that one's.
    """
    # Several Hubs may run below one process, and numbers of processes are given again.
    mark = f"{os.getpid():07d}{secrets.token_hex(3)}"
    accounts = {short: f"kit{mark}{short}" for short in NAMES}
    account = f"kit{mark}service"
    folder = Path(tempfile.mkdtemp(prefix="kit-hub-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        _make_accounts((*accounts.values(), account), folder / "home")
        hub = Hub(folder, free_port(), free_port(), secrets.token_hex(16), base, account, accounts, host=host)
        _write(hub, {"four": top, **(more or {})})
        with _process(hub):
            for name in accounts.values():
                hub.add(name)
            hub.join("olga", "organizers")
            # Whoever comes before that downloads the data, and stays with them.
            until(lambda: _is_shared(hub))
            yield hub
    finally:
        with _changing_accounts():
            for name in (*accounts.values(), account):
                _remove_account(name)
        shutil.rmtree(folder, ignore_errors=True)


def _is_shared(hub: Hub) -> bool:
    """Whether the service has put its two files where all accounts can read them, which it does by itself."""
    with contextlib.suppress(FileNotFoundError):
        return sum(bool(path.stat().st_mode & 0o004) for path in hub.shared.iterdir()) == 2
    return False


@contextlib.contextmanager
def _changing_accounts() -> Iterator[None]:
    """Change the machine's accounts while no other test does: its tools wait for each other but shortly."""
    place = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _make_accounts(names: Sequence[str], homes: Path) -> None:
    with _changing_accounts():
        _remove_leftovers()
        for name in names:
            options = ["--create-home", "--home-dir", homes / name, "--shell", "/bin/bash"]
            subprocess.run(["useradd", *options, name], check=True, capture_output=True)
            # As The Littlest JupyterHub makes homes; Debian's own default lets everyone read them.
            (homes / name).chmod(0o700)


def _remove_leftovers() -> None:
    """Accounts of tests that were killed."""
    for each in pwd.getpwall():
        found = re.fullmatch(rf"kit(\d{{7}})[0-9a-f]{{6}}({'|'.join(NAMES)}|service)", each.pw_name)
        if found and not psutil.pid_exists(int(found[1])):
            _remove_account(each.pw_name)


def _remove_account(name: str) -> None:
    subprocess.run(["userdel", "--force", name], capture_output=True, check=False)


def _write(hub: Hub, competitions: Mapping[str, str]) -> None:
    (hub.folder / "home").chmod(0o755)
    for slug, top in competitions.items():
        competition = four.write_open(hub.folder / slug, phase="")
        toml = competition / "competition.toml"
        text = toml.read_text().replace('slug = "four"', f'slug = "{slug}"')
        toml.write_text(f"{text}\n{top}\n")
        for path in (competition, *competition.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
            shutil.chown(path, hub.account, hub.account)
    own = hub.folder / "hub"
    own.mkdir(mode=0o700)
    (own / "jupyterhub_config.py").write_text(
        CONFIG.format(
            root=str(ROOT),
            python=sys.executable,
            port=hub.port,
            base=hub.base,
            host=hub.host,
            hub_port=free_port(),
            proxy=str(PROXY),
            proxy_port=free_port(),
            admins={hub.accounts["bob"]},
            token=hub.token,
            competitions=[str(hub.folder / slug) for slug in competitions],
            data=str(hub.data),
            shared=str(hub.shared),
            account=hub.account,
            service_port=hub.service_port,
        )
    )


@contextlib.contextmanager
def _process(hub: Hub) -> Iterator[None]:
    try:
        hub.start()
        yield
    finally:
        if hub.process is not None:
            _stop(hub, hub.process)


def _wait(hub: Hub, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        assert process.poll() is None, hub.log.read_text()
        with contextlib.suppress(httpx2.TransportError):
            asked = (f"{hub.service}/healthz", f"{hub.url}/hub/api")
            if all(httpx2.get(url, timeout=5).status_code == 200 for url in asked):
                return
        time.sleep(0.2)
    raise AssertionError("the Hub or its service did not start:\n" + hub.log.read_text())


def _stop(hub: Hub, process: subprocess.Popen[bytes]) -> None:
    family = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    own = {pwd.getpwnam(name).pw_uid for name in (*hub.accounts.values(), hub.account)}
    for each in [*family, *(p for p in psutil.process_iter() if _uid(p) in own)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.kill()
    process.wait()


def processes_of(account: str) -> list[psutil.Process]:
    """All processes of a system account."""
    own = pwd.getpwnam(account).pw_uid
    return [p for p in psutil.process_iter() if _uid(p) == own]


def _uid(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.uids().real)
    return -1


def opened_to_all(paths: Sequence[Path], command: Sequence[str]) -> list[str]:
    """A command that sees folders as every account may enter them, in mounts of its own.

    A Python below a home folder of mode 0700 is no use to other accounts, and modes of what is not ours are
    not changed for a test.
    """
    closed: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(paths):
        above = [p for p in reversed(path.parents) if not p.stat().st_mode & 0o001]
        if above:
            closed.setdefault(above[0], []).append(path)
    if not closed:
        return list(command)
    script = ["set -e", "stage=$(mktemp -d)"]
    for number, (folder, needed) in enumerate(closed.items()):
        for k, path in enumerate(needed):
            script.append(
                f"mkdir $stage/{number}-{k}; mount --bind {shlex.quote(str(path))} $stage/{number}-{k}"
            )
        script.append(f"mount -t tmpfs -o mode=0755 tmpfs {shlex.quote(str(folder))}")
        for k, path in enumerate(needed):
            script.append(f"mkdir -p {shlex.quote(str(path))}")
            script.append(f"mount --bind $stage/{number}-{k} {shlex.quote(str(path))}")
    script.append('exec "$@"')
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(script), "sh", *command]


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"}


async def _execute(url: str, token: str, code: str) -> str:
    request = HTTPRequest(url.replace("http", "ws", 1), headers=_header(token), request_timeout=LONG_S)
    socket = await websocket_connect(request)
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header | {"version": "5.3"}, "parent_header": {}, "metadata": {}, "content": content}
    await socket.write_message(json.dumps(message | {"channel": "shell", "buffers": []}))
    # What is printed comes by another way than the reply, and may come later: the kernel's rest is its end.
    awaited, printed = {"execute_reply", "idle"}, []
    try:
        async with asyncio.timeout(LONG_S):
            while awaited:
                received = await socket.read_message()
                assert received is not None, "the kernel went away"
                answer = json.loads(received)
                if answer["parent_header"].get("msg_id") != number:
                    continue
                kind, told = answer["msg_type"], answer["content"]
                if kind == "stream" and told["name"] == "stdout":
                    printed.append(told["text"])
                if kind == "execute_reply":
                    assert told["status"] == "ok", "\n".join(told["traceback"])
                awaited.discard(told["execution_state"] if kind == "status" else kind)
    finally:
        await _end(socket)
    return "".join(printed)


async def _type(url: str, token: str, command: str) -> str:
    request = HTTPRequest(url.replace("http", "ws", 1), headers=_header(token), request_timeout=LONG_S)
    terminal = await websocket_connect(request)
    # What is typed is shown too, and must not look like what is printed.
    await terminal.write_message(json.dumps(["stdin", f"{command}; echo o''ver\r"]))
    shown = ""
    try:
        async with asyncio.timeout(LONG_S):
            while "over\r\n" not in shown:
                received = await terminal.read_message()
                assert received is not None, f"the terminal went away:\n{shown}"
                kind, *told = json.loads(received)
                shown += told[0] if kind == "stdout" else ""
    finally:
        await _end(terminal)
    return shown


async def _end(opened: WebSocketClientConnection) -> None:
    opened.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while await opened.read_message() is not None:
                pass
