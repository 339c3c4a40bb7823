"""The modes beside bubblewrap: what each promises, what it says, and how an engine is called."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograde.cli import SANDBOX_HELP
from autograde.sandbox import (
    GAPS,
    MODES,
    Cell,
    Limits,
    SandboxUnavailable,
    containers,
    landlocked,
    open_sandbox,
)
from autograde.sandbox.inside import landlock

LIMITS = Limits(cell_seconds=3, case_seconds=1, submission_seconds=60, memory_mb=1024)
HONEST = [Cell("f", "def f(x):\n    return x + 1"), Cell("check-f", "", "f", ("f",))]
ONE_CASE = {"f": [([1], {})]}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="graded code runs on Linux")


def text(outputs):
    return "".join(o.get("text", "") for o in outputs)


def printed(sandbox, source):
    run = sandbox.run([Cell("cell", source)], {})
    assert run.failure is None
    return text(run.outputs.get("cell", []))


def test_the_help_names_every_mode():
    assert all(f"{mode}: " in SANDBOX_HELP for mode in MODES)
    assert set(GAPS) == set(MODES) - {"bwrap"}


def test_an_unknown_mode_is_told_which_there_are(unit):
    with pytest.raises(ValueError, match="no sandbox mode 'jail'.*bwrap.*docker.*landlock") as e:
        open_sandbox("jail", unit=unit, packages=[], limits=LIMITS)
    assert e.value.exit_code == 2


# --- landlock ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walled(unit):
    """A sandbox of the mode "landlock"."""
    if landlock.version() < landlocked.OLDEST_LANDLOCK:
        pytest.skip("this kernel's Landlock is too old")
    with open_sandbox("landlock", unit=unit, packages=[], limits=LIMITS) as opened:
        yield opened


def test_landlock_stands_without_namespaces(walled):
    assert walled.walls == ["landlock", "seccomp"]
    assert walled.run(HONEST, ONE_CASE).replies["f"][0].observation == 2


REFUSED = {
    "list the root": "os.listdir('/')",
    "list processes": "os.listdir('/proc')",
    "read a file of this account": "open({planted!r}).read()",
    "write beside it": "open({planted!r} + '2', 'w')",
    "change who may read it": "os.chmod({planted!r}, 0o777)",
    "change its time": "os.utime({planted!r})",
    "remove it": "os.remove({planted!r})",
    "link to it": "os.link({planted!r}, 'mine')",
    "use TCP": "socket.create_connection(('127.0.0.1', {port}), 1)",
    "use UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "use local sockets": "socket.socket(socket.AF_UNIX)",
    "stop what watches it": "os.kill(os.getppid(), 19)",
    "stop the grader": "os.kill({pid}, 9)",
    "slow the grader down": "os.setpriority(os.PRIO_PROCESS, {pid}, 19)",
    "take limits from the grader": "resource.prlimit({pid}, resource.RLIMIT_NOFILE, (3, 3))",
    "pin the grader": "os.sched_setaffinity({pid}, [0])",
    "be root again": "os.setresuid(0, 0, 0)",
    "run a program": "os.execv('/bin/sh', ['sh'])",
    "write where all may": "open('/dev/shm/mine', 'w')",
    "import what is not allowed": "__import__('pytest')",
}


@pytest.mark.parametrize("what", REFUSED)
def test_landlock_mode_does_not_let_graded_code(walled, what, tmp_path):
    planted = tmp_path / "planted"
    planted.write_text("secret")
    line = REFUSED[what].format(planted=str(planted), port=1, pid=os.getpid())
    source = f"import os, resource, socket\ntry:\n    {line}\nexcept (OSError, ImportError) as e:"
    assert printed(walled, source + "\n    print('refused')") == "refused\n"
    assert planted.read_text() == "secret" and not (tmp_path / "planted2").exists()


def test_landlock_mode_leaves_a_folder_of_its_own_and_the_library(walled):
    source = (
        "import tempfile, sqlite3, wave\nimport numpy as np\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2]); plt.savefig('a.png')\n"
        "with tempfile.NamedTemporaryFile() as file: np.save(file, np.ones(3))\n"
        "import os\nprint(os.getcwd(), os.listdir('.'))"
    )
    folder, files = printed(walled, source).split(" ", 1)
    assert files == "['a.png']\n" and not Path(folder).exists()


def test_submissions_do_not_see_one_another_without_namespaces(walled):
    started = threading.Event()

    def first():
        cells = [Cell("a", "open('mine', 'w').write('x')\nimport os, time\nprint(os.getcwd())")]
        started.set()
        return walled.run([*cells, Cell("b", "time.sleep(2)")], {})

    look = (
        "import glob, os, time\ntime.sleep(0.5)\nup = os.path.dirname(os.getcwd())\n"
        "try:\n    print(os.listdir(up))\nexcept OSError:\n    print('refused')"
    )
    with ThreadPoolExecutor(2) as pool:
        flight = pool.submit(first)
        started.wait()
        assert printed(walled, look) == "refused\n"
        assert flight.result().failure is None


def test_many_processes_are_bounded_and_end(walled, warm_parents, assert_nothing_new):
    before = warm_parents()
    bomb = "import os, time\nwhile True:\n    if os.fork() == 0:\n        time.sleep(60)"
    run = walled.run([*HONEST, Cell("bomb", bomb)], ONE_CASE)
    assert run.failure is None and run.replies["f"][0].observation == 2
    assert_nothing_new(before)


def test_nothing_is_left_of_landlock_mode(unit, walled, warm_parents, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_sandbox("landlock", unit=unit, packages=[], limits=LIMITS) as sandbox:
        sandbox.run([Cell("a", "open('mine', 'w').write('x')")], {})
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_an_old_kernel_is_told_what_is_needed(unit, monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 5)
    with pytest.raises(SandboxUnavailable, match="Linux 6.12 or newer.*offers 5.*bwrap"):
        open_sandbox("landlock", unit=unit, packages=[], limits=LIMITS)


# --- docker --------------------------------------------------------------------------------------


def test_the_command_line_of_a_container():
    line = containers.command("docker", "chainrule-sandbox:1", LIMITS, ["-m", "inside.relay"])
    said = " ".join(line)
    assert said.startswith("docker run --rm --interactive --pull=never --log-driver=none ")
    for word in (
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--user=59999:59999",
        "--memory=1536m",
        "--memory-swap=1536m",
        "--pids-limit=320",
        "--ulimit=core=0",
        "--ipc=private",
        "--shm-size=64m",
        "--hostname=sandbox",
        "--tmpfs=/tmp:rw,nosuid,nodev,size=256m,mode=1777",
        "--workdir=/tmp",
    ):
        assert line.count(word) == 1, word
    mounts = [word for word in line if word.startswith("--volume=")]
    ends = ["/sandbox/inside:/opt/grader/inside:ro", "/chainrule:/opt/site-packages/chainrule:ro"]
    assert [mount.endswith(end) for mount, end in zip(mounts, ends, strict=True)] == [True, True]
    assert said.endswith(" chainrule-sandbox:1 python -s -P -m inside.relay")
    assert "--privileged" not in said and "host" not in said.replace("--hostname=sandbox", "")


def test_the_image_has_the_allowed_packages_as_they_are_here():
    import numpy

    text = containers.dockerfile(["torch"])
    assert text.startswith(f"FROM python:3.{sys.version_info.minor}-slim\n")
    assert f" numpy=={numpy.__version__} " in text and " torch==" in text and "+" not in text
    assert "scikit-learn" not in text and "nbgrader" not in text
    assert containers.image_name(text) != containers.image_name(containers.dockerfile([]))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An engine called `docker` on the PATH that starts no container; what it was told."""
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    fake = Path(__file__).with_name("fake_engine.py")
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_ENGINE_LOG", str(tmp_path / "log"))
    return lambda: [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def test_a_submission_is_graded_through_the_pipes_of_its_container(unit, engine):
    with open_sandbox("docker", unit=unit, packages=[], limits=LIMITS) as sandbox:
        assert sandbox.mode == "docker" and sandbox.walls[0] == "container"
        big = Cell("big", "import numpy as np\ndef g(n):\n    return np.arange(float(n))")
        loop = Cell("loop", "while True: pass")
        cells = [*HONEST, big, Cell("check-g", "", "g", ("g",)), loop, Cell("after", "print(1)")]
        run = sandbox.run(cells, {**ONE_CASE, "g": [([400_000], {}), ([3], {})]})
        assert run.failure is None and run.replies["f"][0].observation == 2
        assert run.replies["g"][0].observation.shape == (400_000,)
        assert run.replies["g"][1].observation.tolist() == [0, 1, 2]
        assert run.limits_hit == ["Cell loop ran for more than 3 s and was dropped."]
        assert text(run.outputs["after"]) == "1\n"
    told = engine()
    assert [words[0] for words, _ in told[:3]] == ["info", "image", "build"]
    assert told[2][0][1] == "--tag" and told[2][1].startswith("FROM python:3.")
    assert [words[0] for words, _ in told[3:]] == ["run", "run"]  # the self-test, the submission


def test_one_that_floods_a_socket_harms_itself_only(unit, engine):
    flood = (
        "import os, socket\nfor n in range(3, 64):\n    try:\n"
        "        s = socket.socket(fileno=n)\n        s.setblocking(True)\n"
        "        while True: s.send(b'\\xff' * 65536)\n"
        "    except OSError:\n        continue"
    )
    with open_sandbox("docker", unit=unit, packages=[], limits=LIMITS) as sandbox:
        with ThreadPoolExecutor(2) as pool:
            bad = pool.submit(sandbox.run, [Cell("flood", flood), *HONEST], ONE_CASE)
            good = pool.submit(sandbox.run, HONEST, ONE_CASE)
            assert good.result().replies["f"][0].observation == 2
            assert bad.result().replies["f"][0].observation is None


def test_a_container_that_does_not_start_is_our_failure(unit, engine, tmp_path):
    with open_sandbox("docker", unit=unit, packages=[], limits=LIMITS) as sandbox:
        (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexit 125\n")
        run = sandbox.run(HONEST, ONE_CASE)
    assert "a container did not start" in run.failure and run.replies["f"][0].observation is None


def test_without_an_engine_the_message_says_what_to_install(unit, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, **kwargs: None)
    with pytest.raises(SandboxUnavailable, match="neither.*Install Docker or Podman") as caught:
        open_sandbox("docker", unit=unit, packages=[], limits=LIMITS)
    assert caught.value.exit_code == 3


def test_an_engine_that_does_not_answer_is_quoted(unit, engine, tmp_path, monkeypatch):
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho 'no daemon runs' >&2\nexit 1\n")
    monkeypatch.setattr(containers, "ENGINES", ("docker",))
    with pytest.raises(SandboxUnavailable, match="`docker info` failed.*no daemon runs"):
        open_sandbox("docker", unit=unit, packages=[], limits=LIMITS)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_real_engine_grades(unit):
    try:
        containers.find_engine()
    except SandboxUnavailable:
        pytest.skip("no container engine answers")
    with open_sandbox("docker", unit=unit, packages=[], limits=LIMITS) as sandbox:
        assert sandbox.run(HONEST, ONE_CASE).replies["f"][0].observation == 2
