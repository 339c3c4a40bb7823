"""Which submitted cell is which released cell: by its marks, then by what it says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograde.intake.cells import NAMED_BY, SubmittedCell
from autograde.intake.names import names_of, squeezed
from chainrule.answers import Answers
from chainrule.errors import UserError

EXERCISE, CHECK, QUESTION = NAMED_BY
GIVEN, SETUP, DEMO, TEXT = "given", "setup", "demo", "text"
LOCKED = (CHECK, GIVEN, SETUP)  # the release's text is what counts
COUNTED = (EXERCISE, CHECK, QUESTION, GIVEN)  # what happens to them is reported


@dataclass(frozen=True)
class ReleasedCell:
    """A cell of the release. role: one of the words above. name: of its exercise or question."""

    role: str
    name: str
    cell: NotebookNode
    symbols: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return str(self.cell.cell_type)

    @property
    def source(self) -> str:
        return str(self.cell.source)

    @property
    def grade_id(self) -> str | None:
        return self.cell.metadata.get("nbgrader", {}).get("grade_id")

    @property
    def marks(self) -> Iterator[tuple[str, str]]:
        if self.grade_id:
            yield "grade_id", self.grade_id
        if "id" in self.cell:
            yield "id", self.cell.id
        if self.name:
            yield self.role, self.name

    def same_as(self, submitted: SubmittedCell) -> bool:
        """Whether the learner left this cell as it was, white space aside."""
        return squeezed(submitted.source) == squeezed(self.source)


@dataclass
class Matching:
    """Which submitted cells (by place) stand for which released cell (by place).

    recognised: submitted cells that had lost the mark they were released with.
    continued: released question -> the text cells in which its answer was written instead.
    """

    released_place: dict[int, int] = field(default_factory=dict)
    recognised: set[int] = field(default_factory=set)
    continued: dict[int, list[int]] = field(default_factory=dict)

    def submitted_places(self, released: int) -> list[int]:
        return sorted(s for s, r in self.released_place.items() if r == released)

    def add(self, submitted: int, released: int) -> None:
        self.released_place[submitted] = released
        self.recognised.add(submitted)


def released_cells(release: NotebookNode, answers: Answers) -> list[ReleasedCell]:
    """The release's cells with their roles.

    Raises UserError when release and answers are not of one build.
    """
    return [_released(cell, answers) for cell in release.cells]


def _released(cell: NotebookNode, answers: Answers) -> ReleasedCell:
    named = cell.metadata.get("chainrule", {})
    tags = cell.metadata.get("tags", [])
    for role in NAMED_BY:
        if role not in named:
            continue
        name = named[role]
        if role == QUESTION:
            return ReleasedCell(role, name, cell)
        if name not in answers.exercises:
            raise UserError(
                f"The released notebook of {answers.unit.folder} has an exercise {name} that its "
                "answers don't know. Run `chainrule build`."
            )
        return ReleasedCell(role, name, cell, tuple(answers.exercises[name].symbols))
    if cell.cell_type != "code":
        return ReleasedCell(TEXT, "", cell)
    role = SETUP if "setup" in tags else DEMO if "demo" in tags else GIVEN
    return ReleasedCell(role, "", cell)


def match(released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell]) -> Matching:
    """Match by nbgrader's id, cell id, Chainrule's mark, same text, and then by content."""
    found = Matching()
    _by_marks(released, submitted, found)
    _by_text(released, submitted, found)
    _exercises_by_symbols(released, submitted, found)
    _checks_by_call(released, submitted, found)
    _answers_by_place(released, submitted, found)
    return found


def _by_marks(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> None:
    places = {mark: place for place, cell in enumerate(released) for mark in cell.marks}
    for number, cell in enumerate(submitted):
        place = next((places[mark] for mark in cell.marks if mark in places), None)
        if place is not None:
            found.released_place[number] = place
            grade_id = released[place].grade_id
            if grade_id and ("grade_id", grade_id) not in cell.marks:
                found.recognised.add(number)


def _by_text(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> None:
    """Cells that say what a released cell says; a further copy goes to the last such cell."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    taken = set(found.released_place.values())
    for place, cell in enumerate(released):
        places[cell.kind, squeezed(cell.source)].append(place)
    for number, one in enumerate(submitted):
        same = places.get((one.kind, squeezed(one.source)))
        if same and number not in found.released_place:
            place = next((p for p in same if p not in taken), same[-1])
            found.add(number, place)
            taken.add(place)


def _exercises_by_symbols(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> None:
    """Where the exercise's own cell is gone or untouched, code that defines its symbols.

    Definitions go before assignments, and cells that define nothing of another exercise before
    those that do.
    """
    symbols = {name for cell in released for name in cell.symbols}
    for place, cell in enumerate(released):
        if cell.role != EXERCISE:
            continue
        wanted = frozenset(cell.symbols)
        own = [submitted[number] for number in found.submitted_places(place)]
        if any(not cell.same_as(one) and names_of(one.source).bound & wanted for one in own):
            continue
        candidates = {
            number: names_of(one.source)
            for number, one in enumerate(submitted)
            if number not in found.released_place
            and one.kind == "code"
            and names_of(one.source).bound & wanted
        }
        only = [n for n, names in candidates.items() if names.bound & symbols <= wanted]
        chosen = only or list(candidates)
        for number in [n for n in chosen if candidates[n].defined & wanted] or chosen:
            found.add(number, place)


def _checks_by_call(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> None:
    for place, cell in enumerate(released):
        if cell.role == CHECK and not found.submitted_places(place):
            call = re.compile(rf"\bcheck\s*\.\s*{re.escape(cell.name)}\s*\(")
            for number, one in enumerate(submitted):
                free = number not in found.released_place and one.kind == "code"
                if free and call.search(one.source):
                    found.add(number, place)
                    break


def _answers_by_place(
    released: Sequence[ReleasedCell], submitted: Sequence[SubmittedCell], found: Matching
) -> None:
    """An unanswered question's answer: the new text cells between its neighbours in the release."""
    for place, cell in enumerate(released):
        if cell.role != QUESTION:
            continue
        own = [submitted[number] for number in found.submitted_places(place)]
        if any(one.source.strip() and not cell.same_as(one) for one in own):
            continue
        before = [number for number, other in found.released_place.items() if other < place]
        after = [number for number, other in found.released_place.items() if other > place]
        if not before:
            continue
        nearest = max(found.released_place[number] for number in before)
        first = max(number for number in before if found.released_place[number] == nearest) + 1
        last = min((number for number in after if number >= first), default=len(submitted))
        written = [
            number
            for number in range(first, last)
            if submitted[number].kind == "markdown"
            and submitted[number].source.strip()
            and number not in found.released_place
        ]
        if written:
            found.continued[place] = written
            for number in written:
                found.add(number, place)
