"""nbgrader's Autograde and GenerateFeedback, done by this grader.

`nbgrader autograde 01_neuron` and formgrader's Autograde button keep their options and messages,
but nbgrader itself opens, copies and executes no submission. `nbgrader_config.py` installs this.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.apps.generatefeedbackapp
from nbgrader.converters import Autograde, GenerateFeedback, NbGraderException
from nbgrader.converters.base import BaseConverter
from nbgrader.coursedir import CourseDirectory
from traitlets import Float, Int, Unicode
from traitlets.config import Config

from autograde.build.notebooks import COURSE
from chainrule.errors import UserError


def install(config: Config, course: Path, clone: Path) -> None:
    """Put this grader in nbgrader's place; called by a nbgrader_config.py.

    course: the class folder. clone: the folder that has solutions/.
    """
    config.CourseDirectory.root = str(course)
    if "course_id" not in config.CourseDirectory:
        config.CourseDirectory.course_id = COURSE
    config.Exchange.root = str(course / "exchange")
    Bridged.clone = clone
    for ours, places in PLACES:
        for place in places:
            setattr(place, ours.__bases__[1].__name__, ours)
    nbgrader.apps.api.NbGraderAPI.get_submitted_timestamp = submitted_timestamp


class Bridged(BaseConverter):
    """A converter whose work is done by a function of this grader's, learner by learner."""

    clone = Path()  # where solutions/ is

    def start(self) -> None:
        """Raises NbGraderException, after saying why, when anyone's work needs a person."""
        try:
            complaints = self.convert()
        except UserError as error:
            complaints = [str(error)]
        for sentence in complaints:
            self.log.error(sentence)
        if complaints:
            raise NbGraderException(complaints[0])

    def convert(self) -> list[str]:
        raise NotImplementedError

    def wanted(self, learner: str) -> bool:
        """Whether --student and its counterpart allow this learner."""
        excluded = self.coursedir.student_id_exclude.split(",")
        return fnmatchcase(learner, self.coursedir.student_id) and learner not in excluded

    def subject(self) -> tuple[Any, Any]:
        """The unit and the class folder. Raises UserError for what can't be done here."""
        from autograde.cohort.class_folder import ClassFolder
        from autograde.unit import load_unit

        known, here = CourseDirectory(root=self.coursedir.root), self.coursedir
        for name in ("directory_structure", "autograded_directory", "feedback_directory"):
            if getattr(here, name) != getattr(known, name):
                raise UserError(
                    f"CourseDirectory.{name} is {getattr(here, name)!r}. Chainrule grades into "
                    f"{getattr(known, name)!r} only: take the setting out."
                )
        unit = load_unit(self.clone, here.assignment_id)
        if not fnmatchcase(unit.name.name, here.notebook_id):
            raise UserError(f"{unit.name.folder} has no notebook {here.notebook_id!r}.")
        return unit, ClassFolder(Path(here.root), here.db_url)


class SandboxedAutograde(Bridged, Autograde):
    """`nbgrader autograde`: intake, sandbox, judge, results, gradebook and autograded notebook.

    --force grades again what is graded already; --student names one learner or a pattern.
    """

    sandbox = Unicode("bwrap", help="As --sandbox of `chainrule grade`.").tag(config=True)
    cell_seconds = Float(None, allow_none=True, help="As --cell-seconds.").tag(config=True)
    submission_seconds = Float(None, allow_none=True, help="As --submission-seconds.").tag(
        config=True
    )
    memory = Int(None, allow_none=True, help="As --memory.").tag(config=True)

    def convert(self) -> list[str]:
        from autograde.cohort.grade import Summary, grade_class
        from autograde.cohort.prepare import limits_of, prepare

        if not self.config.Execute.get("enabled", True):
            raise UserError(
                "--no-execute would take the scores that a submission claims to have. Scores come "
                "from running it in the sandbox: leave the option out."
            )
        unit, folder = self.subject()
        submitted = folder.path / self.coursedir.submitted_directory
        wanted = self.known_learners(folder) if not self.create_student else self.wanted
        seen: list[str] = []

        def note(learner: str) -> bool:
            if wanted(learner):
                seen.append(learner)
            return wanted(learner)

        def show(done: int, total: int, summary: Summary) -> None:
            self.log.info("Graded %s of %s", done, total)

        jobs = os.cpu_count() or 1
        limits = limits_of(
            unit,
            cell_seconds=self.cell_seconds,
            submission_seconds=self.submission_seconds,
            memory_mb=self.memory,
        )
        grading = prepare(unit, folder, self.sandbox, limits)
        summary = grade_class(grading, submitted, folder, jobs, show, note, again=self.force)
        if not seen:
            raise UserError(f"No submission of {unit.name.folder} in {submitted} was matched.")
        self.log.info(
            "%s graded, %s quarantined, %s ungraded, %s graded already",
            *(summary.graded, summary.quarantined, summary.ungraded, summary.skipped),
        )
        newest = folder.results(unit).newest()
        return [
            f"{record.learner} is {record.status}: {record.reason}"
            for record in (newest[learner] for learner in dict.fromkeys(seen) if learner in newest)
            if record.status in ("quarantined", "ungraded")
        ]

    def known_learners(self, folder: Any) -> Callable[[str], bool]:
        """With create_student off: only those whom the gradebook knows."""
        from nbgrader.api import Gradebook

        with Gradebook(folder.gradebook_url) as gradebook:
            known = {student.id for student in gradebook.students}
        return lambda learner: learner in known and self.wanted(learner)


class MarkedFeedback(Bridged, GenerateFeedback):
    """`nbgrader generate_feedback`: the learner's page again, with marks and comments by hand."""

    def convert(self) -> list[str]:
        from autograde.cohort.feedback import write_feedback

        unit, folder = self.subject()
        written = write_feedback(unit, folder, self.wanted)
        if not written:
            raise UserError(
                f"Nobody is graded on {unit.name.folder} yet. First run: "
                f"nbgrader autograde {unit.name.folder}"
            )
        self.log.info("Wrote %s feedback pages", written)
        return []


# Where nbgrader's commands and formgrader look each converter up.
PLACES: list[tuple[type[Bridged], list[Any]]] = [
    (SandboxedAutograde, [nbgrader.apps.api, nbgrader.apps.autogradeapp]),
    (MarkedFeedback, [nbgrader.apps.api, nbgrader.apps.generatefeedbackapp]),
]


def submitted_timestamp(self: Any, assignment_id: str, student_id: str) -> datetime | None:
    """When a submission was handed in, as formgrader shows it; follows no link, opens no pipe."""
    from autograde.intake.find import submitted_at

    root = self.coursedir.format_path(self.coursedir.submitted_directory, student_id, assignment_id)
    moment = submitted_at(Path(root) / "notebook")
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
