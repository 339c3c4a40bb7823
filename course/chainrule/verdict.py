"""The judgement of one exercise: which cases passed, how many points, which mistake it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from chainrule.answers import Case, Draw, Exercise
from chainrule.compare import Close
from chainrule.observe import Raised

PASSED, FAILED, MISSING, BLOCKED = "passed", "failed", "missing", "blocked"
LONGEST_MESSAGE = 2000  # characters; an answer can be a dict with a thousand unexpected keys


@dataclass(frozen=True)
class CaseVerdict:
    """One case: its name, whether it passed, its weight and, if not, what was seen."""

    name: str
    passed: bool
    weight: float
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """One exercise judged.

    status: passed (every scored case), failed, missing (not written yet) or blocked (it fails
    and so does an exercise it uses; `blocked_by` is the one to mend; it earns nothing yet).
    mistake: the sentence of the known mistake that it is, or "".
    """

    exercise: str
    status: str
    points: float
    max_points: float
    cases: list[CaseVerdict]
    mistake: str = ""
    blocked_by: str = ""


def judge(
    exercise: Exercise,
    draw: Draw,
    observations: Sequence[Any],
    failed_before: Mapping[str, str] = MappingProxyType({}),
    public: bool = True,
) -> Verdict:
    """Judge what the learner's code returned for each case of a draw.

    observations: one per case of `draw`, in the same order.
    failed_before: the exercises that have not earned full points, each with the one to mend for
    it: itself, or the one that it is blocked by.
    public: whether messages may show expected numbers (never for a secret draw).
    """
    cases = [
        _judge_case(exercise, case, seen, public)
        for case, seen in zip(draw.cases, observations, strict=True)
    ]
    total = sum(case.weight for case in cases)
    earned = sum(case.weight for case in cases if case.passed)
    points = rounded(exercise.points * earned / total)

    def verdict(status: str, points: float, mistake: str = "", by: str = "") -> Verdict:
        return Verdict(exercise.name, status, points, exercise.points, cases, mistake, by)

    if earned == total:
        return verdict(PASSED, points)
    if all(not_written(exercise, seen) for seen in observations):
        return verdict(MISSING, 0)
    if blockers := [name for name in exercise.uses if name in failed_before]:
        return verdict(BLOCKED, 0, by=failed_before[blockers[0]])
    mistake = known_mistake(draw, observations)
    if mistake:  # it says the cause, so a guess at the cause has nothing to add
        cases = [replace(case, message=without_question(case.message)) for case in cases]
    return verdict(FAILED, points, mistake)


def _judge_case(exercise: Exercise, case: Case, observed: Any, public: bool) -> CaseVerdict:
    message = exercise.compare.difference(case, observed, public) or ""
    if len(message) > LONGEST_MESSAGE:
        message = message[:LONGEST_MESSAGE] + "…"
    return CaseVerdict(case.name, not message, case.weight, message[:1].upper() + message[1:])


def without_question(message: str) -> str:
    """A message without the question that it ends in, unless it is nothing but a question."""
    said, _, last = message.rpartition(". ")
    return f"{said}." if said and last.endswith("?") else message


def not_written(exercise: Exercise, observed: Any) -> bool:
    """Whether this is what a stub gives: its own NotImplementedError, or no such name."""
    if not isinstance(observed, Raised):
        return False
    if observed.type == "NotImplementedError" and observed.function:
        # `MLP.forward` is its own; `sigmoid`, which it calls, is not.
        return any(part in exercise.symbols for part in observed.function.split("."))
    undefined = any(f"'{symbol}'" in observed.message for symbol in exercise.symbols)
    return observed.type == "NotImplementedError" or (observed.type == "NameError" and undefined)


def known_mistake(draw: Draw, observations: Sequence[Any]) -> str:
    """The sentence of the mistake whose observations these are; "" when none is."""
    same = Close()
    for mistake in draw.mistakes:
        pairs = zip(mistake.observed, observations, strict=True)
        try:
            if all(not same.between(theirs, seen) for theirs, seen in pairs):
                return mistake.says
        except (ArithmeticError, TypeError, ValueError):
            continue  # what can't be compared is not the same
    return ""


def rounded(points: float) -> float:
    """Points to two decimals, whole numbers as int."""
    points = round(points, 2)
    return int(points) if points == int(points) else points
