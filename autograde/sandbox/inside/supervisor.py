"""Process 1 of a submission's process namespace: starts the notebook, watches it, ends it.

It runs none of the learner's code, and the learner's code can neither signal it nor read its
memory. It tells the coordinator how the notebook and each snapshot ended, over the life socket.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import processes
from .frames import MAX_DESCRIPTORS, Channel, FrameError
from .protocol import ALL, ENDED, FORKED, NOTE, NOTEBOOK, STARTED, WALL_FACTOR

TICK_MS = 50
GRACE = 1.0  # seconds a cell has to react to its time limit before its process is killed
MEMORY_EVERY = 0.25  # seconds
PIPE_READS = 32  # of 4 kB: more than a pipe holds


@dataclass
class Supervisor:
    """Watches the notebook's process and its snapshots.

    A snapshot's number is that of its check cell. `why` holds the reasons for which processes
    were killed here: "time", "memory" or "asked".
    """

    life: Channel
    notes: int
    notebook: int
    cell_seconds: float
    memory_mb: float
    snapshots: dict[int, int] = field(default_factory=dict)  # process -> number
    forked: list[int] = field(default_factory=list)  # the number of every snapshot there was
    why: dict[int, str] = field(default_factory=dict)
    cell_began: tuple[float, float] | None = None  # CPU and wall-clock time
    memory_checked: float = 0.0
    notes_left: bytes = b""

    def watch(self, wake: int) -> None:
        """Return when every process is gone, or when the coordinator hangs up."""
        poll = select.poll()
        for descriptor in (self.life.fileno(), self.notes, wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll(TICK_MS):
                if descriptor == wake:
                    os.read(wake, 4096)
                elif descriptor == self.notes:
                    if not self.read_notes():
                        poll.unregister(self.notes)
                elif not self.obey():
                    return
            if self.reap():
                self.send({"ended": ALL})
                return
            self.check_time()
            self.check_memory()

    def read_notes(self) -> bool:
        """What the notebook's process says it is doing. It may lie, to its own harm only.

        False when there is nothing more to read, ever.
        """
        data = os.read(self.notes, 4096)
        self.notes_left += data
        whole = len(self.notes_left) // NOTE.size * NOTE.size
        for kind, number, pid in NOTE.iter_unpack(self.notes_left[:whole]):
            if kind == STARTED:
                self.cell_began = processes.cpu_seconds(self.notebook), time.monotonic()
            elif kind == ENDED:
                self.cell_began = None
            elif kind == FORKED and pid > 1 and len(self.forked) < MAX_DESCRIPTORS:
                self.snapshots[pid] = number
                self.forked.append(number)
        self.notes_left = self.notes_left[whole:]
        return bool(data)

    def obey(self) -> bool:
        """Stop what the coordinator asks to stop. False when it hung up."""
        try:
            wanted = self.life.receive()["stop"]
        except (FrameError, KeyError, TypeError):
            return False
        for pid, number in [*self.snapshots.items(), (self.notebook, NOTEBOOK)]:
            if number == wanted:
                self.kill(pid, "asked")
        return True

    def reap(self) -> bool:
        """Report what has ended. True when nothing is left."""
        for _ in range(1000):  # not forever, however fast processes come and go
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                break
            self.drain_notes()  # which processes are snapshots must be known
            if pid == self.notebook:
                self.cell_began = None
                self.end_strays()
                self.send({**self.end_of(NOTEBOOK, pid, status), "forked": self.forked})
            elif pid in self.snapshots:
                self.send(self.end_of(self.snapshots.pop(pid), pid, status))
        return False

    def drain_notes(self) -> None:
        for _ in range(PIPE_READS):
            if not select.select([self.notes], [], [], 0)[0] or not self.read_notes():
                return

    def end_strays(self) -> None:
        """Kill what the notebook left behind, except the snapshots."""
        for _ in range(100):  # one of them may fork while we look
            living = processes.descendants(os.getpid())
            strays = [pid for pid in living if pid not in self.snapshots]
            if not strays:
                return
            for pid in strays:
                self.kill(pid, "stray")

    def end_of(self, number: int, pid: int, status: int) -> dict[str, Any]:
        killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return {"ended": number, "signal": killed_by, "why": self.why.get(pid, "")}

    def send(self, report: dict[str, Any]) -> None:
        try:
            self.life.send(report)
        except FrameError:
            pass  # the coordinator hung up; the next poll says so

    def check_time(self) -> None:
        if self.cell_began is None:
            return
        cpu = processes.cpu_seconds(self.notebook) - self.cell_began[0]
        wall = time.monotonic() - self.cell_began[1]
        if cpu > self.cell_seconds + GRACE or wall > self.cell_seconds * WALL_FACTOR + GRACE:
            self.kill(self.notebook, "time")

    def check_memory(self) -> None:
        """Kill the largest process when all of them together use more than one may."""
        if time.monotonic() - self.memory_checked < MEMORY_EVERY:
            return
        self.memory_checked = time.monotonic()
        pids = processes.descendants(os.getpid())
        if total(processes.resident_mb, pids) < self.memory_mb:
            return  # even counting shared pages once for each process
        sizes = {pid: self.size_mb(pid) for pid in pids}
        if sum(sizes.values()) > self.memory_mb:
            self.kill(max(sizes, key=sizes.__getitem__), "memory")

    def size_mb(self, pid: int) -> float:
        """What a process adds to the total."""
        size = processes.own_mb(pid)
        if size is not None:
            return size
        if pid in self.snapshots:
            return 0.0  # mostly pages it shares with the notebook, and those can't be told apart
        return max(0.0, processes.anonymous_mb(pid) - processes.anonymous_mb(os.getpid()))

    def kill(self, pid: int, why: str) -> None:
        self.why.setdefault(pid, why)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def total(measure: Callable[[int], float], pids: list[int]) -> float:
    return sum(measure(pid) for pid in pids)


def wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends. Sets this process's signals."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # else Python would raise KeyboardInterrupt
    return reader


def children_signals() -> None:
    """Undo `wake_on_child` in a child."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
