"""Runs of code: how far each fold is, what was measured, and what of it its team may read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit._store.database import Connections, Row, bump

Steps = Mapping[str, Mapping[str, float]]
"""Scores by step (train, valid, test, public, private), then by metric. Secret: all steps are in it."""
TIMES = ("fit_s", "valid_s", "test_s", "fit_cpu_s", "valid_cpu_s", "test_cpu_s")


@dataclass(frozen=True)
class FoldRun:
    """One run: a submission on one fold."""

    fold: int
    state: str
    """waiting, running, done or failed."""
    scores: Steps = field(default_factory=dict)
    times: Mapping[str, float | None] = field(default_factory=dict)
    peak_bytes: int | None = None
    cells: tuple[int, int] | None = None
    """Of a notebook, which is run once: how many cells are done, of how many."""


@dataclass(frozen=True)
class CodeRun:
    """The runs of a judgement; ``report`` is empty until it has ended."""

    folds: tuple[FoldRun, ...]
    report: Mapping[str, Any] = field(default_factory=dict)
    has_traceback: bool = False
    has_notebook: bool = False
    """Whether a notebook was kept as it ran."""

    @property
    def cells(self) -> tuple[int, int] | None:
        """Of a notebook: how many cells are done, of how many."""
        return self.folds[0].cells if self.folds else None


class Runs:
    """Writes and reads runs. A fold's run is one row, however often it is told or made again."""

    def __init__(self, connections: Connections) -> None:
        self._c = connections

    def record(self, judgement_id: int, worker: str, runs: Sequence[FoldRun]) -> bool:
        """Keep how far folds are; False, and nothing kept, where the judgement is not ``worker``'s."""
        with self._c.write() as db:
            row = self._c.row(
                "select s.team_id, s.competition, j.rejudge_id from judgement j "
                "join submission s on s.id = j.submission_id "
                "where j.id = ? and j.worker = ? and j.state = 'RUNNING'",
                [judgement_id, worker],
            )
            if row is None:
                return False
            for run in runs:
                facts: Row = {"judgement_id": judgement_id, "fold": run.fold, "state": run.state}
                facts |= {"scores": json.dumps(run.scores), "peak_bytes": run.peak_bytes}
                facts |= {name: run.times.get(name) for name in TIMES}
                facts["n_cells_done"], facts["n_cells"] = run.cells or (None, None)
                names = ", ".join(facts)
                marks = ", ".join(f":{name}" for name in facts)
                db.conn.execute(f"insert or replace into run ({names}) values ({marks})", facts)
            if row["rejudge_id"] is None:
                bump(db, f"team/{row['team_id']}", f"submissions/{row['competition']}")
        return True

    def of(self, judgement_ids: Sequence[int]) -> dict[int, CodeRun]:
        """Runs of some judgements of code, by their ids."""
        chosen = [json.dumps(list(judgement_ids))]
        which = "where judgement_id in (select value from json_each(?))"
        folds: dict[int, list[FoldRun]] = defaultdict(list)
        for row in self._c.rows(f"select * from run {which} order by judgement_id, fold", chosen):
            folds[row["judgement_id"]].append(_fold_run(row))
        results = {
            row["judgement_id"]: row
            for row in self._c.rows(
                "select judgement_id, report, traceback != '' or output != '' as has_traceback, "
                "notebook_sha256 is not null as has_notebook "
                f"from code_result {which}",
                chosen,
            )
        }
        return {
            judgement_id: _code_run(folds[judgement_id], results.get(judgement_id))
            for judgement_id in judgement_ids
        }

    def totals(self, submission_ids: Sequence[int]) -> dict[int, Row]:
        """Of some submissions of code, the seconds of all folds together and the most memory of one."""
        rows = self._c.rows(
            "select n.submission_id, sum(r.fit_s) as fit_s, sum(r.valid_s) as valid_s, "
            "sum(r.test_s) as test_s, max(r.peak_bytes) as peak_bytes from standing n "
            "join run r on r.judgement_id = n.judgement_id "
            "where n.submission_id in (select value from json_each(?)) group by n.submission_id",
            [json.dumps(list(submission_ids))],
        )
        return {row.pop("submission_id"): row for row in rows}

    def texts(self, judgement_id: int) -> tuple[str, str]:
        """Traceback and the end of the output of a judgement of code; empty where there is none."""
        row = self._c.row("select traceback, output from code_result where judgement_id = ?", [judgement_id])
        return ("", "") if row is None else (row["traceback"], row["output"])

    def files(self, judgement_id: int) -> dict[str, str]:
        """SHA-256 of the files of a judgement: "notebook", and the predictions "test" and "valid". Secret."""
        names = "test_sha256 as test, valid_sha256 as valid, notebook_sha256 as notebook"
        row = self._c.row(f"select {names} from code_result where judgement_id = ?", [judgement_id]) or {}
        return {name: sha256 for name, sha256 in row.items() if sha256 is not None}


def _fold_run(row: Row) -> FoldRun:
    times = {name: row[name] for name in TIMES}
    cells = None if row["n_cells"] is None else (row["n_cells_done"], row["n_cells"])
    return FoldRun(row["fold"], row["state"], json.loads(row["scores"]), times, row["peak_bytes"], cells)


def _code_run(folds: Sequence[FoldRun], result: Row | None) -> CodeRun:
    if result is None:
        return CodeRun(tuple(folds))
    has = {name: bool(result[name]) for name in ("has_traceback", "has_notebook")}
    return CodeRun(tuple(folds), json.loads(result["report"]), **has)
