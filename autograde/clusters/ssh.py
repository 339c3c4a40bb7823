"""Workers for `chainrule grade` on other hosts, over SSH: python ssh.py KEYS HOST [HOST ...].

The keys are at the same path on every host. Prints the address for --scheduler, and keeps the
workers until Ctrl-C.
"""

import signal
import sys
from pathlib import Path
from typing import Any

from distributed import SSHCluster

from autograde.cohort.keys import security_of


def options(keys: Path) -> dict[str, Any]:
    """What scheduler, workers and this program need to speak TLS with one another."""
    return {
        "security": security_of(keys),
        "scheduler_options": {"protocol": "tls", "port": 8786, "dashboard": False},
        "worker_options": {"nthreads": 1},
    }


if __name__ == "__main__":
    folder, hosts = Path(sys.argv[1]), sys.argv[2:]
    with SSHCluster(["localhost", *hosts], **options(folder)) as cluster:
        print(f"--scheduler {cluster.scheduler_address} --keys {folder}", flush=True)
        signal.pause()
