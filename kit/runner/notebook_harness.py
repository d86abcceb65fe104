"""Runs a participant's notebook by papermill, a cell at a time, as the parent asks; the harness imports it.

It stands in the sandbox in place of a submission, in a folder with the notebook and its inputs, and has no
rights or knowledge that a participant's code has not. The parent believes nothing of what it answers.
Sockets are files in the sandbox's own folder, as there is no network, not even with itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import stat
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

OUTPUT_BYTES = 4_000_000
"""Of all outputs of cells together; what comes after is left out."""
_OUTPUTS = 500
_TEXT_BYTES = 20_000
_START_S = 110
_OUTPUT_S = 600
"""What a cell shows may come so much after its end: the run's own limits end it, not papermill's 4 s."""
_OPTIONS = ["--HistoryManager.enabled=False", "--IPKernelApp.quiet=True", "-f", "{connection_file}"]
# The kernel hears forks of itself by TCP, and its library aborts where there is none: a file does as well.
# Beyond some 2,000 messages that were not read yet it would drop those that come, among them the cell's end.
_KERNEL = """
import os, sys, zmq
from ipykernel.iostream import IOPubThread
from zmq.eventloop.zmqstream import ZMQStream

address = sys.argv.pop(1)

def hear(self):
    self._pipe_uuid = os.urandom(16)
    pipe = self.socket.context.socket(zmq.PULL)
    pipe.linger = 0
    pipe.bind(address)
    self._pipe_in = ZMQStream(pipe, self.io_loop)
    self._pipe_in.on_recv(self._handle_pipe_msg)

def tell(self):
    context = zmq.Context()
    pipe = context.socket(zmq.PUSH)
    pipe.linger = 3000
    pipe.connect(address)
    return context, pipe

def keeping(self, kind, *more, make=zmq.Context.socket, **given):
    made = make(self, kind, *more, **given)
    if kind in (zmq.PUB, zmq.XPUB):
        made.sndhwm = 0
    return made

IOPubThread._setup_pipe_in, IOPubThread._setup_pipe_out = hear, tell
zmq.Context.socket = keeping
del hear, tell, keeping
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CAUSES = {"Errno 28": "disk", "Errno 27": "disk", "Errno 122": "disk", "Errno 12]": "memory"}


def get_estimator() -> Notebook:
    """What the harness asks for."""
    return Notebook()


class Notebook:
    """A notebook in this folder, which is run in a folder of its own beside it."""

    def __init__(self) -> None:
        here = Path.cwd()
        self.setup = json.loads((here / "setup.json").read_text())
        self.inputs = {name: str(here / "inputs" / file) for name, file in self.setup["inputs"].items()}
        self.folder = here.parent / "notebook"
        self.output = self.folder / "predictions.csv"
        self.sockets = here.parent / "kernel"
        self.nb: Any = None
        self.error: dict[str, Any] | None = None
        self._go: SimpleQueue[None] = SimpleQueue()
        self._news: SimpleQueue[bool] = SimpleQueue()
        self._n_bytes = self._n_outputs = 0
        self._is_over = False
        self._failed: BaseException | None = None

    def fit(self, X: Any, y: Any) -> None:  # noqa: ARG002
        """Start the kernel; no cell is run yet."""
        import papermill  # noqa: F401
        from nbformat import reads

        for folder in (self.folder, self.sockets):
            folder.mkdir()
        submitted = reads(json.dumps(self.setup["notebook"]), 4)  # type: ignore[no-untyped-call]
        threading.Thread(target=self._run, args=(submitted,), daemon=True).start()
        self._is_over = self._news.get()
        if self._failed is not None:
            raise self._failed

    def predict(self, X: bytes) -> Any:
        """Run the next cell, or tell what came of all: the predictions, the outputs."""
        import numpy as np

        asked = bytes(X).decode()
        content = {"cell": self._cell, "output": self._predictions, "notebook": self._outputs}[asked]()
        return np.frombuffer(content, dtype=np.uint8)

    def _cell(self) -> bytes:
        if not self._is_over:
            self._go.put(None)
            self._is_over = self._news.get()
        return json.dumps({"is_over": self._is_over, "error": self.error}).encode()

    def _predictions(self) -> bytes:
        """The file behind a 0; or behind a 1 why there is none."""
        try:
            fd = os.open(self.output, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return b"\1link" if self.output.is_symlink() else b"\1missing"
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return b"\1link"
            content = file.read(self.setup["max_bytes"] + 1)
        return b"\1large" if len(content) > self.setup["max_bytes"] else b"\0" + content

    def _outputs(self) -> bytes:
        cells = {
            cell.id: {"execution_count": cell.get("execution_count"), "outputs": cell.outputs}
            for cell in (self.nb.cells if self.nb is not None else [])
            if cell.cell_type == "code" and "id" in cell
        }
        return json.dumps(cells).encode()

    def _run(self, submitted: Any) -> None:
        """In a thread: all of it, stopping before each cell until it is asked for."""
        from papermill.engines import papermill_engines
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import execute_notebook

        logging.getLogger("papermill").setLevel(logging.ERROR)
        papermill_engines.register("sandbox", _engine(self))
        parameters = {**self.inputs, "output": str(self.output)}
        try:
            execute_notebook(
                submitted, None, parameters, engine_name="sandbox", kernel_name="python3",
                language="python", progress_bar=False, cwd=str(self.folder),
            )  # fmt: skip
        except PapermillExecutionError:
            pass
        except BaseException as error:
            self._fail(error)
        finally:
            self._news.put(True)

    def _fail(self, error: BaseException) -> None:
        if self.nb is None:
            self._failed = error
        elif self.error is None:
            name = type(error).__name__
            cause = "died" if name == "DeadKernelError" else "raised"
            self.error = {"cause": cause, "type": name, "traceback": ""}

    def before(self, nb: Any, cell: Any) -> None:
        """Wait until the parent asks for the cell."""
        self.nb = nb
        if cell.cell_type == "code" and cell.source.strip() and "injected-parameters" not in _tags(cell):
            self._news.put(False)
            self._go.get()

    def failed(self, cell: Any, error: Any) -> None:
        """Keep what a cell raised."""
        shown = [output for output in cell.outputs if output.output_type == "error"]
        trace = _COLOURS.sub("", "\n".join(shown[-1].traceback if shown else ()))
        half = _TEXT_BYTES // 2
        trace = trace if len(trace) <= _TEXT_BYTES else f"{trace[:half]}\n[…]\n{trace[-half:]}"
        name, value = str(error.ename)[:200], str(error.evalue)[:1000]
        if name == "SystemExit" and value in ("", "0"):
            return
        self.error = {"cause": _cause(name, value), "type": name, "traceback": trace}

    def has_room(self, output: Any) -> bool:
        """Whether an output is kept."""
        self._n_bytes += len(json.dumps(output))
        self._n_outputs += 1
        return self._n_bytes <= OUTPUT_BYTES and self._n_outputs <= _OUTPUTS


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags") or [])


def _cause(name: str, value: str) -> str:
    """Which limit an exception tells of."""
    if name in ("MemoryError", "ArrayMemoryError", "_ArrayMemoryError"):
        return "memory"
    if "start new thread" in value or name == "BlockingIOError":
        return "processes"
    return next((cause for mark, cause in _CAUSES.items() if mark in value), "raised")


def _engine(notebook: Notebook) -> Any:
    """Papermill's engine, with a kernel of ours whatever the notebook names, that waits before each cell."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbformat import ValidationError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine

    class Kernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            address = f"ipc://{notebook.sockets / 'forks'}"
            argv = [sys.executable, "-s", "-B", "-c", _KERNEL, address, *_OPTIONS]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        def execute_cell(self, cell: Any, cell_index: int, **given: Any) -> Any:
            # Papermill's own cell has no number, so that those of the others are as the participant knows.
            given = {**given, "store_history": "injected-parameters" not in _tags(cell)}
            return super().execute_cell(cell, cell_index, **given)

        def output(self, outs: list[Any], msg: Any, display_id: Any, cell_index: int) -> Any:
            # Dropped as they come: a gigabyte of outputs is to be nobody's memory.
            if msg["msg_type"] == "error" or notebook.has_room(msg["content"]):
                with contextlib.suppress(ValidationError):
                    return super().output(outs, msg, display_id, cell_index)
            return None

        def handle_comm_msg(self, outs: Any, msg: Any, cell_index: int) -> None:
            """Widgets have nobody to talk to."""

    class Engine(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **_: Any) -> Any:
            start, tell = nb_man.cell_start, nb_man.cell_exception

            def cell_start(cell: Any, index: int) -> None:
                notebook.before(nb_man.nb, cell)
                start(cell, index)

            def cell_exception(cell: Any, cell_index: int, exception: Any, **_: Any) -> None:
                tell(cell, cell_index=cell_index, exception=exception)
                notebook.failed(cell, exception)

            nb_man.cell_start, nb_man.cell_exception = cell_start, cell_exception
            kernel = Kernel(transport="ipc", connection_file=str(notebook.sockets / "k.json"))
            with contextlib.suppress(KeyError):
                # Plots are shown in the notebook.
                del os.environ["MPLBACKEND"]
            return Client(
                nb_man, km=kernel, kernel_name=kernel_name, timeout=None, startup_timeout=_START_S,
                iopub_timeout=_OUTPUT_S, store_widget_state=False, record_timing=False,
            ).execute(cwd=str(notebook.folder))  # fmt: skip

    return Engine
