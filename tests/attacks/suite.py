"""All attacks by name, and the runs that try them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.attacks import harm, leaks, lost, points, uncertain
from tests.attacks.arena import Arena, run_ours
from tests.attacks.model import Attack
from tests.attacks.traps import Traps

ATTACKS: list[Attack] = [
    attack for module in (points, leaks, harm, lost, uncertain) for attack in module.ATTACKS
]
BY_NAME = {attack.name: attack for attack in ATTACKS}
if len(BY_NAME) < len(ATTACKS):
    raise ValueError("two attacks have one name")


Keep = Callable[[Mapping[str, str]], None]  # takes what some attacks achieved, by name


def try_ours(
    arena: Arena, attacks: Sequence[Attack], say: Callable[[str], None], keep: Keep
) -> None:
    """Tries each attack on our grader; `keep` gets what it achieved, "" for nothing."""
    traps = Traps(arena.folder)
    try:
        for promise in (1, 2, 3):
            together = [a for a in attacks if a.promise == promise and not a.stage]
            if together:
                keep(run_ours(arena, together, traps, say))
    finally:
        traps.close()
    for attack in attacks:
        if attack.stage:
            achieved = attack.stage(arena)
            say(f"{attack.name}: {achieved or 'nothing'}")
            keep({attack.name: achieved})
