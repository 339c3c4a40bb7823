"""What the coordinator, the supervisor and the notebook have agreed on."""

from __future__ import annotations

import struct

WALL_FACTOR = 3  # wall-clock seconds allowed for each second of CPU time

# Notes from the notebook to the supervisor, on a pipe: what happens, and for FORKED the number of
# the check cell and the process that is its snapshot.
NOTE = struct.Struct(">cII")
STARTED, ENDED, FORKED = b"s", b"e", b"f"

# In the supervisor's reports a snapshot has the number of its check cell, and these are:
NOTEBOOK = -1  # the notebook's process
ALL = -2  # every process there was

# A snapshot's answer is one of these bytes, the first with the packed observation after it. No text
# of its own choosing travels beside it: that could carry a secret case into the feedback.
ANSWERED, TOO_LARGE = b"a", b"l"
