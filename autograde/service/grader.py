"""The queue: one thread that grades what waits, with the engine of `chainrule grade`.

An attempt waits in the database until its result, its pages and its gradebook entry are written.
After a crash the results say which of those that still wait were graded already.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograde.cohort.class_folder import ClassFolder, write_atomically
from autograde.cohort.engine import Engine, open_engine
from autograde.cohort.grade import Writer
from autograde.cohort.grade_one import Graded, HandedIn
from autograde.cohort.gradebook import Entry, open_gradebook
from autograde.cohort.grading import Grading
from autograde.cohort.prepare import prepare
from autograde.cohort.results import UNGRADED as NO_SCORES
from autograde.cohort.results import one_at_a_time
from autograde.intake import Quarantined, read_submission
from autograde.service.attempts import GRADED, UNGRADED, Attempt, Attempts
from autograde.service.records import Records
from autograde.service.settings import SettingsFile
from autograde.unit import Unit
from chainrule.errors import UserError
from chainrule.submit import RECEIPT

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.3  # while grading, until what has just come in is seen
IDLE_SECONDS = 120.0  # that a unit's sandbox is kept open with nothing to grade
TURN_SECONDS = 30.0  # that one unit is graded while another waits
MOST_TRIES = 3  # of an attempt on which the grader itself fails
MOST_AT_ONCE = 256  # submissions, however many workers a cluster has
PAUSE_SECONDS = 15.0  # after trouble with the disk, the gradebook or the cluster


@dataclass(frozen=True)
class Workers:
    """Where to grade: as the options of `chainrule grade`."""

    jobs: int
    sandbox: str = "bwrap"
    scheduler: str = ""
    keys: Path | None = None


class Grader(threading.Thread):
    """Grades everything that waits, oldest first, one unit at a time. `bell` wakes it."""

    def __init__(
        self,
        units: dict[str, Unit],
        class_folder: ClassFolder,
        attempts: Attempts,
        records: dict[str, Records],
        settings: SettingsFile,
        workers: Workers,
    ) -> None:
        super().__init__(name="grader", daemon=True)
        self.units, self.class_folder, self.workers = units, class_folder, workers
        self.attempts, self.records, self.settings = attempts, records, settings
        self.bell, self.stopping = threading.Event(), threading.Event()
        self.gradings: dict[str, Grading] = {}
        self.told: dict[str, datetime] = {}  # the deadlines that the gradebook has from here
        self.unsettled = set(units)  # units in which something may be graded that still waits
        self.resting: dict[str, float] = {}  # units in which something went wrong, and until when
        self.trouble = ""  # what keeps it from grading now, for the class page

    def stop(self) -> None:
        self.stopping.set()
        self.bell.set()

    def run(self) -> None:
        while not self.stopping.is_set():
            unit = None
            try:
                unit = self.next_unit()
                if unit is None:
                    self.listen(self.rest())
                else:
                    self.grade_unit(unit)
            except Exception as error:
                self.note(error, unit)

    def next_unit(self) -> str | None:
        """The unit of what has waited longest, without those in which something went wrong."""
        at = time.monotonic()
        self.resting = {unit: until for unit, until in self.resting.items() if until > at}
        waiting = self.attempts.waiting(set(self.units) - set(self.resting))
        return waiting[0].unit if waiting else None

    def rest(self) -> float | None:
        """Seconds until a unit that is left alone is tried again."""
        return max(0.1, min(self.resting.values()) - time.monotonic()) if self.resting else None

    def note(self, error: Exception, unit: str | None) -> None:
        """Say what went wrong, and leave the unit alone for a while. What was being graded is
        settled before anything else is."""
        self.unsettled = set(self.units)
        self.trouble = str(error) if isinstance(error, UserError) else f"{type(error).__name__}."
        log.error("%s", error, exc_info=None if isinstance(error, UserError) else error)
        if unit is None:
            self.stopping.wait(PAUSE_SECONDS)
        else:
            self.resting[unit] = time.monotonic() + PAUSE_SECONDS

    def listen(self, seconds: float | None) -> None:
        """Wait until something comes in, at most so long."""
        self.bell.wait(seconds)
        self.bell.clear()

    def grade_unit(self, folder: str) -> None:
        """Grade what waits of a unit, and stay with it until another one waits or for a while."""
        grading, workers = self.grading(folder), self.workers
        with open_engine(grading, workers.jobs, False, workers.scheduler, workers.keys) as engine:
            busy = time.monotonic()
            while not self.stopping.is_set():
                self.tell_deadline(folder)
                if self.turn(engine, grading):
                    busy = time.monotonic()
                next_one = self.next_unit()
                if next_one is not None:
                    if next_one != folder:
                        return
                    continue
                left = busy + IDLE_SECONDS - time.monotonic()
                if left <= 0:
                    return
                self.listen(left)

    def of_unit(self, folder: str) -> list[Attempt]:
        """What can be graded of a unit now: of each learner the first that waits, so that their
        attempts are graded in their order."""
        first: dict[str, Attempt] = {}
        for attempt in self.attempts.waiting([folder]):
            first.setdefault(attempt.learner, attempt)
        return list(first.values())

    def grading(self, folder: str) -> Grading:
        """What grading a unit needs, made at its first attempt."""
        if folder not in self.gradings:
            self.gradings[folder] = prepare(
                self.units[folder], self.class_folder, self.workers.sandbox
            )
        return self.gradings[folder]

    def tell_deadline(self, folder: str) -> None:
        """Put a unit's deadline in the gradebook, as the settings now have it."""
        unit = self.settings.now().units.get(folder)
        if unit is None or unit.deadline is None or unit.deadline == self.told.get(folder):
            return
        due = unit.deadline.replace(tzinfo=None)
        gradebook = open_gradebook(self.class_folder.gradebook_url)
        try:
            if gradebook.find_assignment(folder).duedate != due:
                gradebook.update_or_create_assignment(folder, duedate=due)
        finally:
            gradebook.close()
        self.told[folder] = unit.deadline

    def turn(self, engine: Engine, grading: Grading) -> int:
        """Grade what waits of one unit until nothing does, or it is another's turn.

        Holds the class folder meanwhile, so that `chainrule grade` and `regrade` wait for us, and
        we for them. Returns how many were graded.
        """
        folder, until = grading.unit.name.folder, time.monotonic() + TURN_SECONDS
        done = 0
        with ExitStack() as held:
            if not self.hold(held):
                return 0
            writer = held.enter_context(Writer(grading, self.class_folder))
            pool = held.enter_context(ThreadPoolExecutor(MOST_AT_ONCE, "grading"))
            self.settle(writer, folder)
            running: dict[Future[Graded], Attempt] = {}
            while True:
                at_once = min(engine.threads(), MOST_AT_ONCE)
                if not self.stopping.is_set() and not (
                    time.monotonic() > until and self.others_wait(folder)
                ):
                    busy = {attempt.learner for attempt in running.values()}
                    for attempt in self.of_unit(folder):
                        if attempt.learner not in busy and len(running) < at_once:
                            running[pool.submit(grade, engine, self.read(attempt))] = attempt
                if not running:
                    return done
                finished, _ = wait(running, LOOK_SECONDS, FIRST_COMPLETED)
                self.write(writer, [(running.pop(future), future.result()) for future in finished])
                done += len(finished)

    def hold(self, held: ExitStack) -> bool:
        """Hold the class folder, when nobody else does any more; False when we are to stop."""
        while not self.stopping.is_set():
            try:
                held.enter_context(one_at_a_time(self.class_folder.path))
                self.trouble = ""
                return True
            except UserError as error:
                self.trouble = str(error)
                self.stopping.wait(1)
        return False

    def others_wait(self, folder: str) -> bool:
        others = set(self.units) - {folder} - set(self.resting)
        return bool(self.attempts.waiting(others))

    def read(self, attempt: Attempt) -> HandedIn:
        try:
            data = read_submission(self.attempts.notebook(attempt))
        except Quarantined as reason:
            return HandedIn(attempt.learner, b"", str(reason))
        return HandedIn(attempt.learner, data)

    def write(self, writer: Writer, finished: list[tuple[Attempt, Graded]]) -> None:
        """Write results, pages and gradebook; only then an attempt no longer waits."""
        written = []
        for attempt, graded in finished:
            failed = graded.record.status == NO_SCORES
            if failed and attempt.tries + 1 < MOST_TRIES:
                self.attempts.failed(attempt)
                continue
            if graded.page is not None:
                write_atomically(self.attempts.page(attempt), graded.page)
            self.hand_over(attempt)
            writer.write(graded, attempt.moment, anew=attempt.number > 1)
            written.append((attempt, UNGRADED if failed else GRADED))
        writer.flush()
        for state in (GRADED, UNGRADED):
            self.attempts.set_state([a for a, found in written if found == state], state)

    def hand_over(self, attempt: Attempt) -> None:
        """Put it where `chainrule grade`, formgrader and nbgrader expect submissions."""
        unit = self.units[attempt.unit]
        place = self.class_folder.path / "submitted" / attempt.learner / attempt.unit
        data = read_submission(self.attempts.notebook(attempt))
        write_atomically(place / unit.released.name, data)
        receipt = {
            "unit": attempt.unit,
            "learner": attempt.learner,
            "sha256": attempt.sha256,
            "time": attempt.received,
            "attempt": attempt.number,
        }
        write_atomically(place / RECEIPT, json.dumps(receipt, indent=1) + "\n")

    def settle(self, writer: Writer, folder: str) -> None:
        """After a start or after trouble: what waits although it was graded waits no longer, and
        the gradebook gets what it lacks."""
        if folder not in self.unsettled:
            return
        waiting = self.attempts.waiting([folder])
        graded = [attempt for attempt in waiting if self.records[folder].of(attempt)]
        newest = self.records[folder].newest
        times = {a.learner: a.moment for a in graded if newest[a.learner].submission == a.sha256}
        for record in writer.gradebook.lacking(newest.values()):
            writer.project(Entry(record, times.get(record.learner)))
        writer.flush()
        self.attempts.set_state(graded, GRADED)
        self.unsettled.discard(folder)


def grade(engine: Engine, handed_in: HandedIn) -> Graded:
    """One submission, graded by a worker; waits for it."""
    return next(engine.graded(iter([handed_in]), threading.Event()))
