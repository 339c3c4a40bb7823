"""The answers of one unit: cases, the solution's observations, the fingerprints of mistakes.

The learner's package carries the public draw of each exercise in `answers.json`, which
`chainrule build` writes. The grader makes further, secret draws of the same shape.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.compare import Comparator, comparator
from chainrule.errors import UserError
from chainrule.observe import from_json, to_json
from chainrule.units import PACKAGE, UnitName, parse_folder

_FLAT_LIST = re.compile(r"\[\n\s*([^][{}]*?)\n\s*\]")  # of numbers: one line is enough


@dataclass(frozen=True)
class Case:
    """One thing to try: its name says which. `weight` 0 means shown but not scored."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    weight: float
    expected: Any

    def inputs(self) -> tuple[list[Any], dict[str, Any]]:
        """A copy of the arguments, so that code which changes them changes nothing here."""
        return copy.deepcopy(self.args), copy.deepcopy(self.kwargs)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer people really give: what it returns for each case, and what helps."""

    says: str
    observed: list[Any]


@dataclass(frozen=True)
class Draw:
    """The cases drawn with one seed, and what each known mistake returns for them."""

    cases: list[Case]
    mistakes: list[Mistake] = field(default_factory=list)


@dataclass(frozen=True)
class Exercise:
    """What judging an exercise needs. `section` is the heading that explains its idea."""

    name: str
    points: float
    symbols: list[str]
    compare: Comparator
    uses: list[str]
    hints: list[str]
    section: str
    version: str
    public: Draw


@dataclass(frozen=True)
class Question:
    """A question that a person grades by hand."""

    name: str
    points: float


@dataclass(frozen=True)
class Answers:
    """Everything answers.json holds."""

    unit: UnitName
    title: str
    exercises: dict[str, Exercise]
    questions: list[Question]


def load_answers(unit: str) -> Answers:
    """The answers of the unit called `unit` ("neuron").

    Raises UserError when the file is missing or damaged.
    """
    path = PACKAGE / unit / "answers.json"
    try:
        return read_answers(path)
    except OSError as error:
        raise UserError(f"The answers of unit {unit} can't be read: {error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise UserError(
            f"{path} is damaged ({type(error).__name__}: {error}). "
            "Install chainrule again, or, on a clone, run `chainrule build`."
        ) from None


def read_answers(path: Path) -> Answers:
    stored = json.loads(path.read_text("utf-8"))
    name = parse_folder(stored["unit"])
    if name is None:
        raise ValueError(f"not a unit: {stored['unit']!r}")
    exercises = {key: _exercise(key, value) for key, value in stored["exercises"].items()}
    questions = [Question(q["name"], q["points"]) for q in stored["questions"]]
    return Answers(name, stored["title"], exercises, questions)


def _exercise(name: str, stored: dict[str, Any]) -> Exercise:
    cases = [
        Case(
            c["name"],
            from_json(c["args"]),
            from_json(c["kwargs"]),
            c["weight"],
            from_json(c["expected"]),
        )
        for c in stored["cases"]
    ]
    mistakes = [
        Mistake(
            m["says"],
            [
                case.expected if seen == {"$same": True} else from_json(seen)
                for case, seen in zip(cases, m["observed"], strict=True)
            ],
        )
        for m in stored["mistakes"]
    ]
    return Exercise(
        name=name,
        points=stored["points"],
        symbols=stored["symbols"],
        compare=comparator(stored["compare"]),
        uses=stored["uses"],
        hints=stored["hints"],
        section=stored["section"],
        version=stored["version"],
        public=Draw(cases, mistakes),
    )


def answers_to_json(answers: Answers) -> str:
    """The text of answers.json; the same answers always give the same bytes."""
    stored = {
        "generated": f"by `chainrule build` from solutions/{answers.unit.folder}; do not edit",
        "unit": answers.unit.folder,
        "title": answers.title,
        "exercises": {e.name: _exercise_to_json(e) for e in answers.exercises.values()},
        "questions": [{"name": q.name, "points": q.points} for q in answers.questions],
    }
    text = json.dumps(stored, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return _FLAT_LIST.sub(lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)


def _exercise_to_json(exercise: Exercise) -> dict[str, Any]:
    cases = [
        {
            "name": case.name,
            "weight": case.weight,
            "args": to_json(case.args),
            "kwargs": to_json(case.kwargs),
            "expected": to_json(case.expected),
        }
        for case in exercise.public.cases
    ]
    mistakes = [
        {
            "says": mistake.says,
            "observed": [
                {"$same": True} if to_json(seen) == to_json(case.expected) else to_json(seen)
                for case, seen in zip(exercise.public.cases, mistake.observed, strict=True)
            ],
        }
        for mistake in exercise.public.mistakes
    ]
    return {
        "points": exercise.points,
        "symbols": exercise.symbols,
        "section": exercise.section,
        "uses": exercise.uses,
        "compare": exercise.compare.describe(),
        "version": exercise.version,
        "hints": exercise.hints,
        "cases": cases,
        "mistakes": mistakes,
    }
