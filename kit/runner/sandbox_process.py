"""Start the harness at a level of isolation, and end it with all it left. Talks to it about nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.runner import sandbox_jail as jail
from kit.runner.sandbox_filter import filter_program
from kit.runner.sandbox_groups import Group
from kit.runner.sandbox_tree import tree_of

HARNESS = Path(__file__).with_name("harness.py")
PRELOADED = "numpy,pandas,pyarrow,sklearn.base,sklearn.pipeline,sklearn.utils.validation"
_PIPE_BYTES = 1024 * 1024
_END_S = 30.0


class NotStarted(Exception):
    """The sandbox did not start; the text is what it said."""


@dataclass
class Process:
    """A harness that runs: where to talk to it, and how to be rid of it.

    ``root`` is the process that all others of the run descend from.
    """

    popen: subprocess.Popen[bytes]
    root: int
    to_child: int
    from_child: int
    output: int
    group: Group
    folder: str
    """Where the submission is to be written."""
    paths: tuple[str, ...]
    """Where it finds what is mounted."""
    root_handle: int = -1
    scratch: Path | None = None
    jailed: bool = False
    _ended: bool = field(default=False)

    def kill(self) -> None:
        """End every process of the run, and wait until they are gone."""
        if self._ended:
            return
        self._ended = True
        if self.root_handle >= 0:
            # The first process of a pid namespace takes all others with it, before its own end is seen.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.root_handle, signal.SIGKILL)
        else:
            self._kill_tree()
        try:
            self.popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(_END_S)

    def wait(self, timeout_s: float) -> int | None:
        """How it ended of itself: a signal's number below 0; None if it did not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(timeout_s)
        return self.returncode

    def _kill_tree(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.root, signal.SIGSTOP)
        for pid in reversed(tree_of(self.root)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.root, signal.SIGKILL)

    def close(self) -> None:
        """End it, and leave nothing: no process, group, file or descriptor."""
        self.kill()
        self.group.remove()
        for fd in (self.to_child, self.from_child, self.output, self.root_handle):
            if fd >= 0:
                os.close(fd)
        self.to_child = self.from_child = self.output = self.root_handle = -1
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def returncode(self) -> int | None:
        """How it ended: a signal's number below 0; None while it runs."""
        code = self.popen.poll()
        # Bubblewrap tells of signals as shells do.
        return 128 - code if self.jailed and code is not None and 128 < code < 192 else code


@dataclass
class _Pipes:
    """The ends that are ours, and those the child gets."""

    theirs: list[int] = field(default_factory=list)
    ours: list[int] = field(default_factory=list)

    def reading(self) -> tuple[int, int]:
        """A pipe the child writes: our end, its end."""
        read, write = os.pipe()
        self.ours.append(read)
        self.theirs.append(write)
        return read, write

    def writing(self) -> tuple[int, int]:
        """A pipe the child reads: our end, its end."""
        read, write = os.pipe()
        self.ours.append(write)
        self.theirs.append(read)
        return write, read

    def holding(self, content: bytes) -> int:
        """A file that was written already; the child reads it once."""
        fd = os.memfd_create("kit")
        self.theirs.append(fd)
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd


@contextlib.contextmanager
def _pipes() -> Iterator[_Pipes]:
    pipes = _Pipes()
    try:
        yield pipes
    except BaseException:
        for fd in pipes.ours:
            os.close(fd)
        raise
    finally:
        for fd in pipes.theirs:
            os.close(fd)


def start_jailed(
    view: jail.View, variables: Mapping[str, str], command: Sequence[str], *, staged: bool
) -> Process:
    """Start a command in a jail; two descriptors are put behind it: to read requests, to write answers."""
    sources = jail.sources_of(view)
    before, seen = jail.staged(sources) if staged else ([], sources)
    account = None if staged or os.geteuid() else jail.NOBODY
    group = Group.make()
    try:
        with _pipes() as pipes:
            to_child, request = pipes.writing()
            from_child, reply = pipes.reading()
            output, printed = pipes.reading()
            told, telling = pipes.reading()
            gate, closed = pipes.writing()
            args = jail.jail_arguments(view, seen, variables)
            args += ["--info-fd", str(telling), "--block-fd", str(closed)]
            for content, place in ((jail.PASSWD, "/etc/passwd"), (jail.GROUP, "/etc/group")):
                args += ["--ro-bind-data", str(pipes.holding(content)), place]
            program = filter_program()
            if program is not None:
                args += ["--seccomp", str(pipes.holding(program))]
            args += ["--remount-ro", "/"]
            holding = pipes.holding("\0".join(args).encode() + b"\0")
            popen = subprocess.Popen(
                [*before, "bwrap", "--args", str(holding), "--", *command, str(request), str(reply)],
                stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, pass_fds=pipes.theirs,
                env={"PATH": os.environ.get("PATH", os.defpath)}, cwd="/",
                user=account, group=account, extra_groups=None if account is None else [],
            )  # fmt: skip
            for fd in pipes.theirs:
                os.close(fd)
            pipes.theirs.clear()
            root = _root_of(popen, told, output)
            handle = os.pidfd_open(root)
            pipes.ours.append(handle)
            group.add(root)
            os.write(gate, b"x")
            for fd in (told, gate):
                os.close(fd)
    except BaseException:
        group.remove()
        raise
    _ready(to_child, from_child, output)
    paths = (
        jail.MOUNTS,
        *(place for place, source in jail.mount_points(view.mounts).items() if source.is_dir()),
    )
    return Process(popen, root, to_child, from_child, output, group, jail.FOLDER, paths, handle, jailed=True)


def _root_of(popen: subprocess.Popen[bytes], told: int, output: int) -> int:
    """The first process of the jail, as bubblewrap tells; or why there is none."""
    with os.fdopen(os.dup(told), "rb") as file:
        facts = file.read()
    try:
        return int(json.loads(facts)["child-pid"])
    except (ValueError, KeyError):
        popen.kill()
        popen.wait()
        os.set_blocking(output, False)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(output, 4000)
        text = said.decode(errors="replace").strip()
        raise NotStarted(text or f"bubblewrap ended with status {popen.returncode}") from None


def start_plain(
    python: str,
    mounts: Sequence[Path],
    variables: Mapping[str, str],
    modules: str,
    *,
    account: int | None,
) -> Process:
    """Start the harness as a process of its own session and folder, of another account if one is given."""
    scratch = Path(tempfile.mkdtemp(prefix="kit-run-"))
    harness = scratch / "harness.py"
    shutil.copyfile(HARNESS, harness)
    home = scratch / "home"
    home.mkdir()
    if account is not None:
        scratch.chmod(0o755)
        harness.chmod(0o644)
        os.chown(home, account, account)
    variables = {**variables, "HOME": str(home), "TMPDIR": str(home), "MPLCONFIGDIR": str(home)}
    group = Group.make()
    with _pipes() as pipes:
        to_child, request = pipes.writing()
        from_child, reply = pipes.reading()
        output, printed = pipes.reading()
        popen = subprocess.Popen(
            [python, "-s", "-B", str(harness), modules, str(request), str(reply)],
            stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, pass_fds=(request, reply),
            env=dict(variables), cwd=home, start_new_session=True,
            user=account, group=account, extra_groups=None if account is None else [],
        )  # fmt: skip
        with contextlib.suppress(OSError):
            group.add(popen.pid)
    _ready(to_child, from_child, output)
    folders = (path if path.is_dir() else path.parent for path in mounts)
    paths = tuple(dict.fromkeys(str(folder.resolve()) for folder in folders))
    return Process(
        popen,
        popen.pid,
        to_child,
        from_child,
        output,
        group,
        str(home / "submission"),
        paths,
        scratch=scratch,
    )


def _ready(*fds: int) -> None:
    for fd in fds:
        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
