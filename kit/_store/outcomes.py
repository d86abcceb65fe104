"""Writes what judging led to, beside the judgement itself: scores, evidence, what running code left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kit._store.tries import sketch_row
from kit.submission import CodeResult, Outcome


def write_outcome(db: Any, judgement_id: int, outcome: Outcome, files: Mapping[str, str]) -> None:
    """All rows of an outcome but the judgement's own; inside a transaction.

    Parameters
    ----------
    files : mapping of str to str
        SHA-256 of the kept files of ``outcome.code``, by their names.
    """
    for s in outcome.scores:
        row = {"judgement_id": judgement_id, "metric": s.metric, "split": s.split.value}
        row |= {"score": s.score, "low": s.low, "high": s.high, "level": s.level}
        row |= {"n_rows": s.n_rows, "n_resamples": s.n_resamples, "se": s.se, "warning": s.warning}
        db.table("score").insert(row)
    for e in outcome.evidence:
        row = {"judgement_id": judgement_id, "split": e.split.value}
        row |= {"influences": vector_bytes(e.influences), "resampled": vector_bytes(e.resampled)}
        db.table("evidence").insert(row)
    if outcome.sketch is not None:
        db.table("sketch").insert(sketch_row(judgement_id, outcome.sketch))
    if outcome.code is not None:
        db.table("code_result").insert(_code_row(judgement_id, outcome.code, files))


def _code_row(judgement_id: int, code: CodeResult, files: Mapping[str, str]) -> dict[str, Any]:
    kept = {f"{name}_sha256": files.get(name) for name in ("test", "valid", "notebook")}
    texts = {"report": code.report, "traceback": code.traceback, "output": code.output}
    return {"judgement_id": judgement_id, **texts, **kept}


def vector_bytes(vector: NDArray[np.float32]) -> bytes:
    """A vector as it is kept: little-endian float32."""
    return vector.astype("<f4").tobytes()


def vector_of(content: bytes) -> NDArray[np.float32]:
    """The inverse of ``vector_bytes``."""
    return np.frombuffer(content, dtype="<f4")
