"""`chainrule lab`: JupyterLab on the course folder, with the settings in overrides.json."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def lab_command(course: Path, port: int | None, arguments: list[str]) -> list[str]:
    """The command line that opens JupyterLab on the course, its README shown as a page."""
    settings = Path(__file__).parent
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={course}"]
    command.append(f"--LabApp.app_settings_dir={settings}")
    if (course / "README.md").is_file():
        command.append("--LabApp.default_url=/lab/tree/README.md")
    if port is not None:
        command.append(f"--ServerApp.port={port}")
    if is_root():
        command.append("--allow-root")  # as in a container, where there is no one else to be
    return command + arguments


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def run_lab(command: list[str]) -> int:
    """Become JupyterLab, or, on Windows, wait for it; return its exit code.

    Its kernels and terminals find this environment's commands on PATH.
    """
    environment = dict(os.environ)
    binaries = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([binaries, environment.get("PATH", os.defpath)])
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environment)
    try:
        return subprocess.call(command, env=environment)
    except KeyboardInterrupt:
        return 0
