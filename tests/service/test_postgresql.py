"""The service on a real PostgreSQL server: the gradebook and what the service keeps are there."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import create_engine, text

from autograde.service.database import open_database
from chainrule.errors import UserError
from tests.postgres import postgresql

from .running import UNIT, Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_class_on_postgresql_is_graded_once_each_though_killed(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("there") / "class"
    learners = ["learner01", "learner02"]
    with postgresql() as url:
        running = Running(folder, ["--db", url])
        for learner in learners:
            running.token(learner)
        running.start()
        answers: list[int] = []

        def send(learner: str) -> None:
            answers.append(running.hand_in(learner, sample.notebooks[learner]).status_code)

        threads = [threading.Thread(target=send, args=[name]) for name in learners * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 200, 200, 200, 201, 201]
        running.kill()
        running.start()
        running.wait_until_graded(*learners)
        running.stop()
        engine = create_engine(url)
        with engine.connect() as connection:
            rows = connection.execute(text("select learner, number, state from service_attempts"))
            assert sorted(map(tuple, rows)) == [(name, 1, "graded") for name in learners]
            students = connection.execute(text("select student_id from submitted_assignment"))
            assert sorted(student for (student,) in students) == learners
        engine.dispose()
    assert not list(folder.glob("*.db"))
    assert len((folder / f"results/{UNIT}.jsonl").read_text().splitlines()) == 2


def test_a_server_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="database can't be opened") as caught:
        open_database("postgresql+psycopg://x@127.0.0.1:1/none", tmp_path)
    assert "\n" not in str(caught.value)
