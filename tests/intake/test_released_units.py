"""The units as they are released go through intake unharmed, metadata or not."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from autograde.intake import take_in
from chainrule.answers import load_answers
from chainrule.units import released_units

COURSE = Path(__file__).parents[2] / "course"


@pytest.fixture(params=released_units(), ids=lambda unit: unit.folder)
def released(request):
    unit = request.param
    path = COURSE / unit.folder / f"{unit.name}.ipynb"
    return path, nbformat.read(path, as_version=4), load_answers(unit.name)


def test_a_released_unit_is_taken_in_without_a_repair(released):
    path, release, answers = released
    taken = take_in(path.read_bytes(), release, answers)
    assert taken.notebook == release
    assert taken.repairs == []
    assert not any(taken.answered.values())
    assert [cell.exercise for cell in taken.cells if cell.exercise] == list(answers.exercises)


def test_a_unit_that_lost_its_metadata_comes_back_whole(released):
    path, release, answers = released
    bare = nbformat.read(path, as_version=4)
    for number, cell in enumerate(bare.cells):
        cell.metadata, cell.id = {}, f"c{number}"
    taken = take_in(nbformat.writes(bare).encode(), release, answers)
    assert taken.notebook == release
    assert len(taken.repairs) == 1
