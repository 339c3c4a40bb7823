"""The notebooks made from a unit's source: for nbgrader, for learners, and to execute."""

from __future__ import annotations

import copy
import hashlib
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograde.build.links import badges
from autograde.unit import SourceError, Unit, runs_when_grading

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
STUB = "raise NotImplementedError"


def plain_notebook(unit: Unit) -> NotebookNode:
    """The source as a notebook with stable cell ids, badges filled in, and no outputs."""
    notebook = nbformat.v4.new_notebook()
    taken: set[str] = set()
    for source in unit.notebook.cells:
        cell = copy.deepcopy(source)
        if cell.cell_type == "markdown":
            filled = badges(unit.name.folder, unit.name.name)
            cell.source = cell.source.replace("{badges}", filled)
        cell.id = _cell_id(source, taken)
        cell.metadata = _metadata(source)
        notebook.cells.append(cell)
    notebook.cells += hand_in_cells(unit)
    notebook.metadata = {
        "chainrule": {
            "unit": unit.name.folder,
            "generated": f"by `chainrule build` from solutions/{unit.name.folder}/"
            f"{unit.source.name}; do not edit",
        },
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
    }
    return nbformat.from_dict(notebook)


def hand_in_cells(unit: Unit) -> list[NotebookNode]:
    """The end of every notebook: a button that hands it in."""
    text = (
        "## Hand in\nSave the notebook first (Ctrl-S, on a Mac Cmd-S). Handing in runs nothing; "
        "the file is copied as it is and you get a receipt. You can hand in again."
    )
    code = f'from chainrule.hand_in import hand_in\n\nhand_in("{unit.name.folder}")'
    tagged = {"tags": ["demo"]}
    return [
        nbformat.v4.new_markdown_cell(text, id="markdown-hand-in"),
        nbformat.v4.new_code_cell(code, id="code-hand-in", metadata=tagged),
    ]


def _cell_id(cell: NotebookNode, taken: set[str]) -> str:
    """An id from the cell's name, or from its text: the same source gives the same ids."""
    for kind in ("exercise", "check", "question"):
        if kind in cell.metadata:
            return f"{kind}-{cell.metadata[kind]}"[:64]
    digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
    for length in range(8, 60):
        name = f"{cell.cell_type}-{digest[:length]}"
        if name not in taken:
            break
    taken.add(name)
    return name


def _metadata(cell: NotebookNode) -> dict:
    tags = list(cell.metadata.get("tags", []))
    kept = {
        key: cell.metadata[key] for key in ("exercise", "check", "question") if key in cell.metadata
    }
    if "check" in kept:
        tags.append("nbval-check-output")
    return {**({"tags": tags} if tags else {}), **({"chainrule": kept} if kept else {})}


def nbgrader_notebook(unit: Unit) -> NotebookNode:
    """The solved notebook with nbgrader's metadata: what its source folder holds."""
    notebook = plain_notebook(unit)
    points = {name: e.points for name, e in unit.declaration.exercises.items()}
    points |= {question.name: question.points for question in unit.declaration.questions}
    for cell in notebook.cells:
        named = cell.metadata.get("chainrule", {})
        if "exercise" in named:
            cell.metadata.nbgrader = _grade(named["exercise"], solution=True)
        elif "check" in named:
            name = named["check"]
            cell.metadata.nbgrader = _grade(f"check_{name}", points=points[name], locked=True)
        elif "question" in named:
            name = named["question"]
            cell.metadata.nbgrader = _grade(name, points=points[name], solution=True)
        elif cell.cell_type == "code" and runs_when_grading(cell):
            cell.metadata.nbgrader = _grade(cell.id.replace("-", "_"), locked=True)
    return notebook


def _grade(
    grade_id: str, points: float | None = None, solution: bool = False, locked: bool = False
) -> NotebookNode:
    metadata = {
        "grade": points is not None,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        metadata["points"] = points
    return nbformat.from_dict(metadata)


def generate_assignment(unit: Unit, course: Path, db_url: str | None = None) -> Path:
    """Let nbgrader make the assignment in the nbgrader course folder `course`.

    Writes source/ (only this notebook, so that nothing else of solutions/ can be copied to
    learners) and release/, and puts the assignment in the gradebook. Returns the released
    notebook's path. Raises SourceError when nbgrader refuses.
    """
    source = course / "source" / unit.name.folder
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    nbformat.write(nbgrader_notebook(unit), source / unit.released.name)
    result = nbgrader_api(course, db_url).generate_assignment(unit.name.folder, force=True)
    if not result["success"]:
        said = (result.get("error") or result.get("log") or "").strip().splitlines()
        raise SourceError(
            f"{unit.name.folder}: nbgrader can't make the assignment: {said[-1] if said else '?'}"
        )
    return course / "release" / unit.name.folder / unit.released.name


# Assignments belong to a course, and PostgreSQL insists that it exists. This is the one that
# nbgrader's gradebook makes when it is asked for none.
COURSE = "default_course"


def nbgrader_api(course: Path, db_url: str | None = None) -> Any:
    """nbgrader's own API on a course folder, configured as everywhere in Chainrule."""
    from nbgrader.apps import NbGraderAPI  # slow to import, and workers never need it
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(course.resolve())
    config.CourseDirectory.course_id = COURSE
    if db_url:
        config.CourseDirectory.db_url = db_url
    config.ClearSolutions.code_stub = {"python": STUB}
    config.ClearSolutions.text_stub = "Write your answer here."
    config.Exchange.root = str(course.resolve() / "exchange")
    config.Application.log_level = logging.ERROR
    return NbGraderAPI(config=config)


def released_notebook(unit: Unit) -> str:
    """The text of the notebook that learners open."""
    with tempfile.TemporaryDirectory() as folder:
        path = generate_assignment(unit, Path(folder))
        notebook = nbformat.read(path, as_version=4)
    notebook.metadata = plain_notebook(unit).metadata
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook_text(notebook)


def notebook_text(notebook: NotebookNode) -> str:
    """A notebook's bytes, the same for the same content."""
    return nbformat.writes(notebook, version=4, indent=1, sort_keys=True) + "\n"
