"""What instructors and authors run: the build and its proofs, the grader, the reports."""

import os
import sys
from pathlib import Path

# nbgrader shells out to `alembic`, which lies beside this interpreter and may not be on PATH.
_bin = str(Path(sys.executable).parent)
if _bin not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([_bin, os.environ.get("PATH", os.defpath)])
