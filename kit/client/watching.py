"""Watches: what is called back when an address of the service has something new, for as long as it lives."""

from __future__ import annotations

import contextlib
import inspect
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kit.errors import KitError, ServiceError

if TYPE_CHECKING:
    from kit.client.polling import Poller

Callback = Callable[[Any], object]
OnError = Callable[[KitError], object]
OnRest = Callable[[], object]


class Watch:
    """One watched address; ends with `stop`, with its client, or with the owner of its callback."""

    def __init__(
        self,
        poller: Poller,
        path: str,
        callback: Callback,
        on_error: OnError | None = None,
        on_rest: OnRest | None = None,
    ) -> None:
        self.path = path
        self.rests = on_rest is not None
        self._poller = poller
        self._callback = _held(callback)
        self._on_error = _held(on_error) if on_error else lambda: None
        self._on_rest = _held(on_rest) if on_rest else lambda: None
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Watch of {self.path}, {'on' if self.is_alive else 'stopped'}>"

    @property
    def is_alive(self) -> bool:
        """Whether calls may still come."""
        return not self._stopped and self._callback() is not None

    def stop(self) -> None:
        """End the watching; no call starts after this returns, except one already under way."""
        self._stopped = True
        self._poller.wake(self.path)

    def seen(self) -> None:
        """Tell that somebody looks: what rests goes on."""
        self._poller.seen()

    def rest(self) -> None:
        """Tell that nobody looks."""
        if (on_rest := self._on_rest()) is not None:
            with contextlib.suppress(Exception):
                on_rest()

    def deliver(self, value: Any) -> None:
        """Call back with a new value."""
        callback = self._callback()
        if self._stopped or callback is None:
            return
        try:
            if callback(value) is False:
                self._stopped = True
        except Exception as error:
            # What is shown may break, the thread may not: the others still listen.
            self._stopped = True
            self.fail(ServiceError(f"Showing {self.path} failed: {error!r}"))

    def fail(self, error: KitError) -> None:
        """Tell that an attempt failed."""
        on_error = self._on_error()
        if on_error is None:
            return
        try:
            on_error(error)
        except Exception:
            self._stopped = True


def _held(callback: Callable[..., object]) -> Callable[[], Callable[..., object] | None]:
    if inspect.ismethod(callback):
        return weakref.WeakMethod(callback)
    return lambda: callback
