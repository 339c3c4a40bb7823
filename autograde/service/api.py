"""The API under /api: what `chainrule submit`, nbgrader's exchange and scripts talk to."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from autograde.build.notebooks import COURSE
from autograde.report.numbers import in_order, total
from autograde.report.page import seen
from autograde.service import downloads
from autograde.service.access import ApiInstructor, ApiLearner, Here, TokenHolder
from autograde.service.attempts import Attempt
from autograde.service.headers import FEEDBACK_HEADERS
from autograde.service.refused import Refused
from autograde.service.service import OpenUnit, Service
from autograde.service.uploads import received

NOTEBOOK = "application/x-ipynb+json"


class Me(BaseModel):
    """Whose token it is. course: nbgrader's name of the course."""

    name: str
    instructor: bool
    title: str
    course: str


class UnitOut(BaseModel):
    """A unit that can be handed in. notebook: the file's name; attempts: how many are allowed."""

    unit: str
    title: str
    notebook: str
    points: float
    opens: datetime | None
    deadline: datetime | None
    closes: datetime | None
    attempts: int
    used: int
    max_bytes: int


class Receipt(BaseModel):
    """Proof of what was handed in and when. again: these very bytes were handed in before, and
    this is the receipt of that time."""

    unit: str
    learner: str
    attempt: int
    sha256: str
    size: int
    time: datetime
    late: bool
    again: bool


class ExerciseOut(BaseModel):
    """An exercise's or question's result. score: null while it has none."""

    exercise: str
    score: float | None
    max_score: float
    status: str
    mistake: str
    blocked_by: str
    says: str


class AttemptOut(BaseModel):
    """An attempt. state: waiting, graded, or ungraded (the grader failed; not your fault).

    counts: whether this is the one whose score counts. points: null while a part has no score;
    why then says which part. feedback: the SHA-256 of its page, null while there is none.
    """

    learner: str
    unit: str
    attempt: int
    sha256: str
    size: int
    time: datetime
    late: bool
    state: str
    counts: bool
    points: float | None
    so_far: float | None
    out_of: float
    why: str
    exercises: list[ExerciseOut]
    feedback: str | None


class Problem(BaseModel):
    """Why a request was refused, as a sentence."""

    detail: str


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in (401, 403, 404, 422, 429, *codes)}


router = APIRouter(prefix="/api", responses=refusals())
UnitName = Annotated[str, Path(max_length=100, description="Such as 01_neuron.")]
Number = Annotated[int, Path(ge=1, lt=2**31, description="From 1.")]
Name = Annotated[str, Path(max_length=64, description="A learner.")]


@router.get("/me", tags=["everyone"])
def me(person: TokenHolder, service: Here) -> Me:
    """Who this token belongs to."""
    return Me(
        name=person.name,
        instructor=person.instructor,
        title=service.settings.title,
        course=COURSE,
    )


@router.get("/units", tags=["everyone"])
def units(person: TokenHolder, service: Here) -> list[UnitOut]:
    """The units that are open, or will be."""
    return [unit_out(service, unit, person.name) for unit in service.units()]


@router.get("/units/{unit}", tags=["everyone"])
def one_unit(unit: UnitName, person: TokenHolder, service: Here) -> UnitOut:
    """A unit: its deadline, how many attempts it allows and how many you have used."""
    return unit_out(service, service.unit(unit), person.name)


@router.get("/units/{unit}/notebook", tags=["everyone"], response_class=Response)
def released(unit: UnitName, person: TokenHolder, service: Here) -> Response:
    """The notebook as it was released."""
    return FileResponse(service.unit(unit).unit.released, media_type=NOTEBOOK)


@router.post(
    "/units/{unit}/attempts",
    tags=["learners"],
    status_code=201,
    responses={200: {"model": Receipt}, **refusals(408, 413, 503, 507)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NOTEBOOK: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def hand_in(
    unit: UnitName, request: Request, response: Response, person: ApiLearner, service: Here
) -> Receipt:
    """Hand in a notebook: the body is the file. It is on disk when the receipt comes."""
    subject = service.unit(unit)
    service.may_upload(person.name)
    async with received(request.stream(), service.scratch, service.settings.max_bytes) as upload:
        attempt, new = await run_in_threadpool(service.take, person.name, subject, upload)
    response.status_code = 201 if new else 200
    return Receipt(
        unit=attempt.unit,
        learner=attempt.learner,
        attempt=attempt.number,
        sha256=attempt.sha256,
        size=attempt.size,
        time=attempt.moment,
        late=subject.settings.late(attempt.moment),
        again=not new,
    )


@router.get("/units/{unit}/attempts", tags=["learners"])
def my_attempts(unit: UnitName, person: ApiLearner, service: Here) -> list[AttemptOut]:
    """Your attempts at a unit, the first first."""
    subject = service.unit(unit)
    mine = service.attempts.of(person.name, subject.folder)
    return [attempt_out(service, subject, attempt) for attempt in mine]


@router.get("/units/{unit}/attempts/{number}", tags=["learners"])
def my_attempt(unit: UnitName, number: Number, person: ApiLearner, service: Here) -> AttemptOut:
    """One of your attempts: its state, score and exercises."""
    subject = service.unit(unit)
    return attempt_out(service, subject, find(service, person.name, subject, number))


@router.get(
    "/units/{unit}/attempts/{number}/feedback", tags=["learners"], response_class=HTMLResponse
)
def my_feedback(unit: UnitName, number: Number, person: ApiLearner, service: Here) -> Response:
    """The feedback on one of your attempts, as a page."""
    attempt = find(service, person.name, service.unit(unit), number)
    return feedback_page(service, attempt)


@router.get("/units/{unit}/attempts/{number}/notebook", tags=["learners"], response_class=Response)
def my_notebook(unit: UnitName, number: Number, person: ApiLearner, service: Here) -> Response:
    """What you handed in, byte for byte."""
    attempt = find(service, person.name, service.unit(unit), number)
    return FileResponse(service.attempts.notebook(attempt), media_type=NOTEBOOK)


@router.get("/class/units/{unit}/attempts", tags=["instructors"])
def class_attempts(
    unit: UnitName,
    person: ApiInstructor,
    service: Here,
    last: Annotated[bool, Query(description="Only the last one of each learner.")] = False,
) -> list[AttemptOut]:
    """Everyone's attempts at a unit, by learner."""
    subject = service.unit(unit)
    found = service.attempts.all(subject.folder)
    if last:
        found = list({attempt.learner: attempt for attempt in found}.values())
    return [attempt_out(service, subject, attempt, marks=False) for attempt in found]


@router.get(
    "/class/units/{unit}/attempts/{learner}/{number}/notebook",
    tags=["instructors"],
    response_class=Response,
)
def class_notebook(
    unit: UnitName, learner: Name, number: Number, person: ApiInstructor, service: Here
) -> Response:
    """What a learner handed in, byte for byte."""
    attempt = find(service, learner, service.unit(unit), number)
    return FileResponse(service.attempts.notebook(attempt), media_type=NOTEBOOK)


@router.get("/class/units/{unit}/scores.csv", tags=["instructors"], response_class=Response)
def scores(
    unit: UnitName,
    person: ApiInstructor,
    service: Here,
    format: Annotated[str, Query(pattern="^(csv|canvas|moodle)$")] = "csv",
) -> Response:
    """The scores of a class, as `chainrule export` writes them."""
    return downloads.scores(service, service.unit(unit), format)


@router.get("/class/download.zip", tags=["instructors"], response_class=Response)
def download(person: ApiInstructor, service: Here, unit: str = "") -> Response:
    """Everything that was handed in, with scores and feedback; of one unit, or of all."""
    chosen = [service.unit(unit)] if unit else service.units()
    return downloads.everything(service, chosen)


def find(service: Service, learner: str, unit: OpenUnit, number: int) -> Attempt:
    """Raises Refused when there is no such attempt of this learner."""
    attempt = service.attempts.numbered(learner, unit.folder, number)
    if attempt is None:
        raise Refused(404, "There is no such attempt.")
    return attempt


def feedback_page(service: Service, attempt: Attempt) -> Response:
    """The page a learner influenced: no script runs in it, and it is nobody's page here."""
    return HTMLResponse(service.page(attempt).read_bytes(), headers=FEEDBACK_HEADERS)


def unit_out(service: Service, unit: OpenUnit, learner: str) -> UnitOut:
    settings = unit.settings
    return UnitOut(
        unit=unit.folder,
        title=unit.answers.title,
        notebook=unit.unit.released.name,
        points=unit.out_of,
        opens=settings.opens,
        deadline=settings.deadline,
        closes=settings.closes,
        attempts=settings.attempts,
        used=len(service.attempts.of(learner, unit.folder)),
        max_bytes=service.settings.max_bytes,
    )


def attempt_out(
    service: Service, unit: OpenUnit, attempt: Attempt, marks: bool = True
) -> AttemptOut:
    records = service.records[unit.folder]
    record = (records.marked if marks else records.of)(attempt)
    if attempt.state == "waiting":
        record = None  # its pages and its gradebook entry are not all written yet
    sums = total(record, unit.answers) if record else None
    results = in_order(record, unit.answers) if record else []
    try:
        page = service.page(attempt).read_bytes()
    except Refused:
        page = None
    return AttemptOut(
        learner=attempt.learner,
        unit=attempt.unit,
        attempt=attempt.number,
        sha256=attempt.sha256,
        size=attempt.size,
        time=attempt.moment,
        late=unit.settings.late(attempt.moment),
        state=attempt.state,
        counts=records.counts(attempt),
        points=sums.points if sums else None,
        so_far=sums.so_far if sums else None,
        out_of=unit.out_of,
        why=sums.why if sums else "",
        feedback=hashlib.sha256(page).hexdigest() if page is not None else None,
        exercises=[
            ExerciseOut(
                exercise=result.exercise,
                score=result.score,
                max_score=result.max_score,
                status=result.status,
                mistake=result.mistake,
                blocked_by=result.blocked_by,
                says=seen(result),
            )
            for result in results
        ],
    )
