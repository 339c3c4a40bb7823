"""The allow-list: which installed packages exist inside the sandbox.

What the learner package needs, what the unit asks for, and whatever those require. Anything else
that happens to be installed here (torch for a NumPy unit, the grader itself) is not there at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from autograde.sandbox.model import SandboxUnavailable

# The dependencies of the learner package, as in pyproject.toml.
BASE = (
    "numpy",
    "matplotlib",
    "ipywidgets",
    "ipython",
    "msgpack",
    "tqdm",
    "pooch",
    "typer",
    "rich",
)


def allowed_files(packages: Sequence[str]) -> dict[str, Path]:
    """Name inside the sandbox's site-packages -> folder or file here.

    Raises SandboxUnavailable when one of the packages is not installed.
    """
    files: dict[str, Path] = {}
    for found in closure([*BASE, *packages]).values():
        for path in top_level(found):
            files.setdefault(path.name, path)
    return files


def closure(names: Iterable[str]) -> dict[str, Distribution]:
    """The named distributions and all that they require here, by normalised name."""
    found: dict[str, Distribution] = {}
    visited: set[tuple[str, str]] = set()
    waiting = [(normalise(name), "", True) for name in names]
    while waiting:
        name, extra, needed = waiting.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            if not needed:
                continue  # a requirement that this installation does without
            raise SandboxUnavailable(
                f"The sandbox needs the package {name}, which is not installed here. "
                f"Install it with `pip install {name}`."
            ) from None
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                required = normalise(requirement.name)
                waiting += [(required, wanted, False) for wanted in ("", *requirement.extras)]
    return found


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def top_level(found: Distribution) -> list[Path]:
    """The folders and modules that a distribution put into site-packages, its metadata too."""
    names = {file.parts[0] for file in found.files or []}
    if not names:  # a distribution's own package manager may leave out the list of files
        listed = (found.read_text("top_level.txt") or found.metadata["Name"]).split()
        names = {name for entry in listed for name in (entry, entry + ".py")}
    skipped = {"..", "__pycache__", "bin"}
    paths = [
        Path(str(found.locate_file(name)))
        for name in sorted(names - skipped)
        if not name.endswith(".pth")
    ]
    return [path for path in paths if path.exists()]
