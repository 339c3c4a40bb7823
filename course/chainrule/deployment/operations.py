"""What a service needs beside its answers: health, metrics, its version, and errors in sentences.

This file needs nothing else of the course. A copy of it travels with the service that you build.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

MAX_BYTES = 1_000_000  # of a request's body
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)  # the histogram's edges


class Busy(Exception):
    """The service takes no more work now. retry_after: seconds after which to try again."""

    def __init__(self, message: str = "too many requests wait already", retry_after: int = 1):
        super().__init__(message)
        self.retry_after = retry_after


def add_operations(app: FastAPI, version: str) -> None:
    """Give an app /healthz, /readyz, /version and /metrics, a size limit, and sentences for errors.

    /healthz: the process lives. /readyz: send it requests, unless app.state.ready was set to False.
    /metrics: requests by path and status, and a histogram of their seconds, for Prometheus.
    """
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests answered", ["path", "status"], registry=registry)
    seconds = Histogram(
        "request_seconds", "Seconds a request took", ["path"], buckets=SECONDS, registry=registry
    )
    app.state.ready = True
    app.add_middleware(Watched, requests=requests, seconds=seconds)
    app.add_exception_handler(RequestValidationError, refuse)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, apologize)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        if app.state.ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "not ready: the service is stopping"}, status_code=503)

    @app.get("/version")
    async def version_of_model() -> dict[str, str]:
        return {"version": version}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Watched:
    """Counts and times every request, and lets no body grow over MAX_BYTES."""

    def __init__(self, app: Any, requests: Counter, seconds: Histogram) -> None:
        self.app, self.requests, self.seconds = app, requests, seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def note(message: Mapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            if declared_length(scope) > MAX_BYTES:
                await JSONResponse({"detail": TOO_LARGE}, status_code=413)(scope, receive, note)
            else:
                await self.app(scope, limited(receive), note)
        finally:
            route = scope.get("route")  # a path that nobody wrote would make a new line each time
            path = getattr(route, "path", "other")
            self.requests.labels(path, str(status)).inc()
            self.seconds.labels(path).observe(time.perf_counter() - began)


TOO_LARGE = f"The request is larger than {MAX_BYTES:,} bytes, the most that is read."


def declared_length(scope: Mapping[str, Any]) -> int:
    """What the request says of its own length; 0 when it says nothing or nonsense."""
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


def limited(receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """The same stream of a body, which breaks off with 413 when it grows too long."""
    seen = 0

    async def receive_some() -> Any:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BYTES:
            raise HTTPException(413, TOO_LARGE)
        return message

    return receive_some


async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """422 with one sentence: where the first thing is that is wrong, and what it should be."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        said = "The body is not JSON."
    else:
        said = f"{place(first['loc'])}: {first['msg'].removeprefix('Value error, ')}."
    return JSONResponse({"detail": said}, status_code=422)


def place(path: Sequence[Any]) -> str:
    """("body", "pixels", 3, 7) -> "pixels, 3, 7"."""
    return ", ".join(str(part) for part in path[1:]) or "The body"


async def apologize(request: Request, error: Exception) -> JSONResponse:
    """500, and nothing of what went wrong: that is for the log, not for strangers."""
    return JSONResponse({"detail": "Something went wrong here. It was logged."}, status_code=500)
