"""The demo from its start to Ctrl-C."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kit.cli import voila
from kit.cli.screen import tell
from kit.cli.serving import wait_for
from kit.demo import _lab
from kit.demo._accounts import ORGANIZER, PARTICIPANT, make_accounts, organizer_token
from kit.demo._baselines import Baselines
from kit.demo._children import Children
from kit.demo._folder import Folder
from kit.demo._ports import HOST, Ports
from kit.resources import folder

SAMPLES = ("penguins", "diamonds", "flights", "departures")
WATCH_S = 0.3


def run(directory: Path, ports: Ports, *, fresh: bool = False, browser: bool = True) -> None:
    """Run the demo until it is interrupted; a second run goes on where the first one ended.

    Raises
    ------
    OrganizerError
        The folder is in use or holds something else, or a server ended.
    KeyboardInterrupt
    """
    os.umask(0o077)
    demo = Folder(directory)
    if fresh:
        demo.remove()
    demo.make()
    with demo.locked() as lock:
        _copy(demo)
        ports = ports.free()
        passwords = make_accounts(demo)
        token = secrets.token_hex(24)
        with Children(demo.logs.resolve(), lock) as children:
            try:
                _start(demo, ports, children, token)
                _show(demo, ports, token, passwords)
                if browser:
                    _open_browser(_lab.lab_address(ports.lab, token, demo))
                _look_after(demo, ports, children)
            finally:
                tell(f"Stopping; everything is kept in {directory}.")


def _copy(demo: Folder) -> None:
    for name in SAMPLES:
        demo.copy_in(folder("data") / name, demo.competitions / name)
    demo.copy_in(folder("notebooks"), demo.notebooks)
    _lab.write_settings(demo)


def _start(demo: Folder, ports: Ports, children: Children, token: str) -> None:
    tell(f"Starting service, JupyterLab and dashboard in {demo.path} …")
    competitions = [str((demo.competitions / name).resolve()) for name in SAMPLES]
    serve = [
        sys.executable,
        "-m",
        "kit",
        "serve",
        *competitions,
        "--host",
        HOST,
        "--port",
        str(ports.service),
    ]
    serve += ["--data", str(demo.store.resolve())]
    service = _service(ports)
    place = demo.logs.resolve()
    children.start("service", serve, dict(os.environ), place)
    lab_environment = _lab.lab_environment(demo, f"{service}/{SAMPLES[0]}", token)
    children.start("jupyterlab", _lab.lab_command(demo, ports.lab), lab_environment, place)
    dashboard_environment = _lab.dashboard_environment(demo, service)
    children.start("dashboard", _lab.dashboard_command(ports.dashboard), dashboard_environment, place)
    servers = (
        ("The service", f"{service}/healthz"),
        ("JupyterLab", f"http://{HOST}:{ports.lab}/api"),
        ("The dashboard", f"http://{HOST}:{ports.dashboard}/"),
    )
    with Console(stderr=True).status("") as status:
        for what, address in servers:
            status.update(f"{what} is starting")
            wait_for(address, children.check, what)


def _service(ports: Ports) -> str:
    return f"http://{HOST}:{ports.service}"


def _show(demo: Folder, ports: Ports, token: str, passwords: Mapping[str, str]) -> None:
    service = _service(ports)
    rows = [("Participant's notebook", _lab.lab_address(ports.lab, token, demo))]
    rows.append(("The same with code", _lab.lab_address(ports.lab, token, demo, _lab.OF_CODE)))
    for what, notebook in (("Leaderboard", _lab.BOARD), ("Organizer's dashboard", voila.NOTEBOOK)):
        rows.append((what, _lab.dashboard_address(notebook, ports.dashboard, SAMPLES[0])))
    rows += [(f"To connect to {name}", f"{service}/{name}") for name in SAMPLES]
    rows.append(("Service's documentation", f"{service}/docs"))
    _print_table("Addresses", rows)
    if passwords:
        _print_table("Accounts, with passwords that are shown this once", list(passwords.items()))
    store = shlex.quote(str(demo.store))
    print(
        f"\nAccounts: {ORGANIZER}, {PARTICIPANT}. A password forgotten: kit users reset NAME --data {store}"
    )
    print("Ctrl-C stops everything.", flush=True)


def _print_table(title: str, rows: list[tuple[str, str]]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"\n{title}", style="bold"))
    width = max(len(what) for what, _ in rows) + 2
    for what, value in rows:
        # Never a rich table: it breaks what is longer than the line, and addresses are there to be copied.
        console.print(Text(f"  {what:{width}}{value}"))


def _open_browser(address: str) -> None:
    has_screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen and sys.stdout.isatty():
        webbrowser.open(address)


def _look_after(demo: Folder, ports: Ports, children: Children) -> None:
    baselines = Baselines(demo, [demo.competitions / name for name in SAMPLES])
    console = Console(stderr=True)
    with organizer_token(demo) as token, console.status("") as status:
        while not baselines.is_done:
            baselines.step(children, _service(ports), token)
            if console.is_terminal:
                status.update(Text(baselines.line(children)))
            children.check()
            time.sleep(WATCH_S)
    while True:
        children.check()
        time.sleep(WATCH_S)
