"""/docs: the API on one plain page, made from /openapi.json; nothing is loaded from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from autograde.service.access import Here
from autograde.service.html import page
from autograde.service.sessions import COOKIE

router = APIRouter(include_in_schema=False)


def problems_are_json(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI describes a refusal in the media type of what comes otherwise; it is always JSON."""
    for methods in schema["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and "content" in answer:
                    (description,) = answer["content"].values()
                    answer["content"] = {"application/json": description}
    return schema


@router.get("/docs")
def docs(request: Request, service: Here) -> HTMLResponse:
    schema = request.app.openapi()
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "for": ", ".join(operation.get("tags", [])),
            "summary": operation.get("description", ""),
            "parameters": operation.get("parameters", []),
            "answers": _answers(operation),
        }
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    models = {
        name: model
        for name, model in schema["components"]["schemas"].items()
        if "properties" in model and not name.startswith(("HTTP", "Validation"))
    }
    session = service.sessions.find(request.cookies.get(COOKIE, ""))
    address = str(request.base_url).rstrip("/")
    return page(
        request,
        "docs.html.j2",
        session,
        operations=operations,
        models={name: _fields(model) for name, model in models.items()},
        described={name: model.get("description", "") for name, model in models.items()},
        address=address,
    )


def _answers(operation: dict[str, Any]) -> list[tuple[str, str]]:
    """(status, what comes with it), the good ones only: a refusal is the same everywhere."""
    found = []
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            kinds = [
                _type(content.get("schema", {})) or kind
                for kind, content in answer.get("content", {}).items()
            ]
            found.append((status, ", ".join(kinds) or "a file"))
    return sorted(found)


def _fields(model: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _type(schema)) for name, schema in model["properties"].items()]


def _type(schema: dict[str, Any]) -> str:
    """`AttemptOut`, `list of AttemptOut`, `number or null`; "" where nothing is said."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return "time" if schema.get("format") == "date-time" else schema.get("type", "")
