"""The button that hands a notebook in: what it says, on a laptop and in Colab."""

import json
import sys
import types

import pytest

from chainrule import hand_in, post
from chainrule.answers import load_answers
from chainrule.units import find_unit
from tests.learner.conftest import write_notebook

UNIT = find_unit("00")


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    for name in ("COLAB_RELEASE_TAG", hand_in.PLACE_VARIABLE, post.TOKEN_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def fields(to="", learner="ada", token=""):
    return {"to": str(to), "learner": learner, "token": token}


def test_the_receipt_is_shown_and_the_file_is_there(course, inbox):
    told = hand_in.said(UNIT, fields(inbox))
    assert told[0].startswith("Handed in 00_welcome as ada")
    assert any("sha256" in line for line in told)
    assert (inbox / "ada" / "00_welcome" / "welcome.ipynb").exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (fields(), "say where to"),
        (fields("https://class.example"), "needs your token"),
        (fields("nowhere"), "There is no folder nowhere"),
    ],
)
def test_what_is_missing_is_said(course, given, sentence):
    assert sentence in hand_in.said(UNIT, given)[0]


def test_code_that_was_run_but_not_saved_is_not_left_behind(course, inbox, monkeypatch):
    name = next(iter(load_answers("welcome").exercises))
    shell = types.SimpleNamespace(user_ns={"In": ["", f"def {name}(*args):\n    return 1"]})
    monkeypatch.setattr(hand_in, "get_ipython", lambda: shell)
    told = hand_in.said(UNIT, fields(inbox))
    assert told[0].startswith(f"Not handed in: {name} in the saved file is not what you ran last")
    assert not list(inbox.iterdir())
    shell.user_ns["In"].append(f"def {name}(*args):\n    return None\n")
    assert hand_in.said(UNIT, fields(inbox))[0].startswith("Handed in")


def test_only_the_newest_run_of_each_exercise_counts():
    ran = ["def f(x): 1", "class C:\n  pass", "def f(x): 2", "print(f(1))", "f = g"]
    symbols = {"f": ["f"], "C": ["C"]}
    assert hand_in.differing(ran, ["def f(x): 2\n", "class C:\n  pass"], symbols) == []
    assert hand_in.differing(ran, ["def f(x): 1", "class C:\n  pass"], symbols) == ["f"]


@pytest.fixture
def colab(tmp_path, monkeypatch):
    """Colab's side: no file on the machine, and a page that sends the notebook when asked."""
    folder = tmp_path / "content"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-external")
    page = types.ModuleType("google.colab._message")
    colab = types.ModuleType("google.colab")
    colab._message = page
    for name, module in (
        ("google", types.ModuleType("google")),
        ("google.colab", colab),
        ("google.colab._message", page),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    return page


def test_in_colab_the_notebook_comes_from_the_page(colab, inbox, tmp_path):
    write_notebook(tmp_path / "shown.ipynb", list(load_answers("welcome").exercises))
    shown = json.loads((tmp_path / "shown.ipynb").read_text())
    colab.blocking_request = lambda kind, request, timeout_sec: {"ipynb": shown}
    assert hand_in.said(UNIT, fields(inbox))[0].startswith("Handed in 00_welcome as ada")
    stored = json.loads((inbox / "ada" / "00_welcome" / "welcome.ipynb").read_text())
    assert stored == shown


@pytest.mark.parametrize("answer", [None, {}, {"ipynb": {"cells": "none"}}])
def test_where_colab_does_not_answer_two_steps_are_told(colab, inbox, answer):
    colab.blocking_request = lambda kind, request, timeout_sec: answer
    (told,) = hand_in.said(UNIT, fields(inbox))
    assert "1. File, Download" in told and "2. Upload that file" in told
    assert not list(inbox.iterdir())
