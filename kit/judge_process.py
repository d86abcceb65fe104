"""The judge as a process of its own: ``python -m kit.judge_process``, started by ``kit.serve``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from kit.blender import Blender, BlendProcess
from kit.errors import KitError
from kit.judge import Judge
from kit.store import Store
from kit.workers import CodePool, LocalPool


def main(arguments: Sequence[str] | None = None) -> None:
    """The judge process: ends when its standard input does, that is when the service stops or dies."""
    parser = argparse.ArgumentParser(
        prog="python -m kit.judge_process", description="Judge for a running service."
    )
    parser.add_argument("competitions", nargs="+", metavar="SLUG")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--code-workers", type=int, default=1)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # Ctrl-C reaches the whole terminal group; the judge ends when the service has stopped taking in.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    stop = threading.Event()
    threading.Thread(target=_stop_at_end_of, args=(sys.stdin.buffer, stop), daemon=True).start()
    with contextlib.closing(Store(given.data, is_durable=False)) as store:
        competitions = [store.versions.settings(slug) for slug in given.competitions]
        judge = Judge(
            store,
            competitions,
            LocalPool(given.workers),
            code_executor=CodePool(given.code_workers),
            n_cores=max(1, _n_cores() // given.code_workers),
        )
        with contextlib.closing(BlendProcess()) as process:
            blender = Blender(store, given.competitions, process)
            threading.Thread(target=blender.run, args=(stop,), daemon=True).start()
            judge.run(stop)


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stop_at_end_of(stream: IO[bytes], stop: threading.Event) -> None:
    while stream.read(1):
        pass
    stop.set()
    # Judging gives back its claims at once; should that hang, the lease gives them back later.
    time.sleep(8)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except KitError as error:
        sys.exit(f"{error}")
