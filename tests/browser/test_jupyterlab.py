"""A learner in JupyterLab: opens unit 01, is told a mistake, mends it, moves a slider."""

import os
from pathlib import Path

import nbformat
import pytest

from autograde.answer_key import AnswerKey
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")  # a folder, to look at what the learner sees
WRONG = "def weighted_sum(inputs, weights, bias):\nreturn np.sum(inputs * weights)"
RIGHT = WRONG + " + bias"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A learner's course folder: unit 01 with everything written but the first exercise."""
    folder = tmp_path_factory.mktemp("course") / "01_neuron"
    folder.mkdir()
    key = AnswerKey(load_unit(ROOT, "01"))
    written = {
        name: Planted(key.solved_cell(name))
        for name in key.unit.declaration.exercises
        if name != "weighted_sum"
    }
    release = nbformat.read(key.unit.released, as_version=4)
    nbformat.write(fill_in(release, written, []), folder / "neuron.ipynb")
    return folder.parent


@pytest.fixture(scope="module")
def lab(course, start_lab, tmp_path_factory):
    with start_lab(course, tmp_path_factory.mktemp("home")) as lab:
        yield lab


def look(page, name):
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def write_cell(page, cell, source):
    """Type `source` into a cell as a learner does; JupyterLab indents after a colon."""
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(source)


def open_notebook(page, lab):
    page.goto(lab.page("/lab/tree/01_neuron/neuron.ipynb?reset"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    wait_until_idle(page)


def wait_until_idle(page):
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()


def test_a_learner_is_told_the_mistake_mends_it_and_moves_a_slider(lab, page):
    open_notebook(page, lab)
    run_all(page)
    check = page.locator(".jp-CodeCell", has_text="check.weighted_sum(weighted_sum)").first
    check.get_by_text("weighted_sum is not written yet").first.wait_for()
    assert "Traceback" not in check.inner_text()
    look(page, "stub")

    exercise = page.locator(".jp-CodeCell", has_text="def weighted_sum(").first
    write_cell(page, exercise, WRONG)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    check.get_by_text("The bias never reaches the result").wait_for()
    assert check.get_by_text("FAIL").count() >= 1
    check.scroll_into_view_if_needed()
    look(page, "wrong")

    write_cell(page, exercise, RIGHT)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    check.get_by_text("weighted_sum is right: 2 of 2 points").wait_for()
    look(page, "right")

    run_all(page)
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.wait_for(timeout=120_000)
    handle.scroll_into_view_if_needed()
    wait_until_idle(page)
    before = pictures(page)
    handle.focus()
    look(page, "slider_before")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")  # from 1, its largest value
    page.wait_for_function(f"before => ({PICTURES})() !== before", arg=before)
    handle.scroll_into_view_if_needed()
    look(page, "slider_after")


PICTURES = """() => [...document.querySelectorAll('.jp-OutputArea img')]
    .map(picture => picture.src.length + picture.src.slice(-64)).join()"""


def pictures(page):
    return page.evaluate(PICTURES)
