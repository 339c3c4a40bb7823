"""Whole numbers from 1 to 100, and whether each is above fifty. See numbers.md."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LOWEST, MIDDLE, HIGHEST = 1, 50, 100


class Numbers(NamedTuple):
    """values: (rows,) whole numbers; labels: (rows,), 1 for a number above fifty, otherwise 0."""

    values: np.ndarray
    labels: np.ndarray


def made_numbers(rows: int = 1000, seed: int = 0) -> Numbers:
    """Made numbers, half of them above fifty, in a random order; the same ones for a seed."""
    rng = np.random.default_rng(seed)
    few, many = rows // 2, rows - rows // 2
    low = rng.integers(LOWEST, MIDDLE, size=many, endpoint=True)
    high = rng.integers(MIDDLE + 1, HIGHEST, size=few, endpoint=True)
    order = rng.permutation(rows)
    values = np.concatenate([low, high])[order]
    labels = np.concatenate([np.zeros(many, int), np.ones(few, int)])[order]
    return Numbers(values, labels)
