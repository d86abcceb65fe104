"""What a question expects of predictions; reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kit.metrics import Array, Domain

if TYPE_CHECKING:
    from kit.predictions._index import IdIndex

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
    max_bytes : int
        Limit on a file as it is sent, and on what it decompresses to.
    """

    question: str
    id_column: str
    ids: Array
    columns: tuple[str, ...]
    domain: Domain
    classes: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of a file: the id column, then the prediction columns."""
        return (self.id_column, *self.columns)

    @property
    def max_rows(self) -> int:
        """Files with more rows are refused before any value is looked at."""
        return 10 * len(self.ids) + 1000

    @property
    def max_columns(self) -> int:
        """Files with more columns are refused without naming them."""
        return 10 * len(self.header) + 100

    @cached_property
    def index(self) -> IdIndex:
        """The index of the ids, made when it is first asked for and kept as long as this object."""
        from kit.predictions._index import IdIndex

        return IdIndex(self.ids, self.id_column)
