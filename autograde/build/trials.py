"""Try other texts of an exercise's cell, each in a forked process with a time limit."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from autograde.answer_key import AnswerKey, answer, draw_cases, namespace
from chainrule.answers import Draw, Exercise
from chainrule.verdict import PASSED, judge

SECONDS = 20.0  # a mutant may loop for ever


def earns_full(
    key: AnswerKey, exercise: Exercise, draws: Sequence[tuple[int, Draw]], sources: Sequence[str]
) -> list[bool]:
    """For each source: does it pass every draw (seed, cases) of the exercise?

    A source that crashes, or takes over 20 seconds, does not.
    """
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda source: _try(key, exercise, draws, source), sources))


def _try(
    key: AnswerKey, exercise: Exercise, draws: Sequence[tuple[int, Draw]], source: str
) -> bool:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(
        target=_report, args=(theirs, key, exercise, draws, source), daemon=True
    )
    child.start()
    theirs.close()
    try:
        return bool(ours.recv()) if ours.poll(SECONDS) else False
    except EOFError:
        return False
    finally:
        child.kill()
        child.join()
        ours.close()


def _report(
    to: Connection,
    key: AnswerKey,
    exercise: Exercise,
    draws: Sequence[tuple[int, Draw]],
    source: str,
) -> None:
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(1, 2)
    try:
        names = namespace(key.unit, {exercise.name: source})
        to.send(
            all(
                judge(exercise, draw, answer(key.unit, exercise.name, names, cases)).status
                == PASSED
                for seed, draw in draws
                for cases in [draw_cases(key.unit, key.unit.exercise(exercise.name), seed)]
            )
        )
    except BaseException:
        to.send(False)
    os._exit(0)
