"""What instructors and authors run: the build and its proofs, the grader, the reports."""

import os
import sys
from pathlib import Path

# nbgrader shells out to `alembic`, which lies beside this interpreter and may not be on PATH.
_bin = str(Path(sys.executable).parent)
if _bin not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([_bin, os.environ.get("PATH", os.defpath)])

# nbformat's validator would build a grammar of internationalized addresses, most of a second, and
# no notebook is checked for one. Without the package, jsonschema leaves that check out.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
