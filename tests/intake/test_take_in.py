"""A notebook is rebuilt from the release, whatever happened to it on its way."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest

from autograde.intake import Quarantined, take_in

SOLVED = "def sigmoid(z):\n    return 1 / (1 + np.exp(-z))"
OTHER = "def sigmoid(z):\n    return z"
PLAIN = ["code-given", "exercise-sigmoid", "check-sigmoid", "exercise-layer", "check-layer"]


def test_an_untouched_notebook_comes_back_as_it_was_released(desk):
    result = desk.hand_in()
    assert result.notebook == desk.release
    assert result.repairs == []
    assert result.answered == {"why": False}


def test_setup_demo_and_text_do_not_run(desk):
    assert list(desk.hand_in().runs) == PLAIN


def test_check_cells_are_check_points_with_the_symbols_in_the_order_of_the_answers(desk):
    expected = [("sigmoid", ("sigmoid",)), ("layer", ("layer", "layer_backward"))]
    assert desk.hand_in().checks == expected


def test_a_written_answer_is_graded(desk):
    result = desk.write("exercise-sigmoid", SOLVED).write("question-why", "It helps.").hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert result.source["question-why"] == "It helps."
    assert result.answered == {"why": True}
    assert result.repairs == []


def test_outputs_do_not_survive(desk):
    desk["check-sigmoid"].outputs = [{"output_type": "stream", "name": "stdout", "text": "3"}]
    desk["check-sigmoid"].execution_count = 7
    assert desk.hand_in().notebook == desk.release


def test_the_release_is_not_changed(desk):
    before = copy.deepcopy(desk.release)
    desk.write("exercise-sigmoid", SOLVED).delete("check-sigmoid").hand_in()
    assert desk.release == before


# --- duplicated, deleted, edited, moved ----------------------------------------------------------


def test_a_duplicated_cell_is_graded_once(desk):
    result = desk.write("exercise-sigmoid", SOLVED).duplicate("exercise-sigmoid").hand_in()
    assert list(result.runs) == PLAIN
    assert result.repairs == [
        "The cell of sigmoid was there twice; the last one that was changed is graded."
    ]


def test_of_two_versions_the_last_one_is_graded_and_the_other_kept_to_read(desk):
    result = desk.write("exercise-sigmoid", OTHER).duplicate("exercise-sigmoid", SOLVED).hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert OTHER in result.source.values() and OTHER not in result.runs.values()


def test_an_untouched_copy_does_not_displace_the_answer(desk):
    stub = desk["exercise-sigmoid"].source
    result = desk.write("exercise-sigmoid", SOLVED).duplicate("exercise-sigmoid", stub).hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert list(result.runs) == PLAIN
    assert result.repairs == [
        "The cell of sigmoid had been left as released; the other version is graded."
    ]


def test_a_duplicated_check_counts_once(desk):
    result = desk.duplicate("check-sigmoid").hand_in()
    assert len(result.checks) == 2
    assert result.repairs == ["The check cell of sigmoid was there twice; it counts once."]


def test_a_split_answer_keeps_both_halves(desk):
    desk.write("exercise-sigmoid", "def half(z):\n    return np.exp(-z)")
    desk.duplicate("exercise-sigmoid", "def sigmoid(z):\n    return 1 / (1 + half(z))")
    result = desk.hand_in()
    assert list(result.runs.values()).index("def half(z):\n    return np.exp(-z)") == 1
    assert "half(z)" in result.runs["exercise-sigmoid"]


def test_a_deleted_check_is_restored(desk):
    result = desk.delete("check-sigmoid").hand_in()
    assert list(result.runs) == PLAIN
    assert result.repairs == ["The check cell of sigmoid was missing and was restored."]


def test_a_deleted_exercise_is_restored_as_it_was_released(desk):
    result = desk.delete("exercise-sigmoid").hand_in()
    assert "NotImplementedError" in result.runs["exercise-sigmoid"]
    assert result.repairs == [
        "The cell of sigmoid was missing and was restored, without an answer."
    ]


def test_an_emptied_exercise_counts_as_deleted(desk):
    result = desk.write("exercise-sigmoid", " \n").hand_in()
    assert "NotImplementedError" in result.runs["exercise-sigmoid"]
    assert len(result.repairs) == 1


def test_a_deleted_given_cell_is_restored(desk):
    result = desk.delete("code-given").hand_in()
    assert result.ids[2] == "code-given"
    assert result.repairs == [
        "The given cell that begins with `import numpy as np` was missing and was restored."
    ]


def test_deleted_text_and_demos_are_restored_without_a_word(desk):
    result = desk.delete("code-demo").delete("markdown-layer").hand_in()
    assert result.notebook == desk.release
    assert result.repairs == []


def test_an_edited_check_is_put_back(desk):
    result = desk.write("check-sigmoid", "20").hand_in()
    assert result.runs["check-sigmoid"] == "check.sigmoid(sigmoid)"
    assert result.repairs == [
        "The check cell of sigmoid had been edited; the released text was put back."
    ]


def test_an_import_added_to_a_given_cell_is_kept_if_an_answer_uses_it(desk):
    desk.write("code-given", "import numpy as np\nimport math\nimport os\nnp = None")
    result = desk.write("exercise-sigmoid", "def sigmoid(z):\n    return math.exp(z)").hand_in()
    assert list(result.runs.values())[:2] == [desk.release.cells[2].source, "import math"]
    assert "import os" not in "".join(result.source.values())
    assert result.repairs[-1] == (
        "`import math` was kept from an edited cell, because an answer uses it."
    )


def test_reordered_cells_are_graded_in_the_order_of_the_release(desk):
    desk.cells.insert(0, desk.cells.pop(desk.place("check-layer")))
    desk.cells.append(desk.cells.pop(desk.place("exercise-sigmoid")))
    assert desk.hand_in().notebook == desk.release


def test_an_answer_turned_into_a_text_cell_is_graded_as_code(desk):
    desk["exercise-sigmoid"].cell_type = "markdown"
    result = desk.write("exercise-sigmoid", SOLVED).hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert result.repairs == [
        "The cell of sigmoid had been turned into a text cell and was graded as code."
    ]


def test_two_answers_in_one_cell_are_found_when_the_other_cell_is_gone(desk):
    both = f"{SOLVED}\n\ndef layer(x):\n    return x\n\ndef layer_backward(g):\n    return g"
    result = desk.write("exercise-sigmoid", both).delete("exercise-layer").hand_in()
    assert result.runs["exercise-layer"] == both
    assert result.repairs == [
        "The cell of layer was missing; the cell of sigmoid holds its answer."
    ]


def test_an_answer_written_below_the_untouched_stub_is_graded(desk):
    result = desk.add(SOLVED, after="exercise-sigmoid").hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert list(result.runs) == PLAIN


# --- lost metadata -------------------------------------------------------------------------------


def test_a_notebook_without_any_metadata_is_matched_by_content_with_one_line(desk):
    desk.write("exercise-sigmoid", SOLVED).write("question-why", "It helps.")
    desk.write("exercise-layer", "def layer(x):\n    return x\n\ndef layer_backward(g): return g")
    honest = desk.hand_in()
    result = desk.forget_metadata().hand_in()
    assert result.notebook == honest.notebook
    assert result.runs == honest.runs
    assert result.answered == {"why": True}
    assert len(result.repairs) == 1 and "metadata" in result.repairs[0]


def test_colab_keeps_the_ids_in_the_metadata(desk):
    for cell in desk.cells:
        cell.metadata = {"id": cell.pop("id")}
    desk.cells[3].source = SOLVED
    result = desk.hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert len(result.repairs) == 1


def test_one_cell_without_metadata_gets_its_own_line(desk):
    desk["exercise-sigmoid"].metadata = {}
    desk.write("exercise-sigmoid", SOLVED)
    desk["exercise-sigmoid"].id = "new"
    result = desk.hand_in()
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert result.repairs == [
        "The cell of sigmoid had lost its metadata and was recognised by its content."
    ]


def test_an_answer_that_is_not_even_python_is_matched_by_content(desk):
    desk.write("exercise-sigmoid", "def sigmoid(z)\n    return z").forget_metadata()
    assert desk.hand_in().runs["exercise-sigmoid"] == "def sigmoid(z)\n    return z"


def test_a_later_assignment_is_not_mistaken_for_the_definition(desk):
    desk.write("exercise-sigmoid", SOLVED).add("sigmoid = np.vectorize(sigmoid)", "check-sigmoid")
    assert desk.forget_metadata().hand_in().runs["exercise-sigmoid"] == SOLVED


def test_an_exercise_of_two_functions_may_be_in_two_cells(desk):
    desk.write("exercise-layer", "def layer(x):\n    return x")
    desk.add("def layer_backward(g):\n    return g", after="exercise-layer").forget_metadata()
    result = desk.hand_in()
    text = "\n".join(result.runs.values())
    assert "def layer(x)" in text and "def layer_backward(g)" in text
    assert list(result.runs)[-1] == "check-layer"


# --- added cells ---------------------------------------------------------------------------------


def test_added_cells_keep_their_place_and_do_not_run(desk):
    desk.add("1 / 0", after="check-sigmoid").add("My notes", after="markdown-title", markdown=True)
    result = desk.hand_in()
    assert result.ids[:2] == ["markdown-title", "added-1"]
    assert result.ids[result.ids.index("check-sigmoid") + 1] == "added-2"
    assert list(result.runs) == PLAIN
    assert result.repairs == []


def test_a_helper_that_an_answer_uses_runs_and_what_it_needs_too(desk):
    desk.add("import math", after="markdown-title")
    desk.add("def helper(z):\n    return math.exp(z)", after="code-given")
    desk.add("unused = 1", after="code-given")
    desk.write("exercise-sigmoid", "def sigmoid(z):\n    return helper(z)")
    result = desk.hand_in()
    assert "import math" in result.runs.values()
    assert any("def helper" in source for source in result.runs.values())
    assert "unused = 1" not in result.runs.values()


def test_a_local_name_of_an_answer_makes_no_added_cell_run(desk):
    desk.write("exercise-sigmoid", "def sigmoid(z):\n    total = z\n    return total")
    assert list(desk.add("total = slow()", after="code-given").hand_in().runs) == PLAIN


def test_a_demo_runs_only_if_it_was_edited_and_is_needed(desk):
    desk.write("exercise-layer", "def layer(x):\n    return curve\ndef layer_backward(g): return g")
    assert list(desk.hand_in().runs) == PLAIN
    assert "code-demo" in desk.write("code-demo", "curve = 2").hand_in().runs


def test_an_answer_wrapped_before_its_check_stays_wrapped(desk):
    desk.write("exercise-sigmoid", SOLVED)
    desk.add("sigmoid = np.vectorize(sigmoid)", after="exercise-sigmoid")
    assert "sigmoid = np.vectorize(sigmoid)" in desk.hand_in().runs.values()


def test_a_method_added_to_an_answer_later_runs(desk):
    desk.write("exercise-sigmoid", SOLVED).add("sigmoid.slope = 1", after="exercise-sigmoid")
    assert "sigmoid.slope = 1" in desk.hand_in().runs.values()


def test_a_star_import_runs_if_a_name_is_found_nowhere_else(desk):
    desk.add("from math import *", after="code-given").write("exercise-sigmoid", SOLVED)
    assert "from math import *" not in desk.hand_in().runs.values()
    desk.write("exercise-sigmoid", "def sigmoid(z):\n    return exp(z)")
    assert "from math import *" in desk.hand_in().runs.values()


def test_an_added_cell_with_a_syntax_error_breaks_nothing(desk):
    desk.add("def helper(:", after="code-given").write("exercise-sigmoid", "helper = sigmoid =")
    assert list(desk.hand_in().runs) == PLAIN


# --- the question --------------------------------------------------------------------------------


def test_a_blank_answer_is_no_answer(desk):
    assert desk.write("question-why", "  ").hand_in().answered == {"why": False}


def test_an_answer_below_the_untouched_stub_counts(desk):
    result = desk.add("It helps.", after="question-why", markdown=True).hand_in()
    assert result.source["question-why"] == "It helps."
    assert result.answered == {"why": True}
    assert result.ids == [cell.id for cell in desk.release.cells]


def test_a_deleted_answer_cell_is_restored(desk):
    result = desk.delete("question-why").hand_in()
    assert result.answered == {"why": False}
    assert result.repairs == [
        "The answer cell of why was missing and was restored, without an answer."
    ]


def test_a_picture_in_the_answer_is_kept_but_nothing_that_could_be_html(desk):
    pixel = "iVBORw0KGgo="
    desk["question-why"].attachments = {
        "a.png": {"image/png": pixel},
        "b.png": {"image/png": '"><script>'},
        "c.html": {"text/html": pixel},
    }
    result = desk.write("question-why", "![](attachment:a.png)").hand_in()
    assert result.notebook.cells[-1].attachments == {"a.png": {"image/png": pixel}}


# --- the file ------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_removed(desk):
    result = desk.hand_in(b"\xef\xbb\xbf" + desk.text().encode())
    assert result.notebook == desk.release
    assert result.repairs == ["The file began with a byte order mark, which was removed."]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_converted(desk, encoding):
    result = desk.hand_in(desk.text().encode(encoding))
    assert result.notebook == desk.release
    assert len(result.repairs) == 1 and encoding[:6].upper() in result.repairs[0]


def test_bytes_that_are_not_utf_8_are_replaced(desk):
    desk.write("question-why", "caf\u00e9")
    data = json.dumps(desk.notebook, ensure_ascii=False).encode("latin-1", errors="replace")
    result = desk.hand_in(data)
    assert result.source["question-why"] == "caf\ufffd"


def test_lone_surrogates_are_replaced_so_that_the_notebook_can_be_written(desk):
    result = desk.write("question-why", "half \ud83d").hand_in()
    assert result.source["question-why"] == "half \ufffd"
    nbformat.writes(result.notebook).encode()
    assert "surrogates" in result.repairs[0]


def test_windows_line_ends_change_nothing(desk):
    for cell in desk.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    assert desk.hand_in().notebook == desk.release


def test_not_a_number_and_giant_numbers_are_read(desk):
    desk.notebook.metadata = {"a": float("nan"), "b": float("inf"), "c": 0}
    text = desk.text().replace('"c": 0', '"c": ' + "9" * 5000)
    assert desk.hand_in(text).notebook == desk.release


def test_an_old_format_is_upgraded(desk):
    desk.write("exercise-sigmoid", SOLVED)
    old = nbformat.writes(nbformat.convert(copy.deepcopy(desk.notebook), 3), version=3)
    result = desk.hand_in(old)
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert result.repairs == ["The notebook was in format 3 and was converted to 4."]


def test_a_notebook_of_format_2_is_upgraded(desk):
    cells = [
        {"cell_type": "code", "input": cell.source, "outputs": [], "language": "python"}
        if cell.cell_type == "code"
        else {"cell_type": "markdown", "source": cell.source}
        for cell in desk.write("exercise-sigmoid", SOLVED).cells
    ]
    result = desk.hand_in(json.dumps({"nbformat": 2, "worksheets": [{"cells": cells}]}))
    assert result.runs["exercise-sigmoid"] == SOLVED
    assert len(result.repairs) == 2  # the format, and that the metadata was lost


def test_malformed_cells_are_tolerated(desk):
    desk.write("exercise-sigmoid", SOLVED)
    for cell in desk.cells:
        cell.source = [line + "\n" for line in cell.source.split("\n")]
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
    del desk.cells[0]["metadata"], desk.cells[0]["id"]
    desk.cells[1].metadata = ["not", "a", "mapping"]
    desk.cells[5].source = 17
    desk.cells[6].cell_type = None
    desk.cells.append(None)
    result = desk.hand_in()
    assert result.runs["exercise-sigmoid"].strip() == SOLVED
    assert list(result.runs) == PLAIN


QUARANTINED = {
    "an empty file": (b"", "empty"),
    "only blanks": (b" \n\0", "empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "picture"),
    "a zip archive": (b"PK\x03\x04...", "zip"),
    "a web page": (b"<!DOCTYPE html><html>", "web page"),
    "a Python file": (b"import numpy as np\n", "not JSON"),
    "deep nesting": (b"[" * 100_000, "too deeply"),
    "deep nesting in a cell": (b'{"cells": ' + b'{"a":' * 100_000, "too deeply"),
    "too many values": (b"[" + b"[]," * 4_000_001 + b"0]", "values"),
    "too large": (b" " * (32 * 2**20 + 1), "32 MB"),
    "a list": (b"[1, 2]", "not a notebook"),
    "a number": (b"NaN", "not a notebook"),
    "another object": (b'{"name": "ada"}', "not a notebook"),
    "a later format": (b'{"nbformat": 5, "cells": [{}]}', "newer"),
    "an ancient format": (b'{"nbformat": 1, "cells": [{}]}', "old format"),
    "no cells": (b'{"nbformat": 4, "cells": []}', "no cells"),
    "cells of no kind": (b'{"nbformat": 4, "cells": 7}', "no cells"),
    "another notebook": (b'{"nbformat": 4, "cells": [{"source": "1"}]}', "none of the exercises"),
    "a merge conflict": (b'{"cells": [\n<<<<<<< HEAD\n1\n>>>>>>> main\n]}', "git merge"),
}


@pytest.mark.parametrize("data, word", QUARANTINED.values(), ids=QUARANTINED.keys())
def test_what_cannot_be_read_is_quarantined_with_one_line(desk, data, word):
    with pytest.raises(Quarantined, match=word) as caught:
        desk.hand_in(data)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_notebook_is_quarantined(desk, share):
    text = desk.text()
    with pytest.raises(Quarantined, match="breaks off|not valid JSON"):
        desk.hand_in(text[: int(len(text) * share)])


def test_megabytes_of_code_are_quarantined(desk):
    with pytest.raises(Quarantined, match="MB of code"):
        desk.write("exercise-sigmoid", "x = 1\n" * 1_000_000).hand_in()


# --- twice ---------------------------------------------------------------------------------------


def test_taking_in_what_was_taken_in_changes_nothing(desk):
    desk.add("1 / 0", after="check-sigmoid").add("note", after="markdown-why", markdown=True)
    desk.write("exercise-sigmoid", SOLVED).duplicate("check-sigmoid").write("question-why", "So.")
    once = desk.hand_in()
    twice = take_in(nbformat.writes(once.notebook).encode(), desk.release, desk.answers)
    assert twice.notebook == once.notebook
    assert twice.cells == once.taken.cells
    assert twice.repairs == []
