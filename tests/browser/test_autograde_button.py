"""An instructor presses Autograde in formgrader: our grader does it, nbgrader executes nothing."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]
UNIT = "01_neuron"
SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with a class: ada is honest, eve's notebook writes a file, finn handed in a pipe."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("autograde", "course", "solutions"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    key = AnswerKey(load_unit(ROOT, "01"))
    right = {name: Planted(key.solved_cell(name)) for name in key.unit.declaration.exercises}
    solved = fill_in(nbformat.read(key.unit.released, as_version=4), right, [])
    hostile = nbformat.from_dict(solved)
    for cell in hostile.cells:
        if cell.id.startswith("exercise-"):
            cell.source = f"open({str(folder / 'eve-was-here')!r}, 'w').close()\n{cell.source}"
    for learner, notebook in {"ada": solved, "eve": hostile, "finn": None}.items():
        path = folder / "grading" / "submitted" / learner / UNIT / "neuron.ipynb"
        path.parent.mkdir(parents=True)
        if notebook is None:
            os.mkfifo(path)
        else:
            path.write_text(notebook_text(notebook), encoding="utf-8")
    ClassFolder(folder / "grading").assignment(load_unit(folder, "01"))
    return folder


@pytest.fixture(scope="module")
def lab(clone, start_lab, tmp_path_factory):
    with start_lab(clone, tmp_path_factory.mktemp("home")) as lab:
        yield lab


def press(page, learner):
    """Press Autograde in a learner's line, and return what the dialogue says."""
    line = page.locator("#main-table tr").filter(has_text=learner)
    line.locator(".autograde a").click()
    dialogue = page.locator(".modal.in, .modal.show")
    dialogue.wait_for(timeout=240_000)
    said = dialogue.inner_text()
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/autograde-{learner}.png")
    dialogue.get_by_role("button", name="OK").click()
    dialogue.wait_for(state="detached")
    return said, line


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_the_autograde_button_grades_in_the_sandbox(lab, clone, page):
    page.goto(lab.page("/lab?reset"))  # to be known to the server
    page.goto(lab.page(f"/formgrader/manage_submissions/{UNIT}"))
    said, line = press(page, "ada")
    assert "Successfully autograded" in said
    expect(line.locator(".score")).to_have_text("18 / 20")

    said, line = press(page, "eve")
    assert "Successfully autograded" in said
    expect(line.locator(".score")).to_have_text("0 / 20")
    assert not (clone / "eve-was-here").exists()

    said, line = press(page, "finn")
    assert "finn is quarantined" in said
    expect(line.locator(".status")).to_have_text("needs autograding")
