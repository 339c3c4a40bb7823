"""The FastAPI application: routes, headers, limits, and how a refusal is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request as AnyRequest
from starlette.types import ASGIApp, Scope

import chainrule
from autograde.service import api, class_pages, documentation, pages
from autograde.service.access import LogInFirst
from autograde.service.headers import SecurityHeaders
from autograde.service.html import page
from autograde.service.limits import FORM_AROUND_FILE, SMALL_BODY, BodyLimit, too_large
from autograde.service.refused import Refused
from autograde.service.service import Service
from autograde.service.sessions import COOKIE

STOP_SECONDS = 20  # to finish what is being graded; the rest is graded after the next start


def create_app(service: Service, grade: bool = True) -> FastAPI:
    """The application. grade: whether its queue grades; what comes in waits otherwise."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if grade:
            service.grader.start()
        yield
        service.grader.stop()
        if grade:
            service.grader.join(STOP_SECONDS)

    app = FastAPI(
        title="Chainrule submission service",
        version=chainrule.__version__,
        description="Hand in notebooks, and see what became of them.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    plain = app.openapi
    app.openapi = lambda: documentation.problems_are_json(plain())  # type: ignore[method-assign]
    for part in (api, pages, class_pages, documentation):
        app.include_router(part.router)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, as_refused)
    app.add_exception_handler(RequestValidationError, as_refused)
    app.add_exception_handler(LogInFirst, log_in_first)
    app.add_exception_handler(Exception, our_fault)

    def most(scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"].endswith("/attempts"):
            return service.settings.max_bytes + FORM_AROUND_FILE
        return SMALL_BODY

    def refuse(scope: Scope, most: int) -> ASGIApp:
        scope.setdefault("app", app)
        return say(AnyRequest(scope), too_large(most))

    app.add_middleware(BodyLimit, most=most, refuse=refuse)
    app.add_middleware(SecurityHeaders, secure=lambda scope: service.secure)
    return app


async def refused(request: AnyRequest, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return say(request, error)


async def as_refused(request: AnyRequest, error: Exception) -> Response:
    """What FastAPI itself refuses, in our words."""
    if isinstance(error, RequestValidationError):
        return say(request, Refused(422, f"This can't be read: {_first(error)}."))
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return say(request, Refused(404, "There is nothing at this address."))
    return say(request, Refused(error.status_code, str(error.detail)), error.headers)


def _first(error: RequestValidationError) -> str:
    """`number: Input should be a valid integer`"""
    problem: dict[str, Any] = dict(error.errors()[0])
    return f"{problem['loc'][-1]}: {problem['msg']}"


async def log_in_first(request: AnyRequest, error: Exception) -> Response:
    return RedirectResponse("/login", 303)


async def our_fault(request: AnyRequest, error: Exception) -> Response:
    """Uvicorn logs the error itself."""
    return say(request, Refused(500, "The service failed at this. What you handed in is safe."))


def say(request: AnyRequest, error: Refused, headers: Any = None) -> Response:
    """A refusal: JSON under /api, a page elsewhere."""
    headers = {**error.headers, **(headers or {})}
    if request.url.path.startswith("/api"):
        return JSONResponse({"detail": error.sentence}, error.status, headers)
    service: Service = request.app.state.service
    session = service.sessions.find(request.cookies.get(COOKIE, ""))
    answer = page(
        Request(request.scope),
        "refused.html.j2",
        session,
        error.status,
        sentence=error.sentence,
        number=error.status,
    )
    answer.headers.update(headers)
    return answer
