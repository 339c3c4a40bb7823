"""The graded notebook that formgrader shows: the learner's cells, and the engine's verdicts."""

from __future__ import annotations

import json
from typing import Any

from nbformat import NotebookNode

from autograde.cohort.results import ExerciseResult, Record


def autograded_text(notebook: NotebookNode, record: Record) -> str:
    """The file of the notebook that intake rebuilt, with captured outputs and each verdict.

    Written as it is: nbformat would copy and check it again, which takes longer than judging it.
    """
    results = {f"check_{result.exercise}": result for result in record.exercises}
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            result = results.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
            outputs = verdict(result) if result else record.outputs.get(cell.id, [])
            cell = {**cell, "outputs": outputs}
        cells.append(cell)
    return json.dumps({**notebook, "cells": cells}, ensure_ascii=False, indent=1, sort_keys=True)


def verdict(result: ExerciseResult) -> list[dict[str, Any]]:
    """A check cell's outputs: what a person reads, and what nbgrader reads as its points."""
    lines = [f"{result.exercise}: {result.status}"]
    if result.score is not None:
        lines[0] += f", {result.score:g} of {result.max_score:g} points"
    lines += [f"  {'pass' if case.passed else 'FAIL'}  {case.name}" for case in result.cases]
    lines += [said for said in (result.mistake, result.reason) if said]
    if result.blocked_by:
        lines.append(f"Blocked by {result.blocked_by}.")
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": "\n".join(lines) + "\n"}
    ]
    if result.score:
        points = {"text/plain": f"{result.score:g}"}
        shown = {"output_type": "execute_result", "data": points, "metadata": {}}
        outputs.append({**shown, "execution_count": 1})
    elif result.score == 0:
        # nbgrader reads an error as 0 points
        said = f"{result.exercise} earned no points"
        raised = {"output_type": "error", "ename": "CheckFailed", "evalue": said}
        outputs.append({**raised, "traceback": [said]})
    return outputs
