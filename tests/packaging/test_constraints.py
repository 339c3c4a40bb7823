"""The pins can be had on the systems that constraints.txt names, wheels only. Nothing is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "python, platform",
    [
        ("3.11.2", "x86_64-manylinux_2_28"),  # the oldest in use: Debian 12's
        ("3.13", "x86_64-manylinux_2_28"),
        ("3.12", "aarch64-apple-darwin"),
        ("3.13", "x86_64-pc-windows-msvc"),
    ],
)
def test_the_pins_resolve(root: Path, tmp_path: Path, python: str, platform: str):
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--color=never"]
    command += ["--only-binary=:all:", "--python-version", python, "--python-platform", platform]
    command += ["-c", "constraints.txt", "--extra", "test", "-o", str(tmp_path / "resolved.txt")]
    # PyTorch's wheels are for macOS 14 and newer.
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run(
        [*command, "pyproject.toml"], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "\ntorch==2.13.0\n" in (tmp_path / "resolved.txt").read_text()
