"""What nbgrader's commands and formgrader use when they are started in this folder.

The class folder is grading/, and submissions are graded by this repository's grader instead of
being executed by nbgrader.
"""

import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parent

# Also where the package was installed without being linked to this clone.
if str(CLONE) not in sys.path:
    sys.path.append(str(CLONE))

from autograde.nbgrader_bridge import install  # noqa: E402

install(get_config(), course=CLONE / "grading", clone=CLONE)  # noqa: F821
