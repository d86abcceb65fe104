"""Blending of questions in RAMP's contract: by the problem's own predictions, as ramp-workflow does it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ramp_kit

from kit.blending import BlendJob, Member, blend
from kit.competition import load_competition
from kit.runner.ramp import RampProblem

pytest.importorskip("rampwf")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "values"])
def test_contributivity_is_that_of_ramp_workflow(tmp_path: Path, classes: bool) -> None:
    from rampwf.prediction_types import make_multiclass, make_regression
    from rampwf.score_types import RMSE, Accuracy
    from rampwf.utils.combine import blend_on_fold

    directory = ramp_kit.write(tmp_path / "kit", classes=classes)
    competition = load_competition(directory)
    with closing(RampProblem(competition, competition.question[0])) as problem:
        held_out = [rows for _, rows in problem._folds]
        n_test = problem.n_test
    y = np.asarray(pd.read_csv(directory / "data/train.csv")["y"])
    rng, members, kept = np.random.default_rng(3), [], []
    for number in range(1, 5):
        arrays = {}
        for k, rows in enumerate(held_out):
            arrays[f"valid_{k}"] = _guesses(y[rows], rng, classes=classes)
            arrays[f"test_{k}"] = _guesses(rng.choice(y, n_test), rng, classes=classes)
        np.savez(tmp_path / f"{number}.npz", **arrays)
        members.append(Member(number, number, tmp_path / f"{number}.npz"))
        kept.append(arrays)

    found = blend(BlendJob(directory, "q", "v", tuple(members), are_code=True))

    names = ["wine 0", "wine 1", "wine 2"]
    make = make_multiclass(label_names=names) if classes else make_regression()
    metric = Accuracy(name="acc") if classes else RMSE()
    shares = np.zeros(4)
    for k, rows in enumerate(held_out):
        of_all = [make(y_pred=arrays[f"valid_{k}"]) for arrays in kept]
        chosen = blend_on_fold(of_all, make(y_true=y[rows]), metric)
        shares += np.bincount(chosen, minlength=4) / len(chosen) / len(held_out)
    assert found.why == ""
    assert [found.shares[number].exact for number in range(1, 5)] == pytest.approx(100 * shares)
    assert set(found.scores["combined"]) == {"public", "private"}
    better = found.scores["combined"]["public"], found.scores["foldwise_best"]["public"]
    assert better[0] >= better[1] if classes else better[0] <= better[1]


def _guesses(y: np.ndarray, rng: np.random.Generator, *, classes: bool) -> np.ndarray:
    if not classes:
        return np.asarray(y, dtype=float) + rng.normal(0, 50, len(y))
    codes = np.array([int(str(name)[-1]) for name in y])
    raw = np.eye(3)[codes] + rng.uniform(0, 1.6, (len(y), 3))
    return raw / raw.sum(axis=1, keepdims=True)
