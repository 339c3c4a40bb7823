"""Scores as CSV: the course's own table, and what Canvas and Moodle import.

The course's own csv holds names exactly as they are, so that programs can compare them. The
Canvas and Moodle files are made to be opened in a spreadsheet on the way: there a text that a
spreadsheet would run as a formula (it begins with = + - @ or a control character) gets an
apostrophe in front. Such a name no longer matches in Canvas or Moodle; correct it by hand.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograde.cohort.results import Record
from autograde.report.numbers import in_order, items_of, total
from autograde.report.page import number, seen, verdict
from chainrule.answers import Answers

Late = Mapping[str, float]
NOBODY: Late = {}

COLUMNS = ["learner", "exercise", "score", "max_score", "status", "mistake"]


def export_rows(records: Sequence[Record], answers: Answers) -> list[dict[str, str]]:
    """One row per learner and exercise: by learner, then in the unit's order, questions last.

    score is empty where there is none (ungraded, quarantined).
    """
    return [
        {
            "learner": record.learner,
            "exercise": result.exercise,
            "score": number(result.score),
            "max_score": number(result.max_score),
            "status": result.status,
            "mistake": result.mistake,
        }
        for record in sorted(records, key=lambda record: record.learner)
        for result in in_order(record, answers)
    ]


def csv_text(records: Sequence[Record], answers: Answers, late: Late = NOBODY) -> str:
    """The course's own table, columns COLUMNS: scores as earned, penalties not taken off."""
    return _csv([COLUMNS, *([row[c] for c in COLUMNS] for row in export_rows(records, answers))])


def canvas_text(
    records: Sequence[Record],
    answers: Answers,
    late: Late = NOBODY,
    assignment: str | None = None,
) -> str:
    """A file for Canvas: Grades, Import.

    Canvas finds a learner by SIS Login ID, and failing that by name; both hold the learner's name
    here, so fill in the ID column if your names are neither. assignment: the assignment's title
    in Canvas, or "title (its id)"; a title that Canvas does not know makes a new assignment. A
    learner without a total has an empty cell, which in Canvas clears a score that is there.
    """
    assignment = assignment or f"{answers.unit.number} {answers.title}"
    out_of = sum(item.points for item in items_of(answers))
    rows: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", _no_formula(assignment)],
        ["    Points Possible", "", "", "", "", number(out_of)],
    ]
    for record in sorted(records, key=lambda record: record.learner):
        name = _no_formula(record.learner)
        rows.append([name, "", "", name, "", number(_points(record, answers, late))])
    return _csv(rows)


def moodle_text(
    records: Sequence[Record],
    answers: Answers,
    late: Late = NOBODY,
    identifier: str = "Username",
) -> str:
    """A file for Moodle: Grades, Import, CSV file.

    There, map `identifier` to the user field that your learners' names are, Grade to the grade
    item, and Feedback comments to the feedback for it. Map both: Moodle loses the grades if only
    the feedback is imported, and imports nothing at all if it does not know one of the names.
    Feedback is HTML, as Moodle reads it. Without a total the grade is empty and the feedback says
    why; importing that clears a grade that is there.
    """
    rows = [[identifier, "Grade", "Feedback comments"]]
    for record in sorted(records, key=lambda record: record.learner):
        grade = number(_points(record, answers, late))
        said = _feedback(record, answers)
        if late.get(record.learner):
            said += f" Handed in late: {number(late[record.learner])} points are taken off."
        feedback = html.escape(said, quote=False)
        rows.append([_no_formula(record.learner), grade, _no_formula(feedback)])
    return _csv(rows)


def _points(record: Record, answers: Answers, late: Late) -> float | None:
    points = total(record, answers).points
    return points if points is None else max(0.0, points - late.get(record.learner, 0.0))


def _feedback(record: Record, answers: Answers) -> str:
    """What a learner should know, in a line: no total and why, then each exercise."""
    points = total(record, answers)
    said = [] if points.points is not None else [f"No total yet: {points.why}."]
    if points.why != record.reason or not record.reason:
        for result in in_order(record, answers):
            if result.score is None:
                continue
            earned = f"{number(result.score)} of {number(result.max_score)}"
            helps = seen(result) if result.score < result.max_score else ""
            said.append(f"{result.exercise}: {earned}, {verdict(result)[1]}. {helps}".strip())
    return " ".join(said)


def held_back(records: Sequence[Record], answers: Answers) -> list[str]:
    """A sentence for each learner whose total is left empty, to show beside an export."""
    totals = [(r.learner, total(r, answers)) for r in sorted(records, key=lambda r: r.learner)]
    return [f"{learner} has no total: {t.why}." for learner, t in totals if t.points is None]


FORMATS: dict[str, Callable[[Sequence[Record], Answers, Late], str]] = {
    "csv": csv_text,
    "canvas": canvas_text,
    "moodle": moodle_text,
}


def export_text(
    records: Sequence[Record], answers: Answers, form: str = "csv", late: Late = NOBODY
) -> str:
    """The text of an export in one of FORMATS. late: learner -> points taken off."""
    return FORMATS[form](records, answers, late)


def write_csv(path: Path, records: Sequence[Record], answers: Answers, form: str = "csv") -> None:
    """Write an export to a file, in UTF-8 with plain newlines."""
    path.write_bytes(export_text(records, answers, form).encode("utf-8"))


def _no_formula(text: str) -> str:
    return f"'{text}" if text.lstrip(" ")[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else text


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    """CSV text that any encoder accepts: half a surrogate pair is written as \\ud800."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")
