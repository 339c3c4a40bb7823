"""The widgets of the later units in JupyterLab: a key moves the slider, the picture follows."""

import os
from pathlib import Path

import nbformat
import pytest

from autograde.build.notebooks import plain_notebook
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")

# Unit, the cell that holds the widget, and what makes the training before it short.
WIDGETS = [
    ("02", "widgets.slope(", {}),
    ("03", "widgets.step_through_backward(", {}),
    ("04", "widgets.activations(", {}),
    ("05", "widgets.one_picture(", {", 9, device": ", 1, device", "epochs=9": "epochs=1"}),
    ("09", "widgets.paint(", {}),
    ("13", "widgets.vanishing(", {"epochs=10": "epochs=1"}),
    ("16", "widgets.heads_over_a_line(", {"steps=250": "steps=5", "steps=400": "steps=5"}),
    ("25", "widgets.batching(", {}),
    ("17", "widgets.next_token(", {"ITERATIONS = 5000 if LARGER else 1000": "ITERATIONS = 20"}),
]


@pytest.fixture(scope="module")
def lab(start_lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("widgets")
    for number, call, shorter in WIDGETS:
        nbformat.write(up_to(number, call, shorter), folder / name_of(number, call))
    with start_lab(folder, tmp_path_factory.mktemp("home")) as lab:
        yield lab


def name_of(number, call):
    return f"{number}-{call.removeprefix('widgets.').rstrip('()')}.ipynb"


def up_to(number, call, shorter):
    """The solved notebook up to the cell with the widget; sections of text are left out."""
    notebook = plain_notebook(load_unit(ROOT, number))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    place = next(at for at, cell in enumerate(code) if call in cell.source)
    notebook.cells = code[: place + 1]
    for cell in notebook.cells:
        for old, new in shorter.items():
            cell.source = cell.source.replace(old, new)
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize(("number", "call"), [widget[:2] for widget in WIDGETS])
def test_a_key_moves_the_slider_and_the_picture_follows(lab, page, number, call):
    page.goto(lab.page(f"/lab/tree/{name_of(number, call)}?reset"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cell = page.locator(".jp-CodeCell", has_text=call).last
    handle = cell.locator(".widget-slider .noUi-handle").first
    handle.wait_for(timeout=120_000)
    picture = cell.locator(".jp-OutputArea img").first
    picture.wait_for()
    said = picture.get_attribute("alt")
    assert said and len(said) > 20  # what it shows, for those who can't see it
    before = picture.get_attribute("src")
    for key in ("ArrowRight", "ArrowLeft"):  # one of them, at the end of the scale
        handle.focus()
        page.keyboard.press(key)
        page.wait_for_timeout(1500)
        if picture.get_attribute("src") != before:
            break
    if SCREENSHOTS:
        cell.screenshot(path=f"{SCREENSHOTS}/{name_of(number, call)}.png")
    assert picture.get_attribute("src") != before
    assert picture.get_attribute("alt") != said
    assert cell.locator(".jp-RenderedText[data-mime-type*=stderr]").count() == 0
