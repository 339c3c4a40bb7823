"""Promise 5: nothing is silently uncertain: no points by default, and a reason for everything."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.arena import CLONE, Arena, Room, status_of
from tests.attacks.model import NOTEBOOK, UNIT, Attack, cell, with_code


def uncertain(name: str, success: str, stage: Callable[[Arena, Room], str], **more: Any) -> Attack:
    def run(arena: Arena) -> str:
        room = arena.room(honest=["a-honest"])
        try:
            return stage(arena, room)
        finally:
            room.remove()

    return Attack(name, 5, success, stage=run, plain=False, **more)


def scores(record: dict[str, Any]) -> list[float | None]:
    return [exercise["score"] for exercise in record["exercises"]]


def unreadable(arena: Arena, room: Room) -> str:
    """Files that can't be read have a reason, no score, and are no zero either."""
    for name, data in {"b-empty": b"", "c-cut": b'{"cells": [', "d-other": b"%PDF-1.7"}.items():
        room.hand_in(name, data)
    finished = room.grade()
    if finished.code != 0 or finished.summary["quarantined"] != 3:
        return f"not 3 in quarantine: {finished.summary or finished.said}"
    for name in ("b-empty", "c-cut", "d-other"):
        record = room.newest()[name]
        if status_of(record) != "quarantined" or not record["reason"]:
            return f"{name} is {status_of(record)!r} for the reason {record['reason']!r}"
        if set(scores(record)) != {None}:
            return f"{name} got scores: {scores(record)}"
    return ""


def repairs_hidden(arena: Arena, room: Room) -> str:
    """A deleted check cell is put back, and feedback says so."""
    notebook = with_code(copy.deepcopy(arena.bare), "print(1)")
    notebook["cells"].remove(cell(notebook, "check", "sigmoid"))
    room.hand_in("b-repaired", json.dumps(notebook).encode())
    finished = room.grade()
    record = room.newest()["b-repaired"]
    if not record["repairs"] or finished.summary["repaired"] != 1:
        return "a repair is not on record"
    said = all(line.split("`")[0][:40] in room.page("b-repaired") for line in record["repairs"])
    return "" if said else "a repair is not in the feedback"


def sabotage(room: Room, module: str, change: str) -> dict[str, str]:
    """An environment in which `change` (lines that use `module`) is done once it is imported."""
    folder = room.folder / "bin"
    folder.mkdir(exist_ok=True)
    body = SABOTAGE.format(name=module, change=textwrap.indent(change, " " * 12))
    (folder / "sitecustomize.py").write_text(body)
    path = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


SABOTAGE = """
import importlib.abc, importlib.util, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {name!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
{change}
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
"""


def refused(room: Room, environment: dict[str, str], says: str) -> str:
    """`chainrule grade` must refuse: exit code 3, a sentence, and nothing graded."""
    command = [sys.executable, "-m", "chainrule", "grade", "01", "--json"]
    command += ["--submissions", str(room.submitted), "--class", str(room.folder / "class")]
    done = subprocess.run(
        command,
        cwd=CLONE,
        env={**os.environ, "HOME": str(room.folder / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode != 3 or says not in done.stderr:
        return f"exit code {done.returncode}, and said: {done.stderr[-200:]}"
    return "graded without a sandbox" if room.records() else ""


def no_bubblewrap(arena: Arena, room: Room) -> str:
    change = """
real = module.tool
def tool(name, package):
    return real("no-such-" + name if name == "bwrap" else name, package)
module.tool = tool
"""
    environment = sabotage(room, "autograde.sandbox.bubblewrap", change)
    return refused(room, environment, "apt-get install bubblewrap")


def bubblewrap_that_does_not_isolate(arena: Arena, room: Room) -> str:
    """The sandbox is opened in the mode that isolates nothing: the self-test must notice."""
    change = """
real = module.WarmParent
module.WarmParent = lambda mode, *args, **kwargs: real("none", *args, **kwargs)
"""
    return refused(room, sabotage(room, "autograde.sandbox", change), "not safe on this machine")


def sandbox_off(arena: Arena, room: Room) -> str:
    """Where `none` was asked for by name, every record and the report say so."""
    command = [sys.executable, "-m", "chainrule"]
    where = ["--class", str(room.folder / "class")]
    environment = {**os.environ, "HOME": str(room.folder / "home")}
    for words in (
        ["grade", "01", "--sandbox", "none", "--submissions", str(room.submitted), *where],
        ["report", "01", *where, "--out", str(room.folder / "report.html")],
    ):
        done = subprocess.run(
            [*command, *words], cwd=CLONE, env=environment, capture_output=True, timeout=300
        )
        if done.returncode != 0:
            return f"{words[0]} ended with exit code {done.returncode}: {done.stderr[-200:]!r}"
    if any(record["key"]["sandbox"] != "none" for record in room.records()):
        return "a record does not say that there was no sandbox"
    page = (room.folder / "report.html").read_text()
    return "" if "sandbox" in page.lower() and "none" in page else "the report does not say so"


def grader_fails(arena: Arena, room: Room) -> str:
    """An error of ours costs nobody marks: it is listed, and tried again."""
    room.hand_in("b-victim", arena.honest["a-honest"] + b"\n\n")
    change = """
honest = module.take_in
def take_in(data, *args):
    if data.endswith(b"\\n\\n\\n"):
        raise MemoryError("planted")
    return honest(data, *args)
module.take_in = take_in
"""
    room.environment = sabotage(room, "autograde.cohort.grade_one", change)
    return ungraded_then_graded(room, "b-victim", 1)


def sandbox_dies(arena: Arena, room: Room) -> str:
    """Where a submission's processes die of ours, it gets no score, not even 0."""
    change = """
honest = module.Submission.run_cells
def run_cells(self, cells):
    if len(cells) > 1:  # the self-test has one
        raise module.SandboxLost("planted")
    honest(self, cells)
module.Submission.run_cells = run_cells
"""
    room.environment = sabotage(room, "autograde.sandbox.coordinator", change)
    return ungraded_then_graded(room, "a-honest", 0)


def ungraded_then_graded(room: Room, learner: str, others: int) -> str:
    """With the sabotage `learner` has no score and a reason; without, all is graded."""
    finished = room.grade()
    room.environment = {}
    if (finished.summary.get("ungraded"), finished.summary.get("graded")) != (1, others):
        return f"the failure is not listed: {finished.summary or finished.said}"
    record = room.newest()[learner]
    if set(scores(record)) != {None} or not record["reason"]:
        return f"scores after a failure: {scores(record)}, for the reason {record['reason']!r}"
    again = room.grade().summary
    return "" if (again["graded"], again["skipped"]) == (1, others) else f"not tried again: {again}"


def nothing_handed_in(arena: Arena, room: Room) -> str:
    (room.submitted / "b-nothing" / UNIT).mkdir(parents=True)
    room.grade()
    record = room.newest().get("b-nothing")
    if record is None or status_of(record) != "missing" or any(scores(record)):
        return f"who handed in nothing: {record and (status_of(record), scores(record))}"
    return ""


def two_notebooks(arena: Arena, room: Room) -> str:
    """Which of two is meant is not guessed."""
    folder: Path = room.submitted / "b-two" / UNIT
    folder.mkdir(parents=True)
    for name in ("first.ipynb", "second.ipynb"):
        (folder / name).write_bytes(arena.honest["a-honest"])
    room.grade()
    record = room.newest()["b-two"]
    return "" if status_of(record) == "quarantined" else f"{NOTEBOOK} was guessed"


def waits_for_a_person(arena: Arena, room: Room) -> str:
    """The question that is marked by hand gets no points by itself."""
    room.grade()
    (row,) = [e for e in room.newest()["a-honest"]["exercises"] if e["exercise"] == "why_scale"]
    return "" if row["score"] is None and row["reason"] else f"marked by itself: {row}"


def limit_hidden(arena: Arena, room: Room) -> str:
    """A limit that was hit is in the feedback, and what was earned before it stays."""
    notebook = json.loads(arena.honest["a-honest"])
    drop = [c for c in notebook["cells"] if "demo" in c["metadata"].get("tags", [])]
    notebook["cells"] = [c for c in notebook["cells"] if c not in drop]
    cell(notebook, "exercise", "train_neuron")["source"] = "while True:\n    pass"
    room.hand_in("b-loop", json.dumps(notebook).encode())
    room.grade()
    record = room.newest()["b-loop"]
    if not record["limits_hit"] or "Limits reached" not in room.page("b-loop"):
        return "a limit that was hit is not in the feedback"
    earned = {e["exercise"]: e["score"] for e in record["exercises"]}
    return "" if earned["weighted_sum"] == 2 else f"what was earned before is lost: {earned}"


POINTS = "points, or a zero, without a reason"
ATTACKS = [
    uncertain("unreadable-files", POINTS, unreadable),
    uncertain("repair-kept-quiet", "a repair that nobody is told of", repairs_hidden),
    uncertain("no-bubblewrap", "grading goes on without a sandbox", no_bubblewrap),
    uncertain(
        "bubblewrap-that-does-not-isolate",
        "grading goes on in a sandbox with a hole",
        bubblewrap_that_does_not_isolate,
    ),
    uncertain("sandbox-turned-off", "a report that does not say so", sandbox_off),
    uncertain("grader-fails-on-one", POINTS, grader_fails, quick=True),
    uncertain("sandbox-dies-every-time", POINTS, sandbox_dies),
    uncertain("nothing-handed-in", POINTS, nothing_handed_in),
    uncertain("two-notebooks", "one of two notebooks is guessed", two_notebooks),
    uncertain("question-without-a-mark", POINTS, waits_for_a_person),
    uncertain("limit-kept-quiet", "a limit that nobody is told of", limit_hidden),
]
