"""The processes of one submission: guard, supervisor, notebook.

    warm parent - guard - supervisor (process 1) - notebook - snapshots

The guard stays outside the new process namespace and kills all of it when the coordinator hangs
up. What it and the supervisor need is prepared here; the learner's code runs in `cells.py`.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import isolate, landlock, processes, seccomp
from .cells import Notebook
from .frames import Channel
from .snapshot import Probe, reseed
from .supervisor import Supervisor, children_signals, wake_on_child

MORE_PROCESSES = 256  # than there are, where the limit is on all that the user runs
HANG_UP = select.POLLHUP | select.POLLRDHUP


@dataclass
class Warm:
    """What the warm parent has ready for every submission."""

    settings: Mapping[str, Any]  # limits, and which walls to make
    shell: Any
    probes: Mapping[str, Probe]
    filter: bytes | None

    @property
    def isolated(self) -> bool:
        """Whether each submission gets namespaces of its own."""
        return self.settings["isolated"]

    @property
    def walled(self) -> bool:
        """Whether there are walls at all: namespaces or not, Landlock and seccomp."""
        return self.settings["walled"]


def guard(warm: Warm, descriptors: list[int]) -> None:
    """Run one submission, and return when nothing of it is left.

    descriptors: the life socket, the control socket, then one socket per check cell.
    """
    life, control, *checks = (Channel(socket.socket(fileno=number)) for number in descriptors)
    folder = None
    if warm.isolated:
        isolate.new_namespaces()
    else:
        isolate.adopt_orphans()
        folder = tempfile.mkdtemp(prefix="work-", dir=warm.settings["scratch"])
    supervisor = isolate.fork()
    if supervisor == 0:
        try:
            supervise(warm, life, control, checks, folder)
        finally:
            os._exit(0)
    for channel in (control, *checks):
        channel.close()
    wait_for_end(life, supervisor)
    if folder:
        end_all()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_end(life: Channel, supervisor: int) -> None:
    """Wait until the supervisor ends, or end it when the coordinator hangs up."""
    process = os.pidfd_open(supervisor)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(life.fileno(), HANG_UP)
    if not any(descriptor == process for descriptor, _ in poll.poll()):
        os.kill(supervisor, signal.SIGKILL)  # and with process 1 its whole namespace
    os.waitpid(supervisor, 0)


def end_all() -> None:
    """Kill every process below this one; needed only where there is no process namespace."""
    while True:
        for pid in processes.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def supervise(
    warm: Warm, life: Channel, control: Channel, checks: list[Channel], folder: str | None
) -> None:
    """Make the walls, start the notebook behind them, and watch it."""
    isolate.die_with_parent()
    if warm.isolated:
        isolate.private_mounts()
        isolate.drop_privileges()
        folder = isolate.SCRATCH + "/work"
        os.mkdir(folder)
    else:
        isolate.adopt_orphans()
    assert folder is not None
    os.chdir(folder)
    wake = wake_on_child()
    reader, writer = os.pipe()
    notebook = isolate.fork()
    if notebook == 0:
        try:
            life.close()
            os.close(wake)
            os.close(reader)
            children_signals()
            lock_in(warm, len(checks), folder)
            limits = warm.settings["limits"]
            Notebook(warm.shell, limits, control, checks, warm.probes, writer).run()
        finally:
            os._exit(0)
    isolate.hide_memory(True)
    os.close(writer)
    for channel in (control, *checks):
        channel.close()
    limits = warm.settings["limits"]
    Supervisor(life, reader, notebook, limits["cell_seconds"], limits["memory_mb"]).watch(wake)


def lock_in(warm: Warm, snapshots: int, folder: str) -> None:
    """The last preparations of the process that will run the learner's code."""
    limits = warm.settings["limits"]
    isolate.die_with_parent()
    most = isolate.MAX_PROCESSES + snapshots if warm.walled else None
    if warm.walled and not warm.isolated:
        most = MORE_PROCESSES + processes.on_machine()  # the user's other processes count too
    isolate.limit_resources(limits["memory_mb"], limits["submission_seconds"], most)
    if warm.isolated:
        landlock.restrict()
    elif warm.walled:
        os.environ["HOME"] = os.environ["TMPDIR"] = tempfile.tempdir = folder
        isolate.count_against(warm.settings["user"])
        isolate.drop_privileges()
        readable, listable = warm.settings["readable"], warm.settings["listable"]
        landlock.restrict(readable, [folder, os.devnull], listable)
    if warm.walled and warm.filter:
        seccomp.restrict(warm.filter)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    sys.path.insert(0, "")  # a notebook can import a file that it wrote
    reseed()
