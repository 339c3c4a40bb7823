"""Grading on worker processes, here and behind a scheduler: what dies is found out and replaced."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autograde.cohort import engine
from autograde.cohort.engine import open_engine, require_encryption
from autograde.cohort.grade import grade_class
from autograde.cohort.grade_one import HandedIn
from autograde.cohort.keys import make_keys
from autograde.report import cells
from chainrule.errors import UserError


def handed_in(klass) -> list[HandedIn]:
    paths = sorted(klass.submitted.glob("*/*/*.ipynb"))
    return [HandedIn(path.parents[1].name, path.read_bytes()) for path in paths]


def scores(graded) -> dict[str, list[float | None]]:
    return {g.record.learner: [r.score for r in g.record.exercises] for g in graded}


def kept_scores(klass) -> dict[str, list[float | None]]:
    newest = klass.class_folder.results(klass.unit).newest()
    return {name: [r.score for r in record.exercises] for name, record in newest.items()}


@pytest.mark.slow
def test_worker_processes_give_what_threads_gave(small):
    with open_engine(small.grading, jobs=2, apart=True) as workers:
        addresses = set(workers.client.nthreads())
        assert len(addresses) == 2 and all(a.startswith("tls://127.0.0.1") for a in addresses)
        graded = list(workers.graded(iter(handed_in(small)), threading.Event()))
    assert scores(graded) == kept_scores(small)


@pytest.mark.slow
def test_a_killed_worker_costs_only_what_it_had_in_hand(small):
    """Each of two workers is killed once; every submission is graded once all the same."""
    todo = handed_in(small) * 3
    with open_engine(small.grading, jobs=2, apart=True) as workers:
        victims = list(workers.client.run(os.getpid).values())
        graded = []
        for one in workers.graded(iter(todo), threading.Event()):
            graded.append(one)
            if victims and len(graded) in (2, 8):
                os.kill(victims.pop(), signal.SIGKILL)
    assert len(graded) == len(todo)
    assert scores(graded) == kept_scores(small)
    assert {one.record.status for one in graded} == {"graded"}


@pytest.mark.slow
def test_a_submission_with_which_workers_die_is_put_in_quarantine(small, monkeypatch):
    """The others on the same workers are graded, also those that were in hand when it struck."""
    todo = handed_in(small)
    monkeypatch.setattr(engine, "grade_here", Deadly(todo[1].data))
    with open_engine(small.grading, jobs=2, apart=True) as workers:
        graded = list(workers.graded(iter(todo), threading.Event()))
    by_learner = {one.record.learner: one.record for one in graded}
    assert len(graded) == len(todo) == len(by_learner)
    deadly = by_learner.pop(todo[1].learner)
    assert deadly.status == "quarantined"
    assert "the worker that had it in hand died" in deadly.reason
    assert {record.status for record in by_learner.values()} == {"graded"}


class Deadly:
    """Grades as usual, but a worker that gets these bytes dies of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __call__(self, one: HandedIn):
        if one.data == self.data:
            os._exit(1)
        return REAL(one)


REAL = engine.grade_here


def test_after_stop_nothing_further_is_begun(small):
    stop, taken = threading.Event(), []

    def todo():
        for one in handed_in(small) * 5:
            taken.append(one)
            yield one

    with open_engine(small.grading, jobs=1) as workers:
        graded = []
        for one in workers.graded(todo(), stop):
            graded.append(one)
            stop.set()
    assert len(graded) == len(taken) <= engine.IN_HAND + 1


def test_pages_made_at_the_same_time_are_the_pages_made_alone(small):
    """The parser of Markdown is not safe in threads; its cache would keep what it spoiled."""
    todo = handed_in(small)
    pages = {one.learner: page(small, one.learner) for one in todo}
    for _ in range(3):
        cells.markdown.cache_clear()
        with open_engine(small.grading, jobs=4) as workers:
            for one in workers.graded(iter(todo), threading.Event()):
                text = without_time(one.page or "")
                assert text == pages[one.record.learner]


def page(small, learner: str) -> str:
    return without_time(small.class_folder.feedback(learner, small.unit).read_text())


def without_time(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "Graded " not in line)


@pytest.mark.parametrize(
    "address", ["tcp://grader.example.org:8786", "tcp://10.0.0.7:8786", "ws://localhost", "grader"]
)
def test_what_others_could_listen_to_is_refused(address):
    with pytest.raises(UserError, match="not encrypted"):
        require_encryption(address)


def test_loopback_and_tls_are_allowed():
    for address in ("tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tls://grader.example.org:8786"):
        require_encryption(address)


def test_keys_are_not_written_over(tmp_path):
    make_keys(tmp_path)
    before = (tmp_path / "key.pem").read_bytes()
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserError, match="is there already"):
        make_keys(tmp_path)
    assert (tmp_path / "key.pem").read_bytes() == before


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, started as `chainrule keys` says; its address and keys."""
    folder = tmp_path_factory.mktemp("cluster")
    make_keys(folder / "keys")
    tls = [
        f"--tls-{option}={folder}/keys/{name}.pem"
        for option, name in (("ca-file", "ca"), ("cert", "cert"), ("key", "key"))
    ]
    dask = [str(Path(sys.executable).with_name("dask"))]
    place = folder / "scheduler.json"
    quietly = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0"]
            + ["--no-dashboard", f"--scheduler-file={place}", *tls],
            **quietly,
        )
    ]
    while not place.exists():
        assert started[0].poll() is None
        time.sleep(0.1)
    started += [
        subprocess.Popen(
            [*dask, "worker", f"--scheduler-file={place}", "--nthreads", "1"]
            + ["--no-dashboard", *tls],
            **quietly,
        )
        for _ in range(2)
    ]
    yield json.loads(place.read_text())["address"], folder / "keys"
    for process in reversed(started):
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_a_cluster_with_tls_grades_a_class(small, cluster, tmp_path):
    address, keys = cluster
    assert address.startswith("tls://")
    before = kept_scores(small)
    shutil.rmtree(small.folder / "class" / "results")
    again = grade_class(
        small.grading, small.submitted, small.class_folder, 1, scheduler=address, keys=keys
    )
    assert again.graded == 6 and kept_scores(small) == before
    assert small.class_folder.feedback("learner01", small.unit).exists()


@pytest.mark.slow
def test_whoever_has_other_keys_is_not_let_in(small, cluster, tmp_path):
    address, _ = cluster
    make_keys(tmp_path / "others")
    with pytest.raises(UserError, match="No Dask scheduler answers"):
        grade_class(
            small.grading,
            small.submitted,
            small.class_folder,
            1,
            again=True,
            scheduler=address,
            keys=tmp_path / "others",
        )


def test_a_cluster_without_keys_says_how_to_make_some(small):
    with pytest.raises(UserError, match="chainrule keys DIR"):
        grade_class(
            small.grading,
            small.submitted,
            small.class_folder,
            1,
            again=True,
            scheduler="tls://127.0.0.1:1",
        )
