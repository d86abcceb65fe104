"""Which distributions the modules of a run belong to, with their versions."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

_MAPPING = """
import importlib.metadata as m, json
names = m.packages_distributions()
print(json.dumps({module: [(d, m.version(d)) for d in sorted(set(ds))] for module, ds in names.items()}))
"""


def packages_of(modules: Iterable[str], python: Path | None = None) -> dict[str, str]:
    """Version by name of the distributions these modules came from; unknown modules are left out."""
    known = _distributions(python)
    return dict(sorted(pair for module in modules for pair in known.get(module, ())))


@cache
def _distributions(python: Path | None) -> Mapping[str, tuple[tuple[str, str], ...]]:
    done = subprocess.run(
        [str(python or sys.executable), "-s", "-c", _MAPPING], capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        return {}
    return {module: tuple((d, v) for d, v in pairs) for module, pairs in json.loads(done.stdout).items()}
