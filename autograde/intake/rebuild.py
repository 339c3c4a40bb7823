"""The notebook that is graded: the release, with the learner's work put into its places."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from autograde.intake.cells import NAMED_BY, SubmittedCell, read_cells
from autograde.intake.match import CHECK, DEMO, EXERCISE, GIVEN, Matching, match, released_cells
from autograde.intake.names import names_of
from autograde.intake.needed import Graded, cells_needed
from autograde.intake.read import Quarantined, parse_json
from autograde.intake.settle import QUESTION, Settled, Slot, lost_metadata, out_of_place, settle
from autograde.sandbox import Cell
from chainrule.answers import Answers


@dataclass(frozen=True)
class Intake:
    """A submission that is ready to be graded.

    notebook: the release with the learner's work in it, outputs cleared; cells the learner added
        stand where they were, with ids "added-1", "added-2", ...
    cells: what the sandbox runs, in order; a check cell is the point where its exercise is checked.
    repairs: one sentence each.
    answered: question -> whether the learner wrote something.
    """

    notebook: NotebookNode
    cells: list[Cell]
    repairs: list[str]
    answered: dict[str, bool]


def take_in(data: bytes, release: NotebookNode, answers: Answers) -> Intake:
    """Rebuild a submission from the release. Nothing of the submission is run.

    data: the submitted file. release: the unit's released notebook (format 4).
    Raises Quarantined when there is nothing to grade, with the reason.
    """
    stored, repairs = parse_json(data)
    submitted, upgrades = read_cells(stored)
    released = released_cells(release, answers)
    found = match(released, submitted)
    if not any(released[place].role in NAMED_BY for place in found.released_place.values()):
        raise Quarantined(
            f"The notebook has none of the exercises of {answers.unit.folder}: it is another "
            "notebook, or all of its cells were deleted."
        )
    settled = settle(released, submitted, found)
    slots = _in_order(settled, submitted, found)
    running = _running(slots)
    kept = [place for place, slot in enumerate(slots) if place in running or not slot.salvaged]
    notebook = _notebook(release, [slots[place] for place in kept])
    cells = [
        _sandbox_cell(cell.id, slots[place])
        for place, cell in zip(kept, notebook.cells, strict=True)
        if place in running
    ]
    repairs += upgrades + lost_metadata(released, found)
    repairs += [said for one in settled for said in one.repairs]
    repairs += out_of_place(settled)
    repairs += [_kept_from_edit(slots[place]) for place in kept if slots[place].salvaged]
    answered = {one.cell.name: _answered(one) for one in settled if one.cell.role == QUESTION}
    return Intake(notebook, cells, repairs, answered)


def _answered(question: Settled) -> bool:
    return question.slot.edited and bool(question.slot.source.strip())


def _kept_from_edit(slot: Slot) -> str:
    first = slot.source.strip().splitlines()[0][:50]
    return f"`{first}` was kept from an edited cell, because an answer uses it."


def _in_order(
    settled: Sequence[Settled], submitted: Sequence[SubmittedCell], found: Matching
) -> list[Slot]:
    """The released cells in the release's order, each followed by what was added after it."""
    anchors = {number: place for place, one in enumerate(settled) for number in one.used}
    left = {number for one in settled for number in one.left}
    added: dict[int, list[Slot]] = {place: [] for place in range(-1, len(settled))}
    for place, one in enumerate(settled):
        added[place] += [Slot(text, "code", salvaged=True) for text in one.salvaged]
    anchor = -1
    for number, cell in enumerate(submitted):
        anchor = anchors.get(number, anchor)
        # A matched cell that is neither used nor left says nothing that the release doesn't say.
        new = number in left or number not in found.released_place
        if new and cell.source.strip():
            pictures = {} if cell.kind == "code" else cell.attachments
            slot = Slot(cell.source, cell.kind, attachments=pictures, copy=number in left)
            added[anchor].append(slot)
    slots = list(added[-1])
    for place, one in enumerate(settled):
        slots += [one.slot, *added[place]]
    return slots


def _notebook(release: NotebookNode, slots: Iterable[Slot]) -> NotebookNode:
    notebook = copy.deepcopy(NotebookNode({**release, "cells": []}))
    taken = {cell.id for cell in release.cells}
    number = 0
    for slot in slots:
        if slot.released:
            cell = copy.deepcopy(slot.released.cell)
            cell.source = slot.source
        else:
            number += 1
            while f"added-{number}" in taken:
                number += 1
            new = {"id": f"added-{number}", "cell_type": slot.kind, "source": slot.source}
            cell = NotebookNode({**new, "metadata": NotebookNode()})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif slot.attachments:
            cell.attachments = nbformat.from_dict(slot.attachments)
        notebook.cells.append(cell)
    return notebook


def _running(slots: Sequence[Slot]) -> set[int]:
    """The places of the cells that run when grading."""
    roles = [slot.released.role if slot.released else "" for slot in slots]
    always = {i for i, role in enumerate(roles) if role in (GIVEN, EXERCISE, CHECK)}
    graded = Graded(
        given=tuple(names_of(slots[i].source) for i in always if roles[i] == GIVEN),
        answers=tuple(names_of(slots[i].source) for i in always if roles[i] == EXERCISE),
        symbols=frozenset(name for s in slots if s.released for name in s.released.symbols),
    )
    added = {}
    for i, slot in enumerate(slots):
        if slot.kind == "code" and (roles[i] == "" or (roles[i] == DEMO and slot.edited)):
            names = names_of(slot.source)
            if not slot.salvaged or names.star or names.bound - graded.bound:
                added[i] = names
    return always | cells_needed(graded, added, _redefining(slots))


def _redefining(slots: Sequence[Slot]) -> list[int]:
    """Added cells between an exercise and its check that bind its symbols once more.

    Run from top to bottom, the learner's check would see what they bind. A second copy of the
    exercise's own cell is not meant: which copy counts is settled.
    """
    places, symbols = [], frozenset[str]()
    for place, slot in enumerate(slots):
        if slot.released and slot.released.role == EXERCISE:
            symbols = frozenset(slot.released.symbols)
        elif slot.released and slot.released.role == CHECK:
            symbols = frozenset()
        elif not slot.released and slot.kind == "code" and not slot.copy:
            if names_of(slot.source).bound & symbols:
                places.append(place)
    return places


def _sandbox_cell(cell_id: str, slot: Slot) -> Cell:
    cell = slot.released
    if cell and cell.role == CHECK:
        return Cell(cell_id, slot.source, exercise=cell.name, symbols=cell.symbols)
    return Cell(cell_id, slot.source)
