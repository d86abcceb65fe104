"""The demo as a person runs it: started, looked at, stopped, started again."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest
from processes import command_of
from running import free_port

from kit.client import Client
from kit.demo._folder import Folder, hash_of
from kit.errors import OrganizerError

pytestmark = pytest.mark.timeout(900)

START_S, END_S = 240, 120


class Demo:
    """A demo that runs."""

    def __init__(self, folder: Path, *options: str, ports: tuple[int, int, int] | None = None) -> None:
        service, lab, dashboard = ports or (free_port(), free_port(), free_port())
        self.out = folder.parent / f"out-{time.monotonic_ns()}.txt"
        command = [sys.executable, "-m", "kit", "demo", "--no-browser", "--dir", str(folder), *options]
        command += ["--port", str(service), "--lab-port", str(lab), "--dashboard-port", str(dashboard)]
        own = {key: value for key, value in os.environ.items() if not key.startswith(("KIT_", "JUPYTER"))}
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, env=own | {"HOME": str(folder.parent)}, cwd=folder.parent
            )
        self.seen: set[psutil.Process] = set()

    @property
    def text(self) -> str:
        return self.out.read_text()

    def wait_for(self, words: str, within_s: float = START_S) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.2)

    def address(self, what: str) -> str:
        found = re.search(rf"^ *{re.escape(what)} +(http://\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]

    def password(self, name: str) -> str | None:
        found = re.search(rf"^ *{name} +(\w{{4}}(?:-\w{{4}})+)$", self.text, re.MULTILINE)
        return found[1] if found else None

    def end(self, how: signal.Signals) -> None:
        """End it; nothing that it started may stay, wherever it was handed to."""
        self.seen |= set(psutil.Process(self.process.pid).children(recursive=True))
        assert len(self.seen) >= 4
        self.process.send_signal(how)
        self.process.wait(END_S)
        _, alive = psutil.wait_procs(self.seen, timeout=END_S)
        assert not alive, [(p.pid, command_of(p)) for p in alive]


@contextmanager
def started(folder: Path, *options: str, ports: tuple[int, int, int] | None = None) -> Iterator[Demo]:
    demo = Demo(folder, *options, ports=ports)
    try:
        demo.wait_for("Ctrl-C stops everything")
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
            demo.process.wait(END_S)


@pytest.mark.slow
def test_a_demo_runs_keeps_its_data_and_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    with started(folder) as demo:
        service = re.sub(r"/docs$", "", demo.address("Service's documentation"))
        for what in (
            "Participant's notebook",
            "The same with code",
            "Leaderboard",
            "Organizer's dashboard",
            "Service's documentation",
        ):
            answer = httpx2.get(demo.address(what), follow_redirects=True)
            assert answer.status_code == 200, what
        _start_a_kernel(demo)
        ada, organizer = demo.password("ada"), demo.password("organizer")
        assert ada and organizer
        with Client(service) as client:
            client.log_in("organizer", organizer, scopes=["submit", "read", "organize"])
            slugs = {c["slug"] for c in client.competitions()}
            assert slugs == {"penguins", "diamonds", "flights", "departures"}
            # Those of the first competition are remembered before those of the second run.
            demo.wait_for("(2 of 4)")
            assert "sex / logistic-regression: 0." in demo.text
            assert len(client.competition("penguins").leaderboard()) == 2
        notebook = folder / "notebooks/01-submit-predictions.ipynb"
        notebook.write_text(notebook.read_text().replace("Submit predictions", "My own title"))
        demo.end(signal.SIGINT)
        assert demo.process.returncode == 0, demo.text

    with started(folder) as demo:
        assert demo.password("ada") is None
        assert "penguins run" not in demo.text
        service = re.sub(r"/docs$", "", demo.address("Service's documentation"))
        with Client(service) as client:
            client.log_in("ada", ada)
            assert len(client.competition("penguins").leaderboard()) == 2
        assert "My own title" in notebook.read_text()
        demo.end(signal.SIGTERM)
        assert demo.process.returncode == 0, demo.text


@pytest.mark.slow
def test_a_killed_demo_leaves_nothing_and_can_be_started_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with started(folder) as demo:
        _start_a_kernel(demo)
        second = subprocess.run(
            [sys.executable, "-m", "kit", "demo", "--dir", str(folder), "--no-browser"],
            capture_output=True,
            text=True,
            timeout=END_S,
        )
        assert second.returncode == 1 and "A demo runs in" in second.stderr
        demo.seen |= set(psutil.Process(demo.process.pid).children(recursive=True))

        demo.process.kill()
        demo.process.wait()

        with started(folder) as again:
            _, alive = psutil.wait_procs(demo.seen, timeout=END_S)
            assert not alive, [command_of(p) for p in alive]
            again.end(signal.SIGINT)


@pytest.mark.slow
def test_taken_ports_are_told_and_the_next_free_ones_are_used(tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        started(tmp_path / "demo", ports=(port, port, free_port())) as demo,
    ):
        service, lab = demo.address("Service's documentation"), demo.address("Participant's notebook")

        assert f"Port {port} is taken" in demo.text
        assert f":{port}/" not in service + lab
        assert httpx2.get(service).status_code == 200
        demo.end(signal.SIGINT)


@pytest.mark.slow
def test_a_server_that_dies_is_told_with_its_last_words_and_ends_all(tmp_path: Path) -> None:
    with started(tmp_path / "demo") as demo:
        children = set(psutil.Process(demo.process.pid).children(recursive=True))
        lab = next(p for p in children if "jupyterlab" in command_of(p))

        lab.kill()

        assert demo.process.wait(END_S) == 1
        assert "jupyterlab ended with code -9" in demo.text and "Jupyter Server" in demo.text
        _, alive = psutil.wait_procs(children, timeout=END_S)
        assert not alive


def test_a_folder_that_is_no_demo_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(OrganizerError, match="something else"):
        Folder(tmp_path).make()
    with pytest.raises(OrganizerError, match="not removed"):
        Folder(tmp_path).remove()

    assert (tmp_path / "thesis.txt").exists()


def test_files_are_brought_up_to_date_but_not_those_that_were_edited(tmp_path: Path) -> None:
    source, demo = tmp_path / "source", Folder(tmp_path / "demo")
    source.mkdir()
    for name in ("kept.txt", "edited.txt"):
        (source / name).write_text("first")
    demo.make()
    demo.copy_in(source, demo.notebooks)
    (demo.notebooks / "edited.txt").write_text("mine")
    for name in ("kept.txt", "edited.txt"):
        (source / name).write_text("second")

    demo.copy_in(source, demo.notebooks)

    assert (demo.notebooks / "kept.txt").read_text() == "second"
    assert (demo.notebooks / "edited.txt").read_text() == "mine"
    assert hash_of(source) != hash_of(demo.notebooks)


def _start_a_kernel(demo: Demo) -> None:
    address, token = demo.address("Participant's notebook").split("?token=")
    base = address.split("/lab/")[0]
    asked = {"params": {"token": token}, "content": json.dumps({"name": "python3"})}
    answer = httpx2.post(f"{base}/api/kernels", timeout=END_S, **asked)
    assert answer.status_code == 201, answer.text
    assert httpx2.get(f"{base}/api/kernels").status_code == 403
    demo.seen |= set(psutil.Process(demo.process.pid).children(recursive=True))
