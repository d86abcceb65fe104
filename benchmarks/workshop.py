"""The last five minutes of a workshop: a hall that watches, a rush to submit, and the deadline in it.

500 people watch a leaderboard as the client does, 300 of them send 10,000 rows within 60 seconds (half of
them in the ten around the deadline) and watch how they are judged, 50 files of code are queued before, and an
organizer's screen is open. Everything that anybody was told is compared with the store afterwards. Then the
same with the service killed in the rush. There is no peer: ours_s is what the case names.

    python benchmarks/workshop.py [--hub] [--quick] [--json] [--watchers N] [--only calm|killed]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import latency  # noqa: E402
from audit import audit, shown_after  # noqa: E402
from hall import Hall  # noqa: E402
from running import Service  # noqa: E402
from spending import Spending  # noqa: E402

from kit.clock import utc_now  # noqa: E402
from kit.service.auth import Scope, new_token  # noqa: E402
from kit.store import Store  # noqa: E402

N_ROWS = 10_000
LIMIT = 3
ACCEPT_S, SHOWN_S = 1.0, 10.0
RUSH_S, BEFORE_S = 60.0, 45.0
"""The rush, and how much of it lies before the deadline."""
TOML = """\
title = "Workshop"
slug = "workshop"
opens_at = 2020-01-01T00:00:00Z
closes_at = {closes_at}
[[question]]
id = "y"
metric = "log_loss"
more_metrics = ["roc_auc"]
id_column = "id"
target = "y"
truth = "private/truth.csv"
data = ["data/test.csv"]
[[question]]
id = "coded"
metric = "log_loss"
id_column = "id"
target = "y"
truth = "private/coded.csv"
data = ["data/coded-train.csv", "data/coded-test.csv"]
[question.code]
train = "data/coded-train.csv"
test = "data/coded-test.csv"
splitter = {{ n_splits = 5 }}
[[phase]]
id = "main"
daily_limit = {limit}
"""
CODE = """\
from sklearn.ensemble import RandomForestClassifier


def get_estimator():
    return RandomForestClassifier(n_estimators={n}, random_state=0)
"""


@dataclass(frozen=True)
class Size:
    """How many do what."""

    watchers: int
    submitters: int
    codes: int
    ramp_s: float


@dataclass
class World:
    """A competition, people with tokens, and what they will send."""

    folder: Path
    size: Size
    files: list[bytes] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    organizer: str = ""
    closes_at: datetime = datetime.max

    @property
    def competition(self) -> Path:
        """The competition's folder."""
        return self.folder / "workshop"

    def close_at(self, at: datetime) -> None:
        """Write the deadline, which a service reads when it starts."""
        self.closes_at = at
        text = TOML.format(closes_at=at.isoformat().replace("+00:00", "Z"), limit=LIMIT)
        (self.competition / "competition.toml").write_text(text)


def make(folder: Path, size: Size) -> World:
    """Write the competition and everybody's files, each a little different."""
    world = World(folder, size)
    frame = latency.make(world.competition, N_ROWS)
    _make_coded(world.competition)
    world.close_at(datetime(2099, 1, 1, tzinfo=UTC))
    rng = np.random.default_rng(0)
    for _ in range(size.submitters):
        values = np.clip(frame["y"] + rng.normal(0, rng.uniform(0.01, 0.2), N_ROWS), 0.001, 0.999)
        # As comp.submit writes it: see kit.predictions.write_parquet.
        world.files.append(frame.assign(y=values).to_parquet(index=False))
    return world


def _make_coded(folder: Path) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(600, 5)), columns=list("abcde")).assign(id=range(600))
    table["y"] = (table.a + rng.normal(size=600) > 0).astype(int)
    test, split = table[400:], np.where(np.arange(200) % 2, "public", "private")
    table[:400].to_csv(folder / "data/coded-train.csv", index=False)
    test.drop(columns="y").to_csv(folder / "data/coded-test.csv", index=False)
    test[["id", "y"]].assign(split=split).to_csv(folder / "private/coded.csv", index=False)


@contextlib.contextmanager
def plain(world: World) -> Iterator[Service]:
    """The service by itself; people have tokens of its own."""
    data = world.folder / "data"
    service = Service([world.competition], data)
    now = utc_now()
    with contextlib.closing(Store(data)) as store:
        for k in range(world.size.watchers):
            user = store.accounts.add_user(f"p{k:04}", password_hash=None, now=now)
            world.tokens[user["name"]] = new_token(store, user, now=now).text
        olga = store.accounts.add_user("olga", password_hash=None, now=now, role="organizer")
        world.organizer = new_token(store, olga, now=now, scopes=tuple(Scope)).text
    yield service


async def rush(world: World, hall: Hall, deadline: float) -> None:
    """Everybody: the watchers come, code is sent, and the rush begins 45 s before the deadline."""
    rng, names, start_at = random.Random(0), list(world.tokens), deadline - BEFORE_S
    n_submitters = world.size.submitters
    for name in names:
        hall.start_watching(world.tokens[name], "y")
        await asyncio.sleep(world.size.ramp_s / len(names))
    for k in range(world.size.codes):
        name = names[-1 - k % (len(names) - n_submitters or 1)]
        code = CODE.format(n=50 + k).encode()
        given = (f"code-{k}", "coded", "submission.py", code)
        hall.start_submitting(name, world.tokens[name], *given, at=start_at - 5 + k * 0.05)
    sending = []
    for k, name in enumerate(names[:n_submitters]):
        is_greedy = k % 20 == 19
        late = rng.uniform(deadline - 8, deadline + (-2 if is_greedy else 2))
        at = late if k % 2 else rng.uniform(start_at, start_at + RUSH_S)
        # Who is greedy tries for more than the limit allows, all at the same time.
        for again in range(LIMIT + 2 if is_greedy else 1):
            given = (f"{name}-{again}", "y", "predictions.parquet", world.files[k])
            sending.append(hall.start_submitting(name, world.tokens[name], *given, at=at))
    await asyncio.gather(*sending)


SCREEN = """\
import sys, threading
import kit
from kit.widgets.organizer import organizer
comp = kit.connect(sys.argv[1] + "/workshop", token=sys.stdin.readline().strip())
screen = organizer(comp)
threading.Event().wait()
"""


@contextlib.contextmanager
def screen(url: str, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """The organizers' screen, without its browser."""
    process = subprocess.Popen([sys.executable, "-c", SCREEN, url], stdin=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None
    process.stdin.write(f"{token}\n".encode())
    process.stdin.close()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def scene(world: World, service: Service, *, kill: bool) -> list[dict[str, object]]:
    """All of it once."""
    size = world.size
    deadline = time.time() + 15 + size.ramp_s + BEFORE_S
    world.close_at(datetime.fromtimestamp(int(deadline) + 1, UTC))
    deadline = world.closes_at.timestamp()
    service.start()
    hall = Hall(service.url, "workshop")
    with (
        screen(service.url, world.organizer) as shown,
        Spending(service.process.pid, screen=shown.pid) as spent,
    ):
        crowd = asyncio.create_task(rush(world, hall, deadline))
        await asyncio.sleep(max(0.0, deadline - BEFORE_S - time.time()))
        spent.begin()
        if kill:
            await asyncio.sleep(BEFORE_S - 12)
            await asyncio.to_thread(_kill, service)
            spent.follow(service.process.pid)
        await asyncio.sleep(max(0.0, deadline - BEFORE_S + RUSH_S - time.time()))
        told = spent.told()
        await crowd
        await asyncio.sleep(5)
        await hall.end()
    service.stop()
    rows = results(hall, deadline)
    for part, share, most_bytes in told:
        rows.append(row(f"processors taken by {part}", share, most_mb=round(most_bytes / 1e6)))
    wrong = [*hall.bad, *audit(world.folder / "data/kit.db", hall.sent, deadline, LIMIT)]
    rows.append(row("wrong", len(wrong), 0.5, found=wrong[:20]))
    return rows


def _kill(service: Service) -> None:
    service.process.send_signal(signal.SIGKILL)
    service.process.wait()
    service.start()


def results(hall: Hall, deadline: float) -> list[dict[str, object]]:
    """What people waited for."""
    y = [sent for sent in hall.sent if sent.question == "y"]
    taken = [sent for sent in y if sent.is_taken]
    rows = [row("accept, p95", quantile([s.took_s for s in y], 0.95), ACCEPT_S, n=len(y))]
    rows.append(row("accept, worst", max(s.took_s for s in y)))
    cards = [s.shown_at - s.answered_at for s in taken if s.shown_at]
    rows.append(row("own score shown, p95", quantile(cards, 0.95), SHOWN_S, n=len(cards)))
    after = shown_after(hall, taken)
    rows.append(row("score seen by watchers, p95", quantile(after, 0.95), SHOWN_S, n=len(after)))
    rows.append(row("score seen by watchers, worst", max(after)))
    late = max((s.answered_at - deadline for s in taken), default=0.0)
    rows.append(row("last acknowledgement after the deadline", late))
    most_bytes = max(version.n_bytes for version in hall.versions.values())
    rows.append(row("versions of the leaderboard", len(hall.versions), most_bytes=most_bytes))
    rows.append(row("answers in all", hall.statuses.total(), **hall.statuses, **hall.lost))
    return rows


def quantile(values: list[float], q: float) -> float:
    """Of seconds."""
    return float(np.quantile(values, q)) if values else float("nan")


def row(case: str, ours_s: float, limit_s: float | None = None, **more: object) -> dict[str, object]:
    """A line of the result, told at once."""
    print(f"  {case}: {ours_s:.3f} {more or ''}", file=sys.stderr, flush=True)
    return {"case": case, "ours_s": ours_s, "peer_s": None, "ratio": None, "limit_s": limit_s, **more}


SCENES = {"calm": False, "killed": True}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everybody")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hub", action="store_true", help="on a real JupyterHub too; as root")
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--only", choices=[*SCENES])
    given = parser.parse_args()
    # Ended early, it must not leave a service behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    size = Size(50, 30, 5, 2.0) if given.quick else Size(given.watchers, 300, 50, 10.0)
    rows: list[dict[str, object]] = []
    for name, kill in SCENES.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                world = make(Path(folder), size)
                with plain(world) as service:
                    found = asyncio.run(scene(world, service, kill=kill))
                rows += [{**each, "case": f"{name}: {each['case']}"} for each in found]
    if given.json:
        print(json.dumps(rows))
        return
    for each in rows:
        limit = f" (bar {each['limit_s']} s)" if each["limit_s"] else ""
        print(f"{each['case']}: {each['ours_s']:.3f}{limit}")


if __name__ == "__main__":
    main()
