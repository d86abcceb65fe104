"""The last five minutes of a workshop: a hall that watches, a rush to submit, and the deadline in it.

500 people watch a leaderboard as the client does, 300 of them send 10,000 rows within 60 seconds and watch
how they are judged, 50 files of code are queued before, and an organizer's screen is open. Everything that
anybody was told is compared with the store afterwards. The same with the service killed in the rush; and
crowded, with half of them in the ten seconds around the deadline. There is no peer: ours_s is what the case
names.

    python benchmarks/workshop.py [--place alone|hub|both] [--scene calm|killed|crowded|all] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
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
from spending import Spending  # noqa: E402
from stages import Stage, alone, on_hub, whole_second  # noqa: E402

N_ROWS = 10_000
LIMIT = 3
ACCEPT_S, SHOWN_S = 1.0, 10.0
RUSH_S, BEFORE_S = 60.0, 45.0
"""The rush, and how much of it lies before the deadline."""
TOML = (
    """\
title = "Workshop"
slug = "workshop"
opens_at = 2020-01-01T00:00:00Z
closes_at = {closes_at}
"""
    + latency.QUESTION
    + """\
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
)
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

    @property
    def competition(self) -> Path:
        """The competition's folder."""
        return self.folder / "workshop"

    @property
    def names(self) -> list[str]:
        """Everybody's."""
        return [f"p{k:04}" for k in range(self.size.watchers)]

    def close_at(self, at: datetime) -> None:
        """Write the deadline, which a service reads when it starts."""
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


async def rush(
    world: World, tokens: Mapping[str, str], hall: Hall, deadline: float, *, is_crowded: bool
) -> None:
    """Everybody: the watchers come, code is sent, and the rush begins 45 s before the deadline."""
    rng, names, start_at = random.Random(0), list(tokens), deadline - BEFORE_S
    n_submitters = world.size.submitters
    for name in names:
        hall.start_watching(tokens[name], "y")
        await asyncio.sleep(world.size.ramp_s / len(names))
    for k in range(world.size.codes):
        name = names[-1 - k % (len(names) - n_submitters or 1)]
        code = CODE.format(n=50 + k).encode()
        given = (f"code-{k}", "coded", "submission.py", code)
        hall.start_submitting(name, tokens[name], *given, at=start_at - 5 + k * 0.05)
    sending = []
    for k, name in enumerate(names[:n_submitters]):
        is_greedy = k % 20 == 19
        late = rng.uniform(deadline - 8, deadline + (-2 if is_greedy else 2))
        at = late if is_crowded and k % 2 else rng.uniform(start_at, start_at + RUSH_S)
        # Who is greedy tries for more than the limit allows, all at the same time.
        for again in range(LIMIT + 2 if is_greedy else 1):
            given = (f"{name}-{again}", "y", "predictions.parquet", world.files[k])
            sending.append(hall.start_submitting(name, tokens[name], *given, at=at))
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


async def scene(world: World, stage: Stage, name: str) -> list[dict[str, object]]:
    """All of it once."""
    closes_at = whole_second(time.time() + stage.opens_within_s + world.size.ramp_s + 5 + BEFORE_S)
    deadline = closes_at.timestamp()
    world.close_at(closes_at)
    stage.open(world.competition)
    print(f"open {deadline - BEFORE_S - time.time():.0f} s before the rush", file=sys.stderr)
    hall, away_s = Hall(stage.url, "workshop"), 0.0
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(screen(stage.url, stage.organizer))
        spent = stack.enter_context(Spending(stage.pid, screen=shown.pid, **stage.others))
        crowd = asyncio.create_task(rush(world, stage.tokens, hall, deadline, is_crowded=name == "crowded"))
        await asyncio.sleep(max(0.0, deadline - BEFORE_S - time.time()))
        spent.begin()
        if name == "killed":
            await asyncio.sleep(max(0.0, deadline - stage.back_within_s - time.time()))
            began = time.monotonic()
            await asyncio.to_thread(stage.kill)
            away_s = time.monotonic() - began
            spent.follow(stage.pid)
        await asyncio.sleep(max(0.0, deadline - BEFORE_S + RUSH_S - time.time()))
        told = spent.told()
        await crowd
        await asyncio.sleep(5)
        await hall.end()
    stage.close()
    rows = [row("away", away_s)] if name == "killed" else []
    rows += results(hall, deadline)
    for part, share, most_bytes in told:
        rows.append(row(f"processors taken by {part}", share, most_mb=round(most_bytes / 1e6)))
    wrong = [*hall.bad, *audit(stage.database, hall.sent, deadline, LIMIT)]
    rows.append(row("wrong", len(wrong), found=wrong[:20]))
    return rows


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


PLACES = {"alone": alone, "hub": on_hub}
SCENES = ("calm", "killed", "crowded")


def play(place: str, name: str, size: Size) -> list[dict[str, object]]:
    """A scene at a place, with a new competition."""
    with tempfile.TemporaryDirectory() as folder:
        world = make(Path(folder), size)
        with PLACES[place](world.folder, world.competition, world.names) as stage:
            found = asyncio.run(scene(world, stage, name))
    return [{**each, "case": f"{place}, {name}: {each['case']}"} for each in found]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everybody")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--place", choices=[*PLACES, "both"], default="alone", help="a Hub takes root")
    parser.add_argument("--scene", choices=[*SCENES, "all"], default="all")
    parser.add_argument("--watchers", type=int, default=500)
    given = parser.parse_args()
    # Ended early, it must not leave a service behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    size = Size(50, 30, 5, 2.0) if given.quick else Size(given.watchers, 300, 50, 10.0)
    rows: list[dict[str, object]] = []
    for place, name in itertools.product(PLACES, SCENES):
        if given.place in ("both", place) and given.scene in ("all", name):
            rows += play(place, name, size)
    if given.json:
        print(json.dumps(rows))
        return
    for each in rows:
        limit = f" (bar {each['limit_s']} s)" if each["limit_s"] else ""
        print(f"{each['case']}: {each['ours_s']:.3f}{limit}")


if __name__ == "__main__":
    main()
