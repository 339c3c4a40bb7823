"""A PostgreSQL server for a test, reached through a socket in its own folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """A program of PostgreSQL; Debian keeps them out of PATH."""
    found = [shutil.which(name), *map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    path = next((one for one in found if one), None)
    if path is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return path


@contextmanager
def postgresql() -> Iterator[str]:
    """Its URL, for teacher, who may do everything. It refuses to run as root, so nobody runs it."""
    with tempfile.TemporaryDirectory(prefix="chainrule-postgresql-") as folder:
        with _running(Path(folder)) as url:
            yield url


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    someone = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        someone = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(*words: str) -> None:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, **someone)
        assert done.returncode == 0, done.stderr + done.stdout

    data = str(folder / "data")
    run(program("initdb"), "-D", data, "-U", "teacher", "--auth=trust", "--no-sync")
    only_here = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    log = str(folder / "log")
    run(program("pg_ctl"), "-D", data, "-w", "-o", only_here, "-l", log, "start")
    try:
        yield f"postgresql+psycopg://teacher@/postgres?host={folder}"
    finally:
        run(program("pg_ctl"), "-D", data, "-m", "immediate", "stop")
