"""Results: append-only records, from which the gradebook can be rebuilt.

One file per unit, one JSON record per line, each line written and synced whole. The newest
record of a learner counts. A line cut off by a crash is set aside, never read as a result.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from chainrule.errors import UserError

GRADED, UNGRADED, QUARANTINED = "graded", "ungraded", "quarantined"
MISSING, BLOCKED = "missing", "blocked"
WAITS = "waits for a person's mark"


@dataclass(frozen=True)
class CaseResult:
    """One case: whether it passed, and what to tell the learner (public numbers only)."""

    name: str
    weight: float
    passed: bool
    message: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise or hand-graded question of one submission.

    status: graded, ungraded (no score: a person is needed), quarantined (no score: the
    submission can't be read), missing (nothing was written: 0) or blocked (0 until the exercise
    named in `blocked_by` is right). reason: why, where the status alone does not say it.
    """

    exercise: str
    score: float | None
    max_score: float
    status: str
    mistake: str = ""
    blocked_by: str = ""
    reason: str = ""
    cases: tuple[CaseResult, ...] = ()


@dataclass(frozen=True)
class Record:
    """One submission graded. `key` is what the result depends on: when it differs, grade again."""

    learner: str
    unit: str
    submission: str
    key: dict[str, str]
    exercises: tuple[ExerciseResult, ...]
    repairs: tuple[str, ...] = ()
    reason: str = ""
    limits_hit: tuple[str, ...] = ()
    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0
    graded_at: str = ""

    @property
    def status(self) -> str:
        """graded, quarantined, missing (no submission), or ungraded (our fault)."""
        states = {result.status for result in self.exercises}
        if states == {QUARANTINED}:
            return QUARANTINED
        if self.reason:
            return MISSING if states == {MISSING} else UNGRADED
        return GRADED


def to_line(record: Record) -> str:
    return json.dumps(asdict(record), ensure_ascii=True, allow_nan=False) + "\n"


def from_line(line: str) -> Record:
    """The record on a line. Raises ValueError or TypeError when it is damaged."""
    stored = json.loads(line)
    if not isinstance(stored, dict) or set(stored) != {f.name for f in fields(Record)}:
        raise ValueError("not a record")
    stored["exercises"] = tuple(
        ExerciseResult(**{**e, "cases": tuple(CaseResult(**c) for c in e["cases"])})
        for e in stored["exercises"]
    )
    stored["repairs"] = tuple(stored["repairs"])
    stored["limits_hit"] = tuple(stored["limits_hit"])
    return Record(**stored)


class Results:
    """The results of one unit in a class folder."""

    def __init__(self, folder: Path, unit: str) -> None:
        self.path = folder / "results" / f"{unit}.jsonl"
        self.damaged = 0  # lines that could not be read

    def append(self, record: Record) -> None:
        """Write one record and wait until it is on disk.

        Raises UserError when the disk is full or the folder can't be written; what was written
        before stays.
        """
        data = to_line(record).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                self._start_new_line(descriptor)
                written = 0
                while written < len(data):
                    written += os.write(descriptor, data[written:])
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(
                f"The result of {record.learner} can't be written to {self.path}: "
                f"{error.strerror}. "
                "Everything graded before is safe; make room and run the same command again."
            ) from None

    @staticmethod
    def _start_new_line(descriptor: int) -> None:
        """After a line that a crash cut off, the next record begins on a line of its own."""
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")

    def all(self) -> Iterator[Record]:
        """Every record, oldest first."""
        self.damaged = 0
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    yield from_line(line)
                except (ValueError, TypeError, KeyError, AttributeError):
                    self.damaged += 1

    def newest(self) -> dict[str, Record]:
        """The record that counts for each learner, by learner's name."""
        return dict(sorted({record.learner: record for record in self.all()}.items()))


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the class folder: a second coordinator is told so. Freed even by kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "grading.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another chainrule command is grading in {folder}. Wait for it, or stop it; "
                "what it has graded is kept."
            ) from None
        yield
