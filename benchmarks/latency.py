"""From ``comp.submit`` to the shown score, through a real service; and how long ``import kit`` takes.

The peer is what a platform does that starts a scoring script for each submission: a fresh process that
reads the predictions and the truth, merges them by id and calls scikit-learn on both splits. It gets
its file without any transfer, queue or account, and gives no intervals.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from running import running, sign_up  # noqa: E402

import kit  # noqa: E402

QUESTION = """\
[[question]]
id = "y"
metric = "log_loss"
more_metrics = ["roc_auc"]
id_column = "id"
target = "y"
truth = "private/truth.csv"
data = ["data/test.csv"]
"""
TOML = f"""\
title = "Latency"
slug = "latency"
opens_at = 2020-01-01T00:00:00Z
closes_at = 2099-01-01T00:00:00Z
{QUESTION}"""
SCRIPT = """\
import sys
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
sent, truth = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])
merged = truth.merge(sent, on="id", suffixes=("", "_sent"), validate="1:1")
for split in ("public", "private"):
    part = merged[merged.split == split]
    print(log_loss(part.y, part.y_sent), roc_auc_score(part.y, part.y_sent))
"""


def make(directory: Path, n_rows: int) -> pd.DataFrame:
    """Write a competition of that many rows; returns predictions."""
    for folder in ("data", "private"):
        (directory / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    ids = rng.permutation(10 * n_rows)[:n_rows]
    labels = rng.integers(0, 2, n_rows)
    splits = np.where(rng.random(n_rows) < 0.4, "public", "private")
    pd.DataFrame({"id": ids}).to_csv(directory / "data/test.csv", index=False)
    pd.DataFrame({"id": ids, "y": labels, "split": splits}).to_csv(
        directory / "private/truth.csv", index=False
    )
    (directory / "competition.toml").write_text(TOML)
    guesses = np.clip(0.3 + 0.4 * labels + rng.normal(0, 0.2, n_rows), 0.01, 0.99)
    return pd.DataFrame({"id": ids, "y": guesses}).sample(frac=1, random_state=1)


def submit_s(folder: Path, n_rows: int, n_times: int) -> tuple[float, float]:
    """Medians of ours and the peer's, interleaved."""
    predictions = make(folder / "latency", n_rows)
    predictions.to_csv(folder / "sent.csv", index=False)
    script = [sys.executable, "-c", SCRIPT, folder / "sent.csv", folder / "latency/private/truth.csv"]
    ours, peer = [], []
    with running([folder / "latency"], folder / "data") as service:
        token = sign_up(service.url, "ada")["Authorization"].split()[1]
        comp = kit.connect(f"{service.url}/latency", token=token)
        comp.submit(predictions, wait=True)
        for _ in range(n_times):
            start = time.perf_counter()
            assert comp.submit(predictions, wait=True, again=True).state == "SCORED"
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            subprocess.run(script, check=True, stdout=subprocess.DEVNULL)
            peer.append(time.perf_counter() - start)
    return statistics.median(ours), statistics.median(peer)


def import_s(n_times: int) -> float:
    """Median of importing the notebook side in a fresh interpreter, the interpreter's own start taken off."""

    def run(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - start

    return statistics.median(run("import kit, kit.client") - run("pass") for _ in range(n_times))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    n_times = 3 if given.quick else 15
    rows = []
    with tempfile.TemporaryDirectory() as name:
        ours, peer = submit_s(Path(name), 10_000, n_times)
        rows.append(
            {
                "case": "submit to score, 10,000 rows",
                "ours_s": ours,
                "peer_s": peer,
                "ratio": peer / ours,
                "limit_s": None,
            }
        )
    rows.append(
        {
            "case": "import kit, kit.client",
            "ours_s": import_s(n_times),
            "peer_s": None,
            "ratio": None,
            "limit_s": 0.3,
        }
    )
    if given.json:
        print(json.dumps(rows))
        return
    for row in rows:
        peer_text = (
            f", a fresh scoring script {row['peer_s']:.2f} s ({row['ratio']:.1f} times)"
            if row["peer_s"]
            else ""
        )
        limit = f" (bar {row['limit_s']} s)" if row["limit_s"] else ""
        print(f"{row['case']}: {row['ours_s']:.3f} s{peer_text}{limit}")


if __name__ == "__main__":
    main()
