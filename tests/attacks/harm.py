"""Promise 3: nothing is harmed. Each tries to stop the run, to outlive it, or to cost a neighbour
marks."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.model import NOTEBOOK, UNIT, Attack, Outcome, Target, harms, with_code

STOPS = "the run does not end, or another learner's result is not what it would have been"


def harm(name: str, code: str, success: str = STOPS, **more: Any) -> Attack:
    return Attack(name, 3, success, harms, code, **more)


ENDLESS = [
    harm("loops-in-python", "while True:\n    pass", quick=True),
    harm("loops-in-c", "sum(iter(int, 1))"),
    harm("loops-in-a-regular-expression", "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')"),
    harm("sleeps", "import time\ntime.sleep(10_000)"),
    harm(
        "waits-for-a-lock",
        "import threading\nlock = threading.Lock(); lock.acquire(); lock.acquire()",
    ),
    harm("waits-for-input", "input('password? ')"),
    harm(
        "ignores-every-signal",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
        quick=True,
    ),
    harm(
        "stops-the-timers",
        """
import signal
class Never:
    def __call__(self, *args): return None
signal.setitimer = Never()
signal.alarm(0)
import sys
for module in list(sys.modules.values()):
    if hasattr(module, "time_limit"):
        module.TimeLimit = None
real = __import__("_signal")
for which in (0, 1, 2):
    real.setitimer(which, 0)
while True:
    pass
""",
    ),
    harm("loops-in-the-answer", "def weighted_sum(inputs, weights, bias):\n    while True: pass"),
    harm(
        "sleeps-in-the-answer",
        "import time\ndef weighted_sum(inputs, weights, bias):\n    time.sleep(10_000)",
    ),
    harm(
        "loops-when-it-is-freed",
        """
class Loop:
    def __del__(self):
        while True: pass
keep = Loop()
import atexit
atexit.register(lambda: Loop())
del keep
""",
    ),
]

FLOODS = [
    harm(
        "fork-bomb",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        plain=False,  # nothing but a limit of the kernel's on processes bounds it there
    ),
    harm(
        "thread-bomb",
        """
import threading, time
try:
    while True:
        threading.Thread(target=time.sleep, args=(10_000,)).start()
except RuntimeError:
    pass
""",
        plain=False,
    ),
    harm("memory-flood", "data = []\nwhile True:\n    data.append(bytearray(64 << 20))"),
    harm(
        "memory-flood-of-many-processes",
        """
import os, time
for _ in range(16):
    if os.fork() == 0:
        data = b"x" * (300 << 20)
        time.sleep(10_000)
time.sleep(5)
""",
        plain=False,
    ),
    harm(
        "disk-flood",
        """
import os
for folder in (".", "/tmp", "/dev/shm", "/var/tmp"):
    try:
        for number in range(100):
            with open(f"{folder}/flood-{number}", "wb") as file:
                for _ in range(50):
                    file.write(bytes(1 << 20))
    except OSError:
        pass
""",
        plain=False,
    ),
    harm(
        "inode-flood",
        """
import itertools
try:
    for number in itertools.count():
        open(f"/tmp/flood-{number}", "w").close()
except OSError:
    pass
""",
        plain=False,
    ),
    harm(
        "descriptor-flood",
        "import os\ntry:\n    while True: os.open('/dev/null', 0)\nexcept OSError: pass",
    ),
    harm("output-flood", "for _ in range(200):\n    print('x' * (1 << 20))", quick=True),
    harm("error-flood", "raise ValueError('x' * (50 << 20))"),
    harm(
        "answer-flood",
        "def weighted_sum(inputs, weights, bias):\n"
        "    return {'k' * 50_000 + str(n): n for n in range(200)}",
    ),
    harm(
        "file-too-large-for-a-signal",
        "open('big', 'wb').write(bytes(1 << 20) * 400)",
        plain=False,
    ),
]

CRASHES = [
    harm("segfault", "import ctypes\nctypes.string_at(0)", quick=True),
    harm("abort", "import os\nos.abort()"),
    harm("exits", "import os\nos._exit(1)"),
    harm("system-exit", "raise SystemExit(1)"),
    harm("interrupts-itself", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)"),
    harm("stops-itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    harm(
        "deep-recursion",
        "import sys\nsys.setrecursionlimit(10**9)\ndef down(n):\n    return down(n + 1)\ndown(0)",
    ),
    harm(
        "deep-recursion-in-the-answer",
        "def weighted_sum(inputs, weights, bias):\n"
        "    value = []\n    for _ in range(200_000): value = [value]\n    return value",
    ),
    harm(
        "kills-its-parents",
        """
import os, signal
for pid in (os.getppid(), 1, @VICTIM@, -1):
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except OSError:
            pass
""",
        "the grader or a process of the host is killed",
        quick=True,
    ),
    harm(
        "leaves-a-daemon",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in range(3, 256):
        try:
            os.close(number)
        except OSError:
            pass
    time.sleep(300)
    os._exit(0)
""",
        "a process outlives the run",
    ),
    harm(
        "changes-settings-for-the-next",
        """
import os
for folder in ("@HOME@", os.path.expanduser("~")):
    path = folder + "/.ipython/profile_default/startup"
    try:
        os.makedirs(path, exist_ok=True)
        with open(path + "/00-first.py", "w") as file:
            file.write("import os; os._exit(1)")
    except OSError:
        pass
""",
        "a later learner's notebook does not run",
    ),
    harm(
        "deletes-the-class",
        """
import shutil
for path in ("@CLASS@/results", "@CLASS@/feedback", "@CLASS@/autograded", "@CLASS@/source"):
    shutil.rmtree(path, ignore_errors=True)
import glob, os
for path in glob.glob("@SUBMITTED@/*/*/*.ipynb") + ["@CLASS@/gradebook.db"]:
    if "@NAME@" not in path:
        try:
            os.remove(path)
        except OSError:
            pass
""",
        "submissions, results or the gradebook are gone",
    ),
]

# --- notebooks and files -----------------------------------------------------------------------


def file(name: str, make: Callable[[dict], bytes], **more: Any) -> Attack:
    """A hostile file where the notebook should be."""
    return Attack(
        name, 3, STOPS, harms, notebook=lambda notebook, target, who: make(notebook), **more
    )


def _source(change: Callable[[dict], None]) -> Callable[[dict], bytes]:
    def make(notebook: dict) -> bytes:
        change(with_code(notebook, "print(1)"))
        return json.dumps(notebook).encode()

    return make


def _many_cells(notebook: dict) -> None:
    new = {"cell_type": "markdown", "metadata": {}, "source": "x"}
    notebook["cells"] += [{**new, "id": f"more-{n}"} for n in range(100_000)]


def _one_id_for_all(notebook: dict) -> None:
    """nbgrader's DeduplicateIds empties the metadata of all but one, and then gives up."""
    for one in [*notebook["cells"]]:
        if "nbgrader" in one["metadata"]:
            notebook["cells"].append({**one, "id": one["id"] + "-2"})


def _no_metadata(notebook: dict) -> None:
    for one in notebook["cells"]:
        one["metadata"] = None


def _wrong_types(notebook: dict) -> None:
    for number, one in enumerate(notebook["cells"]):
        one["metadata"]["nbgrader"] = [7, "yes", {"grade_id": ["x"]}, None][number % 4]
        one["source"] = [None, 7, {"a": 1}, [one["source"], 3]][number % 4]


def _half_characters(notebook: dict) -> None:
    for one in notebook["cells"]:
        one["source"] = "\ud800" + str(one["source"])


def _slow_text(notebook: dict) -> None:
    """Text that makes careless parsers of Markdown and of Python slow."""
    for text in (
        "[" * 50_000,
        "*a" * 40_000,
        "> " * 20_000 + "x",
        "`" * 30_000,
        "<a" * 40_000,
        "|a" * 20_000 + "\n" + "|-" * 20_000,
        "![](" * 20_000,
        "$" * 30_001,
    ):
        for kind in ("markdown", "code"):
            one: dict[str, Any] = {
                "cell_type": kind,
                "id": f"slow-{len(notebook['cells'])}",
                "metadata": {},
            }
            if kind == "code":
                one |= {"outputs": [], "execution_count": None}
            notebook["cells"].append({**one, "source": text})


def _deep_code(notebook: dict) -> None:
    """Python that is nested deeper than a parser's stack."""
    for text in (
        "(" * 50_000 + ")" * 50_000,
        "-" * 90_000 + "1",
        "x = " + "[" * 5000,
        "1" + "+1" * 60_000,
        "a" + ".b" * 60_000,
        "lambda: " * 9_000 + "1",
        "\n".join(" " * n + "if 1:" for n in range(99)),
        "f'" + "{" * 9_000,
        "weighted_sum" + "()" * 50_000,
        "not " * 40_000 + "1",
    ):
        notebook["cells"].append(
            {
                "cell_type": "code",
                "id": f"deep-{len(notebook['cells'])}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": text,
            }
        )


def _control_characters(notebook: dict) -> None:
    text = "".join(map(chr, range(32))) + "\u202e\u2066\u200b\x7f\x9b31m"
    for one in notebook["cells"]:
        if one["cell_type"] == "markdown":
            one["source"] = text + str(one["source"])


NOTEBOOKS = [
    file("notebook-of-40-MB", lambda notebook: b'{"cells": "' + b"x" * (40 << 20) + b'"}'),
    file("nested-a-million-deep", lambda notebook: b'{"cells":' + b"[" * 1_000_000, quick=True),
    file("seven-million-empty-lists", lambda notebook: b"[" + b"[]," * 7_000_000 + b"[]]"),
    file("a-hundred-thousand-cells", _source(_many_cells)),
    file("every-cell-twice", _source(_one_id_for_all)),
    file("metadata-that-is-null", _source(_no_metadata)),
    file("fields-of-the-wrong-type", _source(_wrong_types), quick=True),
    file("half-characters", _source(_half_characters)),
    file("control-characters", _source(_control_characters)),
    file("text-that-is-slow-to-render", _source(_slow_text)),
    file("code-nested-too-deep-to-parse", _source(_deep_code)),
    file("number-of-a-million-digits", lambda notebook: b'{"nbformat": ' + b"9" * 1_000_000 + b"}"),
    file("truncated-file", lambda notebook: json.dumps(notebook).encode()[:9_000]),
    file("bytes-that-are-no-text", lambda notebook: bytes(range(256)) * 100),
    file("empty-file", lambda notebook: b""),
    file("format-of-the-future", _source(lambda notebook: notebook.update(nbformat=9))),
    file(
        "format-of-the-past",
        lambda notebook: json.dumps(
            {"nbformat": 2, "worksheets": [{"cells": [{"cell_type": "code", "input": [7]}] * 9}]}
        ).encode(),
    ),
]


def strange(name: str, place: Callable[[Path, Target, str], None], **more: Any) -> Attack:
    return Attack(
        name, 3, more.pop("success", STOPS), more.pop("succeeded", harms), place=place, **more
    )


def _instead(make: Callable[[Path, Target], None]) -> Callable[[Path, Target, str], None]:
    """Puts something strange where the notebook should be."""

    def place(folder: Path, target: Target, learner: str) -> None:
        path = folder / learner / UNIT / NOTEBOOK
        path.parent.mkdir(parents=True)
        make(path, target)

    return place


def _socket(path: Path, target: Target) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a Unix socket has at most 108 characters
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def _device(path: Path, target: Target) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    except OSError:
        path.symlink_to("/dev/zero")


def _unreadable(path: Path, target: Target) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


def _links_around(folder: Path, target: Target, learner: str) -> None:
    (folder / learner).mkdir(parents=True)
    (folder / learner / UNIT).symlink_to(folder)
    (folder / learner / "again").symlink_to(folder / learner)


def _archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, to in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, to)
    return buffer.getvalue()


def zipped(name: str, make: Callable[[Target], bytes], **more: Any) -> Attack:
    def place(folder: Path, target: Target, learner: str) -> None:
        path = folder / learner / UNIT / "work.zip"
        path.parent.mkdir(parents=True)
        path.write_bytes(make(target))

    return strange(name, place, plain=False, **more)


def _as_another(folder: Path, target: Target, learner: str) -> None:
    """Files that bear an honest learner's name, as learning platforms write it."""
    path = folder / learner / UNIT
    path.mkdir(parents=True)
    (path / "honest-a_12345_67890_neuron.ipynb").write_bytes(b"{}")
    moodle = path / "honest-a_12345_assignsubmission_file_"
    moodle.mkdir()
    (moodle / NOTEBOOK).write_bytes(b"{}")
    (path / "work.zip").write_bytes(
        _archive({"honest-a_12345_assignsubmission_file_/neuron.ipynb": b"{}"})
    )


def _wrote_outside(outcome: Outcome) -> str:
    assert outcome.target is not None
    escaped = [path for path in outcome.target.home.parent.rglob("*escaped*")]
    escaped += [path for path in Path("/tmp").glob("*escaped-from-a-zip*")]
    return f"wrote {escaped[0]}" if escaped else harms(outcome)


def _hostile_names(folder: Path, target: Target, learner: str) -> None:
    """One submission, {}, under each of many names. This learner's own is the last."""
    names = [
        "line\nbreak",
        "...",
        ".hidden\t",
        "right\u202eot-left",
        "\u0007bell",
        "zero\u200bwidth",
        "-rf",
        "$(reboot)",
        "'; drop table student; --",
        "<script>alert(1)</script>",
        "a" * 200,
        "\U0001f40d" * 60,  # 240 bytes in 60 characters
        "con",
        "%s%n{0}",
        "\udcff\udcfe",
        " ",
        "=1+1",
    ]
    for name in [*names, learner]:
        path = folder / name / UNIT
        path.mkdir(parents=True)
        (path / NOTEBOOK).write_bytes(b"{}")


def _hostile_archive_names(folder: Path, target: Target, learner: str) -> None:
    names = ["\U0001f40d" * 100, "a/../b", "x\0y", "\u202e" * 9, "n" * 5000, "con ", "line\nbreak"]
    path = folder / learner / UNIT
    path.mkdir(parents=True)
    (path / "work.zip").write_bytes(_archive({f"{name}/neuron.ipynb": b"{}" for name in names}))
    (folder / ("\U0001f40d" * 50)).mkdir()


PLACES = [
    strange("fifo", _instead(lambda path, target: os.mkfifo(path)), quick=True),
    strange("device", _instead(_device)),
    strange("socket-file", _instead(_socket)),
    strange("folder-called-like-a-notebook", _instead(lambda path, target: path.mkdir())),
    strange(
        "link-to-a-neighbour",
        _instead(
            lambda path, target: path.symlink_to(target.submitted / "honest-a" / UNIT / NOTEBOOK)
        ),
        success="points for another learner's notebook",
        succeeded=lambda outcome: f"earned {outcome.score:g}" if outcome.score else "",
        quick=True,
    ),
    strange(
        "link-to-the-home-folder",
        _instead(lambda path, target: path.symlink_to(target.home / "secret.txt")),
    ),
    strange("link-to-endless-zeros", _instead(lambda path, target: path.symlink_to("/dev/zero"))),
    strange("links-in-a-circle", _links_around),
    strange(
        "unreadable-file",
        _instead(_unreadable),
    ),
    strange(
        "named-as-another-learner",
        _as_another,
        success="an honest learner is graded on what the attacker handed in, or not at all",
        plain=False,
        quick=True,
    ),
    strange("hostile-names", _hostile_names, plain=False),
    strange("hostile-names-in-an-archive", _hostile_archive_names, plain=False),
    zipped("zip-bomb", lambda target: _archive({"neuron.ipynb": bytes(200 << 20)})),
    zipped(
        "zip-of-zips",
        lambda target: _archive(
            {
                f"{n}.zip": _archive({f"{m}/neuron.ipynb": bytes(9 << 20) for m in range(20)})
                for n in range(10)
            }
        ),
    ),
    zipped(
        "zip-that-climbs",
        lambda target: _archive(
            {f"{'../' * depth}escaped-from-a-zip/neuron.ipynb": b"{}" for depth in range(1, 9)}
            | {f"{target.home}/escaped-from-a-zip.ipynb": b"{}"}
        ),
        success="a file is written outside the scratch folder",
        succeeded=_wrote_outside,
    ),
    zipped(
        "zip-with-links",
        lambda target: _archive({}, {"neuron.ipynb": f"{target.home}/secret.txt"}),
    ),
    zipped(
        "zip-of-a-hundred-thousand-files",
        lambda target: _archive({f"{n}.txt": b"" for n in range(100_001)}),
    ),
    zipped(
        "zip-that-lies-about-its-size",
        lambda target: _archive({"neuron.ipynb": b"0" * 40_000_000}).replace(
            (40_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
        ),
    ),
]

ATTACKS = [*ENDLESS, *FLOODS, *CRASHES, *NOTEBOOKS, *PLACES]
