"""The one file of ours inside a sandbox: runs a participant's code, stage by stage, as the parent asks.

It is started as ``python harness.py MODULES READ_FD WRITE_FD``, imports nothing of the kit, and holds nothing
a participant may not have. The code it runs shares this process and can change anything here: the parent
believes nothing of what comes back but its bytes, which it bounds and checks.

A message is the length of a header (8 bytes, little-endian), the header (JSON) and the parts it announces.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import io
import json
import os
import random
import resource
import signal
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

TEXT_BYTES = 20_000


class Broken(Exception):
    """The submission does not keep the contract; the text says which part."""


class Channel:
    """Messages of the parent, and answers to it."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd, self.write_fd = read_fd, write_fd
        for fd in (read_fd, write_fd):
            os.set_inheritable(fd, False)

    def receive(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next message: its header, and its values by name."""
        (n,) = struct.unpack("<Q", self._read(8))
        header = json.loads(bytes(self._read(n)))
        parts = [[self._read(size) for size in spec["sizes"]] for spec in header["parts"]]
        values = {spec["name"]: decode(spec, part) for spec, part in zip(header["parts"], parts, strict=True)}
        return header, values

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Answer."""
        text = json.dumps({**header, "size": len(payload)}).encode()
        left = memoryview(struct.pack("<Q", len(text)) + text + payload)
        while left:
            left = left[os.write(self.write_fd, left) :]

    def _read(self, n: int) -> bytearray:
        buffer = bytearray(n)
        view = memoryview(buffer)
        while view:
            got = os.readv(self.read_fd, [view])
            if not got:
                os._exit(0)  # the parent is gone
            view = view[got:]
        return buffer


def decode(spec: dict[str, Any], parts: list[bytearray]) -> Any:
    """A value from its parts; nothing in them can execute."""
    kind = spec["kind"]
    if kind == "bytes":
        return bytes(parts[0])
    if kind == "npy":
        return _array(parts[0])
    if kind == "sparse":
        return _sparse(spec, [_array(part) for part in parts])
    import pyarrow as pa

    frame = pa.ipc.open_stream(pa.py_buffer(parts[0])).read_all().to_pandas(use_threads=False)
    if kind == "series":
        return frame.iloc[:, 0].rename(spec["of"])
    if kind == "objects":
        return frame.iloc[:, 0].to_numpy(dtype=object)
    return frame.iloc[:, 0].tolist() if kind == "list" else frame


def _array(part: bytearray) -> Any:
    from numpy.lib import format as npy

    return npy.read_array(io.BytesIO(part), allow_pickle=False)


def _sparse(spec: dict[str, Any], arrays: list[Any]) -> Any:
    from scipy import sparse

    return getattr(sparse, spec["of"])(tuple(arrays), shape=tuple(spec["shape"]))


def limit_self(limits: dict[str, int]) -> None:
    """Set what the kernel limits per process; only lower than before, never to be raised again."""
    used = {"VmSize:": 0, "VmData:": 0}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.split()[0] in used:
                used[line.split()[0]] = int(line.split()[1]) * 1024
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(sum(os.times()[:2])) + limits["cpu_s"],
        "RLIMIT_FSIZE": limits["disk_bytes"],
        "RLIMIT_NOFILE": limits["n_files"],
        "RLIMIT_DATA": used["VmData:"] + limits["memory_bytes"],
        # Room for what is reserved and never touched: stacks, arenas, mapped libraries.
        "RLIMIT_AS": used["VmSize:"] + limits["memory_bytes"] + limits["reserve_bytes"],
    }
    if limits["n_pids"]:
        wanted["RLIMIT_NPROC"] = limits["n_pids"]
    for name, value in wanted.items():
        hard = resource.getrlimit(which := getattr(resource, name))[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            # Where both are met at once, the kernel kills without saying why.
            resource.setrlimit(which, (value - (name == "RLIMIT_CPU"), value))


class Submission:
    """The participant's code, and what it was asked to be."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.folder = Path(setup["folder"])
        self.classes = setup["classes"]
        self.model: Any = None

    def unpack(self, values: dict[str, Any]) -> None:
        """Write its files, seed what draws, and make it importable."""
        self.folder.mkdir(parents=True)
        for name, content in values.items():
            if name.startswith("code/"):
                path = self.folder / name.removeprefix("code/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        random.seed(self.setup["seed"])
        sys.modules["numpy"].random.seed(self.setup["seed"] % 2**32)
        sys.path[:] = [str(self.folder), *self.setup["paths"], *sys.path]
        os.chdir(self.folder)

    def fit(self, X_train: Any, y_train: Any) -> None:
        """Train: get_estimator().fit, or the workflow's own way."""
        if self.setup["kind"] == "ramp":
            problem = importlib.import_module(self.setup["options"].get("problem", "problem"))
            self.workflow = problem.workflow
            self.model = self.workflow.train_submission(str(self.folder), X_train, y_train)
            return
        entry = self.setup["entry"]
        if not (self.folder / f"{entry}.py").exists() and not (self.folder / entry).is_dir():
            raise Broken(f"The submission has no file {entry}.py; name the file so.")
        get_estimator = getattr(importlib.import_module(entry), "get_estimator", None)
        if get_estimator is None:
            raise Broken(f"{entry}.py defines no get_estimator(); define it, to return an estimator.")
        estimator = get_estimator()
        if not hasattr(estimator, "fit"):
            raise Broken(
                f"get_estimator() returned {type(estimator).__name__}, which has no method fit(X, y); "
                "return an estimator in scikit-learn's manner."
            )
        fitted = estimator.fit(X_train, y_train)
        self.model = estimator if fitted is None else fitted

    def predict(self, X: Any) -> Any:
        """Predict, as the question wants it."""
        if self.setup["kind"] == "ramp":
            return self.workflow.test_submission(self.model, X)
        wants = self.setup["wants"]
        if not hasattr(self.model, wants):
            raise Broken(
                f"The estimator has no method {wants}(X), which this question needs; "
                "use an estimator that has it, or wrap yours."
            )
        predictions = getattr(self.model, wants)(X)
        return self._in_order(predictions) if wants == "predict_proba" else predictions

    def _in_order(self, predictions: Any) -> Any:
        """Columns in the order of all classes; those this fold never saw are 0."""
        import numpy as np

        own = getattr(self.model, "classes_", None)
        predictions = np.asarray(predictions)
        if not self.classes or own is None or predictions.ndim != 2 or len(own) != predictions.shape[1]:
            return predictions
        ordered = np.zeros((len(predictions), len(self.classes)))
        place = {label: i for i, label in enumerate(self.classes)}
        for column, label in enumerate(np.asarray(own).tolist()):
            if label not in place:
                raise Broken(
                    f"The estimator predicts the class {label!r}, which this question does not have."
                )
            ordered[:, place[label]] = predictions[:, column]
        return ordered


def as_npy(predictions: Any) -> tuple[bytes, str]:
    """Predictions as npy bytes; or none, and what they are instead."""
    import numpy as np
    from numpy.lib import format as npy

    if predictions is None:
        return b"", "None"
    if hasattr(predictions, "toarray"):
        predictions = predictions.toarray()
    array = np.asarray(predictions.to_numpy() if hasattr(predictions, "to_numpy") else predictions)
    if array.dtype.kind in "OT":
        flat = array.ravel().tolist()
        if all(isinstance(value, str) for value in flat):
            array = array.astype(str)
        elif not any(isinstance(value, str | bytes) for value in flat):
            with contextlib.suppress(TypeError, ValueError):
                array = array.astype(float)
    if array.dtype.kind not in "biufU":
        first = f" ({type(array.flat[0]).__name__} first)" if array.dtype.kind == "O" and array.size else ""
        return b"", f"an array of dtype {array.dtype}{first}"
    file = io.BytesIO()
    npy.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return file.getvalue(), ""


def cause_of(error: BaseException | None) -> str:
    """Which limit or rule an exception tells of, looking at what caused it too."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        number = getattr(error, "errno", None) if isinstance(error, OSError) else None
        if isinstance(error, MemoryError) or number == errno.ENOMEM:
            return "memory"
        if number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            return "disk"
        no_thread = isinstance(error, RuntimeError) and "start new thread" in str(error)
        if no_thread or (isinstance(error, BlockingIOError) and number == errno.EAGAIN):
            return "processes"
        if isinstance(error, SystemExit):
            return "exit"
        error = error.__cause__ or error.__context__
    return "raised"


def own_traceback(error: BaseException, folder: Path) -> str:
    """The traceback from the submission's first frame on, with paths that say nothing of the machine."""
    shown = traceback.TracebackException.from_exception(error, limit=-200)
    _trim(shown, f"{folder}{os.sep}", set())
    text = "".join(shown.format())
    # The middle is left out: the beginning says where it began, the end what it was.
    half = TEXT_BYTES // 2
    return text if len(text) <= TEXT_BYTES else f"{text[:half]}\n[…]\n{text[-half:]}"


def _trim(shown: traceback.TracebackException, folder: str, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    first = next((i for i, frame in enumerate(shown.stack) if frame.filename.startswith(folder)), None)
    frames = [] if first is None else shown.stack[first:]
    for frame in frames:
        _ = frame.line  # looked up by the full name, now
        frame.filename = _relative(frame.filename, folder)
    shown.stack = traceback.StackSummary.from_list(frames)
    if getattr(shown, "filename", None):
        shown.filename = _relative(str(shown.filename), folder)
    for other in (shown.__cause__, shown.__context__, *(getattr(shown, "exceptions", None) or ())):
        if other is not None:
            _trim(other, folder, seen)


def _relative(name: str, folder: str) -> str:
    if name.startswith(folder):
        return name.removeprefix(folder)
    roots = sorted((path for path in sys.path if path), key=len, reverse=True)
    under = (name.removeprefix(root).lstrip(os.sep) for root in roots if name.startswith(root + os.sep))
    return next(under, Path(name).name)


def work(channel: Channel) -> None:
    """Take the submission, then answer each stage until the parent ends it all."""
    setup, values = channel.receive()
    submission = Submission(setup)
    limit_self(setup["limits"])
    submission.unpack(values)
    channel.send({"stage": "setup"})
    while True:
        header, values = channel.receive()
        stage = header["stage"]
        try:
            answer(channel, submission, stage, values)
        except BaseException as error:
            try:
                report(channel, submission, stage, error)
            except MemoryError:
                del error
                channel.send({"stage": stage, "error": "memory", "traceback": ""})
            return


def answer(channel: Channel, submission: Submission, stage: str, values: dict[str, Any]) -> None:
    """Do one stage and send what it gave."""
    if stage == "fit":
        submission.fit(values["X_train"], values["y_train"])
        payload, wrong = b"", ""
    else:
        payload, wrong = as_npy(submission.predict(values["X"]))
    _flush()
    names = {name.partition(".")[0] for name in list(sys.modules)} - set(sys.stdlib_module_names)
    channel.send({"stage": stage, "invalid": wrong, "modules": sorted(names)}, payload)


def report(channel: Channel, submission: Submission, stage: str, error: BaseException) -> None:
    """Say what ended the stage."""
    cause = "broken" if isinstance(error, Broken) else cause_of(error)
    text = str(error) if isinstance(error, Broken) else ""
    trace = "" if isinstance(error, Broken) else own_traceback(error, submission.folder)
    _flush()
    facts = {"error": cause, "text": text, "type": type(error).__name__, "traceback": trace}
    channel.send({"stage": stage, **facts})


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def serve(channel: Channel) -> None:
    """Say that all is imported, and work."""
    channel.send({"stage": "ready"})
    work(channel)


def main() -> None:
    """Import what nearly every submission needs."""
    modules = sys.argv[1].split(",")
    channel = Channel(int(sys.argv[2]), int(sys.argv[3]))
    del sys.path[0], sys.argv[1:]
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the parent
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    serve(channel)


if __name__ == "__main__":
    main()
