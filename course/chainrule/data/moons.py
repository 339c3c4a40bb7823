"""Two half moons that reach into each other: the classic test of a curved border. See moons.md."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Moons(NamedTuple):
    """x: (rows, 2), across and up; y: (rows,), 0.0 for the upper moon and 1.0 for the lower."""

    x: np.ndarray
    y: np.ndarray


def made_moons(rows: int = 200, noise: float = 0.1, seed: int = 0) -> Moons:
    """Points on two half circles of radius 1, in a random order; the same ones for a seed.

    rows: how many points; the lower moon gets the odd one.
    noise: standard deviation of what is added to both coordinates of every point.
    """
    rng = np.random.default_rng(seed)
    upper = np.linspace(0, np.pi, rows // 2)
    lower = np.linspace(0, np.pi, rows - rows // 2)
    x = np.concatenate(
        [
            np.column_stack([np.cos(upper), np.sin(upper)]),
            np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)]),
        ]
    )
    x += rng.normal(0, noise, size=x.shape)
    y = np.concatenate([np.zeros(len(upper)), np.ones(len(lower))])
    order = rng.permutation(rows)
    return Moons(x[order], y[order])
