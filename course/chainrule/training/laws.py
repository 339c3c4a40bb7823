"""What must be true of a checkpoint, however it is written: resuming equals never stopping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.compare import Close, values_of

CAUSES = {
    "model": "Is everything of the model saved and put back, its buffers too?",
    "optimizer": (
        "The weights were the same, the steps are not. What does Adam remember from step to step?"
    ),
    "generator": "The next pictures are drawn in another order. Who shuffles, and where is it?",
    "history": "Does load_checkpoint return the history that was saved?",
    "saving": "Does save_checkpoint only look, or does it change what it saves?",
    "everything": "Which of model, optimizer and generator starts afresh?",
}


def save_checkpoint(args: list[Any], kwargs: Mapping[str, Any], observed: Any) -> str | None:
    """None when the resumed run equals the run that never stopped, to the last bit.

    observed: what `chainrule.training.probes.save_checkpoint` returns.
    """
    wanted, seen = observed["never stopped"], observed["resumed"]
    for name, value in wanted.items():
        if said := difference(name, value, seen[name]):
            return f"{said} {CAUSES[kwargs['looks_at']]}"
    return None


def difference(name: str, wanted: Any, seen: Any) -> str | None:
    """What differs in one entry, as a sentence."""
    if isinstance(wanted, (dict, list, bool)):
        return Close().between(wanted, seen, public=False, where=name) or None
    want, have = values_of(wanted), values_of(seen)
    if want.shape != have.shape:
        return f"after resuming, {name} has shape {have.shape}; it was {want.shape}."
    unequal = int(np.sum(want != have))
    if not unequal:
        return None
    gap = float(np.max(np.abs(want.astype(float) - have.astype(float))))
    return (
        f"after resuming, {unequal} of {want.size} numbers in {name} differ from the run that "
        f"never stopped, by up to {gap:.2g}."
    )
