"""A real service in a process of its own, and a plain HTTP client to talk to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from autograde.service.run import open_tokens

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 60  # seconds
GRADES_WITHIN = 90
UNIT = "01_neuron"

SEED = bytes(range(32))  # of the secret cases: the same for every run of a test

SETTINGS = """
[service]
title = "Deep learning, autumn"
uploads_per_minute = 600
requests_per_minute = 6000

[units.00_welcome]
closes = 2024-01-01T00:00:00Z

[units.01_neuron]
deadline = 2030-06-30T23:59:00+02:00
attempts = 4
"""


@dataclass
class Running:
    """`chainrule serve` on a class folder. Everyone's tokens are made before it starts."""

    folder: Path
    options: list[str] = field(default_factory=list)
    settings: str = SETTINGS
    process: subprocess.Popen | None = None
    port: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "service.toml").write_text(self.settings)
        (self.folder / "seed").write_bytes(SEED)
        self.tokens: dict[str, str] = {}

    def token(self, name: str, instructor: bool = False) -> str:
        if name not in self.tokens:
            db = self.options[self.options.index("--db") + 1] if "--db" in self.options else ""
            self.tokens[name] = open_tokens(ROOT, self.folder, db).add(name, instructor)
        return self.tokens[name]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Running:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "chainrule", "serve", "--class", str(self.folder)]
        command += ["--port", str(self.port), "--jobs", "2", *self.options]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}/login", timeout=2)
                return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"The service did not start:\n{self.log()[-2000:]}")

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        """kill -9, of whatever it started too."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C does. Returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def client(self, name: str) -> httpx.Client:
        header = {"Authorization": f"Bearer {self.token(name)}"}
        return httpx.Client(base_url=self.url, headers=header, timeout=60)

    def hand_in(self, learner: str, data: bytes) -> httpx.Response:
        with self.client(learner) as client:
            return client.post(f"/api/units/{UNIT}/attempts", content=data)

    def attempts(self, learner: str) -> list[dict]:
        with self.client(learner) as client:
            return client.get(f"/api/units/{UNIT}/attempts").json()

    def wait_until_graded(self, *learners: str) -> None:
        deadline = time.monotonic() + GRADES_WITHIN
        for learner in learners:
            while any(one["state"] == "waiting" for one in self.attempts(learner)):
                assert time.monotonic() < deadline, self.log()[-2000:]
                time.sleep(0.2)
