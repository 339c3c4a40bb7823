"""What a run does with what an earlier one left: nothing is lost, nothing is done twice."""

import sqlite3
import threading
import zipfile
from contextlib import closing

from autograde.cohort import engine, grade_one
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.prepare import prepare


def newest(klass):
    return klass.class_folder.results(klass.unit).newest()


def marks(klass):
    with closing(sqlite3.connect(klass.folder / "class/gradebook.db")) as gradebook:
        return gradebook.execute("select id, auto_score from grade order by id").fetchall()


def test_scores_that_the_gradebook_lacks_are_written_by_the_next_run(small):
    before = marks(small)
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as gradebook:
        gradebook.execute("update grade set auto_score = null")
        gradebook.commit()
    again = small.grade_again()
    assert (again.graded, again.skipped) == (0, 6)
    assert marks(small) == before


def test_a_gradebook_that_holds_everything_is_not_written_again(small):
    with GradebookProjection(small.class_folder, small.unit) as gradebook:
        assert gradebook.lacking(newest(small).values()) == []


def test_a_gradebook_that_was_removed_is_made_again(small):
    (small.folder / "class/gradebook.db").unlink()
    small.grading = prepare(small.unit, small.class_folder)
    assert small.grade_again().skipped == 6
    with GradebookProjection(small.class_folder, small.unit) as gradebook:
        assert gradebook.lacking(newest(small).values()) == []


def test_an_error_of_ours_is_one_ungraded_record_that_is_tried_again_first(small, monkeypatch):
    for learner in ("learner02", "learner05"):
        path = next(small.submitted.glob(f"{learner}/*/*.ipynb"))
        path.write_bytes(path.read_bytes() + b"\n")
    honest, order, lock = grade_one.take_in, [], threading.Lock()

    def fails_for_05(data, *args):
        if data == next(small.submitted.glob("learner05/*/*.ipynb")).read_bytes():
            raise MemoryError("planted")
        return honest(data, *args)

    monkeypatch.setattr(grade_one, "take_in", fails_for_05)
    summary = small.grade_again()
    assert (summary.graded, summary.ungraded) == (1, 1)
    record = newest(small)["learner05"]
    assert {result.score for result in record.exercises} == {None}
    assert "MemoryError: planted" in record.reason

    def notes_the_order(grading, sandbox, handed_in):
        with lock:
            order.append(handed_in.learner)
        return one(grading, sandbox, handed_in)

    one = engine.grade_one
    monkeypatch.setattr(grade_one, "take_in", honest)
    monkeypatch.setattr(engine, "grade_one", notes_the_order)
    path = next(small.submitted.glob("learner01/*/*.ipynb"))
    path.write_bytes(path.read_bytes() + b"\n")
    assert small.grade_again().graded == 2
    assert order[0] == "learner05"


def test_what_can_not_be_read_is_recorded_once(small):
    folder = small.submitted / "zoe/01_neuron"
    folder.mkdir(parents=True)
    (folder / "neuron.ipynb").symlink_to("/etc/hostname")
    assert small.grade_again().quarantined == 1
    lines = small.class_folder.results(small.unit).path.read_bytes()
    assert small.grade_again().skipped == 7
    assert small.class_folder.results(small.unit).path.read_bytes() == lines


def test_a_folder_called_like_a_notebook_and_an_empty_one_are_listed_beside_an_archive(small):
    folder = small.submitted / "zip/01_neuron"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "work.zip", "w") as archive:
        archive.writestr("neuron.ipynb", "{}")
    (small.submitted / "folder/01_neuron/neuron.ipynb").mkdir(parents=True)
    (small.submitted / "empty").mkdir()
    small.grade_again()
    found = {name: newest(small)[name].status for name in ("zip", "folder", "empty")}
    assert found == {"zip": "quarantined", "folder": "quarantined", "empty": "missing"}
