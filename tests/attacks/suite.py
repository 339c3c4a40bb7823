"""All attacks by name, and the runs that try them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.attacks import harm, leaks, points
from tests.attacks.arena import Arena, run_ours
from tests.attacks.model import Attack
from tests.attacks.traps import Traps

ATTACKS: list[Attack] = [*points.ATTACKS, *leaks.ATTACKS, *harm.ATTACKS]
BY_NAME = {attack.name: attack for attack in ATTACKS}
if len(BY_NAME) < len(ATTACKS):
    raise ValueError("two attacks have one name")


def try_ours(
    arena: Arena, attacks: Sequence[Attack], say: Callable[[str], None] = lambda text: None
) -> dict[str, str]:
    """What each attack achieved against our grader; "" for nothing."""
    found: dict[str, str] = {}
    traps = Traps(arena.folder)
    try:
        for promise in (1, 2, 3):
            together = [a for a in attacks if a.promise == promise and not a.stage]
            if together:
                found |= run_ours(arena, together, traps, say)
    finally:
        traps.close()
    for attack in attacks:
        if attack.stage:
            found[attack.name] = attack.stage(arena)
            say(f"{attack.name}: {found[attack.name] or 'nothing'}")
    return found
