"""The ports of the demo."""

from __future__ import annotations

from dataclasses import dataclass, fields

from kit.cli.screen import tell
from kit.cli.serving import next_free

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """One for each server of the demo; all listen on this machine alone."""

    service: int = 8000
    lab: int = 8888
    dashboard: int = 8866

    def free(self) -> Ports:
        """The same, each that is taken replaced by the next free one; says so."""
        chosen: dict[str, int] = {}
        for field in fields(self):
            wanted = getattr(self, field.name)
            port = next_free(HOST, wanted, not_these=list(chosen.values()))
            if port != wanted:
                tell(f"Port {wanted} is taken: the {field.name} gets {port}.")
            chosen[field.name] = port
        return Ports(**chosen)
