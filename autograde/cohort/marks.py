"""Marks that people gave in formgrader, laid over the automatic results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.results import GRADED, Record
from autograde.unit import Unit


def with_manual_marks(
    class_folder: ClassFolder, unit: Unit, records: Sequence[Record]
) -> list[Record]:
    """The records with each mark given by hand in place of the automatic score."""
    with GradebookProjection(class_folder, unit) as gradebook:
        given = gradebook.manual_scores(record.learner for record in records)
    marked = []
    for record in records:
        results = tuple(
            replace(result, score=given[record.learner, result.exercise], status=GRADED, reason="")
            if (record.learner, result.exercise) in given
            else result
            for result in record.exercises
        )
        marked.append(replace(record, exercises=results))
    return marked
