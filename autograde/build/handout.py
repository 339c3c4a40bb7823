"""A learners' copy of the repository, without the answer key."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from autograde.unit import SourceError
from chainrule.errors import UserError

PARTS = (
    "README.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "environment.yml",
    "binder",
    ".github/check.png",
    "course",
)


def make_handout(root: Path, folder: Path) -> int:
    """Copy what learners need to `folder`, which must not exist. Returns the number of files.

    Only files that git tracks are copied, so that nothing that lies about gets out.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty. Name a folder that does not exist yet.")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *PARTS], cwd=root, capture_output=True, text=True
    )
    if listed.returncode:
        raise UserError(f"git can't list the files of {root}: {listed.stderr.strip()}")
    names = [name for name in listed.stdout.split("\0") if name]
    for name in names:
        path = root / name
        if path.is_symlink() or "solutions" in path.relative_to(root).parts:
            raise SourceError(f"{name} must not be handed out. Remove it from course/.")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    readme = folder / "README.md"
    readme.write_text(for_learners(readme.read_text("utf-8")), "utf-8")
    return len(names)


def for_learners(readme: str) -> str:
    """The README without what only a whole clone can do."""
    start, *sections = re.split(r"(?m)^(?=## )", readme)
    start = "".join(line for line in start.splitlines(True) if not line.startswith("make test"))
    left_out = ("## Instructors", "## Authors", "## Which systems")
    return start + "".join(part for part in sections if not part.startswith(left_out))
