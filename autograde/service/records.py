"""The results of a unit as the service shows them: read once, and then only what is new.

results/<unit>.jsonl is the truth about every score; the service's database holds none. So what a
regrading or another `chainrule grade` writes there is shown here too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.marks import with_manual_marks
from autograde.cohort.results import UNGRADED, Record, from_line
from autograde.service.attempts import Attempt
from autograde.unit import Unit


class Records:
    """What results/<unit>.jsonl holds: for each attempt its newest record, without outputs."""

    def __init__(self, class_folder: ClassFolder, unit: Unit) -> None:
        self.class_folder, self.unit = class_folder, unit
        self.path: Path = class_folder.results(unit).path
        self.lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self.read, self.file = 0, 0  # bytes read, and the number of the file they were read from
        self.by_attempt: dict[tuple[str, str], Record] = {}
        self.newest: dict[str, Record] = {}

    def look(self) -> None:
        """Read what was added since."""
        with self.lock:
            try:
                found = self.path.stat()
            except OSError:
                self._forget()
                return
            if found.st_size < self.read or found.st_ino != self.file:
                self._forget()
                self.file = found.st_ino
            if found.st_size == self.read:
                return
            with self.path.open("rb") as lines:
                lines.seek(self.read)
                for line in lines:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self.read += len(line)
                    self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            record = replace(from_line(line.decode("utf-8", "replace")), outputs={})
        except (ValueError, TypeError, KeyError, AttributeError):
            return  # an empty line, or one that a crash cut off
        self.by_attempt[record.learner, record.submission] = record
        self.newest[record.learner] = record

    def of(self, attempt: Attempt) -> Record | None:
        """The newest record of an attempt; None while it has no scores."""
        self.look()
        record = self.by_attempt.get((attempt.learner, attempt.sha256))
        return None if record is None or record.status == UNGRADED else record

    def counts(self, attempt: Attempt) -> bool:
        """Whether it is this attempt whose scores count: the last one that was graded."""
        self.look()
        newest = self.newest.get(attempt.learner)
        return newest is not None and newest.submission == attempt.sha256

    def marked(self, attempt: Attempt) -> Record | None:
        """As `of`, with what a person marked where this attempt is the one that counts."""
        record = self.of(attempt)
        if record is None or not self.counts(attempt):
            return record
        return with_manual_marks(self.class_folder, self.unit, [record])[0]

    def whole_class(self) -> Sequence[Record]:
        """Each learner's newest record, by learner, with marks given by hand."""
        self.look()
        newest = [self.newest[learner] for learner in sorted(self.newest)]
        return with_manual_marks(self.class_folder, self.unit, newest) if newest else []
