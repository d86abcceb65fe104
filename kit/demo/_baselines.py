"""The demo's reference notebooks, run in the background: on the first run, and when they changed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kit.cli.screen import tell
from kit.demo._children import Children
from kit.demo._folder import Folder, hash_of

NAME = "baselines"


class Baselines:
    """Runs ``kit baseline`` for one competition after the other; ``step`` looks after it."""

    def __init__(self, demo: Folder, competitions: Sequence[Path]) -> None:
        self._demo = demo
        known = demo.state.get("baselines", {})
        self._waiting = [path for path in competitions if known.get(path.name) != hash_of(path)]
        self._n = len(self._waiting)
        self._now: Path | None = None
        self._process: Any = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to run."""
        return not self._waiting and self._now is None

    def step(self, children: Children, service: str, token: str) -> None:
        """Tell how the last one ended, start the next."""
        if self._now is not None:
            if self._process.poll() is None:
                return
            self._ended(children, self._now)
            self._now = None
        if not self._waiting:
            if self._n:
                tell("The reference notebooks are on the leaderboards.")
            return
        self._now = self._waiting.pop(0)
        tell(f"Reference notebooks of {self._now.name} run ({self._n - len(self._waiting)} of {self._n}) …")
        command = [sys.executable, "-m", "kit", "baseline", str(self._now.resolve()), "--json"]
        environment = os.environ | {"KIT_URL": service, "KIT_TOKEN": token}
        self._process = children.start(NAME, command, environment, self._demo.logs.resolve(), may_end=True)

    def line(self, children: Children) -> str:
        """What runs now."""
        if self._now is None:
            return ""
        lines = children.log(NAME).read_text(errors="replace").strip().splitlines()
        return f"Reference notebooks of {self._now.name}: {lines[-1] if lines else 'starting'}"

    def _ended(self, children: Children, competition: Path) -> None:
        children.forget(NAME)
        log = children.log(NAME).rename(children.log(f"{NAME}-{competition.name}"))
        results = _results(log.read_text(errors="replace"))
        if results is None:
            tell(f"The reference notebooks of {competition.name} did not run; see {log}")
            return
        for result in results:
            failed = result["state"] == "failed"
            told = (
                f"failed: {result['error']}"
                if failed
                else f"{result['score']:.6g} in {result['seconds']:.0f} s"
            )
            tell(f"  {result['question']} / {result['name']}: {told}")
        known = self._demo.state.get("baselines", {})
        self._demo.remember(baselines={**known, competition.name: hash_of(competition)})


def _results(log: str) -> list[dict[str, Any]] | None:
    """The JSON that ends a log, after its lines of progress."""
    start = log.find("\n[\n") + 1 if not log.startswith("[") else 0
    try:
        return list(json.loads(log[start:]))
    except ValueError:
        return None
