"""What grading one unit for one class needs, made once by `prepare` and sent to every worker."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from nbformat import NotebookNode

import chainrule
from autograde.sandbox import Limits
from autograde.unit import Unit
from chainrule.answers import Answers, Draw


@dataclass(frozen=True)
class Grading:
    """What grading a submission needs besides the submission; never changes.

    It goes to the workers, never to a process that runs a learner's code. packages: what graded
    code may import. asked: exercise -> for each secret draw, a hash of all that decides what is
    observed: the cases, the probe and the given cells.
    """

    unit: Unit
    packages: tuple[str, ...]
    answers: Answers
    draws: Mapping[str, Sequence[Draw]]
    asked: Mapping[str, Sequence[str]]
    release: NotebookNode
    seed: bytes
    sandbox_mode: str
    limits: Limits

    @property
    def key(self) -> dict[str, str]:
        """What a result depends on besides the submission. An exercise's version is under its
        name with a colon before it."""
        versions = {f":{name}": one.version for name, one in self.answers.exercises.items()}
        return versions | {
            "seed": hashlib.sha256(self.seed).hexdigest()[:16],
            "engine": chainrule.__version__,
            "sandbox": self.sandbox_mode,
            "limits": str(self.limits),
            "pins": f"python {platform.python_version()}, numpy {np.__version__}",
        }
