"""Grade a class: what is new or changed; one process writes results, gradebook and feedback."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograde.cohort.class_folder import ClassFolder, write_atomically
from autograde.cohort.engine import LARGE, open_engine
from autograde.cohort.grade_one import UNREADABLE, Graded, HandedIn, same_for_all
from autograde.cohort.gradebook import Entry, GradebookProjection
from autograde.cohort.grading import Grading
from autograde.cohort.results import (
    MISSING,
    QUARANTINED,
    UNGRADED,
    Record,
    Results,
    one_at_a_time,
)
from autograde.intake import Quarantined, Submission, find_submissions, read_submission
from autograde.intake.find import shown_name

NOTHING_HANDED_IN = "nothing was handed in"
BATCH = 50  # records in one transaction of the gradebook
BATCH_SECONDS = 2.0  # after which a smaller one is written

Show = Callable[[int, int, "Summary"], None]


@dataclass
class Summary:
    """How a grading run went; the fields of the --json line."""

    graded: int = 0
    repaired: int = 0
    quarantined: int = 0
    ungraded: int = 0
    skipped: int = 0
    outdated: int = 0  # of the skipped: graded before the unit changed
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


class Writer:
    """Writes what is graded; a context manager. The only writer of a class folder.

    A result comes after its pages and before the gradebook: killed in between, the next run
    writes the pages again, and completes the gradebook.
    """

    def __init__(self, grading: Grading, class_folder: ClassFolder) -> None:
        self.grading, self.class_folder = grading, class_folder
        self.results: Results = class_folder.results(grading.unit)
        self.gradebook = GradebookProjection(class_folder, grading.unit)
        self.waiting: list[Entry] = []
        self.flushed = time.monotonic()

    def __enter__(self) -> Writer:
        self.gradebook.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self.flush()
        finally:
            self.gradebook.__exit__(*error)

    def write(self, graded: Graded, submitted: datetime | None = None, anew: bool = False) -> None:
        """Write all that grading one submission gave; submitted and anew as in Entry."""
        record, unit, folder = graded.record, self.grading.unit, self.class_folder
        if graded.notebook is not None:
            write_atomically(folder.autograded(record.learner, unit), graded.notebook)
        if graded.page is not None:
            write_atomically(folder.feedback(record.learner, unit), graded.page)
        if graded.kept is not None:
            write_atomically(folder.kept(record.learner, unit), graded.kept.to_bytes())
        self.results.append(record)
        self.project(Entry(record, submitted, anew))

    def project(self, entry: Entry) -> None:
        """Have the gradebook hold a record, together with others."""
        self.waiting.append(entry)
        late = time.monotonic() - self.flushed > BATCH_SECONDS
        if late or len(self.waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        self.flushed = time.monotonic()
        self.gradebook.write(waiting)


def grade_class(
    grading: Grading,
    submissions_folder: Path,
    class_folder: ClassFolder,
    jobs: int,
    show: Show = lambda done, total, summary: None,
    wanted: Callable[[str], bool] = lambda learner: True,
    again: bool = False,
    scheduler: str = "",
    keys: Path | None = None,
) -> Summary:
    """Grade every submission that is new or changed; write results, gradebook and feedback.

    show(done, total, summary) is called after each. Ctrl-C finishes what is running and keeps it.
    wanted(learner): whose submissions to look at. again: grade also what is graded already.
    scheduler, keys: a Dask cluster to grade on, and the folder of its keys; jobs is then unused.
    """
    started = time.monotonic()
    summary = Summary()
    results = class_folder.results(grading.unit)
    with one_at_a_time(class_folder.path), tempfile.TemporaryDirectory() as scratch:
        found = find_submissions(submissions_folder, grading.unit.name, Path(scratch))
        found = [one for one in found if wanted(one.learner)]
        before = results.newest()
        todo = found if again else _to_grade(found, before, grading, summary)
        todo.sort(key=lambda one: not _is_ungraded(before.get(one.learner)))
        summary.skipped = len(found) - len(todo)
        times = {submission.learner: submission.submitted for submission in found}
        with Writer(grading, class_folder) as writer:
            for record in writer.gradebook.lacking(before.values()):
                writer.project(Entry(record, times.get(record.learner)))
            if todo:
                apart = jobs > 1 and len(todo) >= LARGE
                with (
                    open_engine(grading, min(jobs, len(todo)), apart, scheduler, keys) as engine,
                    interruptible() as stop,
                ):
                    for done, graded in enumerate(engine.graded(map(_read, todo), stop), 1):
                        learner = graded.record.learner
                        anew = learner in before and before[learner].submission != ""
                        writer.write(graded, times[learner], anew)
                        summary.count(graded.record)
                        show(done, len(todo), summary)
                    summary.interrupted = stop.is_set()
        for learner in _without_submission(submissions_folder, found):
            if learner not in before and wanted(learner):
                results.append(_nothing_from(learner, grading))
    summary.seconds = round(time.monotonic() - started, 1)
    return summary


def _to_grade(
    found: Sequence[Submission], before: Mapping[str, Record], grading: Grading, summary: Summary
) -> list[Submission]:
    """Those not graded yet as they are now; counts those that the unit's changes might touch."""
    todo = []
    for submission in found:
        last = before.get(submission.learner)
        if last is None or not _already_graded(submission, last, grading):
            todo.append(submission)
        elif any(last.key.get(name) != value for name, value in grading.key.items()):
            summary.outdated += 1
    return todo


def _is_ungraded(last: Record | None) -> bool:
    return last is not None and last.status == UNGRADED


DECIDES = ("seed", "sandbox", "limits")  # of a key: asked for by who grades


def _already_graded(submission: Submission, last: Record, grading: Grading) -> bool:
    """Whether the newest result is of these very bytes, has scores and was made in the same way.

    What can't be read has no bytes; there the reason has to be the same. A unit that has changed
    since does not count: `regrade` shows first what that would change.
    """
    if last.status == UNGRADED or any(last.key.get(n) != grading.key[n] for n in DECIDES):
        return False
    handed_in = _read(submission)
    if handed_in.problem:
        return last.submission == UNREADABLE and last.reason == handed_in.problem
    return last.submission == handed_in.sha256


def _read(submission: Submission) -> HandedIn:
    try:
        if submission.problem:
            raise Quarantined(submission.problem)
        return HandedIn(submission.learner, read_submission(submission.path))
    except Quarantined as reason:
        return HandedIn(submission.learner, b"", str(reason))


def _nothing_from(learner: str, grading: Grading) -> Record:
    nothing = tuple(same_for_all(grading.answers, 0, MISSING, NOTHING_HANDED_IN))
    folder = grading.unit.name.folder
    return Record(learner, folder, "", grading.key, nothing, reason=NOTHING_HANDED_IN)


def _without_submission(folder: Path, found: Sequence[Submission]) -> list[str]:
    """Learners with a folder of their own under `folder` but no notebook of this unit."""
    # Some may have handed in an archive, which is unpacked elsewhere.
    if not any(one.path.parent.parent.parent == folder for one in found):
        return []
    have = {submission.learner for submission in found}
    folders = [path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(name for name in map(shown_name, folders) if name not in have)


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
