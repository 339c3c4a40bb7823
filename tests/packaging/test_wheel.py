"""The wheel carries both packages with their data, and nothing that answers an exercise."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_file_of_both_packages_is_in_it(names, files):
    learners = {f.removeprefix("course/") for f in files if f.startswith("course/chainrule/")}
    instructors = {f for f in files if f.startswith("autograde/")}
    assert (learners | instructors) - names == set()


def test_each_unit_brings_its_public_answers(names, root):
    units = [folder.name.split("_", 1)[1] for folder in (root / "solutions").glob("[0-9]*_*")]
    assert units
    assert {f"chainrule/{unit}/answers.json" for unit in units} - names == set()


def test_no_answer_key_is_in_it(names, wheel):
    assert [name for name in names if name.split("/")[0] not in {"chainrule", "autograde"}] == [
        name for name in names if ".dist-info/" in name
    ]
    assert [name for name in names if name.endswith(("exercises.py", ".ipynb"))] == []
    with zipfile.ZipFile(wheel) as archive:
        learners = [name for name in names if name.startswith("chainrule/")]
        assert [name for name in learners if b"BEGIN SOLUTION" in archive.read(name)] == []


def test_it_is_small(wheel):
    assert wheel.stat().st_size < 15 * MEGABYTE
