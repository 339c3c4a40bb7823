"""A sample class that hands in to a real service, which grades it once for all that look at it."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograde.cohort.sample import make_class
from autograde.service.app import create_app
from autograde.service.grader import Workers
from autograde.service.service import Service
from autograde.unit import load_unit
from tests.browser.conftest import browser, page, start_lab  # noqa: F401

from .running import ROOT, SETTINGS, UNIT, Running

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a package that is not needed for this
    from starlette.testclient import TestClient


@dataclass
class Sample:
    """Six learners' notebooks, and (learner, exercise) -> (score, status) as it truly is."""

    folder: Path
    notebooks: dict[str, bytes]
    truth: dict[tuple[str, str], tuple[str, str]]


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Sample:
    folder = tmp_path_factory.mktemp("sample")
    unit = load_unit(ROOT, "01")
    make_class(unit, unit.released, 6, folder, seed=3)
    notebooks = {
        path.parents[1].name: path.read_bytes() for path in folder.glob("submitted/*/*/*.ipynb")
    }
    with (folder / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    truth = {(row["learner"], row["exercise"]): (row["score"], row["status"]) for row in rows}
    return Sample(folder, dict(sorted(notebooks.items())), truth)


@pytest.fixture(scope="session")
def served(sample, tmp_path_factory) -> Iterator[Running]:
    """A service to which the sample class belongs, all graded, and learners who have handed in
    nothing, one for each test that does."""
    running = Running(tmp_path_factory.mktemp("served") / "class")
    for learner in [*sample.notebooks, "ada", "eve", "fay", "gus", "hal"]:
        running.token(learner)
    running.token("teacher", instructor=True)
    running.start()
    for learner, data in sample.notebooks.items():
        assert running.hand_in(learner, data).status_code == 201
    running.wait_until_graded(*sample.notebooks)
    yield running
    assert running.stop() == 0, running.log()[-2000:]


class InProcess:
    """The application without a process, and without its grader: what comes in waits."""

    def __init__(self, folder: Path, settings: str = SETTINGS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.toml").write_text(settings)
        self.folder = folder
        self.service = Service(ROOT, folder, Workers(1))
        self.app = create_app(self.service, grade=False)
        self.client = TestClient(self.app, follow_redirects=False)

    def header(self, name: str, instructor: bool = False) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.service.tokens.add(name, instructor)}"}

    def hand_in(self, header: dict[str, str], data: bytes, unit: str = UNIT):
        return self.client.post(f"/api/units/{unit}/attempts", headers=header, content=data)


@pytest.fixture
def make_app(tmp_path):
    return lambda settings=SETTINGS: InProcess(tmp_path / "class", settings)


@pytest.fixture
def app(make_app):
    return make_app()
