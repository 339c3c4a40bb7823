"""The queue with an engine that does as it is told: order, failures, trouble, deadlines."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import OperationalError

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grade_one import Graded, HandedIn, same_for_all, without_scores
from autograde.cohort.prepare import prepare
from autograde.cohort.results import (
    QUARANTINED,
    UNGRADED,
    Record,
    one_at_a_time,
    to_line,
)
from autograde.service import grader as module
from autograde.service.records import Records
from autograde.unit import load_unit
from chainrule.errors import UserError

from .running import ROOT, UNIT
from .test_handing_in import NOTEBOOK
from .test_pages import log_in

pytestmark = pytest.mark.timeout(120)


class Engine:
    """Grades as `verdict` says, and notes whose submission was graded when."""

    def __init__(self, grading, verdict) -> None:
        self.grading, self.verdict, self.order = grading, verdict, []

    def threads(self) -> int:
        return 4

    def graded(self, todo, stop):
        for handed_in in todo:
            self.order.append((handed_in.learner, len(handed_in.data)))
            yield self.verdict(self, handed_in)


def full_marks(engine: Engine, handed_in: HandedIn) -> Graded:
    return Graded(without_scores(engine.grading, handed_in, QUARANTINED, "as told"), page="<p>")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A class folder made ready to grade unit 01, and what grading it needs."""
    folder = tmp_path_factory.mktemp("prepared")
    return folder, prepare(load_unit(ROOT, "01"), ClassFolder(folder))


@pytest.fixture
def queue(app, prepared, monkeypatch):
    """The application, and what starts its grader with an engine that gives these verdicts."""
    engines = []
    folder, grading = prepared
    shutil.copytree(folder, app.folder, dirs_exist_ok=True)
    monkeypatch.setattr(module, "prepare", lambda *_: grading)

    def start(verdict=full_marks):
        @contextmanager
        def open_engine(grading, *_):
            engines.append(Engine(grading, verdict))
            yield engines[-1]

        monkeypatch.setattr(module, "open_engine", open_engine)
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.2)
        app.service.grader.start()

    app.start, app.engines = start, engines
    yield app
    app.service.grader.stop()
    app.service.grader.join(30)


def wait_for(app, learner: str, state: str) -> list:
    deadline = time.monotonic() + 60
    while any(one.state != state for one in app.service.attempts.of(learner, UNIT)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return app.service.attempts.of(learner, UNIT)


def test_a_learners_attempts_are_graded_in_their_order_one_after_the_other(queue):
    header = queue.header("ada")
    for number in range(4):
        queue.hand_in(header, NOTEBOOK + b" " * number)
    queue.hand_in(queue.header("ben"), NOTEBOOK)
    queue.start()
    last = wait_for(queue, "ada", "graded")[-1]
    graded = [size for learner, size in queue.engines[0].order if learner == "ada"]
    assert graded == [len(NOTEBOOK) + number for number in range(4)]
    assert queue.service.records[UNIT].counts(last)
    with Gradebook(queue.service.class_folder.gradebook_url) as gradebook:
        due = gradebook.find_assignment(UNIT).duedate
    assert due == datetime(2030, 6, 30, 21, 59)  # that of service.toml, in UTC


def test_a_deadline_changed_meanwhile_reaches_the_gradebook(queue):
    queue.hand_in(queue.header("ada"), NOTEBOOK)
    queue.start()
    wait_for(queue, "ada", "graded")
    settings = queue.folder / "service.toml"
    settings.write_text(settings.read_text().replace("2030-06-30", "2031-07-01"))
    queue.hand_in(queue.header("ben"), NOTEBOOK)
    wait_for(queue, "ben", "graded")
    with Gradebook(queue.service.class_folder.gradebook_url) as gradebook:
        assert gradebook.find_assignment(UNIT).duedate == datetime(2031, 7, 1, 21, 59)


def test_who_was_graded_without_the_service_has_a_page_too(queue):
    queue.hand_in(queue.header("ada"), NOTEBOOK)
    queue.start()
    wait_for(queue, "ada", "graded")
    results = queue.service.class_folder.results(queue.service.known[UNIT])
    results.append(replace(results.newest()["ada"], learner="eve"))
    page = f"/class/units/{UNIT}/learners/"
    log_in(queue, "teacher", instructor=True)
    assert queue.client.get(page + "eve").status_code == 200
    assert queue.client.get(page + "nobody").status_code == 404


def test_what_the_grader_fails_on_is_tried_three_times_and_again_after_a_start(queue):
    def fail(engine, handed_in):
        record = without_scores(engine.grading, handed_in, UNGRADED, "out of memory")
        return Graded(record)

    header = queue.header("ada")
    queue.hand_in(header, NOTEBOOK)
    queue.start(fail)
    wait_for(queue, "ada", "ungraded")
    assert len(queue.engines[0].order) == module.MOST_TRIES
    (attempt,) = queue.client.get(f"/api/units/{UNIT}/attempts", headers=header).json()
    assert (attempt["state"], attempt["points"]) == ("ungraded", None)
    assert queue.service.attempts.try_again() == 1


def test_trouble_is_said_and_goes_away_by_itself(queue):
    calls = []

    def no_disk_at_first(engine, handed_in):
        calls.append(1)
        if len(calls) == 1:
            raise UserError("The disk is full.")
        return full_marks(engine, handed_in)

    queue.hand_in(queue.header("ada"), NOTEBOOK)
    queue.start(no_disk_at_first)
    wait_for(queue, "ada", "graded")
    assert len(calls) == 2 and queue.service.grader.trouble == ""


def test_another_command_that_grades_is_waited_for(queue):
    queue.hand_in(queue.header("ada"), NOTEBOOK)
    with one_at_a_time(queue.folder):
        queue.start()
        deadline = time.monotonic() + 60
        while "Another chainrule command" not in queue.service.grader.trouble:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    wait_for(queue, "ada", "graded")


def test_results_are_read_as_they_grow_and_half_a_line_is_not(app, tmp_path):
    service = app.service
    unit = service.known[UNIT]
    answers = service.unit(UNIT).answers
    records = Records(service.class_folder, unit)
    app.hand_in(app.header("ada"), NOTEBOOK)
    (attempt,) = service.attempts.of("ada", UNIT)

    def line(score: float) -> str:
        results = tuple(same_for_all(answers, score, "graded", ""))
        return to_line(Record("ada", UNIT, attempt.sha256, {}, results))

    records.path.parent.mkdir()
    records.path.write_text(line(0) + line(1)[:40])
    assert records.of(attempt).exercises[0].score == 0
    with records.path.open("a") as file:
        file.write("\n" + line(1))
    assert records.of(attempt).exercises[0].score == 1 and records.counts(attempt)
    records.path.write_text(line(2))  # restored from a copy
    assert records.of(attempt).exercises[0].score == 2


def test_a_database_that_is_away_for_a_moment_stops_nothing(queue, monkeypatch):
    attempts, calls = queue.service.attempts, []
    honest = attempts.waiting

    def away_at_first(units):
        calls.append(units)
        if len(calls) == 1:
            raise OperationalError("select", {}, ConnectionError("the server is gone"))
        return honest(units)

    monkeypatch.setattr(attempts, "waiting", away_at_first)
    queue.hand_in(queue.header("ada"), NOTEBOOK)
    queue.start()
    wait_for(queue, "ada", "graded")
    assert len(calls) > 1
