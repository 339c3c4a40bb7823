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

        def show(done: int, total: int, summary: Summary) -> None:
            said = f"{summary.repaired} repaired, {summary.quarantined} quarantined"
            bar.update(task, completed=done, total=total, said=said)

        yield show


def _lines(title: str) -> Callable[[int, int, Summary], None]:
    started = last = time.monotonic()

    def show(done: int, total: int, summary: Summary) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= SECONDS_BETWEEN_LINES:
            last = now
            rate = done / max(now - started, 1e-9)
            print(f"{title}: {done} of {total}, {rate:.1f} a second", file=sys.stderr, flush=True)

    return show
