"""The answer key of a unit: cases drawn from a seed, answered by the author's own code.

Everything here runs code from solutions/ in this process, and nothing from a submission.
"""

from __future__ import annotations

import hashlib
import hmac
import inspect
import json
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograde.declare import ExerciseDeclaration, Given, Variant
from autograde.unit import SourceError, Unit
from chainrule.answers import Answers, Case, Draw, Exercise, Mistake, Question
from chainrule.check import find_probe
from chainrule.observe import Raised, freeze, observe, to_json

SECRET_DRAWS = 4  # K, precomputed once for a class; a submission's hash chooses among them


def namespace(unit: Unit, replace: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a notebook's graded cells define, with some exercises' cells replaced.

    Raises whatever the cells raise.
    """
    os.environ.setdefault("MPLBACKEND", "agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in unit.graded_cells(dict(replace or {})):
        # Without this file's own __future__ imports, as a notebook runs it.
        exec(compile(source, f"<{unit.name.folder}>", "exec", dont_inherit=True), names)
    return names


def answer(unit: Unit, name: str, names: Mapping[str, Any], cases: Iterable[Given]) -> list[Any]:
    """What the code in `names` returns for each case of the exercise `name`."""
    symbols = unit.exercise(name).symbols
    work = names.get(symbols[0]) if len(symbols) == 1 else {s: names.get(s) for s in symbols}
    probe = find_probe(unit.name.name, name)
    with np.errstate(all="ignore"):
        # Each case is drawn anew by the caller, so code that changes its input harms nothing.
        return [observe(probe, work, freeze(case.args), freeze(case.kwargs)) for case in cases]


def draw_cases(unit: Unit, declared: ExerciseDeclaration, seed: int) -> list[Given]:
    """The cases of an exercise for one seed; arguments are in the closed format."""
    try:
        cases = list(declared.cases(np.random.default_rng(seed)))
    except Exception as error:
        raise _wrong(unit, declared, f"its cases raise {type(error).__name__}: {error}") from error
    if not cases or any(not isinstance(case, Given) for case in cases):
        raise _wrong(unit, declared, "it yields no cases; write `yield case(name, ...)`")
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise _wrong(unit, declared, f"two of its cases share a name: {names}")
    return [Given(c.name, freeze(c.args), freeze(c.kwargs), c.weight) for c in cases]


def public_seed(unit: Unit, exercise: str) -> int:
    return zlib.crc32(f"{unit.name.folder}/{exercise}".encode())


def secret_seed(seed: bytes, unit: Unit, exercise: str, number: int) -> int:
    message = f"{unit.name.folder}/{exercise}/{number}".encode()
    return int.from_bytes(hmac.digest(seed, message, "sha256"), "big")


def weights(unit: Unit, declared: ExerciseDeclaration) -> list[float]:
    """The cases' weights; a case that does not vary with the seed earns nothing."""
    one = draw_cases(unit, declared, public_seed(unit, declared.name))
    two = draw_cases(unit, declared, public_seed(unit, declared.name) + 1)
    if [case.name for case in one] != [case.name for case in two]:
        raise _wrong(unit, declared, "its cases have other names with another seed")
    fixed = [_inputs_text(a) == _inputs_text(b) for a, b in zip(one, two, strict=True)]
    result = [0 if same else case.weight for case, same in zip(one, fixed, strict=True)]
    if not sum(result):
        raise _wrong(unit, declared, "none of its cases varies with the seed, so none earns points")
    return result


def _inputs_text(case: Given) -> str:
    return json.dumps(to_json([case.args, case.kwargs]))


class AnswerKey:
    """The solution and the mistakes of a unit, loaded once, that answer any draw."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.solution = namespace(unit)
        self._variants: dict[tuple[str, str], dict[str, Any]] = {}

    def draw(self, exercise: str, seed: int) -> Draw:
        """The cases of one seed with the solution's and each mistake's observations."""
        declared = self.unit.exercise(exercise)
        cases = draw_cases(self.unit, declared, seed)
        expected = answer(self.unit, exercise, self.solution, cases)
        for seen in expected:
            if isinstance(seen, Raised) and seen.type in ("NameError", "NotImplementedError"):
                raise _wrong(
                    self.unit, declared, f"its solution raises {seen.type}: {seen.message}"
                )
        answered = [
            Case(given.name, given.args, given.kwargs, weight, seen)
            for given, weight, seen in zip(
                cases, weights(self.unit, declared), expected, strict=True
            )
        ]
        mistakes = [
            Mistake(says, answer(self.unit, exercise, names, cases))
            for says, names in self.mistakes(exercise)
        ]
        return Draw(answered, mistakes)

    def public(self, exercise: str) -> Draw:
        return self.draw(exercise, public_seed(self.unit, exercise))

    def secret(self, exercise: str, seed: bytes) -> list[Draw]:
        """K draws that only the holder of the class's seed can make."""
        return [
            self.draw(exercise, secret_seed(seed, self.unit, exercise, number))
            for number in range(SECRET_DRAWS)
        ]

    def mistakes(self, exercise: str) -> list[tuple[str, dict[str, Any]]]:
        """Each mistake's sentence, and the namespace of a notebook that makes it."""
        return [
            (variant.says, self.variant(exercise, self.cell_of(exercise, variant)))
            for variant in self.unit.exercise(exercise).mistakes
        ]

    def cell_of(self, exercise: str, variant: Variant) -> str:
        """The cell's text of a mistake or an alternative."""
        try:
            return variant.apply(self.solved_cell(exercise))
        except ValueError as error:
            raise _wrong(self.unit, self.unit.exercise(exercise), str(error)) from None

    def variant(self, exercise: str, source: str) -> dict[str, Any]:
        """The namespace of the solution with one exercise's cell replaced by `source`."""
        key = (exercise, source)
        if key not in self._variants:
            try:
                self._variants[key] = namespace(self.unit, {exercise: source})
            except Exception as error:
                said = f"a variant of it can't run ({type(error).__name__}: {error}):\n{source}"
                raise _wrong(self.unit, self.unit.exercise(exercise), said) from error
        return self._variants[key]

    def solved_cell(self, exercise: str) -> str:
        """The solution's cell without the marker lines."""
        return without_markers(self.unit.solution_cell(exercise))


def without_markers(source: str) -> str:
    kept = [
        line for line in source.splitlines() if not re.match(r"\s*### (BEGIN|END) SOLUTION", line)
    ]
    return "\n".join(kept) + "\n"


def make_answers(key: AnswerKey) -> Answers:
    """What answers.json holds: the public draw of every exercise."""
    unit = key.unit
    sections = _sections(unit)
    exercises = {}
    for name, declared in unit.declaration.exercises.items():
        draw = key.public(name)
        exercises[name] = Exercise(
            name=name,
            points=declared.points,
            symbols=declared.symbols,
            compare=declared.compare,
            uses=declared.uses,
            hints=declared.hints,
            section=sections[name],
            version=exercise_version(key, name, draw),
            public=draw,
        )
    questions = [Question(q.name, q.points) for q in unit.declaration.questions]
    return Answers(unit.name, unit.declaration.title, exercises, questions)


def exercise_version(key: AnswerKey, name: str, public: Draw) -> str:
    """A hash of all that decides an exercise's score: when it changes, scores may."""
    declared = key.unit.exercise(name)
    probe = find_probe(key.unit.name.name, name)
    parts = [
        declared.points,
        declared.symbols,
        declared.uses,
        declared.compare.describe(),
        without_markers(key.unit.solution_cell(name)),
        inspect.getsource(declared.cases),
        inspect.getsource(probe) if probe else "",
        [without_markers(key.unit.solution_cell(used)) for used in declared.uses],
        [[case.name, case.weight] for case in public.cases],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _sections(unit: Unit) -> dict[str, str]:
    """The heading under which each exercise's idea is explained: the last before its own."""
    heading, found = unit.declaration.title, {}
    for cell in unit.notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("#") and not line.startswith("### Exercise"):
                    heading = line.lstrip("# ")
        elif "exercise" in cell.metadata:
            found[cell.metadata["exercise"]] = heading
    return found


def _wrong(unit: Unit, declared: ExerciseDeclaration, said: str) -> SourceError:
    path = unit.source.with_name("exercises.py")
    return SourceError(f"{unit.name.folder}, exercise {declared.name}: {said}. See {path}.")
