"""A sample class, graded once for all the tests that only look at it."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grade import Summary, grade_class
from autograde.cohort.grading import Grading
from autograde.cohort.prepare import prepare
from autograde.cohort.sample import make_class
from autograde.cohort.truth import Truth
from autograde.unit import Unit, load_unit

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Class:
    """A sample class in `folder`, and what grading it said."""

    folder: Path
    unit: Unit
    truth: list[Truth]
    grading: Grading
    summary: Summary

    @property
    def class_folder(self) -> ClassFolder:
        return ClassFolder(self.folder / "class")

    @property
    def submitted(self) -> Path:
        return self.folder / "submitted"

    def grade_again(self) -> Summary:
        return grade_class(self.grading, self.submitted, self.class_folder, jobs=2)


def make(folder: Path, name: str, learners: int, seed: int, secret: bytes = b"") -> Class:
    """secret: what the secret cases are drawn from; a new one for every run without it."""
    unit = load_unit(ROOT, name)
    truth = make_class(unit, unit.released, learners, folder, seed)
    class_folder = ClassFolder(folder / "class")
    if secret:
        class_folder.path.mkdir()
        (class_folder.path / "seed").write_bytes(secret)
    grading = prepare(unit, class_folder)
    summary = grade_class(grading, folder / "submitted", class_folder, jobs=2)
    return Class(folder, unit, truth, grading, summary)


@pytest.fixture(scope="session")
def sixty(tmp_path_factory):
    """60 learners on unit 01, 20 of them with damaged notebooks. Do not change it.

    Always the same secret cases: with others, an expected number may by chance begin like one that
    a learner's wrong answer gives to a public case, and so stand in a page.
    """
    return make(tmp_path_factory.mktemp("sixty"), "01", 60, seed=11, secret=bytes([5]) * 32)


@pytest.fixture(scope="session")
def six(tmp_path_factory):
    """Six learners on unit 01, to copy."""
    return make(tmp_path_factory.mktemp("six"), "01", 6, seed=3)


@pytest.fixture
def small(six, tmp_path):
    """Six learners of the test's own, graded as they were handed in."""
    shutil.copytree(six.folder, tmp_path, dirs_exist_ok=True)
    return replace(six, folder=tmp_path)


@pytest.fixture
def make_sample():
    return make
