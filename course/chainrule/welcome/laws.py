"""What must be true of a good split, however it was made.

There are many right splits, so none is compared with ours. Each case of `split` looks at one law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

NAMES = ("train_rows", "train_labels", "test_rows", "test_labels")
Parts = list[np.ndarray]
SAME = 1e-4  # rows that differ by less, as float32 does, are the same row


def split(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the law that `looks_at` names holds, otherwise what breaks it.

    args: rows (n, columns), all different; labels (n,), all different; test_share; seed.
    observed: what `chainrule.welcome.probes.split` returns.
    """
    rows, labels, test_share, _ = args
    for parts in observed.values():
        if said := four_parts(rows, parts):
            return said
    return LAWS[kwargs["looks_at"]](rows, labels, test_share, observed)


def four_parts(rows: np.ndarray, parts: Any) -> str | None:
    """Four arrays, in the order that the docstring gives."""
    if parts is None:
        return "you returned None. Does the function end in a return statement?"
    if not isinstance(parts, list) or len(parts) != 4:
        count = len(parts) if isinstance(parts, list) else 1
        return f"you returned {count} of the four values {', '.join(NAMES)}."
    for name, part, dimensions in zip(NAMES, parts, (2, 1, 2, 1), strict=True):
        if not isinstance(part, np.ndarray):
            return f"your {name} is a {type(part).__name__}; an array is expected."
        if part.ndim != dimensions or (dimensions == 2 and part.shape[1] != rows.shape[1]):
            return (
                f"your {name} has shape {part.shape}; the table has shape {rows.shape}. "
                f"Are the four values in the order {', '.join(NAMES)}?"
            )
    for side, kept, known in (("train", *parts[:2]), ("test", *parts[2:])):
        if len(kept) != len(known):
            rows_kept, labels_known = counted(len(kept), "row"), counted(len(known), "label")
            return f"the {side} part has {rows_kept} but {labels_known}."
    return None


def sizes(
    rows: np.ndarray, labels: np.ndarray, test_share: float, observed: dict[str, Parts]
) -> str | None:
    """The test part has its share of the rows, rounded up or down."""
    wanted, tested = test_share * len(rows), len(observed["once"][2])
    if abs(tested - wanted) < 1 - 1e-6:
        return None
    said = f"the test part has {tested} of {len(rows)} rows; its share is {test_share:g}."
    if abs(len(rows) - tested - wanted) < 1:
        said += " Is the larger part meant for training?"
    return said


def every_row_once(
    rows: np.ndarray, labels: np.ndarray, test_share: float, observed: dict[str, Parts]
) -> str | None:
    """The two parts together are the table: no row lost, none twice, none invented."""
    train, test = (positions(rows, part) for part in observed["once"][::2])
    both = np.concatenate([train, test])
    if (both < 0).any():
        strange = counted(int((both < 0).sum()), "row")
        return f"you returned {strange} that the table doesn't have."
    shared = np.intersect1d(train, test)
    if len(shared):
        return (
            f"both parts have the same {counted(len(shared), 'row')}. A test on rows that were "
            "studied proves nothing: which rows may the test part take?"
        )
    lost = len(rows) - len(np.unique(both))
    if lost:
        return f"neither part has {lost} of the {len(rows)} rows. Were some drawn twice?"
    twice = len(both) - len(rows)
    return f"you returned {counted(twice, 'row')} a second time." if twice else None


def own_labels(
    rows: np.ndarray, labels: np.ndarray, test_share: float, observed: dict[str, Parts]
) -> str | None:
    """Every row still has the label that it came with."""
    train_rows, train_labels, test_rows, test_labels = observed["once"]
    for side, kept, known in (
        ("train", train_rows, train_labels),
        ("test", test_rows, test_labels),
    ):
        place = positions(rows, kept)
        strange = (place < 0) | (np.abs(labels[place] - known) > SAME)
        if strange.any():
            number = int(strange.sum())
            return (
                f"in the {side} part, {number} of {counted(len(kept), 'row')} "
                f"{'has' if number == 1 else 'have'} a label that belongs to another row. "
                "Do rows and labels follow the same order?"
            )
    return None


def by_chance(
    rows: np.ndarray, labels: np.ndarray, test_share: float, observed: dict[str, Parts]
) -> str | None:
    """Another seed gives other test rows."""
    once = np.sort(positions(rows, observed["once"][2]))
    another = np.sort(positions(rows, observed["another"][2]))
    if not np.array_equal(once, another):
        return None
    said = "two different generators gave the same test rows."
    if len(once) and len(once) == np.ptp(once) + 1 and (once[0] == 0 or once[-1] == len(rows) - 1):
        side = "first" if once[0] == 0 else "last"
        return f"{said} They are the {side} {len(once)} of the table: files are often sorted."
    return f"{said} Is the order drawn from rng?"


def repeatable(
    rows: np.ndarray, labels: np.ndarray, test_share: float, observed: dict[str, Parts]
) -> str | None:
    """The same seed gives the same split again."""
    pairs = zip(observed["once"], observed["again"], strict=True)
    if all(np.array_equal(first, second) for first, second in pairs):
        return None
    return "the same seed gave two different splits. Is everything random drawn from rng?"


LAWS: dict[str, Callable[..., str | None]] = {
    "sizes": sizes,
    "every row once": every_row_once,
    "own labels": own_labels,
    "by chance": by_chance,
    "repeatable": repeatable,
}


def counted(number: int, thing: str) -> str:
    """`1 row`, `3 rows`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def positions(rows: np.ndarray, part: np.ndarray) -> np.ndarray:
    """(k,) for each row of `part`, (k, columns), its place in `rows`; -1 if it has none."""
    if not len(part):
        return np.zeros(0, int)
    apart = np.abs(part[:, None, :] - rows[None, :, :]).max(axis=2)
    nearest = apart.argmin(axis=1)
    return np.where(apart.min(axis=1) < SAME, nearest, -1)
