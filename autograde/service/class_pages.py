"""The instructors' pages: the class, a unit, an exercise with its commonest mistakes, a learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from autograde.cohort.results import BLOCKED, GRADED, Record
from autograde.report.class_report import class_report_html
from autograde.report.numbers import (
    OUTCOMES,
    Cost,
    Total,
    costs,
    counted,
    item_numbers,
    items_of,
    outcome,
    total,
)
from autograde.report.page import seen
from autograde.service import downloads
from autograde.service.access import Here, Instructor
from autograde.service.api import NOTEBOOK, attempt_out, feedback_page, find
from autograde.service.attempts import WAITING, Attempt
from autograde.service.headers import FEEDBACK_HEADERS
from autograde.service.html import page
from autograde.service.refused import Refused
from autograde.service.service import OpenUnit, Service

router = APIRouter(prefix="/class", include_in_schema=False)
UnitName = Annotated[str, Path(max_length=100)]
Name = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@dataclass(frozen=True)
class Row:
    """A learner in a unit. last: the newest attempt; total: of the one that counts."""

    learner: str
    attempts: int
    last: Attempt | None
    late: bool
    record: Record | None
    total: Total | None

    @property
    def state(self) -> str:
        if self.last is None:
            return "nothing handed in"
        if self.last.state == WAITING:
            return "waits to be graded"
        if self.record is None or self.last.state != GRADED:
            return "could not be graded"
        return "could not be read" if self.record.status == "quarantined" else "graded"


def rows_of(service: Service, unit: OpenUnit) -> list[Row]:
    """Everyone who has a token or handed something in, by name."""
    records = {record.learner: record for record in service.records[unit.folder].whole_class()}
    attempts: dict[str, list[Attempt]] = {}
    for attempt in service.attempts.all(unit.folder):
        attempts.setdefault(attempt.learner, []).append(attempt)
    rows = []
    for learner in sorted({*service.tokens.learners(), *attempts, *records}):
        mine, record = attempts.get(learner, []), records.get(learner)
        last = mine[-1] if mine else None
        late = last is not None and unit.settings.late(last.moment)
        sums = total(record, unit.answers) if record else None
        rows.append(Row(learner, len(mine), last, late, record, sums))
    return rows


@router.get("")
def the_class(request: Request, service: Here, session: Instructor) -> HTMLResponse:
    units = []
    for unit in service.units():
        rows = rows_of(service, unit)
        chosen = counted(unit.answers, [row.record for row in rows if row.record])
        totals = chosen.totals()
        units.append(
            {
                "unit": unit,
                "learners": len(rows),
                "handed_in": sum(row.last is not None for row in rows),
                "waiting": sum(row.state == "waits to be graded" for row in rows),
                "late": sum(row.late for row in rows),
                "mean": fmean(totals) if totals else None,
                "out_of": chosen.out_of,
            }
        )
    return page(request, "class.html.j2", session, units=units, trouble=service.grader.trouble)


@router.get("/download.zip")
def download_all(service: Here, session: Instructor) -> Response:
    return downloads.everything(service, service.units())


@router.get("/units/{folder}")
def class_unit(
    folder: UnitName, request: Request, service: Here, session: Instructor
) -> HTMLResponse:
    unit = service.unit(folder)
    rows = rows_of(service, unit)
    records = [row.record for row in rows if row.record]
    mistakes, _ = costs(records)
    commonest: dict[str, Cost] = {}
    for cost in sorted(mistakes, key=lambda cost: -cost.learners):
        commonest.setdefault(cost.exercise, cost)
    return page(
        request,
        "class_unit.html.j2",
        session,
        unit=unit,
        rows=rows,
        numbers=item_numbers(unit.answers, records),
        commonest=commonest,
        late=[row for row in rows if row.late],
        missing=[row.learner for row in rows if row.last is None],
        waiting=sum(row.state == "waits to be graded" for row in rows),
        trouble=service.grader.trouble,
    )


@router.get("/units/{folder}/download.zip")
def download(folder: UnitName, service: Here, session: Instructor) -> Response:
    return downloads.everything(service, [service.unit(folder)])


@router.get("/units/{folder}/scores/{form}.csv")
def scores(
    folder: UnitName,
    form: Annotated[str, Path(max_length=20)],
    service: Here,
    session: Instructor,
) -> Response:
    if form not in ("csv", "canvas", "moodle"):
        raise Refused(404, "There is no such format; use csv, canvas or moodle.")
    return downloads.scores(service, service.unit(folder), form)


@router.get("/units/{folder}/report")
def report(folder: UnitName, service: Here, session: Instructor) -> Response:
    """The page that `chainrule report` writes."""
    unit = service.unit(folder)
    records = service.records[unit.folder].whole_class()
    if not records:
        raise Refused(404, "Nobody is graded on this unit yet.")
    mode = ", ".join(sorted({record.key.get("sandbox", "") for record in records}))
    text = class_report_html(unit.answers, records, sandbox=mode)
    return HTMLResponse(text.encode("utf-8", "replace"), headers=FEEDBACK_HEADERS)


@router.get("/units/{folder}/exercises/{name}")
def exercise(
    folder: UnitName,
    name: Annotated[str, Path(max_length=100)],
    request: Request,
    service: Here,
    session: Instructor,
) -> HTMLResponse:
    """An exercise or question: how the class did, and what went wrong most."""
    unit = service.unit(folder)
    if name not in [item.name for item in items_of(unit.answers)]:
        raise Refused(404, "There is no such exercise in this unit.")
    records = list(service.records[unit.folder].whole_class())
    (numbers,) = [one for one in item_numbers(unit.answers, records) if one.item.name == name]
    mistakes, unknown = costs(records)
    return page(
        request,
        "exercise.html.j2",
        session,
        unit=unit,
        numbers=numbers,
        outcomes=OUTCOMES,
        mistakes=by_learners([cost for cost in mistakes if cost.exercise == name]),
        unknown=by_learners([cost for cost in unknown if cost.exercise == name]),
        who=learners_by_cause(records, name),
        blocked=[r.learner for r in records if result_of(r, name) == BLOCKED],
        results=[
            (record.learner, outcome(result), result.score, seen(result))
            for record in records
            for result in record.exercises
            if result.exercise == name
        ],
    )


def by_learners(found: Sequence[Cost]) -> list[Cost]:
    """The commonest first."""
    return sorted(found, key=lambda cost: (-cost.learners, -cost.points, cost.cause))


def result_of(record: Record, name: str) -> str:
    return next((one.status for one in record.exercises if one.exercise == name), "")


def learners_by_cause(records: Sequence[Record], name: str) -> dict[str, list[str]]:
    """Who made a mistake, or failed first at a case: by the words that `costs` uses."""
    who: dict[str, list[str]] = {}
    for record in records:
        for cost in [cost for found in costs([record]) for cost in found]:
            if cost.exercise == name:
                who.setdefault(cost.cause, []).append(record.learner)
    return who


@router.get("/units/{folder}/learners/{learner}")
def class_learner(
    folder: UnitName, learner: Name, request: Request, service: Here, session: Instructor
) -> HTMLResponse:
    """A learner's attempts, and the results of the one that counts."""
    unit = service.unit(folder)
    mine = service.attempts.of(learner, unit.folder)
    if learner not in {row.learner for row in rows_of(service, unit)}:
        raise Refused(404, "There is no such learner.")
    shown = [attempt_out(service, unit, attempt) for attempt in reversed(mine)]
    counting = next((one for one in shown if one.counts), None)
    return page(
        request,
        "class_learner.html.j2",
        session,
        unit=unit,
        learner=learner,
        attempts=shown,
        counting=counting,
        place=f"/class/units/{unit.folder}/learners/{learner}/attempts",
    )


@router.get("/units/{folder}/learners/{learner}/attempts/{number}/feedback")
def feedback(
    folder: UnitName, learner: Name, number: Number, service: Here, session: Instructor
) -> Response:
    return feedback_page(service, find(service, learner, service.unit(folder), number))


@router.get("/units/{folder}/learners/{learner}/attempts/{number}/notebook")
def notebook(
    folder: UnitName, learner: Name, number: Number, service: Here, session: Instructor
) -> Response:
    attempt = find(service, learner, service.unit(folder), number)
    name = f"{attempt.learner}-{attempt.unit}-{attempt.number}.ipynb"
    return FileResponse(service.attempts.notebook(attempt), media_type=NOTEBOOK, filename=name)
