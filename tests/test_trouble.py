"""What breaks under a real service: its disk, its database, a clock, a participant's process."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import four
import pandas as pd
import psutil
import pytest
from arena import lossy_way
from browsing import ORGANIZER, bare_environment, chromium, password_of, serving
from conftest import Clock
from processes import command_of
from running import Service
from served import Decided, Served, rejected
from test_code_queue import send
from test_store import enrol
from waiting import until

from kit._store import database
from kit._store.backup import restore_backup
from kit.client import Client, CompetitionClient
from kit.errors import ServiceError
from kit.judge import Judge
from kit.store import RESERVE_BYTES, Store, Trouble, trouble_of
from kit.widgets._widget import esm
from kit.widgets.upload import upload_box

OFF = {"id": [1, 2, 3, 4], "count": [11, 21, 31, 41]}
PERFECT = {"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]}
DISK_BYTES = RESERVE_BYTES + (16 << 20)
LARGE = four.PERFECT.replace("0\n", "0." + "0" * 900_000 + "\n").encode()
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def taking_part(url: str, name: str) -> CompetitionClient:
    client = Client(url)
    client.sign_up(name, f"pass-{name}-1234567")
    return client.competition("four")


def organizing(url: str) -> Client:
    client = Client(url)
    client.log_in(ORGANIZER, password_of(ORGANIZER), scopes=["submit", "read", "organize"])
    return client


# Disk full


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk takes root that may mount: sudo make test")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, *, leaving: int) -> Path:
    """Fill a disk but for some bytes; returns what is to be removed to make room."""
    told = os.statvfs(disk)
    file = disk / "filler"
    with file.open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, told.f_bavail * told.f_frsize - leaving)
    return file


def judge_of(service: Service) -> psutil.Process:
    """The judge's own process, without its workers."""
    children = psutil.Process(service.process.pid).children()
    return next(child for child in children if "kit.judge_process" in command_of(child))


@pytest.mark.slow
def test_on_a_full_disk_nothing_new_is_taken_and_what_was_taken_is_judged_when_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    with serving([four.write_open(tmp_path / "four", phase="daily_limit = 3")], disk / "data") as service:
        comp, organizer = taking_part(service.url, "ada"), organizing(service.url)
        judged = comp.submit(pd.DataFrame(OFF), wait=True)
        comp.leaderboard()
        large = tmp_path / "large.csv"
        large.write_bytes(LARGE)
        judge = judge_of(service)
        with service.judging_stopped():
            waiting = comp.submit(pd.DataFrame(PERFECT))

            filler = fill(disk, leaving=0)

        with pytest.raises(
            ServiceError, match="disk is full: it could not keep this, and nothing is used"
        ) as told:
            comp.submit(pd.DataFrame(PERFECT), again=True)
        with pytest.raises(ServiceError, match="disk is full"):
            comp.select(judged)
        with pytest.raises(ServiceError, match="disk is full"):
            comp.submit(large)
        incident = str(told.value).partition("incident ")[2][:9]
        assert organizer.get("/queue")["trouble"] == {"what": "disk full", "incident": incident}
        assert organizer.request("GET", "/../../healthz").json()["status"] == "disk full"
        assert comp.leaderboard()["team"].to_list() == ["ada"]
        assert waiting.refresh().state in {"QUEUED", "RUNNING"}
        assert comp.limits()["left_today"].to_list() == [1]
        # It keeps waiting, and is neither restarted nor given up.
        assert judge.is_running()

        filler.unlink()

        assert waiting.wait(120).score == 0.0
        later = comp.submit(pd.DataFrame(PERFECT), again=True, wait=True)
        until(lambda: organizer.get("/queue")["trouble"] is None)
        assert organizer.get(f"/incidents/{incident}")["detail"].startswith("disk full")
        assert [each.id for each in comp.submissions()] == [later.id, waiting.id, judged.id]
        assert list((disk / "data/blobs/incoming").iterdir()) == []
    with contextlib.closing(sqlite3.connect(disk / "data/kit.db")) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_disk_that_fills_up_while_a_file_is_written_leaves_nothing_of_it(disk: Path) -> None:
    store = Store(disk / "data")
    fill(disk, leaving=1 << 20)

    with pytest.raises(OSError, match="No space left") as told:
        store.blobs.add(os.urandom(2 << 20))

    assert trouble_of(told.value) is Trouble.FULL
    assert list(store.blobs.incoming.iterdir()) == []
    store.close()


def test_a_transaction_for_which_there_is_no_room_is_undone_and_the_next_one_works(disk: Path) -> None:
    store = Store(disk / "data")
    filler = fill(disk, leaving=0)

    with pytest.raises(sqlite3.OperationalError) as told:
        store.add_incident("a test", "x" * (1 << 20), now=four.NOON)
    filler.unlink()

    assert trouble_of(told.value) is Trouble.FULL
    number = store.add_incident("a test", "room again", now=four.NOON)
    assert store.incident(number)["detail"] == "room again"
    store.close()


def test_code_waits_for_room_and_what_failed_for_want_of_it_runs_again(
    disk: Path, tmp_path: Path, clock: Clock
) -> None:
    competition = four.competition(tmp_path / "four", question=four.CODE)
    with contextlib.closing(Store(disk / "data")) as store:
        send(store, competition, enrol(store, competition, "ada"))
        crashed = Decided(rejected("it crashed"))
        judge = Judge(store, [competition], crashed, code_executor=crashed, clock=clock)
        judge.step()
        filler = fill(disk, leaving=RESERVE_BYTES // 2)

        while judge.step():
            pass
        waiting = store.queue.states()
        filler.unlink()
        while judge.step():
            pass

        assert waiting == {"QUEUED": 1}
        assert store.queue.states() == {"REJECTED": 1}


# Database held by another program


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all that it outlasts: one competition is open, one closed and one will close soon."""
    folder, now = tmp_path_factory.mktemp("trouble"), datetime.now(UTC)
    directories = [four.write_open(folder / "four")]
    for slug, closes_at in (("late", now - timedelta(minutes=45)), ("soon", now + timedelta(minutes=45))):
        made = four.write(folder / slug, phase="", closes_at=f"{closes_at:%Y-%m-%dT%H:%M:%SZ}")
        toml = made / "competition.toml"
        toml.write_text(toml.read_text().replace('slug = "four"', f'slug = "{slug}"'))
        directories.append(made)
    with serving(directories, folder / "data") as started:
        yield started


@contextlib.contextmanager
def holding(database: Path) -> Iterator[None]:
    """Hold a database's lock for writing, as a program does that is stopped in the middle of its work."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as held:
        held.execute("begin immediate")
        yield


def test_while_another_program_holds_the_database_one_waits_and_reads_and_nothing_is_lost(
    service: Service,
) -> None:
    comp = taking_part(service.url, "bob")
    comp.leaderboard()
    judge = judge_of(service)
    with futures.ThreadPoolExecutor() as pool:
        with holding(service.data / "kit.db"):
            sent = pool.submit(comp.submit, pd.DataFrame(PERFECT))
            with pytest.raises(futures.TimeoutError):
                sent.result(4)
            assert len(comp.leaderboard()) == 0
        submission = sent.result(120)

    assert submission.wait(120).score == 0.0
    assert [each.id for each in comp.submissions()] == [submission.id]
    assert judge.is_running()


def test_a_database_that_is_held_for_long_is_told_and_is_no_loss(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serve: Callable[..., Served]
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    served = serve()
    ada = served.sign_up("ada")

    with holding(tmp_path / "store/kit.db"):
        refused = ada.submit(four.PERFECT, key="one")
    taken = ada.submit(four.PERFECT, key="one")
    again = ada.submit(four.PERFECT, key="one")

    assert refused.status_code == 503
    assert refused.json()["error"]["message"] == "The service's database is busy; trying again"
    assert (taken.status_code, again.status_code) == (201, 200)
    assert taken.json()["id"] == again.json()["id"]


SLOW_BACKUP = """
import itertools, sys
from pathlib import Path
from kit._store.backup import write_backup
from kit.store import Store

data, file = map(Path, sys.argv[1:])
store, steps = Store(data), itertools.count()

def hold():
    # Of some ten thousand.
    if next(steps) == 1000:
        print("in the middle", flush=True)
        sys.stdin.readline()

store._c.db.conn.set_progress_handler(hold, 1)
write_backup(store, file)
"""


def test_a_backup_holds_nobody_up_however_long_it_takes(service: Service, tmp_path: Path) -> None:
    comp, file = taking_part(service.url, "carl"), tmp_path / "kit.tar"
    command = [sys.executable, "-c", SLOW_BACKUP, str(service.data), str(file)]
    before = comp.submit(pd.DataFrame(PERFECT), wait=True)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as backup:
        assert backup.stdout is not None and backup.stdout.readline() == "in the middle\n"

        during = comp.submit(pd.DataFrame(PERFECT), again=True).wait(120)

        assert backup.poll() is None
        backup.communicate("go on\n")
    assert (during.state, backup.returncode) == ("SCORED", 0)
    restore_backup(file, tmp_path / "restored")
    with contextlib.closing(Store(tmp_path / "restored")) as restored:
        kept = {each.id for each in restored.submissions.list("four")}
    assert before.id in kept and during.id not in kept


# A participant's clock


def as_participant(service: Service, script: str, *arguments: str, minutes: float = 0) -> str:
    """What a participant's own process prints, by a clock that is so many minutes fast."""
    command = [sys.executable, "-c", script, service.url, *arguments]
    wrong = {}
    if minutes:
        wrong = {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME": f"{minutes * 60:+g}"}
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=280, check=False, env=bare_environment() | wrong
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


BY_A_WRONG_CLOCK = """
import json, sys, time
import kit, pandas
from kit.errors import NotAllowed
from kit.widgets.countdown import countdown

url, token, slug = sys.argv[1:]
comp = kit.connect(f"{url}/{slug}", token=token)
told = {"own": time.time(), "text": repr(comp), "panel": countdown(comp.overview).wrong_clock}
try:
    sent = comp.submit(pandas.DataFrame({"id": [1, 2, 3, 4], "count": [10, 20, 30, 40]})).wait(120)
    told |= {"score": sent.score, "at": sent.facts["submitted_at"]}
except NotAllowed as error:
    told["refused"] = str(error)
print(json.dumps(told))
"""


@pytest.mark.skipif(not FAKETIME, reason="a wrong clock takes libfaketime: apt-get install faketime")
@pytest.mark.parametrize(("slug", "minutes"), [("soon", 58), ("late", -58)])
def test_by_a_wrong_clock_times_and_the_deadline_are_the_services_and_that_is_told(
    service: Service, slug: str, minutes: int
) -> None:
    client = Client(service.url)
    client.sign_up(f"dora-{slug}", "pass-dora-1234567")
    # For less than the clock is off: by that it has ended.
    client.log_in(f"dora-{slug}", "pass-dora-1234567", days=45 / 24 / 60)

    began_at = math.floor(time.time())
    told = json.loads(as_participant(service, BY_A_WRONG_CLOCK, str(client.token), slug, minutes=minutes))

    assert began_at <= told["own"] - minutes * 60 <= time.time() + 1
    # What the service told had some way to go.
    off = "58 min fast" if minutes > 0 else "5[78] min slow"
    assert re.search(f"This machine's clock is {off}", told["panel"])
    assert told["panel"] in told["text"]
    if slug == "late":
        assert "closed since" in told["text"]
        assert "closed" in told["refused"]
    else:
        assert "open, closes in" in told["text"]
        assert told["score"] == 0.0
        assert began_at <= datetime.fromisoformat(told["at"]).timestamp() <= time.time()


# A participant's process


SENDING = """
import sys
import kit

url, token, file = sys.argv[1:]
print(kit.connect(f"{url}/four", token=token).submit(file).id)
"""


def test_the_panels_upload_box_sends_again_by_itself_and_makes_one_submission(service: Service) -> None:
    direct = taking_part(service.url, "fay")
    taken: list[Any] = []
    with lossy_way(service.port, lose="request") as url, Client(url, token=direct.client.token) as client:
        box = upload_box(client.competition("four"), taken.append)
        box._handle_custom_msg({"action": "file", "filename": "p.csv"}, [four.PERFECT.encode()])
        until(lambda: box.state == "ready")
        box._handle_custom_msg({"action": "submit"}, [])
        until(lambda: box.state == "done")

    assert [each.id for each in direct.submissions()] == [each["id"] for each in taken]
    assert len(taken) == 1


class StallingWay:
    """A way to a service on which a large file gets stuck half-way, or the answer to it does.

    Then ``stalled`` is set, and nothing moves until the participant is gone.
    """

    def __init__(self, port: int, stalls: str) -> None:
        self.stalled = threading.Event()
        self._port = port
        self._stalls = stalls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        is_sending = threading.Event()
        with near, socket.create_connection(("127.0.0.1", self._port)) as far:
            back = threading.Thread(target=self._back, args=(near, far, is_sending), daemon=True)
            back.start()
            self._there(near, far, is_sending)
            back.join()

    def _there(self, near: socket.socket, far: socket.socket, is_sending: threading.Event) -> None:
        n_sent = 0
        with contextlib.suppress(OSError):
            while piece := near.recv(1 << 16):
                n_sent += len(piece)
                if piece.startswith(b"POST"):
                    is_sending.set()
                if self._stalls == "request" and n_sent > len(LARGE) // 2:
                    self.stalled.set()
                else:
                    far.sendall(piece)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)

    def _back(self, near: socket.socket, far: socket.socket, is_sending: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while piece := far.recv(1 << 16):
                if self._stalls == "answer" and is_sending.is_set():
                    self.stalled.set()
                else:
                    near.sendall(piece)


@pytest.mark.parametrize("stalls", ["request", "answer"])
def test_whoever_is_killed_while_sending_sends_again_and_has_one_submission(
    service: Service, tmp_path: Path, stalls: str
) -> None:
    comp = taking_part(service.url, f"eve-{stalls}")
    file, token = tmp_path / "large.csv", str(comp.client.token)
    file.write_bytes(LARGE)
    way = StallingWay(service.port, stalls)
    incoming = service.data / "blobs/incoming"

    killed = subprocess.Popen([sys.executable, "-c", SENDING, way.url, token, str(file)])
    assert way.stalled.wait(60)
    n_unheard = len(comp.submissions())
    until(lambda: list(incoming.iterdir()) if stalls == "request" else True)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    until(lambda: not list(incoming.iterdir()))
    number = int(as_participant(service, SENDING, token, str(file)))
    way.close()

    assert n_unheard == (1 if stalls == "answer" else 0)
    assert [each.id for each in comp.submissions()] == [number]
    assert comp.submission(number).wait(120).score == 0.0


STANDING = """
const Real = Date, now = %d;
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(now); }
  static now() { return now; }
};
"""
DRAWN = """
async ([source, now, closes_at]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  const opens_at = "2026-01-01T00:00:00Z";
  const traits = { now, closes_at, opens_at, what: "It", wrong_clock: "", classes: [] };
  const heard = [];
  const model = { get: (name) => traits[name], on: (name, act) => heard.push([name, act]), send: () => {} };
  widget.initialize({ model });
  const el = document.body.appendChild(document.createElement("div"));
  const before = (widget.render({ model, el })(), el.innerText);
  for (const [name, act] of heard) if (name === "msg:custom") act({ now });
  el.replaceChildren();
  widget.render({ model, el })();
  return [before, el.innerText];
}
"""


@pytest.mark.browser
def test_a_browsers_wrong_clock_is_told_and_the_countdown_is_right_all_the_same() -> None:
    now = datetime.now(UTC)
    given = [esm("countdown"), now.isoformat(), (now + timedelta(hours=2, minutes=3, seconds=30)).isoformat()]
    with chromium() as browser:
        page = browser.new_page()
        page.add_init_script(STANDING % (1000 * (now - timedelta(minutes=7.5)).timestamp()))
        page.goto("about:blank")

        before, after = page.evaluate(DRAWN, given)

    # As old as the notebook may be what it was drawn with: only what the kernel says now tells.
    assert "clock" not in before
    assert "This machine's clock is 7 min slow; the service's counts." in after
    assert re.search(r"closes in\s*2\s*h\s*03\s*min", after)
