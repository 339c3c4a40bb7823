"""A web server on this machine that offers a small data set and notes what it is asked for."""

from __future__ import annotations

import gzip
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from chainrule.data._download import CACHE_VARIABLE, MIRROR_VARIABLE, RemoteFile
from chainrule.data._idx import write_idx
from chainrule.data._images import ImageSet

NAMES = ("train-images", "train-labels", "test-images", "test-labels")


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; once, a file in `breaks_off` is sent in half, one in `busy` not at all."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.breaks_off.pop(self.path, 0):
            whole = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True
        elif self.server.busy.pop(self.path, 0):
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *args):
        pass


class Server:
    """One running server: its folder, its base URL, and the paths it was asked for."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        handler = partial(Handler, directory=str(folder))
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.asked = self.http.asked = []
        self.breaks_off = self.http.breaks_off = {}
        self.busy = self.http.busy = {}
        self.base = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def start(tmp_path):
    """start("official") -> a Server with an empty folder; all are stopped after the test."""
    running = []

    def start(name: str) -> Server:
        running.append(Server(tmp_path / name))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def official(start, contents):
    server = start("official")
    offer(server.folder, contents)
    return server


@pytest.fixture
def mirror(start, contents):
    server = start("mirror")
    offer(server.folder / "small", contents)
    return server


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of the test's own, and no setting and no proxy from outside."""
    for name in (MIRROR_VARIABLE, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def arrays():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, size=(rows, 5, 4), dtype=np.uint8) for rows in (30, 12)]
    labels = [rng.integers(0, 3, size=rows, dtype=np.uint8) for rows in (30, 12)]
    return pictures[0], labels[0], pictures[1], labels[1]


@pytest.fixture(scope="session")
def contents(arrays):
    """The four IDX files, by name."""
    return {name: write_idx(array) for name, array in zip(NAMES, arrays, strict=True)}


@pytest.fixture
def small(contents, official):
    """The set as the course would declare it; its own mirror does not exist."""
    files = [
        RemoteFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    ]
    return ImageSet(
        name="small",
        title="Small",
        classes=("a", "b", "c"),
        files=tuple(files),
        official=official.base,
        mirror=f"{official.base}nowhere/",
    )


def offer(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
