"""Which folders of the host a Python environment needs, and no others. Reads paths only."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# A virtual environment may stand at the root of someone's project: only these parts of it are shown.
_PARTS = ("bin", "lib", "lib64", "share", "pyvenv.cfg")

_FACTS = """
import json, sys, sysconfig
names = ("stdlib", "platstdlib", "purelib", "platlib")
paths = sysconfig.get_paths()
print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, *(paths[n] for n in names)]))
"""


@dataclass(frozen=True)
class Environment:
    """A Python with its packages.

    Parameters
    ----------
    executable : str
        The interpreter, by the path that makes it find its packages.
    paths : tuple of str
        What must be seen, each by its own path; what is in ``/usr`` is left out.
    links : tuple of (str, str)
        Target and place of symbolic links among them.
    hidden : tuple of str
        Folders among them that are covered: this package itself, where it is installed.
    """

    executable: str
    paths: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]


@cache
def read_environment(python: Path | None = None) -> Environment:
    """Look where an interpreter keeps its parts; by default the one that runs this."""
    done = subprocess.run(
        [str(python or sys.executable), "-s", "-c", _FACTS], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise OSError(f"{python or sys.executable} is no Python that runs: {done.stderr.strip()[-500:]}")
    executable, prefix, base_prefix, *libraries = json.loads(done.stdout)
    roots = dict.fromkeys((prefix, base_prefix, str(Path(base_prefix).resolve())))
    wanted = [Path(root, part) for root in roots for part in _PARTS]
    wanted += [Path(library) for library in libraries]
    paths: list[str] = []
    links: list[tuple[str, str]] = []
    for path in dict.fromkeys(wanted):
        if not path.exists() or path.is_relative_to("/usr") or _is_within(path, paths):
            continue
        if path.is_symlink() and path.parent in map(Path, roots):
            links.append((str(path.readlink()), str(path)))
        else:
            paths.append(str(path))
    hidden = tuple({str(Path(lib, "kit")) for lib in libraries if Path(lib, "kit").is_dir()})
    return Environment(executable, tuple(paths), tuple(links), hidden)


def _is_within(path: Path, others: list[str]) -> bool:
    return any(path.is_relative_to(other) for other in others)
