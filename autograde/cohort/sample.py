"""A sample class with known answers: right, wrong and damaged notebooks, and their true scores."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import STUB, notebook_text
from autograde.cohort.truth import Planted, Truth, true_scores, write_truth
from autograde.declare import ExerciseDeclaration
from autograde.unit import Unit
from chainrule.errors import UserError

SKILLS = (0.95, 0.95, 0.8, 0.8, 0.6, 0.3)  # how likely a learner's next exercise is right
ANSWER = "The inputs share one scale, so one learning rate suits all of the weights."


@dataclass(frozen=True)
class Damage:
    """What happened to a notebook on its way. `grade` False: it can't be read any more."""

    name: str
    apply: Callable[[NotebookNode, random.Random], str | bytes]
    gradable: bool = True


def make_class(unit: Unit, release: Path, learners: int, folder: Path, seed: int) -> list[Truth]:
    """Write folder/submitted/<learner>/<unit>/<name>.ipynb and folder/truth.csv.

    Returns the rows of truth.csv. Raises UserError when the folder already holds a class.
    """
    if learners < 1:
        raise UserError(f"A class needs at least one learner; {learners} were asked for.")
    if (folder / "submitted").exists():
        raise UserError(f"{folder} already holds a class. Name another folder with --out.")
    key, rng = AnswerKey(unit), random.Random(seed)
    notebook = nbformat.read(release, as_version=4)
    digits = max(2, len(str(learners)))
    rows: list[Truth] = []
    for number in range(1, learners + 1):
        learner = f"learner{number:0{digits}}"
        damage = _damage_for(number, rng)
        planted = {
            name: plant(key, declared, rng) for name, declared in unit.declaration.exercises.items()
        }
        answered = {question.name: rng.random() < 0.8 for question in unit.declaration.questions}
        written = fill_in(notebook, planted, [name for name, done in answered.items() if done])
        path = folder / "submitted" / learner / unit.name.folder / unit.released.name
        path.parent.mkdir(parents=True)
        content = damage.apply(written, rng) if damage else notebook_text(written)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if damage and not damage.gradable:
            rows += _rows_for_all(unit, learner)
            continue
        rows += true_scores(key, learner, planted)
        rows += [
            Truth(learner, q.name, None, q.points, "ungraded")
            if answered[q.name]
            else Truth(learner, q.name, 0, q.points, "missing")
            for q in unit.declaration.questions
        ]
    write_truth(folder / "truth.csv", rows)
    return rows


def _rows_for_all(unit: Unit, learner: str) -> list[Truth]:
    points = {name: e.points for name, e in unit.declaration.exercises.items()}
    points |= {question.name: question.points for question in unit.declaration.questions}
    return [Truth(learner, name, None, most, "quarantined") for name, most in points.items()]


def plant(key: AnswerKey, declared: ExerciseDeclaration, rng: random.Random) -> Planted:
    """What one sample learner writes for one exercise."""
    solved = key.solved_cell(declared.name)
    if rng.random() < rng.choice(SKILLS):
        others = [key.cell_of(declared.name, variant) for variant in declared.alternatives]
        right = [solved, *others]
        return Planted(rng.choice(right))
    if rng.random() < 0.25:
        return Planted(stub(key.unit, declared.name), stub=True)
    mistake = rng.choice(declared.mistakes)
    return Planted(key.cell_of(declared.name, mistake), mistake=mistake.says)


def stub(unit: Unit, exercise: str) -> str:
    """The exercise's cell as it is released: the solution's lines are one raise."""
    lines, inside = [], False
    for line in unit.solution_cell(exercise).splitlines():
        if line.strip() == "### BEGIN SOLUTION":
            lines.append(line[: len(line) - len(line.lstrip())] + STUB)
            inside = True
        elif line.strip() == "### END SOLUTION":
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def fill_in(
    release: NotebookNode, planted: dict[str, Planted], answered: Sequence[str]
) -> NotebookNode:
    """The released notebook with a learner's cells written into it."""
    notebook = copy.deepcopy(release)
    for cell in notebook.cells:
        named = cell.metadata.get("chainrule", {})
        if named.get("exercise") in planted:
            cell.source = planted[named["exercise"]].source
        elif named.get("question") in answered:
            cell.source = ANSWER
    return notebook


# --- what happens to notebooks on their way ----------------------------------------------------


def _damage_for(number: int, rng: random.Random) -> Damage | None:
    """Every third notebook is damaged, each kind in turn, so that a class of 60 meets them all."""
    if number % 3:
        return None
    return DAMAGES[(number // 3 - 1) % len(DAMAGES)]


def _pick(notebook: NotebookNode, kind: str, rng: random.Random) -> int:
    places = [i for i, c in enumerate(notebook.cells) if kind in c.metadata.get("chainrule", {})]
    return rng.choice(places)


def duplicated_cell(notebook: NotebookNode, rng: random.Random) -> str:
    place = _pick(notebook, "exercise", rng)
    notebook.cells.insert(place + 1, copy.deepcopy(notebook.cells[place]))
    return json.dumps(notebook)


def deleted_check(notebook: NotebookNode, rng: random.Random) -> str:
    del notebook.cells[_pick(notebook, "check", rng)]
    return json.dumps(notebook)


def edited_check(notebook: NotebookNode, rng: random.Random) -> str:
    notebook.cells[_pick(notebook, "check", rng)].source = "20"
    return json.dumps(notebook)


def lost_metadata(notebook: NotebookNode, rng: random.Random) -> str:
    """As after a round trip through a tool that keeps only the cells' text."""
    notebook.metadata = {}
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = f"c{number}"
    return json.dumps(notebook)


def old_format(notebook: NotebookNode, rng: random.Random) -> str:
    return nbformat.writes(nbformat.convert(notebook, 3), version=3)


def byte_order_mark(notebook: NotebookNode, rng: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + notebook_text(notebook).encode()


def added_cells(notebook: NotebookNode, rng: random.Random) -> str:
    notebook.cells.insert(3, nbformat.v4.new_code_cell("1 / 0"))
    notebook.cells.append(nbformat.v4.new_code_cell("print('done')"))
    return json.dumps(notebook)


def reordered_cells(notebook: NotebookNode, rng: random.Random) -> str:
    place = _pick(notebook, "check", rng)
    notebook.cells.insert(0, notebook.cells.pop(place))
    return json.dumps(notebook)


def not_json(notebook: NotebookNode, rng: random.Random) -> str:
    return notebook_text(notebook)[:500]


def empty_file(notebook: NotebookNode, rng: random.Random) -> str:
    return ""


DAMAGES = (
    Damage("duplicated cell", duplicated_cell),
    Damage("deleted check", deleted_check),
    Damage("lost metadata", lost_metadata),
    Damage("not JSON", not_json, gradable=False),
    Damage("edited check", edited_check),
    Damage("old format", old_format),
    Damage("byte order mark", byte_order_mark),
    Damage("added cells", added_cells),
    Damage("empty file", empty_file, gradable=False),
    Damage("reordered cells", reordered_cells),
)
