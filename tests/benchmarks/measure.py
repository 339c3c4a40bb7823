"""The measurements. Each returns plain numbers; ratios are of one run on one machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograde.answer_key import namespace
from autograde.cohort import grade_one
from autograde.cohort.engine import open_engine
from autograde.cohort.grade import Writer, grade_class
from autograde.cohort.grade_one import HandedIn
from autograde.judge import questions_to_ask
from autograde.sandbox import Cell, coordinator, open_sandbox, parent
from chainrule.observe import observe
from tests.benchmarks import hosts
from tests.benchmarks.subject import FOLDER, NAME, Subject

Say = Callable[[str], None]


def ours(subject: Subject, learners: int, jobs: int, training: bool, name: str) -> float:
    """Seconds a submission of `chainrule grade` on a class, starting up included."""
    submitted = subject.folder / name / "submitted"
    subject.write_class(submitted, learners, training)
    grading, class_folder = subject.prepare(name)
    began = time.perf_counter()
    summary = grade_class(grading, submitted, class_folder, jobs)
    seconds = (time.perf_counter() - began) / learners
    full = sum(exercise.points for exercise in grading.answers.exercises.values())
    newest = class_folder.results(subject.unit).newest().values()
    assert summary.graded == learners and len(newest) == learners
    assert all(sum(r.score or 0 for r in record.exercises) == full for record in newest)
    shutil.rmtree(submitted.parent)
    return seconds


def plain_nbgrader(subject: Subject, learners: int, training: bool, name: str) -> float:
    """Seconds a submission of `nbgrader autograde` as it comes, in a course folder of its own."""
    course = subject.folder / name
    subject.write_class(course / "submitted", learners, training)
    subject.prepare(name)  # source/ and the assignment in its gradebook
    (course / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.root = {str(course)!r}\n"
        f"c.Exchange.root = {str(course / 'exchange')!r}\n"
        "c.CourseDirectory.course_id = 'default_course'\n"
    )
    command = [sys.executable, "-m", "nbgrader", "autograde", FOLDER, "--create"]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=course, capture_output=True, text=True)
    seconds = (time.perf_counter() - began) / learners
    graded = list((course / "autograded").glob(f"*/{FOLDER}/{NAME}.ipynb"))
    if done.returncode or len(graded) != learners:
        raise RuntimeError(f"nbgrader autograde failed: {done.stderr[-2000:]}")
    shutil.rmtree(course)
    return seconds


def hot_process(subject: Subject, times: int = 50) -> float:
    """Seconds for the same cells and probes in one process that has everything imported: what no
    grader that runs them can go below."""
    grading, _ = subject.prepare("hot")
    exercises = grading.answers.exercises
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        names = namespace(subject.unit)
        for name, exercise in exercises.items():
            for args, kwargs in questions_to_ask(exercise, grading.draws[name][0]):
                observe(None, names[name], args, kwargs)
        spent.append(time.perf_counter() - began)
    return sorted(spent)[len(spent) // 2]


def split(subject: Subject, learners: int = 100) -> dict[str, float]:
    """Milliseconds a submission in each stage, one after the other with one job."""
    spent: dict[str, float] = defaultdict(float)
    submitted = subject.folder / "split" / "submitted"
    subject.write_class(submitted, learners)
    grading, class_folder = subject.prepare("split")
    notebooks = [
        HandedIn(path.parents[1].name, path.read_bytes())
        for path in sorted(submitted.glob(f"*/*/{NAME}.ipynb"))
    ]
    stages: list[tuple[Any, str, str]] = [
        (grade_one, "take_in", "intake"),
        (parent.WarmParent, "submit", "fork"),
        (coordinator.Submission, "run_cells", "cells"),
        (coordinator.Submission, "ask", "probes"),
        (coordinator.Submission, "__exit__", "end of the child"),
        (grade_one, "judge_run", "judging"),
        (grade_one, "with_pages", "pages"),
        (Writer, "write", "writing"),
    ]
    with timed(stages, spent), Writer(grading, class_folder) as writer:
        with open_sandbox(grading.sandbox_mode, NAME, grading.packages, grading.limits) as sandbox:
            grade_one.grade_one(grading, sandbox, notebooks[0])
            spent.clear()
            began = time.perf_counter()
            for one in notebooks:
                writer.write(grade_one.grade_one(grading, sandbox, one))
            spent["everything"] = time.perf_counter() - began
    shutil.rmtree(submitted.parent)
    return {stage: seconds / learners * 1000 for stage, seconds in spent.items()}


@contextmanager
def timed(stages: list[tuple[Any, str, str]], spent: dict[str, float]) -> Iterator[None]:
    """Have functions add up the time they take."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in stages]

    def measured(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[stage] += time.perf_counter() - began

        return run

    try:
        for owner, name, stage in stages:
            setattr(owner, name, measured(getattr(owner, name), stage))
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def memory(subject: Subject, in_flight: int = 4) -> dict[str, float]:
    """MB of PSS (memory shared by n processes counts for 1/n): of a waiting parent with nothing
    in flight, and of each child while several are in flight, each with all its snapshots."""
    grading, _ = subject.prepare("memory")
    release = subject.solved(training=False)
    cells = [
        Cell(cell.id, cell.source)
        for cell in release.cells
        if cell.cell_type == "code"
        and "check" not in cell.metadata.get("chainrule", {})
        and not {"setup", "demo"} & set(cell.metadata.get("tags", []))
    ]
    checks = [
        Cell(f"check-{name}", "", name, tuple(one.symbols))
        for name, one in grading.answers.exercises.items()
    ]
    slow = [*cells, *checks, Cell("wait", "import time\ntime.sleep(4)")]
    cases: dict[str, list[Any]] = {name: [] for name in grading.answers.exercises}
    with open_sandbox("bwrap", NAME, grading.packages, grading.limits) as sandbox:
        sandbox.run(cells, {})
        alone = pss(os.getpid())
        threads = [
            threading.Thread(target=sandbox.run, args=(slow, cases)) for _ in range(in_flight)
        ]
        for thread in threads:
            thread.start()
        time.sleep(2.5)
        busy = pss(os.getpid())
        for thread in threads:
            thread.join()
    return {"parent": alone, "child": (busy - alone) / in_flight}


def pss(root: int) -> float:
    """MB of PSS of all processes below one, itself left out."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    below = {root}
    while more := {pid for pid, above in parents.items() if above in below} - below:
        below |= more
    kilobytes = 0
    for pid in below - {root}:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        except OSError:
            continue
    return kilobytes / 1024


def workers(subject: Subject, counts: list[int], learners: int, say: Say) -> list[dict[str, float]]:
    """Submissions a second on so many workers, once they are there: processes of this machine,
    and hosts in network namespaces of their own, where those can be made."""
    submitted = subject.folder / "workers" / "submitted"
    subject.write_class(submitted, learners)
    grading, _ = subject.prepare("workers")
    notebooks = [
        HandedIn(path.parents[1].name, path.read_bytes())
        for path in sorted(submitted.glob(f"*/*/{NAME}.ipynb"))
    ]
    found = []
    for count in counts:
        with open_engine(grading, count, apart=True) as engine:
            list(engine.graded(iter(notebooks[: 2 * count]), threading.Event()))
            began = time.perf_counter()
            list(engine.graded(iter(notebooks), threading.Event()))
            rates = {"workers": count, "processes": learners / (time.perf_counter() - began)}
        if hosts.possible():
            rates["hosts"] = hosts.rate(grading, notebooks, count)
        say(", ".join(f"{name} {number:.1f}" for name, number in rates.items()))
        found.append(rates)
    shutil.rmtree(submitted.parent)
    return found
