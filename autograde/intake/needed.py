"""Which of the cells that learners added must run, because their answers use what they define."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from autograde.intake.names import Names

BUILT_IN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Graded:
    """The names of the released cells that run anyway: given ones, and the learner's answers.

    symbols: what the exercises ask for.
    """

    given: tuple[Names, ...]
    answers: tuple[Names, ...]
    symbols: frozenset[str]

    @property
    def bound(self) -> frozenset[str]:
        return BUILT_IN.union(*(names.bound for names in (*self.given, *self.answers)))


def cells_needed(graded: Graded, added: Mapping[int, Names], certain: Collection[int]) -> set[int]:
    """The places of the added cells to run.

    added: place -> names. certain: places that run whatever they bind, because they redefine an
    exercise's symbol before its check.
    """
    usable = {place: names for place, names in added.items() if names.readable}
    wanted = graded.symbols.union(*(names.loaded for names in graded.answers)) - graded.bound
    needed = _closure(graded, usable, wanted, set(certain) & set(usable))
    known = graded.bound.union(*(usable[place].bound for place in needed))
    loaded = wanted.union(*(usable[place].loaded for place in needed))
    if loaded - known:  # it may come from one of the `from x import *`
        stars = {place for place, names in usable.items() if names.star}
        needed = _closure(graded, usable, wanted, needed | stars)
    return needed


def _closure(
    graded: Graded, usable: Mapping[int, Names], wanted: frozenset[str], needed: set[int]
) -> set[int]:
    needed = set(needed)
    while True:
        loaded = wanted.union(*(usable[place].loaded for place in needed)) - graded.bound
        more = {
            place
            for place, names in usable.items()
            if names.bound & loaded or names.changed & (loaded | graded.symbols)
        }
        if more <= needed:
            return needed
        needed |= more
