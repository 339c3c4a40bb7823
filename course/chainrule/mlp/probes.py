"""How the checks of unit 04 use what the learner wrote, where a plain call says too little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.mlp.laws import wrong_shape
from chainrule.observe import named

Function = Callable[..., Any]


def solve_xor(work: Function, x: np.ndarray) -> dict[str, Any]:
    """What the network with the learner's weights says for the switches x, (batch, 2).

    Only the lamp, when the parts fit together: how they are written does not matter then.
    """
    parts = work()
    if not isinstance(parts, (tuple, list)) or len(parts) != 4:
        return {"returned": parts}
    kinds = [type(part).__name__ for part in parts]
    if "list" in kinds or "tuple" in kinds:
        return {"kinds": kinds}
    shapes = [list(np.shape(part)) for part in parts]
    if wrong_shape(shapes):
        return {"shapes": shapes}
    W1, b1, W2, b2 = parts
    lamp = np.heaviside(np.heaviside(x @ W1 + b1, 1.0) @ W2 + b2, 1.0)
    return {"lamp": lamp.ravel() if lamp.size == len(x) else lamp}


def relu(
    work: Mapping[str, Function], z: np.ndarray, grad: np.ndarray | None = None
) -> dict[str, Any]:
    """relu of z, or relu_backward when a gradient is given; and what became of the inputs."""
    if grad is None:
        return {"what relu returns": work["relu"](z), "the z you were given": z}
    result = work["relu_backward"](grad, z)
    return {
        "what relu_backward returns": result,
        "the z you were given": z,
        "the grad you were given": grad,
    }


def linear_forward(
    work: Mapping[str, Function],
    x: np.ndarray,
    W: np.ndarray,
    b: np.ndarray | None = None,
    grad: np.ndarray | None = None,
    looks_at: str = "",
) -> Any:
    """The output for x, or the one of the three gradients that `looks_at` names."""
    if grad is None:
        return work["linear_forward"](x, W, b)
    gradients = named(work["linear_backward"](grad, x, W), ["grad_x", "grad_W", "grad_b"])
    return {looks_at: gradients[looks_at]} if looks_at in gradients else gradients


def MLP(work: Function, sizes: list[int], method: str, **given: Any) -> Any:
    """A network of the learner's class, with the case's weights, doing what `method` names."""
    return METHODS[method](work, sizes, **given)


def shapes(work: Function, sizes: list[int], seed: int) -> dict[str, Any]:
    """The shapes of a new network's weights, and its biases."""
    model = work(sizes, np.random.default_rng(seed))
    return {
        "the shapes of self.weights": [list(np.shape(W)) for W in model.weights],
        "self.biases": list(model.biases),
    }


def spread(work: Function, sizes: list[int], seed: int) -> dict[str, Any]:
    """The weights' spread and mean, layer by layer, so coarse that chance does not show."""
    model = work(sizes, np.random.default_rng(seed))
    told = {}
    for number, (W, inputs) in enumerate(zip(model.weights, sizes, strict=False), start=1):
        scaled = np.asarray(W) * np.sqrt(inputs / 2)
        told[f"layer {number}'s weights, times the square root of inputs / 2"] = {
            "spread": round(float(scaled.std()), 1),
            "mean": round(float(scaled.mean()), 1) + 0.0,  # no minus zero
        }
    return told


def chance(work: Function, sizes: list[int], seed: int) -> dict[str, Any]:
    """Whether the generator that was passed in decides the weights."""
    first, again = (work(sizes, np.random.default_rng(seed)).weights[0] for _ in range(2))
    rng = np.random.default_rng(seed + 1)
    one, two = work(sizes, rng).weights[0], work(sizes, rng).weights[0]
    return {
        "the same generator, the same weights": bool(np.array_equal(first, again)),
        "another generator, other weights": not np.array_equal(first, one),
        "the same generator again, new weights": not np.array_equal(one, two),
    }


def forward(
    work: Function,
    sizes: list[int],
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    x: np.ndarray,
) -> Any:
    return filled(work, sizes, weights, biases).forward(x)


def backward(
    work: Function,
    sizes: list[int],
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    batches: list[np.ndarray],
    grad: np.ndarray,
) -> Any:
    """The gradients after a forward pass of every batch in turn."""
    model = filled(work, sizes, weights, biases)
    for x in batches:
        model.forward(x)
    return named(model.backward(grad), ["grad_weights", "grad_biases"])


def step(
    work: Function,
    sizes: list[int],
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    grad_weights: list[np.ndarray],
    grad_biases: list[np.ndarray],
    learning_rate: float,
) -> dict[str, Any]:
    """The weights and biases after one step with the given gradients."""
    model = filled(work, sizes, weights, biases)
    model.step(grad_weights, grad_biases, learning_rate=learning_rate)  # as the notebook calls it
    return {"self.weights": list(model.weights), "self.biases": list(model.biases)}


def together(
    work: Function,
    sizes: list[int],
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    x: np.ndarray,
    targets: np.ndarray,
    learning_rate: float,
    steps: int,
) -> list[Any]:
    """The outputs while the network learns targets, with the gradient of half the squared error."""
    model = filled(work, sizes, weights, biases)
    outputs = []
    for _ in range(steps):
        outputs.append(np.array(model.forward(x)))
        model.step(*model.backward((outputs[-1] - targets) / len(x)), learning_rate)
    return outputs


METHODS: dict[str, Callable[..., Any]] = {
    "shapes": shapes,
    "spread": spread,
    "chance": chance,
    "forward": forward,
    "backward": backward,
    "step": step,
    "together": together,
}


def filled(
    work: Function, sizes: list[int], weights: list[np.ndarray], biases: list[np.ndarray]
) -> Any:
    model = work(sizes, np.random.default_rng(0))
    model.weights, model.biases = list(weights), list(biases)
    return model
