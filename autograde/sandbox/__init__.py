"""Runs a submission's code where it can harm nothing and see nothing it should not.

    with open_sandbox("bwrap", unit="neuron", packages=[], limits=Limits()) as sandbox:
        run = sandbox.run(cells, cases)

A warm parent inside bubblewrap has imported what graded code needs. Each submission is forked
from it into namespaces of its own, where the cells run in order. Each check cell leaves a snapshot,
which answers that exercise's cases after the notebook has ended and its output is closed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from autograde.sandbox import selftest
from autograde.sandbox.containers import Containers
from autograde.sandbox.coordinator import Sandbox
from autograde.sandbox.model import (
    GAPS,
    MODES,
    Cell,
    Limits,
    Reply,
    Run,
    SandboxUnavailable,
    known_mode,
)
from autograde.sandbox.parent import Parent, WarmParent

__all__ = ["GAPS", "MODES", "Cell", "Limits", "Reply", "Run", "Sandbox", "SandboxUnavailable"]
__all__ += ["known_mode", "open_sandbox"]


def open_sandbox(mode: str, unit: str, packages: Sequence[str], limits: Limits) -> Sandbox:
    """A sandbox for submissions of one unit, ready and tested from inside.

    mode: one of MODES; "none" isolates nothing and must be asked for by name.
    unit: the unit's name, as in `chainrule.<unit>`. packages: what graded code may import beyond
    the learner package's own dependencies, e.g. ["torch"].

    Raises SandboxUnavailable when submissions can't be run safely here, ValueError for a mode or
    a unit that there can't be.
    """
    known_mode(mode)
    if not unit.isidentifier():
        raise ValueError(f"{unit!r} is not the name of a unit, such as 'neuron'.")
    if sys.platform != "linux" and mode != "docker":
        raise SandboxUnavailable(
            f"The sandbox {mode!r} needs Linux, and this machine does not run Linux. Use --sandbox "
            "docker, or grade on a Linux machine or in a virtual one (on Windows: WSL 2)."
        )
    parent: Parent
    if mode == "docker":
        parent = Containers(unit, packages, limits)
    else:
        parent = WarmParent(mode, unit, packages, limits)
    try:
        parent.open()
        sandbox = Sandbox(mode, parent, limits)
        if mode != "none":
            selftest.check(sandbox)
    except BaseException:
        parent.close()
        raise
    return sandbox
