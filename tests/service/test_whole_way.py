"""The whole way, as people go it: a learner in JupyterLab fails, takes a hint, mends, hands in with
the button and reads the feedback on the service; the instructor looks at the class and exports."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import expect

from autograde.answer_key import AnswerKey
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.unit import load_unit

from .running import ROOT, UNIT, Running
from .test_browser import log_in

SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")  # a folder, to look at what is seen
WRONG = "def weighted_sum(inputs, weights, bias):\nreturn np.sum(inputs * weights)"
RIGHT = WRONG + " + bias"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("service") / "class")
    running.token("ada")
    running.token("teacher", instructor=True)
    yield running.start()
    assert running.stop() == 0, running.log()[-2000:]


@pytest.fixture(scope="module")
def lab(start_lab, tmp_path_factory):
    """JupyterLab on unit 01, everything written but the first exercise."""
    folder = tmp_path_factory.mktemp("course") / UNIT
    folder.mkdir()
    key = AnswerKey(load_unit(ROOT, "01"))
    written = {
        name: Planted(key.solved_cell(name))
        for name in key.unit.declaration.exercises
        if name != "weighted_sum"
    }
    release = nbformat.read(key.unit.released, as_version=4)
    notebook = fill_in(release, written, [])
    nbformat.write(notebook, folder / "neuron.ipynb")
    with start_lab(folder.parent, tmp_path_factory.mktemp("home")) as lab:
        yield lab


def look(page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/way_{name}.png")


def write(page, cell, source: str) -> None:
    """Type `source` into a cell and run it; JupyterLab indents after a colon."""
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(source)
    page.keyboard.press("Control+Enter")


def run_all(page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def run(page, cell) -> None:
    cell.locator(".jp-InputPrompt").first.click()
    page.keyboard.press("Control+Enter")


def try_below(page, cell, source: str):
    """Run `source` in a new cell below; returns that cell."""
    cell.locator(".jp-InputPrompt").first.click()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.type(source)
    page.keyboard.press("Control+Enter")
    return page.locator(".jp-CodeCell.jp-mod-active")


def test_from_the_first_mistake_to_the_feedback_and_the_class(lab, service, page):
    page.goto(lab.page(f"/lab/tree/{UNIT}/neuron.ipynb?reset"))
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    run_all(page)
    exercise = page.locator(".jp-CodeCell", has_text="def weighted_sum(").first
    check = page.locator(".jp-CodeCell", has_text="check.weighted_sum(weighted_sum)").first
    check.get_by_text("weighted_sum is not written yet").first.wait_for()

    write(page, exercise, WRONG)
    run(page, check)
    check.get_by_text("The bias never reaches the result").wait_for()
    hint = try_below(page, check, "check.weighted_sum.hint()")
    hint.get_by_text("Hint 1 of 3").first.wait_for()
    look(page, "hint")
    write(page, exercise, RIGHT)
    run_all(page)  # before, everything stopped at the first check
    check.get_by_text("weighted_sum is right: 2 of 2 points").wait_for()
    panel = page.locator(".jp-CodeCell", has_text='hand_in("01_neuron")').last
    panel.get_by_label("Folder or address").fill(service.url)
    panel.get_by_label("Your token").fill(service.token("ada"))
    panel.get_by_role("button", name="Hand in unit 01").click()
    expect(panel.get_by_role("status")).to_contain_text("weighted_sum in the saved file is not")
    look(page, "not_saved")

    passed = try_below(page, check, "from chainrule.progress import progress\nprogress()")
    passed.get_by_text("01_neuron").last.wait_for()
    look(page, "progress")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(2000)
    panel.get_by_role("button", name="Hand in unit 01").click()
    expect(panel.get_by_role("status")).to_contain_text("Handed in 01_neuron as ada: attempt 1")
    expect(panel.get_by_role("status")).to_contain_text("sha256")
    panel.scroll_into_view_if_needed()
    look(page, "receipt")

    service.wait_until_graded("ada")
    log_in(page, service, "ada")
    page.get_by_role("link", name="Can one neuron").click()
    page.get_by_role("link", name="Feedback").click()
    expect(page.get_by_role("heading", name="Your points")).to_be_visible()
    look(page, "feedback")


def test_then_the_instructor_has_the_class_the_report_and_the_export(service, page, tmp_path):
    log_in(page, service, "teacher")
    expect(page.get_by_role("heading", name="Class")).to_be_visible()
    page.get_by_role("link", name="Can one neuron").click()
    expect(page.get_by_role("row", name="ada")).to_contain_text("graded")
    look(page, "class")
    for command in (
        ["report", "01", "--class", service.folder, "--out", tmp_path / "report.html"],
        ["export", "01", "--class", service.folder, "--format", "csv", "--out", tmp_path / "s.csv"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "chainrule", *map(str, command)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "ada,weighted_sum,2" in (tmp_path / "s.csv").read_text()
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.get_by_role("heading", name="What cost the class most")).to_be_visible()
    look(page, "report")
