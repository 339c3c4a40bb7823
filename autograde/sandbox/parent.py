"""Starts the warm parent, starts it again when it has died, and hands submissions to it."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

import chainrule
from autograde.sandbox import bubblewrap, landlocked
from autograde.sandbox.inside.frames import MAX_DESCRIPTORS, Channel, FrameError
from autograde.sandbox.model import Limits, SandboxUnavailable
from autograde.sandbox.packages import allowed_files

INSIDE = Path(__file__).parent / "inside"
START_SECONDS = 120.0
AHEAD = 2  # children that wait, isolated, for submissions to come
HUNG_UP = select.POLLHUP | select.POLLRDHUP | select.POLLERR


Channels = tuple[Channel, Channel, list[Channel]]  # our ends: life, control, one a check cell


class ParentLost(Exception):
    """The warm parent is gone and could not be started again."""


class Parent(Protocol):
    """What forks submissions: a warm parent, or one container after another."""

    walls: list[str]

    def open(self) -> None: ...

    def submit(self, checks: int) -> Channels: ...

    def close(self) -> None: ...


class WarmParent:
    """The process from which every submission is forked. Safe to use from several threads."""

    def __init__(self, mode: str, unit: str, packages: Sequence[str], limits: Limits) -> None:
        self.settings: dict[str, Any] = {
            "unit": unit,
            "packages": list(packages),
            "limits": asdict(limits),
            "isolated": mode == "bwrap",
            "walled": mode != "none",
            "scratch": None,
        }
        self.mode = mode
        self._unit = unit
        self.walls: list[str] = []
        self._site = allowed_files(packages)
        self._site["chainrule"] = Path(chainrule.__file__).parent
        self._folder: str | None = None  # needed where there are no namespaces
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._launch: Channel | None = None
        self._ahead: list[Channels] = []
        # bubblewrap dies with the thread that started it, not with the process, so it is always
        # started from a thread that stays.
        self._starter = ThreadPoolExecutor(1, "sandbox-starter")

    def open(self) -> None:
        """Start and wait until ready. Raises SandboxUnavailable with what was seen."""
        with self._lock:
            self._open()

    def submit(self, checks: int) -> Channels:
        """A child for a new submission, one that waits already if there is one.

        Starts the parent again when it has died. Raises ParentLost when that fails too.
        """
        if checks + 2 > MAX_DESCRIPTORS:
            raise ValueError(f"{checks} checks in one notebook; the limit is {MAX_DESCRIPTORS - 2}")
        with self._lock:
            child = self._waiting(checks) or self._fork(checks)
            # While this one is graded; without namespaces it could meet those that wait.
            while self.mode == "bwrap" and len(self._ahead) < AHEAD:
                self._ahead.append(self._fork(checks))
        return child

    def _waiting(self, checks: int) -> Channels | None:
        """A child made ahead for so many check cells, which has not ended meanwhile."""
        while self._ahead:
            child = self._ahead.pop(0)
            poll = select.poll()
            poll.register(child[0].fileno(), HUNG_UP)
            if len(child[2]) == checks and not poll.poll(0):
                return child
            hang_up(child)
        return None

    def _fork(self, checks: int) -> Channels:
        pairs = [socket.socketpair() for _ in range(checks + 2)]
        theirs = [pair[1].fileno() for pair in pairs]
        try:
            self._send(theirs)
        except BaseException:
            for ours, _ in pairs:
                ours.close()
            raise
        finally:
            for _, other in pairs:
                other.close()
        life, control, *rest = (Channel(ours) for ours, _ in pairs)
        return life, control, rest

    def _send(self, descriptors: list[int]) -> None:
        if self._closed:
            raise ParentLost("it is closed")
        for attempt in range(2):
            try:
                if self._process is None or self._process.poll() is not None:
                    self._open()
                assert self._launch is not None
                self._launch.sock.settimeout(START_SECONDS)
                socket.send_fds(self._launch.sock, [b"s"], descriptors)
                return
            except SandboxUnavailable as error:
                raise ParentLost(str(error)) from None
            except OSError as error:
                self._stop()
                if attempt:
                    raise ParentLost(str(error)) from None

    def _open(self) -> None:
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as errors:
            # The unit is there only to tell one from another in a list of processes.
            arguments = ["-m", "inside.warm_parent", str(theirs.fileno()), self._unit]
            try:
                line, environment, folder = self._command(arguments)
                started = self._starter.submit(
                    _start, line, environment, folder, theirs.fileno(), errors
                )
                self._process = started.result()
            except BaseException:
                ours.close()
                raise
            theirs.close()
            self._launch = Channel(ours)
            self._wait_until_ready(errors)

    def _command(self, arguments: list[str]) -> tuple[list[str], dict[str, str], str]:
        """Command line, environment and working folder of the warm parent."""
        if self.mode == "bwrap":
            return bubblewrap.command(self._site, INSIDE, arguments), {}, "/"
        if self._folder is None:  # links to the allowed packages: the same list, not enforced
            self._folder = tempfile.mkdtemp(prefix="chainrule-sandbox-")
            for name, path in {**self._site, "inside": INSIDE}.items():
                (Path(self._folder) / name).symlink_to(path)
            if self.mode == "landlock":
                self.settings |= landlocked.settings(self._folder, self._site)
        kept = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
        environment = {**kept, **bubblewrap.ENVIRONMENT, "PYTHONPATH": self._folder}
        environment |= {name: self._folder for name in ("HOME", "TMPDIR", "IPYTHONDIR")}
        environment["MPLCONFIGDIR"] = f"{self._folder}/matplotlib-settings"
        python = os.path.realpath(sys.executable)  # without -S it would add its own packages
        return [python, "-S", "-s", "-P", *arguments], environment, self._folder

    def _wait_until_ready(self, errors: IO[bytes]) -> None:
        assert self._launch is not None
        deadline = time.monotonic() + START_SECONDS
        try:
            self._launch.send(self.settings, deadline)
            answer: Mapping[str, Any] = self._launch.receive(deadline)
        except FrameError:
            self._stop()
            errors.seek(0)
            seen = errors.read()[-1500:].decode("utf-8", "replace").strip() or "nothing was said"
            raise SandboxUnavailable(_advice(self.mode, seen)) from None
        self.walls = list(answer["walls"])

    def _stop(self) -> None:
        """End the process and wait for it. With it, bubblewrap's namespaces end."""
        while self._ahead:
            hang_up(self._ahead.pop())
        if self._launch is not None:
            self._launch.sock.close()
            self._launch = None
        if self._process is not None:
            try:
                self._process.wait(2)  # it ends by itself when its socket closes
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._stop()
        self._starter.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.settings["scratch"]:
            shutil.rmtree(self.settings["scratch"], ignore_errors=True)


def hang_up(child: Channels) -> None:
    """Let a child go: its guard ends everything that is left of it."""
    life, control, checks = child
    for channel in (control, *checks, life):
        channel.close()


def _start(
    line: list[str], environment: dict[str, str], folder: str, descriptor: int, errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=[descriptor],
        start_new_session=True,  # Ctrl-C in the terminal goes to the coordinator only
    )


def _advice(mode: str, seen: str) -> str:
    if mode != "bwrap" or "Traceback" in seen:
        return f"The process that runs submissions did not start. It said:\n{seen}"
    return (
        "The sandbox did not start, so nothing was graded. bubblewrap needs to make namespaces: "
        "as root outside a container, or as a user on a system that allows user namespaces "
        "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns"
        f"=0). Install it with `apt-get install bubblewrap`. It said:\n{seen}"
    )
