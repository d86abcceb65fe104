"""The jail: bubblewrap's arguments, and the way to it for root. Starts nothing itself.

What is seen inside: ``/usr``, the Python environment, the harness and what the task mounts, all read-only; a
``/tmp`` and a ``/dev/shm`` of its own with a size; a ``/proc`` of its own processes. Nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.runner.sandbox_python import Environment

NOBODY = 65534
OWN = "/run/kit"
MOUNTS = "/mnt"
FOLDER = "/tmp/submission"
SHARED_BYTES = 64 * 1024 * 1024
"""Size of /dev/shm, at most: semaphores of process pools need it."""

PASSWD = b"nobody:x:65534:65534:nobody:/tmp:/bin/false\n"
GROUP = b"nogroup:x:65534:\n"

# Root prepares the sources where another account reaches them, in a mount namespace nobody else sees, and
# gives itself up before bubblewrap starts. Bubblewrap run by root would leave root's own number inside: with
# it /proc/sys can be written, and with that the host be taken.
_STAGE = """
set -e
stage=$1; shift
mount -t tmpfs -o mode=755,size=1m none "$stage"
i=0
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir "$stage/$i"; else : > "$stage/$i"; fi
    mount --bind "$1" "$stage/$i"
    i=$((i + 1)); shift
done
shift
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all \
    --no-new-privs -- "$@"
"""
_STAGES = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True)
class View:
    """What a jail sees of the host, and what size its own file systems have.

    ``own`` are the files of ours in it, seen in ``/run/kit``.
    """

    environment: Environment
    own: tuple[Path, ...]
    mounts: tuple[Path, ...]
    disk_bytes: int


def mount_points(mounts: Sequence[Path]) -> dict[str, Path]:
    """Where each mount is seen: ``/mnt/NAME``."""
    places = {f"{MOUNTS}/{path.name}": path for path in mounts}
    if len(places) < len(mounts):
        names = sorted(path.name for path in mounts)
        raise ValueError(f"Two mounts of one name among {', '.join(names)}: rename one.")
    return places


def fixed_environment(n_threads: int, home: str = "/tmp") -> dict[str, str]:
    """All environment variables of a run; nothing of the host's."""
    counts = [
        f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "RAYON", "BLIS")
    ]
    counts += ["VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT"]
    return {
        **dict.fromkeys(counts, str(n_threads)),
        "NUMBA_CACHE_DIR": home,
        # A thread of an allocator's own would count against the limit, and keep a process from being forked.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": home,
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def jail_arguments(view: View, sources: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    """Arguments of bubblewrap that say what the jail is.

    Parameters
    ----------
    sources : mapping
        By place in the jail: where to take it from.
    """
    args = ["--unshare-all", "--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox"]
    args += ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    args += [part for name, value in variables.items() for part in ("--setenv", name, value)]
    args += ["--proc", "/proc", "--dev", "/dev"]
    for place, n_bytes in sizes_of(view).items():
        args += ["--perms", "1777", "--size", str(n_bytes), "--tmpfs", place]
    args += ["--ro-bind", "/usr", "/usr", *_system_folders()]
    args += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    args += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives", "--dir", "/var/tmp"]
    for place, source in sources.items():
        args += ["--ro-bind", source, place]
    for target, place in view.environment.links:
        args += ["--symlink", target, place]
    for place in view.environment.hidden:
        args += ["--tmpfs", place, "--remount-ro", place]
    return [*args, "--remount-ro", "/dev", "--chdir", "/tmp"]


def sizes_of(view: View) -> dict[str, int]:
    """By place: how many bytes can be written there, and nowhere else."""
    return {"/tmp": view.disk_bytes, "/dev/shm": min(view.disk_bytes, SHARED_BYTES)}


def covered(view: View) -> dict[str, list[Any]]:
    """What of the Python environment a fresh ``/tmp`` or ``/dev/shm`` would hide."""
    fresh = tuple(sizes_of(view))

    def is_hidden(path: str) -> bool:
        return any(Path(path).is_relative_to(place) for place in fresh)

    paths = [path for path in view.environment.paths if is_hidden(path)]
    return {"paths": paths, "links": [link for link in view.environment.links if is_hidden(link[1])]}


def sources_of(view: View) -> dict[str, str]:
    """By place in the jail: the host's path that is seen there."""
    places = {path: path for path in view.environment.paths}
    places |= {f"{OWN}/{path.name}": str(path) for path in view.own}
    return places | {place: str(path.resolve()) for place, path in mount_points(view.mounts).items()}


def can_stage() -> bool:
    """Whether root may prepare the sources for another account; to be tried before it is relied on."""
    return os.geteuid() == 0 and all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount"))


def staged(sources: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """What root puts before bubblewrap's command, and the sources as bubblewrap then sees them."""
    stage = next(
        place
        for place in _STAGES
        if Path(place).is_dir() and not any(Path(s).is_relative_to(place) for s in sources.values())
    )
    before = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _STAGE, "sh", stage]
    before += [*sources.values(), "--"]
    return before, {place: f"{stage}/{i}" for i, place in enumerate(sources)}


def _system_folders() -> list[str]:
    args = []
    for name in ("/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        path = Path(name)
        if path.is_symlink():
            args += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            args += ["--ro-bind", name, name]
    return args
