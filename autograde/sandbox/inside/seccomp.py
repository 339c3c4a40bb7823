"""A seccomp filter, the third wall: system calls that graded code never needs are refused.

Written as BPF by hand, because it is short and needs no library inside the sandbox. Refused: other
address families than Unix sockets, new namespaces, mounts, tracing, keys, kernel modules, io_uring,
and memory that no limit counts (memfd, System V).
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

from .isolate import libc

SET_SECCOMP, FILTER = 22, 2

# name: (x86_64, aarch64)
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "personality": (135, 92),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
}
# Refused as well where no namespace stands in the way and graded code is the same user as the
# grader: Landlock restricts opening files, but not changing whose they are and who may open them.
REFUSED_WITHOUT_NAMESPACES: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setgroups": (116, 159),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "process_madvise": (440, 440),
}
# Allowed there for the calling process only, which is process 0 to them.
ON_ITSELF = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
SOCKET, CLONE, CLONE3 = (41, 198), (56, 220), (435, 435)
NO_FAMILY = 0xFFFF
NAMESPACES = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, audit architecture

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


def program(namespaces: bool = True) -> bytes | None:
    """The filter for this machine, or None where its system calls are not known here.

    namespaces: whether there are any; without them more is refused, all sockets among it.
    """
    if platform.machine() not in MACHINES:
        return None
    column, architecture = MACHINES[platform.machine()]

    def line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    def refuse(number: int) -> bytes:
        return line(_RETURN, _ERRNO | number)

    lines = [
        line(_LOAD, _ARCHITECTURE),
        line(_EQUAL, architecture, 1, 0),
        line(_RETURN, _KILL),
        line(_LOAD, _NUMBER),
        line(_AT_LEAST, 0x40000000, 0, 1),  # the x32 variants of the x86_64 calls
        refuse(errno.EPERM),
    ]
    refused = [*REFUSED.values(), *([] if namespaces else REFUSED_WITHOUT_NAMESPACES.values())]
    for number in (numbers[column] for numbers in refused):
        if number is not None:
            lines += [line(_EQUAL, number, 0, 1), refuse(errno.EPERM)]
    for numbers in {} if namespaces else ON_ITSELF.values():
        lines += [
            line(_EQUAL, numbers[column], 0, 4),
            line(_LOAD, _FIRST_ARGUMENT),
            line(_EQUAL, 0, 1, 0),
            refuse(errno.EPERM),
            line(_RETURN, _ALLOW),
        ]
    # Its flags are behind a pointer, which a filter can't read. libc falls back to clone.
    lines += [line(_EQUAL, CLONE3[column], 0, 1), refuse(errno.ENOSYS)]
    lines += [
        line(_EQUAL, SOCKET[column], 0, 4),
        line(_LOAD, _FIRST_ARGUMENT),
        # A socket in a file can be connected to whatever Landlock says of the file.
        line(_EQUAL, socket.AF_UNIX if namespaces else NO_FAMILY, 1, 0),
        refuse(errno.EAFNOSUPPORT),
        line(_RETURN, _ALLOW),
        line(_EQUAL, CLONE[column], 0, 4),
        line(_LOAD, _FIRST_ARGUMENT),
        line(_ANY_BIT, NAMESPACES, 0, 1),
        refuse(errno.EPERM),
        line(_RETURN, _ALLOW),
        line(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def restrict(lines: bytes) -> None:
    """Apply the filter to this process and its children. Needs no_new_privs."""
    buffer = ctypes.create_string_buffer(lines, len(lines))
    filter_ = _Program(len(lines) // 8, ctypes.addressof(buffer))
    zero = ctypes.c_ulong(0)
    if libc.prctl(SET_SECCOMP, ctypes.c_ulong(FILTER), ctypes.byref(filter_), zero, zero):
        raise OSError(ctypes.get_errno(), "seccomp")
