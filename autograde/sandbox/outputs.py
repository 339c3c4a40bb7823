"""Turns what the child says a cell printed into nbformat outputs. The child may say anything."""

from __future__ import annotations

from typing import Any

MAX_TRACEBACK_LINES = 40
MAX_LINE = 2000


def nbformat_outputs(report: Any, limit: int) -> list[dict[str, Any]]:
    """Stream and error outputs of one cell, `limit` bytes of text at most.

    Anything in the report that is not as `cells.py` writes it is left out.
    """
    outputs: list[dict[str, Any]] = []
    if not isinstance(report, dict):
        return outputs
    room = limit + 200  # the child's own note that it has cut its output
    for name, text in _pairs(report.get("streams")):
        if room > 0:
            outputs.append({"output_type": "stream", "name": name, "text": text[:room]})
            room -= len(text)
    error = report.get("error")
    if isinstance(error, dict):
        lines = error.get("traceback")
        lines = lines[:MAX_TRACEBACK_LINES] if isinstance(lines, list) else []
        outputs.append(
            {
                "output_type": "error",
                "ename": _text(error.get("ename"), 200) or "Error",
                "evalue": _text(error.get("evalue"), MAX_LINE),
                "traceback": [_text(line, MAX_LINE) for line in lines],
            }
        )
    return outputs


def _pairs(value: Any) -> list[tuple[str, str]]:
    """The (stream name, text) pairs among whatever `value` is."""
    if not isinstance(value, list):
        return []
    return [
        (pair[0], pair[1])
        for pair in value
        if isinstance(pair, list)
        and len(pair) == 2
        and pair[0] in ("stdout", "stderr")
        and isinstance(pair[1], str)
    ]


def _text(value: Any, limit: int) -> str:
    return value[:limit] if isinstance(value, str) else ""
