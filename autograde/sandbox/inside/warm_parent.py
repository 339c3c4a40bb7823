"""The warm parent: imports what graded code needs once, then forks one guard per submission.

Started as `python -m inside.warm_parent DESCRIPTOR UNIT` with a socket to the coordinator. It never
reads a submission, so that no later fork can inherit one.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import signal
import site
import socket
import sys
import traceback
from typing import Any

from . import isolate, landlock, seccomp
from .frames import MAX_DESCRIPTORS, Channel
from .shell import make_shell
from .snapshot import Probe
from .submission import Warm, guard

HUGE = 2 << 20  # bytes


def main() -> None:
    if sys.flags.no_site:  # the notebook still expects exit() and help()
        site.setquit()
        site.sethelper()
    launch = Channel(socket.socket(fileno=int(sys.argv[1])))
    settings = launch.receive()
    warm = warm_up(settings)
    launch.send({"ready": os.getpid(), "walls": walls(warm)})
    serve(launch.sock, warm)
    os._exit(0)  # nothing to tidy up, and a quick end lets the next parent start


def warm_up(settings: dict[str, Any]) -> Warm:
    """Import everything once, on one thread: a fork copies only the thread that forks."""
    import matplotlib

    matplotlib.use("agg")
    draw_once()
    for package in settings["packages"]:
        import_if_there(package.replace("-", "_"))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    probes = find_probes(settings["unit"])
    if load := probes.pop("warm_up", None):
        load()  # what the unit's own libraries load when they are first used
    for name in ("check", "plot", "train", settings["unit"], settings["unit"] + ".widgets"):
        import_if_there(f"chainrule.{name}")
    shell = make_shell()
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SystemExit(f"{threads} threads run after the imports; forking needs a single one")
    gc.collect()
    gc.freeze()
    huge_pages()
    return Warm(settings, shell, probes, seccomp.program(settings["isolated"]))


def huge_pages() -> None:
    """Gather this process's memory into huge pages, where the kernel can (Linux 6.1).

    A fork copies one entry for each page, so it is quicker with fewer of them; a page that a child
    writes to is still copied alone, 4 kB.
    """
    with open("/proc/self/maps") as maps:
        spans = [line.split() for line in maps]
    for span, rights, *_, name in (span + [""] * (6 - len(span)) for span in spans):
        if "w" in rights and name in ("", "[heap]"):
            first, end = (int(address, 16) for address in span.split("-"))
            for start in range(-(-first // HUGE) * HUGE, end - HUGE + 1, HUGE):
                isolate.collapse(start, HUGE)


def draw_once() -> None:
    """One small figure, so that fonts are found before the first submission and not in each."""
    import warnings

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2])
    figure.savefig(io.BytesIO())
    plt.close("all")
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")


def import_if_there(name: str) -> None:
    """Import for speed only. A module that can't be imported fails in the cell that needs it."""
    try:
        importlib.import_module(name)
    except Exception:
        pass


def find_probes(unit: str) -> dict[str, Probe]:
    """The unit's probe functions by exercise, held here so that no cell can replace them."""
    name = f"chainrule.{unit}.probes"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name in (name, f"chainrule.{unit}"):
            return {}
        raise
    return {
        key: value
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == name  # not what it imports
    }


def walls(warm: Warm) -> list[str]:
    """The layers that stand between a submission and the machine, for the report."""
    walls = [
        ("namespaces", warm.isolated),
        ("landlock", warm.walled and landlock.version() > 0),
        ("seccomp", warm.walled and warm.filter is not None),
    ]
    return [name for name, there in walls if there]


def serve(launch: socket.socket, warm: Warm) -> None:
    """Fork a guard for each set of descriptors that arrives, until the coordinator hangs up."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # guards are not waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's business
    launch.settimeout(None)
    while True:
        close_on_exec = socket.MSG_CMSG_CLOEXEC
        data, descriptors, _, _ = socket.recv_fds(launch, 1, MAX_DESCRIPTORS, close_on_exec)
        if not data:
            return
        try:
            child = isolate.fork()
        except OSError:
            child = -1  # no room for a process: the closed sockets tell the coordinator
        if child == 0:
            launch.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                guard(warm, descriptors)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        for number in descriptors:
            os.close(number)


if __name__ == "__main__":
    main()
