"""How the checks of unit 13 drive what the learner wrote.

Cases carry plain arrays; the probes turn them into tensors, and back into what a case looks at.
Models that a check needs are the probes' own, small, and in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from chainrule.observe import named
from chainrule.steady import steadily, tensor

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]


class Told(Exception):
    """What a probe could not use, in a whole sentence; the comparator shows it as it is."""


class ChangedInput(Exception):
    """What the learner's code did to its arguments, in a whole sentence."""


def unchanged(before: list[torch.Tensor], parts: list[torch.Tensor], names: str) -> None:
    """Raises ChangedInput when one of the tensors is not what it was."""
    for name, old, new in zip(names.split(), before, parts, strict=True):
        if not torch.equal(old, new):
            raise ChangedInput(
                f"your function changes {name}, which its caller still needs. Write the result "
                "into a new tensor."
            )


def gradients(result: Any, parts: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """What arrives at each part when every number of the result counts differently.

    Raises Told when the result is no part of a graph, or when nothing arrives somewhere.
    """
    if not isinstance(result, torch.Tensor):
        return {"returned": result, "wanted": "a tensor"}
    if not result.requires_grad:
        raise Told("no gradient flows through your result. Did detach, .data or no_grad cut it?")
    places = torch.arange(1, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
    (result * places).sum().backward()
    for name, part in parts.items():
        if part.grad is None:
            raise Told(f"no gradient arrives at {name}. Did detach, .data or no_grad cut it off?")
    return {f"gradient of {name}": part.grad for name, part in parts.items()}


# --- names ---------------------------------------------------------------------------------------


@steadily
def encode_names(work: Function, names: list[str], looks_at: str) -> dict[str, Any]:
    """The inputs or the targets of some names, and whether PyTorch can use them as indices."""
    seen = named(work(list(names)), ["inputs", "targets"])
    if looks_at not in seen:
        return seen
    indices = seen[looks_at]
    return {looks_at: indices, "dtype": str(getattr(indices, "dtype", type(indices).__name__))}


@steadily
def embed(work: Function, indices: np.ndarray, table: np.ndarray, looks_at: str) -> dict[str, Any]:
    """The rows that the indices name, or the gradient that reaches the table."""
    rows = tensor(table).requires_grad_()
    result = work(tensor(indices), rows)
    if looks_at == "result":
        return {"result": result.detach() if isinstance(result, torch.Tensor) else result}
    return gradients(result, {"the table": rows})


# --- the network ---------------------------------------------------------------------------------

PARTS = "x h W_x W_h b"


@steadily
def rnn_cell(work: Function, *arrays: np.ndarray, looks_at: str = "state") -> Any:
    """The next state for x, h, W_x, W_h and b, or the gradients that come back through it."""
    parts = [tensor(array) for array in arrays]
    before = [part.clone() for part in parts]
    if looks_at == "state":
        state = work(*parts)
        unchanged(before, parts, PARTS)
        return state
    for part in parts:
        part.requires_grad_()
    return gradients(work(*parts), dict(zip(PARTS.split(), parts, strict=True)))


@steadily
def rnn_forward(
    work: Function,
    x: np.ndarray,
    h: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
    looks_at: str,
) -> dict[str, Any]:
    """All states, or the last one, or the gradients that come back through the states."""
    parts = [tensor(array) for array in (x, h, W_x, W_h, b)]
    if not looks_at.startswith("gradients"):
        seen = named(work(*parts), ["states", "last"])
        return {looks_at: seen[looks_at]} if looks_at in seen else seen
    for part in parts[1:4]:
        part.requires_grad_()
    seen = named(work(*parts), ["states", "last"])
    if "returned" in seen:
        return seen
    result = seen["last"] if "last state" in looks_at else seen["states"]
    if isinstance(result, torch.Tensor) and result.dim() == 3:
        result = result[:, -1]
    return gradients(result, dict(zip(PARTS.split()[1:4], parts[1:4], strict=True)))


@steadily
def masked_loss(work: Function, logits: np.ndarray, targets: np.ndarray, looks_at: str) -> Any:
    """The loss, or the gradient that reaches the logits."""
    scores = tensor(logits).requires_grad_()
    cost = work(scores, tensor(targets))
    if looks_at == "loss":
        return {"loss": cost.detach() if isinstance(cost, torch.Tensor) else cost}
    return gradients(cost, {"the logits": scores})


@steadily
def gradient_norms(work: Function, *arrays: np.ndarray) -> dict[str, Any]:
    """One norm for each state; the weights want no gradients, as the docstring says."""
    parts = [tensor(array) for array in arrays]
    try:
        result = work(*parts)
    except RuntimeError as error:
        if "not have been used in the graph" not in str(error):
            raise
        raise Told(
            "one of the tensors whose gradient you ask for lies on no way to the last state."
        ) from None
    if isinstance(result, (list, tuple)):
        result = torch.stack([torch.as_tensor(norm, dtype=torch.float64) for norm in result])
    if isinstance(result, torch.Tensor):
        result = result.detach()
    return {"norms": result, "the h you were given wants gradients": parts[1].requires_grad}


class Reader(nn.Module):
    """A small recurrent model with weights from the case, that notes how it is called.

    model(indices, h) -> logits, h; h is None at the beginning.
    """

    def __init__(self, weights: Arrays) -> None:
        super().__init__()
        self.table = nn.Parameter(tensor(weights["table"]))  # (characters, hidden)
        self.W_h = nn.Parameter(tensor(weights["W_h"]))  # (hidden, hidden)
        self.W_y = nn.Parameter(tensor(weights["W_y"]))  # (hidden, characters)
        self.windows: list[list[int]] = []
        self.begun = 0

    def forward(
        self, indices: torch.Tensor, h: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.windows.append(list(indices.shape))
        if h is None:
            self.begun += 1
            h = torch.zeros(len(indices), len(self.W_h), dtype=self.W_h.dtype)
        notes = []
        for time in range(indices.shape[1]):
            h = torch.tanh(self.table[indices[:, time]] + h @ self.W_h)
            notes.append(h)
        return torch.stack(notes, dim=1) @ self.W_y, h

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in self.named_parameters()}


@steadily
def truncated_bptt(
    work: Function,
    weights: Arrays,
    inputs: np.ndarray,
    targets: np.ndarray,
    window: int,
    learning_rate: float,
    clip: float,
    looks_at: str,
) -> dict[str, Any]:
    """One pass over a text: the losses, the weights afterwards, or the windows that were read."""
    model = Reader(weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    losses = work(model, optimizer, tensor(inputs), tensor(targets), window, clip)
    if isinstance(losses, list) and any(getattr(loss, "requires_grad", False) for loss in losses):
        raise Told("your list holds tensors with their graphs; Python numbers are asked for.")
    if looks_at == "losses":
        return {"losses": losses}
    if looks_at == "windows":
        return {"windows": model.windows, "how often the state began anew": model.begun}
    return dict(model.weights())


@steadily
def sample_name(
    work: Function, weights: Arrays, shares: list[float], longest: int, looks_at: str
) -> dict[str, Any]:
    """A name from the case's model, or its length, or what `draw` was given.

    Draw number n is the letter at which the probabilities, added up, pass `shares[n]`.
    """
    model = Reader(weights)
    drawn: list[int] = []
    given: list[torch.Tensor] = []

    def draw(probabilities: torch.Tensor) -> int:
        share = shares[len(drawn) % len(shares)]
        given.append(torch.as_tensor(probabilities).detach().clone())
        levels = given[-1].double().flatten().cumsum(0)
        adds_up = abs(float(levels[-1]) - 1) < 1e-3  # whatever else it is, luck must not decide
        drawn.append(min(int((levels < share).sum()), len(levels) - 1) if adds_up else 0)
        return drawn[-1]

    name = work(model, draw, longest)
    if looks_at == "probabilities":
        return {"probabilities at each draw": given}
    if looks_at == "length" and isinstance(name, str):
        return {"letters": len(name)}
    return {"name": name}
