"""What the packaging tests share: a clean copy of the repository and the wheel built from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[str]:
    """Every file that belongs to the repository: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


@pytest.fixture(scope="session")
def clean_copy(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as a fresh clone would have it."""
    copy = tmp_path_factory.mktemp("clone")
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def wheel(clean_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `pip install chainrule` would get."""
    out = tmp_path_factory.mktemp("wheel")
    from_index(["wheel", "-q", "--no-deps", "-w", str(out), str(clean_copy)])
    (built,) = out.glob("*.whl")
    return built


def from_index(arguments: Sequence[str]) -> None:
    """Run pip for something that it must download. Offline the test is skipped, but not in CI."""
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and unreachable(done.stderr) and "CI" not in os.environ:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr


def unreachable(stderr: str) -> bool:
    signs = ("Connection", "connection", "Temporary failure in name resolution", "timed out")
    return any(sign in stderr for sign in signs)


@pytest.fixture(scope="session")
def pip():
    """Runs pip with the given arguments, for what has to be downloaded."""
    return from_index
