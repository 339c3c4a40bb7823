"""Plain `nbgrader autograde` on the same submissions, in a jail where it can harm nothing.

Each attack gets a course of its own with honest learners beside it, in a bubblewrap jail without
network in which only that course, a home and /tmp can be written.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.attacks.arena import CLONE, Arena, planted_secrets, write_submission
from tests.attacks.model import NOTEBOOK, UNIT, Attack, Outcome, Target
from tests.attacks.suite import Keep
from tests.attacks.traps import Traps

JAIL_SECONDS = 150  # for both notebooks of a course; a cell has CELL_SECONDS
CELL_SECONDS = 15
MEMORY_GB = 4
HONEST = "zz-honest"  # graded after the attacker
PORTS = 47811, 47812
VICTIM = 4  # the process that is kept alive in the jail; it is always the same one there


def try_plain(
    arena: Arena, attacks: Sequence[Attack], say: Callable[[str], None], keep: Keep
) -> None:
    """Tries each attack that applies on plain nbgrader; `keep` gets what it achieved."""
    course = Course(arena)

    def one(attack: Attack) -> None:
        achieved = course.attack(attack)
        say(f"plain nbgrader, {attack.name}: {achieved or 'nothing'}")
        keep({attack.name: achieved})

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(one, [attack for attack in attacks if attack.on_plain]):
            pass


class Course:
    """Makes an nbgrader course folder for each attack, and says what came of it."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.honest = bare_of_demos(arena.honest["a-honest"])
        self.full = sum(e.points for e in arena.grading.answers.exercises.values())

    def attack(self, attack: Attack) -> str:
        folder = Path(tempfile.mkdtemp(prefix="plain-", dir=self.arena.folder))
        try:
            return self._attack(attack, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attack(self, attack: Attack, folder: Path) -> str:
        course, home = folder / "class", folder / "home"
        shutil.copytree(self.arena.template, course, ignore=shutil.ignore_patterns("results"))
        home.mkdir()
        secrets = planted_secrets(self.arena.grading.seed)
        (home / "secret.txt").write_text(secrets["home"])
        target = Target(
            clone=CLONE,
            class_folder=course,
            submitted=course / "submitted",
            home=home,
            tcp=PORTS[0],
            udp=PORTS[1],
            abstract="chainrule-attacks-jail",
            socket=folder / "out/listener",
            victim=VICTIM,
            secrets=secrets,
        )
        (folder / "out").mkdir()
        write_submission(attack, self.arena.bare, target, target.submitted)
        path = target.submitted / HONEST / UNIT / NOTEBOOK
        path.parent.mkdir(parents=True)
        path.write_bytes(self.honest)
        (course / "nbgrader_config.py").write_text("c = get_config()\n")
        began = time.monotonic()
        # Whether a neighbour comes to harm is asked of attacks that want to do harm only: grading
        # a second notebook takes as long again.
        alone = "" if attack.promise == 3 else attack.name
        ended = in_jail(folder, secrets, alone)
        outcome = self.outcome(attack, target, folder, ended)
        outcome.seconds = min(time.monotonic() - began, 60) if ended else 1e3
        return attack.succeeded(outcome)

    def outcome(self, attack: Attack, target: Target, folder: Path, ended: bool) -> Outcome:
        out = folder / "out/said.json"
        told: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
        scores = marks(target.class_folder / "gradebook.db")
        autograded = target.class_folder / "autograded" / attack.name / UNIT / NOTEBOOK
        reached = [trap for trap, who in told.get("heard", []) if who == attack.name]
        return Outcome(
            score=scores.get(attack.name),
            status="graded",  # nbgrader keeps no account of what it could not grade
            said=autograded.read_text(errors="replace") if autograded.exists() else "",
            reached=reached,
            class_harm=self.harm(told, scores, ended),
            target=target,
        )

    def harm(self, told: dict[str, Any], scores: dict[str, float | None], ended: bool) -> str:
        if not ended:
            return f"grading did not end within {JAIL_SECONDS} s"
        if not told:
            return "the grader was killed"
        if not told["alive"]:
            return "a process of the host was killed"
        if told["left"]:
            return f"{told['left']} processes outlived the run"
        if scores.get(HONEST) != self.full:
            return f"an honest learner got {scores.get(HONEST)} and not {self.full:g} points"
        return ""


def bare_of_demos(data: bytes) -> bytes:
    notebook = json.loads(data)
    tags = [cell["metadata"].get("tags", []) for cell in notebook["cells"]]
    pairs = zip(notebook["cells"], tags, strict=True)
    notebook["cells"] = [cell for cell, tagged in pairs if "demo" not in tagged]
    return json.dumps(notebook).encode()


def marks(gradebook: Path) -> dict[str, float | None]:
    """Points by learner, as nbgrader counts them: a mark by hand goes before the automatic one."""
    query = (
        "select sa.student_id, sum(coalesce(g.manual_score, g.auto_score)) from grade g"
        " join submitted_notebook sn on g.notebook_id = sn.id"
        " join submitted_assignment sa on sn.assignment_id = sa.id group by 1"
    )
    try:
        with sqlite3.connect(f"file:{gradebook}?mode=ro", uri=True) as opened:
            return dict(opened.execute(query).fetchall())
    except sqlite3.Error:
        return {}


# --- the jail ----------------------------------------------------------------------------------


def in_jail(folder: Path, secrets: dict[str, str], alone: str) -> bool:
    """Run this module's `main` in the jail. False when it had to be ended.

    alone: the only learner to grade; "" for all.
    """
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": f"{CLONE}:{CLONE}/course",
        "HOME": str(folder / "home"),
        "LANG": "C.UTF-8",
        "CHAINRULE_CANARY": secrets["environment"],
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    command += ["--size", str(512 << 20), "--tmpfs", "/tmp", "--size", str(64 << 20)]
    command += ["--tmpfs", "/dev/shm"]
    for path in {CLONE, Path(sys.prefix), folder / "home"}:  # what lies below /tmp is hidden now
        if path.is_relative_to("/tmp"):
            command += ["--ro-bind", str(path), str(path)]
    command += ["--bind", str(folder), str(folder), "--clearenv"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    command += [sys.executable, "-m", "tests.attacks.plain", str(folder), secrets["tmp"], alone]
    process = subprocess.Popen(
        command,
        cwd=CLONE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(JAIL_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        process.kill()  # and with bubblewrap all that is in it
        process.wait()
        return False


def main(folder: Path, secret: str, alone: str) -> None:
    """In the jail: set the traps, run nbgrader, and write down what was seen."""
    for kind, amount in ((resource.RLIMIT_AS, MEMORY_GB << 30), (resource.RLIMIT_FSIZE, 1 << 28)):
        resource.setrlimit(kind, (amount, amount))
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process
    Path("/tmp/canary.txt").write_text(secret)
    traps = Traps(folder / "out", *PORTS, tag="jail")
    command = [sys.executable, "-m", "nbgrader", "autograde", UNIT, "--create"]
    command += [f"--ExecutePreprocessor.timeout={CELL_SECONDS}"]
    command += [f"--student={alone}"] if alone else []
    with open(folder / "out/log", "wb") as log:
        done = subprocess.run(command, cwd=folder / "class", stdout=log, stderr=log)
    time.sleep(0.5)
    said = {
        "code": done.returncode,
        "heard": traps.heard,
        "alive": traps.victim.poll() is None,
        "left": len(still_running(traps.victim.pid)),
    }
    (folder / "out/said.json").write_text(json.dumps(said))
    os._exit(0)


def still_running(victim: int) -> list[int]:
    from autograde.sandbox.inside.processes import descendants

    return [pid for pid in descendants(os.getpid()) if pid != victim]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
