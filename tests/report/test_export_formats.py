"""The exports: the course's csv to the byte, Canvas and Moodle by what their importers read."""

import csv
import io

import pytest

from autograde.report.export import (
    COLUMNS,
    FORMATS,
    canvas_text,
    csv_text,
    export_rows,
    export_text,
    held_back,
    moodle_text,
    write_csv,
)

GOLDEN = """\
learner,exercise,score,max_score,status,mistake
ada,relu,2,2,graded,
ada,layer,1.5,3,graded,
ada,loss,4,4,graded,
ada,why,1,1,graded,
cleo,relu,1,2,graded,You clip at one.
cleo,layer,0,3,blocked,
cleo,loss,0,4,missing,
cleo,why,0.5,1,graded,
omar,relu,2,2,graded,
omar,layer,,3,ungraded,
omar,loss,4,4,graded,
omar,why,1,1,graded,
quentin,relu,,2,quarantined,
quentin,layer,,3,quarantined,
quentin,loss,,4,quarantined,
quentin,why,,1,quarantined,
"""


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_the_csv_is_the_golden_one(every_status, record, unit, tmp_path):
    kept = [r for r in every_status if r.learner in ("cleo", "omar", "quentin")]
    records = [*kept, record("ada", layer=1.5, why=1)]
    assert csv_text(records, unit) == GOLDEN
    write_csv(tmp_path / "scores.csv", records, unit)
    assert (tmp_path / "scores.csv").read_bytes() == GOLDEN.encode()


def test_rows_follow_the_unit_whatever_the_order_of_the_record(record, unit):
    one = record("ada", why=1)
    shuffled = type(one)(**{**vars(one), "exercises": one.exercises[::-1]})
    assert [row["exercise"] for row in export_rows([shuffled], unit)] == [
        "relu",
        "layer",
        "loss",
        "why",
    ]


def test_an_empty_class_has_a_header_only(unit):
    assert csv_text([], unit) == ",".join(COLUMNS) + "\n"
    assert len(rows(canvas_text([], unit))) == 2
    assert len(rows(moodle_text([], unit))) == 1


def test_canvas_has_the_columns_its_importer_looks_for(every_status, unit):
    header, possible, *learners = rows(canvas_text(every_status, unit))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "02 How deep?"]
    assert "Points Possible" in possible[0] and possible[-1] == "10"
    assert {row[0]: row[-1] for row in learners} == {
        "ada": "10",
        "ben": "",
        "cleo": "1.5",
        "nobody": "0",
        "omar": "",
        "quentin": "",
        "ulla": "",
    }
    assert all(row[0] == row[3] and len(row) == len(header) for row in learners)


def test_canvas_takes_the_name_of_an_assignment_it_knows(unit):
    assert rows(canvas_text([], unit, assignment="Homework 2 (417)"))[0][-1] == "Homework 2 (417)"


def test_moodle_has_grade_and_feedback_side_by_side(every_status, unit):
    header, *learners = rows(moodle_text(every_status, unit))
    assert header == ["Username", "Grade", "Feedback comments"]
    found = {name: (grade, feedback) for name, grade, feedback in learners}
    assert found["ada"][0] == "10"
    assert found["cleo"] == (
        "1.5",
        "relu: 1 of 2, partly right. You clip at one. layer: 0 of 3, blocked by relu. It needs "
        "relu, which is not right yet. Mend relu first; then this can earn points. loss: 0 of 4, "
        "not written. why: 0.5 of 1, partly right.",
    )
    assert found["ben"][0] == ""
    assert found["ben"][1].startswith("No total yet: why: waits for a person's mark. relu: 2 of 2")
    assert found["quentin"] == ("", "No total yet: The file is empty.")


def test_moodle_feedback_is_html_and_the_learners_text_is_escaped(record, result, unit):
    one = record("ada", relu=result("relu", 0, mistake="<b>a < b</b>"), why=1)
    assert "&lt;b&gt;a &lt; b&lt;/b&gt;" in moodle_text([one], unit)


def test_whoever_has_no_total_is_named_with_the_reason(every_status, unit):
    assert held_back(every_status, unit) == [
        "ben has no total: why: waits for a person's mark.",
        "omar has no total: layer: no reply.",
        "quentin has no total: The file is empty.",
        "ulla has no total: the sandbox died.",
    ]


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-2", "@SUM(A1)", "\tx", "  =1"])
def test_a_formula_is_disarmed_for_spreadsheets_but_not_in_our_csv(record, unit, name):
    one = record(name, why=1)
    assert rows(canvas_text([one], unit))[2][0] == f"'{name}"
    assert rows(moodle_text([one], unit))[1][0] == f"'{name}"
    assert rows(csv_text([one], unit))[1][0] == name


@pytest.mark.parametrize("form", list(FORMATS))
def test_hostile_names_stay_in_their_cell(record, unit, form, tmp_path):
    names = ['a,"b"\nc', "<script>", "\u202eevil", "half \ud800 pair", "nul \x00", ""]
    records = [record(name, why=1) for name in names]
    text = export_text(records, unit, form)
    widths = {len(row) for row in rows(text)}
    assert len(widths) == 1
    write_csv(tmp_path / "out.csv", records, unit, form)
    assert "half \\ud800 pair" in (tmp_path / "out.csv").read_text("utf-8")
