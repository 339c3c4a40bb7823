"""How the checks of unit 16 drive what the learner wrote.

A case brings plain arrays. A probe turns them into tensors, builds the learner's module, puts the
case's weights into it under the names that the docstrings fix, and returns what came out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.observe import listed, named
from chainrule.steady import tensor
from chainrule.training.probes import dtype_of, steadily

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]


class Told(Exception):
    """What a probe could not use, in a whole sentence; the comparator shows it as it is."""


class ChangedInput(Exception):
    """What the learner's code did to its arguments, in a whole sentence."""


def unchanged(name: str, before: torch.Tensor, after: torch.Tensor) -> None:
    """Raises ChangedInput when a tensor is not what it was."""
    if not torch.equal(before, after):
        raise ChangedInput(
            f"your code changes {name}, which its caller still needs. Write the result into a new "
            "tensor."
        )


def shapes_of(model: nn.Module) -> dict[str, list[int]]:
    """Every parameter's shape, by name."""
    return {name: list(value.shape) for name, value in model.named_parameters()}


def fill(model: nn.Module, weights: Arrays) -> None:
    """Put arrays into a module's parameters. Raises Told when names or shapes differ."""
    parameters = dict(model.named_parameters())
    missing, extra = weights.keys() - parameters.keys(), parameters.keys() - weights.keys()
    if missing or extra:
        said = [f"{some(missing)} missing"] * bool(missing) + [f"{some(extra)} new"] * bool(extra)
        raise Told(
            f"the parameters of your {type(model).__name__} are not those of the docstring: "
            f"{'; '.join(said)}."
        )
    for name, parameter in parameters.items():
        if parameter.shape != weights[name].shape:
            raise Told(
                f"the shape of {name} is {tuple(parameter.shape)}; the docstring's is "
                f"{weights[name].shape}."
            )
        parameter.data = tensor(weights[name])


def some(names: Collection[str]) -> str:
    """At most four names, and how many more there are."""
    shown = sorted(names)[:4]
    more = [f"{len(names) - len(shown)} more"] * (len(names) > len(shown))
    return listed([*shown, *more])


@steadily
def scaled_dot_product_attention(
    work: Function,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None = None,
    looks_at: str = "output",
) -> dict[str, Any]:
    """The mixed values and the weights, or the gradients that come back through the former."""
    given = {"query": tensor(query), "key": tensor(key), "value": tensor(value)}
    if mask is not None:
        given["mask"] = tensor(mask)
    before = {name: part.clone() for name, part in given.items()}
    if looks_at == "gradients":
        for part in given.values():
            part.requires_grad_()
    seen = named(work(*given.values()), ["output", "weights"])
    if looks_at == "output":
        for name, part in given.items():
            unchanged(name, before[name], part)
        return seen
    if not isinstance(seen.get("output"), torch.Tensor):
        return seen
    (seen["output"] ** 2).sum().backward()
    return {f"gradient of {name}": arrived(part, name) for name, part in given.items()}


def arrived(part: torch.Tensor, name: str) -> torch.Tensor:
    """The gradient of a tensor. Raises Told when there is none."""
    if part.grad is None:
        raise Told(f"no gradient arrives at {name}. Did .detach(), .data or no_grad cut it off?")
    return part.grad


@steadily
def causal_mask(work: Function, lengths: list[int], looks_at: str) -> dict[str, Any]:
    """The masks of several lengths, or only what kind of numbers they hold."""
    masks = [work(length) for length in lengths]
    if looks_at == "dtype":
        return {"dtype of the mask": dtype_of(masks[0]), "True in the mask": counted(masks[0])}
    return {f"mask of length {length}": mask for length, mask in zip(lengths, masks, strict=True)}


@steadily
def padding_mask(work: Function, tokens: np.ndarray, padding: int, looks_at: str) -> dict[str, Any]:
    """The mask of a batch, or only what kind of numbers it holds."""
    mask = work(tensor(tokens), padding)
    if looks_at == "dtype":
        return {"dtype of the mask": dtype_of(mask), "True in the mask": counted(mask)}
    return {"mask": mask}


def counted(mask: Any) -> Any:
    return mask.sum() if isinstance(mask, torch.Tensor) else None


@steadily
def MultiHeadAttention(
    work: Function,
    width: int,
    heads: int,
    weights: Arrays,
    x: np.ndarray,
    looks_at: str,
    mask: np.ndarray | None = None,
) -> dict[str, Any]:
    """The layers, the output, the kept weights or the gradients of the learner's module."""
    model = work(width, heads)
    if looks_at == "layers":
        return {"shape of each parameter": shapes_of(model)}
    fill(model, weights)
    given = tensor(x)
    output = model(given) if mask is None else model(given, tensor(mask))
    if looks_at == "weights":
        if isinstance(model.weights, torch.Tensor) and model.weights.requires_grad:
            raise Told("the weights that you keep still hang on their graph.")
        return {"weights": model.weights}
    return gradients(model, output) if looks_at == "gradients" else {"output": output}


def gradients(model: nn.Module, output: torch.Tensor) -> dict[str, Any]:
    """What every parameter receives from the sum of the squared outputs.

    The keys' bias is left out: it moves all scores of a query alike, which softmax does not feel,
    so its gradient is 0 but for rounding.
    """
    (output**2).sum().backward()
    received = {name: arrived(part, name) for name, part in model.named_parameters()}
    return {name: grad for name, grad in received.items() if not name.endswith("key.bias")}


@steadily
def positional_encoding(work: Function, length: int, width: int, x: np.ndarray) -> dict[str, Any]:
    """The encoding, added to the embeddings x, as a model uses it."""
    encoding = work(length, width)
    name = "a random table plus your encoding" if x.any() else "encoding"
    if isinstance(encoding, torch.Tensor) and encoding.shape == x.shape:
        return {name: tensor(x) + encoding}
    return {name: encoding}


@steadily
def LayerNorm(
    work: Function,
    width: int,
    x: np.ndarray,
    looks_at: str,
    weights: Arrays | None = None,
    **extra: float,
) -> dict[str, Any]:
    """A new layer's parameters, its output with the case's parameters, or the gradients."""
    model = work(width, **extra)
    if looks_at == "parameters":
        fresh = {name: value.detach() for name, value in model.named_parameters()}
        return {"parameters": fresh, "output": model(tensor(x).to(torch.float32)).detach()}
    if weights is not None:
        fill(model, weights)
    given = tensor(x).requires_grad_()
    output = model(given)
    if looks_at == "gradients":
        seen = gradients(model, output * torch.arange(1, width + 1))
        return seen | {"x": given.grad}
    return {"output": output}


@steadily
def TransformerBlock(
    work: Function,
    width: int,
    heads: int,
    hidden_size: int,
    weights: Arrays,
    x: np.ndarray,
    looks_at: str,
    mask: np.ndarray | None = None,
) -> dict[str, Any]:
    """The layers, the output or the gradients of the learner's block."""
    model = work(width, heads, hidden_size)
    if looks_at == "layers":
        return {"shape of each parameter": shapes_of(model)}
    fill(model, weights)
    given = tensor(x)
    output = model(given) if mask is None else model(given, tensor(mask))
    unchanged("x", tensor(x), given)
    return gradients(model, output) if looks_at == "gradients" else {"output": output}
