"""Handing in over the API: receipts, limits and refusals, each a status and a sentence."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from autograde.service.limits import RateLimit
from autograde.service.refused import Refused
from chainrule.errors import UserError

from .running import SETTINGS, UNIT

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def refused(answer, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert isinstance(detail, str) and detail.endswith(".")
    return detail


def test_the_receipt_says_what_was_taken_and_it_is_on_disk(app):
    answer = app.hand_in(app.header("ada"), NOTEBOOK)
    assert answer.status_code == 201
    receipt = answer.json()
    sha256 = hashlib.sha256(NOTEBOOK).hexdigest()
    said = {key: receipt[key] for key in ("learner", "unit", "attempt", "sha256", "late", "again")}
    assert said == {
        "learner": "ada",
        "unit": UNIT,
        "attempt": 1,
        "sha256": sha256,
        "late": False,
        "again": False,
    }
    stored = app.folder / "attempts" / UNIT / "ada" / f"{sha256}.ipynb"
    assert stored.read_bytes() == NOTEBOOK
    assert not list((app.folder / "attempts/.incoming").iterdir())


def test_the_same_bytes_twice_are_one_attempt_with_the_same_receipt(app):
    header = app.header("ada")
    first = app.hand_in(header, NOTEBOOK).json()
    app.hand_in(header, NOTEBOOK + b"\n")
    again = app.hand_in(header, NOTEBOOK)
    assert again.status_code == 200
    assert again.json() == {**first, "again": True}
    assert len(app.service.attempts.of("ada", UNIT)) == 2


def test_two_learners_may_hand_in_the_same_bytes(app):
    for learner in ("ada", "ben"):
        assert app.hand_in(app.header(learner), NOTEBOOK).json()["attempt"] == 1


def test_many_at_once_are_counted_once_each(app):
    header, answers = app.header("ada"), []

    def send(data):
        answers.append(app.hand_in(header, data).json())

    bodies = [NOTEBOOK, NOTEBOOK, NOTEBOOK, NOTEBOOK + b" ", NOTEBOOK + b" "]
    threads = [threading.Thread(target=send, args=[data]) for data in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["attempt"] for answer in answers) in ([1, 1, 1, 2, 2], [1, 1, 2, 2, 2])
    assert len({(a["attempt"], a["sha256"], a["time"]) for a in answers}) == 2
    assert sum(not answer["again"] for answer in answers) == 2


def test_what_says_that_it_is_too_large_is_not_even_read(app):
    header = {**app.header("ada"), "Content-Length": str(11 * 2**20)}
    answer = app.client.post(f"/api/units/{UNIT}/attempts", headers=header, content=b"{}")
    assert "larger than 10 MB" in refused(answer, 413)


def test_what_turns_out_to_be_too_large_is_not_read_to_its_end(app):
    def chunks():
        for _ in range(11 * 16):
            yield b" " * 2**16

    assert "Clear its outputs" in refused(app.hand_in(app.header("ada"), chunks()), 413)
    assert app.service.attempts.of("ada", UNIT) == []
    assert not list((app.folder / "attempts/.incoming").iterdir())


def test_other_requests_may_not_be_large(app):
    answer = app.client.post("/login", content=b"x" * 100_000)
    assert answer.status_code == 413 and "65536 bytes" in answer.text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "PDF"),
        (NOTEBOOK[:40], "breaks off"),
        (b"[1, 2]", "not a notebook"),
        (b'{"a": 1}', "not a notebook"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_notebook_costs_no_attempt(app, data, says):
    assert says in refused(app.hand_in(app.header("ada"), data), 422)
    assert app.service.attempts.of("ada", UNIT) == []


def test_a_closed_unit_takes_nothing_but_still_shows_old_receipts(app):
    header = app.header("ada")
    assert "closed on 2024-01-01" in refused(app.hand_in(header, NOTEBOOK, "00_welcome"), 403)
    app.hand_in(header, NOTEBOOK)
    (app.folder / "service.toml").write_text(
        SETTINGS.replace("deadline = 2030-06-30T23:59:00+02:00", "closes = 2024-01-01T00:00:00Z")
    )
    assert "closed" in refused(app.hand_in(header, NOTEBOOK + b"\n"), 403)
    assert app.hand_in(header, NOTEBOOK).json()["again"]


def test_a_unit_that_opens_later_says_when(make_app):
    app = make_app("[units.01_neuron]\nopens = 2099-01-01T00:00:00Z\n")
    said = refused(app.hand_in(app.header("ada"), NOTEBOOK), 403)
    assert "does not open before 2099-01-01 00:00 UTC" in said


def test_after_the_deadline_it_is_taken_and_late(make_app):
    app = make_app("[units.01_neuron]\ndeadline = 2024-01-01T00:00:00Z\n")
    assert app.hand_in(app.header("ada"), NOTEBOOK).json()["late"]


def test_when_all_attempts_are_used_up_it_says_so(app):
    header = app.header("ada")
    for number in range(4):
        assert app.hand_in(header, NOTEBOOK + b" " * number).status_code == 201
    said = refused(app.hand_in(header, NOTEBOOK + b"\n"), 403)
    assert "All 4 attempts at 01_neuron are used up" in said


def test_a_unit_that_is_not_open_is_not_there(app):
    refused(app.hand_in(app.header("ada"), NOTEBOOK, "03_backprop"), 404)
    refused(app.hand_in(app.header("ben"), NOTEBOOK, "..%2f..%2fetc"), 404)


def test_too_many_uploads_are_told_when_to_come_back(make_app):
    app = make_app("[service]\nuploads_per_minute = 2\n[units.01_neuron]\n")
    header = app.header("ada")
    for _ in range(2):
        app.hand_in(header, NOTEBOOK)
    answer = app.hand_in(header, NOTEBOOK)
    assert "more than 2 uploads a minute" in refused(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert app.hand_in(app.header("ben"), NOTEBOOK).status_code == 201


def test_a_rate_is_kept_over_a_sliding_minute():
    time = [0.0]
    limit = RateLimit(clock=lambda: time[0])
    for _ in range(3):
        limit.check("x", "ada", 3, "Too often.")
    time[0] = 59.0
    with pytest.raises(Refused) as caught:
        limit.check("x", "ada", 3, "Too often.")
    assert caught.value.retry_after == 1
    time[0] = 60.0
    limit.check("x", "ada", 3, "Too often.")


def test_wrong_and_revoked_tokens_are_refused_and_guessing_is_slowed_down(app):
    header = app.header("ada")
    app.service.tokens.revoke("ada")
    answer = app.client.get("/api/me", headers=header)
    assert "not valid here" in refused(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "needs a token" in refused(app.client.get("/api/me"), 401)
    wrong = {"Authorization": "Bearer crt_" + "x" * 43}
    statuses = [app.client.get("/api/me", headers=wrong).status_code for _ in range(40)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert app.client.get("/api/me", headers=app.header("ben")).status_code == 200


def test_only_a_tokens_hash_is_kept(app):
    token = app.header("ada")["Authorization"].split()[1]
    kept = b"".join(path.read_bytes() for path in app.folder.glob("service.db*"))
    assert hashlib.sha256(token.encode()).hexdigest().encode() in kept
    assert token.encode() not in kept
    assert (app.folder / "service.db").stat().st_mode & 0o077 == 0


LEARNERS = [
    "/api/units/01_neuron/attempts",
    "/api/units/01_neuron/attempts/1",
    "/api/units/01_neuron/attempts/1/feedback",
    "/api/units/01_neuron/attempts/1/notebook",
]
INSTRUCTORS = [
    "/api/class/units/01_neuron/attempts",
    "/api/class/units/01_neuron/attempts/ada/1/notebook",
    "/api/class/units/01_neuron/scores.csv",
    "/api/class/download.zip",
]


def test_roles_are_kept(app):
    learner, instructor = app.header("ada"), app.header("teacher", instructor=True)
    app.hand_in(learner, NOTEBOOK)
    for path in INSTRUCTORS:
        assert "for instructors" in refused(app.client.get(path, headers=learner), 403)
        assert app.client.get(path, headers=instructor).status_code == 200, path
    for path in LEARNERS:
        refused(app.client.get(path, headers=instructor), 403)
    refused(app.hand_in(instructor, NOTEBOOK), 403)
    for path in [*LEARNERS, *INSTRUCTORS, "/api/me", "/api/units", "/api/units/01_neuron/notebook"]:
        refused(app.client.get(path), 401)


def test_another_learners_attempts_are_not_there(app):
    app.hand_in(app.header("ada"), NOTEBOOK)
    ben = app.header("ben")
    assert app.client.get(LEARNERS[0], headers=ben).json() == []
    for path in LEARNERS[1:]:
        refused(app.client.get(path, headers=ben), 404)


def test_what_waits_has_no_score_and_no_feedback_yet(app):
    header = app.header("ada")
    app.hand_in(header, NOTEBOOK)
    (attempt,) = app.client.get(LEARNERS[0], headers=header).json()
    assert (attempt["state"], attempt["points"], attempt["feedback"]) == ("waiting", None, None)
    assert attempt["exercises"] == [] and not attempt["counts"]
    assert "no feedback" in refused(app.client.get(LEARNERS[2], headers=header), 404)
    assert app.client.get(LEARNERS[3], headers=header).content == NOTEBOOK


def test_the_released_notebook_holds_no_solution(app):
    answer = app.client.get("/api/units/01_neuron/notebook", headers=app.header("ada"))
    assert json.loads(answer.content)["nbformat"] == 4
    assert b"BEGIN SOLUTION" not in answer.content


@pytest.mark.parametrize("name", ["", "../ada", "a/b", ".", "-x", "a b", "a" * 65, "a\n"])
def test_a_name_that_cannot_name_a_folder_gets_no_token(app, name):
    with pytest.raises(UserError, match="can't be a name"):
        app.service.tokens.add(name)


def test_a_second_token_and_a_name_too_much_like_another_are_refused(app):
    app.service.tokens.add("ada")
    for name in ("ada", "Ada"):
        with pytest.raises(UserError, match="token revoke ada"):
            app.service.tokens.add(name)
    app.service.tokens.revoke("ada")
    with pytest.raises(UserError, match="too much like"):
        app.service.tokens.add("ADA")
    assert app.service.tokens.add("ada")
