"""Landlock: which paths may be read and written. With namespaces, a second wall behind them.

It also refuses TCP, and signals and abstract sockets that leave the process tree, where the
kernel can. A kernel without Landlock leaves the namespaces as the only wall; that is not an error.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

from .isolate import libc

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READABLE = ("/usr", "/opt", "/lib", "/lib64", "/etc", "/proc", "/dev")
WRITABLE = ("/tmp", "/dev/shm", "/dev/null")

_READ = 0b1101  # execute, read file, read directory
_LIST = 0b1000  # read directory
_ON_FILES = 0x1 | 0x2 | 0x4 | 0x4000 | 0x8000  # the rights that make sense for a file
_RIGHTS_BY_VERSION = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}
_SIZE_BY_VERSION = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}


def version() -> int:
    """The kernel's version of Landlock; 0 when it has none."""
    return max(0, libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def restrict(
    readable: Sequence[str] = READABLE,
    writable: Sequence[str] = WRITABLE,
    listable: Sequence[str] = (),
) -> bool:
    """Apply the rules to this process and its children. False when there is no Landlock.

    Each path stands for all that is below it. listable: the names below it, not what is in them.
    """
    kernel = version()
    if not kernel:
        return False
    rights = _RIGHTS_BY_VERSION.get(kernel, 0xFFFF)
    network, scope = (3 if kernel >= 4 else 0), (3 if kernel >= 6 else 0)
    attributes = struct.pack("<QQQ", rights, network, scope)
    size = ctypes.c_size_t(_SIZE_BY_VERSION.get(kernel, 24))
    ruleset = libc.syscall(CREATE_RULESET, attributes, size, ctypes.c_uint(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for path in readable:
        _allow(ruleset, path, _READ & rights)
    for path in listable:
        _allow(ruleset, path, _LIST)
    for path in writable:
        _allow(ruleset, path, rights)
    if libc.syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        rights &= _ON_FILES
    rule = struct.pack("<Qi", rights, descriptor)
    result = libc.syscall(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0))
    os.close(descriptor)
    if result:
        raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
