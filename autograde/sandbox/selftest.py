"""Tries the sandbox from inside before anything is graded in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import autograde
from autograde.sandbox.coordinator import Sandbox
from autograde.sandbox.model import Cell, SandboxUnavailable

ATTACK = """
import os, socket

def works(action, *args):
    try:
        action(*args)
    except OSError:
        return False
    return True

def read(path):
    os.listdir(path) if os.path.isdir(path) else open(path).close()

for path in {paths!r}:
    if works(read, path):
        print(f"read {{path}}")
if works(lambda: socket.create_connection(("127.0.0.1", {port}), timeout=1)):
    print("connected to a port of this machine")
if works(lambda: socket.socket(socket.AF_UNIX).connect({local!r})):
    print("connected to a local socket of this machine")
if {alone!r} and works(os.listdir, "/proc"):
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) not in (1, os.getpid()):
            print(f"saw process {{name}}")
if works(os.chmod, {paths!r}[0], 0o666):
    print(f"changed who may use {{{paths!r}[0]}}")
works(os.kill, {process}, 9)
print("tried")
"""


def check(sandbox: Sandbox) -> None:
    """Raise SandboxUnavailable if graded code can get at this machine."""
    with tempfile.TemporaryDirectory(prefix="chainrule-planted-") as folder:
        planted = Path(folder) / "planted"
        planted.write_text("a file that graded code must not see\n")
        os.chmod(folder, 0o755)  # only the sandbox is to stand in the way
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.socket(socket.AF_UNIX) as local,
            _planted_process() as process,
        ):
            local.bind(f"{folder}/local")
            local.listen()
            paths = [str(planted), *private_paths()]
            if sandbox.mode == "docker":  # a container has system files of its own
                paths = [path for path in paths if not path.startswith("/etc/")]
            seen = attack(sandbox, paths, listener, f"{folder}/local", process.pid)
            if process.poll() is not None:
                seen.append("killed a process of this machine")
            process.kill()
    if seen:
        raise SandboxUnavailable(
            "The sandbox is not safe on this machine, so nothing was graded. Code inside it "
            + "; ".join(seen)
            + ". Grade on a Linux machine where bubblewrap isolates (`bwrap --unshare-all`)."
        )


def attack(
    sandbox: Sandbox, paths: Sequence[str], listener: socket.socket, local: str, pid: int
) -> list[str]:
    """Run the attack as a submission; what it managed to do.

    paths: the first is a planted file. local: the path of a local socket that listens.
    """
    source = ATTACK.format(
        paths=list(paths),
        port=listener.getsockname()[1],
        local=local,
        process=pid,
        alone=sandbox.mode != "docker",  # in a container it sees what watches it, and no more
    )
    run = sandbox.run([Cell("attack", source)], {})
    outputs = run.outputs.get("attack", [])
    printed = "".join(output.get("text", "") for output in outputs).splitlines()
    if run.failure or not printed or printed[-1] != "tried":
        return [f"did not run to its end ({run.failure or outputs or run.limits_hit})"]
    listener.setblocking(False)
    try:
        listener.accept()
    except BlockingIOError:
        return printed[:-1]
    return [*printed[:-1], "connected to a port of this machine"]


def private_paths() -> list[str]:
    """The grader, the solutions and the user's folder: none may be read inside."""
    root = Path(autograde.__file__).parent.parent
    candidates = [Path(autograde.__file__), root / "solutions", root / "pyproject.toml"]
    candidates += [Path.home(), Path("/etc/passwd")]
    inside_too = {Path("/"), Path("/tmp")}  # a home there says nothing
    return [str(path) for path in candidates if path.exists() and path not in inside_too]


def _planted_process() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
