"""The graded notebook that formgrader shows: the learner's cells, and the engine's verdicts."""

from __future__ import annotations

import copy

import nbformat
from nbformat import NotebookNode

from autograde.cohort.results import Record


def autograded_notebook(notebook: NotebookNode, record: Record) -> NotebookNode:
    """The notebook that intake rebuilt, with captured outputs and each check's verdict."""
    graded = copy.deepcopy(notebook)
    results = {f"check_{result.exercise}": result for result in record.exercises}
    for cell in graded.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [nbformat.from_dict(output) for output in record.outputs.get(cell.id, [])]
        result = results.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if result is None:
            continue
        lines = [f"{result.exercise}: {result.status}"]
        if result.score is not None:
            lines[0] += f", {result.score:g} of {result.max_score:g} points"
        lines += [f"  {'pass' if case.passed else 'FAIL'}  {case.name}" for case in result.cases]
        lines += [said for said in (result.mistake, result.reason) if said]
        if result.blocked_by:
            lines.append(f"Blocked by {result.blocked_by}.")
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text="\n".join(lines) + "\n")
        ]
        if result.score:
            data = {"text/plain": f"{result.score:g}"}
            cell.outputs.append(nbformat.v4.new_output("execute_result", data, execution_count=1))
        elif result.score == 0:
            # nbgrader reads an error as 0 points
            said = f"{result.exercise} earned no points"
            cell.outputs.append(
                nbformat.v4.new_output("error", ename="CheckFailed", evalue=said, traceback=[said])
            )
    return graded
