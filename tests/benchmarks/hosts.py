"""Workers as on machines of their own: each in a network namespace, joined by virtual cables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autograde.cohort.engine import open_engine
from autograde.cohort.grade_one import HandedIn
from autograde.cohort.grading import Grading
from autograde.cohort.keys import make_keys


def possible() -> bool:
    """Making hosts needs root and the program `ip`."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


def rate(grading: Grading, notebooks: Sequence[HandedIn], count: int) -> float:
    """Submissions a second on so many hosts with one worker each, once they are there."""
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), count) as address:
        with open_engine(grading, 1, scheduler=address, keys=Path(folder) / "keys") as engine:
            deadline = time.monotonic() + 60
            while len(engine.client.nthreads()) < count and time.monotonic() < deadline:
                time.sleep(0.2)
            list(engine.graded(iter(notebooks[: 2 * count]), threading.Event()))
            began = time.perf_counter()
            list(engine.graded(iter(notebooks), threading.Event()))
            return len(notebooks) / (time.perf_counter() - began)


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[str]:
    """A scheduler here and a worker on each host, speaking TLS; the scheduler's address here."""
    make_keys(folder / "keys")
    keys = [
        f"--tls-{option}={folder}/keys/{name}.pem"
        for option, name in (("ca-file", "ca"), ("cert", "cert"), ("key", "key"))
    ]
    dask = str(Path(sys.executable).with_name("dask"))
    place = folder / "scheduler.json"
    with ExitStack() as stack:
        scheduler = [dask, "scheduler", "--protocol=tls", "--host=0.0.0.0", "--port=0"]
        stack.enter_context(
            running([*scheduler, "--no-dashboard", f"--scheduler-file={place}", *keys], folder)
        )
        while not place.exists():
            time.sleep(0.1)
        port = json.loads(place.read_text())["address"].rsplit(":", 1)[1]
        for number in range(count):
            name, here, there = stack.enter_context(host(number))
            worker = ["ip", "netns", "exec", name, dask, "worker", f"tls://{here}:{port}"]
            worker += ["--nthreads=1", f"--host={there}", "--no-dashboard", *keys]
            stack.enter_context(running(worker, folder))
        yield f"tls://127.0.0.1:{port}"


@contextmanager
def host(number: int) -> Iterator[tuple[str, str, str]]:
    """A network namespace with a cable to here: its name, our address on the cable, and its."""
    name, cable = f"chainrule-{os.getpid()}-{number}", f"cr{os.getpid() % 10_000}x{number}"
    here, there = f"10.213.{number}.1", f"10.213.{number}.2"
    ip("netns", "add", name)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("addr", "add", f"{here}/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", name, "addr", "add", f"{there}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            ip("-n", name, "link", "set", device, "up")
        yield name, here, there
    finally:
        ip("netns", "del", name)  # and the cable with it


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[None]:
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, stdout=silent, stderr=silent)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
