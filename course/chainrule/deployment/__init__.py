"""What the notebook of unit 25 imports: `check`, and modules beside this one."""

import os

from chainrule.check import Check

# ONNX Runtime reports its use to its maker unless told otherwise. Nothing of this course reports
# anything, so it is told otherwise here, before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

check = Check("deployment")
