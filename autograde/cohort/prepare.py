"""Prepare a grading: the answers, the secret draws proved on the class's seed, and the release."""

from __future__ import annotations

import hashlib
import inspect
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.answer_key import AnswerKey, answer, draw_cases, make_answers, secret_seed
from autograde.build.notebooks import generate_assignment
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.grading import Grading
from autograde.judge import questions_to_ask
from autograde.sandbox import Limits, known_mode
from autograde.unit import SourceError, Unit
from chainrule.answers import Answers, Draw, Exercise
from chainrule.check import find_probe
from chainrule.observe import pack
from chainrule.verdict import PASSED, judge


def limits_of(unit: Unit, **asked: float | None) -> Limits:
    """The budgets of a submission: what is asked for, else the unit's own, else the usual.

    asked: fields of Limits; None leaves one as it is.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    return Limits(**{**unit.declaration.limits, **given})  # type: ignore[arg-type]


def prepare(
    unit: Unit,
    class_folder: ClassFolder,
    sandbox_mode: str = "bwrap",
    limits: Limits | None = None,
    draft: bool = False,
) -> Grading:
    """The answers, the secret draws (proved again on the class's seed) and the release.

    draft: leave the class's own release and gradebook as they are.
    """
    known_mode(sandbox_mode)
    key = AnswerKey(unit)
    seed = class_folder.seed()
    draws = {name: key.secret(name, seed) for name in unit.declaration.exercises}
    answers = make_answers(key)
    prove_draws(key, answers, draws, seed)
    if draft:
        with tempfile.TemporaryDirectory() as scratch:
            release = read_release(unit, ClassFolder(Path(scratch)))
    else:
        release = read_release(unit, class_folder)
    return Grading(
        unit,
        tuple(unit.declaration.packages),
        answers,
        draws,
        {name: asked_of(unit, answers.exercises[name], draws[name]) for name in draws},
        release,
        seed,
        sandbox_mode,
        limits or limits_of(unit),
    )


def read_release(unit: Unit, class_folder: ClassFolder) -> NotebookNode:
    """The notebook that learners got, and the assignment in the gradebook, made where missing."""
    assignment = class_folder.assignment(unit)
    with GradebookProjection(class_folder, unit) as gradebook:
        known = gradebook.knows_assignment()
    if not known:
        assignment = generate_assignment(unit, class_folder.path, class_folder.db_url or None)
    return nbformat.read(assignment, as_version=4)


def asked_of(unit: Unit, exercise: Exercise, draws: Sequence[Draw]) -> list[str]:
    """For each draw, a hash of all that decides what the sandbox is asked about an exercise.

    The whole module of its probe is in it, since probes call one another.
    """
    probe = find_probe(unit.name.name, exercise.name)
    module = inspect.getmodule(probe) if probe else None
    given = unit.graded_cells(dict.fromkeys(unit.declaration.exercises, ""))
    context = [inspect.getsource(module) if module else "", *given, *exercise.symbols]
    hashes = []
    for draw in draws:
        digest = hashlib.sha256(f"{len(exercise.public.cases)}\0{context}".encode())
        for args, kwargs in questions_to_ask(exercise, draw):
            digest.update(pack({"args": args, "kwargs": kwargs}))
        hashes.append(digest.hexdigest()[:16])
    return hashes


def prove_draws(
    key: AnswerKey, answers: Answers, draws: Mapping[str, Sequence[Draw]], seed: bytes
) -> None:
    """On these very cases the solution and its alternatives pass and every mistake fails.

    Raises SourceError otherwise: a draw that can't tell them apart must not grade anyone.
    """
    for name, exercise in answers.exercises.items():
        alternatives = key.unit.exercise(name).alternatives
        right = [key.variant(name, key.cell_of(name, one)) for one in alternatives]
        for number, draw in enumerate(draws[name]):
            where = f"{key.unit.name.folder}, exercise {name}, secret draw {number}"
            if judge(exercise, draw, [case.expected for case in draw.cases]).status != PASSED:
                raise SourceError(f"{where}: the solution does not pass its own check.")
            cases = draw_cases(
                key.unit, key.unit.exercise(name), secret_seed(seed, key.unit, name, number)
            )
            for alternative, names in zip(alternatives, right, strict=True):
                found = judge(exercise, draw, answer(key.unit, name, names, cases))
                if found.status != PASSED:
                    said = next(case.message for case in found.cases if not case.passed)
                    raise SourceError(f"{where}: a right answer fails ({alternative.says}): {said}")
            for mistake in draw.mistakes:
                if judge(exercise, draw, mistake.observed).status == PASSED:
                    raise SourceError(f"{where}: this mistake passes: {mistake.says}")
