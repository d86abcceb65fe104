"""Submitted code as it is compared: read as text, never run, and kept, since it never changes."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from kit.code_files import read_code
from kit.errors import KitError
from kit.service.hosted import Hosted, HostedQuestion
from kit.similarity import Program, read_program
from kit.store import Store, Written

MOST = 150
"""So many submissions of a question are compared, all teams' best before their second best."""
MOST_KEPT = 600
MOST_CHARACTERS = 200_000
"""Of a submission, or of a file that all were given; what is beyond is not compared."""
MOST_GIVEN = 40


class Programs:
    """Reads code of submissions for comparing; safe from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], Program] = OrderedDict()
        self._given: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def written(self, hosted: Hosted, question: HostedQuestion) -> list[Written]:
        """Submissions of code that are compared."""
        metric = question.metrics[0]
        return self._store.blends.written(
            hosted.slug,
            question.id,
            metric=metric.name,
            greater_is_better=metric.greater_is_better,
            most=MOST,
        )

    def given(self, hosted: Hosted) -> tuple[str, ...]:
        """Texts that all were given, such as the starting kit and the reference submissions."""
        with self._lock:
            if hosted.slug not in self._given:
                self._given[hosted.slug] = _texts_in(hosted.competition.directory)
            return self._given[hosted.slug]

    def read(self, written: Written, known: tuple[str, ...]) -> Program:
        """A submission's program, without what is ``known``."""
        key = (written.sha256, known)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = read_program(self.texts(written), known=known)
        with self._lock:
            self._kept[key] = made
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def texts(self, written: Written) -> dict[str, str]:
        """The code of a submission by file name; empty where it cannot be read."""
        try:
            found = read_code(self._store.blobs.path(written.sha256), written.filename)
        except (KitError, OSError):
            return {}
        return _bounded({name: code_of(name, text) for name, text in found.items()})


def code_of(name: str, text: str) -> str:
    """A file's code: of a notebook, that of its cells."""
    if not name.endswith(".ipynb"):
        return text
    try:
        cells = json.loads(text)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "\n\n".join(sources)


def _bounded(texts: Mapping[str, str]) -> dict[str, str]:
    kept, left = {}, MOST_CHARACTERS
    for name, text in texts.items():
        kept[name] = text[:left]
        left -= len(kept[name])
    return kept


def _texts_in(directory: Path) -> tuple[str, ...]:
    """Code in a competition's folder, but for what participants are never given."""
    found = sorted(path for kind in ("*.py", "*.ipynb") for path in directory.rglob(kind))
    shown = [path for path in found if "private" not in path.relative_to(directory).parts]
    texts = []
    for path in shown[:MOST_GIVEN]:
        try:
            texts.append(code_of(path.name, path.read_text("utf-8", errors="replace"))[:MOST_CHARACTERS])
        except OSError:
            continue
    return tuple(texts)
