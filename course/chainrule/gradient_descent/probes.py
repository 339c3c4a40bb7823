"""How the checks of unit 02 use what the learner wrote, where a plain call says too little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.observe import CHANGED_INPUT, Raised

# The functions whose slope is asked for: f(A, p), where A comes with the case.
_FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "squares": lambda A, p: np.sum(A * p**2),
    "cubes": lambda A, p: np.sum(A * p**3),
    "products": lambda A, p: p @ A @ p,
    "neighbours": lambda A, p: np.sum(A * p[:, :-1] * p[:, 1:]) + np.sum(p[0] ** 2),
    "waves": lambda A, p: np.sum(np.sin(A * p)),
}


def numerical_gradient(
    work: Callable[..., Any], function: str, A: np.ndarray, parameters: np.ndarray, *step: float
) -> dict[str, Any]:
    """The learner's gradient of a function of our own, and what it did to the parameters."""
    place = np.array(parameters, dtype=float)
    gradient = work(lambda p: _FUNCTIONS[function](A, p), place, *step)
    return {"the gradient": gradient, "the parameters you were given": place}


def gradient_descent(
    work: Callable[..., Any],
    A: np.ndarray,
    valley: np.ndarray,
    start: np.ndarray,
    learning_rate: float,
    steps: int,
    looks_at: str = "the path",
) -> dict[str, Any]:
    """The learner's walk on a bowl with its floor at `valley`; a list of places is a path too."""
    path = work(lambda place: A @ (place - valley), start, learning_rate, steps)
    if isinstance(path, (list, tuple)) and len({np.shape(place) for place in path}) == 1:
        path = np.stack([np.asarray(place) for place in path])
    seen = {"the path": path}
    if looks_at == "the start":
        seen["the start you were given"] = start
    return seen


def minibatches(
    work: Callable[..., Any],
    x: np.ndarray,
    targets: np.ndarray,
    batch_size: int,
    seed: int,
    looks_at: str,
) -> dict[str, Any] | Raised:
    """The batches of one epoch; for two of the laws those of a second epoch as well."""
    given = x.copy(), targets.copy()

    def epoch(rng: np.random.Generator) -> Any:
        return _listed(work(*given, batch_size, rng))

    rng = np.random.default_rng(seed)
    epochs = {"once": epoch(rng)}
    if looks_at == "repeatable":
        epochs["again"] = epoch(np.random.default_rng(seed))
    if looks_at == "by chance":
        epochs["next"] = epoch(rng)
    if not (np.array_equal(given[0], x) and np.array_equal(given[1], targets)):
        said = "your function changes the table that it is given, which its caller still needs."
        return Raised(CHANGED_INPUT, said)
    return epochs


def _listed(batches: Any) -> Any:
    """The batches as a list, whether they came as a list, a zip or a generator."""
    return list(batches) if hasattr(batches, "__next__") else batches
