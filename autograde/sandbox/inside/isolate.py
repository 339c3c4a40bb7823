"""Namespaces, mounts, capabilities and resource limits, through ctypes.

Each function raises OSError, naming the call, when the kernel refuses.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
libc_with_lock = ctypes.PyDLL(None, use_errno=True)  # its calls keep Python's own lock

NEW_MOUNT, NEW_UTS, NEW_IPC = 0x20000, 0x4000000, 0x8000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, RECURSIVE, PRIVATE = 2, 4, 8, 16384, 1 << 18

SET_DEATH_SIGNAL, SET_DUMPABLE, DROP_BOUND, SET_SUBREAPER, SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38

COLLAPSE = 25  # madvise, Linux 6.1

SCRATCH = "/tmp"
SCRATCH_SIZE = "256m"
SHARED_SIZE = "64m"
MAX_FILE_MB = 64
MAX_OPEN_FILES = 256
MAX_PROCESSES = 32  # beside the snapshots: DataLoader workers, threads


def prctl(option: int, value: int) -> int:
    return libc.prctl(option, *(ctypes.c_ulong(n) for n in (value, 0, 0, 0)))


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def fork() -> int:
    """`os.fork` for a process of one thread.

    In each child `os.fork` has Python and its libraries mend their locks and random states, and
    every page of memory that this writes to has to be copied first. Where no other thread can
    hold a lock there is nothing to mend; with several threads this is `os.fork`, and so where
    they can't be counted.
    """
    try:
        alone = len(os.listdir("/proc/self/task")) == 1
    except OSError:  # /proc is closed to a submission that has no namespaces
        alone = False
    if not alone:
        return os.fork()
    pid = libc_with_lock.fork()
    if pid < 0:
        _check(pid, "fork")
    return pid


def new_namespaces() -> None:
    """Leave the parent's user, mount, process, network, IPC and host-name namespaces.

    The process namespace begins with the next fork, whose child is process 1 of it.
    """
    uid, gid = os.getuid(), os.getgid()
    spaces = NEW_USER | NEW_MOUNT | NEW_PID | NEW_NET | NEW_IPC | NEW_UTS
    _check(libc.unshare(spaces), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def private_mounts() -> None:
    """An empty /tmp and /dev/shm, and a /proc that shows this process namespace only."""
    _check(libc.mount(None, b"/", None, RECURSIVE | PRIVATE, None), "mount --make-rprivate /")
    _mount("tmpfs", SCRATCH, NOSUID | NODEV, f"size={SCRATCH_SIZE},mode=1777")
    _mount("tmpfs", "/dev/shm", NOSUID | NODEV, f"size={SHARED_SIZE},mode=1777")
    _mount("proc", "/proc", NOSUID | NODEV | NOEXEC, "")


def _mount(kind: str, target: str, flags: int, options: str) -> None:
    result = libc.mount(kind.encode(), target.encode(), kind.encode(), flags, options.encode())
    _check(result, f"mount {kind} on {target}")


def drop_privileges() -> None:
    """Give up every capability, for good, and let no program regain any."""
    for capability in range(64):
        if prctl(DROP_BOUND, capability) != 0:
            break
    header = struct.pack("Ii", 0x20080522, 0)
    _check(libc.capset(header, bytes(24)), "capset")
    _check(prctl(SET_NO_NEW_PRIVS, 1), "no_new_privs")


def count_against(user: int) -> None:
    """As root: have this process's children counted and limited as those of `user`.

    Only the real user changes, which is whom RLIMIT_NPROC counts and never limits for root. What
    it may read stays as it was, so something else must stand in the way.
    """
    if os.geteuid() == 0:
        os.setresuid(user, 0, 0)


def hide_memory(hidden: bool) -> None:
    """Whether other processes of this user may not look into this one."""
    prctl(SET_DUMPABLE, 0 if hidden else 1)


def collapse(start: int, length: int) -> None:
    """Make one huge page of the memory there; where that can't be done it stays as it is."""
    libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), COLLAPSE)


def adopt_orphans() -> None:
    """Become the parent of any descendant whose own parent ends."""
    _check(prctl(SET_SUBREAPER, 1), "subreaper")


def die_with_parent() -> None:
    prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def limit_resources(memory_mb: int, seconds: float, processes: int | None) -> None:
    """Hard limits for this process and its children. `processes` None leaves their number."""
    limits = [
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, MAX_FILE_MB << 20),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ]
    if processes is not None:
        limits.append((resource.RLIMIT_NPROC, processes))
    for kind, value in limits:
        resource.setrlimit(kind, (value, value))
    try:  # if the machine runs out of memory, this process goes first
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
