"""What keeps the store from writing: plain words for participants, one incident for organizers each time."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.clock import Clock
from kit.errors import ServiceError
from kit.store import RESERVE_BYTES, Store, Trouble, new_incident_number

log = logging.getLogger("kit.service")

BUSY = "The service's database is busy; trying again"


class DiskFull(ServiceError):
    """There is no room to keep what was sent: nothing of it counts, and nothing is used up."""

    def __init__(self, incident: str) -> None:
        self.incident = incident
        super().__init__(
            "The service's disk is full: it could not keep this, and nothing is used up. What it took before "
            f"is safe. Tell the organizers (incident {incident}), and send it again when they have made room."
        )


@dataclass
class _Incident:
    number: str
    at: datetime
    place: str
    detail: str
    is_kept: bool = False


class Troubles:
    """Finds out whether there is room, and remembers what cannot be written down yet.

    Safe from any thread.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[Trouble, _Incident] = {}

    @property
    def is_full(self) -> bool:
        """Whether the disk takes nothing new: what is left of it is for what was taken before."""
        return self._store.free_bytes < RESERVE_BYTES

    @property
    def now(self) -> dict[str, Any] | None:
        """What keeps the service from taking submissions, and its incident; None where nothing does."""
        with self._lock:
            for trouble, incident in self._open.items():
                return {"what": trouble.value, "incident": incident.number}
        return {"what": Trouble.FULL.value, "incident": ""} if self.is_full else None

    @property
    def status(self) -> Any:
        """The same in two words, or "ok"."""
        return (self.now or {"what": "ok"})["what"]

    def check_room(self, n_bytes: int, place: str) -> None:
        """Raise DiskFull where so many bytes more would leave too little for what was taken before."""
        free = self._store.free_bytes
        if free - n_bytes < RESERVE_BYTES:
            detail = f"{free} bytes are free, {n_bytes} were announced, and {RESERVE_BYTES} are kept free."
            raise DiskFull(self.met(Trouble.FULL, place, detail))

    def met(self, trouble: Trouble, place: str, detail: str) -> str:
        """Take note of a trouble; returns the number of its incident, the same one until it is over."""
        with self._lock:
            known = self._open.get(trouble)
            if known is not None:
                log.info("Incident %s again, at %s", known.number, place)
                return known.number
            incident = _Incident(new_incident_number(), self._clock(), place, f"{trouble}\n{detail}")
            self._open[trouble] = incident
        log.error("Incident %s at %s: %s\n%s", incident.number, place, trouble, detail)
        return incident.number

    def settle(self) -> None:
        """Write down what is not yet, and end what is over; as often as one likes."""
        with self._lock:
            found = list(self._open.items())
        for trouble, incident in found:
            if not incident.is_kept:
                self._keep(incident)
            if incident.is_kept and not (trouble is Trouble.FULL and self.is_full):
                log.warning("Incident %s is over: %s", incident.number, trouble)
                with self._lock:
                    self._open.pop(trouble, None)

    def _keep(self, incident: _Incident) -> None:
        try:
            self._store.add_incident(incident.place, incident.detail, now=incident.at, number=incident.number)
        except Exception as error:
            log.info("Incident %s cannot be written down yet: %s", incident.number, error)
            return
        incident.is_kept = True
