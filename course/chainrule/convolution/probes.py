"""How the checks of unit 09 use what the learner wrote, where a plain call says too little."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]


def pad2d(work: Function, x: np.ndarray, paddings: list[int]) -> dict[str, Any]:
    """The picture with borders of several widths, one after the other; and what became of it."""
    before = x.copy()
    padded = {f"padding {padding}": work(x, padding) for padding in paddings}
    return padded | {"x stays as it was": bool(np.array_equal(x, before))}


def output_size(work: Function, sizes: list[int], kernel: int, **given: int) -> list[Any]:
    """The answers for several sizes of the input, everything else the same."""
    return [work(size, kernel, **given) for size in sizes]


def conv2d_backward(
    work: Function,
    grad: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    looks_at: str,
    **given: int,
) -> dict[str, Any]:
    """The one of the three gradients that `looks_at` names, and what became of the inputs."""
    names = ["grad_x", "grad_weight", "grad_bias"]
    before = [array.copy() for array in (grad, x, weight)]
    gradients = work(grad, x, weight, **given)
    if not isinstance(gradients, (tuple, list)) or len(gradients) != len(names):
        return {"returned": gradients}
    seen = {looks_at: gradients[names.index(looks_at)]}
    pairs = zip(before, (grad, x, weight), strict=True)
    return seen | {"inputs left as they were": all(np.array_equal(a, b) for a, b in pairs)}


# --- LeNet ---------------------------------------------------------------------------------------


class OtherLayers(Exception):
    """The model's parameters are not those that the docstring names."""


@contextmanager
def steady() -> Iterator[None]:
    """One thread, random numbers of our own, gradients on; afterwards all is as it was."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.default_generator.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


def LeNet(
    work: Function,
    picture: list[int],
    channels: list[int],
    hidden_size: int,
    classes: int,
    weights: Arrays,
    images: np.ndarray,
    looks_at: str,
) -> dict[str, Any]:
    """The learner's module with weights from the case: its layers, its logits, its gradients.

    Where it looks at the layers, their shapes are all that counts, so no weights are needed.
    """
    with steady():
        model = work(tuple(picture), tuple(channels), hidden_size, classes)
        parameters = dict(model.named_parameters())
        if looks_at == "layers":
            shapes = {name: list(value.shape) for name, value in parameters.items()}
            return {"shape of each parameter": shapes}
        if parameters.keys() != weights.keys():
            raise OtherLayers(
                f"the parameters of your LeNet are {sorted(parameters) or 'none'}; "
                f"the docstring's four layers have {sorted(weights)}"
            )
        for name, parameter in parameters.items():
            parameter.data = torch.as_tensor(np.array(weights[name]))
        x = torch.as_tensor(np.array(images))
        try:
            logits = model(x)
        except NotImplementedError as error:
            # PyTorch raises it for dtypes it can't use; a stub's has no message, and only a
            # stub's means that nothing is written yet.
            if not str(error):
                raise
            raise TypeError(str(error)).with_traceback(error.__traceback__) from None
        if looks_at == "logits":
            return {"logits": logits.detach()}
        nn.functional.cross_entropy(logits, torch.arange(len(x)) % classes).backward()
        return {name: parameter.grad for name, parameter in parameters.items()}
