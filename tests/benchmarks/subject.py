"""What is measured: a notebook of 25 cells with six exercises on torch, and classes of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import chainrule
from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text, plain_notebook, released_notebook
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grading import Grading
from autograde.cohort.prepare import prepare
from autograde.unit import Unit, load_unit

FOLDER, NAME = "90_bench", "bench"
TRAINING_SECONDS = 8


@dataclass(frozen=True)
class Subject:
    """The benchmark's unit on a clone of its own below `folder`."""

    folder: Path
    unit: Unit

    def solved(self, training: bool) -> NotebookNode:
        """A learner's notebook with everything right, with or without a cell that trains."""
        notebook = nbformat.read(self.unit.released, as_version=4)
        answers = {
            cell.metadata["exercise"]: cell.source
            for cell in self.unit.notebook.cells
            if "exercise" in cell.metadata
        }
        for cell in notebook.cells:
            exercise = cell.metadata.get("chainrule", {}).get("exercise")
            if exercise:
                cell.source = answers[exercise]
        if training:
            cell = nbformat.v4.new_code_cell(TRAINING, id="training", metadata={"tags": ["demo"]})
            notebook.cells.append(cell)
        return notebook

    def write_class(self, submitted: Path, learners: int, training: bool = False) -> None:
        """`learners` submissions, no two of the same bytes."""
        notebook = self.solved(training)
        for number in range(learners):
            notebook.metadata["learner"] = number
            path = submitted / f"learner{number:05}" / FOLDER / f"{NAME}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(notebook_text(notebook), "utf-8")

    def prepare(self, name: str) -> tuple[Grading, ClassFolder]:
        class_folder = ClassFolder(self.folder / name)
        return prepare(self.unit, class_folder), class_folder

    def key(self) -> AnswerKey:
        return AnswerKey(self.unit)


TRAINING = f"""import time

ends = time.monotonic() + {TRAINING_SECONDS}
layer = torch.nn.Linear(64, 64)
steps = torch.optim.SGD(layer.parameters(), lr=0.01)
while time.monotonic() < ends:
    steps.zero_grad()
    layer(torch.ones(32, 64)).square().mean().backward()
    steps.step()
"""


def make_subject(folder: Path) -> Subject:
    source = Path(__file__).with_name("unit")
    root = folder / "clone"
    shutil.copytree(source, root / "solutions" / FOLDER)
    unit = load_unit(root, NAME)
    unit.released.parent.mkdir(parents=True)
    unit.released.write_text(released_notebook(unit), "utf-8")
    unit.solved.write_text(json.dumps(plain_notebook(unit)), "utf-8")
    unit.package.mkdir(parents=True)
    (unit.package / "__init__.py").write_text("")  # it needs no probes of its own
    chainrule.__path__.append(str(unit.package.parent))
    return Subject(folder, unit)
