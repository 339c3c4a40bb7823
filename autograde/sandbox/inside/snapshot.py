"""A copy of the notebook at one check cell, which answers that exercise's cases.

It keeps one descriptor, its own socket. By the time a case reaches it the notebook's process is
gone and its output closed, so nothing that a case holds can get back to the learner.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.observe import Raised, observe, pack, unpack

from .frames import Channel, Closed
from .protocol import ANSWERED, TOO_LARGE

Probe = Callable[..., Any]


def answer_cases(
    channel: Channel,
    namespace: Mapping[str, Any],
    symbols: Sequence[str],
    probe: Probe | None,
    limits: Mapping[str, Any],
) -> None:
    """Answer one case after another until the coordinator hangs up."""
    go_quiet(channel.fileno())
    while True:
        try:
            case = channel.receive_bytes()
        except Closed:
            return
        arguments = unpack(case)
        # A case that takes too long ends this process: the timer's signal is left to kill it.
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, limits["case_seconds"])
        observation = answer(namespace, symbols, probe, arguments)
        try:
            reply = ANSWERED + pack(observation)
        except ValueError:
            reply = TOO_LARGE
        signal.setitimer(signal.ITIMER_PROF, 0)
        channel.send_bytes(reply)


def answer(
    namespace: Mapping[str, Any],
    symbols: Sequence[str],
    probe: Probe | None,
    arguments: Mapping[str, Any],
) -> Any:
    """The observation of one case, or of the name that is missing."""
    for name in symbols:
        if name not in namespace:
            return Raised("NameError", f"name '{name}' is not defined")
    work = {name: namespace[name] for name in symbols}
    reseed()
    target = work[symbols[0]] if len(symbols) == 1 else work
    return observe(probe, target, arguments["args"], arguments["kwargs"])


def reseed() -> None:
    """The same random state for every submission, so that grading twice gives the same."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")
    if torch is not None:
        # torch.manual_seed would note the stack for each kind of accelerator too, which is slow.
        torch.default_generator.manual_seed(0)


def go_quiet(keep: int) -> None:
    """Close every descriptor but one, and print to nowhere."""
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)
    sys.stdin, sys.stdout, sys.stderr = (open(os.devnull, mode) for mode in ("r", "w", "w"))
