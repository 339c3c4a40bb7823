"""nbgrader's gradebook: on a real PostgreSQL server, beside formgrader, and late submissions."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.api import Gradebook

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.gradebook import Entry, GradebookProjection
from autograde.cohort.prepare import prepare
from autograde.report.export import export_text
from chainrule.errors import UserError
from tests.postgres import postgresql


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own."""
    with postgresql() as url:
        yield url


def marks(url: str) -> dict[tuple[str, str], float | None]:
    """(learner, cell) -> automatic score, as nbgrader itself reads the gradebook."""
    with Gradebook(url) as gradebook:
        return {
            (submission.student.id, grade.cell.name): grade.auto_score
            for submission in gradebook.assignment_submissions("01_neuron")
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.mark.slow
def test_a_postgresql_server_holds_the_same_marks_as_the_file(small, server):
    there = replace_gradebook(small, server)
    assert there.grade_again().skipped == 6  # results fill a gradebook that is new
    assert marks(server) == marks(small.class_folder.gradebook_url)
    assert len(marks(server)) == 6 * (len(small.grading.answers.exercises) + 1)
    path = next(small.submitted.glob("learner02/*/*.ipynb"))
    path.write_bytes(path.read_bytes() + b"\n")
    assert there.grade_again().graded == 1


class OnServer:
    def __init__(self, small, url: str) -> None:
        self.small, self.folder = small, ClassFolder(small.folder / "class", url)
        self.grading = prepare(small.unit, self.folder)

    def grade_again(self):
        from autograde.cohort.grade import grade_class

        return grade_class(self.grading, self.small.submitted, self.folder, jobs=1)


def replace_gradebook(small, url: str) -> OnServer:
    return OnServer(small, url)


def test_a_server_that_is_not_there_is_a_sentence(small):
    nowhere = ClassFolder(small.folder / "class", "postgresql+psycopg://x@127.0.0.1:1/none")
    with pytest.raises(UserError, match="can't be opened: .*Results are safe"):
        with GradebookProjection(nowhere, small.unit):
            pass


def test_a_person_marks_and_reads_while_scores_are_written(small):
    """Readers never wait, and a mark waits for its turn instead of failing: the file is in WAL."""
    url, stop, trouble = small.class_folder.gradebook_url, threading.Event(), []
    records = list(small.class_folder.results(small.unit).newest().values())

    def person() -> None:
        try:
            while not stop.is_set():
                with Gradebook(url) as gradebook:
                    grade = gradebook.find_grade(
                        "check_step", "neuron", "01_neuron", records[0].learner
                    )
                    grade.manual_score = 1.0
                    gradebook.db.commit()
        except Exception as error:
            trouble.append(error)

    thread = threading.Thread(target=person)
    thread.start()
    with GradebookProjection(small.class_folder, small.unit) as gradebook:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            gradebook.write([Entry(record) for record in records])
    stop.set()
    thread.join()
    assert trouble == []
    with closing(sqlite3.connect(small.folder / "class/gradebook.db")) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_someone_who_holds_the_gradebook_for_a_while_is_waited_for(small):
    records = list(small.class_folder.results(small.unit).newest().values())
    holder = sqlite3.connect(small.folder / "class/gradebook.db", check_same_thread=False)
    holder.execute("begin immediate")
    threading.Timer(7, holder.rollback).start()  # longer than SQLite waits by itself
    with GradebookProjection(small.class_folder, small.unit) as gradebook:
        gradebook.write([Entry(record) for record in records])


PLUGIN = """
from nbgrader.plugins import BasePlugin

class OnePointADay(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return -(-total_seconds_late // 86400)
"""


@pytest.fixture
def late(small, monkeypatch):
    """The class with a deadline: learner01 is 36 hours late, and a plugin that takes a point a
    day, named where instructors name it."""
    with Gradebook(small.class_folder.gradebook_url) as gradebook:
        now = datetime.now(UTC).replace(tzinfo=None)
        gradebook.update_or_create_assignment("01_neuron", duedate=now - timedelta(days=1))
    (small.folder / "one_point_a_day.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(small.folder))
    settings = small.folder / "jupyter"
    settings.mkdir()
    (settings / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        "from one_point_a_day import OnePointADay\n"
        "c.AssignLatePenalties.plugin_class = OnePointADay\n"
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(settings))
    return replace(small), now


def penalties(klass) -> dict[str, float | None]:
    with Gradebook(klass.class_folder.gradebook_url) as gradebook:
        return {
            one.student.id: one.notebooks[0].late_submission_penalty
            for one in gradebook.assignment_submissions("01_neuron")
        }


def write(klass, times) -> None:
    newest = klass.class_folder.results(klass.unit).newest()
    with GradebookProjection(klass.class_folder, klass.unit) as gradebook:
        gradebook.write([Entry(newest[name], when) for name, when in times.items()])


def test_nbgraders_plugin_takes_points_off_late_work(late):
    klass, now = late
    write(klass, {"learner01": now + timedelta(hours=12), "learner02": now - timedelta(days=2)})
    taken = penalties(klass)
    assert taken["learner01"] == 2 and taken["learner02"] is None


def test_a_mark_by_hand_changes_what_there_is_to_lose(late):
    """The penalty is at most the score, whenever the score came to be."""
    klass, now = late
    write(klass, {"learner01": now + timedelta(days=100)})
    everything = penalties(klass)["learner01"]
    with Gradebook(klass.class_folder.gradebook_url) as gradebook:
        question = klass.grading.answers.questions[0].name
        grade = gradebook.find_grade(question, "neuron", "01_neuron", "learner01")
        grade.manual_score = 2.0
        gradebook.db.commit()
    with GradebookProjection(klass.class_folder, klass.unit) as gradebook:
        assert gradebook.charge_late() == {"learner01": everything + 2}


def test_what_is_taken_off_is_missing_in_canvas_and_said_in_moodle(late):
    klass, _ = late
    records = [klass.class_folder.results(klass.unit).newest()["learner01"]]
    scored = [
        replace(
            record,
            exercises=tuple(
                replace(result, score=result.score or 0.0, status="graded")
                for result in record.exercises
            ),
        )
        for record in records
    ]
    answers = klass.grading.answers
    before = float(export_text(scored, answers, "canvas").splitlines()[2].split(",")[-1])
    after = export_text(scored, answers, "canvas", {"learner01": 2.0}).splitlines()[2]
    assert float(after.split(",")[-1]) == pytest.approx(max(0.0, before - 2))
    said = export_text(scored, answers, "moodle", {"learner01": 2.0})
    assert "Handed in late: 2 points are taken off." in said


def test_a_plugin_that_fails_is_a_sentence_and_loses_nothing(late):
    klass, now = late
    (klass.folder / "one_point_a_day.py").write_text(PLUGIN.replace("86400", "0"))
    import sys

    sys.modules.pop("one_point_a_day", None)
    with pytest.raises(UserError, match="plugin for late submissions fails on learner01"):
        write(klass, {"learner01": now + timedelta(hours=12)})
    assert klass.grade_again().skipped == 6
