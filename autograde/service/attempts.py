"""Attempts: what was handed in. A file is on disk, and its row committed, before it is receipted.

The file comes first and is named by its hash, so a crash in between leaves at most a file that
nobody was told about. The database keeps the order: one row for each learner, unit and hash.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from autograde.service.database import ATTEMPTS, to_text
from autograde.service.refused import Refused
from autograde.service.uploads import Upload, sync_folder

WAITING, GRADED, UNGRADED = "waiting", "graded", "ungraded"
FOLDER = "attempts"


@dataclass(frozen=True)
class Attempt:
    """One hand-in of a learner. number: from 1, in the order in which they arrived."""

    id: int
    learner: str
    unit: str
    number: int
    sha256: str
    size: int
    received: str
    state: str
    tries: int

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.received)


class Attempts:
    """All attempts of a class. Names of folders come from the tokens and the units only."""

    def __init__(self, database: Engine, class_folder: Path) -> None:
        self.database = database
        self.folder = class_folder / FOLDER
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def notebook(self, attempt: Attempt) -> Path:
        return self._path(attempt.unit, attempt.learner, attempt.sha256, "ipynb")

    def page(self, attempt: Attempt) -> Path:
        """The feedback as it was when the attempt was graded."""
        return self._path(attempt.unit, attempt.learner, attempt.sha256, "html")

    def _path(self, unit: str, learner: str, sha256: str, ending: str) -> Path:
        return self.folder / unit / learner / f"{sha256}.{ending}"

    def add(
        self, learner: str, unit: str, upload: Upload, allowed: int, received: datetime
    ) -> tuple[Attempt, bool]:
        """The attempt with these bytes, and whether it is new; it is on disk when this returns.

        Raises Refused when the learner has no attempt left.
        """
        if known := self.find(learner, unit, upload.sha256):
            return known, False
        path = self._path(unit, learner, upload.sha256, "ipynb")
        for _ in range(100):
            number = self._last_number(learner, unit) + 1
            if number > allowed:
                raise Refused(
                    403,
                    f"All {allowed} attempts at {unit} are used up, so this one was not taken. "
                    "Ask your instructor if you need another.",
                )
            keep(upload.path, path)
            row = {
                "learner": learner,
                "unit": unit,
                "number": number,
                "sha256": upload.sha256,
                "size": upload.size,
                "received": to_text(received),
                "state": WAITING,
                "tries": 0,
            }
            try:
                with self.database.begin() as connection:
                    connection.execute(insert(ATTEMPTS).values(**row))
            except IntegrityError:  # another upload of this learner came in between
                if known := self.find(learner, unit, upload.sha256):
                    return known, False
                continue
            added = self.find(learner, unit, upload.sha256)
            assert added is not None
            return added, True
        raise Refused(503, "Too many uploads of yours at once. Try again in a moment.", 2)

    def _last_number(self, learner: str, unit: str) -> int:
        mine = (ATTEMPTS.c.learner == learner) & (ATTEMPTS.c.unit == unit)
        with self.database.connect() as connection:
            return connection.execute(select(func.max(ATTEMPTS.c.number)).where(mine)).scalar() or 0

    def find(self, learner: str, unit: str, sha256: str) -> Attempt | None:
        found = self._select(
            ATTEMPTS.c.learner == learner, ATTEMPTS.c.unit == unit, ATTEMPTS.c.sha256 == sha256
        )
        return found[0] if found else None

    def numbered(self, learner: str, unit: str, number: int) -> Attempt | None:
        if not 0 < number < 2**31:
            return None
        found = self._select(
            ATTEMPTS.c.learner == learner, ATTEMPTS.c.unit == unit, ATTEMPTS.c.number == number
        )
        return found[0] if found else None

    def of(self, learner: str, unit: str) -> list[Attempt]:
        """A learner's attempts at a unit, the first first."""
        return self._select(ATTEMPTS.c.learner == learner, ATTEMPTS.c.unit == unit)

    def all(self, unit: str) -> list[Attempt]:
        """Everyone's, by learner."""
        return self._select(ATTEMPTS.c.unit == unit)

    def waiting(self, units: Collection[str]) -> list[Attempt]:
        """What is still to be graded, in the order in which it arrived."""
        found = self._select(ATTEMPTS.c.state == WAITING, ATTEMPTS.c.unit.in_(list(units)))
        return sorted(found, key=lambda attempt: attempt.id)

    def count_waiting(self) -> int:
        with self.database.connect() as connection:
            waiting = select(func.count()).where(ATTEMPTS.c.state == WAITING)
            return connection.execute(waiting).scalar() or 0

    def _select(self, *which: Any) -> list[Attempt]:
        wanted = select(ATTEMPTS).where(*which).order_by(ATTEMPTS.c.learner, ATTEMPTS.c.number)
        with self.database.connect() as connection:
            return [Attempt(**row) for row in connection.execute(wanted).mappings()]

    def set_state(self, attempts: Sequence[Attempt], state: str) -> None:
        self._update([attempt.id for attempt in attempts], state=state)

    def failed(self, attempt: Attempt) -> None:
        """Note a try at which the grader itself failed."""
        self._update([attempt.id], tries=attempt.tries + 1)

    def try_again(self) -> int:
        """Have what the grader failed on wait again, unless its learner has a newer attempt.
        Returns how many."""
        with self.database.connect() as connection:
            rows = connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.state == UNGRADED))
            failed = [Attempt(**row) for row in rows.mappings()]
        last = [a for a in failed if self._last_number(a.learner, a.unit) == a.number]
        self._update([attempt.id for attempt in last], state=WAITING, tries=0)
        return len(last)

    def _update(self, ids: Sequence[int], **values: Any) -> None:
        if ids:
            with self.database.begin() as connection:
                connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id.in_(ids)).values(**values))


def keep(source: Path, target: Path) -> None:
    """Give an uploaded file its name, and wait until the name is on disk too.

    Two uploads of the same bytes may both come here: whichever is last puts equal bytes in place.
    """
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        sync_folder(folder)
