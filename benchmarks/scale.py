"""A hundred thousand teams, a million submissions, twenty more a second: how long answers take.

A real store is filled by SQL (evidence only of the best submissions: that of all takes some 10 GB), a
real service with its judge runs on it, and over HTTP on this machine the four requests that participants
make are timed while submissions arrive at a fixed rate and are judged: each from the moment it was due,
so that a late one counts as slow. Then the rate is doubled until a 95th percentile passes the limit. There
is no peer: ours_s is that percentile. The load itself takes its share of the same processors, and so does
the ensemble of the best submissions, which is made beside it. Percentiles are of no use where other work
fills the processors (the load average stands beside them); the processor time of a request is, roughly.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import crowd  # noqa: E402
import latency  # noqa: E402
from running import Service, running  # noqa: E402

from kit._store.backup import write_backup  # noqa: E402
from kit.clock import utc_now  # noqa: E402
from kit.competition import load_competition  # noqa: E402
from kit.judge import Job, evaluate  # noqa: E402
from kit.service.auth import Scope, new_token  # noqa: E402
from kit.store import Store  # noqa: E402

LIMIT_S = 0.050
RATE = 20.0
READS = 5.0
"""Of each kind of reading, so many a second."""
N_ACCOUNTS = 40
N_ROWS = 1000
BOARD = "/api/v1/competitions/latency/questions/y/leaderboard"
MINE = "/api/v1/competitions/latency/submissions?limit=100"
SUBMIT = "/api/v1/competitions/latency/questions/y/submissions?filename=p.csv"
ACCEPT, PAGE, RANK, OWN = "accept a submission", "leaderboard page", "own rank", "own submissions"


@dataclass
class World:
    """A filled store, tokens of some of its people, and what they send."""

    folder: Path
    n_teams: int
    tokens: list[str] = field(default_factory=list)
    organizer: str = ""
    lines: str = ""
    fill_s: float = 0.0

    @property
    def competition(self) -> Path:
        """The competition's folder."""
        return self.folder / "latency"

    @property
    def data(self) -> Path:
        """The store's folder."""
        return self.folder / "data"


def make(folder: Path, n_teams: int, n_submissions: int) -> World:
    """Fill a store."""
    world = World(folder, n_teams)
    world.lines = latency.make(world.competition, N_ROWS).to_csv(index=False)
    competition = load_competition(world.competition)
    now = utc_now()
    with contextlib.closing(Store(world.data)) as store:
        started = time.monotonic()
        question = competition.question[0]
        version = store.versions.keep(competition, question)
        sent = store.blobs.add(world.lines.encode())
        where = store.versions.directory(competition.slug, question.id, version)
        judged = evaluate(Job(where, question.id, version, store.blobs.path(sent.sha256), 60, 1e4))
        crowd.fill(
            store,
            competition,
            n_teams=n_teams,
            n_submissions=n_submissions,
            from_s=now.timestamp() - 30 * 86400,
            until_s=now.timestamp() - 86400,
            n_blocks=len(judged.evidence[0].influences),
            n_with_evidence=3000,
            # So that the ensemble of the best is made while the load runs, as it would be.
            file=world.lines.encode(),
        )
        world.fill_s = time.monotonic() - started
        for number in random.Random(0).sample(range(1, n_teams + 1), N_ACCOUNTS):
            user = store.accounts.user(f"team-{number}")
            world.tokens.append(new_token(store, user, now=now, label="load").text)
        olga = store.accounts.add_user("olga", password_hash=None, now=now, role="organizer")
        world.organizer = new_token(store, olga, now=now, scopes=tuple(Scope)).text
    return world


class Asker:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, method: str, path: str, token: str, body: str | None = None) -> bytes:
        """The answer's body, which must be a success."""
        form = "application/json" if body and body.startswith("{") else "text/csv"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": form}
        try:
            self._http.request(method, path, body, headers)
        except BrokenPipeError:
            # The service closes what was idle for long; nothing was received.
            self._http.close()
            self._http.request(method, path, body, headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content


class Load:
    """Requests at fixed rates, each kind from threads of its own."""

    def __init__(self, world: World, port: int) -> None:
        self._world, self._port = world, port
        self._took: defaultdict[str, list[float]] = defaultdict(list)
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self.errors: list[str] = []

    def run(self, rate: float, for_s: float) -> dict[str, list[float]]:
        """Seconds that each request took from the moment at which it was due."""
        self._took.clear()
        kinds = [
            (ACCEPT, rate, self._submit, 12),
            (PAGE, READS, self._page, 3),
            (RANK, READS, self._rank, 3),
            (OWN, READS, self._own, 3),
        ]
        start = time.monotonic() + 0.2
        threads = []
        for kind, each_s, act, n_threads in kinds:
            due = _ticks(start, each_s, for_s)
            for _ in range(n_threads):
                threads.append(threading.Thread(target=self._work, args=(kind, due, act), daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return dict(self._took)

    def _work(self, kind: str, due: Iterator[float], act: Callable[[Asker, random.Random], object]) -> None:
        asker, rng = Asker(self._port), random.Random()
        while True:
            with self._lock:
                at = next(due, None)
            if at is None:
                return
            time.sleep(max(0.0, at - time.monotonic()))
            try:
                act(asker, rng)
            except (OSError, http.client.HTTPException, RuntimeError) as error:
                self.errors.append(f"{kind}: {error}")
                return
            self._took[kind].append(time.monotonic() - at)

    def _submit(self, asker: Asker, rng: random.Random) -> None:
        # Each differs a little: a better or a worse one, which moves its team or does not.
        lines = self._world.lines.splitlines()
        n = rng.randrange(1, 400)
        changed = [f"{line.split(',')[0]},{rng.uniform(0.1, 0.9):.6f}" for line in lines[1:n]]
        body = "\n".join([lines[0], *changed, *lines[n:]])
        asker.ask("POST", SUBMIT, self._token(rng), body)

    def _page(self, asker: Asker, rng: random.Random) -> None:
        at = 0 if rng.random() < 0.5 else 100 * rng.randrange(self._world.n_teams // 100)
        asker.ask("GET", f"{BOARD}?limit=100&offset={at}" if at else BOARD, self._token(rng))

    def _rank(self, asker: Asker, rng: random.Random) -> None:
        found = json.loads(asker.ask("GET", f"{BOARD}?limit=1&around=me", self._token(rng)))
        assert found["own"]["rank"] >= 1

    def _own(self, asker: Asker, rng: random.Random) -> None:
        asker.ask("GET", MINE, self._token(rng))

    def _token(self, rng: random.Random) -> str:
        return rng.choice(self._world.tokens)


def _ticks(start: float, rate: float, for_s: float) -> Iterator[float]:
    for number in range(int(rate * for_s)):
        yield start + number / rate


def quantiles(took: Sequence[float]) -> dict[str, float]:
    """Of seconds."""
    return {f"p{q}_s": float(np.quantile(took, q / 100)) for q in (50, 95, 99)}


def row(case: str, ours_s: float, limit_s: float | None = None, **more: object) -> dict[str, object]:
    """A line of the result, told at once."""
    print(f"  {case}: {ours_s:.3f}", file=sys.stderr, flush=True)
    return {"case": case, "ours_s": ours_s, "peer_s": None, "ratio": None, "limit_s": limit_s, **more}


def measure(world: World, service: Service, for_s: float, most: float) -> list[dict[str, object]]:
    """The four requests at 20 submissions a second, and at which rate the limit is passed."""
    load = Load(world, service.port)
    load.run(RATE, 5.0)
    rows, rate, passed = [], RATE, ""
    while True:
        before_s = _processor_s(service)
        found = load.run(rate, for_s if rate == RATE else for_s / 3)
        told = {case: quantiles(took) for case, took in found.items()}
        if rate == RATE:
            rows += [
                row(f"{case}, p95 at {rate:g}/s", each["p95_s"], LIMIT_S, n=len(found[case]), **each)
                for case, each in told.items()
            ]
            each_s = (_processor_s(service) - before_s) / sum(map(len, found.values()))
            rows.append(row("processor time of the service for a request, mean of these", each_s))
            rows += _state(service, world)
        passed = ", ".join(f"{case} {e['p95_s']:.3f} s" for case, e in told.items() if e["p95_s"] > LIMIT_S)
        if passed or rate >= most or load.errors:
            break
        rate *= 2
    rows.append(row(f"next limit: {passed or 'none yet'} at {rate:g}/s", rate, arrivals_per_s=rate))
    if load.errors:
        rows.append(row(f"{len(load.errors)} requests failed, such as: {load.errors[0]}", 0.0))
    return rows


def _processor_s(service: Service) -> float:
    times = psutil.Process(service.process.pid).cpu_times()
    return float(times.user + times.system)


def _state(service: Service, world: World) -> list[dict[str, object]]:
    process = psutil.Process(service.process.pid)
    queue = json.loads(Asker(service.port).ask("GET", "/api/v1/queue", world.organizer))
    return [
        row("memory of the service, MB", process.memory_full_info().uss / 1e6),
        row("load average of the machine", psutil.getloadavg()[0], n_processors=psutil.cpu_count()),
        row("waiting to be judged", len(queue["queued"])),
    ]


ORGANIZERS = {
    "count of states (/metrics)": "/metrics",
    "queue": "/api/v1/queue",
    "people": "/api/v1/users",
    "teams": "/api/v1/competitions/latency/teams",
    "signs of probing": "/api/v1/competitions/latency/probing",
    "combined leaderboard": "/api/v1/competitions/latency/leaderboard",
    "export of the leaderboard": "/api/v1/competitions/latency/export?what=leaderboard",
    "export of submissions": "/api/v1/competitions/latency/export?what=submissions",
}


def others(world: World, service: Service) -> list[dict[str, object]]:
    """What organizers ask for, once each."""
    asker, rows = Asker(service.port), []
    for case, path in ORGANIZERS.items():
        started = time.monotonic()
        try:
            n_bytes = len(asker.ask("GET", path, world.organizer))
        except (RuntimeError, OSError) as error:
            n_bytes, asker = -1, Asker(service.port)
            print(error, file=sys.stderr)
        rows.append(row(case, time.monotonic() - started, n_bytes=n_bytes))
    with contextlib.closing(Store(world.data)) as store:
        started = time.monotonic()
        write_backup(store, world.folder / "backup.tar")
        rows.append(row("backup", time.monotonic() - started))
    started = time.monotonic()
    asker.ask("POST", REJUDGE, world.organizer, json.dumps({"dry_run": True}))
    rows.append(row("start of a rejudge", time.monotonic() - started))
    return rows


REJUDGE = "/api/v1/competitions/latency/questions/y/rejudge"


def run(folder: Path, given: argparse.Namespace) -> list[dict[str, object]]:
    """Everything."""
    world = make(folder, given.teams, given.submissions)
    rows = [row(f"filling {given.teams:,} teams, {given.submissions:,} submissions", world.fill_s)]
    started = time.monotonic()
    with running([world.competition], world.data) as service:
        rows.append(row("start of the service", time.monotonic() - started))
        for case in ("first leaderboard, which makes its ranking", "second leaderboard"):
            started = time.monotonic()
            Asker(service.port).ask("GET", BOARD, world.tokens[0])
            rows.append(row(case, time.monotonic() - started))
        rows += measure(world, service, given.seconds, 20.0 if given.quick else 320.0)
        rows += [] if given.quick else others(world, service)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 teams, 20,000 submissions, 10 s")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--teams", type=int)
    parser.add_argument("--submissions", type=int)
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    # Ended early, it must not leave a service behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    given.teams = given.teams or (10_000 if given.quick else 100_000)
    given.submissions = given.submissions or (20_000 if given.quick else 1_000_000)
    given.seconds = given.seconds or (10.0 if given.quick else 45.0)
    with tempfile.TemporaryDirectory() as name:
        rows = run(Path(name), given)
    if given.json:
        print(json.dumps(rows))
        return
    for each in rows:
        spread = "".join(f", {key} {each[key]:.4f}" for key in ("p50_s", "p95_s", "p99_s") if key in each)
        limit = f" (bar {each['limit_s']} s)" if each["limit_s"] else ""
        print(f"{each['case']}: {each['ours_s']:.3f}{limit}{spread}")


if __name__ == "__main__":
    main()
