"""Waiting for what happens by itself, in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(is_so: Callable[[], T], *, within_s: float = 60) -> T:
    """What a condition gives as soon as that is true; it fails where it never is."""
    ends_at = time.monotonic() + within_s
    while not (found := is_so()):
        assert time.monotonic() < ends_at, f"it did not happen within {within_s:g} s"
        time.sleep(0.02)
    return found
