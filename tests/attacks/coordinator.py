"""Grades one class, as `chainrule grade` does, with smaller budgets: `python -m ... ROOM JOBS`.

A process of its own, so that it can be killed, measured and starved of disk. The last line it
prints is JSON: what grading said, and the most memory this process took, in MB.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path

from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grade import grade_class
from autograde.cohort.prepare import prepare
from autograde.sandbox import Limits
from autograde.unit import load_unit
from chainrule.errors import UserError

CLONE = Path(__file__).resolve().parents[2]
LIMITS = Limits(cell_seconds=2, case_seconds=1, submission_seconds=24, memory_mb=1024, output_kb=64)


def main(room: Path, jobs: int, file_bytes: int = 0) -> int:
    """The exit code. file_bytes: no file may grow beyond it, as on a full disk."""
    folder = ClassFolder(room / "class")
    try:
        grading = prepare(load_unit(CLONE, "01"), folder, "bwrap", LIMITS)
        if file_bytes:
            # Only the soft limit: the sandbox sets its own for its children.
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))

        def show(done: int, total: int, summary: object) -> None:
            print(f"{done} of {total}", flush=True)

        summary = grade_class(grading, room / "submitted", folder, jobs, show)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**asdict(summary), "peak_mb": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])))
