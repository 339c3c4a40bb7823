"""The pages without a browser: logging in, forms from elsewhere, headers, and who may see what."""

from __future__ import annotations

import re

import pytest

from .running import UNIT
from .test_handing_in import NOTEBOOK


def csrf(text: str) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', text)[1]


def log_in(app, name: str, instructor: bool = False):
    """The client, logged in as somebody new."""
    token = app.service.tokens.add(name, instructor)
    form = app.client.get("/login")
    answer = app.client.post("/login", data={"csrf": csrf(form.text), "token": f" {token}\n"})
    assert answer.status_code == 303 and answer.headers["Location"] == "/"
    return answer


def upload(app, data: bytes, name: str = "neuron.ipynb", form: str = ""):
    form = form or csrf(app.client.get(f"/units/{UNIT}").text)
    file = {"notebook": (name, data, "application/octet-stream")}
    return app.client.post(f"/units/{UNIT}/attempts", data={"csrf": form}, files=file)


PAGES = ["/", f"/units/{UNIT}", f"/units/{UNIT}/attempts/1", f"/units/{UNIT}/notebook"]
CLASS_PAGES = [
    "/class",
    f"/class/units/{UNIT}",
    f"/class/units/{UNIT}/exercises/sigmoid",
    f"/class/units/{UNIT}/exercises/why_scale",
    f"/class/units/{UNIT}/learners/ada",
    f"/class/units/{UNIT}/learners/ada/attempts/1/notebook",
    f"/class/units/{UNIT}/scores/csv.csv",
    f"/class/units/{UNIT}/scores/canvas.csv",
    f"/class/units/{UNIT}/download.zip",
    "/class/download.zip",
]


@pytest.mark.parametrize("path", [*PAGES, *CLASS_PAGES])
def test_without_logging_in_there_is_only_the_form(app, path):
    answer = app.client.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")


def test_the_cookie_is_out_of_reach_and_says_nothing(app):
    cookie = log_in(app, "ada").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "ada" not in cookie
    assert "Secure" not in cookie  # on this machine without TLS
    app.service.secure = True
    secure = app.client.get("/login")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert "max-age" in secure.headers["Strict-Transport-Security"]


def test_a_wrong_token_is_said_on_the_form(app):
    form = app.client.get("/login")
    answer = app.client.post("/login", data={"csrf": csrf(form.text), "token": "crt_no"})
    assert answer.status_code == 401 and 'role="alert"' in answer.text
    assert "not valid here" in answer.text


def test_a_form_that_another_site_sends_is_refused(app):
    token = app.service.tokens.add("mallory")
    assert app.client.post("/login", data={"csrf": "", "token": token}).status_code == 403
    assert app.client.post("/login", data={"csrf": "x", "token": token}).status_code == 403
    log_in(app, "ada")
    assert upload(app, NOTEBOOK, form="guessed").status_code == 403
    assert app.client.post("/logout", data={"csrf": "guessed"}).status_code == 403
    assert app.service.attempts.of("ada", UNIT) == []


def test_handing_in_leads_to_the_attempt_and_twice_to_the_same(app):
    log_in(app, "ada")
    first, again = upload(app, NOTEBOOK), upload(app, NOTEBOOK, "other.ipynb")
    assert first.headers["Location"] == f"/units/{UNIT}/attempts/1"
    assert again.headers["Location"] == f"/units/{UNIT}/attempts/1?again=1"
    page = app.client.get(again.headers["Location"])
    assert "exactly this file before" in page.text and "waits to be graded" in page.text


@pytest.mark.parametrize(
    ("data", "name", "status", "says"),
    [
        (b"", "neuron.ipynb", 422, "empty"),
        (b"", "", 422, "No file was chosen"),
        (b"%PDF-1.7", "../../etc/passwd", 422, "PDF"),
        (b" " * (10 * 2**20 + 1), "neuron.ipynb", 413, "larger than 10 MB"),
        (b" " * (11 * 2**20), "neuron.ipynb", 413, "larger than 10 MB"),
    ],
)
def test_what_is_not_taken_is_said_on_the_page(app, data, name, status, says):
    log_in(app, "ada")
    answer = upload(app, data, name)
    assert answer.status_code == status and says in answer.text
    assert "<h1>" in answer.text and app.service.attempts.of("ada", UNIT) == []


def test_learners_and_instructors_see_their_own_pages(app):
    log_in(app, "ada")
    upload(app, NOTEBOOK)
    for path in PAGES:
        assert app.client.get(path).status_code == 200, path
    for path in CLASS_PAGES:
        answer = app.client.get(path)
        assert answer.status_code == 403 and "for instructors" in answer.text
    app.client.cookies.clear()
    log_in(app, "ben")
    assert app.client.get(f"/units/{UNIT}/attempts/1").status_code == 404
    app.client.cookies.clear()
    log_in(app, "teacher", instructor=True)
    for path in CLASS_PAGES:
        assert app.client.get(path).status_code == 200, path
    for path in PAGES[1:3]:
        assert app.client.get(path).status_code == 403


def test_logging_out_and_revoking_end_a_session(app):
    log_in(app, "ada")
    page = app.client.get("/")
    kept = dict(app.client.cookies)
    assert app.client.post("/logout", data={"csrf": csrf(page.text)}).status_code == 303
    app.client.cookies.update(kept)
    assert app.client.get("/").status_code == 303
    app.client.cookies.clear()
    log_in(app, "ben")
    assert app.client.get("/").status_code == 200
    app.service.tokens.revoke("ben")
    assert app.client.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/login", "/style.css", "/docs", "/openapi.json", "/nowhere"])
def test_every_answer_has_the_headers_that_keep_it_safe(app, path):
    headers = app.client.get(path).headers
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_what_a_page_repeats_is_escaped(app):
    answer = app.client.get("/login", params={"x": "<script>"})
    assert "<script" not in answer.text
    log_in(app, "teacher", instructor=True)
    for path in ("/class/units/<script>", "/class/units/01_neuron/learners/<script>"):
        answer = app.client.get(path)
        assert answer.status_code == 404 and "<script" not in answer.text


def test_the_api_is_described_on_one_page_that_needs_nothing_else(app):
    page = app.client.get("/docs").text
    assert "POST /api/units/{unit}/attempts" in page and "AttemptOut" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    schema = app.client.get("/openapi.json").json()
    assert set(schema["paths"]) and all(path.startswith("/api/") for path in schema["paths"])
