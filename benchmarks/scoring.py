"""How long a predictions file takes from its bytes on disk to both splits' scores, against the usual script.

The peer is what platforms' scoring scripts do, in a warm process that has already read the truth:
``pandas.read_csv``, checks of ids and values, ``merge`` on id, scikit-learn once per split. Ours is the
judge's path in a worker, which has compiled what reads and sorts. Both take turns, and medians count.
``limit_s`` is what no program can save: reading the bytes, and one sort where the metric needs one.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scoring_cases import CASES, Case, make
from threadpoolctl import threadpool_limits

from kit._scoring import compile_sorting
from kit.competition import Competition, load_competition
from kit.metrics import get_metric
from kit.predictions import Expected, compile_reader, read_predictions
from kit.scoring import _Given, _prepared, score
from kit.submission import Split
from kit.truth import Truth, read_truth


def ours(competition: Competition, truth: Truth, case: Case, file: Path) -> list[float]:
    """The judge's path, up to the points: it stops where errors would begin."""
    question = competition.find_question(case.metric)
    predictions = read_predictions(file, truth.expected)
    given, metric = _Given(predictions, truth, question, competition.directory), get_metric(case.metric)
    prepared = _prepared(truth, question, 0)
    return [given.table(metric, split, prepared[split]).score for split in Split]


def judged(competition: Competition, truth: Truth, case: Case, file: Path) -> list[float]:
    """The judge's path: points, errors, intervals, and what comparing two submissions takes."""
    question = competition.find_question(case.metric)
    predictions = read_predictions(file, truth.expected)
    return [s.score for s in score(predictions, truth, question, directory=competition.directory)]


def peer(truth: pd.DataFrame, case: Case, file: Path) -> list[float]:
    """What a careful scoring script does."""
    predictions = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
    if len(predictions) != len(truth) or predictions["id"].duplicated().any():
        raise ValueError("ids missing or repeated")
    if predictions[case.target].isna().any():
        raise ValueError("values missing")
    both = truth.merge(predictions, on="id", suffixes=("_true", "_pred"))
    if len(both) != len(truth):
        raise ValueError("ids unknown")
    scores = []
    for split in Split:
        rows = both[both["split"] == split.value]
        scores.append(
            case.peer(rows[f"{case.target}_true"].to_numpy(), rows[f"{case.target}_pred"].to_numpy())
        )
    return scores


def limit(case: Case, file: Path, n: int) -> None:
    """Read the bytes; sort once where the metric needs it."""
    file.read_bytes()
    if case.sorts:
        np.sort(np.random.default_rng(0).random(n))


def measure(runs: list[Callable[[], object]], n_rounds: int) -> list[float]:
    """Median seconds of each, taking turns."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(n_rounds):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def rows(n: int, n_rounds: int, ids: str = "ordered") -> Iterator[dict[str, object]]:
    """Every case at ``n`` rows."""
    with tempfile.TemporaryDirectory(prefix="kit-") as folder:
        competition = make(Path(folder), n, ids)
        for case in CASES:
            yield from _case(competition, case, n, n_rounds, ids)


def _case(
    competition: Competition, case: Case, n: int, n_rounds: int, ids: str
) -> Iterator[dict[str, object]]:
    """One metric from CSV and from Parquet; the scores are compared before they are timed."""
    directory = competition.directory
    truth = read_truth(competition, competition.find_question(case.metric))
    known = pd.read_parquet(directory / "private/truth.parquet", columns=["id", "split", case.target])
    files = [directory / f"{case.target}{end}" for end in (".csv", ".parquet", "-submitted.parquet")]
    scores = peer(known, case, files[0])
    for file, way in itertools.product(files, (ours, judged)):
        np.testing.assert_allclose(way(competition, truth, case, file), scores, rtol=1e-12)
    runs: list[Callable[[], object]] = [
        partial(way, competition, truth, case, file) for file in files for way in (ours, judged)
    ]
    runs += [partial(peer, known, case, file) for file in files[:2]]
    runs += [partial(limit, case, file, n) for file in files]
    *ours_s, peer_csv_s, peer_parquet_s = (seconds := measure(runs, n_rounds))[:8]
    what = f"{case.metric}, {n} rows" + ("" if ids == "ordered" else f", {ids} ids")
    names = [
        f"{what}, {form}{end}" for form in ("csv", "parquet", "as submitted") for end in ("", ", with errors")
    ]
    for i, (name, taken_s) in enumerate(zip(names, ours_s, strict=True)):
        dearer = {"over_points": taken_s / ours_s[i - 1]} if i % 2 else {}
        yield row(name, taken_s, peer_csv_s, seconds[8 + i // 2]) | dearer
    yield row(f"{what}, parquet, peer reads parquet", ours_s[2], peer_parquet_s, seconds[9])


def row(case: str, ours_s: float, peer_s: float, limit_s: float | None) -> dict[str, object]:
    """One line of the result."""
    return {"case": case, "ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s, "limit_s": limit_s}


def peak(n: int) -> Iterator[dict[str, object]]:
    """Most memory that judging a file takes over what a warm worker holds, in a process of its own."""
    for suffix in ("csv", "parquet"):
        with tempfile.TemporaryDirectory(prefix="kit-") as folder:
            command = [sys.executable, __file__, "--peak", folder, "--rows", str(n), "--suffix", suffix]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        yield json.loads(done.stdout) | {"case": f"memory, {n} rows, {suffix}"}


def measure_peak(directory: Path, n: int, suffix: str) -> dict[str, object]:
    """Resident bytes, in units of the decoded columns (an int64 and a float64 for each row)."""
    make_in_child = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})"]
    make_in_child[-1] += "; import pathlib, scoring_cases; scoring_cases.make("
    make_in_child[-1] += f"pathlib.Path({str(directory)!r}), {n}, targets=('amount',))"
    subprocess.run(make_in_child, check=True)
    competition = load_competition(directory)
    case = next(case for case in CASES if case.metric == "rmse")
    truth = read_truth(competition, competition.find_question(case.metric))
    small = Expected("", "id", np.arange(2), (case.target,), truth.expected.domain)
    read_predictions(f"id,{case.target}\n0,1\n1,1\n".encode(), small)
    truth.expected.index.places_of_integers(truth.expected.ids[:1])
    for split, prepared in _prepared(truth, competition.find_question(case.metric), 0).items():
        prepared.reducer(get_metric(case.metric), 0)(np.zeros(len(truth.rows(split))))
    # What reading the truth left free would be used again, and not be counted.
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    # The peak so far is that of reading the truth: from here on the peak is the file's.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    start = time.perf_counter()
    ours(competition, truth, case, directory / f"{case.target}.{suffix}")
    taken_s = time.perf_counter() - start
    n_bytes = _status("VmHWM") - before
    return {"ours_s": taken_s, "peak_bytes": n_bytes, "columns_bytes": 16 * n, "times": n_bytes / (16 * n)}


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def show(line: dict[str, Any]) -> str:
    """A result for people."""
    if "times" in line:
        return (
            f"{line['case']:60}{line['peak_bytes'] / 1e6:8.0f} MB = {line['times']:.2f} x the decoded columns"
        )
    seconds = "".join(f"{line[name] * 1e3:10.1f} ms" for name in ("ours_s", "peer_s", "limit_s"))
    dearer = f"{line['over_points']:8.2f} of points" if "over_points" in line else ""
    return f"{line['case']:70}{seconds}{line['ratio']:8.1f} x{dearer}"


PARTS: dict[str, Callable[[], Iterator[dict[str, object]]]] = {
    "10,000": lambda: rows(10**4, 21),
    "million": lambda: rows(10**6, 9),
    "shuffled": lambda: rows(10**6, 5, "shuffled"),
    "sparse": lambda: rows(10**6, 5, "sparse"),
    "text": lambda: rows(10**6, 5, "text"),
    "ten million": lambda: rows(10**7, 3),
    "memory": lambda: peak(10**7),
}
QUICK = ("10,000", "million")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out 10,000,000 rows and other ids")
    parser.add_argument("--json", action="store_true", help="print a list of cases")
    parser.add_argument("--only", choices=list(PARTS), help="one part: its ids, or how many rows")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=10**7, help=argparse.SUPPRESS)
    parser.add_argument("--suffix", default="csv", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    compile_reader()
    compile_sorting()
    threadpool_limits(1, user_api="blas")
    if arguments.peak:
        print(json.dumps(measure_peak(arguments.peak, arguments.rows, arguments.suffix)))
        return
    lines = []
    for name in (arguments.only,) if arguments.only else QUICK if arguments.quick else PARTS:
        for line in PARTS[name]():
            lines.append(line)
            if not arguments.json:
                print(show(line), flush=True)
    if arguments.json:
        print(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
