"""Grade a class again after the unit was changed: what that changes, and then, if wanted, do it.

What was kept of each submission answers again wherever the questions are the same; only where they
are not is the learner's code run once more. Marks given by hand stay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.engine import LARGE, open_engine
from autograde.cohort.grade import Writer, interruptible
from autograde.cohort.grade_one import Graded, HandedIn, with_pages
from autograde.cohort.gradebook import GradebookProjection
from autograde.cohort.grading import Grading
from autograde.cohort.kept import read_kept
from autograde.cohort.results import UNGRADED, ExerciseResult, Record, one_at_a_time
from autograde.intake import take_in
from chainrule.answers import Answers


@dataclass(frozen=True)
class Change:
    """One exercise of one learner before and after; scores are None where there is none.

    marked: a person gave the mark that counts, so that it stays.
    """

    learner: str
    before: ExerciseResult
    after: ExerciseResult
    marked: bool

    @property
    def gain(self) -> float:
        return 0.0 if self.marked else (self.after.score or 0.0) - (self.before.score or 0.0)


@dataclass
class Regraded:
    """What regrading a class showed.

    looked_at: learners whose work was judged again; run: of these, whose code had to be run.
    not_kept: learners of whom nothing is kept. waiting: ungraded ones, which `grade` tries first.
    """

    looked_at: int = 0
    run: int = 0
    changes: list[Change] = field(default_factory=list)
    not_kept: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    applied: bool = False
    interrupted: bool = False
    seconds: float = 0.0

    def learners(self, sign: int) -> int:
        """How many learners gain (sign 1) or lose (sign -1) in all."""
        gains: dict[str, float] = {}
        for change in self.changes:
            gains[change.learner] = gains.get(change.learner, 0.0) + change.gain
        return sum(gain * sign > 1e-9 for gain in gains.values())


def touched_by(answers: Answers, exercises: Sequence[str]) -> set[str]:
    """These exercises and all that use one of them; with none named, everything there is."""
    touched = set(exercises)
    if not touched:
        return set(answers.exercises) | {question.name for question in answers.questions}
    while True:
        more = {name for name, one in answers.exercises.items() if touched & set(one.uses)}
        if more <= touched:
            return touched
        touched |= more


def regrade_class(
    grading: Grading,
    class_folder: ClassFolder,
    exercises: Sequence[str] = (),
    apply: bool = False,
    jobs: int | None = None,
    show: Callable[[int, int], None] = lambda done, total: None,
    scheduler: str = "",
    keys: Path | None = None,
) -> Regraded:
    """Judge everyone's work on some exercises (all when none is named) by the unit as it is now.

    Nothing is written unless `apply`. jobs, scheduler and keys as in grade_class.
    """
    started, found = time.monotonic(), Regraded(applied=apply)
    touched = touched_by(grading.answers, exercises)
    jobs = jobs or os.cpu_count() or 1
    with one_at_a_time(class_folder.path):
        before = class_folder.results(grading.unit).newest()
        todo = list(_to_judge(grading, class_folder, before.values(), found))
        with GradebookProjection(class_folder, grading.unit) as gradebook:
            marked = set(gradebook.manual_scores(one.learner for one in todo))
        apart = jobs > 1 and len(todo) >= LARGE
        with (
            Writer(grading, class_folder) as writer,
            interruptible() as stop,
            open_engine(grading, jobs, apart, scheduler, keys) as engine,
        ):
            for done, graded in enumerate(engine.graded(iter(todo), stop), 1):
                old = before[graded.record.learner]
                merged = only_touched(old, graded, touched)
                changes = list(_changes(old, merged, marked))
                found.looked_at += 1
                found.run += graded.ran
                found.changes += changes
                if apply and (changes or merged.key != old.key):
                    writer.write(_with_pages_of(grading, graded, merged))
                show(done, len(todo))
            found.interrupted = stop.is_set()
    found.seconds = round(time.monotonic() - started, 1)
    return found


def _to_judge(
    grading: Grading, class_folder: ClassFolder, records: Iterable[Record], found: Regraded
) -> Iterator[HandedIn]:
    for record in records:
        if not record.submission or record.status == "quarantined":
            continue  # there is nothing to judge
        if record.status == UNGRADED:
            found.waiting.append(record.learner)
            continue
        kept = read_kept(class_folder.kept(record.learner, grading.unit), record.submission)
        if kept is None:
            found.not_kept.append(record.learner)
        else:
            yield HandedIn(record.learner, kept.data, kept=kept)


def only_touched(old: Record, graded: Graded, touched: set[str]) -> Record:
    """The new record with the old results, and their versions, of what was not touched."""
    new = graded.record
    results = {result.exercise: result for result in old.exercises}
    exercises = tuple(
        result if result.exercise in touched else results.get(result.exercise, result)
        for result in new.exercises
    )

    def stays(name: str) -> bool:
        """Of an exercise: it is not touched. Of how code is run: none was."""
        return name[1:] not in touched if name.startswith(":") else not graded.ran

    key = {
        name: old.key.get(name, value) if stays(name) else value for name, value in new.key.items()
    }
    return replace(new, exercises=exercises, key=key)


def _changes(old: Record, new: Record, marked: set[tuple[str, str]]) -> Iterator[Change]:
    results = {result.exercise: result for result in old.exercises}
    for after in new.exercises:
        before = results.get(after.exercise)
        if before is None:
            before = replace(after, score=None, status="not there")
        same = (before.score, before.max_score, before.status, before.mistake)
        if same != (after.score, after.max_score, after.status, after.mistake):
            by_hand = (new.learner, after.exercise) in marked
            yield Change(new.learner, before, after, by_hand)


def _with_pages_of(grading: Grading, graded: Graded, record: Record) -> Graded:
    """The pages made again where results were merged, so that they show what counts."""
    if record == graded.record or graded.kept is None:
        return replace(graded, record=record)
    taken = take_in(graded.kept.data, grading.release, grading.answers)
    return with_pages(grading, replace(graded, record=record), taken.notebook)


def change_rows(changes: Sequence[Change]) -> list[dict[str, str]]:
    """A table of the changes: learner, exercise, before, after, out of, why."""
    return [
        {
            "learner": change.learner,
            "exercise": change.after.exercise,
            "before": _said(change.before),
            "after": _said(change.after),
            "note": "marked by hand, which stays" if change.marked else _why(change),
        }
        for change in sorted(changes, key=lambda c: (c.learner, c.after.exercise))
    ]


def _said(result: ExerciseResult) -> str:
    points = "no score" if result.score is None else f"{result.score:g} of {result.max_score:g}"
    return points if result.status == "graded" else f"{points}, {result.status}"


def _why(change: Change) -> str:
    if change.after.mistake != change.before.mistake:
        return change.after.mistake or f"no longer: {change.before.mistake}"
    return change.after.reason


def totals(found: Regraded) -> Mapping[str, int]:
    gains, losses = found.learners(1), found.learners(-1)
    return {"gain": gains, "lose": losses, "stay": found.looked_at - gains - losses}
