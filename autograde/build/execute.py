"""Run a notebook from top to bottom in a kernel of its own, timed.

Run as a program (`python -m autograde.build.execute IN OUT FOLDER`), so that the peak memory of
the kernel, its only child, can be read from the operating system.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from autograde.unit import SourceError

CELL_SECONDS = 300
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Executed:
    """A notebook with its outputs, and what running it took."""

    notebook: NotebookNode
    seconds: float
    peak_mb: float


def execute(notebook: NotebookNode, scratch: Path, name: str) -> Executed:
    """Run the notebook of the unit's folder called `name` in a course folder under `scratch`.

    Raises SourceError, showing the cell, when a cell fails or takes over five minutes.
    """
    before, after = scratch / f"{name}-in.ipynb", scratch / f"{name}-out.ipynb"
    nbformat.write(notebook, before)
    folder = scratch / "course" / name  # so that its progress file is nobody's
    folder.mkdir(parents=True)
    # Two BLAS threads on a busy machine can take a hundred times as long as one.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("CHAINRULE_PROGRESS", None)
    paths = [str(path) for path in (before, after, folder)]
    command = [sys.executable, "-m", "autograde.build.execute", *paths]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip() or f"exit status {done.returncode}"
        raise SourceError(f"{name}: the solved notebook does not run.\n{said[-3000:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    return Executed(nbformat.read(after, as_version=4), figures["seconds"], figures["peak_mb"])


def tidy_outputs(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run: timings, and widget views that have a static twin."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
        cell.outputs = [o for o in cell.outputs if o.output_type != "display_data" or o.data]
    return notebook


def main(before: str, after: str, folder: str) -> int:
    notebook = nbformat.read(before, as_version=4)
    started = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
        coalesce_streams=True,  # how a print is split over messages differs from run to run
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(error, file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    nbformat.write(tidy_outputs(notebook), after)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"seconds": round(seconds, 1), "peak_mb": round(peak_mb)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
