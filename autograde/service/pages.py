"""The learners' pages, and logging in and out: plain forms that need no JavaScript."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from autograde.service.access import Here, Learner, LoggedIn, by_token, check_form
from autograde.service.api import NOTEBOOK, attempt_out, feedback_page, find
from autograde.service.database import now
from autograde.service.html import TEMPLATES, page
from autograde.service.refused import Refused
from autograde.service.service import Service
from autograde.service.sessions import COOKIE, HOURS, LOGIN_COOKIE, Session
from autograde.service.uploads import received

router = APIRouter(include_in_schema=False)
UnitName = Annotated[str, Path(max_length=100)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
CHUNK = 2**18


@router.get("/style.css")
def style() -> Response:
    headers = {"Cache-Control": "max-age=3600"}
    return FileResponse(TEMPLATES / "style.css", media_type="text/css", headers=headers)


# --- logging in and out ------------------------------------------------------------------------


@router.get("/login")
def login_form(request: Request, service: Here) -> HTMLResponse:
    return login_page(request, service)


def login_page(
    request: Request, service: Service, problem: str = "", status: int = 200
) -> HTMLResponse:
    """The form, tied to this browser so that nobody is logged in as another without knowing."""
    csrf = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)
    response = page(request, "login.html.j2", status=status, problem=problem, csrf=csrf)
    set_cookie(response, service, LOGIN_COOKIE, csrf, 3600)
    return response


@router.post("/login")
async def log_in(request: Request, service: Here) -> Response:
    async with request.form(max_files=0, max_fields=4) as form:
        csrf, token = form.get("csrf"), form.get("token")
    check_form(request.cookies.get(LOGIN_COOKIE, ""), csrf)
    try:
        given = token.strip() if isinstance(token, str) else ""
        person = await run_in_threadpool(by_token, service, given, request)
    except Refused as refused:
        if refused.status != 401:
            raise
        return login_page(request, service, refused.sentence, 401)
    name = await run_in_threadpool(service.sessions.start, person)
    response = RedirectResponse("/", 303)
    set_cookie(response, service, COOKIE, name, HOURS * 3600)
    return response


@router.post("/logout")
async def log_out(request: Request, service: Here, session: LoggedIn) -> Response:
    async with request.form(max_files=0, max_fields=4) as form:
        check_form(session.csrf, form.get("csrf"))
    await run_in_threadpool(service.sessions.end, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE)
    return response


def set_cookie(response: Response, service: Service, name: str, value: str, age: int) -> None:
    response.set_cookie(
        name, value, max_age=age, httponly=True, samesite="lax", secure=service.secure, path="/"
    )


# --- a learner ---------------------------------------------------------------------------------


@router.get("/")
def home(request: Request, service: Here, session: LoggedIn) -> Response:
    if session.person.instructor:
        return RedirectResponse("/class", 303)
    rows = []
    for unit in service.units():
        mine = service.attempts.of(session.person.name, unit.folder)
        shown = [attempt_out(service, unit, attempt) for attempt in mine]
        rows.append(
            {
                "unit": unit,
                "closed": bool(unit.closed_since(now())),
                "used": len(mine),
                "counting": next((one for one in shown if one.counts), None),
                "waiting": any(one.state == "waiting" for one in shown),
            }
        )
    return page(request, "home.html.j2", session, rows=rows)


@router.get("/units/{folder}")
def unit_page(folder: UnitName, request: Request, service: Here, session: Learner) -> HTMLResponse:
    return show_unit(folder, request, service, session)


def show_unit(
    folder: str,
    request: Request,
    service: Service,
    session: Session,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """A unit with the form to hand it in; problem: why the last try was not taken."""
    unit = service.unit(folder)
    mine = service.attempts.of(session.person.name, unit.folder)
    left = unit.settings.attempts - len(mine)
    closed = unit.closed_since(now())
    if not closed and left <= 0:
        closed = f"All {unit.settings.attempts} attempts are used up."
    return page(
        request,
        "unit.html.j2",
        session,
        status,
        unit=unit,
        attempts=[attempt_out(service, unit, attempt) for attempt in reversed(mine)],
        left=left,
        closed=closed,
        late=unit.settings.late(now()),
        max_mb=service.settings.max_mb,
        problem=problem,
    )


@router.get("/units/{folder}/notebook")
def released(folder: UnitName, service: Here, session: LoggedIn) -> Response:
    notebook = service.unit(folder).unit.released
    return FileResponse(notebook, media_type=NOTEBOOK, filename=notebook.name)


@router.post("/units/{folder}/attempts")
async def hand_in(folder: UnitName, request: Request, service: Here, session: Learner) -> Response:
    unit, name = service.unit(folder), session.person.name
    try:
        service.may_upload(name)
        async with request.form(max_files=1, max_fields=4) as form:
            check_form(session.csrf, form.get("csrf"))
            chunks = chunks_of(the_file(form))
            most = service.settings.max_bytes
            async with received(chunks, service.scratch, most) as upload:
                attempt, new = await run_in_threadpool(service.take, name, unit, upload)
    except Refused as refused:
        return await run_in_threadpool(
            show_unit, folder, request, service, session, refused.sentence, refused.status
        )
    again = "" if new else "?again=1"
    return RedirectResponse(f"/units/{unit.folder}/attempts/{attempt.number}{again}", 303)


def the_file(form: FormData) -> UploadFile:
    file = form.get("notebook")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Refused(422, "No file was chosen. Choose your notebook, then hand it in.")
    return file


async def chunks_of(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk


@router.get("/units/{folder}/attempts/{number}")
def attempt_page(
    folder: UnitName,
    number: Number,
    request: Request,
    service: Here,
    session: Learner,
    again: str = "",
) -> HTMLResponse:
    unit = service.unit(folder)
    attempt = find(service, session.person.name, unit, number)
    return page(
        request,
        "attempt.html.j2",
        session,
        unit=unit,
        attempt=attempt_out(service, unit, attempt),
        place=f"/units/{unit.folder}/attempts/{attempt.number}",
        again=bool(again),
        ahead=service.attempts.count_waiting() if attempt.state == "waiting" else 0,
        learner="",
    )


@router.get("/units/{folder}/attempts/{number}/feedback")
def feedback(folder: UnitName, number: Number, service: Here, session: Learner) -> Response:
    attempt = find(service, session.person.name, service.unit(folder), number)
    return feedback_page(service, attempt)


@router.get("/units/{folder}/attempts/{number}/notebook")
def handed_in(folder: UnitName, number: Number, service: Here, session: Learner) -> Response:
    unit = service.unit(folder)
    attempt = find(service, session.person.name, unit, number)
    name = f"{unit.unit.name.name}-attempt-{attempt.number}.ipynb"
    return FileResponse(service.attempts.notebook(attempt), media_type=NOTEBOOK, filename=name)
