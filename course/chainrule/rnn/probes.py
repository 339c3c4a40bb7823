"""How the checks of unit 13 drive what the learner wrote.

Cases carry plain arrays; the probes turn them into tensors, and back into what a case looks at.
Models that a check needs are the probes' own, small, and in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

Function = Callable[..., Any]
Arrays = Mapping[str, np.ndarray]

# The first optimizer of a process loads two seconds' worth of PyTorch. Where submissions are forked
# from a process that has imported this module, none of them has to wait for that.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


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


def steadily(probe: Function) -> Function:
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
    return torch.as_tensor(np.array(array))


def named(result: Any, names: list[str]) -> dict[str, Any]:
    """Returned values by name; whatever is not that many values is passed on as it is."""
    if isinstance(result, (tuple, list)) and len(result) == len(names):
        return dict(zip(names, result, strict=True))
    return {"returned": result}


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
    places = torch.arange(1, result.numel() + 1, dtype=result.dtype).reshape(result.shape)
    (result * places).sum().backward()
    return {"gradient of the table": rows.grad}


# --- the network ---------------------------------------------------------------------------------


@steadily
def rnn_cell(work: Function, *arrays: np.ndarray) -> Any:
    """The next state for x, h, W_x, W_h and b."""
    return work(*map(tensor, arrays))


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
    if looks_at != "gradients":
        seen = named(work(*parts), ["states", "last"])
        return {looks_at: seen[looks_at]} if looks_at in seen else seen
    for part in parts[1:4]:
        part.requires_grad_()
    states, _ = work(*parts)
    states[:, -1].sum().backward()
    return {"h": parts[1].grad, "W_x": parts[2].grad, "W_h": parts[3].grad}


@steadily
def masked_loss(work: Function, logits: np.ndarray, targets: np.ndarray, looks_at: str) -> Any:
    """The loss, or the gradient that reaches the logits."""
    scores = tensor(logits).requires_grad_()
    cost = work(scores, tensor(targets))
    if looks_at == "loss":
        return {"loss": cost.detach() if isinstance(cost, torch.Tensor) else cost}
    cost.backward()
    return {"gradient of the logits": scores.grad}


@steadily
def gradient_norms(work: Function, *arrays: np.ndarray) -> dict[str, Any]:
    """One norm for each state; the weights want no gradients, as the docstring says."""
    parts = [tensor(array) for array in arrays]
    result = work(*parts)
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
