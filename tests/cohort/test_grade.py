"""Grading: what is done again, what is refused, and what one bad submission can't do to others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograde.cohort.grade import grade_class
from autograde.cohort.prepare import prepare
from autograde.cohort.results import one_at_a_time
from autograde.cohort.sample import make_class
from chainrule.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def newest(klass):
    return klass.class_folder.results(klass.unit).newest()


def test_grading_again_grades_nothing_and_changes_nothing(small):
    before = small.class_folder.results(small.unit).path.read_bytes()
    again = small.grade_again()
    assert (again.graded, again.skipped) == (0, 6)
    assert small.class_folder.results(small.unit).path.read_bytes() == before


def test_only_a_changed_submission_is_graded_again(small):
    path = next(small.submitted.glob("learner01/*/*.ipynb"))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("chainrule", {}).get("exercise") == "step":
            cell.source = "def step(z):\n    return None"
    nbformat.write(notebook, path)
    again = small.grade_again()
    assert (again.graded, again.skipped) == (1, 5)
    step = next(r for r in newest(small)["learner01"].exercises if r.exercise == "step")
    assert step.score == 0 and "None" in step.cases[0].message


def test_a_learner_without_a_submission_is_missing_with_score_0(small):
    (small.submitted / "zoe").mkdir()
    small.grade_again()
    record = newest(small)["zoe"]
    assert record.status == "missing"
    assert {(r.score, r.status) for r in record.exercises} == {(0, "missing")}


def test_a_damaged_seed_stops_grading_before_anyone_is_graded_unfairly(small):
    (small.folder / "class" / "seed").write_bytes(b"short")
    with pytest.raises(UserError, match="is damaged: it holds 5 bytes"):
        prepare(small.unit, small.class_folder)


def test_the_seed_is_readable_by_its_owner_only(small):
    assert (small.folder / "class" / "seed").stat().st_mode & 0o777 == 0o600


def test_two_coordinators_do_not_grade_one_class_at_once(small):
    with one_at_a_time(small.class_folder.path):
        with pytest.raises(UserError, match="Another chainrule command is grading"):
            small.grade_again()


def test_a_folder_without_submissions_says_what_is_accepted(small, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="LEARNER.ipynb"):
        grade_class(small.grading, tmp_path / "empty", small.class_folder, jobs=1)


def test_a_line_that_a_crash_cut_off_is_no_result_and_the_next_one_is_whole(small):
    results = small.class_folder.results(small.unit)
    record = newest(small)["learner01"]
    with results.path.open("ab") as file:
        file.write(b'{"learner": "learner99", "unit": "01_ne')
    results.append(record)
    assert "learner99" not in results.newest()
    assert results.damaged == 1
    assert list(results.all())[-1] == record


def test_the_gradebook_is_rebuilt_from_the_results(small):
    (small.folder / "class" / "gradebook.db").unlink()
    shutil.rmtree(small.folder / "class" / "release")
    small.grading = prepare(small.unit, small.class_folder)
    small.grade_again()
    from autograde.cohort.gradebook import GradebookProjection

    with GradebookProjection(small.class_folder, small.unit) as gradebook:
        known = {s.student.id for s in gradebook.gradebook.assignment_submissions("01_neuron")}
    graded = {name for name, record in newest(small).items() if record.status == "graded"}
    assert known == graded


# --- the command line, as an instructor types it ------------------------------------------------


def chainrule(*arguments, cwd=ROOT):
    command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture
def sample(tmp_path):
    from autograde.unit import load_unit

    unit = load_unit(ROOT, "01")
    make_class(unit, unit.released, 3, tmp_path, 1)
    return tmp_path


def test_grade_export_and_report_from_the_command_line(sample):
    done = chainrule(
        "grade", "01", "--submissions", sample / "submitted", "--class", sample / "c", "--json"
    )
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert set(line) == {"graded", "repaired", "quarantined", "ungraded", "skipped", "seconds"}
    assert line["graded"] == 3 and "3 of 3" in done.stderr
    table = chainrule("export", "neuron", "--class", sample / "c").stdout
    assert table.startswith("learner,exercise,score,max_score,status,mistake\n")
    made = chainrule("report", "01_neuron", "--class", sample / "c", "--out", sample / "r.html")
    assert made.returncode == 0 and "<html" in (sample / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grade", "neurone", "--submissions", "x"], "Did you mean neuron?"),
        (["grade", "01", "--submissions", "nowhere"], "There is no nowhere"),
        (["export", "01", "--class", "nowhere"], "Nobody is graded"),
        (["export", "01", "--class", "nowhere", "--format", "xls"], "csv, canvas, moodle"),
        (["report", "01", "--class", "nowhere"], "First run: chainrule grade 01"),
        (["cohort", "01", "--learners", "0", "--out", "nowhere"], "at least one learner"),
        (["build", "99"], "There is no unit called '99'"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_code_2(arguments, words):
    done = chainrule(*arguments)
    assert done.returncode == 2
    assert words in done.stderr and "Traceback" not in done.stderr + done.stdout
    assert not (ROOT / "nowhere").exists()


def test_away_from_a_clone_the_answer_key_is_asked_for(tmp_path):
    done = chainrule("cohort", "01", "--out", tmp_path / "x", cwd=tmp_path)
    assert done.returncode == 2 and "--root" in done.stderr


def test_without_bubblewrap_grading_refuses_with_exit_code_3(sample, monkeypatch):
    hidden = """
import shutil
found = shutil.which
shutil.which = lambda name, *a, **k: None if name == "bwrap" else found(name, *a, **k)
"""
    (sample / "sitecustomize.py").write_text(hidden)
    environment = {**os.environ, "PYTHONPATH": str(sample)}
    command = [sys.executable, "-m", "chainrule", "grade", "01", "--submissions"]
    command += [str(sample / "submitted"), "--class", str(sample / "c")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    assert "apt-get install bubblewrap" in done.stderr and "Traceback" not in done.stderr
    assert not list((sample / "c").glob("results/*"))


@pytest.mark.parametrize("command", ["build", "handout", "cohort", "grade", "report", "export"])
def test_every_command_has_help_with_an_example(command):
    done = chainrule(command, "--help")
    assert done.returncode == 0 and f"Example: chainrule {command}" in done.stdout
