"""Grade a class: intake, sandbox, judge, results, gradebook and feedback, in that order.

One coordinator writes; jobs run in threads, each waiting for a sandboxed child.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import numpy as np
from nbformat import NotebookNode

import chainrule
from autograde.answer_key import AnswerKey, answer, draw_cases, make_answers, secret_seed
from autograde.build.notebooks import generate_assignment, notebook_text
from autograde.cohort.autograded import autograded_notebook
from autograde.cohort.class_folder import ClassFolder, write_atomically
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.results import (
    MISSING,
    QUARANTINED,
    UNGRADED,
    ExerciseResult,
    Record,
    one_at_a_time,
)
from autograde.intake import Quarantined, Submission, find_submissions, read_submission, take_in
from autograde.intake.find import shown_name
from autograde.judge import choose, judge_run, questions_to_ask
from autograde.report.feedback import feedback_html
from autograde.sandbox import Limits, Sandbox, known_mode, open_sandbox
from autograde.unit import SourceError, Unit
from chainrule.answers import Answers, Draw
from chainrule.verdict import PASSED, judge

NOTHING_HANDED_IN = "nothing was handed in"
UNREADABLE = "unreadable"  # in place of the hash of a submission that can't be read

log = logging.getLogger(__name__)


@dataclass
class Summary:
    """How a grading run went; the fields of the --json line."""

    graded: int = 0
    repaired: int = 0
    quarantined: int = 0
    ungraded: int = 0
    skipped: int = 0
    seconds: float = 0.0
    interrupted: bool = False

    def count(self, record: Record) -> None:
        self.repaired += bool(record.repairs)
        if record.status == QUARANTINED:
            self.quarantined += 1
        elif record.status == UNGRADED:
            self.ungraded += 1
        else:
            self.graded += 1

    def json(self) -> str:
        keys = ("graded", "repaired", "quarantined", "ungraded", "skipped")
        return json.dumps({key: getattr(self, key) for key in keys} | {"seconds": self.seconds})


@dataclass(frozen=True)
class Grading:
    """Everything about one unit and one class that grading a submission needs; never changes."""

    unit: Unit
    answers: Answers
    draws: Mapping[str, Sequence[Draw]]
    release: NotebookNode
    seed: bytes
    sandbox_mode: str
    limits: Limits

    @property
    def key(self) -> dict[str, str]:
        """What a result depends on besides the submission."""
        versions = [exercise.version for exercise in self.answers.exercises.values()]
        return {
            "exercises": hashlib.sha256("".join(versions).encode()).hexdigest()[:16],
            "seed": hashlib.sha256(self.seed).hexdigest()[:16],
            "engine": chainrule.__version__,
            "sandbox": self.sandbox_mode,
            "limits": str(self.limits),
            "pins": f"python {platform.python_version()}, numpy {np.__version__}",
        }


def limits_of(unit: Unit, **asked: float | None) -> Limits:
    """The budgets of a submission: what is asked for, else the unit's own, else the usual.

    asked: fields of Limits; None leaves one as it is.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    return Limits(**{**unit.declaration.limits, **given})  # type: ignore[arg-type]


def prepare(
    unit: Unit, class_folder: ClassFolder, sandbox_mode: str = "bwrap", limits: Limits | None = None
) -> Grading:
    """The answers, the secret draws (proved again on the class's seed) and the release."""
    known_mode(sandbox_mode)
    key = AnswerKey(unit)
    seed = class_folder.seed()
    draws = {name: key.secret(name, seed) for name in unit.declaration.exercises}
    answers = make_answers(key)
    prove_draws(key, answers, draws, seed)
    assignment = class_folder.assignment(unit)
    with GradebookProjection(class_folder, unit) as gradebook:
        known = gradebook.knows_assignment()
    if not known:
        assignment = generate_assignment(unit, class_folder.path, class_folder.db_url or None)
    release = nbformat.read(assignment, as_version=4)
    return Grading(unit, answers, draws, release, seed, sandbox_mode, limits or limits_of(unit))


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


def grade_one(
    grading: Grading, sandbox: Sandbox, submission: Submission
) -> tuple[Record, NotebookNode | None]:
    """Grade one submission. Whatever it holds, this returns a record.

    An error of ours is a record too: this submission waits for a person, the others are graded.
    """
    try:
        return _grade_one(grading, sandbox, submission)
    except Exception as error:
        reason = f"the grader failed on this submission ({type(error).__name__}: {error})"[:500]
        log.exception("The grader failed on the submission of %s.", submission.learner)
        return (
            Record(
                learner=submission.learner,
                unit=grading.unit.name.folder,
                submission=UNREADABLE,
                key={**grading.key, "submission": UNREADABLE},
                exercises=tuple(same_for_all(grading.answers, None, UNGRADED, reason)),
                reason=reason,
                graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
            None,
        )


def _grade_one(
    grading: Grading, sandbox: Sandbox, submission: Submission
) -> tuple[Record, NotebookNode | None]:
    started = time.monotonic()

    def record(sha256: str, results: Sequence[ExerciseResult], **more: object) -> Record:
        key = {**grading.key, "submission": sha256}
        return Record(
            learner=submission.learner,
            unit=grading.unit.name.folder,
            submission=sha256,
            key=key,
            exercises=tuple(results),
            seconds=round(time.monotonic() - started, 3),
            graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            **more,  # type: ignore[arg-type]
        )

    sha256 = ""
    try:
        if submission.problem:
            raise Quarantined(submission.problem)
        data = read_submission(submission.path)
        sha256 = hashlib.sha256(data).hexdigest()
        taken = take_in(data, grading.release, grading.answers)
    except Quarantined as reason:
        results = same_for_all(grading.answers, None, QUARANTINED, str(reason))
        return record(sha256 or UNREADABLE, results, reason=str(reason)), None
    secret = {name: choose(draws, grading.seed, sha256) for name, draws in grading.draws.items()}
    cases = {
        name: questions_to_ask(exercise, secret[name])
        for name, exercise in grading.answers.exercises.items()
    }
    public = {name: len(one.public.cases) for name, one in grading.answers.exercises.items()}
    run = sandbox.run(taken.cells, cases, public)
    results = judge_run(grading.answers, secret, run, taken.answered)
    graded = record(
        sha256,
        results,
        repairs=tuple(taken.repairs),
        reason=run.failure or "",
        limits_hit=tuple(run.limits_hit),
        outputs=run.outputs,
    )
    return graded, taken.notebook


def same_for_all(
    answers: Answers, score: float | None, status: str, reason: str
) -> list[ExerciseResult]:
    """One and the same result for every exercise and question."""
    points = {exercise.name: exercise.points for exercise in answers.exercises.values()}
    points |= {question.name: question.points for question in answers.questions}
    return [
        ExerciseResult(name, score, maximum, status, reason=reason)
        for name, maximum in points.items()
    ]


def grade_class(
    grading: Grading,
    submissions_folder: Path,
    class_folder: ClassFolder,
    jobs: int,
    show: Callable[[int, int, Summary], None] = lambda done, total, summary: None,
    wanted: Callable[[str], bool] = lambda learner: True,
    again: bool = False,
) -> Summary:
    """Grade every submission that is new or changed; write results, gradebook and feedback.

    show(done, total, summary) is called after each. Ctrl-C finishes what is running and keeps it.
    wanted(learner): whose submissions to look at. again: grade also what is graded already.
    """
    started = time.monotonic()
    summary = Summary()
    results = class_folder.results(grading.unit)
    with one_at_a_time(class_folder.path), tempfile.TemporaryDirectory() as scratch:
        found = find_submissions(submissions_folder, grading.unit.name, Path(scratch))
        found = [one for one in found if wanted(one.learner)]
        before = results.newest()
        todo = [
            one
            for one in found
            if again or not _already_graded(one, before.get(one.learner), grading)
        ]
        todo.sort(key=lambda one: not _is_ungraded(before.get(one.learner)))
        summary.skipped = len(found) - len(todo)
        with (
            open_sandbox(
                grading.sandbox_mode,
                grading.unit.name.name,
                grading.unit.declaration.packages,
                grading.limits,
            ) as sandbox,
            GradebookProjection(class_folder, grading.unit) as gradebook,
        ):
            times = {submission.learner: submission.submitted for submission in found}
            for record in gradebook.lacking(before.values()):
                gradebook.write(record, times.get(record.learner))
            for done, (submission, record, notebook) in enumerate(
                _graded(grading, sandbox, todo, jobs, summary), start=1
            ):
                # The result comes after its pages and before the gradebook: killed in between,
                # the next run writes the pages again, and completes the gradebook.
                write_out(grading, class_folder, record, notebook)
                results.append(record)
                gradebook.write(record, submission.submitted)
                summary.count(record)
                show(done, len(todo), summary)
        for learner in _without_submission(submissions_folder, found):
            if learner not in before and wanted(learner):
                nothing = same_for_all(grading.answers, 0, MISSING, NOTHING_HANDED_IN)
                results.append(
                    Record(
                        learner,
                        grading.unit.name.folder,
                        "",
                        grading.key,
                        tuple(nothing),
                        reason=NOTHING_HANDED_IN,
                    )
                )
    summary.seconds = round(time.monotonic() - started, 1)
    return summary


def _is_ungraded(last: Record | None) -> bool:
    return last is not None and last.status == UNGRADED


def _already_graded(submission: Submission, last: Record | None, grading: Grading) -> bool:
    """Whether the newest result is of these very bytes, under the same key, and has scores.

    What can't be read has no bytes; there the reason has to be the same.
    """
    if last is None or last.status == UNGRADED:
        return False
    try:
        if submission.problem:
            raise Quarantined(submission.problem)
        sha256 = hashlib.sha256(read_submission(submission.path)).hexdigest()
    except Quarantined as reason:
        same = {**grading.key, "submission": UNREADABLE}
        return last.key == same and last.reason == str(reason)
    return last.key == {**grading.key, "submission": sha256}


def _without_submission(folder: Path, found: Sequence[Submission]) -> list[str]:
    """Learners with a folder of their own under `folder` but no notebook of this unit."""
    # Some may have handed in an archive, which is unpacked elsewhere.
    if not any(one.path.parent.parent.parent == folder for one in found):
        return []
    have = {submission.learner for submission in found}
    folders = [path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(name for name in map(shown_name, folders) if name not in have)


def _graded(
    grading: Grading,
    sandbox: Sandbox,
    todo: Sequence[Submission],
    jobs: int,
    summary: Summary,
) -> Iterator[tuple[Submission, Record, NotebookNode | None]]:
    """The graded submissions as they are done; at most `2 * jobs` are in memory."""
    with interruptible() as interrupted, ThreadPoolExecutor(jobs) as pool:
        waiting = iter(todo)
        running: dict[Future, Submission] = {}
        while True:
            while len(running) < 2 * jobs and not interrupted.is_set():
                submission = next(waiting, None)
                if submission is None:
                    break
                running[pool.submit(grade_one, grading, sandbox, submission)] = submission
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                submission = running.pop(future)
                yield (submission, *future.result())
        summary.interrupted = interrupted.is_set()


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that what is running is finished and kept."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: object) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)  # a second Ctrl-C stops at once

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def write_out(
    grading: Grading, class_folder: ClassFolder, record: Record, notebook: NotebookNode | None
) -> None:
    """The graded notebook for formgrader and the feedback page for the learner."""
    if notebook is None:
        return
    path = class_folder.autograded(record.learner, grading.unit)
    write_atomically(path, notebook_text(autograded_notebook(notebook, record)))
    page = feedback_html(record, notebook, grading.answers)
    write_atomically(class_folder.feedback(record.learner, grading.unit), page)
