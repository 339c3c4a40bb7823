"""A real service with its real grader: scores, crashes, and what `chainrule submit` sees."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import closing

import pytest
from typer.testing import CliRunner

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.gradebook import GradebookProjection
from autograde.unit import load_unit
from chainrule.commands import app
from chainrule.errors import UserError

from .running import ROOT, SETTINGS, UNIT, Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def chainrule(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture
def desk(tmp_path, sample):
    """A learner's folder with the unit's notebook."""
    folder = tmp_path / UNIT
    folder.mkdir()
    (folder / "neuron.ipynb").write_bytes(sample.notebooks["learner01"] + b"\n")
    return folder


def lines(folder) -> list[tuple[str, str]]:
    """(learner, hash) of each result that was ever written."""
    path = folder / "results" / f"{UNIT}.jsonl"
    text = path.read_text() if path.exists() else ""
    records = [json.loads(line) for line in text.splitlines()]
    return [(record["learner"], record["submission"]) for record in records]


def test_every_learner_gets_the_score_that_is_true(served, sample):
    for learner in sample.notebooks:
        found = served.attempts(learner)
        if not found:
            continue
        (attempt,) = found
        assert attempt["state"] == "graded" and attempt["counts"]
        for result in attempt["exercises"]:
            score = "" if result["score"] is None else f"{result['score']:.2f}"
            true, status = sample.truth[learner, result["exercise"]]
            assert (score, result["status"]) == (true and f"{float(true):.2f}", status)


def test_feedback_is_a_page_in_which_nothing_can_act(served, sample):
    learner = next(iter(sample.notebooks))
    with served.client(learner) as client:
        page = client.get(f"/api/units/{UNIT}/attempts/1/feedback")
    assert "Your points" in page.text and learner in page.text
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'") and "script" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_an_instructor_takes_home_scores_and_everything(served, sample):
    with served.client("teacher") as client:
        table = client.get(f"/api/class/units/{UNIT}/scores.csv").text
        archive = client.get(f"/api/class/download.zip?unit={UNIT}").content
    exported = chainrule("export", "01", "--class", served.folder)
    assert table == exported.stdout
    rows = {(r["learner"], r["exercise"]): r["status"] for r in csv.DictReader(io.StringIO(table))}
    assert rows.items() >= {key: status for key, (_, status) in sample.truth.items()}.items()
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.read(f"{UNIT}/scores.csv").decode() == table
        for learner, data in sample.notebooks.items():
            assert files.read(f"{UNIT}/notebooks/{learner}/attempt-1.ipynb") == data
            assert f"{UNIT}/feedback/{learner}/attempt-1.html" in files.namelist()


def test_what_was_graded_here_is_graded_already_for_the_other_commands(served, sample):
    again = chainrule("grade", "01", "--submissions", served.folder / "submitted", "--class",
                      served.folder, "--json")  # fmt: skip
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)
    assert summary["graded"] == 0 and summary["skipped"] >= len(sample.notebooks)


def test_two_uploads_of_the_same_bytes_at_once_are_one_attempt(served, sample):
    data, answers = sample.notebooks["learner01"] + b"\n\n", []
    threads = [
        threading.Thread(target=lambda: answers.append(served.hand_in("eve", data)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    receipts = [{**answer.json(), "again": None} for answer in answers]
    assert receipts[0] == receipts[1] and receipts[0]["attempt"] == 1
    served.wait_until_graded("eve")
    assert [learner for learner, _ in lines(served.folder)].count("eve") == 1


def test_an_early_refusal_needs_no_body(served):
    """A client that says how much is coming is refused before it sends it."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(
            f"POST /api/units/{UNIT}/attempts HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
            f"Authorization: Bearer {served.token('ada')}\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_killed_at_any_moment_it_loses_nothing_and_grades_nothing_twice(sample, tmp_path):
    running = Running(tmp_path / "class")
    for learner in sample.notebooks:
        running.token(learner)
    running.start()
    receipts = {name: running.hand_in(name, data) for name, data in sample.notebooks.items()}
    running.kill()  # acknowledged, and not graded yet
    taken = {name: answer.json() for name, answer in receipts.items() if answer.is_success}
    assert len(taken) >= 5
    assert len(lines(tmp_path / "class")) < len(taken)

    running.start()
    while not lines(tmp_path / "class"):
        time.sleep(0.1)
    running.kill()  # some are graded, others are being graded
    # As if it had been killed after a result was written, before the database was told.
    with closing(sqlite3.connect(tmp_path / "class/service.db")) as database:
        database.execute("update service_attempts set state = 'waiting'")
        database.commit()

    running.start()
    running.wait_until_graded(*taken)
    again = {name: running.hand_in(name, sample.notebooks[name]).json() for name in taken}
    assert again == {name: {**receipt, "again": True} for name, receipt in taken.items()}
    assert running.stop() == 0
    assert sorted(lines(tmp_path / "class")) == sorted(
        (name, receipt["sha256"]) for name, receipt in taken.items()
    )
    folder, unit = ClassFolder(tmp_path / "class"), load_unit(ROOT, "01")
    with GradebookProjection(folder, unit) as gradebook:
        assert gradebook.lacking(folder.results(unit).newest().values()) == []


def test_a_learner_hands_in_from_the_command_line(served, desk):
    token = {"CHAINRULE_TOKEN": served.token("ada")}
    done = chainrule("submit", "01", "--to", served.url, cwd=desk, **token)
    assert done.returncode == 0, done.stderr
    assert "Handed in 01_neuron as ada: attempt 1" in done.stdout and "sha256" in done.stdout
    again = chainrule("submit", "01", "--to", f"{served.url}/", cwd=desk, **token)
    assert "exactly this file before" in again.stdout and "attempt 1," in again.stdout
    served.wait_until_graded("ada")
    assert served.attempts("ada")[0]["so_far"] == 18


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        ([], {"CHAINRULE_TOKEN": ""}, "needs your token"),
        ([], {"CHAINRULE_TOKEN": "crt_" + "x" * 43}, "This token is not valid here"),
        (["--learner", "ben"], {}, "Your token is ada's, not ben's"),
    ],
)
def test_what_the_command_line_is_refused_is_one_sentence(served, desk, options, environment, says):
    token = {"CHAINRULE_TOKEN": served.token("ada"), **environment}
    done = subprocess.run(
        [sys.executable, "-m", "chainrule", "submit", "01", "--to", served.url, *options],
        cwd=desk, env={**os.environ, **token}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and says in done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_a_second_service_on_the_same_class_is_refused(served):
    second = chainrule("serve", "--class", served.folder, "--port", served.port)
    assert second.returncode == 2 and "Another service runs on" in second.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "would travel open"),
        (["--tls-cert", "cert.pem"], "belong together"),
        (["--sandbox", "none"], "needs a sandbox with walls"),
        (["--sandbox", "jail"], "There is no sandbox mode"),
    ],
)
def test_unsafe_options_are_refused(tmp_path, options, says):
    (tmp_path / "service.toml").write_text(SETTINGS)
    done = CliRunner().invoke(app, ["serve", "--class", str(tmp_path), *options])
    assert isinstance(done.exception, UserError) and says in str(done.exception)


def test_the_first_start_writes_settings_to_fill_in(tmp_path):
    first = chainrule("serve", "--class", tmp_path / "new")
    assert first.returncode == 2 and "opens no unit yet" in first.stderr
    assert "#[units.01_neuron]" in (tmp_path / "new/service.toml").read_text()


def token(tmp_path, *arguments):
    """`chainrule token`, in this process: what it prints, and its error."""
    done = CliRunner().invoke(app, ["token", *arguments, "--class", str(tmp_path)])
    return done.stdout, done.exception


def test_tokens_are_made_listed_and_revoked(tmp_path):
    made, _ = token(tmp_path, "add", "ada", "ben")
    assert [line.split()[0] for line in made.splitlines()] == ["ada", "ben"]
    assert token(tmp_path, "revoke", "ben") == ("ben has no token any more.\n", None)
    shown, _ = token(tmp_path, "list")
    assert "ada  learner  made 2" in shown and "ben  learner" in shown and "revoked" in shown
    assert "crt_" not in shown
    for wrong in (["add"], ["list", "ada"], ["steal", "ada"], ["revoke", "ben"], ["add", "a/b"]):
        assert isinstance(token(tmp_path, *wrong)[1], UserError)
