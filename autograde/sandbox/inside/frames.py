"""Frames on a socket: four bytes of length, then msgpack. Either end may be hostile."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import msgpack

MAX_FRAME = 32 * 1024 * 1024
MAX_DESCRIPTORS = 250  # the kernel passes at most 253 in one message
_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The other end broke the protocol or went away."""


class Closed(FrameError):
    """The other end is gone."""


class TooLate(FrameError):
    """No whole frame arrived (or could be sent) before the deadline."""


class Oversized(FrameError):
    """A frame announced more bytes than are allowed."""


class Malformed(FrameError):
    """A frame was no msgpack."""


class Channel:
    """One end of a stream socket that carries frames. Deadlines are in `time.monotonic()`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, message: Any, deadline: float | None = None) -> None:
        self.send_bytes(msgpack.packb(message), deadline)

    def receive(self, deadline: float | None = None, limit: int = MAX_FRAME) -> Any:
        """The next message. Raises Closed, TooLate, Oversized or Malformed.

        A message can take sixty times its bytes in memory, so from a hostile end ask for few.
        """
        data = self.receive_bytes(deadline, limit)
        try:
            return msgpack.unpackb(data, max_ext_len=0)
        except Exception as error:  # msgpack raises a dozen kinds for bad bytes
            raise Malformed(str(error)) from None

    def send_bytes(self, data: bytes, deadline: float | None = None) -> None:
        try:
            self._wait_until(deadline)
            self.sock.sendall(_LENGTH.pack(len(data)) + data)
        except TimeoutError:
            raise TooLate from None
        except OSError as error:
            raise Closed(str(error)) from None

    def receive_bytes(self, deadline: float | None = None, limit: int = MAX_FRAME) -> bytes:
        """The bytes of the next frame. Raises Closed, TooLate or Oversized."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline))
        if length > limit:
            raise Oversized
        return self._read(length, deadline)

    def _read(self, length: int, deadline: float | None) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                self._wait_until(deadline)
                part = self.sock.recv(min(length - len(parts), 1 << 20))
            except TimeoutError:
                raise TooLate from None
            except OSError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed
            parts += part
        return bytes(parts)

    def _wait_until(self, deadline: float | None) -> None:
        """Let the next operation on the socket take until the deadline at most."""
        if deadline is None:
            self.sock.settimeout(None)
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self.sock.settimeout(remaining)

    def close(self) -> None:
        self.sock.close()
