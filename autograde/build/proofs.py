"""The ten proofs that a unit's checks really grade. A unit that fails one is not released.

Each proof returns sentences; none means that it holds. A sentence names the unit, the exercise
and what to do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from nbformat import NotebookNode

from autograde.answer_key import (
    AnswerKey,
    answer,
    draw_cases,
    make_answers,
    public_seed,
    secret_seed,
)
from autograde.build import cheats
from autograde.build.execute import Executed
from autograde.build.mutants import Mutant, mutants
from autograde.build.notebooks import notebook_text, plain_notebook
from autograde.build.trials import earns_full
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grade import grade_class
from autograde.cohort.prepare import prepare
from autograde.cohort.results import Record
from autograde.cohort.sample import fill_in
from autograde.cohort.truth import Planted
from autograde.unit import Unit
from chainrule.answers import Answers, Draw
from chainrule.compare import Close
from chainrule.verdict import FAILED, judge

TITLES = {
    1: "Untouched scores 0, solved scores full",
    2: "Every mistake fails with its own sentence",
    3: "Mutants of the solution are killed",
    4: "Other right answers pass",
    5: "No solution reaches a learner",
    6: "Demo cells do not change a score",
    7: "Time, memory and milestone within budget",
    8: "Alt text, palette, widget alternatives",
    9: "Cheap answers earn nothing",
    10: "Stable under float32 and small moves",
}
LUCK_DRAWS = 10  # seeds with which a mistake must fail the same cases
PROOF_SEED = b"the proofs' own class"
BUDGET_SECONDS, BUDGET_MB, BUDGET_GRADED_SECONDS = 90, 2048, 5
PALETTE_ONLY = re.compile(
    r"""\b(?:c|color|facecolor|edgecolor)\s*=\s*["'](?:r|g|red|green|lime|tab:red|tab:green)["']"""
    r"""|cmap\s*=\s*["'](?:jet|rainbow|hsv|RdYlGn|Spectral)["']"""
)


@dataclass
class Proof:
    """One proof of one unit: the sentences that say what is wrong, and notes worth printing.

    recorded: it held when the unit was measured, and neither the unit, nor what it borrows from
        other units, nor what draws, judges and proves has changed since.
    """

    number: int
    failures: list[str]
    notes: list[str] = field(default_factory=list)
    recorded: bool = False

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def state(self) -> str:
        if self.recorded:
            return "rec"
        return "ok" if self.passed else "FAILED"


@dataclass
class Subject:
    """A unit and everything the proofs look at, made once.

    executed: a run of the solved notebook; without it only proof 1 can be made.
    """

    unit: Unit
    released: NotebookNode
    measured: dict[str, Any]
    executed: Executed | None = None

    @property
    def run(self) -> Executed:
        assert self.executed is not None
        return self.executed

    @cached_property
    def key(self) -> AnswerKey:
        return AnswerKey(self.unit)

    @cached_property
    def answers(self) -> Answers:
        return make_answers(self.key)

    def draws(self, exercise: str) -> list[tuple[int, Draw]]:
        """Two draws to try answers on: the public one and a secret one, with their seeds."""
        seeds = (
            public_seed(self.unit, exercise),
            secret_seed(PROOF_SEED, self.unit, exercise, 0),
        )
        return [(seed, self.key.draw(exercise, seed)) for seed in seeds]

    def where(self, exercise: str) -> str:
        return f"{self.unit.name.folder}, {exercise}"

    @cached_property
    def graded(self) -> dict[str, Record]:
        """What the real grader says of the notebooks that proofs 1, 4, 6 and 9 need."""
        solved = {name: Planted(self.key.solved_cell(name)) for name in self.answers.exercises}
        questions = [question.name for question in self.answers.questions]
        full = fill_in(self.released, solved, questions)
        notebooks = {"untouched": self.released, "solved": full}
        if self.executed is None:
            return self._graded(notebooks)
        notebooks["no_demos"] = _without_demos(full)
        for number in range(max(len(e.alternatives) for e in self._declared.values())):
            notebooks[f"alternative_{number}"] = fill_in(
                self.released, self._alternatives(number), questions
            )
        for name, source in cheats.sources(self.unit.name.name):
            cells = {
                exercise: Planted("\n".join(source(symbol) for symbol in declared.symbols))
                for exercise, declared in self._declared.items()
            }
            notebooks[f"cheat_{name}"] = fill_in(self.released, cells, [])
        return self._graded(notebooks)

    def _graded(self, notebooks: dict[str, NotebookNode]) -> dict[str, Record]:
        with TemporaryDirectory() as scratch:
            return _grade(self.unit, notebooks, Path(scratch))

    @property
    def _declared(self) -> dict[str, Any]:
        return self.unit.declaration.exercises

    def _alternatives(self, number: int) -> dict[str, Planted]:
        cells = {}
        for name, declared in self._declared.items():
            other = declared.alternatives[number : number + 1]
            cells[name] = Planted(
                self.key.cell_of(name, other[0]) if other else self.key.solved_cell(name)
            )
        return cells


def _grade(unit: Unit, notebooks: dict[str, NotebookNode], scratch: Path) -> dict[str, Record]:
    for name, notebook in notebooks.items():
        path = scratch / "submitted" / name / unit.name.folder / unit.released.name
        path.parent.mkdir(parents=True)
        path.write_text(notebook_text(notebook), "utf-8")
    folder = ClassFolder(scratch / "class")
    grade_class(prepare(unit, folder), scratch / "submitted", folder, jobs=2)
    return folder.results(unit).newest()


def _without_demos(notebook: NotebookNode) -> NotebookNode:
    kept = NotebookNode(notebook)
    kept.cells = [c for c in notebook.cells if "demo" not in c.metadata.get("tags", [])]
    return kept


# --- the proofs ----------------------------------------------------------------------------------


def proof_1(subject: Subject) -> Iterator[str]:
    total = sum(e.points for e in subject.answers.exercises.values())
    total += sum(question.points for question in subject.answers.questions)
    if total != 20:
        yield f"{subject.unit.name.folder}: its points sum to {total:g}; a unit has 20."
    for result in subject.graded["untouched"].exercises:
        if result.score != 0:
            yield (
                f"{subject.where(result.exercise)}: the untouched notebook earns {result.score} "
                "points. Its check passes on a stub; add a case that only an answer passes."
            )
    for result in subject.graded["solved"].exercises:
        if result.exercise in subject.answers.exercises and result.score != result.max_score:
            said = result.reason or next((c.message for c in result.cases if not c.passed), "")
            yield (
                f"{subject.where(result.exercise)}: the solution earns {result.score} of "
                f"{result.max_score}: {said} Mend the solution or its check."
            )


def proof_2(subject: Subject) -> Iterator[str]:
    for name, exercise in subject.answers.exercises.items():
        mistakes = subject.unit.exercise(name).mistakes
        if len(mistakes) < 3:
            yield (
                f"{subject.where(name)}: it has {len(mistakes)} mistakes; declare at least three "
                "that learners really make."
            )
        luck: dict[str, set[str]] = {}
        for seed in range(LUCK_DRAWS):
            draw = subject.key.draw(name, seed)
            for mistake in draw.mistakes:
                found = judge(exercise, draw, mistake.observed)
                failed = [case.name for case in found.cases if not case.passed]
                luck.setdefault(mistake.says, set()).add(", ".join(failed))
                if found.status != FAILED:
                    yield (
                        f"{subject.where(name)}: the mistake “{mistake.says}” is {found.status}. "
                        "Add an earning case that fails it."
                    )
                elif found.mistake != mistake.says:
                    yield (
                        f"{subject.where(name)}: the mistake “{mistake.says}” is taken for "
                        f"“{found.mistake}”. Add a case that tells them apart."
                    )
        for says, patterns in luck.items():
            if len(patterns) > 1:
                yield (
                    f"{subject.where(name)}: with one seed the mistake “{says}” fails other cases "
                    f"than with another ({'; '.join(sorted(patterns))}). Make each case decide."
                )


def proof_3(subject: Subject, notes: list[str]) -> Iterator[str]:
    for name, exercise in subject.answers.exercises.items():
        solved = subject.key.solved_cell(name)
        tried = mutants(solved, name)
        alive = earns_full(subject.key, exercise, subject.draws(name), [m.source for m in tried])
        survivors = [mutant for mutant, full in zip(tried, alive, strict=True) if full]
        excused = [m for m in survivors if _is_equivalent(subject, name, solved, m)]
        killed = len(tried) - len(survivors)
        notes.append(
            f"{name} {killed}/{len(tried) - len(excused)}"
            + f" (+{len(excused)} equivalent)" * bool(excused)
        )
        for mutant in survivors:
            if mutant not in excused:
                yield (
                    f"{subject.where(name)}: a mutant passes ({mutant}). Add a case that kills it, "
                    "or list it with .equivalent(before, after, why=...)."
                )
        if len(excused) > max(1, len(tried) // 10):
            yield (
                f"{subject.where(name)}: {len(excused)} of {len(tried)} mutants are excused as "
                "equivalent; at most one in ten may be. Write the solution so that fewer are."
            )


def _is_equivalent(subject: Subject, name: str, solved: str, mutant: Mutant) -> bool:
    for before, after, _ in subject.unit.exercise(name).equivalents:
        places = [found.start() for found in re.finditer(re.escape(before), solved)]
        edited = [solved[:at] + after + solved[at + len(before) :] for at in places]
        if mutant.source in edited:
            return True
    return False


def proof_4(subject: Subject) -> Iterator[str]:
    for name, exercise in subject.answers.exercises.items():
        alternatives = subject.unit.exercise(name).alternatives
        if not alternatives:
            yield (
                f"{subject.where(name)}: no right answer written differently is declared. "
                "Add one with .alternative(...)."
            )
        for alternative in alternatives:
            names = subject.key.variant(name, subject.key.cell_of(name, alternative))
            for seed, draw in subject.draws(name):
                cases = draw_cases(subject.unit, subject.unit.exercise(name), seed)
                found = judge(exercise, draw, answer(subject.unit, name, names, cases))
                for case in found.cases:
                    if not case.passed:
                        yield (
                            f"{subject.where(name)}: a right answer ({alternative.says}) fails "
                            f"“{case.name}”: {case.message} Make the check accept it."
                        )
    for learner, record in subject.graded.items():
        if learner.startswith("alternative_"):
            for result in record.exercises:
                if result.score not in (result.max_score, None):
                    yield (
                        f"{subject.where(result.exercise)}: {learner} earns {result.score} of "
                        f"{result.max_score} from the real grader. Make the check accept it."
                    )


def proof_5(subject: Subject) -> Iterator[str]:
    places = {"the released notebook": json.dumps(subject.released, ensure_ascii=False)}
    package = subject.unit.package.parent
    for path in sorted([*package.rglob("*.py"), *subject.unit.package.rglob("*.json")]):
        places[str(path.relative_to(package.parent))] = path.read_text("utf-8")
    squeezed = {place: _squeeze(text) for place, text in places.items()}
    for name in subject.answers.exercises:
        for line in solution_lines(subject.unit.solution_cell(name)):
            for place, text in squeezed.items():
                if _squeeze(line) in text:
                    yield (
                        f"{subject.where(name)}: the solution's line `{line}` stands in {place}. "
                        "Write that place without it."
                    )


def solution_lines(cell: str) -> list[str]:
    """The lines of a solution that would give it away: not the ones every program has."""
    inside, lines = False, []
    for line in cell.splitlines():
        if "### BEGIN SOLUTION" in line or "### END SOLUTION" in line:
            inside = "BEGIN" in line
        elif inside and len(line.strip()) >= 14 and re.search(r"[=(]", line):
            lines.append(line.strip())
    return lines


def _squeeze(text: str) -> str:
    return re.sub(r"\s+|\\n|\\", "", text)


def proof_6(subject: Subject) -> Iterator[str]:
    with_demos, without = subject.graded["solved"], subject.graded["no_demos"]
    for one, other in zip(with_demos.exercises, without.exercises, strict=True):
        if one.score != other.score:
            yield (
                f"{subject.where(one.exercise)}: it earns {one.score} with the demo cells and "
                f"{other.score} without. Move what it needs out of the demo cells."
            )


def proof_7(subject: Subject) -> Iterator[str]:
    folder, measured = subject.unit.name.folder, subject.measured
    run = "Run `chainrule build --measure` and commit the record."
    if not measured:
        yield f"{folder}: no record of time, memory and milestone. {run}"
        return
    if measured["source"] != source_digest(subject.unit):
        yield f"{folder}: the record was measured on another text of the unit. {run}"
    if not measured["milestones"]:
        yield f"{folder}: the solved notebook prints no line `Milestone: ...`. Add one."
    for what, value, budget in (
        ("recorded seconds", measured["seconds"], BUDGET_SECONDS),
        ("seconds in this run", subject.run.seconds, BUDGET_SECONDS),
        ("recorded MB", measured["peak_mb"], BUDGET_MB),
        ("MB in this run", subject.run.peak_mb, BUDGET_MB),
        ("recorded graded seconds", measured["graded_seconds"], BUDGET_GRADED_SECONDS),
        ("graded seconds in this run", subject.graded["solved"].seconds, BUDGET_GRADED_SECONDS),
    ):
        if value > budget:
            yield f"{folder}: {value} {what}, over the budget of {budget}. Make the unit smaller."


def source_digest(unit: Unit) -> str:
    """A hash of the unit's own text, which decides what running it takes."""
    return hashlib.sha256(notebook_text(plain_notebook(unit)).encode()).hexdigest()[:16]


def proof_8(subject: Subject) -> Iterator[str]:
    folder = subject.unit.name.folder
    for number, cell in enumerate(subject.run.notebook.cells):
        first = (cell.source.strip().splitlines() or ["(empty)"])[0]
        where = f"{folder}, cell {number} (`{first[:60]}`)"
        if cell.cell_type == "markdown" and re.search(
            r"!\[\s*\]\(|<img(?![^>]*\balt=)", cell.source
        ):
            yield f"{where}: a picture without alt text. Say what it shows."
        if PALETTE_ONLY.search(cell.source):
            yield f"{where}: a red-green or rainbow colour. Use the palette in chainrule.plot."
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" in data and len(alt) < 15:
                yield f"{where}: a figure without alt text. Use plot.show(figure, alt=...)."
            only_text = set(data) == {"text/plain"}
            if only_text and re.match(r"\w*(Box|Slider|Output|interactive)\(", data["text/plain"]):
                yield f"{where}: a widget without a static picture and a table beside it."
    for path in sorted(subject.unit.package.glob("*.py")):
        if PALETTE_ONLY.search(path.read_text("utf-8")):
            yield f"{folder}, {path.name}: a red-green or rainbow colour. Use plot's palette."


def proof_9(subject: Subject) -> Iterator[str]:
    for learner, record in subject.graded.items():
        if not learner.startswith("cheat_"):
            continue
        if record.reason or record.status != "graded":
            yield f"{subject.unit.name.folder}: {learner} could not be graded: {record.reason}."
        for result in record.exercises:
            earned = [case.name for case in result.cases if case.passed and case.weight]
            if earned:
                yield (
                    f"{subject.where(result.exercise)}: {learner.removeprefix('cheat_')} passes "
                    f"“{earned[0]}”. Make that case depend on the seed and on the work."
                )


def proof_10(subject: Subject) -> Iterator[str]:
    for name, exercise in subject.answers.exercises.items():
        _, draw = subject.draws(name)[1]
        for case in draw.cases:
            for what, moved, rtol in (
                ("float32", _as_float32, 1e-3),
                ("moved by 1e-6", _moved, 1e-3),
            ):
                given = [_Inputs(moved(case.args), {k: moved(v) for k, v in case.kwargs.items()})]
                seen = answer(subject.unit, name, subject.key.solution, given)[0]  # type: ignore[arg-type]
                if isinstance(exercise.compare, Close):
                    said = Close(rtol).between(case.expected, seen)
                else:
                    said = exercise.compare.difference(case, seen) or ""
                if said:
                    yield (
                        f"{subject.where(name)}: with inputs {what} the solution's own answer to "
                        f"“{case.name}” changes: {said} Keep ties and cliffs out of the case."
                    )


@dataclass(frozen=True)
class _Inputs:
    args: Any
    kwargs: Any


def _as_float32(value: Any) -> Any:
    return _map_arrays(value, lambda a: a.astype(np.float32) if a.dtype == np.float64 else a)


def _moved(value: Any) -> Any:
    """Move what is continuous; an array of whole numbers holds labels or counts and stays."""

    def move(array: np.ndarray) -> np.ndarray:
        whole = array.dtype.kind != "f" or bool(np.all(array == np.round(array)))
        return array if whole else array * (1 + 1e-6)

    return _map_arrays(value, move)


def _map_arrays(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, list):
        return [_map_arrays(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _map_arrays(item, change) for key, item in value.items()}
    return value


def prove_now(subject: Subject) -> list[Proof]:
    """The two that are made every time: 1 sees that grading works, through the real grader, and 5
    looks at what every other unit ships."""
    ends, leaks = proof_1(subject), proof_5(subject)
    return [Proof(n, list(dict.fromkeys(said))) for n, said in ((1, ends), (5, leaks))]


def prove(subject: Subject) -> Iterator[Proof]:
    """All ten, in order."""
    notes: list[str] = []
    for number, sentences in (
        (1, proof_1(subject)),
        (2, proof_2(subject)),
        (3, proof_3(subject, notes)),
        (4, proof_4(subject)),
        (5, proof_5(subject)),
        (6, proof_6(subject)),
        (7, proof_7(subject)),
        (8, proof_8(subject)),
        (9, proof_9(subject)),
        (10, proof_10(subject)),
    ):
        failures = list(dict.fromkeys(sentences))
        yield Proof(number, failures, notes if number == 3 else [])
