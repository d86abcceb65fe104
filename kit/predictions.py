"""Read a predictions file, align it by id, list all that is wrong with it. Knows no truth."""

from __future__ import annotations

from dataclasses import dataclass

from kit.metrics import Array, Domain

MAX_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Expected:
    """What a predictions file of a question must hold; the same on the server and in a notebook.

    Parameters
    ----------
    question : str
        Id of the question, for messages.
    ids : ndarray of shape (n,), int64 or object (str)
        Every id that must be predicted, once, in the order the result is wanted in.
    columns : tuple of str
        The prediction columns.
    classes : tuple of str
        As text, in the question's order; empty where the target is no class.
    """

    question: str
    id_column: str
    ids: Array
    columns: tuple[str, ...]
    domain: Domain
    classes: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES
