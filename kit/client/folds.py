"""The folds of a code submission, as the service tells of them: in a line, in rows, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kit.client.http import Json

if TYPE_CHECKING:
    import pandas as pd

STEPS = ("train", "valid", "test", "private")
"""``test`` is of the public rows of the truth; ``private`` is told to participants after the close."""
TIMES = ("fit_s", "valid_s", "test_s", "fit_cpu_s", "valid_cpu_s", "test_cpu_s")


def progress_text(code: Json) -> str:
    """How far it has come, as "fold 3 of 8" or "cell 5 of 12"; empty where nothing of it is known."""
    if code and code.get("n_cells"):
        return f"cell {min((code.get('n_cells_done') or 0) + 1, code['n_cells'])} of {code['n_cells']}"
    if not code or not code.get("n_folds"):
        return ""
    n_folds, n_done = code["n_folds"], code.get("n_done") or 0
    running = [fold["fold"] + 1 for fold in code.get("folds") or [] if fold["state"] == "running"]
    if len(running) > 1:
        return f"folds {running[0]} to {running[-1]} of {n_folds}"
    return f"fold {running[0] if running else min(n_done + 1, n_folds)} of {n_folds}"


def score_at(scores: Json, step: str, metric: str) -> float | None:
    """A score of a fold (or of the mean, the spread or the bagged ones); None where there is none to see."""
    found = ((scores or {}).get(step) or {}).get(metric)
    return None if found is None else float(found)


def metrics_of(code: Json, first: str) -> list[str]:
    """The metrics that the folds have scores of, the one that ranks first."""
    scored = [fold.get(step) or {} for fold in code.get("folds") or [] for step in STEPS]
    return list(dict.fromkeys([first, *(name for scores in scored for name in scores)]))


def rows(code: Json, metric: str) -> list[dict[str, Any]]:
    """A row for each fold: scores by the metric that ranks as ``train``, ``valid`` and ``test``.

    Other metrics' scores go by ``train_mae`` and so on.
    """
    metrics = metrics_of(code, metric)
    return [_row(fold, metrics) for fold in code.get("folds") or []]


def summary(code: Json, metric: str) -> list[tuple[str, dict[str, str]]]:
    """Mean ± std and the bagged scores, each as text by step; without those that nobody may see."""
    mean, std, bagged = (code.get(key) for key in ("mean", "std", "bagged"))
    lines: list[tuple[str, dict[str, str]]] = [("mean ± std", {}), ("bagged", {})]
    for step in STEPS:
        centre, spread = score_at(mean, step, metric), score_at(std, step, metric)
        if centre is not None:
            lines[0][1][step] = f"{centre:.4g}" + ("" if spread is None else f" ± {spread:.2g}")
        if (together := score_at(bagged, step, metric)) is not None:
            lines[1][1][step] = f"{together:.4g}"
    return [line for line in lines if line[1]]


def frame(code: Json, metric: str) -> pd.DataFrame:
    """The folds as a DataFrame, one row for each."""
    import pandas as pd

    columns = ["fold", "state", *STEPS, *TIMES, "peak_bytes"]
    made = pd.DataFrame.from_records(rows(code, metric)) if code.get("folds") else pd.DataFrame()
    made = made.reindex(columns=[*columns, *(name for name in made.columns if name not in columns)])
    numbers = [name for name in made.columns if name not in ("fold", "state")]
    made[numbers] = made[numbers].astype("float64")
    unseen = [name for name in made.columns if name.startswith("private") and made[name].isna().all()]
    return made.drop(columns=unseen)


def _row(fold: Json, metrics: list[str]) -> dict[str, Any]:
    scores = {
        step if at == 0 else f"{step}_{metric}": score_at(fold, step, metric)
        for at, metric in enumerate(metrics)
        for step in STEPS
    }
    more = {key: fold.get(key) for key in (*TIMES, "peak_bytes")}
    return {"fold": fold["fold"], "state": fold["state"], **scores, **more}
