"""What must be true of good mini-batches, however they were dealt.

There are many right ways, so none is compared with ours. Each case looks at one law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Batches = list[tuple[np.ndarray, np.ndarray]]
SAME = 1e-4  # rows that differ by less, as float32 does, are the same row


def minibatches(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the law that `looks_at` names holds, otherwise what breaks it.

    args: x (rows, features), rows all different; targets (rows,), all different; batch_size; seed.
    observed: what `chainrule.gradient_descent.probes.minibatches` returns.
    """
    x, targets, batch_size, _ = args
    for batches in observed.values():
        if said := pairs(x, batches):
            return said
    return LAWS[kwargs["looks_at"]](x, targets, batch_size, observed)


def pairs(x: np.ndarray, batches: Any) -> str | None:
    """A list of pairs, each a table of rows and as many targets."""
    if batches is None:
        return "you returned None. Does the function end in a return statement?"
    if not isinstance(batches, list) or not batches:
        return "a list of batches is expected, each a pair of rows and their targets."
    if are_two_lists(batches):
        return "you returned two lists; one list of pairs (x, targets) is expected."
    for number, batch in enumerate(batches, start=1):
        if not isinstance(batch, list) or len(batch) != 2:
            return f"your batch {number} is not a pair (x, targets) of two arrays."
        rows, known = batch
        if not isinstance(rows, np.ndarray) or not isinstance(known, np.ndarray):
            return f"your batch {number} is a pair, but each pair is (x, targets), two arrays."
        if rows.ndim == 1 and known.ndim == 0:
            return (
                f"your batch {number} is one row and one target. A batch has batch_size rows: each "
                "pair is (x, targets), two arrays."
            )
        if rows.ndim != 2 or rows.shape[1] != x.shape[1]:
            return (
                f"the rows of your batch {number} have shape {rows.shape}; the table has shape "
                f"{x.shape}. A batch keeps all the columns."
            )
        if known.shape != (len(rows),):
            return (
                f"your batch {number} has {len(rows)} rows and targets of shape {known.shape}. "
                "Each row has one target."
            )
    return None


def are_two_lists(batches: list[Any]) -> bool:
    """Whether it is the x of all batches and then the targets of all, which is no list of pairs."""
    for part, dimensions in zip(batches, (2, 1), strict=False):
        if not isinstance(part, list) or len(batches) != 2:
            return False
        if not all(isinstance(one, np.ndarray) and one.ndim == dimensions for one in part):
            return False
    return True


def sizes(
    x: np.ndarray, targets: np.ndarray, batch_size: int, observed: dict[str, Batches]
) -> str | None:
    """Full batches, then one with what is left."""
    found = [len(rows) for rows, _ in observed["once"]]
    full, left = divmod(len(x), batch_size)
    if found == [batch_size] * full + [left] * (left > 0):
        return None
    said = f"{len(x)} rows in batches of {batch_size}: yours have the sizes {found[:8]}."
    if left and found == [batch_size] * full:
        over = f"{left} rows are" if left > 1 else "1 row is"
        return f"{said} {over} left over at the end and in no batch."
    return f"{said} All should be full but the last, which takes what is left."


def every_row_once(
    x: np.ndarray, targets: np.ndarray, batch_size: int, observed: dict[str, Batches]
) -> str | None:
    """All batches together are the table: no row lost, none twice, none invented."""
    place = positions(x, together(observed["once"])[0])
    if strangers := int((place < 0).sum()):
        return f"of the rows that you returned, {strangers} can't be found in the table."
    lost = len(x) - len(np.unique(place))
    if lost:
        are = "are" if lost > 1 else "is"
        return (
            f"{lost} of {len(x)} rows {are} in no batch. Were they cut off, or others drawn twice?"
        )
    twice = len(place) - len(x)
    if not twice:
        return None
    return f"{twice} rows are there twice." if twice > 1 else "1 row is there twice."


def own_targets(
    x: np.ndarray, targets: np.ndarray, batch_size: int, observed: dict[str, Batches]
) -> str | None:
    """Every row still has the target that it came with."""
    rows, known = together(observed["once"])
    place = positions(x, rows)
    strange = (place < 0) | (np.abs(targets[place] - known) > SAME)
    if not strange.any():
        return None
    return (
        f"of {len(rows)} rows, {int(strange.sum())} came with a target that belongs to another. "
        "Do rows and targets follow the same order?"
    )


def by_chance(
    x: np.ndarray, targets: np.ndarray, batch_size: int, observed: dict[str, Batches]
) -> str | None:
    """The next epoch, with the same generator, has another order, and neither is the file's."""
    once, following = (positions(x, together(observed[epoch])[0]) for epoch in ("once", "next"))
    if np.array_equal(once, np.arange(len(x))):
        return "the rows come in the order of the table. Files are often sorted: shuffle first."
    if np.array_equal(once, following):
        return "a second epoch had the same order as the first. Is it drawn from the rng you got?"
    return None


def repeatable(
    x: np.ndarray, targets: np.ndarray, batch_size: int, observed: dict[str, Batches]
) -> str | None:
    """The same seed gives the same batches."""
    once, again = (together(observed[epoch])[0] for epoch in ("once", "again"))
    if np.array_equal(once, again):
        return None
    return "the same seed gave two different orders. Is everything random drawn from rng?"


LAWS: dict[str, Callable[..., str | None]] = {
    "sizes": sizes,
    "every row once": every_row_once,
    "own targets": own_targets,
    "by chance": by_chance,
    "repeatable": repeatable,
}


def together(batches: Batches) -> tuple[np.ndarray, np.ndarray]:
    """All rows and all targets, in the order of the batches."""
    return np.concatenate([rows for rows, _ in batches]), np.concatenate([y for _, y in batches])


def positions(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(k,) for each of `rows`, (k, features), its place in `x`; -1 if it has none."""
    apart = np.abs(rows[:, None, :] - x[None, :, :]).max(axis=2)
    return np.where(apart.min(axis=1) < SAME, apart.argmin(axis=1), -1)
