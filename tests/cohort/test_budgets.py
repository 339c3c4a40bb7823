"""Budgets: who sets them, what the report says, and that what was earned before one stays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.prepare import limits_of
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.declare import start_unit, unit
from autograde.report.class_report import class_report_html
from autograde.sandbox import Limits
from autograde.unit import load_unit
from chainrule.answers import read_answers

ROOT = Path(__file__).resolve().parents[2]


def declared(limits):
    declaration = start_unit()
    unit(title="A unit", limits=limits)
    return SimpleNamespace(declaration=declaration)


def test_the_command_line_wins_over_the_unit_and_the_unit_over_the_usual():
    ours = declared({"cell_seconds": 20, "memory_mb": 3000})
    assert limits_of(declared(None)) == Limits()
    assert limits_of(ours) == Limits(cell_seconds=20, memory_mb=3000)
    assert limits_of(ours, cell_seconds=7, submission_seconds=None, memory_mb=None) == Limits(
        cell_seconds=7, memory_mb=3000
    )


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"cell_secs": 20}, "there is no limit 'cell_secs'; there are cell_seconds, case_seconds"),
        ({"cell_seconds": 0}, "cell_seconds is 0; it must be more than 0"),
        ({"memory_mb": 100}, "memory_mb is 100; it must be more than 255"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(limits, said):
    with pytest.raises(ValueError, match=said):
        declared(limits)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """One learner, all right, but the cell of `sigmoid` never ends; graded with a second a cell."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = tmp_path_factory.mktemp("budgets")
    key = AnswerKey(load_unit(ROOT, "01"))
    cells = {name: Planted(key.solved_cell(name)) for name in key.unit.declaration.exercises}
    cells["sigmoid"] = Planted("while True:\n    pass\n")
    release = nbformat.read(key.unit.released, as_version=4)
    (folder / "in").mkdir()
    (folder / "in" / "ada.ipynb").write_text(notebook_text(fill_in(release, cells, [])))
    line = ["grade", "01", "--submissions", folder / "in", "--class", folder / "class"]
    line += ["--cell-seconds", 1, "--submission-seconds", 50, "--memory", 1024]
    command = [sys.executable, "-m", "chainrule", *map(str, line)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0 and "1 graded" in done.stdout, done.stderr
    assert "sandbox bwrap" in done.stdout
    return ClassFolder(folder / "class"), key.unit


def test_what_was_earned_before_a_limit_stays(graded):
    folder, neuron = graded
    record = folder.results(neuron).newest()["ada"]
    scores = {result.exercise: result.score for result in record.exercises}
    exercises = list(neuron.declaration.exercises.values())
    place = [exercise.name for exercise in exercises].index("sigmoid")
    assert place > 0 and scores["sigmoid"] == 0
    for exercise in exercises[:place]:
        assert scores[exercise.name] == exercise.points
    assert any(scores[exercise.name] for exercise in exercises[place + 1 :])  # the rest was run


def test_the_limit_is_in_the_feedback_and_the_report(graded):
    folder, neuron = graded
    record = folder.results(neuron).newest()["ada"]
    sentence = "Cell exercise-sigmoid ran for more than 1 s and was dropped."
    assert record.limits_hit == (sentence,)
    assert record.key["limits"].startswith("1 s a cell, 5 s a case, 50 s and 1024 MB a submission")
    assert sentence in folder.feedback("ada", neuron).read_text()
    report = class_report_html(read_answers(neuron.answers), [record], sandbox="bwrap")
    assert sentence in report and "Sandbox: bwrap." in report


def test_a_weaker_sandbox_is_named_with_what_it_leaves_open(graded):
    folder, neuron = graded
    record = folder.results(neuron).newest()["ada"]
    weaker = class_report_html(read_answers(neuron.answers), [record], sandbox="landlock")
    assert "Sandbox landlock." in weaker and "Weaker than bwrap" in weaker


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--memory", "100"], "256"),
        (["--cell-seconds", "0"], "0.1"),
        (["--sandbox", "jail"], "There is no sandbox mode 'jail'. There are: bwrap"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_done(options, said, tmp_path):
    line = ["grade", "01", "--submissions", tmp_path, "--class", tmp_path / "class", *options]
    command = [sys.executable, "-m", "chainrule", *map(str, line)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "class").exists()
