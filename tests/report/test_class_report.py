"""The instructor's page: everything is in it, it opens alone, and it reads without pictures."""

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from autograde.report.charts import bins, histogram, outcome_bars
from autograde.report.class_report import class_report_html
from autograde.report.feedback import feedback_html
from autograde.report.numbers import item_numbers
from tests.report.pages import HOSTILE, Page, in_words


@pytest.fixture
def page(unit, every_status) -> str:
    return class_report_html(unit, every_status, sandbox="bwrap")


def test_the_numbers_of_the_class_stand_on_top(page):
    said = in_words(page)
    assert "Class report: 02 · How deep?" in said
    assert "Learners 7 Graded 4 Nothing handed in 1 Could not be read 1" in said
    assert "Could not be graded 1 Mean 6.33 of 9 Median 9 of 9" in said
    assert "without why, which still waits for a person's mark" in said


def test_mistakes_repairs_limits_and_people_are_in_it(page):
    said = in_words(page)
    assert "4 1 3 1 relu You clip at one." in said
    assert "relu blocks layer 1 3" in said
    assert "cleo 1 relu: You clip at one. Not written: loss. A limit was reached." in said
    assert "quentin The file is empty." in said
    assert "Everything: the sandbox died 1 ulla layer: no reply 1 omar" in said
    assert "Waits for a mark Question Learners Who why 1 ben" in said
    assert "The check of relu was put back. 1 cleo" in said
    assert "Too slow. 1 cleo" in said
    assert "Nothing handed in: nobody." in said


def test_every_learner_has_a_line_and_a_total_only_when_it_is_whole(page):
    table = page[page.index('<table class="scores">') :]
    lines = [in_words(row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)][1:]
    assert lines == [
        "ada 10 10 2 3 4 1",
        "ben 9 2 3 4 ?",
        "cleo 1.5 1.5 1 0 b 0 n 0.5",
        "nobody 0 nothing was handed in",
        "omar 7 2 ? 4 1",
        "quentin The file is empty.",
        "ulla the sandbox died",
    ]


def test_the_sandbox_is_named_and_its_absence_is_a_warning(unit, every_status, page):
    assert "Sandbox: bwrap." in in_words(page)
    assert "without a sandbox" not in page
    none = in_words(class_report_html(unit, every_status, sandbox="none"))
    assert "Graded without a sandbox. The code of 5 learners ran" in none
    mixed = [
        replace(r, key={"sandbox": "none" if r.learner == "ada" else "bwrap"}) for r in every_status
    ]
    assert "The code of 1 learner ran" in in_words(class_report_html(unit, mixed, sandbox="bwrap"))


def test_it_stands_alone_and_runs_nothing(page):
    parsed = Page(page)
    parsed.assert_inert()
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert not any("src" in attrs or "srcset" in attrs for _, attrs in parsed.tags)


def test_every_picture_says_itself_or_repeats_a_number(page):
    pictures = [attrs for tag, attrs in Page(page).tags if tag == "svg"]
    named = [attrs for attrs in pictures if attrs.get("role") == "img"]
    assert len(named) == 2
    assert all(attrs["aria-label"] for attrs in named)
    assert all(a in named or a.get("aria-hidden") == "true" for a in pictures)
    assert page.count("The same as a table") == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_reasons_are_inert(unit, every_status, result, text):
    one = replace(
        every_status[3],
        learner=text,
        repairs=(text,),
        limits_hit=(text,),
        exercises=(
            result("relu", 0, mistake=text),
            result("layer", 0, "blocked", blocked_by=text),
            result("loss", None, "ungraded", reason=text),
        ),
    )
    broken = replace(every_status[0], learner=text + "2", reason=text)
    html = class_report_html(unit, [one, broken, *every_status], sandbox=text, title=text)
    Page(html).assert_inert()
    assert "\u202e" not in html and "\x00" not in html
    html.encode("utf-8")


def test_a_class_of_nobody_has_a_report(unit):
    said = in_words(class_report_html(unit, [], sandbox="bwrap"))
    assert "Learners 0" in said
    assert "No submission has a full set of scores yet." in said
    assert "No known mistake was made." in said


def test_the_same_records_give_the_same_page(unit, every_status, page):
    assert class_report_html(unit, every_status[::-1], sandbox="bwrap") == page


def test_bins_hold_everyone_and_full_points_stand_alone():
    held = bins([0, 0.5, 1, 19.99, 20, 20], 20)
    assert len(held) == 21
    assert sum(one.learners for one in held) == 6
    assert held[-1].low == 20 and held[-1].learners == 2
    assert held[0].label == "0 to under 1"
    assert len(bins([7, 130], 120)) == 25  # extra credit falls into the last
    assert sum(one.learners for one in bins([7, 130], 120)) == 2
    assert len(bins([], 0)) == 1


def test_charts_escape_and_describe(unit, record):
    drawn = outcome_bars(item_numbers(unit, [record("ada")]))
    assert "<title>How the class did on each exercise</title>" in drawn
    assert "The commonest is 9 to under 10 points, with 1 learner." in histogram(bins([9], 9))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_a_browser_obeys_the_policy(tmp_path, unit, record, notebook):
    """The style sheet's hash is right, and nothing is refused."""
    (tmp_path / "page.html").write_text(feedback_html(record("ada"), notebook, unit), "utf-8")
    command = (
        "chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-sync "
        "--disable-background-networking --disable-component-update --enable-logging=stderr --v=0"
    ).split()
    ran = subprocess.run(
        [
            *command,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Feedback for" in ran.stdout
    assert "Content Security Policy" not in ran.stderr
