"""One warm sandbox for most tests here; tests that break it open their own."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from autograde.sandbox import Limits, open_sandbox

LIMITS = Limits(
    cell_seconds=0.6, case_seconds=0.5, submission_seconds=30, memory_mb=1024, output_kb=4
)

# A name of its own, so that other sandboxes on this machine are not taken for ours. That there is
# no such unit does not matter: these tests bring their own cells.
UNIT = f"unit_of_{os.getpid()}"


@pytest.fixture(scope="session")
def unit():
    return UNIT


@pytest.fixture(scope="session")
def bwrap():
    """For tests that need bubblewrap to be installed."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")


@pytest.fixture(scope="session")
def sandbox(bwrap):
    with open_sandbox("bwrap", unit=UNIT, packages=[], limits=LIMITS) as opened:
        yield opened


@pytest.fixture
def warm_parents():
    """A function: the processes that run the code of this test run's sandboxes, once their number
    stays the same: what ends is given a moment to be gone."""

    def now() -> set[int]:
        found = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes()
            except OSError:
                continue
            if b"inside.warm_parent" in line and UNIT.encode() in line:
                found.add(int(path.parent.name))
        return found

    def find() -> set[int]:
        found = now()
        for _ in range(20):
            before, found = found, (time.sleep(0.1), now())[1]
            if found == before:
                break
        return found

    return find


@pytest.fixture
def assert_nothing_new(warm_parents):
    """A function: fail if there are more such processes than before, after a moment's grace."""

    def check(before: set[int]) -> None:
        # Others than before wait for the next submission, but no more than before.
        deadline = time.monotonic() + 5
        while len(warm_parents()) > len(before) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(warm_parents()) <= len(before)

    return check
