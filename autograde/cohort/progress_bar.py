"""Progress of a grading run: a bar with rate and time left, or plain lines without a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autograde.cohort.grade import Summary

SECONDS_BETWEEN_LINES = 10


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int, Summary], None]]:
    """A function to call with (done, total, summary) after each submission."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(title)
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[said]}"), console=console) as bar:
        task = bar.add_task(title, total=None, said="")
        rate = Rate()

        def show(done: int, total: int, summary: Summary) -> None:
            said = f"{rate.after(done):.1f} a second, {summary.repaired} repaired, "
            said += f"{summary.quarantined} quarantined"
            bar.update(task, completed=done, total=total, said=said)

        yield show


class Rate:
    """Submissions a second since the first one was done; what comes before that is preparation."""

    def __init__(self) -> None:
        self.first: tuple[float, int] | None = None

    def after(self, done: int) -> float:
        now = time.monotonic()
        if self.first is None:
            self.first = now, done
        began, before = self.first
        return (done - before) / max(now - began, 1e-9)


def _lines(title: str) -> Callable[[int, int, Summary], None]:
    last, rate = time.monotonic(), Rate()

    def show(done: int, total: int, summary: Summary) -> None:
        nonlocal last
        now, speed = time.monotonic(), rate.after(done)
        if done == total or now - last >= SECONDS_BETWEEN_LINES:
            last = now
            left = f", about {(total - done) / speed:.0f} s left" if speed and done < total else ""
            said = f"{title}: {done} of {total}, {speed:.1f} a second{left}, "
            said += f"{summary.repaired} repaired, {summary.quarantined} quarantined"
            print(said, file=sys.stderr, flush=True)

    return show


@contextmanager
def counting_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (done, total); nothing is shown without a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
