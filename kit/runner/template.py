"""Inside a jail: a process that has imported what runs need, and makes a fresh jail of each fork of itself.

It is started as ``python template.py SETTINGS CONTROL_FD`` beside the harness, in a jail that holds no data.
It imports no participant's code and reads nothing a run wrote. For each run it forks three times:

- the keeper stays outside the new jail, ends it when the parent's lifeline closes, and says how it ended;
- the first process of the jail has no rights and does nothing but wait;
- the last one runs the harness, and with it the participant's code.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from pathlib import Path
from typing import Any

_NEW = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
        "pid": 0x20000000, "net": 0x40000000}  # fmt: skip
_NOSUID, _NODEV, _NOEXEC, _READ_ONLY, _REMOUNT, _PRIVATE = 2, 4, 8, 1, 32, 0x44000
_BIND, _WITH_ALL_BELOW = 0x1000, 0x4000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = (
    1,
    4,
    22,
    24,
    38,
)
_CAPABILITY_VERSION = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)
harness: Any = None


def must(result: int) -> None:
    """Raise what a call of the C library failed with."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(kind: str, place: str, flags: int, options: str = "") -> None:
    """Mount a file system that has no source."""
    must(libc.mount(kind.encode(), place.encode(), kind.encode(), flags, options.encode()))


def serve(control: socket.socket, settings: dict[str, Any]) -> None:
    """Fork a run for each request, until the parent is gone."""
    while True:
        message, fds, _, _ = socket.recv_fds(control, 16, 8)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not message:
            return
        if os.fork() == 0:
            _as_child(lambda fds=fds: keep(control, fds, settings))
        for fd in fds:
            os.close(fd)


def _as_child(work: Any) -> None:
    """Do something in a child that must never come back into its parent's code."""
    try:
        work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def keep(control: socket.socket, fds: list[int], settings: dict[str, Any]) -> None:
    """The keeper: make namespaces, start the jail in them, wait for its end or the parent's."""
    request, reply, printed, lifeline, status = fds
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.close(printed)
    # The parent learns the number of this process from the kernel, and puts it under its limits first.
    control.send(b"kept")
    control.close()
    if not os.read(lifeline, 1):
        return
    account = os.geteuid(), os.getegid()
    must(libc.unshare(sum(_NEW.values())))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{account[0]} {account[0]} 1")
    Path("/proc/self/gid_map").write_text(f"{account[1]} {account[1]} 1")
    must(libc.mount(None, b"/", None, _PRIVATE, None))
    kept = {path: os.open(path, os.O_PATH) for path in settings["paths"]}
    for place, n_bytes in settings["sizes"].items():
        files = max(n_bytes // 4096, 1024)
        mount("tmpfs", place, _NOSUID | _NODEV, f"size={n_bytes},nr_inodes={files},mode=1777")
    put_back(kept, settings["links"])
    # Terminals are shared by all who see the same /dev/pts.
    mount("tmpfs", "/dev/pts", _NOSUID | _NODEV | _NOEXEC | _READ_ONLY, "size=4k,mode=755")
    first = os.fork()
    if first == 0:
        _as_child(lambda: be_first(request, reply, (lifeline, status), settings))
    for fd in (request, reply, 1, 2):
        os.close(fd)
    handle = os.pidfd_open(first)
    select.select([handle, lifeline], [], [])
    with contextlib.suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    os.write(status, str(ended).encode())
    os._exit(0)


def put_back(kept: dict[str, int], links: list[tuple[str, str]]) -> None:
    """Show again what of the Python environment was covered; it stays read-only, as it was mounted."""
    for path, fd in kept.items():
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        source = f"/proc/self/fd/{fd}"
        if Path(source).is_dir():
            place.mkdir(exist_ok=True)
        else:
            place.touch()
        must(libc.mount(source.encode(), path.encode(), None, _BIND | _WITH_ALL_BELOW, None))
        os.close(fd)
    for target, path in links:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if not Path(path).is_symlink():
            Path(path).symlink_to(target)


def be_first(request: int, reply: int, others: tuple[int, ...], settings: dict[str, Any]) -> None:
    """The first process of the jail: give up all rights, start the harness, and bury the dead."""
    must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    for fd in others:
        os.close(fd)
    mount("proc", "/proc", _NOSUID | _NODEV | _NOEXEC)
    give_up(settings["filter"])
    must(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    last = os.fork()
    if last == 0:
        must(libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))
        _as_child(lambda: run(request, reply))
    for fd in (request, reply, 1, 2):
        os.close(fd)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == last:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def give_up(program: str) -> None:
    """Drop every capability, for good, and every system call the filter refuses."""
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("<Ii", _CAPABILITY_VERSION, 0)
    must(libc.capset(header, bytes(24)))
    must(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if program:
        code = ctypes.create_string_buffer(bytes.fromhex(program))
        length = (len(code) - 1) // 8
        filters = ctypes.create_string_buffer(struct.pack("@HP", length, ctypes.addressof(code)))
        must(libc.prctl(_PR_SET_SECCOMP, 2, filters, 0, 0))


def run(request: int, reply: int) -> None:
    """The harness, as if it had been started for this run alone."""
    os.setsid()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) not in (0, 1, 2, request, reply):
            with contextlib.suppress(OSError):
                os.close(int(name))
    harness.serve(harness.Channel(request, reply))
    os._exit(0)


def shared_memory() -> list[str]:
    """Memory that forks would share and could leave notes in: there must be none."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in lines if line.split()[1][1] == "w" and line.split()[1][3] == "s"]


def main() -> None:
    """Import, say how that went, and serve."""
    # The folder it stands in stays reachable under what is mounted over it: let it be one nobody can write.
    os.chdir("/")
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=int(sys.argv[2]))
    global harness
    harness = importlib.import_module("harness")
    # A submission may have a module of that name.
    del sys.modules["harness"], sys.path[0], sys.argv[1:]
    for name in settings["modules"].split(","):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    control.send(json.dumps({"shared": shared_memory(), "threads": threads}).encode())
    serve(control, settings)


if __name__ == "__main__":
    main()
