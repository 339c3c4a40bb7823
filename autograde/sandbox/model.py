"""What goes into a sandbox and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import UserError


class SandboxUnavailable(UserError):
    """Submissions can't be run safely here. The message says what was seen and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3)


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Seconds are of CPU time, with three times as much wall-clock time; `submission_seconds` is
    wall-clock time for all of it. `memory_mb` caps the address space of each process and the
    memory of all of them together. `output_kb` is of what one cell may print.
    """

    cell_seconds: float = 10
    case_seconds: float = 5
    submission_seconds: float = 60
    memory_mb: int = 2048
    output_kb: int = 64


@dataclass(frozen=True)
class Cell:
    """One cell to run, or, with `exercise` set, the point at which that exercise is checked.

    `symbols` are the names the exercise defines. The source of a check cell is not run.
    """

    id: str
    source: str
    exercise: str | None = None
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """The observation of one case, or else the sentence that says why there is none."""

    observation: Any
    problem: str | None


@dataclass
class Run:
    """What came of one submission.

    outputs: cell id -> nbformat outputs (stream and error only), clipped.
    replies: exercise -> one reply per case, in the order of the cases.
    limits_hit: sentences about what the submission overran.
    failure: set when the sandbox, not the submission, is at fault: grade nothing, try again.
    """

    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    limits_hit: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None
