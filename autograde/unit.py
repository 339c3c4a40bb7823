"""A unit as its author wrote it: the solution notebook and the exercises beside it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from autograde.declare import ExerciseDeclaration, UnitDeclaration, start_unit
from chainrule.errors import UserError
from chainrule.units import UnitName, find_unit, parse_folder


class SourceError(UserError):
    """An author's file is wrong; the message names the unit, the exercise and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=1)


@dataclass(frozen=True)
class Unit:
    """One unit on a clone: `root` is the clone, `name` says which unit."""

    root: Path
    name: UnitName

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker that gets a unit gets its name: nothing that was read from solutions/."""
        return Unit, (self.root, self.name)

    @property
    def source(self) -> Path:
        """solutions/01_neuron/neuron.py"""
        return self.root / "solutions" / self.name.folder / f"{self.name.name}.py"

    @property
    def solved(self) -> Path:
        """solutions/01_neuron/neuron.ipynb"""
        return self.source.with_suffix(".ipynb")

    @property
    def measured(self) -> Path:
        """solutions/01_neuron/measured.json"""
        return self.source.with_name("measured.json")

    @property
    def released(self) -> Path:
        """course/01_neuron/neuron.ipynb"""
        return self.root / "course" / self.name.folder / f"{self.name.name}.ipynb"

    @property
    def package(self) -> Path:
        """course/chainrule/neuron"""
        return self.root / "course" / "chainrule" / self.name.name

    @property
    def answers(self) -> Path:
        """course/chainrule/neuron/answers.json"""
        return self.package / "answers.json"

    @cached_property
    def notebook(self) -> NotebookNode:
        """The source as a notebook; the keys `exercise`, `check`, `question` in cell metadata."""
        try:
            notebook = jupytext.read(self.source, fmt="py:percent")
        except FileNotFoundError:
            raise SourceError(f"Unit {self.name.folder} has no {self.source}. Write it.") from None
        except Exception as error:
            raise SourceError(f"{self.source} can't be read as Jupytext: {error}.") from None
        for cell in notebook.cells:
            cell.source = cell.source.lstrip("\n")  # formatters put blank lines above a class
        return notebook

    @cached_property
    def declaration(self) -> UnitDeclaration:
        """What exercises.py declares."""
        path = self.source.with_name("exercises.py")
        declared = start_unit()
        module_name = f"solutions_{self.name.folder}"
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise SourceError(f"Unit {self.name.folder} has no {path}. Write it.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise SourceError(f"{path} fails: {type(error).__name__}: {error}.") from error
        self._agree(declared)
        return declared

    def _agree(self, declared: UnitDeclaration) -> None:
        """Every exercise has its solution cell and its check cell, and the other way round."""
        for kind, names in (
            ("exercise", list(declared.exercises)),
            ("check", list(declared.exercises)),
            ("question", [question.name for question in declared.questions]),
        ):
            written = [c.metadata[kind] for c in self.notebook.cells if kind in c.metadata]
            for name in names:
                if written.count(name) != 1:
                    raise SourceError(
                        f"{self.name.folder}: {name} has {written.count(name)} cells marked "
                        f'{kind}="{name}" in {self.source.name}; it needs exactly one.'
                    )
            for name in written:
                if name not in names:
                    raise SourceError(
                        f'{self.name.folder}: {self.source.name} has a cell {kind}="{name}" that '
                        "exercises.py does not declare. Declare it or rename the cell."
                    )

    def exercise(self, name: str) -> ExerciseDeclaration:
        return self.declaration.exercises[name]

    def solution_cell(self, exercise: str) -> str:
        """The text of an exercise's cell, solved."""
        for cell in self.notebook.cells:
            if cell.metadata.get("exercise") == exercise:
                return cell.source
        raise SourceError(f"{self.name.folder}: no cell is marked exercise={exercise!r}.")

    def graded_cells(self, replace: dict[str, str] | None = None) -> list[str]:
        """The code that runs when grading, in order, with some exercises' cells replaced.

        Setup, demo and check cells are left out.
        """
        replace = replace or {}
        cells = []
        for cell in self.notebook.cells:
            if (
                cell.cell_type == "code"
                and runs_when_grading(cell)
                and "check" not in cell.metadata
            ):
                cells.append(replace.get(cell.metadata.get("exercise"), cell.source))
        return cells


def runs_when_grading(cell: NotebookNode) -> bool:
    """Whether a code cell of the source is neither the setup cell nor a demo."""
    return not {"setup", "demo"} & set(cell.metadata.get("tags", []))


def find_root(start: Path | None = None) -> Path:
    """The clone around `start` (default: the current folder).

    Raises UserError when there is none: the answer key is solutions/, which no wheel carries.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "solutions").is_dir() and (folder / "course").is_dir():
            return folder
    raise UserError(
        f"{start} is not inside a clone of Chainrule (a folder with course/ and solutions/). "
        "Go to your clone, or name it with --root."
    )


def all_units(root: Path) -> list[Unit]:
    """Every unit that has a source on this clone, in order."""
    names = [parse_folder(path.name) for path in (root / "solutions").iterdir() if path.is_dir()]
    return [Unit(root, name) for name in sorted(name for name in names if name)]


def load_unit(root: Path, text: str) -> Unit:
    """The unit called `text` on this clone. Raises UserError naming the nearest."""
    return Unit(root, find_unit(text, [unit.name for unit in all_units(root)]))
