"""Opening, breaking and closing a sandbox; the allow-list; the self-test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from autograde.sandbox import Cell, Limits, SandboxUnavailable, bubblewrap, open_sandbox, selftest
from autograde.sandbox.packages import BASE, allowed_files, closure

LIMITS = Limits(cell_seconds=5, case_seconds=1, submission_seconds=30, memory_mb=3000)
HONEST = [Cell("f", "def f(x):\n    return x + 1"), Cell("check-f", "", "f", ("f",))]
ONE_CASE = {"f": [([1], {})]}


def text(outputs):
    return "".join(o.get("text", "") for o in outputs)


# --- the allow-list ------------------------------------------------------------------------------


def test_the_allow_list_holds_what_the_learner_package_needs_and_no_more():
    names = set(closure(BASE))
    assert {"numpy", "matplotlib", "ipython", "traitlets", "pillow"} <= names
    assert not names & {"torch", "scipy", "scikit-learn", "nbgrader", "jupyterlab", "pytest"}


def test_the_allow_list_names_the_dependencies_in_pyproject():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = {line.split(">")[0] for line in project["dependencies"]}
    assert declared == set(BASE)


def test_a_requested_package_brings_its_requirements():
    assert {"torch", "sympy", "jinja2"} <= set(closure(["torch"]))


def test_folders_of_shared_libraries_and_metadata_come_along():
    files = allowed_files([])
    assert {"numpy", "numpy.libs", "typing_extensions.py", "mpl_toolkits"} <= set(files)
    assert any(name.startswith("numpy-") for name in files)
    assert not any(name.endswith(".pth") or name in ("..", "__pycache__") for name in files)


def test_a_missing_package_is_said_with_what_to_do():
    with pytest.raises(SandboxUnavailable, match="pip install no-such-package"):
        allowed_files(["no_such.package"])


# --- opening -------------------------------------------------------------------------------------


def test_an_unknown_mode_is_refused(unit):
    with pytest.raises(ValueError, match="no sandbox mode 'magic'"):
        open_sandbox("magic", unit=unit, packages=[], limits=LIMITS)


def test_another_system_is_told_in_a_sentence(unit, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="Linux") as caught:
        open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS)
    assert caught.value.exit_code == 3


def test_without_bubblewrap_the_message_says_how_to_install_it(unit, monkeypatch):
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name, path=None: None)
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap"):
        open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS)


def test_a_refusal_of_bubblewrap_is_shown(unit, monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "tool", lambda name, package: str(broken))
    with pytest.raises(SandboxUnavailable, match="No permissions to create a new namespace"):
        open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS)


@pytest.mark.usefixtures("bwrap")
def test_a_sandbox_with_a_hole_is_not_opened(unit, monkeypatch, tmp_path):
    hole = tmp_path / "hole"
    hole.write_text("visible")
    whole = bubblewrap.command

    def with_a_hole(site, code, arguments):
        line = whole(site, code, arguments)
        place = line.index("--proc")
        return [*line[:place], "--ro-bind", str(hole), "/opt/hole", *line[place:]]

    monkeypatch.setattr(bubblewrap, "command", with_a_hole)
    monkeypatch.setattr(selftest, "private_paths", lambda: ["/opt/hole"])
    with pytest.raises(SandboxUnavailable, match="read /opt/hole"):
        open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS)


def test_the_self_test_sees_that_mode_none_does_not_isolate(unit):
    with open_sandbox("none", unit=unit, packages=[], limits=LIMITS) as sandbox:
        with pytest.raises(SandboxUnavailable, match="connected to a port.*killed a process"):
            selftest.check(sandbox)


def test_mode_none_runs_the_same_protocol(unit):
    with open_sandbox("none", unit=unit, packages=[], limits=LIMITS) as sandbox:
        assert sandbox.mode == "none" and sandbox.walls == []
        run = sandbox.run(HONEST, ONE_CASE)
        assert run.failure is None and run.replies["f"][0].observation == 2
        spec = "import importlib.util as u\nprint(u.find_spec('torch'), u.find_spec('pytest'))"
        assert text(sandbox.run([Cell("x", spec)], {}).outputs["x"]) == "None None\n"


@pytest.mark.usefixtures("bwrap")
def test_a_unit_that_asks_for_torch_has_it(unit):
    with open_sandbox("bwrap", unit=unit, packages=["torch"], limits=LIMITS) as sandbox:
        cells = [
            Cell("f", "import torch\ndef f(x):\n    return torch.tensor(x).sum()"),
            Cell("check-f", "", "f", ("f",)),
            Cell("no", "import sklearn"),
        ]
        run = sandbox.run(cells, {"f": [([[1.0, 2.0]], {})]})
        assert run.replies["f"][0].observation.values == 3.0
        assert run.outputs["no"][0]["ename"] == "ModuleNotFoundError"


# --- breaking and closing ------------------------------------------------------------------------


def kill(processes):
    for pid in processes:
        with suppress(ProcessLookupError):  # the children die with their parent
            os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("bwrap")
def test_a_killed_parent_fails_the_run_in_flight_and_is_started_again(unit, warm_parents):
    before = warm_parents()
    with open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS) as sandbox:
        parents = warm_parents() - before
        with ThreadPoolExecutor(1) as pool:
            slow = [Cell("slow", "import time\ntime.sleep(3)"), *HONEST]
            flight = pool.submit(sandbox.run, slow, ONE_CASE)
            time.sleep(0.5)
            kill(parents)
            run = flight.result()
        assert run.failure is not None and run.seconds < 3
        assert run.replies["f"][0].observation is None
        assert sandbox.run(HONEST, ONE_CASE).replies["f"][0].observation == 2


@pytest.mark.usefixtures("bwrap")
def test_a_sandbox_outlives_the_thread_that_restarted_it(unit, warm_parents):
    """bubblewrap's --die-with-parent means the thread that started it."""
    before = warm_parents()
    with open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS) as sandbox:
        kill(warm_parents() - before)
        thread = threading.Thread(target=sandbox.run, args=(HONEST, ONE_CASE))
        thread.start()
        thread.join()
        run = sandbox.run([Cell("slow", "import time\ntime.sleep(0.5)"), *HONEST], ONE_CASE)
        assert run.failure is None


@pytest.mark.parametrize("mode", ["bwrap", "none"])
def test_nothing_is_left_after_closing(
    unit, mode, bwrap, warm_parents, assert_nothing_new, monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = warm_parents()
    with open_sandbox(mode, unit=unit, packages=[], limits=LIMITS) as sandbox:
        cell = "import os, time\nfor _ in range(3):\n    if os.fork() == 0: time.sleep(60)"
        sandbox.run([Cell("fork", cell)], {})
        assert warm_parents() - before
    assert_nothing_new(before)
    assert list(tmp_path.iterdir()) == []
    assert "/opt/site-packages" not in Path("/proc/self/mounts").read_text()


@pytest.mark.usefixtures("bwrap")
def test_closing_ends_a_run_in_flight(unit):
    sandbox = open_sandbox("bwrap", unit=unit, packages=[], limits=LIMITS)
    with ThreadPoolExecutor(1) as pool:
        flight = pool.submit(sandbox.run, [Cell("slow", "import time\ntime.sleep(10)")], {})
        time.sleep(0.3)
        sandbox.close()
        assert flight.result().failure is not None and flight.result().seconds < 5


COORDINATOR = """
import time
from autograde.sandbox import Cell, Limits, open_sandbox
sandbox = open_sandbox({mode!r}, unit={unit!r}, packages=[], limits=Limits())
print("ready", flush=True)
sandbox.run([Cell("slow", "import time; time.sleep(60)")], {{}})
"""


@pytest.mark.parametrize("mode", ["bwrap", "none"])
def test_nothing_is_left_when_the_coordinator_is_killed(
    unit, mode, bwrap, warm_parents, assert_nothing_new, tmp_path
):
    before = warm_parents()
    program = [sys.executable, "-c", COORDINATOR.format(mode=mode, unit=unit)]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as coordinator:
        assert coordinator.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        assert warm_parents() - before
        coordinator.kill()
    assert_nothing_new(before)
