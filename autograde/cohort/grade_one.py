"""Grade one submission: intake, sandbox, judge and the pages; what a worker does.

Nothing here reads or writes a file: the coordinator hands in bytes and gets everything back.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from nbformat import NotebookNode

from autograde.cohort.autograded import autograded_text
from autograde.cohort.grading import Grading
from autograde.cohort.kept import Kept
from autograde.cohort.results import QUARANTINED, UNGRADED, ExerciseResult, Record
from autograde.intake import Intake, Quarantined, take_in
from autograde.judge import choose, judge_run, questions_to_ask
from autograde.report.feedback import feedback_html
from autograde.sandbox import Run, Sandbox
from chainrule.answers import Answers, Draw

UNREADABLE = "unreadable"  # in place of the hash of a submission that can't be read

log = logging.getLogger(__name__)

# The parsers of Markdown and HTML keep state while they work: two pages at once spoil each other.
_one_page = threading.Lock()


@dataclass(frozen=True)
class HandedIn:
    """A learner's notebook as bytes, or the sentence that says why there are none.

    kept: what an earlier grading kept of these very bytes; what it still answers isn't run again.
    """

    learner: str
    data: bytes
    problem: str = ""
    kept: Kept | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest() if not self.problem else UNREADABLE


@dataclass(frozen=True)
class Graded:
    """A record and what is written beside it: the notebook for formgrader, the learner's page
    and what a later regrading needs. None for what can't be read. ran: whether code was run."""

    record: Record
    notebook: str | None = None
    page: str | None = None
    kept: Kept | None = None
    ran: bool = False


def grade_one(grading: Grading, sandbox: Sandbox, handed_in: HandedIn) -> Graded:
    """Grade one submission. Whatever it holds, this returns a record.

    An error of ours is a record too: this submission waits for a person, the others are graded.
    """
    try:
        return _grade_one(grading, sandbox, handed_in)
    except Exception as error:
        reason = f"the grader failed on this submission ({type(error).__name__}: {error})"[:500]
        log.exception("The grader failed on the submission of %s.", handed_in.learner)
        return Graded(without_scores(grading, handed_in, UNGRADED, reason))


def without_scores(grading: Grading, handed_in: HandedIn, status: str, reason: str) -> Record:
    """A record that holds a reason and no score."""
    # What failed is tried again by the next run, so it is not kept under the submission's hash.
    sha256 = UNREADABLE if status == UNGRADED else handed_in.sha256
    results = same_for_all(grading.answers, None, status, reason)
    return _record(grading, handed_in.learner, sha256, results, reason=reason)


def _record(
    grading: Grading,
    learner: str,
    sha256: str,
    results: Sequence[ExerciseResult],
    **more: object,
) -> Record:
    return Record(
        learner=learner,
        unit=grading.unit.name.folder,
        submission=sha256,
        key={**grading.key, "submission": sha256},
        exercises=tuple(results),
        graded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        **more,  # type: ignore[arg-type]
    )


def _grade_one(grading: Grading, sandbox: Sandbox, handed_in: HandedIn) -> Graded:
    started = time.monotonic()
    try:
        if handed_in.problem:
            raise Quarantined(handed_in.problem)
        taken = take_in(handed_in.data, grading.release, grading.answers)
    except Quarantined as reason:
        return Graded(without_scores(grading, handed_in, QUARANTINED, str(reason)))
    sha256 = handed_in.sha256
    secret = {name: choose(draws, grading.seed, sha256) for name, draws in grading.draws.items()}
    asked = {name: choose(one, grading.seed, sha256) for name, one in grading.asked.items()}
    kept = handed_in.kept
    ran = kept is None or not kept.answers(asked)
    if kept is None or ran:
        run = run_submission(grading, sandbox, taken, secret)
        kept = Kept.of(handed_in.data, asked, run)
    else:
        run = kept.run()
    results = judge_run(grading.answers, secret, run, taken.answered)
    record = _record(
        grading,
        handed_in.learner,
        sha256,
        results,
        repairs=tuple(taken.repairs),
        reason=run.failure or "",
        limits_hit=tuple(run.limits_hit),
        outputs=run.outputs,
        seconds=round(time.monotonic() - started, 3),
    )
    return with_pages(grading, Graded(record, kept=kept, ran=ran), taken.notebook)


def run_submission(
    grading: Grading, sandbox: Sandbox, taken: Intake, secret: Mapping[str, Draw]
) -> Run:
    """Run the notebook's cells, then ask each exercise its public and its secret cases."""
    exercises = grading.answers.exercises
    cases = {name: questions_to_ask(one, secret[name]) for name, one in exercises.items()}
    public = {name: len(one.public.cases) for name, one in exercises.items()}
    return sandbox.run(taken.cells, cases, public)


def with_pages(grading: Grading, graded: Graded, notebook: NotebookNode) -> Graded:
    """The same with the graded notebook for formgrader and the learner's page made."""
    record = graded.record
    with _one_page:
        page = feedback_html(record, notebook, grading.answers)
    return replace(graded, notebook=autograded_text(notebook, record), page=page)


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
