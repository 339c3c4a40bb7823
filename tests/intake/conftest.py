"""A small release with two exercises, a given cell, a demo and a question, and ways to edit it."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograde.intake import take_in
from chainrule.answers import Answers, Draw, Exercise, Question
from chainrule.compare import Close
from chainrule.units import UnitName

UNIT = UnitName("01", "neuron")


def _nbgrader(grade_id, **flags):
    metadata = {"grade": False, "locked": False, "solution": False, "task": False}
    return {**metadata, "grade_id": grade_id, "schema_version": 3, **flags}


def _exercise(name, source):
    metadata = {"chainrule": {"exercise": name}, "nbgrader": _nbgrader(name, solution=True)}
    return new_code_cell(source, id=f"exercise-{name}", metadata=metadata)


def _check(name, source):
    nbgrader = _nbgrader(f"check_{name}", grade=True, locked=True, points=2)
    metadata = {"chainrule": {"check": name}, "nbgrader": nbgrader}
    return new_code_cell(source, id=f"check-{name}", metadata=metadata)


def make_release():
    question = {
        "chainrule": {"question": "why"},
        "nbgrader": _nbgrader("why", grade=True, solution=True, points=2),
    }
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# 01 · A neuron", id="markdown-title"),
            new_code_cell("# Setup\nimport sys", id="code-setup", metadata={"tags": ["setup"]}),
            new_code_cell(
                "import numpy as np\nfrom chainrule.neuron import check",
                id="code-given",
                metadata={"nbgrader": _nbgrader("code_given", locked=True)},
            ),
            _exercise("sigmoid", "def sigmoid(z):\n    raise NotImplementedError"),
            _check("sigmoid", "check.sigmoid(sigmoid)"),
            new_markdown_cell("Now the layer.", id="markdown-layer"),
            new_code_cell("curve = sigmoid(1)", id="code-demo", metadata={"tags": ["demo"]}),
            _exercise(
                "layer",
                "def layer(x):\n    raise NotImplementedError\n\n\n"
                "def layer_backward(g):\n    raise NotImplementedError",
            ),
            _check("layer", "check.layer(layer, layer_backward)"),
            new_markdown_cell("Why scale?", id="markdown-why"),
            new_markdown_cell("Write your answer here.", id="question-why", metadata=question),
        ]
    )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"chainrule": {"unit": UNIT.folder}, "kernelspec": kernel}
    return nbformat.from_dict(notebook)


def make_answers():
    def exercise(name, symbols):
        return Exercise(name, 2, symbols, Close(), [], [], "", "1", Draw([]))

    exercises = {
        "sigmoid": exercise("sigmoid", ["sigmoid"]),
        "layer": exercise("layer", ["layer", "layer_backward"]),
    }
    return Answers(UNIT, "A neuron", exercises, [Question("why", 2)])


@dataclass
class Desk:
    """A learner's copy of the release, to be edited and handed in.

    desk["exercise-sigmoid"] is a cell by its released id, `place` its position.
    """

    release: nbformat.NotebookNode = field(default_factory=make_release)
    answers: Answers = field(default_factory=make_answers)

    def __post_init__(self):
        self.notebook = copy.deepcopy(self.release)

    @property
    def cells(self):
        return self.notebook.cells

    def __getitem__(self, cell_id):
        return self.cells[self.place(cell_id)]

    def place(self, cell_id):
        return next(i for i, cell in enumerate(self.cells) if cell.id == cell_id)

    def write(self, cell_id, source):
        self[cell_id].source = source
        return self

    def delete(self, cell_id):
        del self.cells[self.place(cell_id)]
        return self

    def add(self, source, after, markdown=False):
        new = new_markdown_cell if markdown else new_code_cell
        self.cells.insert(self.place(after) + 1, new(source))
        return self

    def duplicate(self, cell_id, source=None):
        cell = copy.deepcopy(self[cell_id])
        cell.id, cell.source = f"copy{len(self.cells)}", source or cell.source
        self.cells.insert(self.place(cell_id) + 1, cell)
        return self

    def forget_metadata(self):
        self.notebook.metadata = {}
        for number, cell in enumerate(self.cells):
            cell.metadata, cell.id = {}, f"c{number}"
        return self

    def text(self):
        return json.dumps(self.notebook)

    def hand_in(self, data=None):
        """Take the notebook in. The result says by cell id what stands and runs where."""
        data = self.text() if data is None else data
        taken = take_in(
            data if isinstance(data, bytes) else data.encode(), self.release, self.answers
        )
        nbformat.validate(taken.notebook)
        return SimpleNamespace(
            taken=taken,
            notebook=taken.notebook,
            repairs=taken.repairs,
            answered=taken.answered,
            ids=[cell.id for cell in taken.notebook.cells],
            source={cell.id: cell.source for cell in taken.notebook.cells},
            runs={cell.id: cell.source for cell in taken.cells},
            checks=[(cell.exercise, cell.symbols) for cell in taken.cells if cell.exercise],
        )


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def unit():
    return UNIT


@pytest.fixture
def class_folder(tmp_path):
    """Writes files into a class folder: class_folder({"ada/01_neuron/neuron.ipynb": "{}"})."""

    def write(files: dict[str, str | bytes], folder: str = "submitted") -> Path:
        root = tmp_path / folder
        root.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write
