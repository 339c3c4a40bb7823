"""Where the course lies on this machine: the folder that holds the unit folders."""

from __future__ import annotations

import os
from pathlib import Path

from chainrule.units import PACKAGE, parse_folder


def is_unit_folder(path: Path) -> bool:
    """Whether a folder is called like a unit's: `03_backprop`."""
    return parse_folder(path.name) is not None


def holds_units(path: Path) -> bool:
    """Whether a folder holds at least one unit folder with a notebook in it."""
    try:
        return any(is_unit_folder(notebook.parent) for notebook in path.glob("[0-9]*_*/*.ipynb"))
    except OSError:
        return False


def course_folder(start: Path | None = None) -> Path | None:
    """The folder that holds the unit folders, seen from `start` (default: where we are).

    Inside a unit's folder it is the folder above. Otherwise it is the nearest of `start`, its
    `course/`, its parents and their `course/` that holds units; failing that, the course that an
    editable installation lies in; failing that, None.
    """
    here = (start or Path.cwd()).resolve()
    if is_unit_folder(here):
        return here.parent
    for folder in (here, *here.parents):
        for candidate in (folder / "course", folder):
            if holds_units(candidate):
                return candidate
    return PACKAGE.parent if holds_units(PACKAGE.parent) else None


def shown(path: Path) -> str:
    """A path as a reader wants it: relative to where we are, or to the home folder `~`."""
    path = path.absolute()
    relative = os.path.relpath(path) if path.anchor == Path.cwd().anchor else str(path)
    if not relative.startswith(os.path.join("..", "..")):
        return relative
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
