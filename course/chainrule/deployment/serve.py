"""The process that a service of the notebook runs in: `python -m chainrule.deployment.serve FOLDER`

It serves FOLDER/app.py on a free port of this machine only, prints the port, and stops by itself
when the process that started it is gone: its standard input then ends.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time

LAST_RESORT = 10.0  # seconds that a stopping service may take to answer what it accepted


def main(folder: str) -> None:
    import uvicorn

    os.chdir(folder)
    sys.path.insert(0, os.getcwd())
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    from app import app

    config = uvicorn.Config(app, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    threading.Thread(target=stop_with_parent, args=(server,), daemon=True).start()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    server.run(sockets=[listening])


def stop_with_parent(server: object) -> None:
    """Stop when standard input ends, in peace first."""
    while sys.stdin.buffer.read(1):
        pass
    server.should_exit = True  # type: ignore[attr-defined]
    time.sleep(LAST_RESORT)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
