"""Hostile and broken submissions: each harms itself only."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograde.sandbox import Cell

HONEST = [Cell("f", "def f(x):\n    return x + 1"), Cell("check-f", "", "f", ("f",))]
AFTER = Cell("after", "print('after')")
ONE_CASE = {"f": [([1], {})]}


def text(outputs):
    return "".join(o.get("text", "") for o in outputs)


def printed(sandbox, source):
    run = sandbox.run([Cell("cell", source)], {})
    assert run.failure is None
    return text(run.outputs.get("cell", []))


def assert_still_earns(run):
    """The snapshot taken before the attack answers, and the fault is not ours."""
    assert run.failure is None
    assert run.replies["f"][0].observation == 2


# --- cells that do not end -----------------------------------------------------------------------


@pytest.mark.parametrize("loop", ["while True:\n    pass", "import time\ntime.sleep(60)"])
def test_a_cell_over_its_time_is_dropped_and_the_rest_run(sandbox, loop):
    run = sandbox.run([*HONEST, Cell("loop", loop), AFTER], ONE_CASE)
    assert_still_earns(run)
    assert run.outputs["loop"][-1]["ename"] == "TimeLimit"
    assert run.limits_hit == ["Cell loop ran for more than 0.6 s and was dropped."]
    assert text(run.outputs["after"]) == "after\n"


@pytest.mark.parametrize(
    "loop",
    [
        "sum(iter(int, 1))",  # in C: no signal handler runs
        "def loop():\n    while True: pass\n"
        "while True:\n    try: loop()\n    except BaseException: pass",
    ],
)
def test_a_cell_that_cannot_be_interrupted_ends_the_notebook(sandbox, loop):
    run = sandbox.run([*HONEST, Cell("loop", loop), AFTER], ONE_CASE)
    assert_still_earns(run)
    assert run.limits_hit == [
        "Cell loop did not stop after 0.6 s; the cells after it were not run."
    ]
    assert "after" not in run.outputs and run.seconds < 8


def test_what_was_printed_before_a_crash_is_kept(sandbox):
    cells = [Cell("first", "print('first')"), *HONEST, Cell("end", "import os; os._exit(3)"), AFTER]
    run = sandbox.run(cells, ONE_CASE)
    assert_still_earns(run)
    assert text(run.outputs["first"]) == "first\n" and "after" not in run.outputs
    assert run.limits_hit == [
        "The notebook's process ended in cell end; the cells after it were not run."
    ]


def test_a_check_cell_after_a_crash_has_no_answer(sandbox):
    run = sandbox.run([Cell("end", "import os; os.abort()"), *HONEST], ONE_CASE)
    assert run.failure is None
    assert run.replies["f"][0].problem == "The notebook's process ended before this check cell."


# --- functions that do not answer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("while x == 1: pass", "No answer within 0.5 s."),
        ("import time; time.sleep(30 if x == 1 else 0)", "No answer within 0.5 s."),
        ("if x == 1: import os; os._exit(0)", "Its process ended without an answer."),
        ("if x == 1: import ctypes; ctypes.string_at(0)", "Its process ended without an answer."),
    ],
)
def test_a_case_without_an_answer_costs_that_exercise_only(sandbox, body, problem):
    cells = [Cell("g", f"def g(x):\n    {body}\n    return x"), Cell("check-g", "", "g", ("g",))]
    run = sandbox.run([*cells, *HONEST], {"g": [([0], {}), ([1], {}), ([2], {})], **ONE_CASE})
    assert_still_earns(run)
    assert run.replies["g"][0].observation == 0
    assert run.replies["g"][1].problem == problem
    assert run.replies["g"][2].problem == f"Not tried. An earlier case: {problem}"
    assert run.limits_hit == ([f"g: {problem}"] if "within" in problem else [])


FIND_SOCKET = """
import os, socket, struct
def own_socket():
    for number in range(3, 256):
        try:
            socket.socket(fileno=number).detach()
            return number
        except OSError:
            continue
"""


@pytest.mark.parametrize(
    ("attack", "problem"),
    [
        ("os.write(own_socket(), b'\\0\\0\\0\\4junk')", "What it returned can't be read."),
        (
            "os.write(own_socket(), b'\\xff' * 100)",
            "What it returned is too large to be compared.",
        ),
        ("os.close(own_socket())", "Its process ended without an answer."),
    ],
)
def test_garbage_for_an_answer_earns_nothing(sandbox, attack, problem):
    cells = [
        Cell("g", FIND_SOCKET + f"def g(x):\n    {attack}\n    return x"),
        Cell("check-g", "", "g", ("g",)),
    ]
    run = sandbox.run([*cells, *HONEST], {"g": [([0], {})], **ONE_CASE})
    assert_still_earns(run)
    assert run.replies["g"][0].observation is None
    assert run.replies["g"][0].problem == problem


def test_an_answer_that_no_snapshot_gave_in_time_is_not_read_as_one(sandbox):
    """The notebook writes to the check's socket before there is a snapshot."""
    attack = FIND_SOCKET + (
        "for number in range(3, 64):\n"
        "    try: os.write(number, b'\\0\\0\\0\\1\\xc0' * 3)\n"
        "    except OSError: pass\n"
    )
    run = sandbox.run([Cell("attack", attack), *HONEST], ONE_CASE)
    assert run.failure is None and run.replies["f"][0].observation is None


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        "{'started': [], 'ended': {}}",
        "{'ended': 'after', 'streams': 7}",
        "{'done': 1}",
        "[[]] * 9",
    ],
)
def test_a_forged_report_is_not_believed_beyond_the_outputs(sandbox, message):
    attack = (
        "import msgpack, os\n"
        f"data = msgpack.packb({message})\n"
        "for number in range(3, 64):\n"
        "    try: os.write(number, len(data).to_bytes(4, 'big') + data)\n"
        "    except OSError: pass\n"
    )
    run = sandbox.run([*HONEST, Cell("attack", attack), AFTER], ONE_CASE)
    assert_still_earns(run)


def test_a_supervisor_told_lies_does_not_make_it_our_failure(sandbox):
    """A snapshot is announced that there never was, and the notes are flooded."""
    attack = (
        "import os, struct\n"
        "for number in range(3, 64):\n"
        "    try:\n"
        "        os.set_blocking(number, False)\n"
        "        for _ in range(9000): os.write(number, struct.pack('>cII', b'f', 1, 4000))\n"
        "    except OSError: pass\n"
        "os._exit(0)\n"
    )
    cells = [*HONEST, Cell("attack", attack), Cell("check-g", "", "g", ("g",))]
    run = sandbox.run(cells, {**ONE_CASE, "g": [([0], {})]})
    assert_still_earns(run)
    assert run.replies["g"][0].problem == "Its process ended without an answer."


def test_a_huge_answer_is_refused(sandbox):
    source = "import numpy as np\ndef g(n):\n    return np.ones(n)"
    cells = [Cell("g", source), Cell("check-g", "", "g", ("g",))]
    run = sandbox.run(cells, {"g": [([4_000_000], {}), ([2], {})]})
    assert run.replies["g"][0].problem == "What it returned is too large to be compared."
    assert run.replies["g"][1].observation.tolist() == [1, 1]


# --- using up the machine ------------------------------------------------------------------------


def test_killing_every_process_harms_the_killer_only(sandbox):
    source = (
        "import os\n"
        "for name in os.listdir('/proc'):\n"
        "    if name.isdecimal() and int(name) != os.getpid():\n"
        "        for number in (2, 15, 19, 9):\n"
        "            try: os.kill(int(name), number)\n"
        "            except OSError: pass\n"
        "print('done')\n"
    )
    run = sandbox.run([*HONEST, Cell("kill", source)], ONE_CASE)
    assert run.failure is None and text(run.outputs["kill"]) == "done\n"
    assert run.replies["f"][0].problem == "Its process ended without an answer."
    assert_still_earns(sandbox.run(HONEST, ONE_CASE))


def test_a_fork_bomb_is_bounded_and_leaves_nothing(sandbox):
    source = (
        "import os, time\n"
        "count = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(60)\n"
        "        count += 1\n"
        "except OSError:\n"
        "    print(count)\n"
    )
    run = sandbox.run([*HONEST, Cell("bomb", source)], ONE_CASE)
    assert_still_earns(run)
    assert 0 < int(text(run.outputs["bomb"])) < 64


def test_a_copy_of_the_notebook_does_not_run_on(sandbox):
    source = "import os\nif os.fork() == 0:\n    print('copy')"
    run = sandbox.run([Cell("fork", source), AFTER], {})
    assert text(run.outputs["fork"]) == "" and text(run.outputs["after"]) == "after\n"


def test_a_memory_hog_gets_a_memory_error(sandbox):
    run = sandbox.run([*HONEST, Cell("hog", "x = bytearray(4 << 30)"), AFTER], ONE_CASE)
    assert_still_earns(run)
    assert run.outputs["hog"][0]["ename"] == "MemoryError"
    assert text(run.outputs["after"]) == "after\n"


def test_many_processes_share_one_memory_limit(sandbox):
    source = (
        "import os, time\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        x = b'x' * (400 << 20)\n"
        "        time.sleep(60)\n"
        "time.sleep(1.5)\n"
        "alive = sum(os.waitpid(-1, os.WNOHANG) == (0, 0) for _ in range(5))\n"
        "print(alive)\n"
    )
    run = sandbox.run([*HONEST, Cell("hog", source)], ONE_CASE)
    assert run.failure is None
    ended = any("1024 MB" in sentence for sentence in run.limits_hit)
    assert ended or int(text(run.outputs["hog"])) < 5


def test_a_file_cannot_fill_the_disk(sandbox):
    source = "open('big', 'wb').write(bytes(100 << 20))"
    (error,) = sandbox.run([Cell("cell", source)], {}).outputs["cell"]
    assert "File too large" in error["evalue"]


# --- seeing and reaching what is not theirs ------------------------------------------------------


def test_files_of_this_machine_do_not_exist_inside(sandbox, tmp_path):
    planted = tmp_path / "planted"
    planted.write_text("secret")
    root = Path(__file__).parents[2]
    paths = [planted, root, root / "pyproject.toml", Path.home(), Path("/etc/passwd")]
    source = f"import os\nprint([p for p in {[str(p) for p in paths]} if os.path.exists(p)])"
    assert printed(sandbox, source) == "[]\n"


def test_the_grader_does_not_exist_inside(sandbox):
    source = "import importlib.util as u\nprint([n for n in %r if u.find_spec(n)])"
    names = ["autograde", "solutions", "nbgrader", "nbformat", "distributed", "pytest"]
    assert printed(sandbox, source % names) == "[]\n"


def test_a_numpy_unit_has_no_torch_scipy_or_sklearn(sandbox):
    source = (
        "import importlib, sys\n"
        "sys.path += ['/usr/lib/python3/dist-packages', '/usr/local/lib']\n"
        "for name in ('torch', 'scipy', 'sklearn'):\n"
        "    try: importlib.import_module(name)\n"
        "    except ModuleNotFoundError: print(name)\n"
    )
    assert printed(sandbox, source) == "torch\nscipy\nsklearn\n"


def test_there_is_no_network(sandbox):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        source = (
            "import socket\n"
            f"for address in (('127.0.0.1', {port}), ('1.1.1.1', 53)):\n"
            "    try: socket.create_connection(address, timeout=1); print('connected')\n"
            "    except OSError: print('refused')\n"
        )
        assert printed(sandbox, source) == "refused\nrefused\n"


def test_nothing_outside_the_scratch_folder_can_be_written(sandbox):
    source = (
        "import numpy, os, chainrule\n"
        "paths = ['/x', '/usr/x', '/dev/x', '/opt/x', '/proc/1/mem', '/proc/sys/vm/swappiness']\n"
        "paths += [os.path.dirname(m.__file__) + '/x' for m in (numpy, chainrule)]\n"
        "for path in paths:\n"
        "    try: open(path, 'w'); print('wrote', path)\n"
        "    except OSError: pass\n"
        "for call in (lambda: os.setuid(0), lambda: os.chroot('/tmp'), lambda: os.mkdir('/new')):\n"
        "    try: call(); print('did', call)\n"
        "    except OSError: pass\n"
        "print(os.getuid() != 0)\n"
    )
    assert printed(sandbox, source) == "True\n"


def test_new_namespaces_and_tracing_are_refused(sandbox):
    source = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.unshare(0x10000000), libc.ptrace(0, 0, 0, 0), libc.memfd_create(b'x', 0))\n"
    )
    assert printed(sandbox, source) == "-1 -1 -1\n"


def test_only_its_own_processes_are_visible(sandbox):
    source = "import os\nprint(sorted(int(n) for n in os.listdir('/proc') if n.isdecimal()))"
    assert printed(sandbox, source) == "[1, 2]\n"


def test_two_submissions_do_not_see_each_others_files(sandbox):
    write = "import os\nfor d in ('.', '/tmp', '/dev/shm'):\n    open(d + '/mine', 'w').close()"
    look = "import os\nprint([d for d in ('.', '/tmp', '/dev/shm') if os.path.exists(d + '/mine')])"
    wait, longer = (f"import time\ntime.sleep({seconds})" for seconds in (0.2, 0.5))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(sandbox.run, [Cell("write", write), Cell("wait", longer)], {})
        second = pool.submit(sandbox.run, [Cell("wait", wait), Cell("look", look)], {})
    assert first.result().outputs["write"] == []
    assert text(second.result().outputs["look"]) == "[]\n"
    assert printed(sandbox, look) == "[]\n"


def test_one_submission_leaves_nothing_in_the_next(sandbox):
    sandbox.run([Cell("a", "import numpy\nnumpy.sin = None\nleft = 1")], {})
    source = "import numpy\nprint(numpy.sin is None, 'left' in globals())"
    assert printed(sandbox, source) == "False False\n"


def test_many_submissions_at_once(sandbox):
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: sandbox.run(HONEST, ONE_CASE), range(12)))
    for run in runs:
        assert_still_earns(run)


def test_a_background_process_does_not_outlive_the_run(sandbox, warm_parents, assert_nothing_new):
    source = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    while True: time.sleep(1)\n"
    before = warm_parents()
    run = sandbox.run([Cell("fork", source), *HONEST], ONE_CASE)
    assert_still_earns(run)
    assert_nothing_new(before)
