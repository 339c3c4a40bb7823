"""The pages in a real Chromium: without JavaScript, by keyboard, and looked at by axe."""

from __future__ import annotations

import json
import os

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .running import UNIT

SCREENSHOTS = os.environ.get("CHAINRULE_SCREENSHOTS")  # a folder, to look at what is seen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def look(page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/service_{name}.png", full_page=True)


def log_in(page, served, name: str) -> None:
    page.goto(f"{served.url}/")
    expect(page).to_have_url(f"{served.url}/login")
    page.get_by_label("Your token").fill(served.token(name))
    page.get_by_role("button", name="Log in").click()


def reads_well(page, name: str) -> None:
    """No violation that axe finds; on a narrow screen nothing sticks out."""
    look(page, name)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture
def plain(browser):
    """A browser that runs no JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture(params=[1280, 375], ids=["wide", "narrow"])
def screen(request, browser):
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.wide = request.param > 1000
    yield page
    context.close()


def hostile(data: bytes) -> bytes:
    """The notebook with a cell that tries to act as the service on its feedback page."""
    notebook = nbformat.reads(data.decode(), as_version=4)
    attack = (
        "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
        '<form action="/logout" method="post"><button>Win</button></form>'
    )
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(attack))
    return json.dumps(notebook).encode()


def test_a_learner_hands_in_and_reads_the_feedback_without_javascript(plain, served, sample):
    page = plain
    log_in(page, served, "fay")
    expect(page.get_by_role("heading", name="Units")).to_be_visible()
    expect(page.get_by_role("row", name="Can one neuron")).to_contain_text("nothing handed in")
    page.get_by_role("link", name="Can one neuron").click()
    notebook = {
        "name": "neuron (1).ipynb",
        "mimeType": "application/octet-stream",
        "buffer": hostile(sample.notebooks["learner01"]),
    }
    wrong = {**notebook, "name": "essay.pdf", "buffer": b"%PDF-1.7 An essay"}
    page.get_by_label("Your notebook").set_input_files(wrong)
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("The file is a PDF, not a notebook.")

    page.get_by_label("Your notebook").set_input_files(notebook)
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", name="Attempt 1")).to_be_visible()
    served.wait_until_graded("fay")
    page.goto(f"{served.url}/units/{UNIT}/attempts/1")
    expect(page.get_by_role("row", name="sigmoid")).to_contain_text("3 of 3")
    expect(page.get_by_text("so far, of 20")).to_be_visible()
    page.get_by_role("link", name="Read the feedback").click()
    expect(page.get_by_role("heading", name="Your points")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Can one neuron").click()
    expect(page.get_by_role("row", name="1 2")).to_contain_text("Feedback")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Your token")).to_be_visible()


def test_nothing_in_a_feedback_page_acts_as_the_service(page, served, sample):
    served.hand_in("fay", hostile(sample.notebooks["learner01"]))
    served.wait_until_graded("fay")
    log_in(page, served, "fay")
    page.goto(f"{served.url}/units/{UNIT}/attempts/1/feedback")
    expect(page.get_by_role("heading", name="Your points")).to_be_visible()
    assert page.title() != "taken" and page.evaluate("self.origin") == "null"
    assert page.locator("form, script, iframe").count() == 0


def test_everything_can_be_done_by_keyboard(page, served):
    page.goto(f"{served.url}/login")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your token")).to_be_focused()
    page.keyboard.type(served.token("learner01"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Units")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("01"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Hand in")).to_be_visible()


def test_the_learners_pages_read_well(screen, served):
    name = "wide" if screen.wide else "narrow"
    screen.goto(f"{served.url}/login")
    reads_well(screen, f"login_{name}")
    log_in(screen, served, "learner02")
    reads_well(screen, f"home_{name}")
    for path, what in ((UNIT, "unit"), (f"{UNIT}/attempts/1", "attempt"), ("99", "refused")):
        screen.goto(f"{served.url}/units/{path}")
        reads_well(screen, f"{what}_{name}")
    if screen.wide:
        screen.goto(f"{served.url}/units/00_welcome")
        expect(screen.get_by_text("00_welcome closed on 2024-01-01")).to_be_visible()
        reads_well(screen, "closed")
        screen.goto(f"{served.url}/units/{UNIT}/attempts/1/feedback")
        look(screen, "feedback")
        screen.goto(f"{served.url}/docs")
        reads_well(screen, "docs")


def test_the_instructors_pages_read_well(screen, served):
    name = "wide" if screen.wide else "narrow"
    log_in(screen, served, "teacher")
    reads_well(screen, f"class_{name}")
    for path, what in (
        ("", "class_unit"),
        ("/exercises/sigmoid", "exercise"),
        ("/exercises/why_scale", "question"),
        ("/learners/learner02", "learner"),
        ("/learners/hal", "nothing"),
    ):
        screen.goto(f"{served.url}/class/units/{UNIT}{path}")
        reads_well(screen, f"{what}_{name}")


def test_an_instructor_sees_the_class_a_mistake_and_who_made_it(plain, served, sample):
    page = plain
    log_in(page, served, "teacher")
    expect(page.get_by_role("heading", name="Class")).to_be_visible()
    page.get_by_role("link", name="Can one neuron").click()
    with served.client("teacher") as client:
        everyone = client.get(f"/api/class/units/{UNIT}/attempts?last=true").json()
    learner, exercise, mistake = next(
        (one["learner"], result["exercise"], result["mistake"])
        for one in everyone
        for result in one["exercises"]
        if result["mistake"]
    )
    expect(page.get_by_role("row", name=learner)).to_contain_text("graded")
    page.get_by_role("link", name=exercise, exact=True).click()
    found = page.get_by_role("region", name="Commonest mistakes").get_by_role("row", name=mistake)
    expect(found).to_contain_text(learner)
    found.get_by_role("link", name=learner).click()
    expect(page.get_by_role("heading", name=learner)).to_be_visible()
    page.get_by_role("link", name="Class", exact=True).first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    assert download.value.suggested_filename == "class.zip"
    page.get_by_role("link", name="Can one neuron").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Scores (CSV)").click()
    assert download.value.path().read_text().startswith("learner,exercise,score")
    page.get_by_role("link", name="Class report").click()
    expect(page.get_by_role("heading", name="What cost the class most")).to_be_visible()
