"""An instructor's part: collect submissions; and what the service does by itself."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import (
    ExchangeCollect,
    ExchangeReleaseAssignment,
    ExchangeReleaseFeedback,
)

from autograde.exchange.base import ServiceExchange, write


class ServiceCollect(ServiceExchange, ExchangeCollect):
    """`nbgrader collect`: everyone's last submission into the course folder.

    On the service's own machine the class folder has them already.
    """

    def work(self) -> None:
        assignment = self.asked_for()
        if not self.me["instructor"]:
            self.fail("Only an instructor's token can collect.")
        unit = self.service.get_json("units", assignment)
        by_learner: dict[str, list[dict[str, Any]]] = {}
        for attempt in self.service.get_json("class", "units", assignment, "attempts"):
            by_learner.setdefault(self.checked(attempt["learner"]), []).append(attempt)
        if not by_learner:
            self.log.warning("No submissions of %r to collect.", assignment)
        for learner, attempts in by_learner.items():
            if self.coursedir.student_id in ("", "*", learner):
                self.take(assignment, unit, learner, self.chosen(attempts))

    def chosen(self, attempts: list[dict[str, Any]]) -> dict[str, Any]:
        """The last one; with --before-duedate the last that is not late, if there is one."""
        in_time = [one for one in attempts if not one["late"]]
        return (self.before_duedate and in_time or attempts)[-1]

    def take(
        self, assignment: str, unit: dict[str, Any], learner: str, attempt: dict[str, Any]
    ) -> None:
        directory = self.coursedir.submitted_directory
        folder = Path(self.coursedir.format_path(directory, learner, assignment))
        moment = datetime.fromisoformat(attempt["time"]).astimezone(UTC).replace(tzinfo=None)
        if folder.is_dir():
            before = self.coursedir.get_existing_timestamp(str(folder))
            newer = before is None or moment > before
            if not (self.update and newer or self.before_duedate and moment != before):
                self.log.info("Nothing newer to collect: %s %s", learner, assignment)
                return
            shutil.rmtree(folder)
        place = ("class", "units", assignment, "attempts", learner, str(attempt["attempt"]))
        write(folder / self.checked(unit["notebook"]), self.service.get(*place, "notebook"))
        stamp = f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"
        write(folder / "timestamp.txt", stamp.encode())
        self.log.info("Collected: %s %s", learner, assignment)


class ServiceReleaseAssignment(ServiceExchange, ExchangeReleaseAssignment):
    """`nbgrader release_assignment`: a unit is released by its section in service.toml."""

    def work(self) -> None:
        assignment = self.asked_for()
        if assignment not in [unit["unit"] for unit in self.service.get_json("units")]:
            self.fail(
                f"{assignment} is not open at {self.url}. Write [units.{assignment}] into "
                "service.toml in the service's class folder."
            )
        self.log.info("%s is open at %s.", assignment, self.url)


class ServiceReleaseFeedback(ServiceExchange, ExchangeReleaseFeedback):
    """`nbgrader release_feedback`: the service shows feedback as soon as it is written."""

    def work(self) -> None:
        self.log.info("The service at %s shows feedback by itself.", self.url)
