"""The learner's page: right, complete, and safe whatever the notebook holds."""

import time

import nbformat
import pytest

from autograde.cohort.results import BLOCKED, MISSING, QUARANTINED
from autograde.report import cells
from autograde.report.feedback import feedback_html
from autograde.report.page import number, visible
from tests.report.pages import HOSTILE, Page, in_words


def test_every_exercise_has_its_verdict_under_its_cell(record, notebook, unit):
    html = feedback_html(record("ada", layer=1.5), notebook, unit)
    for name in ("relu", "layer", "loss", "why"):
        assert html.count(f'id="exercise-{name}"') == 1
        assert f'href="#exercise-{name}"' in html
    order = [html.index(f'id="exercise-{name}"') for name in ("relu", "layer", "loss", "why")]
    assert order == sorted(order)
    assert "layer · 1.5 of 3 points · partly right" in in_words(html)


def test_the_mistakes_sentence_is_said_before_the_difference(record, result, notebook, unit):
    known = record("ada", relu=result("relu", 0, mistake="You clip at one."))
    assert "relu 0 of 2 not right yet You clip at one." in in_words(
        feedback_html(known, notebook, unit)
    )
    unknown = record("ada", relu=1)
    assert "relu 1 of 2 partly right In “a table”: Your result has shape (5, 1)." in in_words(
        feedback_html(unknown, notebook, unit)
    )


def test_cases_say_pass_or_fail_in_words(record, notebook, unit):
    said = in_words(feedback_html(record("ada", relu=1), notebook, unit))
    assert "Cases: 2 of 3 passed" in said
    assert "pass the example (not scored) pass a vector fail a table Your result has" in said


def test_blocked_and_missing_say_what_to_do(record, result, notebook, unit):
    one = record(
        "ada",
        relu=result("relu", 0, MISSING),
        layer=result("layer", 0, BLOCKED, blocked_by="relu"),
    )
    said = in_words(feedback_html(one, notebook, unit))
    assert "relu 0 of 2 not written" in said
    assert "layer 0 of 3 blocked by relu It needs relu, which is not right yet." in said


def test_a_total_is_given_only_when_there_is_one(record, notebook, unit):
    waits = in_words(feedback_html(record("ada"), notebook, unit))
    assert "Total 9 so far There is no total yet (why: waits for a person's mark)." in waits
    assert "why out of 1 no score yet" in waits
    marked = in_words(feedback_html(record("ada", why=0.5), notebook, unit))
    assert "Total 9.5 of 10" in marked


def test_repairs_and_limits_are_told(every_status, notebook, unit):
    cleo = next(r for r in every_status if r.learner == "cleo")
    said = in_words(feedback_html(cleo, notebook, unit))
    assert "The check of relu was put back." in said
    assert "Too slow." in said


def test_a_quarantined_submission_has_a_page_too(whole, unit):
    said = in_words(feedback_html(whole("eve", None, QUARANTINED, "the file is empty"), None, unit))
    assert "The file is empty" in said
    assert "relu out of 2 not read" in said


def test_outputs_are_shown_as_text(record, notebook, unit):
    outputs = {
        "exercise-relu": [
            {"output_type": "stream", "name": "stdout", "text": ["10%\r", "100%\n", "<b>x</b>\n"]},
            {
                "output_type": "error",
                "ename": "E",
                "evalue": "v",
                "traceback": ["\x1b[31mboom\x1b[0m"],
            },
        ],
        "exercise-layer": [
            {"output_type": "execute_result", "data": {"text/plain": "4", "text/html": "<i>4</i>"}},
            {"output_type": "error", "ename": "ValueError", "evalue": "no traceback"},
        ],
    }
    html = feedback_html(record("ada", more={"outputs": outputs}), notebook, unit)
    assert '<pre class="output text">100%\n&lt;b&gt;x&lt;/b&gt;</pre>' in html
    assert '<pre class="output error">boom</pre>' in html
    assert '<pre class="output text">4</pre>' in html
    assert "ValueError: no traceback" in html


def test_markdown_and_code_are_rendered(record, notebook, unit):
    html = feedback_html(record("ada"), notebook, unit)
    assert "<h1>How <em>deep</em>?</h1>" in html
    assert '<code class="tex">w \\cdot x</code>' in html
    assert '<span class="k">def</span>' in html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_everywhere(record, result, notebook, unit, text):
    notebook.cells[0].source = text
    notebook.cells[1].source = text
    notebook.cells.append(nbformat.v4.new_raw_cell(text))
    notebook.cells[-1].id = "added-1"
    outputs = {"exercise-relu": [{"output_type": "stream", "name": "stdout", "text": text}]}
    relu = result("relu", 0, mistake=text, cases=())
    layer = result("layer", None, "ungraded", reason=text, cases=())
    one = record(
        text,
        relu=relu,
        layer=layer,
        more={"outputs": outputs, "repairs": (text,), "limits_hit": (text,), "reason": text},
    )
    html = feedback_html(one, notebook, unit)
    page = Page(html)
    page.assert_inert()
    assert not any(tag in ("svg", "math", "noscript") for tag, _ in page.tags)
    assert "49" not in page.text
    assert "\u202e" not in html and "\x00" not in html and "\x1b" not in html
    html.encode("utf-8")


def test_the_page_may_run_nothing_and_load_nothing(record, notebook, unit):
    tags = Page(feedback_html(record("ada"), notebook, unit)).tags
    policy = next(a["content"] for t, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy and "unsafe" not in policy
    assert "style-src 'sha256-" in policy


def test_a_picture_within_the_notebook_is_kept():
    assert '<img src="data:image/png;base64,AAAA" alt="a dot">' in cells.markdown(
        "![a dot](data:image/png;base64,AAAA)"
    )
    assert cells.markdown("![a dot](https://x.example/a.png)") == "<p>[a dot]</p>\n"
    assert "<img" not in cells.markdown("![x](data:image/svg+xml;base64,AAAA)")


def test_cells_that_are_not_graded_say_so(record, notebook, unit):
    demo = nbformat.v4.new_code_cell("plot()")
    demo.metadata = nbformat.from_dict({"tags": ["demo"]})
    own = nbformat.v4.new_code_cell("mine = 1", id="added-1")
    notebook.cells += [demo, own]
    said = in_words(feedback_html(record("ada"), notebook, unit))
    assert "not run when grading plot()" in said
    assert "a cell you added mine = 1" in said


def test_huge_cells_are_cut_and_quick(record, notebook, unit):
    notebook.cells[1].source = "x = [" * 500_000
    notebook.cells += [nbformat.v4.new_markdown_cell("> " * 5_000) for _ in range(200)]
    started = time.perf_counter()
    html = feedback_html(record("ada"), notebook, unit)
    assert time.perf_counter() - started < 10
    assert "further characters not shown" in html
    assert len(html) < 3_000_000


def test_a_page_is_quick_to_write(record, notebook, unit):
    notebook.cells += [
        nbformat.v4.new_code_cell(f"def f{i}(x):\n    return np.exp(-x) + {i}\n" * 5)
        for i in range(40)
    ]
    feedback_html(record("ada"), notebook, unit)
    started = time.perf_counter()
    for _ in range(5):
        feedback_html(record("ada"), notebook, unit)
    assert (time.perf_counter() - started) / 5 < 0.15


def test_what_hides_is_made_visible():
    assert visible("a\u202eb\x00\tc\n") == "a[U+202E]b[U+0000]\tc\n"
    assert visible("naïve 東京 \u200f") == "naïve 東京 \u200f"


def test_numbers_are_short():
    assert [number(x) for x in (2, 2.0, 1.5, 2 / 3, 0, -0.001, 100, None)] == [
        "2",
        "2",
        "1.5",
        "0.67",
        "0",
        "0",
        "100",
        "",
    ]
