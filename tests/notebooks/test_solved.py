"""The executed solutions that `pytest --nbval-lax solutions` compares: there is much to compare.

With --nbval-lax a cell's output is compared only where the cell is marked for it; a mark that got
lost, or one on a cell without output, would make that run pass without looking.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from autograde.unit import Unit, all_units

ROOT = Path(__file__).resolve().parents[2]
MARK = "nbval-check-output"
UNITS = [unit for unit in all_units(ROOT) if unit.solved.exists()]


@pytest.fixture(params=UNITS, ids=lambda unit: unit.name.folder)
def unit(request) -> Unit:
    return request.param


@pytest.fixture
def solved(unit: Unit) -> NotebookNode:
    return nbformat.read(unit.solved, as_version=4)


def marked(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if MARK in cell.metadata.get("tags", [])]


def texts(cell: NotebookNode) -> str:
    """All that a cell printed or showed as text."""
    found = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
    return "".join(found)


def test_every_check_is_marked_and_its_stored_output_says_that_it_is_right(unit, solved):
    checks = [c for c in marked(solved) if "check" in c.metadata.get("chainrule", {})]
    assert [c.metadata.chainrule.check for c in checks] == list(unit.declaration.exercises)
    for cell in checks:
        name = cell.metadata.chainrule.check
        points = unit.exercise(name).points
        assert f"{name} is right: {points:g} of {points:g} points." in texts(cell)


def test_every_marked_cell_has_a_stored_output(solved):
    assert [cell.source for cell in marked(solved) if not texts(cell).strip()] == []


def test_more_than_the_checks_is_compared(solved):
    """The numbers that the text around them speaks of."""
    assert any("check" not in cell.metadata.get("chainrule", {}) for cell in marked(solved))


def test_no_stored_output_is_an_error_or_a_complaint(solved):
    outputs = [output for cell in solved.cells for output in cell.get("outputs", [])]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []


def change_a_word(cell: NotebookNode) -> None:
    """Another text in what a cell stored, as if the course said something else now."""
    output = cell.outputs[0]
    if "text" in output:
        output.text = "Something else.\n" + output.text
    else:
        output.data["text/plain"] = "Something else. " + output.data["text/plain"]


def run_nbval(notebook: NotebookNode, folder: Path) -> str:
    """What nbval says of a notebook, with its output short and nobody's settings."""
    nbformat.write(notebook, folder / "copy.ipynb")
    (folder / "none.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rN", "--nbval-lax", "-c", "none.ini"]
    command += ["-p", "no:cacheprovider", "copy.ipynb"]  # -rN: each failure is shown once
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_nbval_notices_stored_outputs_that_are_no_longer_what_the_cells_say(tmp_path):
    """A check's and a printing cell's; that it finds nothing else is what `make test` shows."""
    (neuron,) = [unit for unit in UNITS if unit.name.number == "01"]
    notebook = nbformat.read(neuron.solved, as_version=4)
    check, *_ = marked(notebook)
    printing = next(cell for cell in marked(notebook) if cell.outputs[0].output_type == "stream")
    del notebook.cells[notebook.cells.index(printing) + 1 :]
    for cell in (check, printing):
        change_a_word(cell)
    said = run_nbval(notebook, tmp_path)
    assert "2 failed" in said and "passed" in said, said
    assert said.count("Something else.") == 2, said
