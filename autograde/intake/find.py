"""Who handed in what: folders of learners, a flat folder, or what a learning platform zips."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograde.intake.archive import SYSTEM_FOLDERS, Entry, Scratch, unpack
from autograde.intake.read import Quarantined, open_regular
from chainrule.errors import UserError
from chainrule.units import UnitName, parse_folder

DEEPEST = 8  # folders below the one that was named
LONGEST_NAME = 100  # bytes: it becomes a folder's name
NOT_A_TIME = (ValueError, TypeError, AttributeError, RecursionError)
RECEIPT, TIMESTAMP = "receipt.json", "timestamp.txt"  # written by `chainrule submit`, by nbgrader

# lovelaceada_12345_67890_neuron.ipynb, lovelaceada_LATE_12345_67890_neuron-1.ipynb
_CANVAS = re.compile(r"([^_]+)_(?:LATE_)?(\d{3,})_(\d{3,})_(.+)", re.IGNORECASE)
# Ada Lovelace_12345_assignsubmission_file_
_MOODLE = re.compile(r"(.+?)_(\d+)_assignsubmission_.*", re.IGNORECASE)

_NOT_A_TIME = (ValueError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Submission:
    """One learner's notebook. problem: why it can't even be read, as one sentence."""

    learner: str
    path: Path
    problem: str | None = None
    submitted: datetime | None = None


@dataclass(frozen=True, order=True)
class _Owner:
    """Whose an entry is. number: the platform's own, for two people of one name."""

    name: str
    number: str = ""


def find_submissions(folder: Path, unit: UnitName, scratch: Path) -> list[Submission]:
    """The submissions of one unit, one for each learner, in the order of their names.

    folder: <learner>/<unit folder>/<name>.ipynb, or <learner>.ipynb files, or zip files, or a zip
    file of any of these, as Canvas and Moodle make them. scratch: where archives are unpacked.
    Raises UserError when there is nothing to grade.
    """
    try:
        entries = _entries(folder, unit, Scratch(scratch))
    except OSError as error:
        raise UserError(f"{folder} can't be read ({error.strerror}). {_layouts(unit)}") from None
    owned: dict[_Owner, list[Entry]] = defaultdict(list)
    flat = {entry.parts[0] for entry in entries if len(entry.parts) == 1}
    export = _is_export(entries, zipped=not folder.is_dir())
    for entry in entries:
        owner = _owner(entry, unit, flat, export)
        if owner:
            owned[owner].append(entry)
    if not owned:
        raise UserError(f"{folder} holds no submissions of {unit.folder}. {_layouts(unit)}")
    people = defaultdict(set)
    for owner in owned:
        people[owner.name].add(owner.number)
    found: dict[str, Submission] = {}
    for owner in sorted(owned):
        name = owner.name
        if len(people[name]) > 1 and owner.number:
            name = f"{name}_{owner.number}"
        submission = _submission(name, owned[owner], unit)
        number, learner = 1, submission.learner
        while submission.learner in found:  # two unusable names can look the same once cleaned
            number += 1
            submission = Submission(f"{learner}_{number}", submission.path, submission.problem)
        found[submission.learner] = submission
    return [found[learner] for learner in sorted(found)]


def _layouts(unit: UnitName) -> str:
    return (
        f"Submissions are found as LEARNER/{unit.folder}/{unit.name}.ipynb, as LEARNER.ipynb or "
        f"LEARNER_{unit.name}.ipynb in one folder, or in a zip file from Canvas or Moodle."
    )


# --- every file that was handed in -------------------------------------------------------------


def _entries(folder: Path, unit: UnitName, scratch: Scratch) -> list[Entry]:
    if folder.is_dir():
        return list(_walk(folder, (), unit, scratch))
    if not folder.exists():
        raise UserError(f"There is no {folder}. {_layouts(unit)}")
    if folder.suffix.lower() != ".zip":
        raise UserError(f"{folder} is neither a folder nor a zip file. {_layouts(unit)}")
    try:
        entries = unpack(folder.resolve(), scratch, f"{unit.name}.ipynb")
    except Quarantined as reason:
        raise UserError(str(reason)) from None
    return _unwrapped(entries, unit)


def _unwrapped(entries: list[Entry], unit: UnitName) -> list[Entry]:
    """Without the one folder around everything that zipping a folder adds."""
    notebooks = [entry.parts for entry in entries if entry.is_notebook]
    wrapped = len(notebooks) > 1 and len({parts[0] for parts in notebooks}) == 1
    flat = all(len(parts) == 2 and not _names_the_unit(parts[1], unit) for parts in notebooks)
    nested = all(len(parts) > 2 and not parse_folder(parts[1]) for parts in notebooks)
    if wrapped and (flat or nested):
        return [Entry(e.parts[1:] or e.parts, e.path, e.problem) for e in entries]
    return entries


def _walk(
    folder: Path, above: tuple[str, ...], unit: UnitName, scratch: Scratch
) -> Iterator[Entry]:
    with os.scandir(folder) as scan:
        children = sorted(scan, key=lambda child: child.name)
    for child in children:
        parts, path = (*above, child.name), folder / child.name
        if child.name in SYSTEM_FOLDERS or child.name.startswith("."):
            continue
        if child.is_symlink():
            yield from _link(child, parts, path, unit)
        elif child.is_dir() and not child.name.lower().endswith(".ipynb"):
            if len(parts) <= DEEPEST:
                yield from _below(path, parts, unit, scratch)
        elif child.name.lower().endswith(".zip"):
            yield from _unpacked(path, parts, unit, scratch)
        else:
            yield Entry(parts, path)


def _unpacked(
    path: Path, parts: tuple[str, ...], unit: UnitName, scratch: Scratch
) -> Iterator[Entry]:
    try:
        found = unpack(path, scratch, f"{unit.name}.ipynb")
    except Quarantined as reason:
        found, problem = [], str(reason)
    else:
        problem = f"{path.name} is empty."
    for entry in found:
        yield Entry((*parts, *entry.parts), entry.path, entry.problem)
    if not found:
        yield Entry(parts, path, problem)


def _below(path: Path, parts: tuple[str, ...], unit: UnitName, scratch: Scratch) -> Iterator[Entry]:
    try:
        yield from _walk(path, parts, unit, scratch)
    except OSError as error:
        yield Entry(
            (*parts, f"{unit.name}.ipynb"), path, f"A folder can't be read ({error.strerror})."
        )


def _link(
    child: os.DirEntry[str], parts: tuple[str, ...], path: Path, unit: UnitName
) -> Iterator[Entry]:
    """A link is refused where a submission is expected, and passed over elsewhere."""
    problem = f"{child.name} is a link, and links are not followed. Hand in the file itself."
    if child.name.lower().endswith((".ipynb", ".zip")):
        yield Entry(parts, path, problem)
    elif child.is_dir() and (len(parts) == 1 or child.name == unit.folder):
        inside = (unit.folder, f"{unit.name}.ipynb") if len(parts) == 1 else (f"{unit.name}.ipynb",)
        yield Entry((*parts, *inside), path.joinpath(*inside), problem)


# --- whose is it -------------------------------------------------------------------------------


def _is_export(entries: Sequence[Entry], zipped: bool) -> bool:
    """Whether what lies one level down was named by a platform: in its zip files, or in the one
    folder of its zip file.

    Only if all of it was: a learner could otherwise hand in a file named as another's.
    """
    notebooks = [entry.parts for entry in entries if entry.is_notebook]
    tops = {parts[0] for parts in notebooks}
    packed = len(tops) == 1 if zipped else all(top.lower().endswith(".zip") for top in tops)
    return packed and all(len(parts) > 1 and _platform_name(parts[1]) for parts in notebooks)


def _platform_name(part: str) -> re.Match[str] | None:
    return _MOODLE.fullmatch(part) or _CANVAS.fullmatch(part)


def _owner(entry: Entry, unit: UnitName, flat: set[str], export: bool) -> _Owner | None:
    """Whose the entry is; None when it is of another unit or no submission at all."""
    parts = entry.parts
    for part in parts[: 2 if export else 1]:
        if named := _platform_name(part):
            return _Owner(_normal(named[1]), named[2])
    archive = next((i for i, part in enumerate(parts) if part.lower().endswith(".zip")), None)
    if archive is not None:  # whoever handed in the archive handed in what is in it
        parts = parts[: archive + 1]
    elif not entry.is_notebook and unit.folder not in parts[1:-1]:
        return None
    if len(parts) == 1:
        return _Owner(_normal(_flat_name(parts[0], unit, flat)))
    folders = parts[1:-1]
    if unit.folder in folders:
        return _Owner(_normal(parts[folders.index(unit.folder)]))
    if any(parse_folder(part) for part in parts[:-1]):
        return None
    return _Owner(_normal(parts[0]))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _flat_name(file: str, unit: UnitName, flat: set[str]) -> str:
    """`ada` for ada.ipynb, ada_neuron.ipynb, ada_01_neuron (1).ipynb.

    Any other ending is dropped only when every file has it (ada_homework, alan_homework): a single
    `ada_lovelace.ipynb` is Ada Lovelace's and not `ada`'s.
    """
    stem = Path(file).stem
    named = re.fullmatch(rf"(.+?)[_\s-]+({unit.folder}|{unit.name})([\W_].*)?", stem, re.IGNORECASE)
    if named:
        return named[1]
    endings = {Path(other).stem.partition("_")[2] for other in flat if other.endswith(".ipynb")}
    notebooks = sum(other.endswith(".ipynb") for other in flat)
    if notebooks > 1 and len(endings) == 1:
        return stem.partition("_")[0]
    return stem


def _names_the_unit(file: str, unit: UnitName) -> bool:
    """Whether a file is called neuron.ipynb, 01_neuron.ipynb or neuron (1).ipynb."""
    stem = Path(file).stem
    return bool(re.fullmatch(rf"({unit.folder}|{unit.name})([\W_].*)?", stem, re.IGNORECASE))


# --- one learner's submission ------------------------------------------------------------------


def _submission(name: str, entries: Sequence[Entry], unit: UnitName) -> Submission:
    entry, problem = _choose(entries, unit)
    learner, wrong = _checked_name(name)
    if len(entry.parts) == 1 and not wrong and _names_the_unit(entry.parts[0], unit):
        problem = f"{entry.parts[0]} does not say whose it is. Name it LEARNER.ipynb."
    return Submission(learner, entry.path, wrong or problem, submitted_at(entry.path))


def _choose(entries: Sequence[Entry], unit: UnitName) -> tuple[Entry, str | None]:
    """The notebook to grade, or a problem: the one named as released, else the only one."""
    notebooks = [entry for entry in entries if entry.is_notebook and not entry.problem]
    broken = [entry for entry in entries if entry.problem]
    if not notebooks:
        if broken:
            return broken[0], broken[0].problem
        files = ", ".join(sorted({shown_name(entry.parts[-1]) for entry in entries})[:3])
        return entries[0], f"No notebook was handed in, only {files}."
    released = [entry for entry in notebooks if _released_name(entry.parts[-1], unit)]
    nearest = min((len(entry.parts) for entry in released), default=0)
    released = [entry for entry in released if len(entry.parts) == nearest]
    if len(released) == 1:
        return released[0], None
    if len(notebooks) == 1:
        return notebooks[0], None
    files = ", ".join(sorted(shown_name(entry.parts[-1]) for entry in notebooks)[:3])
    return notebooks[0], (
        f"{len(notebooks)} notebooks were handed in ({files}). Keep one, or call one of them "
        f"{unit.name}.ipynb."
    )


def _released_name(file: str, unit: UnitName) -> bool:
    canvas = _CANVAS.fullmatch(file)
    return (canvas[4] if canvas else file) == f"{unit.name}.ipynb"


def _checked_name(name: str) -> tuple[str, str | None]:
    """A learner's name, safe to print and to make a folder of, and what was wrong with it."""
    if not name.strip():
        return "unnamed", "The submission does not say whose it is."
    # A space that does not break, as web pages write it, is a space.
    name = "".join(" " if unicodedata.category(c) == "Zs" else c for c in name)
    shown = shown_name(name)
    cut = shown.encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")
    if cut != shown:
        return cut, f"The learner's name is longer than {LONGEST_NAME} bytes."
    if shown != name:
        return shown, f"The name {shown} had characters that can't be part of a learner's name."
    return name, None


def shown_name(name: str) -> str:
    """The name with what can't be seen, changes direction or means a path replaced by `_`."""
    seen = "".join(
        "_" if unicodedata.category(c)[0] == "C" or c in "/\\" or c in "\u2028\u2029" else c
        for c in name
    ).strip()
    return "_" + seen[1:] if seen.startswith(".") else seen


def submitted_at(path: Path) -> datetime | None:
    """When a notebook was handed in, from the receipt or nbgrader's time stamp beside it."""
    for name in (RECEIPT, TIMESTAMP):
        try:
            with open_regular(path.with_name(name)) as file:
                text = file.read(10_000).decode("utf-8")
            return _time(json.loads(text)["time"] if name == RECEIPT else text.strip())
        except (Quarantined, OSError, ArithmeticError, LookupError, *NOT_A_TIME):
            continue
    return None


def _time(stamp: str) -> datetime:
    """`2026-03-01T12:00:00+00:00`, or nbgrader's `2026-03-01 12:00:00.000000 Europe/Berlin`."""
    *day_and_time, zone = stamp.split(" ")
    if len(day_and_time) == 2:
        local = datetime.fromisoformat(" ".join(day_and_time)).replace(tzinfo=ZoneInfo(zone))
    else:
        local = datetime.fromisoformat(stamp)
    return local.astimezone(UTC) if local.tzinfo else local.replace(tzinfo=UTC)
