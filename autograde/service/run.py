"""`chainrule serve` and `chainrule token`: what the command line does with the service."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from autograde.cohort.engine import is_loopback
from autograde.sandbox import open_sandbox
from autograde.service.app import create_app
from autograde.service.database import open_database
from autograde.service.grader import Workers
from autograde.service.service import Service
from autograde.service.settings import FILE, read_settings, write_example
from autograde.service.tokens import Person, Tokens
from autograde.unit import all_units
from chainrule.errors import UserError

AT_ONCE = 200  # requests in hand; more are told to come back
KEEP_ALIVE = 15  # seconds


@dataclass(frozen=True)
class Address:
    """Where the service listens, and how the way there is kept private."""

    host: str
    port: int
    cert: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.cert is not None or self.behind_proxy

    def check(self) -> None:
        """Raises UserError for an address at which tokens would travel open."""
        if (self.cert is None) != (self.key is None):
            raise UserError("--tls-cert and --tls-key belong together: give both.")
        for file in (self.cert, self.key):
            if file is not None and not file.is_file():
                raise UserError(f"There is no {file}.")
        if not self.secure and not is_loopback(self.host):
            raise UserError(
                f"On {self.host} tokens and notebooks would travel open. Give --tls-cert and "
                "--tls-key; or --behind-proxy, if a server in front of this one does TLS."
            )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * (self.cert is not None)}://{host}:{self.port}"


def serve(root: Path, folder: Path, address: Address, workers: Workers, db: str = "") -> None:
    """Run the service until it is stopped. Raises UserError for what stands in its way."""
    address.check()
    if workers.sandbox == "none":
        raise UserError(
            "The service runs what anyone with a token hands in, so it needs a sandbox with "
            "walls: bwrap, docker or landlock."
        )
    names = [unit.name for unit in all_units(root) if unit.answers.exists()]
    if not (folder / FILE).exists():
        write_example(folder / FILE, names)
        raise UserError(
            f"{folder / FILE} is new, and opens no unit yet. Take the # from the units that "
            "learners may hand in, and start again."
        )
    with only_one(folder):
        service = Service(root, folder, workers, db, address.secure)
        if not workers.scheduler:
            try_sandbox(service, workers)
        log_warnings()
        print(f"Serving {folder} at {address}. Stop with Ctrl-C.", flush=True)
        if not service.tokens.all():
            print(f"Nobody has a token: chainrule token add NAME --class {folder}", flush=True)
        config = uvicorn.Config(
            create_app(service),
            host=address.host,
            port=address.port,
            ssl_certfile=address.cert,
            ssl_keyfile=address.key,
            proxy_headers=address.behind_proxy,
            forwarded_allow_ips="*" if address.behind_proxy else None,
            server_header=False,
            access_log=False,
            log_level="warning",
            limit_concurrency=AT_ONCE,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=10,
        )
        try:
            uvicorn.Server(config).run()
        except KeyboardInterrupt:
            pass  # uvicorn has stopped in order, and passes Ctrl-C on


def log_warnings() -> None:
    """On standard error; without nbgrader's and uvicorn's own progress."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)


def try_sandbox(service: Service, workers: Workers) -> None:
    """Raises SandboxUnavailable before anybody hands anything in."""
    from autograde.cohort.prepare import limits_of

    unit = next(iter(service.known.values()))
    with open_sandbox(workers.sandbox, unit.name.name, [], limits_of(unit)):
        pass


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Raises UserError while another service runs on the class folder; freed even by kill -9."""
    with (folder / "service.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another service runs on {folder}. Stop it first.") from None
        yield


def open_tokens(root: Path, folder: Path, db: str = "") -> Tokens:
    """The tokens of a class folder, in the database that the service uses."""
    if not db and (folder / FILE).exists():
        db = read_settings(folder / FILE, [unit.name for unit in all_units(root)]).database
    return Tokens(open_database(db, folder))


def listed(people: list[Person]) -> list[str]:
    """A line for each token: whose, as what, since when."""
    return [
        f"{one.name}  {'instructor' if one.instructor else 'learner'}  made {one.made[:10]}"
        + (f", revoked {one.revoked[:10]}" if one.revoked else "")
        for one in people
    ]
