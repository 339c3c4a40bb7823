"""How the checks of unit 00 use what the learner wrote, where a plain call says too little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def split(
    work: Callable[..., Any],
    rows: np.ndarray,
    labels: np.ndarray,
    test_share: float,
    seed: int,
    looks_at: str,
) -> dict[str, Any]:
    """The table split once; for two of the laws once more, with the same or with another seed."""
    seeds = {"once": seed}
    if looks_at == "repeatable":
        seeds["again"] = seed
    if looks_at == "by chance":
        seeds["another"] = seed + 1
    return {
        name: work(rows.copy(), labels.copy(), test_share, np.random.default_rng(number))
        for name, number in seeds.items()
    }
