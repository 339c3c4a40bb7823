"""What attackers try to reach: listeners, a process and files on the grader's machine."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path


class Traps:
    """Listens on TCP, UDP, an abstract and a named Unix socket, and keeps one process alive.

    Whoever gets through says its name: `heard` holds (trap, name).
    """

    def __init__(self, folder: Path, tcp: int = 0, udp: int = 0, tag: str = "") -> None:
        self.heard: list[tuple[str, str]] = []
        self.abstract = f"chainrule-attacks-{tag or secrets.token_hex(4)}"
        self.path = folder / "listener"
        self.stream = socket.create_server(("127.0.0.1", tcp))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", udp))
        self.unnamed, self.named = (socket.socket(socket.AF_UNIX) for _ in range(2))
        self.unnamed.bind("\0" + self.abstract)
        self.named.bind(str(self.path))
        self.path.chmod(0o777)
        self.tcp, self.udp = (s.getsockname()[1] for s in (self.stream, self.datagrams))
        self.victim = subprocess.Popen(
            [sys.executable, "-S", "-c", "input()", "canary-process"], stdin=subprocess.PIPE
        )
        for kind, listener in (
            ("tcp", self.stream),
            ("abstract", self.unnamed),
            ("socket", self.named),
        ):
            listener.listen()
            threading.Thread(target=self._accept, args=(kind, listener), daemon=True).start()
        threading.Thread(target=self._receive, daemon=True).start()

    def _accept(self, kind: str, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(2)
                    self.heard.append((kind, connection.recv(100).decode(errors="replace")))
            except TimeoutError:
                continue
            except OSError:
                return

    def _receive(self) -> None:
        while True:
            try:
                data = self.datagrams.recv(200).decode(errors="replace")
            except OSError:
                return
            kind, name = ("dns", data[4:]) if data.startswith("dns ") else ("udp", data)
            self.heard.append((kind, name))

    def reached(self, name: str) -> list[str]:
        return [trap for trap, who in self.heard if who == name]

    def close(self) -> None:
        for listener in (self.stream, self.datagrams, self.unnamed, self.named):
            listener.close()
        self.victim.kill()
        self.victim.wait()
