"""A notebook's run as a process of its own: ``python -m kit.baselines.process``, started by ``run_notebook``.

It ends, and ends its kernel, when its standard input does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from kit.baselines._run import short

PARAMETERS = {"data_dir": "data", "output_path": "predictions.csv"}
START_S = 120
LONGEST_SOCKET = 100
OUTPUT_S = 60
"""What a cell printed may come so much after its end; papermill's 4 s are soon over on a busy machine."""


class _OutOfTime(SystemExit):
    """Raised by the alarm: of all exceptions, asyncio lets only SystemExit and Ctrl-C through."""


class _Progress:
    """Tells on a file descriptor which cell runs, and how it ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.count: int | None = None

    def cell(self, notebook: Any, index: int) -> None:
        code = [
            i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()
        ]
        if index in code:
            self.count = code.index(index) + 1
            self._write({"cell": self.count, "n_cells": len(code)})

    def end(self, error: str | None, cell: int | None = None) -> None:
        self._write({"end": {"cell": cell, "error": error}})

    def _write(self, message: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(message).encode() + b"\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a notebook of the current folder."""
    parser = argparse.ArgumentParser(prog="python -m kit.baselines.process", description="Run a notebook.")
    parser.add_argument("notebook")
    parser.add_argument("executed")
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("--tell", type=int, required=True)
    parser.add_argument("--sockets", required=True)
    given = parser.parse_args(arguments)
    os.set_inheritable(given.tell, False)
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, _out_of_time)
    progress = _Progress(given.tell)
    try:
        signal.setitimer(signal.ITIMER_REAL, given.timeout)
        _run(given.notebook, given.executed, progress, given.sockets)
    except PapermillExecutionError as error:
        progress.end(describe(error), error.exec_count)
    except DeadKernelError:
        progress.end("The kernel died; most often that is memory.", progress.count)
    except _OutOfTime:
        progress.end(f"The notebook took more than {given.timeout:g} s.", progress.count)
    except Exception as error:
        progress.end(short(f"{type(error).__name__}: {error}"), progress.count)
    else:
        progress.end(None)


def _run(notebook: str, executed: str, progress: _Progress, sockets: str) -> None:
    class Engine(NBClientEngine):  # type: ignore[misc]
        """papermill's own engine, that tells of each cell."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            start = nb_man.cell_start

            def cell_start(cell: Any, cell_index: int, **more: Any) -> None:
                progress.cell(nb_man.nb, cell_index)
                start(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    papermill_engines.register("kit", Engine)
    papermill.execute_notebook(
        notebook,
        executed,
        parameters=PARAMETERS,
        engine_name="kit",
        kernel_name=_kernel(notebook),
        language="python" if _kernel(notebook) else None,
        progress_bar=False,
        start_timeout=START_S,
        iopub_timeout=OUTPUT_S,
        config=_spoken_to_in(sockets),
    )


def _spoken_to_in(folder: str) -> Config:
    """Settings of a kernel that listens in a folder: a port found free may be another's before it has it."""
    file = f"{folder}/kernel.json"
    if len(file) > LONGEST_SOCKET:
        return Config()
    return Config(KernelManager={"transport": "ipc", "connection_file": file})


def _kernel(notebook: str) -> str | None:
    """This Python for notebooks in Python, whatever environment they were written in."""
    spec = json.loads(Path(notebook).read_text(encoding="utf-8"))["metadata"].get("kernelspec", {})
    return "python3" if spec.get("language", "python") == "python" else None


def describe(error: PapermillExecutionError) -> str:
    """The source line that failed, and its exception."""
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    found = re.search(r"Cell In\s?\[\d+\],? line:? ?(\d+)", trace)
    lines = error.source.splitlines()
    line = lines[int(found[1]) - 1].strip() if found and int(found[1]) <= len(lines) else ""
    raised = f"{error.ename}: {error.evalue}" if error.evalue else str(error.ename)
    return short(f"{line}  →  {raised}" if line else raised)


def _stop_at_end_of_input() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _out_of_time(*_: object) -> None:
    raise _OutOfTime


if __name__ == "__main__":
    main()
