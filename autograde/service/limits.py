"""How often someone may ask, and how much they may send."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autograde.service.refused import Refused

WINDOW = 60.0  # seconds
WRONG_TOKENS_PER_MINUTE = 30  # from one address; right ones are not held up by them
SMALL_BODY = 64 * 1024  # bytes, of every request that is no upload
FORM_AROUND_FILE = 16 * 1024  # bytes that a form adds to the file in it
MOST_KEYS = 10_000  # after which those that are no longer of use are forgotten


class RateLimit:
    """At most so many in any minute, for each key. Kept in memory: one process serves a class."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.seen: dict[tuple[str, str], deque[float]] = {}
        self.lock = threading.Lock()

    def check(self, what: str, who: str, most: int, sentence: str) -> None:
        """Count one more. Raises Refused, with the seconds to wait, when it is one too many."""
        with self.lock:
            at = self.clock()
            times = self.seen.setdefault((what, who), deque())
            while times and times[0] <= at - WINDOW:
                times.popleft()
            if len(times) >= most:
                wait = max(1, math.ceil(times[0] + WINDOW - at))
                raise Refused(429, f"{sentence} Try again in {wait} s.", wait)
            times.append(at)
            if len(self.seen) > MOST_KEYS:
                self._forget(at)

    def _forget(self, at: float) -> None:
        old = [key for key, times in self.seen.items() if not times or times[-1] <= at - WINDOW]
        for key in old:
            del self.seen[key]


class BodyLimit:
    """ASGI middleware: a request that says it is too large is refused before it is read, and one
    that turns out to be is not read further.

    most: bytes for a request. refuse: the answer to one that is too large.
    """

    def __init__(
        self, app: ASGIApp, most: Callable[[Scope], int], refuse: Callable[[Scope, int], ASGIApp]
    ) -> None:
        self.app, self.most, self.refuse = app, most, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        left = most = self.most(scope)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > most:
            await self.refuse(scope, most)(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise too_large(most)
            return message

        await self.app(scope, counted, send)


def too_large(most: int) -> Refused:
    if most < 2**20:
        return Refused(413, f"This request is larger than the {most} bytes it may have.")
    return Refused(
        413,
        f"The notebook is larger than {most // 2**20} MB, so it was not taken. Clear its outputs "
        "(in JupyterLab: Edit, Clear Outputs of All Cells), save, and hand in again.",
    )
