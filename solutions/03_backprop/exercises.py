"""Unit 03: the exercises, their cases, and the mistakes people make in them."""

import numpy as np

from autograde.declare import case, close, exercise, law, unit
from chainrule.backprop import laws

unit(title="Who is to blame for the error?")


def signed(rng, low=0.5, high=3.0):
    """A number of either sign, away from zero."""
    return float(rng.uniform(low, high) * rng.choice([-1, 1]))


def many(rng, size, low=0.5, high=3.0):
    """Numbers of either sign, away from zero."""
    return rng.uniform(low, high, size=size) * rng.choice([-1, 1], size=size)


@exercise(
    points=3,
    compare=close(),
    symbols=["add", "mul"],
    minutes=15,
    hints=[
        "If a grows by 0.01 and b stays, by how much does a + b grow? By how much does a * b grow?",
        "local_backward takes one number, the result's gradient, and returns a tuple of two: what "
        "a receives and what b receives.",
        "a new Value: its data; the parents (a, b); a function that returns, for each parent, "
        "grad times that parent's slope. For a product, whose data is a's slope?",
    ],
)
def add(rng):
    yield case("the example", "mul", [2.0, 3.0], 10.0, weight=0)
    pair = [signed(rng), signed(rng)]
    yield case("add: the sum and its parents", "add", pair)
    yield case("add: the gradients passed back", "add", [signed(rng), signed(rng)], signed(rng, 2))
    yield case("mul: the product and its parents", "mul", [signed(rng), signed(rng)])
    yield case("mul: the gradients passed back", "mul", [signed(rng), signed(rng)], signed(rng, 2))
    yield case("mul: a Value times itself", "mul", [signed(rng)], signed(rng, 2), twice=True)
    arrays = [many(rng, 3), many(rng, 3)]
    yield case("mul: arrays of three numbers", "mul", arrays, many(rng, 3, 2))


@add.mistake(
    "Your mul hands a its own number and b its own. If a grows by 0.01, a * b grows by 0.01 times "
    "which of the two?"
)
def add(a, b):
    return Value(a.data + b.data, (a, b), lambda grad: (grad, grad), "+")


def mul(a, b):
    return Value(a.data * b.data, (a, b), lambda grad: (grad * a.data, grad * b.data), "×")
