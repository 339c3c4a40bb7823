"""What becomes of each released cell, given the submitted cells that stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from autograde.intake.cells import SubmittedCell
from autograde.intake.match import (
    CHECK,
    COUNTED,
    EXERCISE,
    LOCKED,
    QUESTION,
    Matching,
    ReleasedCell,
)
from autograde.intake.names import names_of, new_statements

Ones = dict[int, SubmittedCell]  # submitted cells by their place in the submission


@dataclass(frozen=True)
class Slot:
    """One cell of the rebuilt notebook. released: None for a cell that the learner added.

    edited: the learner wrote its text. copy: it is a second version of a graded cell. salvaged: it
    was cut out of an edited locked cell and is there only if something needs it.
    """

    source: str
    kind: str
    released: ReleasedCell | None = None
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)
    edited: bool = False
    copy: bool = False
    salvaged: bool = False


@dataclass
class Settled:
    """What became of one released cell.

    used: the submitted cells that went into its slot. left: those that the learner wrote but that
    did not, and so are kept as added cells. salvaged: statements kept from an edited locked cell.
    """

    cell: ReleasedCell
    slot: Slot
    used: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    salvaged: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)


def settle(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> list[Settled]:
    """One for each released cell, in the release's order."""
    settled = []
    for place, cell in enumerate(released):
        ones = {number: submitted[number] for number in found.submitted_places(place)}
        if cell.role == EXERCISE:
            settled.append(_exercise(cell, ones))
        elif cell.role == QUESTION:
            settled.append(_question(cell, ones, found.continued.get(place, [])))
        elif cell.role in LOCKED:
            settled.append(_locked(cell, ones))
        else:
            settled.append(_free(cell, ones))
    _share_merged_cells(settled)
    return settled


def _as_released(cell: ReleasedCell) -> Slot:
    return Slot(cell.source, cell.kind, cell)


def _written(cell: ReleasedCell, ones: Ones) -> Ones:
    """Those in which the learner wrote something."""
    return {n: one for n, one in ones.items() if one.source.strip() and not cell.same_as(one)}


def _exercise(cell: ReleasedCell, ones: Ones) -> Settled:
    """The last version that differs from the stub, if possible one that defines the symbols."""
    written = _written(cell, ones)
    if not written:
        blank = not any(one.source.strip() for one in ones.values())
        said = [_missing(cell)] if blank else _copies(cell, ones, "it counts once")
        return Settled(cell, _as_released(cell), list(ones)[-1:], repairs=said)
    symbols = frozenset(cell.symbols)
    bound = {n: len(names_of(one.source).bound & symbols) for n, one in written.items()}
    chosen = max(written, key=lambda number: (bound[number], number))
    one = written[chosen]
    repairs = _copies(cell, written, "the last one that was changed is graded")
    if len(ones) > len(written) == 1:
        repairs.append(f"{label(cell)} had been left as released; the other version is graded.")
    if one.kind != "code":
        repairs.append(f"{label(cell)} had been turned into a text cell and was graded as code.")
    slot = replace(_as_released(cell), source=one.source, edited=True)
    left = [n for n in written if written[n].source != one.source]
    return Settled(cell, slot, [chosen], left, repairs=repairs)


def _question(cell: ReleasedCell, ones: Ones, continued: list[int]) -> Settled:
    """The learner's text; a stub that was blanked stays blank and is no answer."""
    slot = _as_released(cell)
    if continued:
        pictures = {name: kinds for n in continued for name, kinds in ones[n].attachments.items()}
        text = "\n\n".join(ones[number].source for number in continued)
        said = f"{label(cell)} had been left as released; the text beside it counts as the answer."
        repairs = [said] if len(ones) > len(continued) else []
        slot = replace(slot, source=text, attachments=pictures, edited=True)
        return Settled(cell, slot, continued, repairs=repairs)
    written = _written(cell, ones)
    if not written:
        if ones and not any(one.source.strip() for one in ones.values()):
            slot = replace(slot, source="")
        return Settled(cell, slot, list(ones)[-1:], repairs=[] if ones else [_missing(cell)])
    last = max(written)
    one = written[last]
    slot = replace(slot, source=one.source, attachments=one.attachments, edited=True)
    left = [n for n in written if written[n].source != one.source]
    repairs = _copies(cell, written, "the last one that was changed is graded")
    return Settled(cell, slot, [last], left, repairs=repairs)


def _locked(cell: ReleasedCell, ones: Ones) -> Settled:
    """The release's text; of an edit, what an answer may need (an import, say) is kept apart."""
    edits = [one for one in ones.values() if not cell.same_as(one) or one.kind != cell.kind]
    repairs = _copies(cell, ones, "it counts once")
    if not ones:
        repairs.append(f"{label(cell)} was missing and was restored.")
    if edits:
        repairs.append(f"{label(cell)} had been edited; the released text was put back.")
    salvaged: list[str] = []
    for one in edits:
        new = new_statements(one.source, cell.source)
        salvaged += [text for text in new if text not in salvaged]
    return Settled(
        cell,
        _as_released(cell),
        list(ones)[:1],
        salvaged=salvaged,
        repairs=repairs if cell.role in COUNTED else [],
    )


def _free(cell: ReleasedCell, ones: Ones) -> Settled:
    """Text and demo cells are the learner's to change."""
    slot = _as_released(cell)
    written = _written(cell, ones)
    changed = [number for number, one in written.items() if one.kind == cell.kind]
    if not changed:
        return Settled(cell, slot, [n for n in ones if n not in written][:1], list(written))
    one = written[changed[0]]
    slot = replace(slot, source=one.source, attachments=one.attachments, edited=True)
    left = [number for number in written if number != changed[0]]
    return Settled(cell, slot, changed[:1], left)


def _share_merged_cells(settled: Sequence[Settled]) -> None:
    """An exercise without a cell may have been answered in another exercise's cell."""
    answers = [one for one in settled if one.cell.role == EXERCISE]
    for one in answers:
        for other in answers:
            bound = names_of(other.slot.source).bound
            if not one.used and other.slot.edited and bound.issuperset(one.cell.symbols):
                one.slot = replace(one.slot, source=other.slot.source)
                where = f"the cell of {other.cell.name} holds its answer"
                one.repairs = [f"{label(one.cell)} was missing; {where}."]
                break


# --- sentences ---------------------------------------------------------------------------------


def label(cell: ReleasedCell) -> str:
    """What people call a released cell, as the beginning of a sentence."""
    if cell.role == EXERCISE:
        return f"The cell of {cell.name}"
    if cell.role == CHECK:
        return f"The check cell of {cell.name}"
    if cell.role == QUESTION:
        return f"The answer cell of {cell.name}"
    lines = cell.source.strip().splitlines()
    return f"The {cell.role} cell that begins with `{lines[0][:50] if lines else ''}`"


def lost_metadata(released: Sequence[ReleasedCell], found: Matching) -> list[str]:
    """One line for each cell recognised without its metadata, or one for all of them."""
    counted = [n for n, place in found.released_place.items() if released[place].role in COUNTED]
    lost = [number for number in counted if number in found.recognised]
    if lost and len(lost) == len(counted):
        return [
            "The notebook had lost the metadata of its cells (Colab and VS Code can drop it); they "
            "were recognised by their content."
        ]
    places = {found.released_place[number] for number in lost}
    return [
        f"{label(released[place])} had lost its metadata and was recognised by its content."
        for place in sorted(places)
        if all(number in found.recognised for number in found.submitted_places(place))
    ]


def _copies(cell: ReleasedCell, ones: Ones, what_counts: str) -> list[str]:
    if len(ones) < 2:
        return []
    times = "twice" if len(ones) == 2 else f"{len(ones)} times"
    return [f"{label(cell)} was there {times}; {what_counts}."]


def _missing(cell: ReleasedCell) -> str:
    return f"{label(cell)} was missing and was restored, without an answer."


def out_of_place(settled: Sequence[Settled]) -> list[str]:
    """One line for each counted cell that stood elsewhere than in the release.

    The fewest cells that, taken out, leave the rest in order: all but a longest rising run.
    """
    stood = [(one.used[0], one) for one in settled if one.used and one.cell.role in COUNTED]
    runs: list[list[Settled]] = []  # a longest run of the released order that ends at each cell
    for place, (number, one) in enumerate(stood):
        before = [runs[i] for i in range(place) if stood[i][0] < number]
        runs.append([*max(before, key=len, default=[]), one])
    in_order = {id(one) for one in max(runs, key=len, default=[])}
    return [
        f"{label(one.cell)} stood elsewhere and was put back in its place."
        for _, one in stood
        if id(one) not in in_order
    ]
