"""Regrading after a fix: what it touches, what it shows, what it leaves alone."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from autograde.cohort import grade_one
from autograde.cohort.prepare import prepare
from autograde.cohort.regrade import change_rows, regrade_class, touched_by
from autograde.unit import load_unit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fix(small, tmp_path):
    """A function: the unit with some text of its exercises.py replaced, ready to grade."""
    root = tmp_path / "clone"
    for part in ("solutions/01_neuron", "course/01_neuron", "course/chainrule/neuron"):
        shutil.copytree(ROOT / part, root / part)
    (root / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())

    def change(old: str, new: str, draft: bool = False):
        path = root / "solutions/01_neuron/exercises.py"
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        return prepare(load_unit(root, "01"), small.class_folder, draft=draft)

    change.root = root
    return change


MORE_FOR_STEP = (
    "points=2,\n    compare=close(),\n    minutes=5,",
    "points=4,\n    compare=close(),\n    minutes=5,",
)


def newest(klass):
    return klass.class_folder.results(klass.unit).newest()


def score(record, exercise):
    return next(r.score for r in record.exercises if r.exercise == exercise)


@pytest.fixture
def nothing_runs(monkeypatch):
    def fail(*args):
        raise AssertionError("a learner's code was run")

    monkeypatch.setattr(grade_one, "run_submission", fail)


def test_without_a_change_nothing_changes_and_nothing_runs(small, nothing_runs):
    before = small.class_folder.results(small.unit).path.read_bytes()
    found = regrade_class(small.grading, small.class_folder, apply=True, jobs=1)
    assert (found.looked_at, found.run, found.changes) == (6, 0, [])
    assert small.class_folder.results(small.unit).path.read_bytes() == before


def test_more_points_are_shown_first_and_applied_when_asked(small, fix, nothing_runs):
    grading, before = fix(*MORE_FOR_STEP), newest(small)
    lines = small.class_folder.results(small.unit).path.read_bytes()
    shown = regrade_class(grading, small.class_folder, jobs=1)
    assert {change.after.exercise for change in shown.changes} == {"step"}
    assert shown.learners(1) == sum(score(record, "step") > 0 for record in before.values())
    assert shown.learners(-1) == 0
    assert small.class_folder.results(small.unit).path.read_bytes() == lines

    regrade_class(grading, small.class_folder, apply=True, jobs=1)
    for learner, record in newest(small).items():
        assert score(record, "step") == pytest.approx(2 * score(before[learner], "step"), abs=0.02)
        assert score(record, "sigmoid") == score(before[learner], "sigmoid")
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as gradebook:
        best = gradebook.execute(
            "select max(auto_score) from grade where cell_id in"
            " (select id from base_cell where name = 'check_step')"
        ).fetchone()
    assert best == (4,)
    page = small.class_folder.feedback("learner01", small.unit).read_text()
    assert "of 4" in page
    again = regrade_class(grading, small.class_folder, jobs=1)
    assert again.changes == []


def test_showing_leaves_release_and_gradebook_alone(small, fix, nothing_runs):
    release = small.folder / "class/release/01_neuron/neuron.ipynb"
    before = release.read_bytes()
    shown = regrade_class(fix(*MORE_FOR_STEP, draft=True), small.class_folder, jobs=1)
    assert shown.changes and release.read_bytes() == before
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as gradebook:
        points = gradebook.execute(
            "select max_score from grade_cells where id in"
            " (select id from base_cell where name = 'check_step')"
        ).fetchone()
    assert points == (2,)


def test_other_cases_make_the_code_run_again(small, fix):
    more = ('both sides of zero", mixed_signs(rng, 9)', 'both sides of zero", mixed_signs(rng, 11)')
    found = regrade_class(fix(*more), small.class_folder, jobs=2)
    assert (found.looked_at, found.run) == (6, 6)
    assert found.changes == []


def test_grading_again_leaves_a_changed_unit_to_regrade(small, fix):
    again = replace(small, grading=fix(*MORE_FOR_STEP)).grade_again()
    assert (again.graded, again.skipped, again.outdated) == (0, 6, 6)


def test_a_mark_by_hand_stays_and_waits_for_another_look(small, fix):
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as gradebook:
        gradebook.execute(
            "update grade set manual_score = 1.5 where cell_id in"
            " (select id from base_cell where name = 'check_step')"
        )
        gradebook.commit()
    found = regrade_class(fix(*MORE_FOR_STEP), small.class_folder, apply=True, jobs=1)
    assert found.learners(1) == 0 and all(change.marked for change in found.changes)
    assert {row["note"] for row in change_rows(found.changes)} == {"marked by hand, which stays"}
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as gradebook:
        rows = gradebook.execute(
            "select manual_score, auto_score > 2, needs_manual_grade from grade where cell_id in"
            " (select id from base_cell where name = 'check_step')"
        ).fetchall()
    assert {manual for manual, _, _ in rows} == {1.5}
    assert all(waits for _, changed, waits in rows if changed)


def test_a_named_exercise_brings_what_uses_it_and_nothing_else(small, fix):
    answers = small.grading.answers
    assert touched_by(answers, ["sigmoid"]) >= {"sigmoid", "neuron"}
    assert "weighted_sum" not in touched_by(answers, ["sigmoid"])
    assert touched_by(answers, []) >= set(answers.exercises)
    assert regrade_class(fix(*MORE_FOR_STEP), small.class_folder, ["sigmoid"], jobs=1).changes == []


def test_what_was_not_kept_is_named(small, fix, nothing_runs):
    small.class_folder.kept("learner02", small.unit).write_bytes(b"damaged")
    small.class_folder.kept("learner03", small.unit).unlink()
    found = regrade_class(fix(*MORE_FOR_STEP), small.class_folder, jobs=1)
    assert found.looked_at == 4 and found.not_kept == ["learner02", "learner03"]


def test_the_command_shows_who_gains(small, fix):
    fix(*MORE_FOR_STEP)
    said = command("01", "step", "--class", small.folder / "class", "--root", fix.root)
    assert said.returncode == 0, said.stderr
    assert "step: 2 of 2 -> 4 of 4" in said.stdout
    assert "gain, 0 lose" in said.stdout and "To write it, add --apply." in said.stdout


def test_an_exercise_that_is_not_there_is_a_sentence(small):
    said = command("01", "stepp", "--class", small.folder / "class")
    assert said.returncode == 2 and "has no exercise 'stepp'; it has weighted_sum" in said.stderr


def command(*words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "chainrule", "regrade", *map(str, words), "--jobs", "1"]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
