"""How the checks of unit 09 use what the learner wrote, where a plain call says too little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.observe import named
from chainrule.steady import steady

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]

CHANGED = (
    "your function changes {}, which its caller still needs. Work on a copy, or write the result "
    "into a new array."
)


class Told(Exception):
    """What a probe could not use, in a whole sentence; the comparator shows it as it is."""


def pad2d(work: Function, x: np.ndarray, paddings: list[int]) -> dict[str, Any]:
    """The picture with borders of several widths, one after the other; and what became of it."""
    before = x.copy()
    padded = {f"padding {padding}": work(x, padding) for padding in paddings}
    if not np.array_equal(x, before):
        raise Told(CHANGED.format("x"))
    if any(
        isinstance(array, np.ndarray) and np.shares_memory(array, x) for array in padded.values()
    ):
        raise Told("you hand back x itself, or a part of it; a new array is asked for.")
    return padded


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
    inputs = {"grad": grad, "x": x, "weight": weight}
    before = {name: array.copy() for name, array in inputs.items()}
    seen = named(work(grad, x, weight, **given), ["grad_x", "grad_weight", "grad_bias"])
    for name, array in inputs.items():
        if not np.array_equal(array, before[name]):
            raise Told(CHANGED.format(name))
    return {looks_at: seen[looks_at]} if looks_at in seen else seen


# --- LeNet ---------------------------------------------------------------------------------------


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
        if any(nn.parameter.is_lazy(part) for part in model.parameters()):
            model(torch.zeros(1, *picture))  # a lazy layer learns its size from the first picture
        parameters = dict(model.named_parameters())
        if looks_at == "layers":
            shapes = {name: list(value.shape) for name, value in parameters.items()}
            return {"shape of each parameter": shapes}
        if parameters.keys() != weights.keys():
            found = ", ".join(sorted(parameters)) or "none"
            raise Told(
                f"the parameters of your LeNet are {found}; the docstring's four layers have "
                f"{', '.join(sorted(weights))}."
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
        for name, parameter in parameters.items():
            if parameter.grad is None:
                raise Told(
                    f"no gradient reaches {name}. Is every layer used, and did .detach(), .data or "
                    "torch.no_grad cut the way back?"
                )
        return {name: parameter.grad for name, parameter in parameters.items()}
