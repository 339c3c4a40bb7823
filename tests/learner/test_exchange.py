"""Handing in to nbgrader's exchange, which the instructor collects with nbgrader."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.submit import SubmitError, submit


def nbgrader(*arguments, cwd):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for its `alembic`
    command = [sys.executable, "-m", "nbgrader", *arguments]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def class_course(tmp_path, monkeypatch, course):
    """An instructor's course whose unit 00 is released to an exchange."""
    home = tmp_path / "instructor"
    source = home / "source" / "00_welcome"
    source.mkdir(parents=True)
    (source / "welcome.ipynb").write_bytes((course / "00_welcome" / "welcome.ipynb").read_bytes())
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    (home / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'deep'\n"
        f"c.Exchange.root = {str(exchange)!r}\n"
    )
    nbgrader("generate_assignment", "00_welcome", cwd=home)
    nbgrader("release_assignment", "00_welcome", cwd=home)
    return home, exchange / "deep"


@pytest.mark.slow
def test_what_is_handed_in_is_collected_and_a_refusal_is_one_sentence(class_course, course):
    home, exchange = class_course
    receipt = submit("00", exchange)
    assert receipt.learner == getpass.getuser() and "nbgrader's exchange" in receipt.notebook
    nbgrader("collect", "00_welcome", cwd=home)
    (collected,) = home.glob("submitted/*/00_welcome/welcome.ipynb")
    assert collected.read_bytes() == (course / "00_welcome" / "welcome.ipynb").read_bytes()

    (exchange / "outbound" / "00_welcome").rename(exchange / "outbound" / "away")
    with pytest.raises(SubmitError, match="nbgrader did not take it: Assignment not found"):
        submit("00", exchange)


def test_one_file_for_a_platform(course, tmp_path):
    receipt = submit("00", tmp_path / "ada.ipynb", "ada")
    assert (tmp_path / "ada.ipynb").read_bytes() == (
        course / "00_welcome/welcome.ipynb"
    ).read_bytes()
    assert "nothing is handed in yet" in str(receipt)
    with pytest.raises(SubmitError, match="is the notebook itself"):
        submit("00", course / "00_welcome" / "welcome.ipynb", "ada")
