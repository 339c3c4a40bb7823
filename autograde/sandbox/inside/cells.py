"""Runs the cells of one submission in order, and forks a snapshot at each check cell."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from . import isolate
from .frames import Channel
from .output import CellOutput, describe_error
from .protocol import ENDED, FORKED, NOTE, STARTED, WALL_FACTOR
from .shell import GradingShell
from .snapshot import Probe, answer_cases


class TimeLimit(BaseException):
    """Raised in a cell that has run too long. Not an Exception, so that few handlers catch it."""


class Notebook:
    """The cells of one submission, the shell they run in and the channels to the coordinator."""

    def __init__(
        self,
        shell: GradingShell,
        limits: Mapping[str, Any],
        control: Channel,
        checks: list[Channel],
        probes: Mapping[str, Probe],
        notes: int,
    ) -> None:
        self.shell, self.limits, self.probes = shell, limits, probes
        self.control, self.checks, self.notes = control, checks, notes
        self.process = os.getpid()

    def run(self) -> None:
        """Run every cell, report each, say that all are done."""
        # What a first cell touches is copied now, before anything waits for it.
        self.run_cell("", "pass")
        self.control.send({"ready": True})
        waiting = iter(range(len(self.checks)))
        for cell in self.control.receive():
            if cell["exercise"] is not None:
                self.fork_snapshot(next(waiting), cell)
                continue
            self.control.send({"started": cell["id"]})
            self.note(STARTED)
            report = self.run_cell(cell["id"], cell["source"])
            if os.getpid() != self.process:
                os._exit(0)  # the cell forked, and this is the copy
            self.note(ENDED)
            self.control.send({"ended": cell["id"], **report})
        self.control.send({"done": True})

    def run_cell(self, name: str, source: str) -> dict[str, Any]:
        """Run one cell: what it printed, the error that ended it, whether it ran out of time."""
        output = CellOutput(self.limits["output_kb"] * 1024)
        streams = sys.stdout, sys.stderr
        error: BaseException | None = None
        try:
            with time_limit(self.limits["cell_seconds"]):
                sys.stdout, sys.stderr = output.stream("stdout"), output.stream("stderr")
                error = self.shell.run(name, source)
        except BaseException as escaped:  # the shell itself was interrupted, or broken by the cell
            error = escaped
            stop_timers()  # the limit may have struck just as they were being stopped
        sys.stdout, sys.stderr = streams
        late = isinstance(error, TimeLimit)
        return {
            "streams": output.streams(),
            "error": describe_error(error, name) if error else None,
            "late": late,
        }

    def fork_snapshot(self, index: int, cell: Mapping[str, Any]) -> None:
        """Leave a copy of the notebook as it is now, to answer this exercise's cases later."""
        try:
            pid = isolate.fork()
        except OSError:  # the cells before it left no room for a process
            return
        if pid == 0:
            try:
                probe = self.probes.get(cell["exercise"])
                symbols = cell["symbols"]
                answer_cases(self.checks[index], self.shell.user_ns, symbols, probe, self.limits)
            finally:
                os._exit(0)
        self.note(FORKED, index, pid)
        self.checks[index].close()

    def note(self, kind: bytes, first: int = 0, second: int = 0) -> None:
        os.write(self.notes, NOTE.pack(kind, first, second))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimit in the main thread after `seconds` of CPU time or three times that long."""

    def late(number: int, frame: Any) -> None:
        raise TimeLimit(f"the cell ran for more than {seconds:g} s")

    signal.signal(signal.SIGPROF, late)
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)
    try:
        yield
    finally:
        stop_timers()


def stop_timers() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
