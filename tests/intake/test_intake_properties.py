"""Whatever is handed in, it is taken in or quarantined with a sentence; never anything else."""

from __future__ import annotations

import json
import random

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograde.intake import Quarantined

SOME = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

sources = st.sampled_from(
    [
        "def sigmoid(z):\n    return 1",
        "check.sigmoid(sigmoid)",
        "import numpy as np\nfrom chainrule.neuron import check",
        "def layer(x):\n    return x",
        "def (",
        "%%time\nsigmoid = 3",
        "Why scale?",
        "Write your answer here.",
        "\ud800\0",
        "",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | sources
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
ids = st.sampled_from(["exercise-sigmoid", "check-sigmoid", "code-given", "question-why", "new"])
grade_ids = st.sampled_from(["sigmoid", "layer", "check_sigmoid", "why", "code_given", "other"])
marks = st.fixed_dictionaries(
    {},
    optional={
        "nbgrader": st.fixed_dictionaries({"grade_id": grade_ids | anything}) | anything,
        "chainrule": st.dictionaries(
            st.sampled_from(["exercise", "check", "question"]), grade_ids | anything, max_size=2
        ),
        "id": ids | anything,
        "tags": anything,
    },
)
cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]) | anything,
        "source": sources | st.lists(sources, max_size=3) | anything,
        "input": sources | anything,
        "id": ids | anything,
        "metadata": marks | anything,
        "outputs": anything,
        "attachments": anything,
        "level": anything,
    },
)
cell_lists = st.lists(cells | anything, max_size=8)
notebooks = st.fixed_dictionaries(
    {},
    optional={
        "nbformat": st.sampled_from([1, 2, 3, 4, 4, 4, 5]) | anything,
        "nbformat_minor": anything,
        "metadata": anything,
        "cells": cell_lists | anything,
        "worksheets": st.lists(st.fixed_dictionaries({"cells": cell_lists}) | anything, max_size=2)
        | anything,
    },
)


def take_or_quarantine(desk, data):
    try:
        result = desk.hand_in(data)
    except Quarantined as reason:
        assert str(reason) and "\n" not in str(reason)
        return None
    nbformat.writes(result.notebook).encode()
    assert [check[0] for check in result.checks] == ["sigmoid", "layer"]
    released = [cell.id for cell in desk.release.cells]
    assert [cell_id for cell_id in result.ids if cell_id in released] == released
    assert len(set(result.ids)) == len(result.ids)
    for cell in desk.release.cells:
        if cell.metadata.get("nbgrader", {}).get("locked"):
            assert result.source[cell.id] == cell.source
    assert all("\n" not in line for line in result.repairs)
    return result


@SOME
@given(data=st.binary(max_size=300))
def test_any_bytes(desk, data):
    take_or_quarantine(desk, data)


@SOME
@given(value=anything)
def test_any_json(desk, value):
    take_or_quarantine(desk, json.dumps(value))


@SOME
@given(notebook=notebooks)
def test_anything_that_looks_like_a_notebook(desk, notebook):
    take_or_quarantine(desk, json.dumps(notebook))


@SOME
@given(extra=cell_lists, seed=st.integers())
def test_the_released_cells_shuffled_among_others(desk, extra, seed):
    shuffled = json.loads(json.dumps(desk.release.cells)) + extra
    random.Random(seed).shuffle(shuffled)
    assert take_or_quarantine(desk, json.dumps({"nbformat": 4, "cells": shuffled}))


@SOME
@given(data=st.data())
def test_a_notebook_with_damaged_bytes(desk, data):
    text = bytearray(desk.text().encode())
    for _ in range(data.draw(st.integers(1, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    take_or_quarantine(desk, bytes(text))


@SOME
@given(data=st.data())
def test_an_answer_in_the_released_cell_is_what_runs(desk, data):
    answer = data.draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
    result = take_or_quarantine(desk, desk.write("exercise-sigmoid", answer).text())
    assert result
    if answer.strip():
        assert result.runs["exercise-sigmoid"] == answer


@pytest.mark.parametrize("version", [3, 4])
def test_the_release_round_trips(desk, version):
    text = nbformat.writes(nbformat.convert(desk.notebook, version), version=version)
    result = take_or_quarantine(desk, text)
    assert result
    assert result.notebook == desk.release
    assert len(result.repairs) == (version == 3)
