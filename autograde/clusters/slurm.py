"""Workers for `chainrule grade` as Slurm jobs: python slurm.py CORES [KEYS].

Prints the address for --scheduler, and keeps the workers until Ctrl-C.
"""

import signal
import sys
from pathlib import Path

from dask_jobqueue import SLURMCluster

from autograde.cohort.keys import security_of


def make_cluster(keys: Path, partition: str | None = None) -> SLURMCluster:
    """A cluster whose jobs are one worker with one core each; TLS for everyone.

    keys: the folder of `chainrule keys`, on a file system that all nodes share.
    """
    return SLURMCluster(
        cores=1,
        processes=1,
        memory="4GB",
        walltime="02:00:00",
        queue=partition,
        protocol="tls://",
        security=security_of(keys),
        shared_temp_directory=str(keys.resolve()),
        python=sys.executable,
        scheduler_options={"dashboard": False},
    )


if __name__ == "__main__":
    cores = int(sys.argv[1])
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "cluster-keys")
    with make_cluster(folder) as cluster:
        cluster.scale(jobs=cores)
        print(f"--scheduler {cluster.scheduler_address} --keys {folder}", flush=True)
        signal.pause()
