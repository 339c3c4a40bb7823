"""How many spots the sun had, year by year. Provenance and licence: sunspots.md."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Sunspots(NamedTuple):
    """years: (309,) whole numbers, 1700 to 2008; numbers: (309,), the yearly sunspot number."""

    years: np.ndarray
    numbers: np.ndarray


def sunspots() -> Sunspots:
    """The bundled series; needs no network."""
    text = files(__package__).joinpath("sunspots.csv").read_text("ascii")
    _, *rows = csv.reader(text.splitlines())
    years, numbers = zip(*rows, strict=True)
    return Sunspots(np.array(years, dtype=int), np.array(numbers, dtype=float))
