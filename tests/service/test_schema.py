"""Schemathesis: whatever is sent to the application, it never fails by itself."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autograde.service import class_pages, documentation, pages
from autograde.service.app import create_app
from autograde.service.sessions import COOKIE

from .conftest import InProcess
from .test_handing_in import NOTEBOOK

pytestmark = pytest.mark.slow

SETTINGS = """
[service]
uploads_per_minute = 10000
requests_per_minute = 1000000

[units.01_neuron]
attempts = 10000
"""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    app = InProcess(tmp_path_factory.mktemp("fuzzed") / "class", SETTINGS)
    app.learner = app.header("ada")
    app.instructor = app.header("teacher", instructor=True)
    app.headers = [app.learner, app.instructor]
    app.hand_in(app.learner, NOTEBOOK)
    return app


def operations(app) -> list:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    return [found.ok() for found in schema.get_all_operations()]


def try_out(operation, headers: list[dict[str, str]], checks: list) -> None:
    """Send made-up requests, with each header in turn; the same ones every time."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=12,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case) -> None:
        for header in headers:
            case.call_and_validate(headers=header, checks=checks)

    send()


def test_no_request_to_the_api_is_a_fault_of_ours(fuzzed):
    found = operations(fuzzed.app)
    assert len(found) >= 13
    for operation in found:
        try_out(operation, [fuzzed.learner, fuzzed.instructor, {}], CHECKS)


def test_no_request_to_a_page_is_a_fault_of_ours(fuzzed, monkeypatch):
    """The pages are not in the published description; here they are."""
    for part in (pages, class_pages, documentation):
        for described in [part.router, *part.router.routes]:
            monkeypatch.setattr(described, "include_in_schema", True)
    app = create_app(fuzzed.service, grade=False)
    people = [fuzzed.service.tokens.find(h["Authorization"].split()[1]) for h in fuzzed.headers]
    cookies = [{"Cookie": f"{COOKIE}={fuzzed.service.sessions.start(one)}"} for one in people]
    found = [one for one in operations(app) if not one.path.startswith("/api/")]
    assert len(found) >= 20
    for operation in found:
        try_out(operation, [*cookies, {}], [not_a_server_error])
