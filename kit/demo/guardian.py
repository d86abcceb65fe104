"""Outlives a demo that was killed, and stops its processes: ``python -m kit.demo.guardian``.

Reads a process group on each line of its standard input, or ``done``; acts when the input ends without.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

STOP_S = 5.0


def main() -> None:
    """Wait for the end of the demo."""
    groups = []
    for line in sys.stdin:
        if line.strip() == "done":
            return
        groups.append(int(line))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while any(map(_is_there, groups)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
