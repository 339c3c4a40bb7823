"""nbgrader's own commands and JupyterLab's Assignment List, with the service as the exchange."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError
from playwright.sync_api import expect
from traitlets.config import Config

from autograde.exchange.instructor import ServiceCollect
from autograde.exchange.learner import ServiceFetchAssignment, ServiceList, ServiceSubmit

from .running import UNIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """
c = get_config()
from autograde.exchange import use_service
use_service(c, {url!r}, {token_file!r})
"""


class Desk:
    """Somebody's own machine: a folder to work in, and nbgrader's settings as we document them."""

    def __init__(self, folder: Path, served, name: str) -> None:
        self.work, self.config = folder / "work", folder / "config"
        for one in (self.work, self.config):
            one.mkdir(parents=True)
        token = folder / "token"
        token.write_text(served.token(name) + "\n")
        settings = CONFIG.format(url=served.url, token_file=str(token))
        (self.config / "nbgrader_config.py").write_text(settings)

    def nbgrader(self, *arguments: str) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "HOME": str(self.config),
            "JUPYTER_CONFIG_DIR": str(self.config),
            "JUPYTER_DATA_DIR": str(self.config / "data"),
        }
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=self.work, env=environment, capture_output=True, text=True,
        )  # fmt: skip

    def done(self, *arguments: str) -> str:
        """What a command that succeeds says."""
        answer = self.nbgrader(*arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stderr


def test_a_learner_fetches_submits_and_reads_feedback_with_nbgrader(served, sample, tmp_path):
    desk = Desk(tmp_path, served, "gus")
    assert "Fetched as" in desk.done("fetch_assignment", UNIT)
    assert f"default_course {UNIT} (already downloaded)" in desk.done("list")
    notebook = desk.work / UNIT / "neuron.ipynb"
    assert b"NotImplementedError" in notebook.read_bytes()

    notebook.write_bytes(sample.notebooks["learner01"] + b" \n")
    assert "Receipt: attempt 1, sha256" in desk.done("submit", UNIT)
    served.wait_until_graded("gus")
    listed = desk.done("list", "--cached", "--course", "default_course")
    assert f"gus {UNIT}" in listed and "(feedback ready to be fetched)" in listed
    assert "Fetched feedback" in desk.done("fetch_feedback", UNIT)
    (page,) = (desk.work / UNIT / "feedback").glob("*/neuron.html")
    assert "Feedback for" in page.read_text() and "gus" in page.read_text()


@pytest.mark.parametrize(
    ("what", "assignment", "course", "says"),
    [
        (ServiceFetchAssignment, "03_backprop", "", "There is no such unit here."),
        (ServiceFetchAssignment, UNIT, "other", "There is no course 'other'"),
        (ServiceFetchAssignment, "", "", "Name an assignment"),
        (ServiceSubmit, UNIT, "", "not submitted: there is no"),
        (ServiceCollect, UNIT, "", "Only an instructor's token can collect."),
        (partial(ServiceList, remove=True), "", "", "nothing can be removed"),
        (partial(ServiceList, url="http://example.org"), "", "", "is not encrypted"),
        (partial(ServiceList, url="http://127.0.0.1:1"), "", "", "can't be reached"),
        (partial(ServiceList, token_file=""), "", "", "There is no token"),
        (partial(ServiceList, token_file="/nowhere"), "", "", "Your token can't be read"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(
    served, tmp_path, monkeypatch, what, assignment, course, says
):
    monkeypatch.delenv("CHAINRULE_TOKEN", raising=False)
    (tmp_path / "token").write_text(served.token("gus"))
    config = Config()
    config.ServiceExchange.url = served.url
    config.ServiceExchange.token_file = str(tmp_path / "token")
    config.Exchange.assignment_dir = str(tmp_path)
    coursedir = CourseDirectory(assignment_id=assignment, course_id=course)
    with pytest.raises(ExchangeError, match=says):
        what(coursedir=coursedir, config=config).start()


def test_an_instructor_collects_with_nbgrader(served, sample, tmp_path):
    desk = Desk(tmp_path, served, "teacher")
    assert "learner01 01_neuron" in desk.done("list", "--inbound")
    assert "Collected: learner01" in desk.done("collect", UNIT)
    for learner, data in sample.notebooks.items():
        folder = desk.work / "submitted" / learner / UNIT
        assert (folder / "neuron.ipynb").read_bytes() == data
        assert (folder / "timestamp.txt").read_text().endswith(" UTC")
    refused = desk.nbgrader("release_assignment", "03_backprop")
    assert refused.returncode == 1 and "[units.03_backprop]" in refused.stderr


def test_jupyterlabs_assignment_list_works_over_the_service(
    served, sample, tmp_path, start_lab, page
):
    desk = Desk(tmp_path, served, "hal")
    home = tmp_path
    with start_lab(desk.work, home) as lab:
        expect.set_options(timeout=60_000)
        page.goto(lab.page("/lab?reset"))
        page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
        page.get_by_role("menuitem", name="Assignment List", exact=True).click()
        row = page.locator(".list_item").filter(has_text=UNIT)
        row.get_by_role("button", name="Fetch", exact=True).click()
        submit = row.get_by_role("button", name="Submit", exact=True)
        expect(submit).to_be_visible()
        (desk.work / UNIT / "neuron.ipynb").write_bytes(sample.notebooks["learner01"] + b"  \n")
        submit.click()
        expect(page.locator("#submitted_assignments_list")).to_contain_text(UNIT)
        served.wait_until_graded("hal")
        page.locator("#refresh_assignments_list, [title='Refresh assignments list']").first.click()
        page.get_by_role("button", name="Fetch Feedback").first.click()
        expect(page.get_by_text("(view feedback)").first).to_be_attached()
    assert list((desk.work / UNIT / "feedback").glob("*/neuron.html"))
