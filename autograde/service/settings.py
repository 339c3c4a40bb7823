"""service.toml in the class folder: which units are open, until when, and how much is taken."""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograde.intake.read import LARGEST_FILE
from chainrule.errors import UserError
from chainrule.units import UnitName

FILE = "service.toml"
MEGABYTE = 2**20

EXAMPLE = """# What the submission service takes. It reads this file again whenever it changes.

[service]
# title = "Deep learning, autumn"     # on every page
# max_mb = 10                         # of one notebook
# uploads_per_minute = 6              # by one learner
# requests_per_minute = 240           # by one token
# database = "postgresql://teacher@server/course"     # default: SQLite files in this folder

# One section for each unit that is open. All lines in it may be left out.
# opens, deadline, closes: a time with its zone. After the deadline work is late, and taken until
# the unit closes. attempts: how often a learner may hand in; usually 30.
"""
EXAMPLE_UNIT = """
#[units.{folder}]
#deadline = 2030-06-30T23:59:00+02:00
"""


@dataclass(frozen=True)
class UnitSettings:
    """When a unit is open, in UTC, and how often a learner may hand it in."""

    opens: datetime | None = None
    deadline: datetime | None = None
    closes: datetime | None = None
    attempts: int = 30

    def late(self, moment: datetime) -> bool:
        return self.deadline is not None and moment > self.deadline


@dataclass(frozen=True)
class Settings:
    """service.toml. units: by folder, such as 01_neuron."""

    title: str = "Chainrule"
    max_mb: int = 10
    uploads_per_minute: int = 6
    requests_per_minute: int = 240
    database: str = ""
    units: dict[str, UnitSettings] = field(default_factory=dict)

    @property
    def max_bytes(self) -> int:
        return self.max_mb * MEGABYTE


# The smallest and the largest of each number.
NUMBERS = {
    "max_mb": (1, LARGEST_FILE // MEGABYTE),
    "uploads_per_minute": (1, 10_000),
    "requests_per_minute": (1, 1_000_000),
    "attempts": (1, 10_000),
}
TIMES = ("opens", "deadline", "closes")


class SettingsFile:
    """service.toml as it is now: a running service sees each change, and keeps what it has when
    the new text is wrong."""

    def __init__(self, path: Path, known: Sequence[UnitName]) -> None:
        self.path, self.known = path, known
        self.seen = self._stamp()
        self.settings = read_settings(path, known)

    def now(self) -> Settings:
        stamp = self._stamp()
        if stamp != self.seen:
            self.seen = stamp
            try:
                self.settings = read_settings(self.path, self.known)
            except UserError as error:
                logging.getLogger(__name__).error("%s The settings before it stay.", error)
        return self.settings

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def write_example(path: Path, known: Sequence[UnitName]) -> None:
    """A service.toml that opens nothing yet and shows how."""
    path.parent.mkdir(parents=True, exist_ok=True)
    units = "".join(EXAMPLE_UNIT.format(folder=unit.folder) for unit in known)
    path.write_text(EXAMPLE + units, encoding="utf-8")


def read_settings(path: Path, known: Sequence[UnitName]) -> Settings:
    """The settings in a file. Raises UserError with the line of what is wrong."""
    try:
        text = path.read_text("utf-8")
        return Reader(path, text, known).settings(tomllib.loads(text))
    except FileNotFoundError:
        raise UserError(f"There is no {path}. `chainrule serve` writes one to fill in.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not TOML: {error}.") from None


class Reader:
    """Turns parsed TOML into Settings; knows on which line each thing stands."""

    def __init__(self, path: Path, text: str, known: Sequence[UnitName]) -> None:
        self.path, self.lines = path, text.splitlines()
        self.known = [unit.folder for unit in known]

    def settings(self, parsed: dict[str, Any]) -> Settings:
        for name in parsed:
            if name not in ("service", "units"):
                raise self.wrong(name, "", f"There is no section [{name}]; use [service], [units.")
        service = self.table(parsed.get("service", {}), "service")
        units = self.table(parsed.get("units", {}), "units")
        allowed = [one.name for one in fields(Settings) if one.name != "units"]
        values = {name: self.value("service", name, service[name], allowed) for name in service}
        opened = {name: self.unit(name, self.table(units[name], name)) for name in units}
        return Settings(**values, units=dict(sorted(opened.items())))

    def unit(self, folder: str, given: dict[str, Any]) -> UnitSettings:
        section = f"units.{folder}"
        if folder not in self.known:
            raise self.wrong(
                section, "", f"There is no unit {folder}. Units: {', '.join(self.known)}"
            )
        allowed = [one.name for one in fields(UnitSettings)]
        values = {name: self.value(section, name, given[name], allowed) for name in given}
        order = [(name, values[name]) for name in TIMES if name in values]
        for (first, earlier), (second, later) in zip(order, order[1:], strict=False):
            if later < earlier:
                raise self.wrong(section, second, f"{second} is before {first}")
        return UnitSettings(**values)

    def value(self, section: str, name: str, value: Any, allowed: Sequence[str]) -> Any:
        if name not in allowed:
            raise self.wrong(section, name, f"There is no setting {name}; use {', '.join(allowed)}")
        if name in TIMES:
            if not isinstance(value, datetime):
                raise self.wrong(section, name, f"{name} is no time: write {EXAMPLE_TIME}")
            if value.tzinfo is None:
                raise self.wrong(section, name, f"{name} has no time zone: write {EXAMPLE_TIME}")
            return value.astimezone(UTC)
        if name in NUMBERS:
            least, most = NUMBERS[name]
            if type(value) is not int or not least <= value <= most:
                raise self.wrong(
                    section, name, f"{name} is {value!r}, not a whole number from {least} to {most}"
                )
            return value
        if not isinstance(value, str):
            raise self.wrong(section, name, f"{name} is {value!r}, not a text in quotes")
        return value

    def table(self, value: Any, section: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(section, section, f"{section} is not a section: write [{section}]")
        return value

    def wrong(self, section: str, name: str, says: str) -> UserError:
        line = self.line_of(section, name)
        where = f"{self.path}, line {line}" if line else str(self.path)
        return UserError(f"{where}: {says}.")

    def line_of(self, section: str, name: str) -> int | None:
        """The line of a setting, or of its section's head; None where it is written otherwise."""
        inside, head = "", None
        for number, line in enumerate(self.lines, 1):
            if found := re.match(r"\s*\[+([^\]]*)\]", line):
                inside = re.sub(r"[\s\"']", "", found[1])
                if inside == section or inside.startswith(section + "."):
                    head = head or number
            elif name and inside == section and re.match(rf"\s*[\"']?{re.escape(name)}\b", line):
                return number
        return head


EXAMPLE_TIME = "2030-06-30T23:59:00+02:00"
