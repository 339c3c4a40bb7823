"""Which device to compute on: a GPU where PyTorch finds one, otherwise the CPU."""

from __future__ import annotations

import functools
import importlib.util


@functools.cache
def device() -> str:
    """`"cuda"`, `"mps"` or `"cpu"`: the fastest device that PyTorch can use here.

    PyTorch is imported only if it is installed; without it, or with one that does not load, the
    answer is `"cpu"`. The answer is remembered, because the first import takes seconds.
    """
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    try:
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if torch.backends.mps.is_available():
            return "mps"
    except Exception:  # a broken driver or installation: the doctor says so, the course goes on
        return "cpu"
    return "cpu"


def on_gpu() -> bool:
    """Whether there is a GPU to compute on. Cells use it to choose the larger run."""
    return device() != "cpu"
