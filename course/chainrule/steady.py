"""What the probes of every PyTorch unit share: the same numbers on each machine, each time."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Probe = Callable[..., Any]

# The first optimizer of a process loads two seconds' worth of PyTorch. Where submissions are forked
# from a process that has imported this module, none of them has to wait for that.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


@contextmanager
def steady() -> Iterator[None]:
    """One thread, our own random numbers, gradients on, no warnings; then all is as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
            warnings.catch_warnings(action="ignore"),
        ):
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


def steadily(probe: Probe) -> Probe:
    """The probe, run within `steady`."""

    @functools.wraps(probe)
    def run(*args: Any, **kwargs: Any) -> Any:
        with steady():
            try:
                return probe(*args, **kwargs)
            except NotImplementedError as error:
                # PyTorch raises it for dtypes it can't use. A stub's has no message, and only a
                # stub's means that nothing is written yet.
                if not str(error):
                    raise
                raise TypeError(str(error)).with_traceback(error.__traceback__) from None

    return run


def tensor(array: Any) -> torch.Tensor:
    """A tensor with its own memory. array: of any shape; its dtype is kept."""
    return torch.as_tensor(np.array(array))
