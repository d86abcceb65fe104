"""How far code is, told by the worker that runs it to the judge: lines of JSON in a file of the job's own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit.store import FoldRun

FILE = "progress.jsonl"


def tell(folder: Path, run: FoldRun) -> None:
    """Append how a fold is."""
    facts = {"fold": run.fold, "state": run.state, "scores": _finite(run.scores)}
    facts |= {"times": _finite(run.times), "peak_bytes": run.peak_bytes, "cells": run.cells}
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts, allow_nan=False) + "\n")


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not finite, which JSON cannot hold."""
    return {
        key: _finite(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if isinstance(value, Mapping) or (value is not None and math.isfinite(value))
    }


class Follower:
    """Reads what is told, each line once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._offset = 0

    def news(self) -> list[FoldRun]:
        """The last state of each fold that changed since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        # A line may be half written: it is read when it has its end.
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        told = [_fold_run(json.loads(line)) for line in whole.splitlines()]
        return list({run.fold: run for run in told}.values())


def _fold_run(facts: dict[str, Any]) -> FoldRun:
    cells = facts.pop("cells", None)
    return FoldRun(**facts, cells=None if cells is None else (cells[0], cells[1]))
