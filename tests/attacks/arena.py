"""The classes that attackers are graded in, and what is seen of them from outside."""

from __future__ import annotations

import copy
import ctypes
import json
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from autograde.answer_key import AnswerKey
from autograde.build.notebooks import notebook_text
from autograde.cohort.class_folder import ClassFolder
from autograde.cohort.grading import Grading
from autograde.cohort.prepare import prepare
from autograde.cohort.sample import ANSWER, deleted_check, fill_in
from autograde.cohort.truth import Planted
from autograde.sandbox.inside.processes import descendants
from autograde.unit import load_unit
from tests.attacks.coordinator import CLONE, LIMITS
from tests.attacks.model import NOTEBOOK, UNIT, Attack, Outcome, Target
from tests.attacks.traps import Traps

SET_SUBREAPER = 36
CLASS_SECONDS = 1500.0  # a class of seventy attackers must end within
MOST_MEMORY = 1000  # MB that the coordinator may take
LINES_OF_ONE_RUN = ("seconds", "graded_at", "outputs")  # of a record; what differs every time


@dataclass
class Finished:
    """How a run of the coordinator ended. code None: it had to be killed."""

    code: int | None
    summary: dict[str, Any]
    said: str
    seconds: float


class Arena:
    """A workspace with a class that is ready to grade, copied for every room."""

    def __init__(self, folder: Path, strict: bool = False) -> None:
        self.folder, self.strict = folder, strict
        # Orphans of a coordinator become this process's children, and can be seen.
        ctypes.CDLL(None).prctl(SET_SUBREAPER, 1, 0, 0, 0)
        self.unit = load_unit(CLONE, "01")
        self.template = folder / "template"
        self.grading: Grading = prepare(self.unit, ClassFolder(self.template), "bwrap", LIMITS)
        self.rooms = 0

    def room(self, traps: Traps | None = None, honest: Sequence[str] | None = None) -> Room:
        """A class of honest learners, ready for attackers to join."""
        self.rooms += 1
        room = Room(self, self.folder / f"room-{self.rooms}", traps)
        shutil.copytree(self.template, room.folder / "class")
        for part in ("home", "tmp", "submitted"):
            (room.folder / part).mkdir()
        (room.folder / "home/secret.txt").write_text(room.secrets["home"])
        for learner, data in self.honest.items():
            if honest is None or learner in honest:
                room.hand_in(learner, data)
        return room

    @cached_property
    def honest(self) -> dict[str, bytes]:
        """Four learners: all right, all wrong, a damaged notebook, and nothing written."""
        key, rng = AnswerKey(self.unit), random.Random(5)
        right = {name: Planted(key.solved_cell(name)) for name in self.unit.declaration.exercises}
        wrong = {
            name: Planted(declared.mistakes[0].apply(key.solved_cell(name)))
            for name, declared in self.unit.declaration.exercises.items()
        }
        release = self.grading.release
        neighbour = f"{ANSWER} {NEIGHBOUR}"
        full = fill_in(release, right, ["why_scale"])
        for cell in full.cells:
            cell.source = cell.source.replace(ANSWER, neighbour)
        return {
            "a-honest": notebook_text(full).encode(),
            "honest-a": notebook_text(full).encode() + b"\n",
            "m-honest": notebook_text(fill_in(release, wrong, [])).encode(),
            "p-honest": deleted_check(fill_in(release, right, []), rng).encode(),
            "z-honest": notebook_text(release).encode(),
        }

    @cached_property
    def alone(self) -> dict[str, tuple]:
        """What each honest learner gets without attackers, and, if strict, with nobody else."""
        found: dict[str, tuple] = {}
        for class_of in [[one] for one in self.honest] if self.strict else [list(self.honest)]:
            room = self.room(honest=class_of)
            finished = room.grade()
            if finished.code != 0:
                raise RuntimeError(f"an honest class can't be graded: {finished.said}")
            found |= {learner: room.result(learner) for learner in class_of}
            room.remove()
        return found

    @cached_property
    def bare(self) -> dict:
        """The released notebook without its demo cells, which would only take time."""
        notebook = copy.deepcopy(self.grading.release)
        notebook.cells = [c for c in notebook.cells if "demo" not in c.metadata.get("tags", [])]
        return json.loads(nbformat.writes(notebook))

    @cached_property
    def secret_numbers(self) -> str:
        """Every number of the secret draws that is in no public case, as JSON."""

        def numbers(value: Any) -> list[float]:
            if isinstance(value, dict):
                return [n for item in value.values() for n in numbers(item)]
            if isinstance(value, (list, tuple)):
                return [n for item in value for n in numbers(item)]
            if isinstance(value, (float, np.ndarray)):
                return [float(n) for n in np.ravel(np.asarray(value, float))]
            return []

        def of(draw: Any) -> set[float]:
            return {
                n
                for case in draw.cases
                for n in numbers([list(case.args), case.kwargs, case.expected])
                if n != round(n, 4)
            }

        secret = {n for draws in self.grading.draws.values() for draw in draws for n in of(draw)}
        public = {
            n for exercise in self.grading.answers.exercises.values() for n in of(exercise.public)
        }
        return json.dumps(sorted(secret - public))


NEIGHBOUR = "canary-neighbour-" + secrets.token_hex(8)


def planted_secrets(seed: bytes = b"", numbers: str = "[]") -> dict[str, str]:
    kinds = ("home", "environment", "tmp")
    return {kind: f"canary-{kind}-{secrets.token_hex(8)}" for kind in kinds} | {
        "neighbour": NEIGHBOUR,
        "process": "canary-process",
        "solution": "np.sum(inputs * weights) + bias",
        "account": "root:x:0:0",
        "seed": seed.hex(),
        "numbers": numbers,
    }


@dataclass
class Room:
    """One class: submitted/, the class folder, a home and a folder for temporary files."""

    arena: Arena
    folder: Path
    traps: Traps | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @cached_property
    def secrets(self) -> dict[str, str]:
        return planted_secrets(self.arena.grading.seed, self.arena.secret_numbers)

    @property
    def submitted(self) -> Path:
        return self.folder / "submitted"

    @property
    def results(self) -> Path:
        return self.folder / "class/results" / f"{UNIT}.jsonl"

    @property
    def gradebook(self) -> Path:
        return self.folder / "class/gradebook.db"

    def target(self) -> Target:
        assert self.traps is not None
        return Target(
            clone=CLONE,
            class_folder=self.folder / "class",
            submitted=self.submitted,
            home=self.folder / "home",
            tcp=self.traps.tcp,
            udp=self.traps.udp,
            abstract=self.traps.abstract,
            socket=self.traps.path,
            victim=self.traps.victim.pid,
            secrets=self.secrets,
        )

    def hand_in(self, learner: str, data: bytes) -> None:
        path = self.submitted / learner / UNIT / NOTEBOOK
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def join(self, attack: Attack) -> None:
        """Hand in what the attack hands in, under its name."""
        write_submission(attack, self.arena.bare, self.target(), self.submitted)

    # --- grading ---------------------------------------------------------------------------

    def start(self, jobs: int = 2, file_bytes: int = 0) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "CHAINRULE_CANARY": self.secrets["environment"],
            **self.environment,
        }
        words = [str(self.folder), str(jobs), str(file_bytes)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.coordinator", *words],
            cwd=CLONE,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def grade(self, jobs: int = 2, seconds: float = CLASS_SECONDS, file_bytes: int = 0) -> Finished:
        """Grade the class, wait, and say how it went."""
        began = time.monotonic()
        coordinator = self.start(jobs, file_bytes)
        try:
            said, _ = coordinator.communicate(timeout=seconds)
            code: int | None = coordinator.returncode
        except subprocess.TimeoutExpired:
            coordinator.kill()
            said, _ = coordinator.communicate()
            code = None
        lines = said.strip().splitlines()
        ended = bool(lines) and lines[-1].startswith("{")
        summary = json.loads(lines[-1]) if ended else {}
        return Finished(code, summary, "\n".join(lines[-5:]), time.monotonic() - began)

    # --- what is seen ----------------------------------------------------------------------

    def records(self) -> list[dict[str, Any]]:
        """Every whole record, oldest first. Read without the grader's help."""
        found = []
        for line in self.results.read_text().splitlines() if self.results.exists() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def newest(self) -> dict[str, dict[str, Any]]:
        return {record["learner"]: record for record in self.records()}

    def marks(self) -> dict[str, list[tuple[str, float | None]]]:
        """What the gradebook says of each learner."""
        query = (
            "select sa.student_id, bc.name, g.auto_score from grade g"
            " join submitted_notebook sn on g.notebook_id = sn.id"
            " join submitted_assignment sa on sn.assignment_id = sa.id"
            " join base_cell bc on g.cell_id = bc.id order by 1, 2"
        )
        found: dict[str, list[tuple[str, float | None]]] = {}
        with sqlite3.connect(f"file:{self.gradebook}?mode=ro", uri=True) as gradebook:
            for learner, name, score in gradebook.execute(query):
                found.setdefault(learner, []).append((name, score))
        return found

    def page(self, learner: str) -> str:
        path = self.folder / "class/feedback" / learner / UNIT / "neuron.html"
        return path.read_text() if path.exists() else ""

    def result(self, learner: str) -> tuple:
        """All that must be the same whoever else is in the class."""
        record = self.newest().get(learner)
        if record is None:
            return ("no record",)
        kept = {key: value for key, value in record.items() if key not in LINES_OF_ONE_RUN}
        page = [line for line in self.page(learner).splitlines() if "Graded " not in line]
        return json.dumps(kept, sort_keys=True), "\n".join(page), self.marks().get(learner)

    def outcome(self, attack: Attack, class_harm: str = "") -> Outcome:
        record = self.newest().get(attack.name, {})
        scores = [e["score"] for e in record.get("exercises", []) if e["score"] is not None]
        autograded = self.folder / "class/autograded" / attack.name / UNIT / NOTEBOOK
        page = self.page(attack.name)
        said = page + (autograded.read_text() if autograded.exists() else "")
        return Outcome(
            score=sum(scores) if scores else None,
            status=status_of(record),
            record={**record, "page": page},
            said=said,
            seconds=record.get("seconds", 0.0),
            reached=self.traps.reached(attack.name) if self.traps else [],
            class_harm=class_harm,
            target=self.target(),
        )

    def harm(self, finished: Finished, mounts: str) -> str:
        """What went wrong for the class as a whole; "" when nothing did."""
        if finished.code is None:
            return f"grading did not end within {finished.seconds:.0f} s"
        if finished.code != 0:
            said = " ".join(finished.said.split())[-160:]
            return f"grading stopped with exit code {finished.code}: {said}"
        for learner, alone in self.arena.alone.items():
            if self.result(learner) != alone:
                return f"{learner} got another result than alone"
        if self.traps and self.traps.victim.poll() is not None:
            return "a process of the host was killed"
        if finished.summary["peak_mb"] > MOST_MEMORY:
            return f"the grader took {finished.summary['peak_mb']} MB"
        return self.leftovers(mounts)

    def leftovers(self, mounts: str = "") -> str:
        """What outlived the run: processes, files, mounts, shared memory."""
        known = {self.traps.victim.pid} if self.traps else set()
        deadline = time.monotonic() + 3
        while left := set(descendants(os.getpid())) - known:
            if time.monotonic() > deadline:
                return f"{len(left)} processes outlived the run"
            time.sleep(0.05)
        if left_files := [path.name for path in (self.folder / "tmp").iterdir()]:
            return f"files outlived the run: {left_files[:3]}"
        now = set(Path("/proc/self/mounts").read_text().splitlines())
        if mounts and (new := now - set(mounts.splitlines())):
            return f"a mount outlived the run: {sorted(new)[0]}"
        for folder in ("/dev/shm", "/tmp", str(self.folder / "home")):
            for name in ("left-behind", "flood-0"):
                if Path(folder, name).exists():
                    return f"{folder}/{name} outlived the run"
        return ""

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def status_of(record: dict[str, Any]) -> str:
    """As the grader's own `Record.status`, from the stored fields alone."""
    if not record:
        return ""
    states = {exercise["status"] for exercise in record["exercises"]}
    if states == {"quarantined"}:
        return "quarantined"
    if record["reason"]:
        return "missing" if states == {"missing"} else "ungraded"
    return "graded"


def write_submission(attack: Attack, bare: dict, target: Target, submitted: Path) -> None:
    """The files of one attack in a folder of submissions."""
    from tests.attacks.model import with_code

    if attack.code or attack.notebook:
        notebook = copy.deepcopy(bare)
        if attack.notebook:
            made = attack.notebook(notebook, target, attack.name)
        else:
            made = with_code(notebook, attack.code)
        data = made if isinstance(made, bytes) else json.dumps(made).encode()
        if attack.code or isinstance(made, dict):
            data = json.dumps(_filled(json.loads(data), target, attack.name)).encode()
        path = submitted / attack.name / UNIT / NOTEBOOK
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if attack.place:
        attack.place(submitted, target, attack.name)


def _filled(notebook: dict, target: Target, name: str) -> dict:
    for cell in notebook["cells"]:
        if isinstance(cell.get("source"), str):
            cell["source"] = target.fill(cell["source"], name)
    return notebook


def run_ours(
    arena: Arena, attacks: Sequence[Attack], traps: Traps, say: Callable[[str], None]
) -> dict[str, str]:
    """Grade all attacks in one class, and the class again with each alone if it came to harm.

    Returns what each attack achieved, by name; "" for nothing.
    """
    room = arena.room(traps)
    mounts = Path("/proc/self/mounts").read_text()
    planted = Path(tempfile.gettempdir()) / "chainrule-canary.txt"
    planted.write_text(room.secrets["tmp"])
    try:
        for attack in attacks:
            room.join(attack)
        finished = room.grade()
        harm = room.harm(finished, mounts)
        say(f"a class of {len(attacks)} attackers took {finished.seconds:.0f} s. {harm}")
        if harm and len(attacks) > 1:
            found: dict[str, str] = {}
            for attack in attacks:
                found |= run_ours(arena, [attack], traps, say)
            if not any(found.values()):
                found[attacks[0].name] = f"together: {harm}"
            return found
        return {one.name: one.succeeded(room.outcome(one, harm)) or harm for one in attacks}
    finally:
        planted.unlink(missing_ok=True)
        room.remove()
