"""Stands in for Docker: writes down its command line, and runs the container's program here.

What it runs has none of a container's walls, only those that the program makes for itself.
"""

import json
import os
import sys
import sysconfig
from pathlib import Path

import autograde
import chainrule

log = Path(os.environ["FAKE_ENGINE_LOG"])
arguments = sys.argv[1:]
with log.open("a") as file:
    file.write(json.dumps([arguments, "" if arguments[0] != "build" else sys.stdin.read()]) + "\n")
if arguments[0] == "image":
    sys.exit(0 if (log.parent / "built").exists() else 1)
if arguments[0] == "build":
    (log.parent / "built").touch()
if arguments[0] == "run":
    program = arguments[arguments.index("python") + 1 :]
    places = [Path(autograde.__file__).parent / "sandbox", Path(chainrule.__file__).parents[1]]
    inside = [places[0] / "inside", places[1] / "chainrule", sys.base_prefix]
    inside += [sysconfig.get_path("purelib"), "/usr", "/lib", "/lib64", "/dev"]
    settings = json.loads(program[4])
    settings["readable"] = list(map(str, inside))  # where a container would have /opt
    program[4] = json.dumps(settings)
    environment = dict(word[6:].split("=", 1) for word in arguments if word.startswith("--env="))
    environment["PYTHONPATH"] = os.pathsep.join(map(str, places))
    os.chdir("/tmp")
    os.execve(sys.executable, [sys.executable, *program], environment)
