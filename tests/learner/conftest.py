"""A course folder of one's own for each test, so that no test writes into the clone."""

import json
from pathlib import Path

import pytest

from chainrule import progress
from chainrule.answers import load_answers


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with one solved notebook of unit 00; the test stands in the unit's folder."""
    monkeypatch.delenv(progress.VARIABLE, raising=False)
    monkeypatch.setattr(progress, "_said", set())
    unit = tmp_path / "course" / "00_welcome"
    unit.mkdir(parents=True)
    write_notebook(unit / "welcome.ipynb", list(load_answers("welcome").exercises))
    monkeypatch.chdir(unit)
    return unit.parent


@pytest.fixture
def inbox(tmp_path):
    """The folder that the instructor named."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def write_notebook(path: Path, exercises: list[str]) -> None:
    """A notebook with a code cell that defines each of the exercises."""
    cells = [
        {
            "cell_type": "code",
            "source": [f"def {name}(*args):\n", "    return None\n"],
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for name in exercises
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def read_only(folder: Path) -> bool:
    """Take away the right to write in a folder; False where that changes nothing (root)."""
    folder.chmod(0o555)
    try:
        (folder / "probe").touch()
    except OSError:
        return True
    (folder / "probe").unlink()
    return False
