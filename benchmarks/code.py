"""What judging code costs over its bare fits, against ramp-workflow on the same submission and problem.py.

Ours is what the service does with a submission: a resident worker, folds in parallel, each in a sandbox of
its own with isolation on, scores with intervals, predictions kept. The peer is ``ramp-test --save-output``
in a fresh process, as RAMP's board runs it; and, as a case of its own, its folds alone: the same call in a
process that has imported everything and waits, which no board of RAMP's does. Both score 8 folds by two
score types. `limit_s` is the bare fits and predictions of all folds, one after the other.

    python benchmarks/code.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kit.clock import utc_now
from kit.competition import load_competition
from kit.evaluate import Job
from kit.runner.sandbox import Level, detect_isolation
from kit.service.hosting import Hosting
from kit.store import Store
from kit.submission import Kind, State
from kit.workers import CodePool

Case = dict[str, Any]
N_FOLDS = 8
TOML = """\
title = "Code"
slug = "code"
opens_at = 2020-01-01T00:00:00Z
closes_at = 2099-01-01T00:00:00Z
[[question]]
id = "q"
[question.code]
problem = "problem.py"
repeat = {repeat}
"""
PROBLEM = f"""\
import os

import pandas as pd
import rampwf as rw
from sklearn.model_selection import StratifiedKFold

problem_title = "Two classes"
Predictions = rw.prediction_types.make_multiclass(label_names=[0, 1])
workflow = rw.workflows.Estimator()
score_types = [rw.score_types.Accuracy(name="acc"), rw.score_types.NegativeLogLikelihood(name="nll")]


def get_cv(X, y):
    return StratifiedKFold({N_FOLDS}, shuffle=True, random_state=0).split(X, y)


def _read(path, name):
    frame = pd.read_csv(os.path.join(path, "data", name))
    return frame.drop(columns="y"), frame["y"].to_numpy()


def get_train_data(path="."):
    return _read(path, "train.csv")


def get_test_data(path="."):
    return _read(path, "test.csv")
"""
SMALL = """\
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def get_estimator():
    return make_pipeline(StandardScaler(), LogisticRegression())
"""
MEDIUM = """\
from sklearn.ensemble import RandomForestClassifier


def get_estimator():
    return RandomForestClassifier(n_estimators=100, random_state=0)
"""
ESTIMATORS = {"logistic regression": SMALL, "random forest of 100 trees": MEDIUM}
WAITING = """\
import contextlib, io, os, sys, time
import warnings
warnings.simplefilter("ignore")
import pandas, sklearn.ensemble, sklearn.linear_model, sklearn.pipeline
from rampwf.utils import assert_submission
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        assert_submission(
            ramp_kit_dir=".", ramp_data_dir=".", ramp_submission_dir="submissions", submission="mine",
            is_pickle=False, save_output=True,
        )
    print(time.perf_counter() - start, flush=True)
"""
BARE = """\
import sys, time
sys.path[:0] = [".", "submissions/mine"]
import estimator, problem
(X, y), (X_test, _) = problem.get_train_data(), problem.get_test_data()
total = 0.0
for train, _ in problem.get_cv(X, y):
    start = time.perf_counter()
    model = estimator.get_estimator().fit(X.iloc[train], y[train])
    model.predict_proba(X), model.predict_proba(X_test)
    total += time.perf_counter() - start
print(total)
"""


def write(folder: Path, code: str, *, n_rows: int, repeat: bool) -> Path:
    """A kit with one submission."""
    for name in ("data", "submissions/mine"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows + n_rows // 4, 20))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) > 0).astype(int)
    rows = pd.DataFrame(X, columns=[f"x{i}" for i in range(20)]).assign(y=y)
    rows[:n_rows].to_csv(folder / "data/train.csv", index=False)
    rows[n_rows:].to_csv(folder / "data/test.csv", index=False)
    (folder / "problem.py").write_text(PROBLEM)
    (folder / "competition.toml").write_text(TOML.format(repeat=str(repeat).lower()))
    (folder / "submissions/mine/estimator.py").write_text(code)
    return folder


class Ours:
    """A worker of the service on the kit."""

    def __init__(self, kit: Path, data: Path) -> None:
        self._store = Store(data)
        competition = load_competition(kit)
        question = Hosting(self._store, [competition], utc_now)["code"].questions["q"]
        self._directory = self._store.versions.directory("code", "q", question.version)
        self._version, self._kit, self._data, self._n = question.version, kit, data, 0
        self._pool = CodePool(1)

    def seconds(self) -> float:
        """Judge the submission once."""
        self._n += 1
        scratch = self._data / f"job-{self._n}"
        scratch.mkdir()
        start = time.perf_counter()
        outcome = self._pool.submit(
            Job(
                self._directory, "q", self._version, self._kit / "submissions/mine/estimator.py", 600, 2000,
                Kind.CODE, "estimator.py", scratch, len(os.sched_getaffinity(0)),
            )
        ).result()  # fmt: skip
        took_s = time.perf_counter() - start
        assert outcome.state is State.SCORED, outcome
        return took_s

    def close(self) -> None:
        """End the worker."""
        self._pool.close()
        self._store.close()


@contextlib.contextmanager
def waiting(kit: Path) -> Iterator[Callable[[], float]]:
    """ramp-workflow in a process that has imported everything."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=kit, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    def seconds() -> float:
        print("go", file=process.stdin, flush=True)
        return float(process.stdout.readline())  # type: ignore[union-attr]

    try:
        yield seconds
    finally:
        process.stdin.close()
        process.wait()


def ramp_test_s(kit: Path) -> float:
    """ramp-test in a fresh process."""
    command = [str(Path(sys.executable).with_name("ramp-test")), "--submission", "mine", "--save-output"]
    start = time.perf_counter()
    subprocess.run(command, cwd=kit, check=True, capture_output=True)
    return time.perf_counter() - start


def bare_s(kit: Path) -> float:
    """Fits and predictions alone."""
    done = subprocess.run([sys.executable, "-c", BARE], cwd=kit, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measured(
    name: str, code: str, *, n_rows: int, n_times: int, repeat: bool, folder: Path
) -> Iterator[Case]:
    """Medians, each round of everything after the other; the worker's first submission apart."""
    kit = write(folder / "kit", code, n_rows=n_rows, repeat=repeat)
    ours, peer, alone, bare = [], [], [], []
    worker = Ours(kit, folder / "store")
    try:
        first_s = worker.seconds()
        with waiting(kit) as folds_alone:
            folds_alone()
            for _ in range(n_times):
                ours.append(worker.seconds())
                peer.append(ramp_test_s(kit))
                alone.append(folds_alone())
                bare.append(bare_s(kit))
    finally:
        worker.close()
    what = f"{name}, {n_rows:,} rows, {N_FOLDS} folds"
    ours_s, limit_s = statistics.median(ours), statistics.median(bare)
    yield case(f"{what}: whole submission", ours_s, statistics.median(peer), limit_s)
    yield case(f"{what}: a worker's first submission", first_s, statistics.median(peer), limit_s)
    yield case(f"{what}: against the peer's folds alone", ours_s, statistics.median(alone), limit_s)


def case(name: str, ours_s: float, peer_s: float, limit_s: float) -> Case:
    return {"case": name, "ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s, "limit_s": limit_s}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--repeat", action="store_true", help="Let ours run the first fold twice, as by default."
    )
    given = parser.parse_args()
    if detect_isolation().level is not Level.ISOLATED:
        sys.exit(f"No isolation here, so nothing to measure: {'; '.join(detect_isolation().missing)}.")
    cases = []
    for name, code in ESTIMATORS.items():
        with tempfile.TemporaryDirectory() as folder:
            n_times, n_rows = (3, 2000) if given.quick else (7, 4000)
            for found in measured(
                name, code, n_rows=n_rows, n_times=n_times, repeat=given.repeat, folder=Path(folder)
            ):
                cases.append(found)
                if not given.json:
                    over = (found["ours_s"] - found["limit_s"]) / N_FOLDS
                    print(
                        f"{found['case']:86s} ours {found['ours_s']:6.2f} s, peer {found['peer_s']:6.2f} s, "
                        f"ratio {found['ratio']:5.2f}, bare fits {found['limit_s']:6.2f} s, "
                        f"over them {1000 * over:+.0f} ms a fold", flush=True,
                    )  # fmt: skip
    if given.json:
        json.dump(cases, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
