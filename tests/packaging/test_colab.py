"""`pip install chainrule` on Colab must leave every package that Colab ships as it is.

Colab is stood in for by an environment that says it has what Colab's published freeze lists: for
each package its name and version, and no code. Colab's own pip is really there and plans the
installation (--dry-run) for Python 3.13. pip reads the markers of dependencies with the Python it
runs on; uv reads them as 3.13 would, so it plans the same installation a second time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.slow

FREEZE = Path(__file__).with_name("colab-pip-freeze.txt")
PYTHON = "3.13"
WHEELS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64"]


def frozen() -> dict[str, str]:
    """Colab's packages: canonical name -> version."""
    lines = FREEZE.read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory, pip) -> Path:
    """The Python of an environment that looks like Colab's to pip and to uv."""
    environment = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    for name, version in frozen().items():
        if name == "pip":
            pip(["install", "-q", "--no-deps", "--target", str(site), f"pip=={version}"])
            continue
        described = site / f"{name.replace('-', '_')}-{version}.dist-info"
        described.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (described / "METADATA").write_text(metadata)
        (described / "INSTALLER").write_text("pip\n")
        (described / "RECORD").write_text("")
    return environment / "bin" / "python"


def planned_by_pip(colab: Path, what: str, tmp_path: Path) -> dict[str, str]:
    """What Colab's pip would install: name -> version."""
    report = tmp_path / "report.json"
    command = [colab, "-m", "pip", "install", "-q", "--dry-run", "--report", report]
    command += ["--python-version", PYTHON, "--only-binary=:all:"]
    command += [f"--platform={wheel}" for wheel in WHEELS]
    done = subprocess.run([*command, what], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    chosen = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    return {canonicalize_name(item["name"]): item["version"] for item in chosen}


def removed_by_uv(colab: Path, what: str) -> set[str]:
    """What uv would take away, to put another version in its place."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--color=never"]
    command += ["--python", colab, "--python-version", PYTHON, what]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^ - (\S+)==", done.stderr, re.MULTILINE))


def test_the_learners_part_replaces_nothing_on_colab(colab, wheel, tmp_path):
    planned = planned_by_pip(colab, str(wheel), tmp_path)
    assert planned.pop("chainrule")
    replaced = {name: (frozen()[name], new) for name, new in planned.items() if name in frozen()}
    assert not replaced, f"(Colab's version, the one put in its place): {replaced}"
    assert "torch" not in planned  # Colab's own torch is a direct download, so not in the freeze


def test_a_second_resolver_reading_markers_as_python_313_agrees(colab, wheel):
    assert removed_by_uv(colab, str(wheel)) == set()


def test_nbgrader_in_the_learners_part_would_be_noticed(colab, wheel, tmp_path):
    """The `grade` extra is what must stay out of the learner's part: these tests see why."""
    planned = planned_by_pip(colab, f"{wheel}[grade]", tmp_path)
    would_go = {"ipython", "notebook", "traitlets"}
    assert would_go <= {name for name in planned if name in frozen()}
    assert would_go <= removed_by_uv(colab, f"{wheel}[grade]")


def test_the_copy_of_the_freeze_says_what_it_is():
    assert FREEZE.read_text().startswith("# Packages that Colab ships (its published freeze, read")
    assert frozen()["numpy"].startswith("2.1.") and frozen()["ipython"] == "7.34.0"
