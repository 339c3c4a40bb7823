"""`chainrule doctor`: what is installed, what works here, and what to do about each problem."""

from __future__ import annotations

import html
import importlib.metadata
import importlib.util
import os
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from chainrule import device, progress
from chainrule.folders import course_folder, shown
from chainrule.units import PACKAGE

SUPPORTED = ((3, 11), (3, 13))  # the oldest and the newest Python that the tests run on
NETWORK_SECONDS = 3.0
FULL_DATA_HOST = "github.com"

OK, NOTE, PROBLEM = "ok", "note", "problem"

# What the course uses, and which extra brings it when it is absent.
PACKAGES = {
    "numpy": "",
    "matplotlib": "",
    "ipywidgets": "",
    "ipython": "",
    "jupyterlab": "lab",
    "torch": "lab",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its state ("ok", "note" or "problem"), and what to do, if anything."""

    what: str
    state: str
    detail: str
    do: str = ""


class DoctorReport:
    """What `doctor()` returns: shows itself in a notebook, in a terminal and as text."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    @property
    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.state == PROBLEM]

    @property
    def summary(self) -> str:
        count = len(self.problems)
        if not count:
            return "Everything the course needs is here."
        return f"{count} problem{'s' * (count > 1)}; what to do stands beside each."

    def __repr__(self) -> str:
        width = max(len(finding.what) for finding in self.findings)
        lines = [
            f"{finding.state:<7}  {finding.what:<{width}}  {finding.detail}"
            + (f" -> {finding.do}" if finding.do else "")
            for finding in self.findings
        ]
        return "\n".join([*lines, self.summary])

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in _cells(finding)
            )
            + "</tr>"
            for finding in self.findings
        )
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _COLUMNS)
        return f"<table><tr>{head}</tr>{rows}</table><p>{html.escape(self.summary)}</p>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(*_COLUMNS)
        colours = {OK: "green", NOTE: "yellow", PROBLEM: "red"}
        for finding in self.findings:
            state, *rest = _cells(finding)
            table.add_row(f"[{colours[finding.state]}]{state}", *map(_unmarked, rest))
        yield table
        yield self.summary


_COLUMNS = ("", "What", "Found", "What to do")


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    return finding.state, finding.what, finding.detail, finding.do


def _unmarked(text: str) -> str:
    """Text in which rich sees no markup: `chainrule[lab]` is not a style."""
    return text.replace("[", "\\[")


def doctor(quick: bool = False) -> DoctorReport:
    """Look at this installation. Never raises: what can't be looked at is itself a finding.

    quick: leave out what takes seconds, which is loading PyTorch to ask for a GPU and trying
    whether the full data sets could be downloaded.
    """
    looks: list[Callable[[], list[Finding]]] = [look_at_python, look_at_packages]
    looks += [look_at_data, look_at_folders]
    if not quick:
        looks += [look_at_device, look_at_network]
    findings: list[Finding] = []
    for look in looks:
        try:
            findings += look()
        except Exception as error:
            name = look.__name__.removeprefix("look_at_")
            findings.append(Finding(name, PROBLEM, f"could not be looked at: {error}", _REINSTALL))
    return DoctorReport(findings)


_REINSTALL = "Install chainrule again: pip install --force-reinstall --no-deps chainrule"


def look_at_python() -> list[Finding]:
    version = sys.version_info
    text = f"{version.major}.{version.minor}.{version.micro}"
    oldest, newest = (".".join(map(str, bound)) for bound in SUPPORTED)
    if version[:2] < SUPPORTED[0]:
        return [
            Finding("Python", PROBLEM, text, f"Install Python {oldest} or newer and start again.")
        ]
    if version[:2] > SUPPORTED[1]:
        newer = f"Tested up to {newest}. If something fails, use {newest}."
        return [Finding("Python", NOTE, text, newer)]
    return [Finding("Python", OK, text)]


def look_at_packages() -> list[Finding]:
    findings = [Finding("chainrule", OK, installed_version("chainrule") or "from a folder")]
    for package, extra in PACKAGES.items():
        version = installed_version(package)
        if version:
            findings.append(Finding(package, OK, version))
        elif extra:
            findings.append(Finding(package, NOTE, "not installed", _OPTIONAL[package]))
        else:
            findings.append(Finding(package, PROBLEM, "not installed", f"pip install {package}"))
    return findings


_OPTIONAL = {
    "jupyterlab": 'Only to open the course on this machine: pip install "chainrule[lab]"',
    "torch": "Needed from unit 05 on: pip install torch",
}


def installed_version(package: str) -> str:
    """The installed version of a distribution, without importing it; "" when there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def look_at_device() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return [Finding("device", OK, "cpu (no PyTorch to ask for a GPU)")]
    try:
        import torch  # noqa: F401
    except Exception as error:
        do = "Install PyTorch again; units 00 to 04 run without it."
        return [Finding("device", PROBLEM, f"PyTorch does not load: {error}", do)]
    return [Finding("device", OK, device.device())]


def look_at_folders() -> list[Finding]:
    findings = []
    course = course_folder()
    if course is None:
        do = "Go to the folder that holds the unit folders, or open a notebook in Colab."
        findings.append(Finding("course folder", NOTE, "not found from here", do))
    elif writable(course):
        findings.append(Finding("course folder", OK, f"{shown(course)}, writable"))
    else:
        do = "Copy it to a folder of your own and work there, or your notebooks can't be saved."
        findings.append(Finding("course folder", PROBLEM, f"{shown(course)}, read-only", do))
    path = progress.progress_file()
    if path is None:
        findings.append(Finding("progress", NOTE, f"switched off ({progress.VARIABLE}=off)"))
    elif writable(path.parent):
        findings.append(Finding("progress", OK, f"kept in {shown(path)}"))
    else:
        do = f"Checks still work. Set {progress.VARIABLE} to a file that you may write."
        findings.append(Finding("progress", NOTE, f"{shown(path)} can't be written", do))
    return findings


def writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, found out by making one."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def look_at_data() -> list[Finding]:
    folder = PACKAGE / "data"
    bundled = sorted(path.stem for path in folder.glob("[!_]*.py"))
    unreadable = [name for name in bundled if not readable(folder, name)]
    if unreadable:
        return [Finding("data", PROBLEM, f"can't be read: {', '.join(unreadable)}", _REINSTALL)]
    return [Finding("data", OK, f"bundled: {', '.join(bundled)}")]


def readable(folder: Path, name: str) -> bool:
    """Whether every file of a data set, its module and its data sheet included, can be read."""
    try:
        return all(
            os.access(path, os.R_OK) and path.stat().st_size for path in folder.glob(f"{name}.*")
        )
    except OSError:
        return False


def look_at_network() -> list[Finding]:
    """Most full data sets come from one host, or through the proxy that the environment names."""
    proxy = urllib.request.getproxies().get("https")
    address = urlsplit(proxy if proxy and "://" in proxy else f"//{proxy or FULL_DATA_HOST}")
    try:
        reached = connects(address.hostname or "", address.port or (443 if not proxy else 80))
    except ValueError:  # a proxy setting that is no address
        reached = False
    if reached:
        return [Finding("network", OK, "there is a connection for full data sets")]
    do = "Nothing to do: every unit runs on its bundled data."
    return [Finding("network", NOTE, "no connection for full data sets", do)]


def connects(host: str, port: int, seconds: float = NETWORK_SECONDS) -> bool:
    """Whether a TCP connection opens in time. Looking up a name may hang, so a thread does it."""
    opened: list[bool] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            opened.append(True)
        except OSError:
            pass

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(opened)
