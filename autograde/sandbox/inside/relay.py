"""The first process in a container: prepares one submission and carries its sockets.

Started as `python -m inside.relay SETTINGS COUNT`: settings as JSON, and how many sockets there
are. Standard input and output are the pipes; the first piece out says which walls stand.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback

from .mux import HEADER, Mux
from .submission import guard
from .warm_parent import walls, warm_up

READY = 0xFFFFFFFF  # the number under which the first piece is sent


def main() -> None:
    settings, count = json.loads(sys.argv[1]), int(sys.argv[2])
    warm = warm_up(settings)
    said = json.dumps(walls(warm)).encode()
    os.write(1, HEADER.pack(READY, len(said)) + said)
    pairs = [socket.socketpair() for _ in range(count)]
    if os.fork() == 0:
        for ours, _ in pairs:
            ours.close()
        try:
            guard(warm, [theirs.detach() for _, theirs in pairs])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    for _, theirs in pairs:
        theirs.close()
    Mux(0, 1, {number: ours for number, (ours, _) in enumerate(pairs)}).run()
    os._exit(0)  # and with this process the container


if __name__ == "__main__":
    main()
