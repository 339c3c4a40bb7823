"""The page a learner reads: the scores, what was seen, and the notebook with its verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from nbformat import NotebookNode

from autograde.cohort.results import Record
from autograde.report.cells import cell_views
from autograde.report.numbers import in_order, total
from autograde.report.page import render
from chainrule.answers import Answers


def feedback_html(
    record: Record,
    notebook: NotebookNode | None,
    answers: Answers,
    comments: Mapping[str, str] | None = None,
) -> str:
    """One self-contained HTML page.

    notebook: what intake rebuilt; None when the submission could not be read.
    comments: what a person wrote about an exercise or question, by its name.
    It shows only what `record` holds, so no expected value of a secret case can be in it.
    """
    results = in_order(record, answers)
    by_name = {result.exercise: result for result in results}
    cells = cell_views(notebook, by_name, record.outputs) if notebook is not None else []
    return render(
        "feedback.html.j2",
        answers=answers,
        record=record,
        results=results,
        total=total(record, answers),
        comments=comments or {},
        cells=cells,
        placed={cell.result.exercise for cell in cells if cell.result},
    )
