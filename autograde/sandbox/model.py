"""What goes into a sandbox and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from chainrule.errors import UserError

# Every mode, and what it is and needs. The help of `chainrule grade` and every report name it.
MODES = {
    "bwrap": "namespaces, Landlock and seccomp; needs Linux and bubblewrap",
    "docker": "a container for each submission; needs Docker or Podman, also on macOS",
    "landlock": "weaker: no namespaces, for Linux 6.12 or newer where they are refused",
    "none": "no walls at all, only for code that you trust",
}

# What a mode leaves open, said wherever its name is.
GAPS = {
    "docker": (
        "The walls are those of the container engine. Where the kernel has no Landlock, a "
        "submission can end its own grading, which is then listed as ungraded."
    ),
    "landlock": (
        "Weaker than bwrap: graded code can't open your files, use a network or touch other "
        "processes, but there is one kernel view for all. It can tell that a path it knows "
        "exists and how large that file is, it sees this machine's name, and the files it writes "
        "count against this disk until it ends."
    ),
    "none": (
        "There were no walls: graded code could read and change what this account can, these "
        "results included."
    ),
}

LEAST_MEMORY_MB = 255  # what Python, NumPy and matplotlib take before a learner's first line


class SandboxUnavailable(UserError):
    """Submissions can't be run safely here. The message says what was seen and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=3)


class UnknownMode(UserError, ValueError):
    """There is no sandbox mode of that name."""


def known_mode(mode: str) -> str:
    """The same name. Raises UnknownMode, which lists the modes, for one that there is not."""
    if mode not in MODES:
        listed = "; ".join(f"{name} ({what})" for name, what in MODES.items())
        raise UnknownMode(f"There is no sandbox mode {mode!r}. There are: {listed}.")
    return mode


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

    def __post_init__(self) -> None:
        """Raises ValueError for a budget in which nothing can run."""
        for limit in fields(self):
            least = LEAST_MEMORY_MB if limit.name == "memory_mb" else 0
            value = getattr(self, limit.name)
            if not least < value < float("inf"):
                raise ValueError(f"{limit.name} is {value}; it must be more than {least}")

    def __str__(self) -> str:
        return (
            f"{self.cell_seconds:g} s a cell, {self.case_seconds:g} s a case, "
            f"{self.submission_seconds:g} s and {self.memory_mb} MB a submission, "
            f"{self.output_kb} kB of output a cell"
        )


def known_limits(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The same mapping. Raises ValueError for a name that is not a field of Limits."""
    names = [limit.name for limit in fields(Limits)]
    for name in limits:
        if name not in names:
            raise ValueError(f"there is no limit {name!r}; there are {', '.join(names)}")
    return dict(limits)


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
