"""Write a new competition: a small working example, or one from the organizer's own CSV files.

Everything is read and checked before anything is written.
"""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np

from kit.errors import OrganizerError
from kit.starter._code import check_takes_code
from kit.starter._draft import Draft, Guess
from kit.starter._guess import guess_draft
from kit.starter._tables import read_tables
from kit.starter._write import write_competition

__all__ = ["Guess", "start_example", "start_from_csv"]

EXAMPLE_SUMMARY = (
    "An example to be replaced by your own: predict how far diabetes has progressed after a year, "
    "from ten measurements of 442 patients (Efron et al. 2004, from scikit-learn)."
)


def start_from_csv(
    directory: Path,
    train: Path,
    test: Path,
    truth: Path,
    *,
    now: datetime,
    title: str | None = None,
    id_column: str | None = None,
    target: tuple[str, ...] = (),
    metric: str | None = None,
    takes_code: bool = False,
) -> tuple[Guess, ...]:
    """Write a competition that opens now and closes in a week; what is not given is guessed.

    Parameters
    ----------
    takes_code : bool
        Whether code may be submitted; two submissions to start from are written too.

    Returns
    -------
    tuple of Guess
        What was guessed, and why.

    Raises
    ------
    OrganizerError
        The folder is not empty.
    InvalidCompetition
        The files do not make a competition; names each problem and the way out.
    """
    _check_is_empty(directory)
    tables = read_tables(train, test, truth)
    draft = guess_draft(tables, id_column=id_column, target=target, metric=metric)
    if takes_code:
        check_takes_code(draft)
    write_competition(directory, draft, tables, title=title, now=now, takes_code=takes_code)
    return draft.guesses


def start_example(
    directory: Path, *, now: datetime, title: str | None = None, takes_code: bool = False
) -> tuple[Guess, ...]:
    """Write a small competition on real data, to be edited; nothing in it is a guess.

    Raises
    ------
    OrganizerError
        The folder is not empty.
    """
    _check_is_empty(directory)
    with tempfile.TemporaryDirectory() as folder:
        tables = read_tables(*_example_files(Path(folder)))
        draft = guess_draft(tables, id_column="patient_id", target=("progression",), metric="rmse")
        draft = Draft(**{**vars(draft), "guesses": (), "summary": EXAMPLE_SUMMARY})
        write_competition(directory, draft, tables, title=title, now=now, takes_code=takes_code)
    return ()


def _check_is_empty(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise OrganizerError(f"{directory} is a file. Name a new folder.")
    held = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    if held:
        named = ", ".join(held[:3]) + (", …" if len(held) > 3 else "")
        raise OrganizerError(f"{directory} is not empty: it holds {named}. Name a new folder.")


def _example_files(folder: Path) -> tuple[Path, Path, Path]:
    from sklearn.datasets import load_diabetes

    rng = np.random.default_rng(0)
    frame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    frame = frame.iloc[rng.permutation(len(frame))]
    frame["progression"] = frame["progression"].astype(int)
    frame.insert(0, "patient_id", rng.permutation(len(frame)) + 1)
    train, test = frame.iloc[:242], frame.iloc[242:]
    paths = (folder / "train.csv", folder / "test.csv", folder / "truth.csv")
    train.to_csv(paths[0], index=False)
    test.drop(columns="progression").to_csv(paths[1], index=False)
    test[["patient_id", "progression"]].to_csv(paths[2], index=False)
    return paths
