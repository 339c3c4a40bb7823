"""Several sockets carried over one pair of pipes: in and out of a container.

On the pipes each piece is a header, the socket's number and how many bytes follow; no bytes mean
that the socket is closed. Both ends run this; the one outside believes nothing it reads.
"""

from __future__ import annotations

import os
import select
import socket
import struct

from .frames import MAX_FRAME

HEADER = struct.Struct(">II")
PIECE = 1 << 16
MOST_WAITING = MAX_FRAME + PIECE  # bytes for a socket that nobody reads; then it is closed


class Mux:
    """Carries `sockets`, by their number, until the pipe to read from ends or all are closed."""

    def __init__(self, reader: int, writer: int, sockets: dict[int, socket.socket]) -> None:
        self.reader, self.writer, self.sockets = reader, writer, sockets
        self.to_pipe, self.from_pipe = bytearray(), bytearray()
        self.waiting = {number: bytearray() for number in sockets}
        for descriptor in (reader, writer, *(sock.fileno() for sock in sockets.values())):
            os.set_blocking(descriptor, False)

    def run(self) -> None:
        try:
            while self.sockets or self.to_pipe:
                if not self.step():
                    break
        except (OSError, ValueError):
            pass  # the other end is gone, or spoke nonsense: for those who wait here it is the same
        for number in list(self.sockets):
            self.drop(number)

    def step(self) -> bool:
        """Move what can be moved. False when the pipe has ended."""
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        if self.to_pipe:
            poll.register(self.writer, select.POLLOUT)
        numbers = {sock.fileno(): number for number, sock in self.sockets.items()}
        for descriptor, number in numbers.items():
            # While the pipe is full, nothing more is taken from the sockets.
            wanted = 0 if len(self.to_pipe) > PIECE else select.POLLIN
            poll.register(descriptor, wanted | (select.POLLOUT if self.waiting[number] else 0))
        for descriptor, event in poll.poll():
            if descriptor == self.reader:
                data = os.read(self.reader, PIECE)
                if not data:
                    return False
                self.deliver(data)
            elif descriptor == self.writer:
                del self.to_pipe[: os.write(self.writer, self.to_pipe[:PIECE])]
            elif numbers[descriptor] in self.sockets:
                self.serve(numbers[descriptor], event)
        return True

    def serve(self, number: int, event: int) -> None:
        sock = self.sockets[number]
        try:
            if event & select.POLLOUT:
                del self.waiting[number][: sock.send(self.waiting[number][:PIECE])]
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                data = sock.recv(PIECE)
                self.to_pipe += HEADER.pack(number, len(data)) + data
                if not data:
                    self.drop(number)
        except BlockingIOError:
            pass
        except OSError:
            self.to_pipe += HEADER.pack(number, 0)
            self.drop(number)

    def deliver(self, data: bytes) -> None:
        """Give each piece to its socket. Raises ValueError for one that can't be."""
        self.from_pipe += data
        while len(self.from_pipe) >= HEADER.size:
            number, length = HEADER.unpack_from(self.from_pipe)
            if length > PIECE:
                raise ValueError("a piece is too large")
            if len(self.from_pipe) < HEADER.size + length:
                return
            piece = self.from_pipe[HEADER.size : HEADER.size + length]
            del self.from_pipe[: HEADER.size + length]
            if number not in self.sockets:
                continue  # closed here already
            self.waiting[number] += piece
            if len(self.waiting[number]) > MOST_WAITING:
                self.drop(number)
            elif not length:
                self.flush(number)

    def flush(self, number: int) -> None:
        """The other end of this socket is closed: pass on what is left, and that."""
        sock = self.sockets[number]
        sock.settimeout(1)
        try:
            sock.sendall(self.waiting[number])
        except OSError:
            pass
        self.drop(number)

    def drop(self, number: int) -> None:
        self.sockets.pop(number).close()
        self.waiting[number].clear()
