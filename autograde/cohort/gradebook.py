"""nbgrader's gradebook as a projection of the results: one writer, manual marks kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import parse_utc
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.late import LatePenalties
from autograde.cohort.results import Record
from autograde.unit import Unit
from chainrule.errors import UserError

BUSY_SECONDS = 30  # to wait for someone else's write, such as a mark given in formgrader


@dataclass(frozen=True)
class Entry:
    """A record on its way into the gradebook. submitted: when it was handed in, if that is known.
    anew: whether it was graded before from another hand-in, so that a mark by hand is of that."""

    record: Record
    submitted: datetime | None = None
    anew: bool = False


class GradebookProjection:
    """Writes records into nbgrader's gradebook; a context manager.

    Only automatic scores are written. A mark, comment or extra credit that a person gave stays.
    """

    def __init__(self, class_folder: ClassFolder, unit: Unit) -> None:
        self.url = class_folder.gradebook_url
        self.penalties = LatePenalties(class_folder.path)
        self.unit = unit
        self.checks = {name: f"check_{name}" for name in unit.declaration.exercises}
        self.checks |= {question.name: question.name for question in unit.declaration.questions}

    def __enter__(self) -> GradebookProjection:
        try:
            self.gradebook = open_gradebook(self.url)
        except (SQLAlchemyError, ImportError) as error:
            raise UserError(
                f"The gradebook {self.url} can't be opened: {_first_line(error)}. "
                "Results are safe; the gradebook is rebuilt from them by the next `grade`."
            ) from None
        return self

    def knows_assignment(self) -> bool:
        """Whether the assignment is in it: not when the gradebook is new, or was removed."""
        try:
            self.gradebook.find_notebook(self.unit.name.name, self.unit.name.folder)
        except MissingEntry:
            return False
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.gradebook.close()

    def write(self, entries: Sequence[Entry]) -> None:
        """Put entries into the gradebook: all or none; of one learner's, the last.

        Raises UserError when the gradebook refuses them; results are safe then.
        """
        # Nothing handed in: nbgrader knows that by there being no submission.
        newest = {entry.record.learner: entry for entry in entries if entry.record.submission}
        if not newest:
            return
        try:
            self._write(newest)
            self.gradebook.db.commit()
        except (SQLAlchemyError, MissingEntry, InvalidEntry) as error:
            self.gradebook.db.rollback()
            raise UserError(
                f"The gradebook refused the scores of {len(newest)} learners: "
                f"{_first_line(error)}. "
                "Results are safe; run the same command again to write them."
            ) from None

    def _write(self, entries: Mapping[str, Entry]) -> None:
        db = self.gradebook.db
        released = self.gradebook.find_notebook(self.unit.name.name, self.unit.name.folder)
        grade_cells = {cell.name: cell.id for cell in released.grade_cells}
        comment_cells = {cell.name: cell.id for cell in released.solution_cells}
        self._students(entries)
        submissions = self._submissions(entries, released.assignment_id)
        notebooks = self._notebooks(submissions, released.id)
        grades = self._rows(Grade, notebooks.values(), grade_cells.values())
        comments = self._rows(Comment, notebooks.values(), comment_cells.values())
        for learner, entry in entries.items():
            notebook = notebooks[learner]
            for result in entry.record.exercises:
                grade = grades[notebook.id, grade_cells[self.checks[result.exercise]]]
                # As nbgrader does it: a mark by hand stays, and somebody looks again.
                changed = entry.anew or grade.auto_score != result.score
                marked = grade.manual_score is not None
                grade.needs_manual_grade = changed if marked else result.score is None
                grade.auto_score = result.score
                comment = comments.get((notebook.id, comment_cells.get(result.exercise)))
                if comment is not None:
                    missing = result.status == "missing"
                    comment.auto_comment = "No response." if missing else None
            mine = [grades[notebook.id, cell] for cell in grade_cells.values()]
            notebook.late_submission_penalty = self.penalties.of(
                submissions[learner], sum(map(_score, mine))
            )
        db.flush()

    # Rows are found by their keys. nbgrader's own queries by name look through all the grades of
    # a class each time, so that a large class would cost more for each submission.

    def _students(self, learners: Collection[str]) -> None:
        db = self.gradebook.db
        known = {student for (student,) in db.query(Student.id).filter(Student.id.in_(learners))}
        db.add_all(Student(id=learner) for learner in learners if learner not in known)
        db.flush()

    def _submissions(
        self, entries: Mapping[str, Entry], assignment: str
    ) -> dict[str, SubmittedAssignment]:
        """Each learner's submission, made where it is missing, with its time."""
        db = self.gradebook.db
        known = db.query(SubmittedAssignment).filter(
            SubmittedAssignment.assignment_id == assignment,
            SubmittedAssignment.student_id.in_(entries),
        )
        rows = {submission.student_id: submission for submission in known}
        for learner, entry in entries.items():
            if learner not in rows:
                rows[learner] = SubmittedAssignment(assignment_id=assignment, student_id=learner)
                db.add(rows[learner])
            if entry.submitted is not None:
                rows[learner].timestamp = parse_utc(entry.submitted)
        db.flush()
        return rows

    def _notebooks(
        self, submissions: Mapping[str, SubmittedAssignment], notebook: str
    ) -> dict[str, SubmittedNotebook]:
        db = self.gradebook.db
        learners = {submission.id: learner for learner, submission in submissions.items()}
        known = db.query(SubmittedNotebook).filter(
            SubmittedNotebook.notebook_id == notebook,
            SubmittedNotebook.assignment_id.in_(learners),
        )
        rows = {learners[row.assignment_id]: row for row in known}
        for learner, submission in submissions.items():
            if learner not in rows:
                rows[learner] = SubmittedNotebook(assignment_id=submission.id, notebook_id=notebook)
                db.add(rows[learner])
        db.flush()
        return rows

    def _rows(
        self, kind: Any, notebooks: Iterable[SubmittedNotebook], cells: Collection[str]
    ) -> dict[tuple[str, str | None], Any]:
        """A Grade or a Comment for each notebook and cell, made where it is missing."""
        db = self.gradebook.db
        ids = [notebook.id for notebook in notebooks]
        known = db.query(kind).filter(kind.cell_id.in_(cells), kind.notebook_id.in_(ids))
        rows = {(row.notebook_id, row.cell_id): row for row in known}
        for place in ((notebook, cell) for notebook in ids for cell in cells):
            if place not in rows:
                rows[place] = kind(notebook_id=place[0], cell_id=place[1])
                db.add(rows[place])
        db.flush()
        return rows

    def charge_late(self) -> dict[str, float]:
        """Work out again what late submissions lose, with the marks there are now; by learner."""
        db = self.gradebook.db
        rows = (
            db.query(SubmittedNotebook, SubmittedAssignment)
            .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .filter(Assignment.name == self.unit.name.folder)
            .filter(SubmittedAssignment.timestamp > Assignment.duedate)
        )
        lost = {}
        for notebook, submission in rows:
            penalty = self.penalties.of(submission, sum(map(_score, notebook.grades)))
            notebook.late_submission_penalty = penalty
            if penalty:
                lost[submission.student_id] = penalty
        db.commit()
        return lost

    def lacking(self, records: Iterable[Record]) -> list[Record]:
        """Those whose scores the gradebook does not hold: grading was stopped between the two,
        or the gradebook is another one."""
        held: dict[str, dict[str, float | None]] = {}
        rows = (
            self.gradebook.db.query(SubmittedAssignment.student_id, BaseCell.name, Grade.auto_score)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == Grade.cell_id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .filter(Assignment.name == self.unit.name.folder)
        )
        for learner, cell, score in rows:
            held.setdefault(learner, {})[cell] = score
        return [
            record
            for record in records
            if record.submission and not self._held(held.get(record.learner, {}), record)
        ]

    def _held(self, scores: dict[str, float | None], record: Record) -> bool:
        cells = [(self.checks[result.exercise], result.score) for result in record.exercises]
        return all(cell in scores and scores[cell] == score for cell, score in cells)

    def manual_scores(self, learners: Iterable[str]) -> dict[tuple[str, str], float]:
        """What people changed: (learner, exercise) to score, extra credit included.

        Extra credit is added to the mark given by hand or, where there is none, to our score.
        """
        wanted, exercises = set(learners), {cell: name for name, cell in self.checks.items()}
        rows = (
            self.gradebook.db.query(
                SubmittedAssignment.student_id,
                BaseCell.name,
                Grade.auto_score,
                Grade.manual_score,
                Grade.extra_credit,
            )
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == Grade.cell_id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .filter(Assignment.name == self.unit.name.folder)
            .filter(Grade.manual_score.isnot(None) | Grade.extra_credit.isnot(None))
        )
        given = {}
        for learner, cell, earned, manual, extra in rows:
            score = earned if manual is None else manual
            touched = manual is not None or extra
            known = learner in wanted and cell in exercises
            if known and touched and score is not None:  # without a score, extra credit has to wait
                given[learner, exercises[cell]] = score + (extra or 0)
        return given

    def comments(self, learner: str) -> dict[str, str]:
        """What a person wrote about a learner's exercises and questions, by their names."""
        written = {}
        for exercise in self.checks:
            try:
                comment = self.gradebook.find_comment(
                    exercise, self.unit.name.name, self.unit.name.folder, learner
                )
            except MissingEntry:
                continue
            if comment.manual_comment:
                written[exercise] = comment.manual_comment
        return written


def _score(grade: Grade) -> float:
    """What a grade is worth now; nbgrader's own column knows it only after a commit."""
    score = grade.auto_score if grade.manual_score is None else grade.manual_score
    return 0.0 if score is None else score + (grade.extra_credit or 0.0)


def open_gradebook(url: str) -> Gradebook:
    """nbgrader's gradebook. An SQLite file is one that others can read while it is written."""
    gradebook = Gradebook(url)
    if gradebook.engine.dialect.name == "sqlite":
        event.listen(gradebook.engine, "connect", _share)
        gradebook.db.remove()
        gradebook.engine.dispose()
    return gradebook


def _share(connection: Any, record: object) -> None:
    connection.execute(f"pragma busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")  # results can fill it again


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
