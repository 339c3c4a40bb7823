"""Progress is a convenience: it remembers what it can and never stands in the way of a check."""

import json
import os
from pathlib import Path

import pytest

from chainrule import progress
from chainrule.answers import load_answers
from chainrule.progress import Score, load, progress_file, record


def test_it_is_kept_in_the_folder_that_holds_the_unit_folders(course):
    record("00_welcome", "accuracy", 2, 2)
    assert (course / ".chainrule-progress.json").is_file()
    assert not (course / "00_welcome" / ".chainrule-progress.json").exists()


def test_outside_a_unit_it_is_kept_where_we_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record("00_welcome", "accuracy", 2, 2)
    assert progress_file() == tmp_path / ".chainrule-progress.json"
    assert progress_file().is_file()


def test_at_the_top_of_a_clone_it_is_found_in_the_course(course, monkeypatch):
    record("00_welcome", "accuracy", 2, 2)
    monkeypatch.chdir(course.parent)
    assert load() == {"00_welcome": {"accuracy": Score(2, 2, 2)}}


def test_the_best_and_the_last_score_are_kept(course):
    for points in (1.6, 2, 0):
        record("00_welcome", "above_fifty", points, 2)
    assert load()["00_welcome"]["above_fifty"] == Score(best=2, last=0, max_points=2)


def test_exercises_of_other_units_are_left_alone(course):
    record("00_welcome", "accuracy", 2, 2)
    record("01_neuron", "step", 1, 3)
    record("00_welcome", "split", 4, 4)
    assert set(load()) == {"00_welcome", "01_neuron"}
    assert set(load()["00_welcome"]) == {"accuracy", "split"}


def test_an_environment_variable_names_another_file(course, monkeypatch, tmp_path):
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "mine.json"))
    record("00_welcome", "accuracy", 2, 2)
    assert (tmp_path / "mine.json").is_file()
    assert not (course / ".chainrule-progress.json").exists()


def test_off_switches_it_off(course, monkeypatch):
    monkeypatch.setenv(progress.VARIABLE, "off")
    record("00_welcome", "accuracy", 2, 2)
    assert load() == {}
    assert [path.name for path in course.iterdir()] == ["00_welcome"]
    assert "switched off" in repr(progress.progress())


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"units": []}',
        b'{"units": {"00_welcome": 3}}',
        b'{"units": {"00_welcome": {"accuracy": {"best": "a"}}}}',
        b'{"units": {"00_welcome": {"accuracy": {"best": NaN, "last": 1, "max": 2}}}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_with_one_note(course, capsys, damage):
    path = course / ".chainrule-progress.json"
    path.write_bytes(damage)
    assert load() == {}
    record("00_welcome", "accuracy", 2, 2)
    assert load() == {"00_welcome": {"accuracy": Score(2, 2, 2)}}
    assert (course / ".chainrule-progress.damaged.json").read_bytes() == damage
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "damaged" in said.out
    assert said.err == ""


def test_a_second_damaged_file_leaves_the_first_one_alone(course, capsys):
    path = course / ".chainrule-progress.json"
    for damage in ("first", "second", "third"):
        path.write_text(damage)
        load()
    kept = [".chainrule-progress.damaged" + end for end in (".json", "-2.json", "-3.json")]
    assert [(course / name).read_text() for name in kept] == ["first", "second", "third"]
    assert capsys.readouterr().out.count("\n") == 3


def test_a_file_that_cannot_be_written_is_one_note_on_stdout(course, monkeypatch, capsys):
    monkeypatch.setenv(progress.VARIABLE, "/proc/nowhere/progress.json")
    record("00_welcome", "accuracy", 2, 2)
    record("00_welcome", "split", 4, 4)
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "can't be kept" in said.out
    assert said.err == ""


def test_a_folder_in_its_place_is_no_error(course, capsys):
    (course / ".chainrule-progress.json").mkdir()
    record("00_welcome", "accuracy", 2, 2)
    assert load() == {}


def test_writing_leaves_no_other_file_behind(course):
    for points in range(3):
        record("00_welcome", "accuracy", points, 2)
    assert sorted(path.name for path in course.iterdir()) == [
        ".chainrule-progress.json",
        "00_welcome",
    ]


def test_a_failed_write_leaves_the_old_file_whole(course, monkeypatch):
    record("00_welcome", "accuracy", 2, 2)
    before = (course / ".chainrule-progress.json").read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    record("00_welcome", "split", 4, 4)
    assert (course / ".chainrule-progress.json").read_bytes() == before
    assert len(list(course.iterdir())) == 2


def test_the_table_counts_every_exercise_of_a_unit_that_was_begun(course):
    record("00_welcome", "above_fifty", 2, 2)
    record("00_welcome", "accuracy", 1, 2)
    (unit,) = progress.progress().units
    assert (unit.passed, unit.exercises) == (1, 6)
    assert (unit.points, unit.max_points) == (3, 20)
    assert unit.next_step == "next: accuracy"


def test_a_question_that_no_check_judges_is_not_forgotten(course):
    for name, exercise in load_answers("neuron").exercises.items():
        record("01_neuron", name, exercise.points, exercise.points)
    (unit,) = progress.progress().units
    assert unit.next_step == "all passed; a person reads why_scale (2 more points)"


def test_it_shows_itself_as_text_and_as_html(course):
    record("00_welcome", "above_fifty", 2, 2)
    shown = progress.progress()
    assert "1 of 6 exercises, 2 of 20 points" in repr(shown)
    assert "width:10%" in shown._repr_html_() and "aria-label='10%'" in shown._repr_html_()


def test_a_unit_that_is_not_installed_shows_what_was_recorded(course):
    record("29_recommend", "recall_at_k", 3, 3)
    (unit,) = progress.progress().units
    assert (unit.passed, unit.exercises, unit.next_step) == (1, 1, "all passed")


def test_names_from_the_file_cannot_inject_markup(course):
    path = course / ".chainrule-progress.json"
    score = {"best": 1, "last": 1, "max": 2}
    path.write_text(json.dumps({"units": {"<script>": {"<b>": score}}}))
    assert "<script>" not in progress.progress()._repr_html_()


def test_nothing_recorded_says_what_to_do(course):
    assert "Run the check" in repr(progress.progress())
    assert "Run the check" in progress.progress()._repr_html_()
    assert not Path(".chainrule-progress.json").exists()
