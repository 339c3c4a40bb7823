"""The judge: from what came out of the sandbox to a score for each exercise.

Pure functions in a process that never ran a line of the learner's.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from autograde.cohort.results import (
    BLOCKED,
    GRADED,
    MISSING,
    UNGRADED,
    WAITS,
    CaseResult,
    ExerciseResult,
)
from autograde.sandbox import Reply, Run
from chainrule import verdict as v
from chainrule.answers import Answers, Draw, Exercise
from chainrule.observe import NO_ANSWER, Raised
from chainrule.verdict import Verdict, judge

T = TypeVar("T")

SECRET_ONLY = "It passes the case you can see, and fails a secret one of the same kind."


def choose(draws: Sequence[T], seed: bytes, submission: str) -> T:
    """Of the secret draws, the one for a submission (its hash): the same one every time."""
    return draws[int.from_bytes(hmac.digest(seed, submission.encode(), "sha256")) % len(draws)]


def questions_to_ask(exercise: Exercise, secret: Draw) -> list[tuple[list[Any], dict[str, Any]]]:
    """The cases to send to a snapshot: the public ones, then the secret ones."""
    return [case.inputs() for case in (*exercise.public.cases, *secret.cases)]


def judge_run(
    answers: Answers, secret: Mapping[str, Draw], run: Run, answered: Mapping[str, bool]
) -> list[ExerciseResult]:
    """A result for every exercise and question of the unit.

    secret: the draw that each exercise met. answered: which questions have an answer to read.
    """
    results: list[ExerciseResult] = []
    not_full: dict[str, str] = {}
    for exercise in answers.exercises.values():
        result = _judge_exercise(exercise, secret[exercise.name], run, not_full)
        if result.score != result.max_score:
            not_full[exercise.name] = result.blocked_by or exercise.name
        results.append(result)
    for question in answers.questions:
        if answered.get(question.name):
            waiting = ExerciseResult(question.name, None, question.points, UNGRADED, reason=WAITS)
            results.append(waiting)
        else:
            results.append(ExerciseResult(question.name, 0, question.points, MISSING))
    return results


def _judge_exercise(
    exercise: Exercise, secret: Draw, run: Run, not_full: Mapping[str, str]
) -> ExerciseResult:
    replies = run.replies.get(exercise.name)
    asked = len(exercise.public.cases) + len(secret.cases)
    if run.failure or replies is None or len(replies) != asked:
        reason = run.failure or "the sandbox gave no reply for this exercise"
        return ExerciseResult(exercise.name, None, exercise.points, UNGRADED, reason=reason)
    seen = [_observation(reply) for reply in replies]
    public_seen, secret_seen = seen[: len(exercise.public.cases)], seen[-len(secret.cases) :]
    shown = judge(exercise, exercise.public, public_seen, not_full, public=True)
    scored = judge(exercise, secret, secret_seen, not_full, public=False)
    return ExerciseResult(
        exercise=exercise.name,
        score=scored.points,
        max_score=exercise.points,
        status={v.MISSING: MISSING, v.BLOCKED: BLOCKED}.get(scored.status, GRADED),
        mistake=scored.mistake,
        blocked_by=scored.blocked_by,
        cases=tuple(_cases(shown, scored)),
    )


def _observation(reply: Reply) -> Any:
    return Raised(NO_ANSWER, reply.problem) if reply.problem else reply.observation


def _cases(shown: Verdict, scored: Verdict) -> list[CaseResult]:
    """What to tell the learner: the score is the secret case's, the numbers the public one's."""
    cases = []
    for public, secret in zip(shown.cases, scored.cases, strict=True):
        message = "" if secret.passed else public.message or SECRET_ONLY
        cases.append(CaseResult(secret.name, secret.weight, secret.passed, message))
    return cases
