"""What holds participants' code: levels of isolation, what is in force here, and the limits of one run.

This module and its neighbours named ``sandbox_*`` use the standard library only, so that they can be
audited alone. They may never run anything of a participant in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MEGABYTE = 1_000_000


class Level(StrEnum):
    """How far a run is kept from the host, strongest first."""

    ISOLATED = "isolated"
    """Namespaces of its own by bubblewrap: no network, no host files, no other process."""
    LIMITED = "limited"
    """A process under limits, of another account where we may choose one; nothing is guaranteed."""
    NONE = "none"
    """A plain process with this account's rights: for one's own code only."""

    def is_at_least(self, other: Level) -> bool:
        """Whether this level keeps a run as far away as ``other`` does, or further."""
        order = list(Level)
        return order.index(self) <= order.index(other)


@dataclass(frozen=True)
class Isolation:
    """What was found by trying: the level, what is in force, and what is not with the reason."""

    level: Level
    features: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunLimits:
    """Limits of one run, which is one fold: all its stages together."""

    cpu_s: float = 300.0
    wall_s: float = 600.0
    memory_bytes: int = 2048 * MEGABYTE
    n_pids: int = 64
    disk_bytes: int = 512 * MEGABYTE
    n_threads: int = 1


def detect_isolation() -> Isolation:
    """Start a jail and look what holds in it; done once per process."""
    # Imported late: it starts processes, and whoever only names a level needs none of it.
    from kit.runner.sandbox_probe import plain_account, probe

    found = probe()
    if found.holds:
        return Isolation(Level.ISOLATED, found.features, found.missing)
    has_account = plain_account() is not None
    features = ("rlimits", *(("other account",) if has_account else ()))
    missing = (
        found.missing if has_account else (*found.missing, "other account: files of this one can be read")
    )
    return Isolation(Level.LIMITED, features, missing)
