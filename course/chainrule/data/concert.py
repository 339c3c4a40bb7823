"""An invented diary: forty evenings, and who went to the concert. See concert.md."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Concert(NamedTuple):
    """x: (40, 3), the columns named by `features`, each from 0 to 1; y: (40,), 1.0 for went."""

    x: np.ndarray
    y: np.ndarray
    features: list[str]


def concert() -> Concert:
    """The bundled diary; needs no network."""
    text = files(__package__).joinpath("concert.csv").read_text("ascii")
    header, *rows = csv.reader(text.splitlines())
    numbers = np.array(rows, dtype=float)
    return Concert(numbers[:, :-1], numbers[:, -1], header[:-1])
