"""Promise 4: nothing is lost. Each breaks the run from outside, starts it again, and counts."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from autograde.sandbox.inside.processes import descendants
from tests.attacks.arena import Arena, Room
from tests.attacks.model import Attack, with_code

SLOW = "import time\ntime.sleep(0.4)\n"


def lost(name: str, success: str, stage: Callable[[Arena, Room], str], **more: Any) -> Attack:
    def run(arena: Arena) -> str:
        room = arena.room()
        try:
            return stage(arena, room)
        finally:
            room.remove()

    return Attack(name, 4, success, stage=run, plain=False, **more)


def busy(arena: Arena, room: Room) -> None:
    """Eight more learners, each with a cell that takes a moment, so that there is time to kill."""
    for number in range(8):
        slow = with_code(copy.deepcopy(arena.bare), SLOW)
        room.hand_in(f"k-slow-{number}", json.dumps(slow).encode())


def complete(room: Room) -> str:
    """What is missing after a last, undisturbed run: every learner graded once, and everywhere."""
    finished = room.grade()
    if finished.code != 0:
        return f"the class can't be finished: {' '.join(finished.said.split())[-200:]}"
    again = room.grade()
    if again.summary.get("skipped") != len(list(room.submitted.iterdir())):
        return f"something is graded again every time: {again.summary}"
    times = Counter(record["learner"] for record in room.records() if graded(record))
    wanted = {path.name for path in room.submitted.iterdir()}
    if set(times) != wanted or set(times.values()) != {1}:
        return f"graded {dict(times)}, not once each"
    for learner, alone in room.arena.alone.items():
        if room.result(learner) != alone:
            return f"{learner} got another result than undisturbed"
    if lacking := wanted - set(room.marks()):
        return f"not in the gradebook: {sorted(lacking)}"
    if lacking := {learner for learner in wanted if not room.page(learner)}:
        return f"without feedback: {sorted(lacking)}"
    return room.leftovers()


def graded(record: dict[str, Any]) -> bool:
    return not record["reason"]


def wait_for_line(coordinator: subprocess.Popen[str]) -> None:
    """Until the first learner is done."""
    assert coordinator.stdout is not None
    coordinator.stdout.readline()


def killing(moments: int, victim: str, seed: int) -> Callable[[Arena, Room], str]:
    """Start grading, kill `victim` at a random moment, and again; then finish undisturbed."""

    def stage(arena: Arena, room: Room) -> str:
        busy(arena, room)
        rng = random.Random(seed)
        for _ in range(moments):
            coordinator = room.start()
            wait_for_line(coordinator)
            time.sleep(rng.uniform(0, 1.5))
            kill(coordinator, victim, rng)
            if victim != "coordinator":
                try:
                    coordinator.communicate(timeout=200)
                except subprocess.TimeoutExpired:
                    coordinator.kill()
                    return "grading hung"
            coordinator.communicate()
        tidy(room)
        return complete(room)

    return stage


def tidy(room: Room) -> None:
    """Remove the temporary folder of a coordinator that had no time to do so itself."""
    for path in (room.folder / "tmp").iterdir():
        shutil.rmtree(path)


def kill(coordinator: subprocess.Popen[str], victim: str, rng: random.Random) -> None:
    if victim == "coordinator":
        coordinator.kill()
        return
    below = descendants(coordinator.pid)
    chosen = below[:2] if victim == "parent" else below[3:]
    if chosen:
        try:
            os.kill(rng.choice(chosen), signal.SIGKILL)
        except ProcessLookupError:
            pass


def disk_full(arena: Arena, room: Room) -> str:
    busy(arena, room)
    kilobytes = 1024
    for size in (60, 130, 260, 400):  # of any file: the results, the gradebook, the pages
        finished = room.grade(file_bytes=size * kilobytes)
        if finished.code not in (0, 1, 2):
            return f"a full disk ends in exit code {finished.code}: {finished.said[-200:]}"
    return complete(room)


def full_from_the_start(arena: Arena, room: Room) -> str:
    """Not even the first result can be written."""
    finished = room.grade(file_bytes=4096)
    if finished.code == 0:
        return "grading says it is done though no result could be written"
    return complete(room)


def file_system_full(arena: Arena, room: Room) -> str:
    """A file system of its own for the class folder, full in the middle and later made larger.
    Mounting needs root; without it, the limit on the size of files has to do."""
    busy(arena, room)
    folder = room.folder / "class"
    before = room.folder / "before"
    folder.rename(before)
    folder.mkdir()
    used = sum(path.stat().st_size for path in before.rglob("*") if path.is_file()) // 1024
    size = used * 2 + 500  # kB: room for a few submissions of 13
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        before.rename(folder)
        return disk_full(arena, room)
    try:
        shutil.copytree(before, folder, dirs_exist_ok=True)
        finished = room.grade()
        if finished.code == 0:
            return "grading says it is done on a full disk"
        if finished.code != 2 or "Traceback" in finished.said:
            return f"a full disk ends in exit code {finished.code}: {finished.said[-200:]}"
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        return complete(room)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def gradebook_locked(arena: Arena, room: Room) -> str:
    busy(arena, room)
    coordinator = room.start()
    wait_for_line(coordinator)
    gradebook = sqlite3.connect(room.gradebook, timeout=20, isolation_level=None)
    gradebook.execute("begin exclusive")
    said, _ = coordinator.communicate(timeout=300)
    gradebook.execute("rollback")
    gradebook.close()
    return complete(room)


def gradebook_removed(arena: Arena, room: Room) -> str:
    if room.grade().code != 0:
        return "the class can't be graded"
    room.gradebook.unlink()
    return complete(room)


def gradebook_removed_meanwhile(arena: Arena, room: Room) -> str:
    busy(arena, room)
    coordinator = room.start()
    wait_for_line(coordinator)
    room.gradebook.unlink()
    coordinator.communicate(timeout=300)
    return complete(room)


def gradebook_damaged(arena: Arena, room: Room) -> str:
    room.gradebook.write_bytes(b"SQLite format 3\0" + bytes(5000))
    finished = room.grade()
    if finished.code in (0, None):
        return "grading says nothing of a damaged gradebook"
    room.gradebook.unlink()
    return complete(room)


def record_half_written(arena: Arena, room: Room) -> str:
    if room.grade().code != 0:
        return "the class can't be graded"
    whole = room.results.read_bytes()
    room.results.write_bytes(whole[: -len(whole.splitlines()[-1]) // 2])
    finished = room.grade()
    if finished.code != 0:
        return f"half a record stops grading: {finished.said[-200:]}"
    if set(room.newest()) != set(room.arena.honest):
        return "a learner whose record was half written is lost"
    return "" if room.grade().summary["skipped"] == len(room.arena.honest) else "graded again"


def two_at_once(arena: Arena, room: Room) -> str:
    busy(arena, room)
    both = [room.start(), room.start()]
    for coordinator in both:
        coordinator.communicate(timeout=400)
    return complete(room)


def interrupted(arena: Arena, room: Room) -> str:
    busy(arena, room)
    coordinator = room.start()
    wait_for_line(coordinator)
    coordinator.send_signal(signal.SIGINT)
    threading.Timer(0.2, coordinator.send_signal, [signal.SIGINT]).start()
    coordinator.communicate(timeout=200)
    tidy(room)
    return complete(room)


def manual_marks(arena: Arena, room: Room) -> str:
    """A mark that a person gave survives a new run, and a gradebook that lost its scores."""
    room.grade()
    with sqlite3.connect(room.gradebook) as gradebook:
        changed = gradebook.execute(
            "update grade set manual_score = 1.5, auto_score = null where cell_id in"
            " (select id from base_cell where name = 'check_weighted_sum')"
        ).rowcount
    gradebook.close()
    room.grade()
    with sqlite3.connect(room.gradebook) as gradebook:
        rows = gradebook.execute(
            "select manual_score, auto_score from grade where cell_id in"
            " (select id from base_cell where name = 'check_weighted_sum')"
        ).fetchall()
    gradebook.close()
    if len(rows) != changed or any(manual != 1.5 for manual, _ in rows):
        return "a mark given by hand is lost"
    return "an automatic score stays lost" if any(auto is None for _, auto in rows) else ""


ONCE = "a submission is lost, graded twice, or half written"
ATTACKS = [
    lost("coordinator-killed", ONCE, killing(3, "coordinator", 1), quick=True),
    lost("warm-parent-killed", ONCE, killing(2, "parent", 2)),
    lost("child-killed", ONCE, killing(2, "child", 3)),
    lost("grading-interrupted", ONCE, interrupted),
    lost("files-that-can-not-grow", ONCE, disk_full),
    lost("disk-full", "a run that says it is done, or a lost submission", full_from_the_start),
    lost("file-system-full", ONCE, file_system_full),
    lost("gradebook-locked", ONCE, gradebook_locked),
    lost("gradebook-removed", "marks that can't be had again", gradebook_removed),
    lost("gradebook-removed-while-grading", ONCE, gradebook_removed_meanwhile),
    lost("gradebook-damaged", ONCE, gradebook_damaged),
    lost("record-half-written", ONCE, record_half_written, quick=True),
    lost("two-coordinators", ONCE, two_at_once),
    lost("marks-given-by-hand", "a mark that a person gave is lost", manual_marks),
]
