"""First names, in small letters. Provenance and licence: first_names.md."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple


class FirstNames(NamedTuple):
    """Two lists of different names, a to z only, in the order of the alphabet."""

    train: list[str]
    test: list[str]


def first_names() -> FirstNames:
    """The bundled names: 4,647 for training, 516 for testing; needs no network."""
    text = files(__package__).joinpath("first_names.csv").read_text("ascii")
    _, *rows = csv.reader(text.splitlines())
    return FirstNames(*([name for name, part in rows if part == of] for of in FirstNames._fields))
