"""How the checks of unit 03 use what the learner wrote.

Every exercise is asked alone: the graphs are put together here, Value by Value, from local
gradients that the case made up, and not by the learner's own add, mul or tanh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.compare import describe
from chainrule.observe import TOLD, Raised, freeze, named

Numbers = Sequence[Any]
Function = Callable[..., Any]


class Node:
    """Stands in for the notebook's Value where that can't be found."""

    def __init__(
        self,
        data: Any,
        parents: tuple[Any, ...] = (),
        local_backward: Function | None = None,
        label: str = "",
    ) -> None:
        self.data = data
        self.parents = parents
        self.local_backward = local_backward or (lambda grad: ())
        self.grad = 0.0
        self.label = label


def value_class(work: Any) -> Any:
    """The Value of the notebook in which `work` was written."""
    found = getattr(work, "__globals__", {}).get("Value")
    return found if isinstance(found, type) else Node


# --- one operation ---------------------------------------------------------------------------


def add(
    work: Mapping[str, Function],
    which: str,
    numbers: Numbers,
    grad: Any = None,
    twice: bool = False,
) -> dict[str, Any] | Raised:
    """One call of the operation `which`, and what is asked about it.

    numbers: the data of its inputs. grad: None to look at the result, otherwise the gradient
    that is given to the result's local_backward. twice: one Value is on both sides.
    """
    function = work[which]
    value = value_class(function)
    inputs = [value(numbers[0])] * 2 if twice else [value(number) for number in numbers]
    with numbers_are_in_data():
        result = function(*inputs)
        if not hasattr(result, "parents"):
            return {"returned": result, "wanted": "a Value"}
        if grad is None:
            return result_and_parents(result, inputs)
        if not callable(result.local_backward):
            return Raised(
                TOLD,
                "the third argument of Value is local_backward, a function that takes grad; yours "
                f"is {describe(freeze(result.local_backward))}.",
            )
        passed_back = result.local_backward(grad)
    grads = [item.grad for item in inputs]
    return {
        "gradients passed back": passed_back,
        "the inputs' own grad, which only `backward` may change": grads,
    }


tanh = add


def result_and_parents(result: Any, inputs: Sequence[Any]) -> dict[str, Any] | Raised:
    """The number in a result, and which of the inputs its parents are."""
    if not isinstance(result.parents, (tuple, list)):
        said = "the second argument of Value is a tuple, the parents."
        if place(result.parents, inputs) >= 0:
            said += " (a) in plain brackets is a itself; a tuple of one needs a comma: (a,)"
        return Raised(TOLD, said)
    names = {number: "ab"[number] for number in range(len(inputs))}
    parents = [names.get(place(parent, inputs), "something else") for parent in result.parents]
    return {"data": result.data, "parents": parents}


@contextmanager
def numbers_are_in_data() -> Iterator[None]:
    """Say more where Python says that it can't calculate with a Value."""
    try:
        yield
    except TypeError as error:
        if "'Value'" not in str(error):
            raise
        said = f"{error}. A Value is not a number; its number is in .data"
        raise TypeError(said).with_traceback(error.__traceback__) from None


def place(item: Any, among: Sequence[Any]) -> int:
    """Where `item` itself, not an equal one, stands in a list; -1 if it does not."""
    return next((number for number, other in enumerate(among) if item is other), -1)


# --- whole graphs ----------------------------------------------------------------------------


def topological_order(
    work: Function,
    parents: Sequence[Sequence[int]],
    data: Numbers,
    root: int,
    again: bool = False,
) -> Any:
    """The learner's order of a made graph, as the numbers of its Values; -1 for a stranger.

    again: it was asked for once before.
    """
    value = value_class(work)
    nodes = [value(number) for number in data]
    for node, numbers in zip(nodes, parents, strict=True):
        node.parents = tuple(nodes[number] for number in numbers)
    order = work(nodes[root])
    if again:
        order = work(nodes[root])
    if not isinstance(order, (list, tuple)):
        return order
    return [place(item, nodes) for item in order]


def backward(
    work: Function,
    parents: Sequence[Sequence[int]],
    slopes: Sequence[Sequence[Any]],
    roots: Sequence[int],
) -> dict[str, Any]:
    """What `backward`, called on each root in turn, leaves in a made graph.

    parents: for each Value the numbers of its parents, all smaller than its own. slopes: for
    each Value its local gradients, one for each parent. roots: the numbers of the results.
    """
    value = value_class(work)
    nodes: list[Any] = []
    calls = [0] * len(parents)
    for number, (above, local) in enumerate(zip(parents, slopes, strict=True)):
        passing = counted(number, local, calls) if len(above) else None
        nodes.append(value(float(number), tuple(nodes[p] for p in above), passing))
    for root in roots:
        work(nodes[root])
    inner = [number for number, above in enumerate(parents) if len(above)]
    return {
        "the gradients": [node.grad for node in nodes],
        "how often each local_backward was called": [calls[number] for number in inner],
    }


def counted(number: int, slopes: Numbers, calls: list[int]) -> Function:
    """A local_backward with the given slopes, which counts its calls."""

    def local_backward(grad: Any) -> tuple[Any, ...]:
        calls[number] += 1
        return tuple(grad * slope for slope in slopes)

    return local_backward


def gradient_check(
    work: Function,
    inputs: list[float],
    powers: Sequence[int],
    scale: Sequence[float],
    wrong: float = 1.0,
    **kwargs: Any,
) -> dict[str, Any]:
    """The learner's gradient check of sum(scale * input ** power) + the inputs' product.

    wrong: a factor by which the local gradient of the last input is off.
    """
    value = value_class(work)

    def function(*values: Any) -> Any:
        if not all(hasattr(item, "local_backward") for item in values):
            raise TypeError("the function takes Values; wrap each number you give it: Value(x)")
        numbers = [item.data for item in values]
        whole = float(np.prod(numbers))
        terms = [s * x**p for x, p, s in zip(numbers, powers, scale, strict=True)]
        slopes = [
            s * p * x ** (p - 1) + whole / x for x, p, s in zip(numbers, powers, scale, strict=True)
        ]
        slopes[-1] *= wrong
        return value(
            sum(terms) + whole, tuple(values), lambda grad: tuple(grad * slope for slope in slopes)
        )

    return named(
        work(function, list(inputs), **kwargs), ["the gradients by backward", "the measured ones"]
    )


# --- arrays ----------------------------------------------------------------------------------


def unbroadcast(work: Function, grad: np.ndarray, shape: Sequence[int]) -> Any:
    return work(grad, tuple(shape))


def sum_backward(work: Function, grad: np.ndarray, shape: Sequence[int], **options: Any) -> Any:
    return work(grad, tuple(shape), **options)


def matmul_backward(
    work: Function, grad: np.ndarray, a: np.ndarray, b: np.ndarray, looks_at: str
) -> dict[str, Any]:
    """The gradient of a, the gradient of b, or both."""
    found = named(work(grad, a, b), ["the gradient of a", "the gradient of b"])
    if looks_at == "both" or "returned" in found:
        return found
    return {looks_at: found[looks_at]}
