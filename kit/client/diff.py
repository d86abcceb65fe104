"""Diff: what differs between the code of two submissions. Runs none of it."""

from __future__ import annotations

import difflib
from typing import Any

from kit.client.code import Code
from kit.client.display import widget_bundle


class Diff:
    """What differs between the code of two submissions, file by file; shows itself coloured in a notebook."""

    def __init__(self, a: Code, b: Code) -> None:
        self.a, self.b = a, b

    @property
    def title(self) -> str:
        """Whose code is compared."""
        return f"{self.a.title} → {self.b.title}"

    def lines(self) -> dict[str, list[str]]:
        """By file, lines as a unified diff has them; without files that are the same.

        A single file of either is compared whatever the names.
        """
        pairs = {name: (name, name) for name in [*self.a.files, *self.b.files]}
        if len(self.a.files) == len(self.b.files) == 1:
            (one,), (other,) = self.a.files, self.b.files
            pairs = {other: (one, other)}
        found = {name: self._lines(*pair) for name, pair in pairs.items()}
        return {name: lines for name, lines in found.items() if lines}

    def _lines(self, one: str, other: str) -> list[str]:
        before, after = (
            code.shown(name).splitlines() if name in code.files else []
            for code, name in ((self.a, one), (self.b, other))
        )
        heads = f"{self.a.facts['id']}/{one}", f"{self.b.facts['id']}/{other}"
        return list(difflib.unified_diff(before, after, *heads, lineterm=""))

    def __str__(self) -> str:
        return "\n".join(line for lines in self.lines().values() for line in lines)

    def __repr__(self) -> str:
        return str(self) or f"{self.title}: the same code."

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return widget_bundle("diff", self)
