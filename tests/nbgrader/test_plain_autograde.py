"""nbgrader without our grader: it knows the assignment, and honest work earns the same from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import generate_assignment, nbgrader_api, notebook_text
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grade import grade_class
from autograde.cohort.prepare import prepare
from autograde.cohort.sample import ANSWER, fill_in, stub
from autograde.cohort.truth import Planted, true_scores
from autograde.unit import Unit, all_units, load_unit

ROOT = Path(__file__).resolve().parents[2]
UNITS = [unit.name.folder for unit in all_units(ROOT)]
SECONDS = 280  # for one nbgrader command, which runs three notebooks one after the other


def nbgrader(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run nbgrader's own command in a course folder, with nobody's settings but its defaults."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "nbgrader", *arguments, f"--Execute.timeout={SECONDS}"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def neuron() -> Unit:
    return load_unit(ROOT, "01")


@pytest.fixture(scope="module")
def key(neuron: Unit) -> AnswerKey:
    return AnswerKey(neuron)


def right(key: AnswerKey) -> dict[str, Planted]:
    return {name: Planted(key.solved_cell(name)) for name in key.unit.declaration.exercises}


def several_mistakes(key: AnswerKey) -> dict[str, Planted]:
    """In each exercise a declared mistake that earns part of the points, where there is one; and
    one that earns nothing in nudge, which blocks train_neuron."""
    written = right(key)
    for name, declared in key.unit.declaration.exercises.items():
        for mistake in declared.mistakes:
            planted = Planted(key.cell_of(name, mistake), mistake=mistake.says)
            scores = true_scores(key, "bob", right(key) | {name: planted})
            (score,) = [row.score for row in scores if row.exercise == name]
            if (score == 0) if name == "nudge" else (name != "train_neuron" and 0 < score):
                written[name] = planted
                break
    return written


@pytest.fixture(scope="module")
def course(neuron: Unit, key: AnswerKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An nbgrader course folder with what three honest learners handed in."""
    folder = tmp_path_factory.mktemp("plain")
    release = nbformat.read(generate_assignment(neuron, folder), as_version=4)
    for learner, planted in {"ada": right(key), "bob": several_mistakes(key), "cyd": {}}.items():
        notebook = fill_in(release, planted, ["why_scale"] if planted else [])
        path = folder / "submitted" / learner / neuron.name.folder / neuron.released.name
        path.parent.mkdir(parents=True)
        path.write_text(notebook_text(notebook), encoding="utf-8")
    assert not (folder / "nbgrader_config.py").exists()  # it would put our grader in its place
    return folder


def scores(db_url: str, unit: Unit) -> dict[tuple[str, str], tuple]:
    """What a gradebook says of each graded cell, and whether a person is asked to look."""
    with Gradebook(db_url) as gradebook:
        return {
            (submission.student.id, grade.name): (
                grade.auto_score,
                grade.max_score,
                bool(grade.needs_manual_grade),
            )
            for submission in gradebook.assignment_submissions(unit.name.folder)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_plain_nbgrader_gives_honest_work_the_scores_that_our_grader_gives(
    course, neuron, key, tmp_path
):
    ours = ClassFolder(tmp_path / "ours")
    summary = grade_class(prepare(neuron, ours), course / "submitted", ours, jobs=1)
    assert (summary.graded, summary.repaired) == (3, 0)
    done = nbgrader(course, "autograde", neuron.name.folder)
    assert done.returncode == 0, done.stderr[-3000:]

    given = scores(ours.gradebook_url, neuron)
    assert scores(ClassFolder(course).gradebook_url, neuron) == given

    exercises = neuron.declaration.exercises
    for learner, planted in {"ada": right(key), "bob": several_mistakes(key)}.items():
        truth = {row.exercise: row.score for row in true_scores(key, learner, planted)}
        assert {name: given[learner, f"check_{name}"][0] for name in exercises} == truth
    shares = {given["bob", f"check_{name}"][0] / e.points for name, e in exercises.items()}
    assert min(shares) == 0 and len(shares) >= 4  # different parts of the points, and nothing
    for name, declared in exercises.items():
        assert given["cyd", f"check_{name}"] == (0, declared.points, False)
    waits, unanswered = (None, 2, True), (0, 2, False)
    assert [given[who, "why_scale"] for who in ("ada", "bob", "cyd")] == [waits, waits, unanswered]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nbgrader_validate_tells_a_solved_notebook_from_an_untouched_one(course, neuron):
    folder = f"submitted/{{}}/{neuron.name.folder}/{neuron.released.name}"
    done = nbgrader(course, "validate", folder.format("ada"))
    assert "Success! Your notebook passes all the tests." in done.stdout, done.stderr[-3000:]

    done = nbgrader(course, "validate", folder.format("cyd"))
    assert "VALIDATION FAILED ON 8 CELL(S)!" in done.stdout, done.stderr[-3000:]
    for name in neuron.declaration.exercises:
        assert f"{name} is not written yet." in done.stdout


@pytest.fixture(scope="module", params=UNITS)
def assignment(request, tmp_path_factory) -> tuple[Unit, Path]:
    """A unit, and a course folder in which nbgrader has made its assignment."""
    unit, folder = load_unit(ROOT, request.param), tmp_path_factory.mktemp("assignment")
    generate_assignment(unit, folder)
    return unit, folder


def test_the_gradebook_knows_each_cell_and_its_points(assignment):
    unit, folder = assignment
    points = {f"check_{name}": e.points for name, e in unit.declaration.exercises.items()}
    points |= {question.name: question.points for question in unit.declaration.questions}
    with Gradebook(ClassFolder(folder).gradebook_url) as gradebook:
        (notebook,) = gradebook.find_assignment(unit.name.folder).notebooks
        assert notebook.name == unit.name.name
        assert {cell.name: cell.max_score for cell in notebook.grade_cells} == points
        assert {cell.name for cell in notebook.solution_cells} == {
            *unit.declaration.exercises,
            *(question.name for question in unit.declaration.questions),
        }


def test_formgrader_shows_the_assignment_with_its_points(assignment):
    unit, folder = assignment
    shown = nbgrader_api(folder).get_assignment(unit.name.folder)
    assert (shown["name"], shown["max_score"]) == (unit.name.folder, 20)
    assert shown["source_path"] and shown["release_path"] and shown["num_submissions"] == 0


def test_the_source_folder_holds_one_notebook_and_nothing_that_could_leak(assignment):
    unit, folder = assignment
    for part in ("source", "release"):
        files = [path for path in (folder / part).rglob("*") if path.is_file()]
        assert files == [folder / part / unit.name.folder / unit.released.name]


def test_the_release_holds_no_solution(assignment):
    unit, folder = assignment
    text = (folder / "release" / unit.name.folder / unit.released.name).read_text("utf-8")
    assert "BEGIN SOLUTION" not in text and "END SOLUTION" not in text
    cells = nbformat.reads(text, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
    named = {
        (kind, name): cell.source
        for cell in cells
        for kind, name in cell.metadata.get("chainrule", {}).items()
    }
    for name in unit.declaration.exercises:
        assert named["exercise", name] == stub(unit, name)
    for question in unit.declaration.questions:
        assert named["question", question.name] == "Write your answer here."
        assert ANSWER not in text
