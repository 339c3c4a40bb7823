"""Put a service under load: many clients at once, each sending one request after the other.

The clients speak HTTP over plain sockets, because a comfortable client library would take longer
for a request than the service that is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chainrule.deployment import loops


@dataclass
class Load:
    """What a load test saw.

    milliseconds: of each request that was answered with 200, client by client. statuses: how many
    requests ended with which status; 0 stands for a connection that broke or was refused.
    seconds: from the first request to the last answer.
    """

    milliseconds: list[list[float]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Answers with 200 per second."""
        return self.statuses[200] / self.seconds


def load_test(url: str, bodies: Sequence[bytes], clients: int = 16) -> Load:
    """Send every body to `url` as JSON, shared among so many clients at once.

    A client sends its next request when the last was answered, on one connection that stays open.
    """
    load = Load()
    began = time.perf_counter()
    loops.run(_all(url, bodies, clients, load))
    load.seconds = time.perf_counter() - began
    return load


async def _all(url: str, bodies: Sequence[bytes], clients: int, load: Load) -> None:
    waiting = list(bodies)[::-1]
    load.milliseconds = [[] for _ in range(clients)]
    await asyncio.gather(*[_client(url, waiting, mine, load) for mine in load.milliseconds])


async def _client(url: str, waiting: list[bytes], mine: list[float], load: Load) -> None:
    parts = urlsplit(url)
    reader = writer = None
    while waiting:
        body = waiting.pop()
        began = time.perf_counter()
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            status = await exchange(reader, writer, parts.path, body)
        except (OSError, EOFError, ValueError, IndexError):
            status = 0
        load.statuses[status] += 1
        if status == 200:
            mine.append((time.perf_counter() - began) * 1000)
        if status == 0:
            reader = writer = None
            await asyncio.sleep(0.001)
    if writer is not None:
        writer.close()


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes
) -> int:
    """One request and its whole answer; the answer's status."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    lines = answer.lower().split(b"\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(lines[0].split()[1])
