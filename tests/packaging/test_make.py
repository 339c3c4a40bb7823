"""`make` on machines that lack something: one sentence that says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HEADER = "learner,exercise,score,max_score,status,mistake\n"


@pytest.fixture
def bare(root: Path, tmp_path: Path) -> Path:
    """A clone on a machine with a shell, the basic tools and nothing else."""
    shutil.copy(root / "Makefile", tmp_path)
    shutil.copytree(root / ".ci", tmp_path / ".ci")
    (tmp_path / "tools").mkdir()
    for tool in ("sh", "touch", "awk", "uname"):
        where = shutil.which(tool)
        assert where is not None
        (tmp_path / "tools" / tool).symlink_to(where)
    return tmp_path


def add_tool(bare: Path, name: str, script: str) -> None:
    (bare / "tools" / name).write_text(f"#!/bin/sh\n{script}\n")
    (bare / "tools" / name).chmod(0o755)


def run(bare: Path, *command: str) -> subprocess.CompletedProcess:
    program = shutil.which(command[0])
    assert program is not None
    environment = {"PATH": str(bare / "tools")}
    return subprocess.run(
        [program, *command[1:]], cwd=bare, env=environment, capture_output=True, text=True
    )


def test_make_alone_lists_the_targets(bare):
    done = run(bare, "make")
    assert [line.split()[:2] for line in done.stdout.splitlines()][1:6] == [
        ["make", "course"],
        ["make", "test"],
        ["make", "attacks"],
        ["make", "bench"],
        ["make", "fuzz"],
    ]


def test_without_a_python_it_says_which_is_needed(bare):
    add_tool(bare, "python3", "exit 1")  # an old one: the version is asked first
    done = run(bare, "make", "course")
    assert done.returncode == 2
    assert "No Python 3.11 or newer is on your PATH." in done.stderr
    assert "make course PYTHON=/path/to/python3" in done.stderr


def test_without_the_venv_package_it_says_what_to_install(bare):
    add_tool(bare, "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    done = run(bare, "make", "course")
    assert done.returncode == 2
    assert "sudo apt-get install python3-venv" in done.stderr


def test_an_ordinary_user_is_told_which_command_installs_what_the_tests_need(bare):
    add_tool(bare, "apt-get", "exit 100")
    add_tool(bare, "id", "echo 1000")
    done = run(bare, "sh", ".ci/system-packages", "bubblewrap", "chromium")
    assert done.returncode == 1
    assert "sudo apt-get update && sudo apt-get install bubblewrap chromium" in done.stderr


def test_root_has_it_installed(bare):
    add_tool(bare, "id", "echo 0")
    add_tool(
        bare,
        "apt-get",
        f'echo "$@" >> {bare}/calls\n'
        f"if [ $1 = install ]; then {shutil.which('ln')} -s sh {bare}/tools/bwrap; fi",
    )
    done = run(bare, "sh", ".ci/system-packages", "bubblewrap")
    assert done.returncode == 0, done.stderr
    assert (bare / "calls").read_text() == "update -qq\ninstall -qq -y bubblewrap\n"
    assert run(bare, "sh", ".ci/system-packages", "bubblewrap").stdout == ""


def test_without_apt_the_packages_are_named(bare):
    done = run(bare, "sh", ".ci/system-packages", "bubblewrap")
    assert done.returncode == 1
    assert "bubblewrap. Install" in done.stderr


def same_scores(folder: Path, scores: str, truth: str) -> subprocess.CompletedProcess:
    (folder / "scores.csv").write_text(HEADER + scores)
    (folder / "truth.csv").write_text(HEADER + truth)
    program = Path(__file__).with_name("same_scores.py")
    command = [sys.executable, program, "scores.csv", "truth.csv"]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True)


def test_equal_scores_are_reported_as_equal(tmp_path):
    done = same_scores(tmp_path, "ada,sigmoid,3.0,3,graded,\n", "ada,sigmoid,3,3.0,graded,\n")
    assert (done.returncode, done.stdout) == (
        0,
        "Every score equals the truth: 1 scores of 1 learners.\n",
    )


@pytest.mark.parametrize(
    "scores, said",
    [
        ("ada,sigmoid,2,3,graded,\n", "ada, sigmoid: score is '2', the truth is '3'"),
        ("ada,sigmoid,,3,ungraded,\n", "ada, sigmoid: status is 'ungraded'"),
        ("", "ada, sigmoid: only in truth"),
        ("ada,sigmoid,3,3,graded,\nbob,sigmoid,3,3,graded,\n", "bob, sigmoid: only in scores"),
    ],
)
def test_a_score_that_differs_is_named(tmp_path, scores, said):
    done = same_scores(tmp_path, scores, "ada,sigmoid,3,3,graded,\n")
    assert done.returncode == 1
    assert said in done.stdout


def test_a_truth_without_rows_proves_nothing(tmp_path):
    assert same_scores(tmp_path, "", "").returncode == 1
