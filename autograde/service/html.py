"""The pages' templates. What they print is escaped, and what hides in a text is made visible."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograde.report.page import number, plural, visible
from autograde.service.service import Service, when
from autograde.service.sessions import Session

TEMPLATES = Path(__file__).parent / "templates"


def _finalize(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def size(count: int) -> str:
    """512 bytes, 34 kB, 1.2 MB"""
    if count < 1000:
        return plural(count, "byte")
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def moment(value: datetime | str | None) -> str:
    """2026-01-05 10:00 UTC"""
    if value is None or value == "":
        return ""
    return when(datetime.fromisoformat(value) if isinstance(value, str) else value)


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    env.filters.update(number=number, moment=moment, size=size)
    env.globals.update(plural=plural)
    return env


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A page of the service. session: of whoever reads it, for the line on top and for forms."""
    service: Service = request.app.state.service
    text = (
        environment()
        .get_template(template)
        .render(site=service.settings.title, session=session, path=request.url.path, **values)
    )
    return HTMLResponse(text, status_code=status)
