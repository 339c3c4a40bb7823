"""The mode "docker": a container of its own for each submission, by Docker or Podman.

For macOS, and for Linux without bubblewrap. Inside runs what runs in the other modes, with
Landlock and seccomp where the container's kernel has them; its sockets are carried over the
container's standard input and output, which is all that leads out of it.
"""

from __future__ import annotations

import hashlib
import json
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import chainrule
from autograde.sandbox.bubblewrap import CODE, ENVIRONMENT, SITE, UNPRIVILEGED
from autograde.sandbox.inside.frames import MAX_DESCRIPTORS, Channel
from autograde.sandbox.inside.mux import HEADER, PIECE, Mux
from autograde.sandbox.model import Limits, SandboxUnavailable
from autograde.sandbox.packages import BASE
from autograde.sandbox.parent import INSIDE, ParentLost

ENGINES = ("docker", "podman")
START_SECONDS = 120.0
BUILD_SECONDS = 1800.0
PROCESSES = 320  # a submission's snapshots and workers, and those that watch them
SPARE_MB = 512  # beside what the submission may use: for the processes that watch it
INSTALL = (
    "Install Docker or Podman and start it (`docker info` must answer), or grade on Linux with "
    "--sandbox bwrap."
)


def dockerfile(packages: Sequence[str]) -> str:
    """The image: this Python, and the allowed packages in the versions installed here."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = " ".join(pin(name) for name in sorted({*BASE, *packages}))
    return f"FROM python:{python}-slim\nRUN python -m pip install --no-cache-dir {pins}\n"


def pin(name: str) -> str:
    """numpy==2.4.1. Raises SandboxUnavailable when the package is not installed here."""
    try:
        return f"{name}=={version(name).partition('+')[0]}"
    except PackageNotFoundError:
        raise SandboxUnavailable(
            f"The sandbox needs the package {name}, which is not installed here. "
            f"Install it with `pip install {name}`."
        ) from None


def image_name(text: str) -> str:
    """The name of the image made from a Dockerfile; another text is another image."""
    return f"chainrule-sandbox:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def command(engine: str, image: str, limits: Limits, arguments: Sequence[str]) -> list[str]:
    """The command line for `python ARGUMENTS` in a new container that nothing leads out of."""
    memory = f"{limits.memory_mb + SPARE_MB}m"
    line = [engine, "run", "--rm", "--interactive", "--pull=never", "--log-driver=none"]
    line += ["--network=none", "--read-only", "--cap-drop=ALL"]
    line += ["--security-opt=no-new-privileges", f"--user={UNPRIVILEGED}:{UNPRIVILEGED}"]
    line += [f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={PROCESSES}"]
    line += ["--ulimit=core=0", "--ipc=private", "--shm-size=64m", "--hostname=sandbox"]
    line += ["--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777", "--workdir=/tmp"]
    line += [f"--volume={INSIDE}:{CODE}/inside:ro"]
    line += [f"--volume={Path(chainrule.__file__).parent}:{SITE}/chainrule:ro"]
    for name, value in {**ENVIRONMENT, "PYTHONPATH": f"{CODE}:{SITE}"}.items():
        line += [f"--env={name}={value}"]
    return [*line, image, "python", "-s", "-P", *arguments]


class Containers:
    """Starts a container for each submission. Safe to use from several threads."""

    def __init__(self, unit: str, packages: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        self.walls: list[str] = []
        self._text = dockerfile(packages)
        self._settings = {
            "unit": unit,
            "packages": list(packages),
            "limits": asdict(limits),
            "isolated": False,  # the container is the namespace
            "walled": True,
            "readable": ["/usr", "/opt", "/lib", "/lib64", "/etc", "/proc", "/dev"],
            "listable": [],
            "scratch": "/tmp",
            "user": UNPRIVILEGED,
        }
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Find an engine and build the image. Raises SandboxUnavailable with what was seen."""
        self.engine = find_engine()
        self.image = image_name(self._text)
        try:
            _engine([self.engine, "image", "inspect", self.image], 60)
        except SandboxUnavailable:
            build = [self.engine, "build", "--tag", self.image, "-"]
            _engine(build, BUILD_SECONDS, self._text)

    def submit(self, checks: int) -> tuple[Channel, Channel, list[Channel]]:
        """A container for a new submission: our ends of its life, control and check sockets.

        Raises ParentLost when none can be started.
        """
        if checks + 2 > MAX_DESCRIPTORS:
            raise ValueError(f"{checks} checks in one notebook; the limit is {MAX_DESCRIPTORS - 2}")
        settings = json.dumps(self._settings)
        arguments = ["-m", "inside.relay", settings, str(checks + 2)]
        process = self._start(command(self.engine, self.image, self.limits, arguments))
        try:
            self.walls = ["container", *_walls(process)]
        except (OSError, ValueError) as error:
            self._end(process)
            raise ParentLost(f"a container did not start ({error})") from None
        pairs = [socket.socketpair() for _ in range(checks + 2)]
        theirs = {number: other for number, (_, other) in enumerate(pairs)}
        threading.Thread(target=self._carry, args=(process, theirs), daemon=True).start()
        life, control, *rest = (Channel(ours) for ours, _ in pairs)
        return life, control, rest

    def _start(self, line: list[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ParentLost("it is closed")
            process = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # Ctrl-C in the terminal goes to the coordinator only
            )
            self._running.add(process)
        return process

    def _carry(self, process: subprocess.Popen[bytes], sockets: dict[int, socket.socket]) -> None:
        assert process.stdin is not None and process.stdout is not None
        Mux(process.stdout.fileno(), process.stdin.fileno(), sockets).run()
        self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Close the pipes, on which the container ends by itself, and wait for it."""
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._lock:
            self._running.discard(process)

    def close(self) -> None:
        """End every container. Those that carry one then see their pipe end."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def find_engine() -> str:
    """The engine that answers. Raises SandboxUnavailable when none does."""
    said = "neither `docker` nor `podman` is installed here"
    for name in ENGINES:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            _engine([path, "info"], 60)
            return path
        except SandboxUnavailable as error:
            said = str(error).rstrip(".?")
    raise SandboxUnavailable(
        f"The sandbox 'docker' needs a container engine that answers: {said}. {INSTALL}"
    )


def _engine(line: list[str], seconds: float, text: str = "") -> None:
    """Run a command of the engine. Raises SandboxUnavailable with the end of what it said."""
    shown = " ".join([Path(line[0]).name, *line[1:]])
    try:
        done = subprocess.run(line, input=text, capture_output=True, text=True, timeout=seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxUnavailable(f"`{shown}` failed: {error}") from None
    if done.returncode:
        seen = (done.stderr or done.stdout).strip()[-1500:] or "nothing was said"
        raise SandboxUnavailable(f"`{shown}` failed. It said: {seen}")


def _walls(process: subprocess.Popen[bytes]) -> list[Any]:
    """Wait until the container is ready: which walls it says stand inside."""
    pipe = process.stdout
    assert pipe is not None
    deadline = time.monotonic() + START_SECONDS

    def read(length: int) -> bytes:
        data = b""
        while len(data) < length:
            left = max(0, deadline - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                raise ValueError(f"not ready within {START_SECONDS:g} s")
            part = pipe.read(length - len(data))
            if not part:
                raise ValueError("it ended at once")
            data += part
        return data

    _, length = HEADER.unpack(read(HEADER.size))
    return list(json.loads(read(min(length, PIECE))))
