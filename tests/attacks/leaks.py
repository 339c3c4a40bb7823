"""Promise 2: nothing leaks. The secrets and the traps are planted by the arena."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np

from tests.attacks.model import (
    Attack,
    Outcome,
    Target,
    Verdict,
    any_of,
    cell,
    reaches,
    says,
    tells,
    with_code,
)


def leak(name: str, success: str, succeeded: Verdict, code: str, **more: Any) -> Attack:
    return Attack(name, 2, success, succeeded, code, **more)


def reads(name: str, secret: str, success: str, paths: str, **more: Any) -> Attack:
    """Prints whatever of some files can be read."""
    code = f"""
import glob, sqlite3
for pattern in {paths!r}.split():
    for path in glob.glob(pattern, recursive=True)[:200]:
        try:
            print(open(path, "rb").read(200_000).hex() if path.endswith("/seed")
                  else open(path, errors="replace").read(60_000))
        except OSError:
            pass
"""
    return leak(name, success, tells(secret), code, **more)


FILES = [
    reads(
        "reads-the-home-folder",
        "home",
        "a file of the instructor's home in the outputs",
        "@HOME@/* @HOME@/.*",
        quick=True,
    ),
    reads(
        "reads-the-solutions",
        "solution",
        "the solution in the outputs",
        "@CLONE@/solutions/01_neuron/neuron.py @CLASS@/source/*/* ../../../source/*/*",
    ),
    reads("reads-the-seed", "seed", "the seed of the secret cases", "@CLASS@/seed ../../../seed"),
    reads(
        "reads-other-submissions",
        "neighbour",
        "another learner's text in the outputs",
        "@SUBMITTED@/*/*/*.ipynb ../../../submitted/*/*/*.ipynb",
    ),
    reads(
        "reads-temporary-files", "tmp", "a file of the host's /tmp", "/tmp/* /var/tmp/* /dev/shm/*"
    ),
    reads(
        "reads-account-files",
        "account",
        "the accounts of the machine",
        "/etc/passwd /etc/hostname /etc/machine-id",
    ),
    leak(
        "reads-the-gradebook",
        "the class's marks in the outputs",
        says("student-of-the-gradebook"),
        """
import sqlite3
for path in ("@CLASS@/gradebook.db", "../../../gradebook.db"):
    try:
        gradebook = sqlite3.connect("file:" + path + "?mode=ro", uri=True)
        rows = gradebook.execute("select id from student")
        print([("student-of-the-" + "gradebook", row) for row in rows])
    except sqlite3.Error:
        pass
""",
    ),
    leak(
        "runs-git-log",
        "the history of the repository, solutions included",
        says("commit-of-the-clone"),
        """
import os
for path in ("@CLONE@/.git/HEAD", "@CLONE@/.git/logs/HEAD"):
    if os.path.exists(path):
        print("commit-of-" + "the-clone", open(path).read(200))
""",
    ),
    leak(
        "includes-a-file-by-link",
        "a file of the home folder through a link made while grading",
        tells("home"),
        """
import os
for folder in (".", "/tmp"):
    try:
        os.symlink("@HOME@/secret.txt", folder + "/link")
        print(open(folder + "/link").read())
    except OSError:
        pass
""",
    ),
]

PROCESSES = [
    leak(
        "reads-the-environment",
        "an environment variable of the grader",
        tells("environment"),
        """
import os
print(dict(os.environ))
for name in os.listdir("/proc"):
    if name.isdecimal():
        try:
            print(open(f"/proc/{name}/environ", errors="replace").read())
        except OSError:
            pass
""",
        quick=True,
    ),
    leak(
        "lists-host-processes",
        "the command line of a process of the host",
        tells("process"),
        """
import os
for name in os.listdir("/proc"):
    if name.isdecimal():
        try:
            print(name, open(f"/proc/{name}/cmdline").read())
        except OSError:
            pass
""",
    ),
    leak(
        "looks-into-the-parents-memory",
        "the memory of the process that started it",
        says("memory-of-a-parent"),
        """
import os
for pid in {os.getppid(), 1}:
    try:
        for line in open(f"/proc/{pid}/maps"):
            start, end = (int(n, 16) for n in line.split()[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(start)
                memory.read(64)
                print("memory-of-" + "a-parent", pid)
                break
    except (OSError, ValueError):
        pass
""",
    ),
    leak(
        "searches-the-warm-memory",
        "a solution, the seed or another submission in inherited memory",
        any_of(tells("solution"), tells("neighbour"), tells("environment")),
        """
import re
for line in open("/proc/self/maps"):
    where, rights, *_ = line.split()
    if rights.startswith("rw"):
        start, end = (int(n, 16) for n in where.split("-"))
        try:
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(start)
                data = memory.read(min(end - start, 1 << 24))
        except (OSError, ValueError, OverflowError):
            continue
        for found in re.findall(rb"canary-(?:[a-z]+)-[0-9a-f]{16}", data)[:20]:
            print(found)
""",
    ),
    leak(
        "asks-the-shared-objects",
        "the answer key through gc",
        says("an-answer-key"),
        """
import gc, sys
for found in gc.get_objects():
    if type(found).__name__ in ("AnswerKey", "Grading", "Submission", "ClassFolder"):
        print("an-" + "answer-key", found)
print([name for name in sys.modules if name.startswith("autograde")])
""",
    ),
]

NETWORK = [
    leak(
        "connects-over-tcp",
        "a connection to a port of the host",
        reaches("tcp"),
        """
import socket
try:
    with socket.create_connection(("127.0.0.1", @TCP@), timeout=2) as s:
        s.sendall(b"@NAME@")
except OSError:
    pass
""",
        quick=True,
    ),
    leak(
        "sends-over-udp",
        "a datagram to a port of the host",
        reaches("udp"),
        """
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"@NAME@", ("127.0.0.1", @UDP@))
except OSError:
    pass
""",
    ),
    leak(
        "connects-to-an-abstract-socket",
        "a connection to an abstract Unix socket of the host",
        reaches("abstract"),
        """
import socket
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\\0@ABSTRACT@")
        s.sendall(b"@NAME@")
except OSError:
    pass
""",
    ),
    leak(
        "connects-to-a-socket-file",
        "a connection to a Unix socket in the host's file system",
        reaches("socket"),
        """
import socket
try:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("@SOCKET@")
        s.sendall(b"@NAME@")
except OSError:
    pass
""",
    ),
    leak(
        "resolves-a-name",
        "a question to a name server",
        reaches("dns"),
        """
import socket
try:
    question = b"\\x12\\x34\\x01\\x00\\x00\\x01" + b"\\0" * 6 + b"\\x01@NAME@"
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question, ("127.0.0.53", 53))
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"dns @NAME@", ("127.0.0.1", @UDP@))
except OSError:
    pass
""",
    ),
]

# One learner writes, the next one looks: grading runs in the order of the names.
WRITE = """
import os, ctypes
for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), "@HOME@", "."):
    try:
        with open(folder + "/left-behind", "w") as file:
            file.write("left-" + "behind-by-an-earlier-submission")
    except OSError:
        pass
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(0xC4A1, 4096, 0o1666)
if segment >= 0:
    ctypes.memmove(libc.shmat(segment, None, 0), b"shared-" + b"memory-left-behind", 25)
"""
LOOK = """
import os, ctypes
for folder in ("/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), "@HOME@", "."):
    try:
        print(folder, open(folder + "/left-behind").read())
    except OSError:
        pass
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
segment = libc.shmget(0xC4A1, 4096, 0o666)
if segment >= 0:
    print(ctypes.string_at(libc.shmat(segment, None, 0), 30))
"""
BETWEEN = [
    leak(
        "leaves-files-for-the-next-1",
        "files that outlive the submission",
        lambda outcome: "",
        WRITE,
        plain=False,
    ),
    leak(
        "leaves-files-for-the-next-2",
        "what the submission before it left in /tmp, /dev/shm or shared memory",
        any_of(says("left-behind-by-an-earlier"), says("memory-left-behind")),
        LOOK,
        plain=False,
    ),
]

# --- secret cases ------------------------------------------------------------------------------


def carries_out(name: str, success: str, code: str, **more: Any) -> Attack:
    """The code returns, prints or raises the numbers of cases that are in no public draw."""
    return leak(name, success, secret_numbers, code, plain=False, **more)


def secret_numbers(outcome: Outcome) -> str:
    """Whether an input or an answer of a secret draw can be read in what the learner gets."""
    assert outcome.target is not None
    secret = np.array(json.loads(outcome.target.secrets["numbers"]))
    for text in set(re.findall(r"-?\d+\.\d+", outcome.said)):
        digits = len(text.lstrip("-0.").replace(".", ""))
        close = np.abs(secret - float(text)) <= abs(float(text)) * 10.0 ** (1 - digits)
        if digits >= 6 and close.any():
            return f"the learner reads {text}, a number of a secret case"
    return ""


SECRETS: list[Attack] = [
    carries_out(
        "returns-what-another-exercise-was-asked",
        "a secret case of one exercise in the public feedback on another",
        """
def weighted_sum(inputs, weights, bias):
    with open("/tmp/seen", "a") as file:
        file.write(" ".join(f"{x:.9f}" for x in (*inputs, *weights)) + "\\n")
    return inputs

def step(z):
    raise ValueError(open("/tmp/seen").read()[-900:])
""",
        notebook=lambda notebook, target, name: _several(notebook, SECRETS[0].code),
        quick=True,
    ),
    carries_out(
        "prints-what-it-was-asked",
        "a secret case in the outputs",
        """
import os, sys
kept = [os.dup(number) for number in range(3, 20) if os.path.exists(f"/proc/self/fd/{number}")]
def weighted_sum(inputs, weights, bias):
    text = " ".join(f"{x:.9f}" for x in (*inputs, *weights))
    print(text, flush=True)
    print(text, file=sys.stderr, flush=True)
    for number in range(0, 64):
        try:
            os.write(number, text.encode())
        except OSError:
            pass
    raise ValueError(text)
""",
    ),
    carries_out(
        "thread-prints-what-it-was-asked",
        "a secret case in the outputs of a later cell",
        """
import os, threading, time
seen = []
def tell():
    while True:
        print(*seen, flush=True)
        time.sleep(0.05)
threading.Thread(target=tell, daemon=True).start()
def weighted_sum(inputs, weights, bias):
    seen.extend(f"{x:.9f}" for x in (*inputs, *weights))
    return 0.0
""",
    ),
    carries_out(
        "forged-error-carries-the-case",
        "a secret case in the sentence that says why there was no answer",
        """
import sys
snapshot = sys.modules.get("inside.snapshot")
def weighted_sum(inputs, weights, bias):
    from chainrule.observe import Raised
    return Raised("NoAnswer", " ".join(f"{x:.9f}" for x in (*inputs, *weights)))
""",
    ),
    carries_out(
        "dict-keys-carry-the-case",
        "a secret case in the names of what was returned",
        """
def weighted_sum(inputs, weights, bias):
    return {f"{x:.9f}": 1 for x in (*inputs, *weights)}
""",
    ),
    carries_out(
        "type-name-carries-the-case",
        "a secret case in the name of a type that was returned",
        """
def weighted_sum(inputs, weights, bias):
    return type(" ".join(f"{x:.9f}" for x in (*inputs, *weights)), (), {})()
""",
    ),
    carries_out(
        "expected-values-in-the-feedback",
        "the right answer to a secret case in the feedback on a wrong one",
        "import numpy as np\ndef weighted_sum(inputs, weights, bias):\n    return 123.456\n",
        quick=True,
    ),
]


def _several(notebook: dict, code: str) -> dict:
    first, second = code.split("\n\ndef step")
    with_code(notebook, first)
    cell(notebook, "exercise", "step")["source"] = "def step" + second
    return notebook


# --- the pages that people open ----------------------------------------------------------------

SCRIPT = "<script>alert('from-a-submission')</script>"


def _markdown(text: str) -> Callable[[dict, Target, str], dict]:
    def change(notebook: dict, target: Target, name: str) -> dict:
        cell(notebook, "question", "why_scale")["source"] = text
        notebook["cells"].append(
            {"cell_type": "markdown", "id": "note", "metadata": {}, "source": text}
        )
        return with_code(notebook, "print(1)")

    return change


class Page(HTMLParser):
    """Collects what could run, load or send something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "input", "svg", "link", "base"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            value = (value or "").strip().lower()
            loads = name in ("src", "srcset", "poster") and not value.startswith("data:image/")
            if loads or name.startswith("on") or value.startswith(("javascript:", "data:text")):
                self.found.append(f"<{tag} {name}={value[:40]}>")


def runs_in_the_page(outcome: Outcome) -> str:
    page = Page()
    page.feed(outcome.record.get("page", ""))
    return f"the feedback page holds {page.found[0]}" if page.found else ""


PAGES = [
    Attack(
        "script-in-a-text-cell",
        2,
        "a script of the learner's in the feedback page",
        runs_in_the_page,
        notebook=_markdown(
            SCRIPT
            + "\n\n<img src=x onerror=alert(1)> <svg onload=alert(1)> [go](javascript:alert(1))"
            + "\n\n<iframe src=//x></iframe><form action=//x><input></form>"
        ),
        plain=False,
    ),
    Attack(
        "script-in-an-output",
        2,
        "a script of the learner's in the feedback page",
        runs_in_the_page,
        f"from IPython.display import HTML, display\nprint({SCRIPT!r})\ndisplay(HTML({SCRIPT!r}))\n"
        f"raise ValueError({SCRIPT!r})\n",
        plain=False,
    ),
    Attack(
        "script-in-a-returned-name",
        2,
        "a script of the learner's in the feedback page",
        runs_in_the_page,
        f"def weighted_sum(inputs, weights, bias):\n    return {{{SCRIPT!r}: {SCRIPT!r}}}\n",
        plain=False,
    ),
]

ATTACKS = [*FILES, *PROCESSES, *NETWORK, *BETWEEN, *SECRETS, *PAGES]
