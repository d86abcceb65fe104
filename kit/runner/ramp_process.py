"""An organizer's problem.py, in a process of its own, which holds its data: inputs out, predictions scored.

It is started as ``python ramp_process.py FD PROBLEM``, perhaps by the interpreter of the competition's own
environment: it imports nothing of the kit. It gets predictions as plain arrays; participants' code never.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib.util
import io
import json
import os
import pickle
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np


class Unfit(Exception):
    """Predictions that do not fit the problem: the participant's to mend."""


class Wrong(Exception):
    """A problem that cannot be used: the organizer's to mend."""


class Kit:
    """A problem with its data, read once."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.problem = _load(path)
        self.X, self.y = self.problem.get_train_data(path=str(self.folder))
        self.X_test, self.y_test = self.problem.get_test_data(path=str(self.folder))
        self.y, self.y_test = _as_numpy(self.y), _as_numpy(self.y_test)
        if self.y_test is None:
            self.X_test = None
        self.folds = [(np.asarray(a), np.asarray(b)) for a, b in self.problem.get_cv(self.X, self.y)]
        if not self.folds:
            raise Wrong("get_cv gives no folds.")
        self.mounts = [_folder_of(X, self.folder) for X in (self.X, self.X_test)]
        self.bags: dict[str, tuple[Any, Any]] = {}

    def facts(self) -> dict[str, Any]:
        """What the other side must know."""
        names = [str(name) for name in self.problem.workflow.element_names]
        digest = hashlib.sha256(repr(np.asarray(self.y, dtype=object).tolist()).encode())
        return {
            "title": str(getattr(self.problem, "problem_title", "")),
            "entries": [name if Path(name).suffix else f"{name}.py" for name in names],
            "folds": [(a.tolist(), b.tolist()) for a, b in self.folds],
            "n_train": len(self.y),
            "n_test": 0 if self.y_test is None else len(self.y_test),
            "scores": [(str(s.name), bool(s.is_lower_the_better)) for s in self.problem.score_types],
            "labels": [str(name) for name in getattr(self.problem.Predictions, "label_names", None) or []],
            "mounts": sorted({str(folder) for folder in self.mounts if folder}),
            "seed": digest.hexdigest(),
        }

    def inputs(self, k: int) -> tuple[bytes, bytes, bytes, bytes]:
        """What each stage of a fold gets: X and y to train, X to validate, X to test."""
        train_is, valid_is = self.folds[k]
        X = pack(X=self.X, train_is=train_is, valid_is=valid_is)
        return X, pack(y=_without_others(self.y, train_is)), X, pack(X=self.X_test)

    def check(self, valid: Any, test: Any) -> None:
        """Whether predictions have the form the problem asks for."""
        for values, rows in ((valid, "training"), (test, "test")):
            if rows == "test" and self.y_test is None:
                continue
            values = _lists(values)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                n_bad = int((~np.isfinite(values)).sum())
                raise Unfit(f"{n_bad} predictions of {rows} rows are not finite numbers")
            try:
                predictions = self.problem.Predictions(y_pred=values)
            except Exception as error:
                raise Unfit(f"the predictions of {rows} rows do not fit: {error}") from error
            if len(predictions.y_pred) != len(self.y if rows == "training" else self.y_test):
                raise Unfit(f"{len(predictions.y_pred)} {rows} rows are predicted")

    def fold_scores(self, k: int, valid: Any, test: Any) -> dict[str, dict[str, float]]:
        """Scores by step and score type."""
        make, (train_is, valid_is) = self.problem.Predictions, self.folds[k]
        valid = _lists(valid)
        steps = {
            step: (make(y_true=self.y, fold_is=rows), make(y_pred=valid, fold_is=rows))
            for step, rows in (("train", train_is), ("valid", valid_is))
        }
        if self.y_test is not None:
            steps["test"] = make(y_true=self.y_test), make(y_pred=_lists(test))
        return {step: self._scores(*pair) for step, pair in steps.items()}

    def bag(self, valids: Sequence[Any], tests: Sequence[Any]) -> dict[str, dict[str, float]]:
        """Scores of all folds combined: of rows held out, and of test rows. They are kept for `part`."""
        make = self.problem.Predictions
        held_out = [rows for _, rows in self.folds]
        pairs = zip(valids, held_out, strict=True)
        parts = [make(y_pred=_lists(values), fold_is=rows) for values, rows in pairs]
        self.bags = {"valid": self._combined(parts, held_out, self.y)}
        if self.y_test is not None:
            everything = [np.arange(len(self.y_test))] * len(tests)
            parts = [make(y_pred=_lists(values)) for values in tests]
            self.bags["test"] = self._combined(parts, everything, self.y_test)
        return {step: self._scores(*pair) for step, pair in self.bags.items()}

    def bagged_test(self) -> bytes | None:
        """Combined predictions of the test rows as npy, where they are a table of numbers; else None."""
        values = self.bags["test"][1].y_pred if "test" in self.bags else None
        if values is None or values.dtype.kind not in "fiu" or values.ndim > 2:
            return None
        return _npy(values)

    def n_bagged(self, step: str) -> int:
        """How many rows a combined score is of."""
        return len(self.bags[step][0].y_pred)

    def part(self, step: str, name: str, rows: Any) -> float:
        """A combined score on some of its rows; NaN where it is undefined there."""
        truth, predictions = (copy.deepcopy(each) for each in self.bags[step])
        truth.set_slice(rows)
        predictions.set_slice(rows)
        score_type = next(s for s in self.problem.score_types if s.name == name)
        try:
            return float(score_type.score_function(truth, predictions))
        except Exception:
            return float("nan")

    def parts(self, step: str, name: str, of_row: Any, n_blocks: int, is_left_out: bool) -> list[float]:
        """By block, a combined score without its rows, or on them alone."""
        chosen = ((of_row == block) != is_left_out for block in range(n_blocks))
        return [self.part(step, name, np.flatnonzero(rows)) for rows in chosen]

    def select(self, k: int, name: str, valids: Sequence[Any], most: int) -> list[int]:
        """Places in a fold's ensemble: the best first, then again and again the one that improves it most."""
        make, rows = self.problem.Predictions, self.folds[k][1]
        truth, parts = make(y_true=self.y, fold_is=rows), [make(y_pred=_lists(values)) for values in valids]
        is_less = {s.name: s.is_lower_the_better for s in self.problem.score_types}
        sign = 1.0 if is_less[name] else -1.0

        def loss(predictions: Any) -> float:
            value = sign * self._scores(truth, predictions)[name]
            return value if value == value else float("inf")

        chosen: list[int] = []
        losses, least = [loss(part) for part in parts], float("inf")
        while len(chosen) < most and min(losses) < least:
            least = min(losses)
            chosen.append(losses.index(least))
            losses = [loss(make.combine(parts, [*chosen, i])) for i in range(len(parts))]
        return chosen

    def blend(self, valids: Sequence[Any], tests: Sequence[Any], members: Any) -> dict[str, dict[str, float]]:
        """Scores of all folds' ensembles combined."""
        held_out = [rows for _, rows in self.folds]
        pairs = {"valid": self._combined(self._mixed(valids, members), held_out, self.y)}
        if self.y_test is not None:
            everything = [np.arange(len(self.y_test))] * len(members)
            pairs["test"] = self._combined(self._mixed(tests, members), everything, self.y_test)
        return {step: self._scores(*pair) for step, pair in pairs.items()}

    def _mixed(self, predictions: Sequence[Any], members: Any) -> list[Any]:
        make = self.problem.Predictions
        pairs = zip(predictions, members, strict=True)
        return [make.combine([make(y_pred=_lists(part)) for part in fold], chosen) for fold, chosen in pairs]

    def _combined(self, parts: Sequence[Any], rows: Sequence[Any], y: Any) -> tuple[Any, Any]:
        make = self.problem.Predictions
        truth, spread = make(y_true=y), []
        for part, where in zip(parts, rows, strict=True):
            empty = make(n_samples=len(truth.y_pred))
            empty.set_valid_in_train(part, where)
            spread.append(empty)
        combined = make.combine(spread)
        seen = combined.valid_indexes
        truth.set_slice(seen)
        combined.set_slice(seen)
        return truth, combined

    def _scores(self, truth: Any, predictions: Any) -> dict[str, float]:
        # Copies: a score type may change what it is given.
        return {
            str(s.name): float(s.score_function(copy.deepcopy(truth), copy.deepcopy(predictions)))
            for s in self.problem.score_types
        }


def pack(**values: Any) -> bytes:
    """Values as bytes: arrays as npy, tables as Arrow, what is neither pickled by this trusted process."""
    parts, contents = [], []
    for name, value in values.items():
        kind, content = _packed(value)
        parts.append({"name": name, "kind": kind, "size": len(content)})
        contents.append(content)
    header = json.dumps(parts).encode()
    return b"".join([len(header).to_bytes(8, "little"), header, *contents])


def _packed(value: Any) -> tuple[str, bytes]:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSUmM":
        return "npy", _npy(value)
    if type(value).__name__ == "DataFrame" and (content := _arrow(value)) is not None:
        return "arrow", content
    if _is_folder(value):
        return "folder", pickle.dumps((Path(value[0]).name, value[1]))
    return "pickle", pickle.dumps(value, protocol=5)


def _arrow(frame: Any) -> bytes | None:
    """A table's Arrow stream; None where it would not come back as it is."""
    try:
        import pyarrow as pa

        table = pa.Table.from_pandas(frame)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        back = table.to_pandas()
    except (ImportError, TypeError, ValueError, ArithmeticError):
        return None
    same = back.equals(frame) and back.columns.equals(frame.columns) and back.index.equals(frame.index)
    same = same and type(back.index) is type(frame.index) and list(back.dtypes) == list(frame.dtypes)
    return sink.getvalue().to_pybytes() if same else None


def _is_folder(value: Any) -> bool:
    """Whether it is (folder, ids), as workflows of images have it."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and isinstance(value[0], str | Path)
        and Path(value[0]).is_dir()
    )


def _folder_of(X: Any, kit: Path) -> Path | None:
    if not _is_folder(X):
        return None
    folder = Path(X[0]).resolve()
    if folder in (kit, kit / "data") or not folder.is_relative_to(kit):
        raise Wrong(
            f"X is in the folder {folder}, which may hold labels too. Put the inputs, and nothing else, into "
            "a folder of their own below data/."
        )
    return folder


def _as_numpy(y: Any) -> Any:
    """As kits were written for: workflows cannot index what pandas holds as text of Arrow."""
    is_extension = type(y).__module__.startswith("pandas.") and not hasattr(y, "iloc")
    return y.to_numpy(dtype=object) if is_extension else y


def _without_others(y: Any, train_is: Any) -> Any:
    """Labels of the training rows; each other row has that of the first of these, which says nothing."""
    kept = np.zeros(len(y), dtype=bool)
    kept[train_is] = True
    others, first = np.flatnonzero(~kept), int(train_is[0])
    if isinstance(y, list | tuple):
        return type(y)(y[row if keep else first] for row, keep in enumerate(kept))
    masked = y.copy()
    at = masked.iloc if hasattr(masked, "iloc") else masked
    for row in others.tolist():
        at[row] = y.iloc[first] if hasattr(y, "iloc") else y[first]
    return masked


def _lists(values: Any) -> Any:
    """Rows of lists, which crossed as text, as an array of objects; everything else as it is."""
    if values.dtype.kind != "U" or not len(values) or not str(values[0]).startswith("["):
        return values
    rows = np.empty(len(values), dtype=object)
    try:
        for i, text in enumerate(values.tolist()):
            rows[i] = [tuple(row) if isinstance(row, list) else row for row in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return values
    return rows


def _load(path: Path) -> Any:
    for folder in (path.parent, path.parent / "external_imports"):
        if folder.is_dir():
            sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("problem", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["problem"] = module  # What is pickled of its classes is found by this name.
    spec.loader.exec_module(module)
    missing = [name for name in _NAMES if not hasattr(module, name)]
    if missing:
        raise Wrong(f"{path.name} defines no {', '.join(missing)}.")
    return module


_NAMES = ("Predictions", "workflow", "score_types", "get_cv", "get_train_data", "get_test_data")


def serve(connection: Connection, path: Path) -> None:
    """Answer calls until the other side is gone; the first answer is of the problem itself."""
    kit = None
    request: tuple[str, tuple[Any, ...]] = ("facts", ())
    while True:
        try:
            kit = kit or Kit(path)
            name, arguments = request
            result = getattr(kit, name)(*(_read(argument) for argument in arguments))
            connection.send(("done", result))
        except Unfit as error:
            connection.send(("unfit", str(error)))
        except BaseException as error:
            text = str(error) if isinstance(error, Wrong) else traceback.format_exc()
            connection.send(("failed", f"{type(error).__name__}: {error}", text))
        request = connection.recv()


def _read(value: Any) -> Any:
    if isinstance(value, bytes):
        return np.load(io.BytesIO(value), allow_pickle=False)
    return [_read(item) for item in value] if isinstance(value, list) else value


def _npy(value: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    return file.getvalue()


def main() -> None:
    """Run until the other side is gone."""
    connection, path = Connection(int(sys.argv[1])), Path(sys.argv[2]).resolve()
    del sys.path[0], sys.argv[1:]
    os.dup2(2, 1)  # What the problem prints is none of our answers, nor the caller's.
    os.chdir(path.parent)
    with contextlib.suppress(EOFError, BrokenPipeError):
        serve(connection, path)


if __name__ == "__main__":
    main()
