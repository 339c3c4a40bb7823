"""The exercises of the benchmark's notebook."""

import numpy as np

from autograde.declare import case, close, exercise, unit

unit(title="A notebook to measure graders with", packages=["torch"])


@exercise(points=3, compare=close(), hints=["The larger of x and 0."])
def relu(rng):
    yield case("a vector", rng.normal(size=9))
    yield case("a table", rng.normal(size=(3, 5)))


@exercise(points=4, compare=close(), hints=["Powers of e, divided by their sum."])
def softmax(rng):
    yield case("small scores", rng.normal(size=(3, 5)))
    yield case("large scores", rng.normal(size=(2, 4)) * 1000)


@exercise(points=3, compare=close(), hints=["One product, one sum."])
def linear(rng):
    yield case("a batch", rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2))
    yield case("only the bias", np.zeros((2, 3)), rng.normal(size=(3, 2)), rng.normal(size=2))


@exercise(points=3, compare=close(), hints=["The mean of the squares."])
def mse(rng):
    yield case("a vector", rng.normal(size=7), rng.normal(size=7))
    yield case("a table", rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))


@exercise(points=4, compare=close(), hints=["Against the gradient."])
def sgd_step(rng):
    yield case("a vector", rng.normal(size=5), rng.normal(size=5), rng.uniform(0.1, 0.5))
    yield case("a table", rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 0.1)


@exercise(points=3, compare=close(), hints=["How often is the largest the right one?"])
def accuracy(rng):
    logits = rng.normal(size=(9, 4))
    labels = logits.argmax(axis=1)
    labels[:4] = (labels[:4] + 1) % 4
    yield case("a batch", logits, labels)
    yield case("a few", logits[:3] + rng.normal(size=(3, 1)), labels[:3])
