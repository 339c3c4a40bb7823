"""What /proc says about processes: who descends from whom, and what they use."""

from __future__ import annotations

import os

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (the second, a name, may hold anything)."""
    with open(f"/proc/{pid}/stat", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """CPU time that the process itself has used; 0 when it is gone."""
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def descendants(ancestor: int) -> list[int]:
    """Every living process below `ancestor`, the nearest first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                state, parent, *_ = _stat(int(name))
            except OSError:
                continue  # it ended while we looked
            if state != "Z":
                children.setdefault(int(parent), []).append(int(name))
    found = list(children.get(ancestor, []))
    for pid in found:
        found += children.get(pid, [])
    return found


def on_machine() -> int:
    """How many processes and threads there are on this machine."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[3].partition("/")[2])


def resident_mb(pid: int) -> float:
    """Memory in RAM, shared pages included; cheap to read."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE / 2**20
    except OSError:
        return 0.0


def anonymous_mb(pid: int) -> float:
    """Memory in RAM that is no file's; pages shared since a fork count in full."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            resident, shared = file.read().split()[1:3]
    except OSError:
        return 0.0
    return (int(resident) - int(shared)) * _PAGE / 2**20


def own_mb(pid: int) -> float | None:
    """Memory in RAM, each shared page divided among those that share it; slow to read.

    None where this process may not know: root without its capabilities, of another user's.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) / 1024
    except PermissionError:
        return None
    except OSError:
        pass
    return 0.0
