"""Everything a request may need, in one object: `request.app.state.service`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograde.cohort.class_folder import ClassFolder
from autograde.service.attempts import GRADED, Attempt, Attempts
from autograde.service.database import now, open_database
from autograde.service.grader import Grader, Workers
from autograde.service.limits import RateLimit
from autograde.service.records import Records
from autograde.service.refused import Refused
from autograde.service.sessions import Sessions
from autograde.service.settings import FILE, Settings, SettingsFile, UnitSettings
from autograde.service.tokens import Tokens
from autograde.service.uploads import Upload
from autograde.unit import Unit, all_units
from chainrule.answers import Answers, read_answers


@dataclass(frozen=True)
class OpenUnit:
    """A unit that learners may hand in, and its settings."""

    unit: Unit
    settings: UnitSettings
    answers: Answers

    @property
    def folder(self) -> str:
        return self.unit.name.folder

    @property
    def out_of(self) -> float:
        return sum(one.points for one in self.answers.exercises.values()) + sum(
            question.points for question in self.answers.questions
        )

    def closed_since(self, moment: datetime) -> str:
        """Why nothing is taken at that moment, as a sentence; "" while it is."""
        if self.settings.opens and moment < self.settings.opens:
            return f"{self.folder} does not open before {when(self.settings.opens)}."
        if self.settings.closes and moment > self.settings.closes:
            return f"{self.folder} closed on {when(self.settings.closes)}."
        return ""


def when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


class Service:
    """The state of a running service.

    root: the clone. secure: whether browsers reach it by https only.
    """

    def __init__(
        self, root: Path, folder: Path, workers: Workers, db: str = "", secure: bool = False
    ) -> None:
        self.root, self.secure = root, secure
        self.known = {unit.name.folder: unit for unit in all_units(root) if unit.answers.exists()}
        names = [unit.name for unit in self.known.values()]
        self.settings_file = SettingsFile(folder / FILE, names)
        url = db or self.settings.database
        self.class_folder = ClassFolder(folder, url)
        self.database = open_database(url, folder)
        self.tokens = Tokens(self.database)
        self.sessions = Sessions(self.database, self.tokens)
        self.attempts = Attempts(self.database, folder)
        self.attempts.try_again()
        self.records = {name: Records(self.class_folder, unit) for name, unit in self.known.items()}
        self.limits = RateLimit()
        self.scratch = self.attempts.folder / ".incoming"
        shutil.rmtree(self.scratch, ignore_errors=True)  # what a crash left half uploaded
        self.grader = Grader(
            self.known, self.class_folder, self.attempts, self.records, self.settings_file, workers
        )
        self._answers: dict[str, Answers] = {}

    @property
    def settings(self) -> Settings:
        return self.settings_file.now()

    def units(self) -> list[OpenUnit]:
        """The units of service.toml, in order."""
        return [self._open(folder) for folder in self.settings.units]

    def unit(self, folder: str) -> OpenUnit:
        """Raises Refused for a unit that is not in service.toml."""
        if folder not in self.settings.units:
            raise Refused(404, "There is no such unit here.")
        return self._open(folder)

    def _open(self, folder: str) -> OpenUnit:
        unit = self.known[folder]
        if folder not in self._answers:
            self._answers[folder] = read_answers(unit.answers)
        return OpenUnit(unit, self.settings.units[folder], self._answers[folder])

    def take(self, learner: str, unit: OpenUnit, upload: Upload) -> tuple[Attempt, bool]:
        """Keep what a learner handed in, and have it graded. Whether it is new comes second.

        Raises Refused when the unit is closed or no attempt is left; what was handed in before
        gets its receipt at any time.
        """
        moment = now()
        if known := self.attempts.find(learner, unit.folder, upload.sha256):
            return known, False
        if why := unit.closed_since(moment):
            raise Refused(403, f"{why} This was not taken.")
        taken = self.attempts.add(learner, unit.folder, upload, unit.settings.attempts, moment)
        self.grader.bell.set()
        return taken

    def may_upload(self, learner: str) -> None:
        """Raises Refused when the learner uploads too often."""
        most = self.settings.uploads_per_minute
        self.limits.check("upload", learner, most, f"That is more than {most} uploads a minute.")

    def page(self, attempt: Attempt) -> Path:
        """The feedback on a graded attempt; with a person's comments where it is the one that
        counts. Raises Refused when there is none."""
        records = self.records[attempt.unit]
        written = self.class_folder.feedback(attempt.learner, self.known[attempt.unit])
        own = self.attempts.page(attempt)
        if attempt.state == GRADED and records.counts(attempt) and written.is_file():
            return written
        if attempt.state == GRADED and own.is_file():
            return own
        raise Refused(404, "There is no feedback on this attempt yet.")
