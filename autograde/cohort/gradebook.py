"""nbgrader's gradebook as a projection of the results: one writer, manual marks kept."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType

from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Gradebook,
    InvalidEntry,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy.exc import SQLAlchemyError

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.results import Record
from autograde.unit import Unit
from chainrule.errors import UserError

log = logging.getLogger(__name__)


class GradebookProjection:
    """Writes records into nbgrader's gradebook; a context manager.

    Only automatic scores are written. A mark, comment or extra credit that a person gave stays.
    """

    def __init__(self, class_folder: ClassFolder, unit: Unit) -> None:
        self.url = class_folder.gradebook_url
        self.unit = unit
        self.checks = {name: f"check_{name}" for name in unit.declaration.exercises}
        self.checks |= {question.name: question.name for question in unit.declaration.questions}

    def __enter__(self) -> GradebookProjection:
        try:
            self.gradebook = Gradebook(self.url)
        except SQLAlchemyError as error:
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

    def write(self, record: Record, submitted: datetime | None = None) -> None:
        """Put one record's scores into the gradebook, all of them or none."""
        if not record.submission:
            return  # nothing was handed in: nbgrader knows that by there being no submission
        try:
            with self.gradebook.db.no_autoflush:  # nbgrader builds rows half-linked
                self._write(record, submitted)
            self.gradebook.db.commit()
        except (SQLAlchemyError, MissingEntry, InvalidEntry) as error:
            self.gradebook.db.rollback()
            raise UserError(
                f"The gradebook refused the scores of {record.learner}: {_first_line(error)}. "
                "Results are safe; run the same command again to write them."
            ) from None

    def _write(self, record: Record, submitted: datetime | None) -> None:
        folder, name = self.unit.name.folder, self.unit.name.name
        gradebook = self.gradebook
        gradebook.update_or_create_student(record.learner)
        given = {"timestamp": submitted} if submitted else {}
        gradebook.update_or_create_submission(folder, record.learner, **given)
        for result in record.exercises:
            cell = self.checks[result.exercise]
            grade = gradebook.find_grade(cell, name, folder, record.learner)
            grade.auto_score = result.score
            grade.needs_manual_grade = result.score is None and grade.manual_score is None
        for result in record.exercises:
            source = result.exercise
            try:
                comment = gradebook.find_comment(source, name, folder, record.learner)
            except MissingEntry:
                continue
            comment.auto_comment = "No response." if result.status == "missing" else None

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
        folder, name = self.unit.name.folder, self.unit.name.name
        given = {}
        for learner in learners:
            for exercise, cell in self.checks.items():
                try:
                    grade = self.gradebook.find_grade(cell, name, folder, learner)
                except MissingEntry:
                    continue
                score = grade.auto_score if grade.manual_score is None else grade.manual_score
                touched = grade.manual_score is not None or grade.extra_credit
                if touched and score is not None:  # without a score, extra credit has to wait
                    given[learner, exercise] = score + (grade.extra_credit or 0)
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


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
