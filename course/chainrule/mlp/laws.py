"""What must be true of the weights that work the lamp, whichever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NAMES = ("W1", "b1", "W2", "b2")


def solve_xor(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the lamp is lit exactly where one switch of two is up.

    args: the switches, (batch, 2), each 0 or 1.
    observed: what `chainrule.mlp.probes.solve_xor` returns.
    """
    (switches,) = args
    if "returned" in observed:
        return f"the four values {', '.join(NAMES)} are expected, in this order."
    for name, kind in zip(NAMES, observed.get("kinds", ()), strict=False):
        if kind in ("list", "tuple"):
            return f"your {name} is a {kind}; make it an array: np.array(...)."
    if "shapes" in observed and (said := wrong_shape(observed["shapes"])):
        return said
    lamp = np.asarray(observed["lamp"], dtype=float)
    if lamp.size != len(switches):
        return f"your network answers with shape {lamp.shape} to {len(switches)} pairs of switches."
    wanted = switches[:, 0] != switches[:, 1]
    for pair, lit, want in zip(switches, lamp.ravel(), wanted, strict=True):
        if lit != want:
            up = f"({pair[0]:g}, {pair[1]:g})"
            return f"with the switches at {up} your lamp is {'on' if lit else 'off'}."
    return None


def wrong_shape(shapes: list[list[int]]) -> str | None:
    """What is wrong with the shapes of W1, b1, W2 and b2; None when they fit together."""
    first = shapes[0]
    if len(first) != 2 or first[0] != 2:
        return f"your W1 has shape {tuple(first)}; one row for each switch is (2, hidden)."
    hidden = first[1]
    if shapes[1] != [hidden]:
        return f"your b1 has shape {tuple(shapes[1])}; with this W1 it is ({hidden},)."
    if shapes[2] not in ([hidden], [hidden, 1]):
        return f"your W2 has shape {tuple(shapes[2])}; with this W1 it is ({hidden},)."
    if shapes[3] not in ([], [1]):
        return f"your b2 has shape {tuple(shapes[3])}; it is one number."
    return None
