"""The settings of the mode "landlock": walls for where namespaces are refused.

Graded code runs as an ordinary process of the same user. Landlock lets it open the interpreter's
library, the allowed packages and its own folder, nothing else, and send signals to its own
processes only; seccomp refuses every socket and what Landlock does not cover.
"""

from __future__ import annotations

import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autograde.sandbox.bubblewrap import UNPRIVILEGED
from autograde.sandbox.inside import landlock, seccomp
from autograde.sandbox.model import SandboxUnavailable

OLDEST_LANDLOCK = 6  # the first that keeps signals in: Linux 6.12
FILES = ("/etc/ld.so.cache", "/dev/urandom", "/dev/zero", "/usr/share/fonts", "/usr/share/zoneinfo")
LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")


def settings(packages: str, site: Mapping[str, Path]) -> dict[str, Any]:
    """What the warm parent is told: the paths that graded code may open, and where it may write.

    packages: the folder of links to what `site` names. Raises SandboxUnavailable on a kernel that
    can't hold what this mode promises.
    """
    version = landlock.version()
    if version < OLDEST_LANDLOCK or seccomp.program() is None:
        raise SandboxUnavailable(
            f"The sandbox 'landlock' needs Linux 6.12 or newer on x86-64 or ARM64 with Landlock "
            f"version {OLDEST_LANDLOCK}; this kernel offers {version or 'none'}. Use --sandbox "
            "bwrap or --sandbox docker."
        )
    library = Path(sysconfig.get_path("stdlib"))
    listable = {library, *map(Path, LIBRARIES)}
    readable = [packages, *FILES, *(str(path.resolve()) for path in site.values())]
    readable.append(str(Path(landlock.__file__).parent))
    readable += [str(path) for folder in sorted(listable) for path in without_packages(folder)]
    return {
        "readable": readable,
        "listable": [str(folder) for folder in sorted(listable)],
        "scratch": tempfile.mkdtemp(prefix="chainrule-work-"),
        "user": UNPRIVILEGED,
    }


def without_packages(folder: Path) -> Iterable[Path]:
    """What is in a library folder, except installed Python packages."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name not in ("site-packages", "dist-packages")
        and not path.name.startswith("python3")
    ]
