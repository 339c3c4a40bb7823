"""The class folder: where a class's seed, results, gradebook and feedback live."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from autograde.build.notebooks import generate_assignment
from autograde.cohort.results import Results
from autograde.unit import Unit
from chainrule.errors import UserError

DEFAULT = Path("grading")

# In the class folder, so that nbgrader's commands are as safe there as in the clone. Without the
# grader nbgrader must not go on: it would execute submissions itself.
NBGRADER_CONFIG = """# Written by Chainrule: nbgrader's commands use its grader in this folder.

import sys
from pathlib import Path

CLONE = Path({clone!r})
sys.path.append(str(CLONE))
try:
    from autograde.nbgrader_bridge import install
except ImportError:
    sys.exit(f"Chainrule is not at {{CLONE}} any more. Run `chainrule grade` from where it is now.")

install(get_config(), course=Path(__file__).resolve().parent, clone=CLONE)
"""


@dataclass(frozen=True)
class ClassFolder:
    """An nbgrader course folder with Chainrule's seed and results beside the gradebook.

    db_url: an SQLAlchemy URL of the gradebook; by default gradebook.db in the folder.
    """

    path: Path
    db_url: str = ""

    @property
    def gradebook_url(self) -> str:
        return self.db_url or f"sqlite:///{self.path.resolve() / 'gradebook.db'}"

    def results(self, unit: Unit) -> Results:
        return Results(self.path, unit.name.folder)

    def autograded(self, learner: str, unit: Unit) -> Path:
        return self.path / "autograded" / learner / unit.name.folder / unit.released.name

    def feedback(self, learner: str, unit: Unit) -> Path:
        return self.path / "feedback" / learner / unit.name.folder / f"{unit.name.name}.html"

    def kept(self, learner: str, unit: Unit) -> Path:
        """What a later regrading needs of a learner's submission."""
        return self.path / "results" / unit.name.folder / f"{learner}.kept"

    def seed(self) -> bytes:
        """The secret that the secret cases are drawn from, made once, readable by its owner only.

        Raises UserError when the file is damaged: grading with another seed would be unfair.
        """
        path = self.path / "seed"
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            seed = path.read_bytes()
            if len(seed) != 32:
                raise UserError(
                    f"{path} is damaged: it holds {len(seed)} bytes, not 32. Restore it from a "
                    "backup; or delete it to draw new secret cases and grade everyone again."
                ) from None
            return seed
        with os.fdopen(descriptor, "wb") as file:
            seed = secrets.token_bytes(32)
            file.write(seed)
            file.flush()
            os.fsync(file.fileno())
        return seed

    def assignment(self, unit: Unit) -> Path:
        """nbgrader's released notebook in this folder, made again when the unit has changed."""
        settings = NBGRADER_CONFIG.format(clone=str(unit.root.resolve()))
        path = self.path / "nbgrader_config.py"
        if not path.exists() or path.read_text(encoding="utf-8") != settings:
            write_atomically(path, settings)
        (self.path / "exchange").mkdir(exist_ok=True)  # JupyterLab complains where it is missing
        release = self.path / "release" / unit.name.folder / unit.released.name
        newest = max(
            path.stat().st_mtime for path in (unit.source, unit.source.with_name("exercises.py"))
        )
        if not release.exists() or release.stat().st_mtime < newest:
            return generate_assignment(unit, self.path, self.db_url or None)
        return release


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; text in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if isinstance(content, str):
            content = content.encode("utf-8", "replace")
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(
            f"{path} can't be written: {error.strerror}. Make room and try again."
        ) from None
