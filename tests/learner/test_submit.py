"""Handing in copies a whole notebook, once, with a receipt; everything else is one sentence."""

import copy
import hashlib
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chainrule import progress
from chainrule.answers import load_answers
from chainrule.errors import UserError
from chainrule.submit import LEARNER_VARIABLES, SubmitError, submit

from .conftest import read_only, write_notebook

NOTEBOOK = "ada/00_welcome/welcome.ipynb"


def refused(*args, **kwargs) -> str:
    """The one sentence with which handing in is refused."""
    with pytest.raises(SubmitError) as caught:
        submit(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_notebook_is_copied_byte_for_byte(course, inbox):
    submit("00", inbox, learner="ada")
    handed_in = (inbox / NOTEBOOK).read_bytes()
    assert handed_in == Path("welcome.ipynb").read_bytes()


def test_the_receipt_says_what_when_and_what_passed(course, tmp_path):
    progress.record("00_welcome", "accuracy", 2, 2)
    progress.record("00_welcome", "split", 1, 4)
    receipt = submit("welcome", tmp_path, learner="ada")
    stored = json.loads((tmp_path / "ada/00_welcome/receipt.json").read_text())
    assert stored["sha256"] == hashlib.sha256(Path("welcome.ipynb").read_bytes()).hexdigest()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(stored["time"])).seconds) < 60
    assert stored["passed"] == ["accuracy"]
    assert stored["sha256"] in str(receipt) and "1 of 6" in str(receipt)


def test_the_receipt_shows_which_file_was_taken_and_keeps_that_to_the_learner(course, inbox):
    os.utime("welcome.ipynb", (0, datetime(2024, 5, 17, 9, 30).timestamp()))
    receipt = submit("00", inbox, learner="ada")
    assert "The file: welcome.ipynb, last saved 2024-05-17 09:30." in str(receipt)
    stored = json.loads((inbox / "ada/00_welcome/receipt.json").read_text())
    assert not {"source", "notes"} & set(stored)


def test_exercises_that_the_saved_file_does_not_hold_are_named(course, inbox):
    progress.record("00_welcome", "split", 4, 4)  # in the open notebook, not in the saved one
    notebook = json.loads(Path("welcome.ipynb").read_text())
    for cell in notebook["cells"][-2:]:
        cell["source"][1] = "    raise NotImplementedError\n"
    Path("welcome.ipynb").write_text(json.dumps(notebook))
    receipt = submit("00", inbox, learner="ada")
    assert "still has `raise NotImplementedError` in standardize, split." in str(receipt)
    assert "save the notebook" in str(receipt)
    stored = json.loads((inbox / "ada/00_welcome/receipt.json").read_text())
    assert stored["not_written"] == ["standardize", "split"]


def test_an_answer_in_a_cell_of_its_own_is_written(course, inbox):
    notebook = json.loads(Path("welcome.ipynb").read_text())
    notebook["cells"].append(copy.deepcopy(notebook["cells"][0]))
    notebook["cells"][0]["source"] = "def above_fifty(numbers):\n    raise NotImplementedError\n"
    Path("welcome.ipynb").write_text(json.dumps(notebook))
    assert submit("00", inbox, learner="ada").not_written == []


@pytest.mark.parametrize(
    ("text", "empty"), [("YOUR ANSWER HERE", True), ("", True), ("Because of the bias.", False)]
)
def test_an_empty_answer_to_a_question_is_named(course, inbox, text, empty):
    (course / "01_neuron").mkdir()
    path = course / "01_neuron" / "neuron.ipynb"
    write_notebook(path, list(load_answers("neuron").exercises))
    notebook = json.loads(path.read_text())
    metadata = {"nbgrader": {"grade_id": "why_scale"}}
    notebook["cells"].append({"cell_type": "markdown", "source": text, "metadata": metadata})
    path.write_text(json.dumps(notebook))
    said = str(submit("01", inbox, learner="ada"))
    assert ("no answer in the cell of why_scale (2 points)" in said) is empty


def test_only_the_notebook_and_the_receipt_arrive(course, inbox):
    (course / "00_welcome" / "secret.txt").write_text("mine")
    submit("00", inbox, learner="ada")
    submit("00", inbox, learner="ada")
    arrived = sorted(p.name for p in inbox.rglob("*") if p.is_file())
    assert arrived == ["receipt.json", "welcome.ipynb"]


def test_the_last_one_counts(course, tmp_path):
    submit("00", tmp_path, learner="ada")
    write_notebook(Path("welcome.ipynb"), [*load_answers("welcome").exercises, "another"])
    submit("00", tmp_path, learner="ada")
    assert b"another" in (tmp_path / NOTEBOOK).read_bytes()


@pytest.mark.parametrize("place", ["..", "../.."])
def test_it_finds_the_notebook_from_the_course_and_from_the_clone(
    course, inbox, monkeypatch, place
):
    monkeypatch.chdir(place)
    submit("0", inbox, learner="ada")
    assert (inbox / NOTEBOOK).is_file()


def test_it_finds_a_notebook_downloaded_into_this_folder(course, tmp_path, inbox, monkeypatch):
    elsewhere = tmp_path / "downloads"
    elsewhere.mkdir()
    (course / "00_welcome" / "welcome.ipynb").rename(elsewhere / "welcome.ipynb")
    monkeypatch.chdir(elsewhere)
    submit("00", inbox, learner="ada")
    assert (inbox / NOTEBOOK).is_file()


def test_a_missing_notebook_says_where_it_was_looked_for(course, tmp_path):
    Path("welcome.ipynb").unlink()
    assert "welcome.ipynb" in refused("00", tmp_path, learner="ada")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not json", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b"[]", "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"cells": [1]}', "no list of cells"),
    ],
)
def test_what_is_no_notebook_is_not_handed_in(course, inbox, content, says):
    Path("welcome.ipynb").write_bytes(content)
    assert says in refused("00", inbox, learner="ada")
    assert not any(inbox.iterdir())


def test_a_lost_exercise_is_named(course, tmp_path):
    exercises = [name for name in load_answers("welcome").exercises if name != "accuracy"]
    write_notebook(Path("welcome.ipynb"), exercises)
    assert "lost the cell of accuracy" in refused("00", tmp_path, learner="ada")


def test_incomplete_hands_it_in_all_the_same(course, tmp_path):
    write_notebook(Path("welcome.ipynb"), ["accuracy"])
    submit("00", tmp_path, learner="ada", incomplete=True)
    assert (tmp_path / NOTEBOOK).is_file()


def test_a_cell_that_kept_its_id_but_lost_its_function_is_there(course, tmp_path):
    notebook = json.loads(Path("welcome.ipynb").read_text())
    cell = notebook["cells"][0]
    cell["source"], cell["metadata"] = "", {"nbgrader": {"grade_id": "above_fifty"}}
    Path("welcome.ipynb").write_text(json.dumps(notebook))
    submit("00", tmp_path, learner="ada")


def test_an_unknown_unit_suggests_the_nearest(course, tmp_path):
    with pytest.raises(UserError, match="Did you mean welcome"):
        submit("welcom", tmp_path, learner="ada")


@pytest.mark.parametrize("learner", ["", "../ada", "a/b", ".", "..", "-x", "a b", "a" * 65, "a\n"])
def test_a_learner_who_cannot_name_a_folder_is_refused(course, inbox, learner):
    assert "can't name a folder" in refused("00", inbox, learner=learner)
    assert not any(inbox.iterdir())


@pytest.mark.parametrize("learner", ["ada.lovelace", "ada@example.org", "Łukasz", "s-123"])
def test_ordinary_names_are_accepted(course, tmp_path, learner):
    submit("00", tmp_path, learner=learner)
    assert (tmp_path / learner / "00_welcome" / "welcome.ipynb").is_file()


def test_without_a_name_it_is_the_one_that_the_environment_gives(course, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_USER", "grace")
    assert submit("00", tmp_path).learner == "grace"
    monkeypatch.setenv("CHAINRULE_LEARNER", "ada")
    receipt = submit("00", tmp_path)
    assert receipt.learner == "ada" and "account" not in str(receipt)


def test_an_accounts_name_is_pointed_out(course, inbox, monkeypatch):
    for variable in LEARNER_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    said = str(submit("00", inbox))
    assert "as root" in said and "name of your account" in said and "--learner NAME" in said


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://course.example.org", "not encrypted"),
        ("ftp://course.example.org", "no address of a service"),
        ("https://", "no address of a service"),
        ("https://ada@course.example.org", "more than an address"),
        ("https://course.example.org:port", "no address of a service"),
    ],
)
def test_an_address_that_is_not_to_be_trusted_is_refused(course, monkeypatch, address, says):
    monkeypatch.setenv("CHAINRULE_TOKEN", "crt_abc")
    assert says in refused("00", address)


def test_a_service_needs_a_token(course, monkeypatch):
    monkeypatch.delenv("CHAINRULE_TOKEN", raising=False)
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # a notebook can be asked
    assert "CHAINRULE_TOKEN" in refused("00", "https://course.example.org")
    monkeypatch.setenv("CHAINRULE_TOKEN", "two words")
    assert "Copy it again" in refused("00", "https://course.example.org")


def test_a_file_as_inbox_is_refused(course, tmp_path):
    (tmp_path / "inbox").write_text("")
    assert "is a file" in refused("00", tmp_path / "inbox", learner="ada")


def test_a_folder_that_is_not_there_is_refused_and_not_made(course, tmp_path):
    said = refused("00", tmp_path / "inbx", learner="ada")
    assert "There is no folder" in said and "inbx" in said
    assert not (tmp_path / "inbx").exists()


def test_an_inbox_that_cannot_be_written_is_a_sentence(course, inbox):
    if not read_only(inbox):
        inbox = Path("/proc")  # nobody makes a folder there, not even root
    assert "can't be written" in refused("00", inbox, learner="ada")


def test_half_a_notebook_never_arrives(course, tmp_path, monkeypatch):
    submit("00", tmp_path, learner="ada")
    before = (tmp_path / NOTEBOOK).read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    assert "No space left" in refused("00", tmp_path, learner="ada")
    assert (tmp_path / NOTEBOOK).read_bytes() == before
    assert len(list((tmp_path / "ada/00_welcome").iterdir())) == 2
