"""From JSON to the cells of a submitted notebook, whatever shape they are in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat

from autograde.intake.read import Quarantined

FORMAT = 4
MOST_CELLS = 2_000
MOST_CODE = 2**20
NAMED_BY = ("exercise", "check", "question")  # the keys of metadata.chainrule

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,20}")


@dataclass(frozen=True)
class SubmittedCell:
    """One cell as it was handed in.

    kind: "code", "markdown" or "raw".
    marks: what the cell says it is, the most reliable first, as ("grade_id", "sigmoid"),
        ("id", "exercise-sigmoid"), ("exercise", "sigmoid").
    attachments: pictures pasted into a text cell, name -> media type -> base64.
    """

    kind: str
    source: str
    marks: tuple[tuple[str, str], ...] = ()
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)


def read_cells(stored: Any) -> tuple[list[SubmittedCell], list[str]]:
    """The cells of a notebook's JSON, and what had to be repaired.

    Raises Quarantined when this is no notebook, or one from the future.
    """
    if not isinstance(stored, dict):
        raise Quarantined("The file is JSON but not a notebook.")
    version = _version(stored)
    if version > FORMAT:
        raise Quarantined(
            f"The notebook is in format {version}, which is newer than this grader can read "
            f"({FORMAT}). Save it as format {FORMAT} and hand it in again."
        )
    repairs = []
    if version < FORMAT:
        stored = _upgraded(stored, version)
        repairs.append(f"The notebook was in format {version} and was converted to {FORMAT}.")
    raw = stored.get("cells")
    if not isinstance(raw, list) or not raw:
        raise Quarantined("The notebook has no cells.")
    if len(raw) > MOST_CELLS:
        raise Quarantined(f"The notebook has {len(raw):,} cells; at most {MOST_CELLS:,} are read.")
    readable = [one for one in raw if isinstance(one, dict)]
    cells = [_cell(one) for one in readable]
    if len(cells) < len(raw):
        repairs.append(f"What could not be read as a cell was left out ({len(raw) - len(cells)}).")
    if any(not isinstance(one.get("source", ""), str | list) for one in readable):
        repairs.append("A cell whose text could not be read was taken as empty.")
    if sum(len(cell.source) for cell in cells if cell.kind == "code") > MOST_CODE:
        raise Quarantined(
            f"The notebook has more than {MOST_CODE // 2**20} MB of code. Was data pasted into a "
            "cell? Load it from a file instead and hand the notebook in again."
        )
    return _without_half_characters(cells, repairs)


def _version(stored: Mapping[str, Any]) -> int:
    version = stored.get("nbformat")
    if isinstance(version, str) and re.fullmatch(r"[0-9]{1,9}", version):
        version = int(version)
    if isinstance(version, float) and version.is_integer():
        version = int(version)
    if isinstance(version, int) and not isinstance(version, bool) and version > 0:
        return version
    if isinstance(stored.get("cells"), list):
        return FORMAT
    if isinstance(stored.get("worksheets"), list):
        return 3
    raise Quarantined("The file is JSON but not a notebook.")


def _upgraded(stored: Mapping[str, Any], version: int) -> dict[str, Any]:
    """A notebook of format 2 or 3 in format 4, by nbformat. Outputs are left behind."""
    sheets = stored.get("worksheets")
    cells = [
        _old_cell(cell)
        for sheet in (sheets if isinstance(sheets, list) else [])
        if isinstance(sheet, dict) and isinstance(sheet.get("cells"), list)
        for cell in sheet["cells"][: MOST_CELLS + 1]
        if isinstance(cell, dict)
    ]
    old = {
        "metadata": {},
        "nbformat": version,
        "nbformat_minor": 0,
        "worksheets": [{"cells": cells, "metadata": {}}],
    }
    try:
        return nbformat.convert(nbformat.from_dict(old), FORMAT)
    except Exception as error:  # nbformat raises anything from KeyError to its own errors
        raise Quarantined(
            f"The notebook is in the old format {version} and can't be converted "
            f"({type(error).__name__}). Open it in Jupyter, save it and hand it in again."
        ) from None


def _old_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A valid cell of format 2 or 3 with no more than is needed here."""
    metadata: dict[str, Any] = {}
    for key, value in _marks(cell):
        metadata |= (
            {"nbgrader": {"grade_id": value}} if key == "grade_id" else {"chainrule": {key: value}}
        )
    source = _text(cell.get("input", cell.get("source")))
    if _kind(cell) == "code":
        return {
            "cell_type": "code",
            "collapsed": False,
            "input": source,
            "language": "python",
            "metadata": metadata,
            "outputs": [],
        }
    if cell.get("cell_type") == "heading":
        level = cell.get("level")
        level = level if level in (1, 2, 3, 4, 5, 6) else 1
        return {"cell_type": "heading", "level": level, "metadata": metadata, "source": source}
    return {"cell_type": _kind(cell), "metadata": metadata, "source": source}


def _cell(cell: Mapping[str, Any]) -> SubmittedCell:
    return SubmittedCell(
        _kind(cell), _text(cell.get("source")), tuple(_marks(cell)), _attachments(cell)
    )


def _kind(cell: Mapping[str, Any]) -> str:
    kind = cell.get("cell_type")
    if kind in ("code", "markdown", "raw"):
        return str(kind)
    return "code" if "outputs" in cell or "input" in cell else "markdown"


def _text(value: Any) -> str:
    """The text of a cell: a string, or a list of lines."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _marks(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    metadata = _mapping(cell.get("metadata"))
    named = _mapping(metadata.get("chainrule"))
    found = [("grade_id", _mapping(metadata.get("nbgrader")).get("grade_id"))]
    found += [("id", cell.get("id")), ("id", metadata.get("id"))]  # Colab moves ids to metadata
    found += [(key, named.get(key)) for key in NAMED_BY]
    yield from ((key, value) for key, value in found if isinstance(value, str))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _attachments(cell: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The pictures of a cell; they end up in HTML pages, so only real base64 is let through."""
    kept: dict[str, dict[str, str]] = {}
    for name, bundle in _mapping(cell.get("attachments")).items():
        for kind, data in _mapping(bundle).items():
            data = _text(data)
            if data and _IMAGE.fullmatch(kind) and _BASE64.fullmatch(data):
                kept.setdefault(_HALF_CHARACTER.sub("\ufffd", name), {})[kind] = data
    return kept


def _without_half_characters(
    cells: list[SubmittedCell], repairs: list[str]
) -> tuple[list[SubmittedCell], list[str]]:
    """Lone surrogates can't be written to any file, so they are replaced."""
    clean, replaced = [], 0
    for cell in cells:
        source, count = _HALF_CHARACTER.subn("\ufffd", cell.source)
        replaced += count
        clean.append(SubmittedCell(cell.kind, source, cell.marks, cell.attachments))
    if replaced:
        repairs = [*repairs, "Broken characters (lone surrogates) were replaced by \ufffd."]
    return clean, repairs
