"""Grade on Dask workers: threads of this process, processes of this machine, or a cluster.

A worker opens its sandbox once and forks every submission from it. It gets what it needs with the
plugin, the seed and the answers included; a process that runs a learner's code gets none of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import (
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    Security,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
)

import chainrule
from autograde.cohort.grade_one import Graded, HandedIn, grade_one, without_scores
from autograde.cohort.grading import Grading
from autograde.cohort.keys import security
from autograde.cohort.results import QUARANTINED, UNGRADED
from autograde.sandbox import Sandbox, open_sandbox
from chainrule.errors import UserError

PLUGIN = "chainrule-grader"
LARGE = 300  # submissions; for fewer, starting processes takes longer than it saves
IN_HAND = 2  # submissions in memory for each that runs
WORKER_SECONDS = 60  # to wait for the first worker of a cluster
KILLS = 1  # a worker may die with a submission in hand so often before it is tried alone

SETTINGS = {
    "distributed.scheduler.allowed-failures": KILLS,
    "distributed.comm.timeouts.connect": "30s",
    # Dask always opens a port for HTTP; let it answer nothing that matters.
    "distributed.scheduler.http.routes": ["distributed.http.health"],
    "distributed.worker.http.routes": ["distributed.http.health"],
    "distributed.admin.large-graph-warning-threshold": "64MB",
}


class Grader(WorkerPlugin):
    """Everything a worker needs: the grading, and the sandbox that it opens for it."""

    name = PLUGIN

    def __init__(self, grading: Grading) -> None:
        self.grading = grading
        self.version = chainrule.__version__
        self.sandbox: Sandbox | None = None

    async def setup(self, worker: Worker) -> None:
        """Raises UserError for another version, SandboxUnavailable where grading isn't safe."""
        if self.version != chainrule.__version__:
            raise UserError(
                f"Worker {worker.address} has chainrule {chainrule.__version__}, and this is "
                f"{self.version}. Install the same version on all of them."
            )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's business
        grading = self.grading
        self.sandbox = await asyncio.to_thread(
            open_sandbox,
            grading.sandbox_mode,
            grading.unit.name.name,
            grading.packages,
            grading.limits,
        )

    def teardown(self, worker: Worker) -> None:
        if self.sandbox is not None:
            self.sandbox.close()


def grade_here(handed_in: HandedIn) -> Graded:
    """What a worker does with one submission."""
    grader = get_worker().plugins[PLUGIN]
    assert isinstance(grader, Grader) and grader.sandbox is not None
    return grade_one(grader.grading, grader.sandbox, handed_in)


class Engine:
    """Workers that are ready to grade."""

    def __init__(self, client: Client, grading: Grading) -> None:
        self.client = client
        self.grading = grading
        self._counted, self._threads = 0.0, 1

    def graded(self, todo: Iterator[HandedIn], stop: threading.Event) -> Iterator[Graded]:
        """Each submission graded, as they are done; few are in memory at a time.

        After `stop` no further one is begun, and those that run are finished. A submission with
        which workers died is tried once more alone, and put in quarantine if they die again.
        """
        suspects: list[HandedIn] = []
        running: dict[Future, HandedIn] = {}
        done = as_completed()
        while True:
            while len(running) < IN_HAND * self.threads() and not stop.is_set():
                handed_in = next(todo, None)
                if handed_in is None:
                    break
                future = self.client.submit(grade_here, handed_in, pure=False)
                running[future] = handed_in
                done.add(future)
            if not running:
                break
            future = next(done)
            handed_in = running.pop(future)
            graded = self.result(future, handed_in)
            future.release()
            if graded is None:
                suspects.append(handed_in)
            else:
                yield graded
        for handed_in in suspects:
            if stop.is_set():
                return
            future = self.client.submit(grade_here, handed_in, pure=False)
            yield self.result(future, handed_in) or self.quarantined(handed_in)

    def result(self, future: Future, handed_in: HandedIn) -> Graded | None:
        """What came of it; None when workers died with it in hand."""
        try:
            return future.result()
        except KilledWorker:
            return None
        except CancelledError:
            raise UserError(
                "The Dask scheduler is gone. What was graded is kept; start it again and run the "
                "same command to go on."
            ) from None
        except Exception as error:
            reason = f"its worker failed ({type(error).__name__}: {error})"[:500]
            return Graded(without_scores(self.grading, handed_in, UNGRADED, reason))

    def quarantined(self, handed_in: HandedIn) -> Graded:
        reason = (
            "Each time it was graded, the worker that had it in hand died. Look at it by hand; "
            "`chainrule grade` tries it again when it changes."
        )
        return Graded(without_scores(self.grading, handed_in, QUARANTINED, reason))

    def threads(self) -> int:
        """How many submissions the workers grade at once; workers may come and go."""
        if time.monotonic() - self._counted > 2:
            self._threads = max(1, sum(self.client.nthreads().values()))
            self._counted = time.monotonic()
        return self._threads


@contextmanager
def open_engine(
    grading: Grading, jobs: int, apart: bool = False, scheduler: str = "", keys: Path | None = None
) -> Iterator[Engine]:
    """Workers for a grading. Without a scheduler they are threads of this process or, if `apart`,
    processes, which are started again when they die.

    Raises SandboxUnavailable when workers can't grade safely, UserError for a cluster that can't
    be used.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        dask.config.set({**SETTINGS, "temporary-directory": scratch}),
        quiet(),
    ):
        if scheduler:
            with connected(scheduler, keys) as client:
                yield ready(client, grading)
            return
        with (
            LocalCluster(
                n_workers=jobs if apart else 1,
                threads_per_worker=1 if apart else jobs,
                processes=apart,
                # Others on this machine could talk to its ports too.
                security=Security.temporary() if apart else None,
                host="127.0.0.1" if apart else None,
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield ready(client, grading)


def ready(client: Client, grading: Grading) -> Engine:
    client.register_plugin(Grader(grading))
    return Engine(client, grading)


@contextmanager
def connected(scheduler: str, keys: Path | None) -> Iterator[Client]:
    """A client of a running scheduler that has workers."""
    require_encryption(scheduler)
    try:
        client = Client(scheduler, security=security(scheduler, keys), timeout=15)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {scheduler} ({str(error).splitlines()[0]}). Start one "
            "with `dask scheduler`, and name the folder of its keys with --keys."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise UserError(
                f"The scheduler at {scheduler} has had no worker for {WORKER_SECONDS} s. Start "
                f"some with `dask worker {scheduler}`, and run the same command again."
            ) from None
        try:
            yield client
        finally:
            try:
                client.unregister_worker_plugin(PLUGIN)  # closes the sandboxes
            except Exception:
                pass  # the cluster is gone, and its sandboxes with it


def require_encryption(scheduler: str) -> None:
    """Raises UserError for an address that others could listen to or speak for."""
    parts = urlsplit(scheduler)
    if parts.scheme == "tls" and parts.hostname:
        return
    if parts.scheme == "tcp" and parts.hostname and is_loopback(parts.hostname):
        return
    raise UserError(
        f"--scheduler {scheduler} is not encrypted. Submissions, answers and code would travel "
        "open to all: use tls://HOST:8786 with keys from `chainrule keys DIR`."
    )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def quiet() -> Iterator[None]:
    """Without Dask's own log on the terminal: what matters is said by this program."""
    logger = logging.getLogger("distributed")
    before: Any = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
