"""`nbgrader autograde` and `nbgrader generate_feedback` do their work with our grader."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]
UNIT, NAME = "01_neuron", "neuron"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def nbgrader(*arguments: str, folder: Path, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Run nbgrader's own command; by default in the clone, as an instructor does."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "nbgrader", *arguments]
    command += [f"--course-dir={folder}"] if cwd == ROOT else []
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def hand_in(folder: Path, learner: str, notebook: nbformat.NotebookNode) -> Path:
    path = folder / "submitted" / learner / UNIT / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(notebook_text(notebook))
    return path


@pytest.fixture(scope="module")
def key() -> AnswerKey:
    return AnswerKey(load_unit(ROOT, "01"))


@pytest.fixture(scope="module")
def solved(key: AnswerKey) -> nbformat.NotebookNode:
    """An honest submission in which everything is right."""
    written = {name: Planted(key.solved_cell(name)) for name in key.unit.declaration.exercises}
    questions = [question.name for question in key.unit.declaration.questions]
    return fill_in(nbformat.read(key.unit.released, as_version=4), written, questions)


@pytest.fixture(scope="module")
def course(solved: nbformat.NotebookNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class folder: ada is honest, eve writes outside, finn hands in a pipe, gus a link."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = tmp_path_factory.mktemp("class")
    hand_in(folder, "ada", solved)
    hostile = nbformat.from_dict(solved)
    for cell in hostile.cells:
        if cell.id.startswith("exercise-"):
            target = folder / f"eve-was-here-{cell.id}"
            cell.source = f"open({str(target)!r}, 'w').write('x')\n{cell.source}"
    place = hand_in(folder, "eve", hostile).parent
    (place / "numpy.py").write_text(f"open({str(folder / 'eve-numpy')!r}, 'w')\n")
    (place / "secret").symlink_to("/etc/passwd")
    os.mkfifo(place / "timestamp.txt")
    pipe = folder / "submitted" / "finn" / UNIT
    pipe.mkdir(parents=True)
    os.mkfifo(pipe / f"{NAME}.ipynb")
    (folder / "submitted" / "gus").symlink_to(folder / "submitted" / "ada")
    return folder


@pytest.fixture(scope="module")
def graded(course: Path) -> subprocess.CompletedProcess:
    return nbgrader("autograde", UNIT, folder=course)


def scores(course: Path, learner: str) -> dict[str, float | None]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        notebook = gradebook.find_submission_notebook(NAME, UNIT, learner)
        return {grade.name: grade.auto_score for grade in notebook.grades}


def test_honest_work_has_its_points(key, course, graded):
    points = {f"check_{n}": e.points for n, e in key.unit.declaration.exercises.items()}
    assert scores(course, "ada") == {**points, "why_scale": None}, graded.stderr
    assert (course / "autograded/ada" / UNIT / f"{NAME}.ipynb").is_file()


def test_a_hostile_notebook_wrote_nothing_and_nothing_of_it_was_copied(course, graded):
    assert [path for path in course.iterdir() if path.name.startswith("eve")] == []
    held = [path.name for path in (course / "autograded/eve" / UNIT).iterdir()]
    assert held == [f"{NAME}.ipynb"], graded.stderr
    assert all(not score for score in scores(course, "eve").values())


def test_what_nobody_could_read_is_said_and_nothing_else_is_lost(graded):
    assert graded.returncode == 1
    assert "finn is quarantined" in graded.stderr and "gus is quarantined" in graded.stderr
    assert "Traceback" not in graded.stderr


def test_what_is_graded_is_graded_again_only_by_force(course, graded):
    results = course / "results" / f"{UNIT}.jsonl"
    lines = results.read_text().count("\n")
    skipped = nbgrader("autograde", UNIT, "--student=ada", folder=course)
    assert skipped.returncode == 0, skipped.stderr
    assert results.read_text().count("\n") == lines
    forced = nbgrader("autograde", UNIT, "--student=ada", "--force", "--create", folder=course)
    assert forced.returncode == 0, forced.stderr
    assert results.read_text().count("\n") == lines + 1


def test_in_the_class_folder_itself_nbgrader_is_as_safe(course, graded):
    again = nbgrader("autograde", UNIT, "--student=a*", folder=course, cwd=course)
    assert again.returncode == 0 and "1 graded already" in again.stderr, again.stderr


def test_sandbox_and_budgets_are_settings(course, graded):
    settings = ["--SandboxedAutograde.cell_seconds=7", "--SandboxedAutograde.sandbox=none"]
    done = nbgrader("autograde", UNIT, "--student=ada", *settings, folder=course)
    assert done.returncode == 0 and "1 graded, " in done.stderr, done.stderr
    record = ClassFolder(course).results(load_unit(ROOT, "01")).newest()["ada"]
    assert record.key["sandbox"] == "none" and record.key["limits"].startswith("7 s a cell")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([UNIT, "--no-execute"], "leave the option out"),
        ([UNIT, "--student=nobody"], "was matched"),
        ([UNIT, "--student=zoe", "--Autograde.create_student=False"], "was matched"),
        ([UNIT, "--SandboxedAutograde.sandbox=jail"], "There is no sandbox mode"),
        (["ps1"], "There is no unit"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(course, graded, arguments, said):
    refused = nbgrader("autograde", *arguments, folder=course)
    assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr


def test_feedback_has_the_marks_and_comments_that_a_person_gave(course, graded):
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("why_scale", NAME, UNIT, "ada")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_comment("why_scale", NAME, UNIT, "ada").manual_comment = "Nearly <there>."
        gradebook.db.commit()
    forced = nbgrader("autograde", UNIT, "--student=ada", "--force", folder=course)
    made = nbgrader("generate_feedback", UNIT, folder=course)
    assert forced.returncode == made.returncode == 0, forced.stderr + made.stderr
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_grade("why_scale", NAME, UNIT, "ada").score == 1.5
    page = ClassFolder(course).feedback("ada", load_unit(ROOT, "01")).read_text()
    assert "Nearly &lt;there&gt;." in page and "1.5 of" in page
    assert (course / "feedback/eve" / UNIT / f"{NAME}.html").is_file()
