"""What the learner has passed, kept in one small JSON file in their own folder.

The file is a convenience, never a condition: when it is missing, damaged or can't be written,
checks go on as before and one plain line says so. Scores in it count for nothing; the grader
never reads it.
"""

from __future__ import annotations

import html
import json
import math
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from chainrule.folders import holds_units, is_unit_folder, shown
from chainrule.units import PACKAGE, parse_folder

FILE_NAME = ".chainrule-progress.json"
VARIABLE = "CHAINRULE_PROGRESS"  # another path for the file, or "off"
BAR_WIDTH = 20  # characters

_said: set[str] = set()


@dataclass(frozen=True)
class Score:
    """One exercise: the best and the last points earned, of so many."""

    best: float
    last: float
    max_points: float

    @property
    def passed(self) -> bool:
        return self.best >= self.max_points > 0


Scores = dict[str, dict[str, Score]]  # unit folder -> exercise -> score


def progress_file() -> Path | None:
    """Where progress is kept; None when it is switched off with CHAINRULE_PROGRESS=off."""
    setting = os.environ.get(VARIABLE, "").strip()
    if setting.lower() == "off":
        return None
    if setting:
        return Path(setting).expanduser()
    here = Path.cwd()
    if is_unit_folder(here):
        return here.parent / FILE_NAME
    if not (here / FILE_NAME).exists() and holds_units(here / "course"):
        return here / "course" / FILE_NAME  # at the top of a clone
    return here / FILE_NAME


def record(unit: str, exercise: str, points: float, max_points: float) -> None:
    """Remember the result of a check. Never raises; says in one line if it can't be kept.

    unit: the unit's folder, "03_backprop".
    """
    path = progress_file()
    if path is None:
        return
    scores = load(path)
    before = scores.get(unit, {}).get(exercise)
    best = max(points, min(before.best, max_points)) if before else points
    scores.setdefault(unit, {})[exercise] = Score(best, points, max_points)
    try:
        _write(path, scores)
    except OSError as error:
        _say_once(
            f"Note: your progress can't be kept in {shown(path)} ({error.strerror or error}). "
            "Your checks work all the same."
        )


def load(path: Path | None = None) -> Scores:
    """Everything recorded so far; empty when there is nothing, or nothing readable.

    A damaged file is set aside under another name, so that nothing is lost by starting anew.
    """
    path = path or progress_file()
    if path is None:
        return {}
    try:
        stored = json.loads(path.read_text("utf-8"))
        units = stored["units"]
        return {
            unit: {name: _score(entry) for name, entry in exercises.items()}
            for unit, exercises in units.items()
        }
    except OSError:
        return {}  # most often: no file yet
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _set_aside(path)
        return {}


def _score(entry: dict[str, Any]) -> Score:
    numbers = [float(entry[key]) for key in ("best", "last", "max")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a score that is no number")
    return Score(*numbers)


def _set_aside(path: Path) -> None:
    aside, number = path.with_name(path.stem + ".damaged.json"), 2
    while aside.exists():  # an earlier one; it may hold what can still be saved
        aside, number = path.with_name(f"{path.stem}.damaged-{number}.json"), number + 1
    try:
        os.replace(path, aside)
        done = f"It is now {shown(aside)}, and a new one is begun."
    except OSError:
        done = "It is left as it is."
    _say_once(f"Note: {shown(path)} is damaged and can't be read. {done}")


def _write(path: Path, scores: Scores) -> None:
    """Write beside the file, then rename: a reader never meets half a file."""
    units = {
        unit: {
            name: {"best": score.best, "last": score.last, "max": score.max_points}
            for name, score in exercises.items()
        }
        for unit, exercises in scores.items()
    }
    text = json.dumps({"version": 1, "units": units}, indent=1) + "\n"
    handle, temporary = tempfile.mkstemp(prefix=path.name, suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _say_once(note: str) -> None:
    """Print a note the first time only; to stdout, because stderr costs points in nbgrader."""
    if note not in _said:
        _said.add(note)
        print(note)


# --- showing it ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitProgress:
    """One line of the table: exercises and points of one unit."""

    unit: str
    passed: int
    exercises: int
    points: float
    max_points: float
    next_exercise: str
    by_hand: str = ""  # the questions that no check can judge, with their points

    @property
    def share(self) -> float:
        return min(self.points / self.max_points, 1.0) if self.max_points else 0.0

    @property
    def next_step(self) -> str:
        if self.next_exercise:
            return f"next: {self.next_exercise}"
        return f"all passed; a person reads {self.by_hand}" if self.by_hand else "all passed"


class ProgressReport:
    """What `progress()` returns: shows itself in a notebook, in a terminal and as text."""

    def __init__(self, units: list[UnitProgress], kept: bool = True) -> None:
        self.units = units
        self.kept = kept

    def __repr__(self) -> str:
        if not self.units:
            return self._nothing()
        width = max(len(unit.unit) for unit in self.units)
        return "\n".join(
            f"{unit.unit:<{width}}  {bar(unit.share)}  {unit.passed} of {unit.exercises} exercises"
            f", {unit.points:g} of {unit.max_points:g} points; {unit.next_step}"
            for unit in self.units
        )

    def _repr_html_(self) -> str:
        if not self.units:
            return f"<p>{html.escape(self._nothing())}</p>"
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in _COLUMNS)
        rows = "".join(_row_html(unit) for unit in self.units)
        return f"<table><tr>{head}</tr>{rows}</table>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.units:
            yield self._nothing()
            return
        table = Table(*_COLUMNS)
        for unit in self.units:
            table.add_row(*_cells(unit))
        yield table

    def _nothing(self) -> str:
        if not self.kept:
            return f"Progress is switched off here ({VARIABLE}=off)."
        return "Nothing passed yet. Run the check under an exercise and it appears here."


_COLUMNS = ("Unit", "Progress", "Exercises", "Points", "")


def progress() -> ProgressReport:
    """What you have passed so far: a line for each unit of the course that you have begun."""
    path = progress_file()
    scores = load(path)
    begun = [_summary(unit, scores.get(unit, {})) for unit in _units(scores)]
    return ProgressReport(begun, kept=path is not None)


def _units(scores: Scores) -> Iterable[str]:
    return sorted(unit for unit, exercises in scores.items() if exercises)


def _summary(unit: str, scores: dict[str, Score]) -> UnitProgress:
    declared, by_hand = _declared(unit)
    declared = declared or {name: score.max_points for name, score in scores.items()}
    none = Score(0, 0, 0)
    counted = {name: scores.get(name, none) for name in declared}
    left = [name for name, score in counted.items() if not score.passed]
    return UnitProgress(
        unit=unit,
        passed=len(declared) - len(left),
        exercises=len(declared),
        points=sum(score.best for score in counted.values()),
        max_points=sum(declared.values()),
        next_exercise=left[0] if left else "",
        by_hand=by_hand,
    )


def _declared(unit: str) -> tuple[dict[str, float], str]:
    """The unit's exercises with their points, and its questions in words; from its answers, so
    ({}, "") when there are none here."""
    name = parse_folder(unit)
    if name is None:
        return {}, ""
    try:
        stored = json.loads((PACKAGE / name.name / "answers.json").read_text("utf-8"))
        points = {key: float(value["points"]) for key, value in stored["exercises"].items()}
        questions = [
            f"{one['name']} ({one['points']:g} more points)" for one in stored["questions"]
        ]
        return points, ", ".join(questions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, ""


def bar(share: float) -> str:
    """A bar of text for a share between 0 and 1: `#####...............`."""
    full = int(share * BAR_WIDTH)
    return "#" * full + "." * (BAR_WIDTH - full)


def _cells(unit: UnitProgress) -> list[str]:
    return [
        unit.unit,
        bar(unit.share),
        f"{unit.passed} of {unit.exercises}",
        f"{unit.points:g} of {unit.max_points:g}",
        unit.next_step,
    ]


def _row_html(unit: UnitProgress) -> str:
    name, _, exercises, points, following = map(html.escape, _cells(unit))
    percent = f"{unit.share:.0%}"
    picture = (
        f"<div role='img' aria-label='{percent}' style='width:10em;border:1px solid #767676'>"
        f"<div style='width:{percent};height:.8em;background:#0072B2'></div></div>"
    )
    cells = (name, picture, exercises, points, following)
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"
