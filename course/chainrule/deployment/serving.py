"""From cells of the notebook to a service in a process of its own, and back to nothing.

    folder = write_service(["preprocess", "PredictRequest", "create_app", "MicroBatcher"], model)
    with Service(folder) as service:
        httpx.get(service.url + "/healthz")

However the block is left, the service is gone after it. If the notebook's own process dies, the
service notices and stops too.
"""

from __future__ import annotations

import ast
import atexit
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from chainrule.deployment import serve
from chainrule.errors import UserError

START_SECONDS = 60.0
REQUIREMENTS = (
    "fastapi",
    "uvicorn",
    "onnxruntime",
    "numpy",
    "pillow",
    "python-multipart",
    "prometheus-client",
)

HEADER = '''"""The service: written by the notebook from your cells. `uvicorn app:app` starts it."""

import asyncio
import io
import math
import os
from contextlib import asynccontextmanager
from typing import Annotated

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from fastapi import FastAPI, File, HTTPException, UploadFile
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from operations import Busy, add_operations

CLASSES = {classes!r}
MAX_PIXELS = {max_pixels}
'''

FOOTER = """
# --- how the parts are put together ---

session = open_session("model.onnx")


async def infer(pictures):
    return await asyncio.to_thread(lambda: session.run(None, {"pictures": pictures})[0])


batcher = MicroBatcher(
    infer,
    max_batch=int(os.environ.get("MAX_BATCH", "8")),
    max_wait=float(os.environ.get("MAX_WAIT", "0.002")),
    max_queue=int(os.environ.get("MAX_QUEUE", "64")),
)
app = create_app(batcher.predict, version=os.environ.get("VERSION", "1"))


@asynccontextmanager
async def lifespan(app):
    yield
    app.state.ready = False
    await batcher.close()  # what was accepted is answered


app.router.lifespan_context = lifespan
"""


def write_service(
    symbols: Sequence[str],
    model: str | Path,
    classes: Sequence[str],
    max_pixels: int,
    folder: str | Path = "service",
    cells: Iterable[str] | None = None,
) -> Path:
    """Write app.py, operations.py, model.onnx and requirements.txt into `folder`.

    symbols: the functions and classes to take over, from the cells that defined them last.
    cells: the texts of the cells run so far; default: this notebook's.
    Raises UserError when a symbol is in no cell.
    """
    from chainrule.deployment import operations

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    found = cells_of(symbols, notebook_cells() if cells is None else cells)
    header = HEADER.format(classes=list(classes), max_pixels=max_pixels)
    text = "\n\n".join([header, *[cell.strip() + "\n" for cell in found], FOOTER])
    (path / "app.py").write_text(text, "utf-8")
    (path / "operations.py").write_text(inspect.getsource(operations), "utf-8")
    (path / "requirements.txt").write_text(requirements(), "utf-8")
    shutil.copyfile(model, path / "model.onnx")
    return path


def requirements() -> str:
    """What the service needs, at the versions that are installed here."""
    from importlib.metadata import version

    return "".join(f"{name}=={version(name)}\n" for name in REQUIREMENTS)


def notebook_cells() -> list[str]:
    """The texts of the cells run in this session, in order."""
    from IPython import get_ipython

    shell = get_ipython()
    return list(shell.user_ns.get("In", [])) if shell else []


def cells_of(symbols: Sequence[str], cells: Iterable[str]) -> list[str]:
    """For each symbol the cell that defined it last; no cell twice."""
    latest: dict[str, str] = {}
    for cell in cells:
        try:
            statements = ast.parse(cell).body
        except SyntaxError:
            continue  # a cell with a %magic, or one that failed
        for statement in statements:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                latest[statement.name] = cell
    for symbol in symbols:
        if symbol not in latest:
            raise UserError(f"No cell has defined {symbol} yet. Run its cell, then this one again.")
    return list(dict.fromkeys(latest[symbol] for symbol in symbols))


_running: set[Service] = set()


class Service:
    """A service in a process of its own, on this machine's loopback address only.

    folder: what write_service wrote. settings: environment variables that app.py reads.
    url: where it listens, once the `with` block has begun.
    """

    def __init__(self, folder: str | Path, **settings: object) -> None:
        self.folder = Path(folder)
        self.settings = {name: str(value) for name, value in settings.items()}
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()

    def __enter__(self) -> Service:
        """Start, and return when it answers. Raises UserError with what it said if it does not."""
        command = [sys.executable, "-m", "chainrule.deployment.serve", str(self.folder)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to: its end tells the service that we are gone
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(self.settings),
            start_new_session=True,  # interrupting a cell is not meant for the service
        )
        _running.add(self)
        try:
            self._wait_until_ready(time.monotonic() + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The number of its process; None when there is none."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """Let it answer what it has accepted, then end. Stopping twice does no harm."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.close()
            process.wait(serve.LAST_RESORT + 2)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            _running.discard(self)

    def log(self) -> str:
        """What it wrote to its error stream."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def _wait_until_ready(self, deadline: float) -> None:
        process = self._process
        assert process is not None and process.stdout is not None
        timer = threading.Timer(START_SECONDS, process.kill)  # readline itself knows no deadline
        timer.start()
        try:
            line = process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            process.wait()
            raise UserError(f"The service did not start. It said:\n{self.log()[-2000:]}")
        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
        while not answers(self.url + "/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"The service is not ready. It said:\n{self.log()[-2000:]}")
            time.sleep(0.02)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with one thread for each library and the settings."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **settings}


def answers(url: str) -> bool:
    """Whether a GET is answered with 200. Never asks a proxy about this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


@atexit.register
def stop_all() -> None:
    """Stop every service that still runs; called when this process ends."""
    for service in list(_running):
        service.stop()
