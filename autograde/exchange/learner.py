"""A learner's part: list, fetch, submit, and fetch feedback."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import (
    ExchangeFetchAssignment,
    ExchangeFetchFeedback,
    ExchangeList,
    ExchangeSubmit,
)

from autograde.exchange.base import ServiceExchange, write
from chainrule.post import ServiceError


class ServiceList(ServiceExchange, ExchangeList):
    """`nbgrader list`: what is released; with --cached your own submissions, with --inbound
    everyone's, for instructors."""

    def work(self) -> list[dict[str, Any]]:
        if self.remove:
            self.fail("The service keeps what was handed in and released: nothing can be removed.")
        if self.inbound and self.cached:
            self.fail("Options --inbound and --cached are incompatible.")
        course = self.coursedir.course_id if self.coursedir else ""
        units = self.service.get_json("units")
        if course not in ("", "*", self.me["course"]):
            units = []
        wanted = self.coursedir.assignment_id if self.coursedir else ""
        if wanted not in ("", "*"):
            units = [unit for unit in units if unit["unit"] == wanted]
        if not (self.inbound or self.cached):
            return self.say("Released assignments:", [self.released(unit) for unit in units])
        found = [row for unit in units for row in self.submitted(unit)]
        self.log.info("Submitted assignments:")
        for row in found:
            for one in row["submissions"]:
                self.log.info(
                    "%s %s %s %s%s",
                    *(one[key] for key in ("course_id", "student_id", "assignment_id")),
                    one["timestamp"],
                    " (feedback ready to be fetched)" if one["has_exchange_feedback"] else "",
                )
        return found

    def say(self, title: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.log.info(title)
        for row in rows:
            have = " (already downloaded)" if row["status"] == "fetched" else ""
            self.log.info("%s %s%s", row["course_id"], row["assignment_id"], have)
        return rows

    def released(self, unit: dict[str, Any]) -> dict[str, Any]:
        folder = self.folder(unit["unit"])
        have = folder.is_dir()
        here = sorted(folder.glob("*.ipynb")) if have else [Path(self.checked(unit["notebook"]))]
        return {
            "course_id": self.me["course"],
            "assignment_id": unit["unit"],
            "status": "fetched" if have else "released",
            "path": str(folder) if have else self.url,
            "notebooks": [{"notebook_id": path.stem, "path": str(path)} for path in here],
        }

    def submitted(self, unit: dict[str, Any]) -> list[dict[str, Any]]:
        """One row for each learner, with all their submissions."""
        everyone = self.inbound and self.me["instructor"]
        if self.me["instructor"] and not everyone:
            return []
        place = ("class", "units") if everyone else ("units",)
        rows: dict[str, dict[str, Any]] = {}
        for attempt in self.service.get_json(*place, unit["unit"], "attempts"):
            row = rows.setdefault(
                attempt["learner"],
                {
                    "course_id": self.me["course"],
                    "student_id": attempt["learner"],
                    "assignment_id": unit["unit"],
                    "status": "submitted",
                    "submissions": [],
                },
            )
            row["submissions"].append(self.submission(unit, attempt))
        return list(rows.values())

    def submission(self, unit: dict[str, Any], attempt: dict[str, Any]) -> dict[str, Any]:
        """One submission, in the words of nbgrader's own list."""
        stamp = self.stamp(attempt["time"])
        page = feedback_path(self, unit["unit"], stamp, unit["notebook"])
        mine = page.read_bytes() if page.is_file() else None
        updated = (
            mine is not None
            and attempt["feedback"] is not None
            and hashlib.sha256(mine).hexdigest() != attempt["feedback"]
        )
        state = {
            "has_local_feedback": mine is not None,
            "has_exchange_feedback": attempt["feedback"] is not None,
            "feedback_updated": updated,
        }
        notebook = {
            "notebook_id": Path(unit["notebook"]).stem,
            "path": unit["notebook"],
            "local_feedback_path": str(page) if mine is not None else None,
        }
        return {
            "course_id": self.me["course"],
            "student_id": attempt["learner"],
            "assignment_id": unit["unit"],
            "timestamp": stamp,
            "status": "submitted",
            "path": self.url,
            "notebooks": [notebook | state],
            "local_feedback_path": str(page.parent) if mine is not None else None,
        } | state


class ServiceFetchAssignment(ServiceExchange, ExchangeFetchAssignment):
    """`nbgrader fetch_assignment`: the notebook as it was released."""

    def work(self) -> None:
        assignment = self.asked_for()
        unit = self.service.get_json("units", assignment)
        folder = self.folder(assignment)
        path = folder / self.checked(unit["notebook"])
        if folder.is_dir() and not self.replace_missing_files:
            self.fail(f"You already have a copy of the assignment in this directory: {folder}")
        if not path.exists():
            write(path, self.service.get("units", assignment, "notebook"))
        self.log.info("Fetched as: %s %s", self.me["course"], assignment)


class ServiceSubmit(ServiceExchange, ExchangeSubmit):
    """`nbgrader submit`: hand in the assignment's notebook."""

    def work(self) -> None:
        assignment = self.asked_for()
        unit = self.service.get_json("units", assignment)
        folder = self.folder(assignment)
        path = folder / self.checked(unit["notebook"])
        if not path.is_file():
            self.fail(f"Assignment {assignment} not submitted: there is no {path}.")
        others = sorted(one.name for one in folder.glob("*.ipynb") if one != path)
        if others:
            self.log.warning("Only %s is handed in, not %s.", path.name, ", ".join(others))
        data = path.read_bytes()
        if len(data) > unit["max_bytes"]:
            self.fail(
                f"{path.name} has {len(data) / 2**20:.1f} MB, and the service takes "
                f"{unit['max_bytes'] / 2**20:g}. Clear its outputs, save, and submit again."
            )
        receipt = self.service.post("units", assignment, "attempts", data=data)
        if receipt["again"]:
            self.log.warning(
                "You handed in exactly this file before: it stays attempt %s.", receipt["attempt"]
            )
        if receipt["late"]:
            self.log.warning("The deadline had passed: this submission is late.")
        stamp = self.stamp(receipt["time"])
        self.log.info("Submitted as: %s %s %s", self.me["course"], assignment, stamp)
        self.log.info("Receipt: attempt %s, sha256 %s", receipt["attempt"], receipt["sha256"])


class ServiceFetchFeedback(ServiceExchange, ExchangeFetchFeedback):
    """`nbgrader fetch_feedback`: the pages of all your graded submissions of an assignment."""

    def work(self) -> None:
        assignment = self.asked_for()
        unit = self.service.get_json("units", assignment)
        attempts = self.service.get_json("units", assignment, "attempts")
        for attempt in attempts:
            stamp = self.stamp(attempt["time"])
            if attempt["feedback"] is None:
                self.log.warning("There is no feedback on the submission of %s yet.", stamp)
                continue
            path = feedback_path(self, assignment, stamp, unit["notebook"])
            number = str(attempt["attempt"])
            try:
                page = self.service.get("units", assignment, "attempts", number, "feedback")
            except ServiceError as error:
                self.log.warning("%s: %s", stamp, error)
                continue
            write(path, page)
            self.log.info("Fetched feedback: %s", path)


def feedback_path(exchange: ServiceExchange, assignment: str, stamp: str, notebook: str) -> Path:
    """Where nbgrader keeps a page: <assignment>/feedback/<time>/<notebook>.html."""
    page = f"{Path(exchange.checked(notebook)).stem}.html"
    return exchange.folder(assignment) / "feedback" / stamp.replace("/", "-") / page
