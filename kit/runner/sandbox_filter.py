"""The system calls a jail may not make, as a seccomp program for bubblewrap's ``--seccomp``.

What is refused gives participants nothing they need, and the kernel a smaller face: other processes' memory,
namespaces, mounts, keys, kernel programs, clocks, and memory that no limit of a process counts.
"""

from __future__ import annotations

import errno
import platform
import struct

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# Name: number on x86_64, on aarch64; -1 where there is none.
_REFUSED = {
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "move_pages": (279, 239), "migrate_pages": (256, 238), "perf_event_open": (298, 241),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "chroot": (161, 51),
    "pivot_root": (155, 41), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # memory that outlives or escapes the limits of a process
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # the kernel and the machine
    "bpf": (321, 280), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "syslog": (103, 116), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58), "personality": (135, 92),
    "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "iopl": (172, -1),
    "ioperm": (173, -1), "modify_ldt": (154, -1), "uselib": (134, -1), "_sysctl": (156, -1),
}  # fmt: skip

_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR, _IOCTL = (56, 220), (435, 435), (41, 198), (53, 199), (16, 29)
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the terminal of who started us
_AF_UNIX = 1
_X32_BIT = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE = 0, 4

Instruction = tuple[int, int, int, int]


def filter_program(machine: str | None = None) -> bytes | None:
    """The program, as the kernel reads it; None for machines it is not written for."""
    known = _ARCHITECTURES.get(machine or platform.machine())
    if known is None:
        return None
    column, audit = known
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]
    program += _by_argument(_CLONE[column], 0, _ANY_BIT, (_NEW_NAMESPACES,), errno.EPERM)
    program += _unless(_SOCKET[column], 0, _AF_UNIX, errno.EAFNOSUPPORT)
    program += _unless(_SOCKETPAIR[column], 0, _AF_UNIX, errno.EAFNOSUPPORT)
    program += _by_argument(_IOCTL[column], 1, _EQUAL, _TERMINAL_INPUT, errno.EPERM)
    # The C library falls back to clone, whose flags can be looked at; those of clone3 cannot.
    program += _refuse(_CLONE3[column], errno.ENOSYS)
    for numbers in _REFUSED.values():
        if numbers[column] >= 0:
            program += _refuse(numbers[column], errno.EPERM)
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _refuse(number: int, error: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]


def _argument(index: int) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index)


def _unless(number: int, index: int, value: int, error: int) -> list[Instruction]:
    """Refuse the call unless an argument has this value."""
    return [
        (_EQUAL, 0, 4, number),
        _argument(index),
        (_EQUAL, 1, 0, value),
        (_RETURN, 0, 0, _ERRNO | error),
        (_LOAD, 0, 0, _NUMBER),
    ]


def _by_argument(
    number: int, index: int, test: int, values: tuple[int, ...], error: int
) -> list[Instruction]:
    """Refuse the call where an argument is one of these values, or has one of these bits."""
    tests = [step for value in values for step in ((test, 0, 1, value), (_RETURN, 0, 0, _ERRNO | error))]
    return [(_EQUAL, 0, len(tests) + 2, number), _argument(index), *tests, (_LOAD, 0, 0, _NUMBER)]
