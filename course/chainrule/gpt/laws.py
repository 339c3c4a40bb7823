"""What must be true of a batch of text, whichever places were drawn for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Batches = list[dict[str, np.ndarray]]


def get_batch(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the law that `looks_at` names holds, otherwise what breaks it.

    args: tokens (length,), all different; block_size; batch_size; seed.
    observed: what `chainrule.gpt.probes.get_batch` returns.
    """
    tokens, block_size, batch_size, _ = args
    for batches in observed.values():
        for batch in batches:
            if said := shapes(batch, (batch_size, block_size)):
                return said
    return LAWS[kwargs["looks_at"]](tokens, block_size, observed)


def shapes(batch: Any, expected: tuple[int, int]) -> str | None:
    """A pair of two tables of (batch_size, block_size)."""
    if not isinstance(batch, dict) or batch.keys() != {"x", "y"}:
        return "two tables are expected, the inputs and the targets."
    for name, said in (("x", "inputs"), ("y", "targets")):
        table = batch[name]
        if getattr(table, "shape", None) is None:
            return f"your {said} are not a tensor."
        if tuple(table.shape) != expected:
            return f"your {said} have shape {tuple(table.shape)}, expected {expected}."
        if table.dtype.kind not in "iu":
            return f"your {said} are {table.dtype}; tokens are whole numbers."
    return None


def windows(tokens: np.ndarray, block_size: int, observed: dict[str, Batches]) -> str | None:
    """Each row of the inputs is a piece of the text, in its order."""
    for batch in observed["batches"]:
        for row in batch["x"]:
            at = np.flatnonzero(tokens == row[0])
            if not len(at) or not np.array_equal(tokens[at[0] : at[0] + block_size], row):
                return f"the row {row.tolist()} is no piece of the text."
    return None


def shifted(tokens: np.ndarray, block_size: int, observed: dict[str, Batches]) -> str | None:
    """Each target is the token that follows its input in the text."""
    following = dict(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))
    for batch in observed["batches"]:
        pairs = zip(batch["x"].ravel().tolist(), batch["y"].ravel().tolist(), strict=True)
        for given, target in pairs:
            if following.get(given) != target:
                return (
                    f"in the text, {given} is followed by {following.get(given, 'nothing')}; your "
                    f"target for it is {target}. Each target stands one place further on."
                )
    return None


def every_place(tokens: np.ndarray, block_size: int, observed: dict[str, Batches]) -> str | None:
    """In many batches every possible start occurs, the first and the last too."""
    starts = {int(row[0]) for batch in observed["batches"] for row in batch["x"]}
    possible = tokens[: len(tokens) - block_size].tolist()
    never = [place for place, token in enumerate(possible) if token not in starts]
    if never:
        return (
            f"in many batches, no row ever began at place {never[0]} of {len(tokens)} (places "
            f"count from 0; block_size is {block_size}). The last start leaves room for one target "
            "more than there are inputs."
        )
    return None


def repeatable(tokens: np.ndarray, block_size: int, observed: dict[str, Batches]) -> str | None:
    """The generator decides: the same seed, the same batches; and each batch is another one."""
    first, again = observed["batches"], observed["again"]
    for one, other in zip(first, again, strict=True):
        if not np.array_equal(one["x"], other["x"]):
            return (
                "the same seed gave other rows the second time. Draw from the generator that is "
                "passed in."
            )
    if all(np.array_equal(first[0]["x"], batch["x"]) for batch in first[1:]):
        return "every batch is the same. Don't set the generator's seed inside the function."
    return None


def rows_differ(tokens: np.ndarray, block_size: int, observed: dict[str, Batches]) -> str | None:
    """The rows of a batch begin at places of their own."""
    alike = [len({int(row[0]) for row in batch["x"]}) == 1 for batch in observed["batches"]]
    if all(alike):
        return "all rows of a batch begin at the same place. Draw a start for each row."
    return None


LAWS: dict[str, Callable[..., str | None]] = {
    "windows": windows,
    "shifted": shifted,
    "every place": every_place,
    "repeatable": repeatable,
    "rows differ": rows_differ,
}
