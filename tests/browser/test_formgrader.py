"""An instructor in formgrader: our scores are there, and a mark given by hand goes everywhere."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text
from autograde.cohort.sample import ANSWER, fill_in
from autograde.cohort.truth import Planted
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")  # a folder, to look at what is seen
UNIT = "01_neuron"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def chainrule(*arguments):
    """Run the command as an instructor does, in the clone. Returns what it prints."""
    command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def grade(folder):
    return chainrule("grade", "01", "--submissions", folder / "submitted", "--class", folder)


def export(folder):
    """The exported rows: (learner, exercise) -> (score, status)."""
    rows = csv.DictReader(chainrule("export", "01", "--class", folder).splitlines())
    return {(row["learner"], row["exercise"]): (row["score"], row["status"]) for row in rows}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class folder of three: all right and answered, one mistake, untouched; graded by us."""
    folder = tmp_path_factory.mktemp("class")
    key = AnswerKey(load_unit(ROOT, "01"))
    release = nbformat.read(key.unit.released, as_version=4)
    right = {name: key.solved_cell(name) for name in key.unit.declaration.exercises}
    mistake = key.unit.exercise("weighted_sum").mistakes[0]  # the bias is left out: 1 case of 3
    one_wrong = right | {"weighted_sum": mistake.apply(right["weighted_sum"])}
    for learner, cells in {"ada": right, "bob": one_wrong, "cyd": {}}.items():
        planted = {name: Planted(source) for name, source in cells.items()}
        notebook = fill_in(release, planted, ["why_scale"] if learner == "ada" else [])
        path = folder / "submitted" / learner / UNIT / "neuron.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(notebook_text(notebook), encoding="utf-8")
    assert "3 graded" in grade(folder)
    return folder


@pytest.fixture(scope="module")
def lab(graded, start_lab, tmp_path_factory):
    """JupyterLab in the class folder, whose own nbgrader_config.py tells formgrader the rest."""
    assert (graded / "nbgrader_config.py").exists()
    with start_lab(graded, tmp_path_factory.mktemp("home")) as lab:
        yield lab


@pytest.fixture
def page(page, lab):
    """An instructor's browser: formgrader takes nobody who has not been in JupyterLab before."""
    expect.set_options(timeout=60_000)
    page.goto(lab.page("/lab?reset"))
    page.get_by_role("menuitem", name="Nbgrader", exact=True).wait_for()
    return page


def look(page, name):
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def row(table, text):
    return table.locator("#main-table tr").filter(has_text=text)


def open_submissions(page, lab):
    """The page with a line for each learner."""
    page.goto(lab.page(f"/formgrader/manage_submissions/{UNIT}"))


def expect_submission(page, learner, score, status):
    line = row(page, learner)
    expect(line.locator(".score")).to_have_text(f"{score} / 20")
    expect(line.locator(".status")).to_have_text(status)


def open_notebook(page, lab, learner):
    """What a learner wrote, with the boxes for marks. Found as an instructor finds it."""
    page.goto(lab.page(f"/formgrader/gradebook/{UNIT}/neuron"))
    expect(page.get_by_role("link", name="Submission #")).to_have_count(3)
    page.get_by_role("button", name="Show All Names").click()
    page.get_by_role("link", name=learner, exact=True).click()
    page.wait_for_function(
        "() => window.formgrader && formgrader.grades && formgrader.grades.loaded"
    )


def type_in(page, box, number):
    """Type a number into a box and leave it, which is how formgrader saves."""
    with page.expect_response(lambda answer: answer.request.method == "PUT") as saved:
        box.fill(number)
        box.press("Tab")
    assert saved.value.ok


def test_the_scores_of_our_grader_are_what_formgrader_shows(lab, page):
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    assignment = row(page.frame_locator("iframe"), UNIT)
    expect(assignment.locator(".num-submissions")).to_have_text("3")
    look(page, "formgrader")

    open_submissions(page, lab)
    expect_submission(page, "ada", "18", "needs manual grading")
    expect_submission(page, "bob", "16.67", "graded")
    expect_submission(page, "cyd", "0", "graded")
    look(page, "formgrader_submissions")

    open_notebook(page, lab, "bob")
    check = page.locator(".cell").filter(has=page.locator("#check_weighted_sum"))
    expect(check.locator("input.score")).to_have_attribute("placeholder", "0.67")
    expect(check).to_contain_text("FAIL  only the bias counts")
    expect(check).to_contain_text("The bias never reaches the result.")
    check.scroll_into_view_if_needed()
    look(page, "formgrader_mistake")


def test_a_mark_given_by_hand_reaches_gradebook_and_export_and_survives_grading(lab, graded, page):
    assert export(graded)["ada", "why_scale"] == ("", "ungraded")

    open_notebook(page, lab, "ada")
    question = page.locator(".nbgrader_cell").filter(has=page.locator("#why_scale"))
    expect(question).to_contain_text(ANSWER)
    type_in(page, question.locator("input.score"), "2")
    question.scroll_into_view_if_needed()
    look(page, "formgrader_answer")
    open_submissions(page, lab)
    expect_submission(page, "ada", "20", "graded")
    look(page, "formgrader_marked")
    assert export(graded)["ada", "why_scale"] == ("2", "graded")

    assert "3 already graded" in grade(graded)
    hand_in_again(graded, "ada")
    assert "1 graded" in grade(graded)
    assert export(graded)["ada", "why_scale"] == ("2", "graded")
    open_submissions(page, lab)
    # The mark stays; that it was given to another hand-in is for a person to look at.
    expect_submission(page, "ada", "20", "needs manual grading")


def hand_in_again(folder, learner):
    """The same work with one more cell, so that it is graded anew."""
    path = folder / "submitted" / learner / UNIT / "neuron.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("print('handed in again')"))
    path.write_text(notebook_text(notebook), encoding="utf-8")


def test_a_changed_score_and_extra_credit_count_too(lab, graded, page):
    open_notebook(page, lab, "bob")
    type_in(page, page.locator("#check_weighted_sum"), "1.5")
    type_in(page, page.locator("#check_step_extra_credit"), "0.5")
    open_submissions(page, lab)
    expect_submission(page, "bob", "18", "graded")
    exported = export(graded)
    assert exported["bob", "weighted_sum"] == ("1.5", "graded")
    assert exported["bob", "step"] == ("2.5", "graded")
    chainrule("report", "01", "--class", graded)  # more than all of the points harms nothing
