"""A copy of unit 01 that a test may spoil."""

import shutil
from pathlib import Path

import nbformat
import pytest

from autograde.build.execute import Executed
from autograde.build.proofs import Subject
from autograde.unit import Unit, load_unit

ROOT = Path(__file__).resolve().parents[2]


class Copy:
    """Unit 01 on a copy of the clone; `edit` changes its files before they are loaded."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("solutions/01_neuron", "course/01_neuron"):
            shutil.copytree(ROOT / folder, root / folder)
        learner = "course/chainrule"
        shutil.copytree(ROOT / learner, root / learner, ignore=shutil.ignore_patterns("*.npz"))

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.unit.source.with_name(name)
        text = path.read_text("utf-8")
        assert text.count(before) >= 1, f"{before!r} is not in {name}"
        path.write_text(text.replace(before, after, 1), "utf-8")

    @property
    def unit(self) -> Unit:
        return load_unit(self.root, "01")

    @property
    def subject(self) -> Subject:
        solved = nbformat.read(self.unit.solved, as_version=4)
        released = nbformat.read(self.unit.released, as_version=4)
        return Subject(self.unit, released, {}, Executed(solved, 1.0, 100.0))


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)
