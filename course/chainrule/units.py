"""The units of the course, found by number, name or folder."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path

from chainrule.errors import UserError

PACKAGE = Path(__file__).parent


@dataclass(frozen=True, order=True)
class UnitName:
    """`03_backprop`: its number "03" and its name "backprop"."""

    number: str
    name: str

    @property
    def folder(self) -> str:
        return f"{self.number}_{self.name}"


def parse_folder(folder: str) -> UnitName | None:
    """`03_backprop` as a UnitName; None when it is not the name of a unit's folder."""
    number, _, name = folder.partition("_")
    if len(number) == 2 and number.isdecimal() and name.isidentifier():
        return UnitName(number, name)
    return None


def released_units() -> list[UnitName]:
    """The units that this installation of the course has, in order."""
    found = []
    for path in PACKAGE.glob("*/answers.json"):
        try:
            unit = parse_folder(json.loads(path.read_text("utf-8"))["unit"])
        except (ValueError, KeyError, TypeError):
            continue  # a damaged answer file is reported by whoever needs that unit
        if unit:
            found.append(unit)
    return sorted(found)


def find_unit(text: str, units: list[UnitName] | None = None) -> UnitName:
    """The unit called `03`, `3`, `backprop` or `03_backprop`.

    Raises UserError, naming the nearest unit, when there is none.
    """
    units = released_units() if units is None else units
    wanted = text.strip().strip("/").lower()
    for unit in units:
        if wanted in (unit.folder, unit.name, unit.number, unit.number.lstrip("0") or "0"):
            return unit
    names = [name for unit in units for name in (unit.name, unit.folder)]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    listed = ", ".join(unit.folder for unit in units) or "none yet"
    guess = f" Did you mean {near[0]}?" if near else ""
    raise UserError(f"There is no unit called {text!r}.{guess} Units: {listed}.")
