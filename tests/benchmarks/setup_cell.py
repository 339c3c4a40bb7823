"""`python -m tests.benchmarks.setup_cell`: how long the setup cell takes on what Colab has.

A machine with Colab's pins and without the course runs the cell of unit 01, and then again. The
course's wheel lies on that machine, so the time of its download is not in the figure.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from autograde.unit import load_unit
from tests.packaging.colab_machine import Colab, make_colab

ROOT = Path(__file__).resolve().parents[2]
TARGET = 20  # seconds


def call(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", *map(str, words)], check=True)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="chainrule-setup-") as made:
        folder = Path(made)
        call("pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
        (wheel,) = folder.glob("*.whl")
        (folder / "colab").mkdir()
        colab = make_colab(
            folder / "colab", wheel, lambda *words: call("uv", *words), lambda to: call("pip", *to)
        )
        first, again = seconds(colab)
    print(
        f"The setup cell: {first:.1f} s on a new machine (at most {TARGET}), {again:.1f} s again."
    )
    return int(first > TARGET)


def seconds(colab: Colab) -> tuple[float, float]:
    """Of the setup cell on a machine without the course, and once more."""
    released = nbformat.read(load_unit(ROOT, "01").released, as_version=4)
    setup = next(cell for cell in released.cells if "setup" in cell.metadata.get("tags", []))
    notebook = new_notebook(cells=[new_code_cell(setup.source), new_code_cell(setup.source)])
    found = []
    client = colab.client(notebook)
    client.reset_execution_trackers()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            began = time.perf_counter()
            client.execute_cell(cell, index)
            found.append(time.perf_counter() - began)
    return found[0], found[1]


if __name__ == "__main__":
    sys.exit(main())
