"""Write the learners' pages again, with what people marked and wrote in formgrader."""

from __future__ import annotations

from collections.abc import Callable

import nbformat

from autograde.cohort.class_folder import ClassFolder, write_atomically
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.marks import with_manual_marks
from autograde.report.feedback import feedback_html
from autograde.unit import Unit
from chainrule.answers import read_answers


def write_feedback(
    unit: Unit, class_folder: ClassFolder, wanted: Callable[[str], bool] = lambda learner: True
) -> int:
    """Write the page of each graded learner whom `wanted` names; returns how many.

    Scores and verdicts are those of the results; nothing is run.
    """
    newest = class_folder.results(unit).newest().values()
    records = [one for one in newest if one.submission and wanted(one.learner)]
    answers = read_answers(unit.answers)
    with GradebookProjection(class_folder, unit) as gradebook:
        comments = {record.learner: gradebook.comments(record.learner) for record in records}
    for record in with_manual_marks(class_folder, unit, records):
        path = class_folder.autograded(record.learner, unit)
        notebook = nbformat.read(path, as_version=4) if path.exists() else None
        page = feedback_html(record, notebook, answers, comments[record.learner])
        write_atomically(class_folder.feedback(record.learner, unit), page)
    return len(records)
