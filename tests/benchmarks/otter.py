"""Otter on the same notebooks, in an environment of its own: it replaces packages that we need."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

from tests.benchmarks.subject import NAME, Subject


def otter_run(subject: Subject, otter: Path) -> tuple[float, float]:
    """Seconds a submission of `otter run`, without and with the training cell."""
    folder = subject.folder / "otter"
    (folder / "tests").mkdir(parents=True)
    for cell in subject.unit.notebook.cells:
        if "check" in cell.metadata:
            write_test(folder / "tests", cell.metadata["check"], cell.source)
    call(otter, folder, "generate", "--no-environment", "-o", "autograder.zip")
    found = []
    for training, learners in ((False, 5), (True, 2)):
        submitted = folder / f"submitted-{training}"
        subject.write_class(submitted, learners, training)
        began = time.perf_counter()
        for path in sorted(submitted.glob(f"*/*/{NAME}.ipynb")):
            call(otter, folder, "run", "-a", "autograder.zip", "-o", str(path.parent), str(path))
            score = json.loads((path.parent / "results.json").read_text())
            if not score.get("tests"):
                raise RuntimeError(f"otter graded nothing: {score}")
        found.append((time.perf_counter() - began) / learners)
    shutil.rmtree(folder)
    return found[0], found[1]


def write_test(folder: Path, name: str, source: str) -> None:
    """A check cell's asserts as one of Otter's exception-based tests."""
    body = "\n".join(f"    {line}" for line in source.splitlines())
    names = sorted({"relu", "softmax", "linear", "mse", "sgd_step", "accuracy"} & {name})
    (folder / f"{name}.py").write_text(
        "from otter.test_files import test_case\n"
        "import torch\n\n"
        f"OK_FORMAT = False\nname = {name!r}\npoints = 1\n\n"
        f"@test_case(points=1, hidden=False)\ndef test_it({', '.join(names)}):\n{body}\n"
    )


def call(otter: Path, folder: Path, *words: str) -> None:
    done = subprocess.run([str(otter), *words], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"otter {words[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
