"""What an instructor takes home: scores as a table, and everything in one zip file."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from fastapi import Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from autograde.cohort.gradebook import GradebookProjection
from autograde.report.export import export_text
from autograde.service.refused import Refused
from autograde.service.service import OpenUnit, Service

COLUMNS = ["learner", "attempt", "received", "late", "state", "counts", "sha256"]


def scores(service: Service, unit: OpenUnit, form: str) -> Response:
    """The exported scores, named for a browser to save."""
    name = f"{unit.folder}-{form}.csv"
    return Response(
        scores_text(service, unit, form),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def scores_text(service: Service, unit: OpenUnit, form: str) -> str:
    """As `chainrule export` writes it; late penalties are worked out again first."""
    records = service.records[unit.folder].whole_class()
    if not records:
        return export_text([], unit.answers, form)
    with GradebookProjection(service.class_folder, unit.unit) as gradebook:
        late = gradebook.charge_late()
    return export_text(records, unit.answers, form, late)


def attempts_text(service: Service, unit: OpenUnit) -> str:
    """attempts.csv: one line for each attempt."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in service.attempts.all(unit.folder):
        late = "late" if unit.settings.late(one.moment) else ""
        counts = "yes" if service.records[unit.folder].counts(one) else ""
        table.writerow([one.learner, one.number, one.received, late, one.state, counts, one.sha256])
    return written.getvalue()


def everything(service: Service, units: Sequence[OpenUnit]) -> Response:
    """A zip file: for each unit scores.csv, attempts.csv, notebooks/ and feedback/."""
    service.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=service.scratch, suffix=".zip", delete=False) as file:
        path = Path(file.name)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for unit in units:
                add_unit(service, unit, archive)
    name = f"{units[0].folder}.zip" if len(units) == 1 else "class.zip"
    remove = BackgroundTask(path.unlink, missing_ok=True)
    return FileResponse(path, media_type="application/zip", filename=name, background=remove)


def add_unit(service: Service, unit: OpenUnit, archive: zipfile.ZipFile) -> None:
    archive.writestr(f"{unit.folder}/scores.csv", scores_text(service, unit, "csv"))
    archive.writestr(f"{unit.folder}/attempts.csv", attempts_text(service, unit))
    for one in service.attempts.all(unit.folder):
        name = f"{one.learner}/attempt-{one.number}"
        notebook = service.attempts.notebook(one)
        archive.write(notebook, f"{unit.folder}/notebooks/{name}.ipynb")
        try:
            archive.write(service.page(one), f"{unit.folder}/feedback/{name}.html")
        except Refused:
            continue  # it is not graded yet
