"""Unit 01: the exercises, their cases, and the mistakes people make in them."""

import numpy as np

from autograde.declare import case, close, exercise, question, unit

unit(title="Can one neuron make a decision?")


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "With tonight's inputs, what are the three products, and what is left to add to them?",
        "The result is one number: one product for each feature, all added, and the bias once.",
        "multiply inputs and weights one by one; add the products up; add the bias; return",
    ],
)
def weighted_sum(rng):
    tonight = np.array([1.0, 0.8, 0.2])
    yield case("tonight's concert", tonight, np.array([3.0, 2.0, -5.0]), -1.0, weight=0)
    yield case("no bias, four features", rng.normal(size=4), rng.normal(size=4), 0.0)
    yield case("only the bias counts", rng.normal(size=3), np.zeros(3), away_from_zero(rng))
    yield case("weights and bias", rng.normal(size=5), rng.normal(size=5), away_from_zero(rng))


def away_from_zero(rng):
    """A number of either sign that no rounding hides."""
    return float(rng.uniform(0.5, 3) * rng.choice([-1, 1]))


weighted_sum.mistake(
    "The bias never reaches the result. What should the sum be when every weight is 0?",
    replace=(" + bias", ""),
)
weighted_sum.mistake(
    "The bias is subtracted. A lazy evening has a negative bias; it is added like everything else.",
    replace=("+ bias", "- bias"),
)


@weighted_sum.mistake(
    "You return one product for each feature. They still have to be added up into one number."
)
def weighted_sum(inputs, weights, bias):
    return inputs * weights + bias


@weighted_sum.mistake("The bias is added once for each feature. It belongs to the sum, once.")
def weighted_sum(inputs, weights, bias):
    return np.sum(inputs * weights + bias)


@weighted_sum.mistake(
    "Inputs and weights are added. A weight says how much its input counts: multiply."
)
def weighted_sum(inputs, weights, bias):
    return np.sum(inputs + weights) + bias


@weighted_sum.mistake(
    "You add up three products by name, and the other features are left out. Which sum takes as "
    "many as there are?"
)
def weighted_sum(inputs, weights, bias):
    return inputs[0] * weights[0] + inputs[1] * weights[1] + inputs[2] * weights[2] + bias


@weighted_sum.mistake(
    "You unpack exactly three features, and another decision has more. Which sum takes as many as "
    "there are?"
)
def weighted_sum(inputs, weights, bias):
    x1, x2, x3 = inputs
    w1, w2, w3 = weights
    return x1 * w1 + x2 * w2 + x3 * w3 + bias


@weighted_sum.mistake(
    "Only the last product is left. = forgets what was there before; += adds to it."
)
def weighted_sum(inputs, weights, bias):
    for x, w in zip(inputs, weights):  # noqa: B905
        z = x * w
    return z + bias


@weighted_sum.mistake(
    "Only the last product is left, without the bias. = forgets what was there before; += adds to "
    "it."
)
def weighted_sum(inputs, weights, bias):
    z = bias
    for x, w in zip(inputs, weights):  # noqa: B905
        z = x * w
    return z


@weighted_sum.mistake(
    "The return stands inside the loop, so only the first product is added. Move it to the left."
)
def weighted_sum(inputs, weights, bias):
    z = bias
    for x, w in zip(inputs, weights):  # noqa: B905
        z += x * w
        return z


@weighted_sum.alternative("a loop over the features")
def weighted_sum(inputs, weights, bias):
    total = bias
    for x, w in zip(inputs, weights):  # noqa: B905
        total += x * w
    return total


@weighted_sum.alternative("one matrix product, as a plain float")
def weighted_sum(inputs, weights, bias):
    return float(inputs @ weights + bias)


@exercise(
    points=2,
    compare=close(),
    minutes=5,
    hints=[
        "What should happen at exactly 0? Read the docstring's example.",
        "The result has the shape of z and holds only 0 and 1, or False and True.",
        "np.where(condition, value where it holds, value where it doesn't)",
    ],
)
def step(rng):
    yield case("the example", np.array([-2.0, 0.0, 3.0]), weight=0)
    yield case("both sides of zero", mixed_signs(rng, 9))
    yield case("exactly zero", mixed_signs(rng, 9) * rng.permutation([0, 0, 0, 1, 1, 1, 1, 1, 1]))
    yield case("a table of 3 by 5", mixed_signs(rng, 15).reshape(3, 5))


def mixed_signs(rng, size):
    """Numbers away from zero: about half below it, never all on one side."""
    signs = np.where(np.arange(size) < size // 2, -1.0, 1.0)
    return rng.permutation(signs) * rng.uniform(0.1, 3, size=size)


step.mistake(
    "At exactly zero you say 0. The docstring says 1 where z is zero or more: > or >=?",
    replace=("z >= 0", "z > 0"),
)
step.mistake(
    "It is the wrong way round: you say 1 for the evenings below zero.",
    replace=("z >= 0", "z < 0"),
)


@step.mistake("np.sign gives -1, 0 and 1. Staying at home is 0, not -1, and zero counts as 1.")
def step(z):
    return np.sign(z)


@step.mistake(
    "`if`, like `and` and `max`, decides once, but z holds many numbers. Compare the whole array "
    "at once."
)
def step(z):
    if z >= 0:
        return 1.0
    else:
        return 0.0


@step.mistake("Where z is zero or more you return z itself. A decision is 1, however large z is.")
def step(z):
    return np.maximum(z, 0.0)


@step.alternative("np.where")
def step(z):
    return np.where(z >= 0, 1, 0)


@step.alternative("the comparison alone: True and False")
def step(z):
    return z >= 0


@step.alternative("an array filled in place")
def step(z):
    fired = np.ones_like(z)
    fired[z < 0] = 0
    return fired


@exercise(
    points=3,
    compare=close(),
    minutes=15,
    hints=[
        "What must sigmoid(0) be? At z = 1000 and at z = -1000, which of the two forms divides "
        "infinity by infinity?",
        "The result has the shape of z; no number in it is nan, below 0 or above 1.",
        "1 divided by (1 + exp(-z)), in brackets: where exp(-z) is inf, 1 / inf is 0, as it should "
        "be. To avoid the warning, raise e to the power -abs(z) only, and use one form where z >= "
        "0, the other elsewhere.",
    ],
)
def sigmoid(rng):
    yield case("the example", np.array([0.0, 2.0]), weight=0)
    yield case("a vector", rng.normal(size=5) * 2)
    yield case("a table of 3 by 4", rng.normal(size=(3, 4)))
    # Ordinary numbers stand among the large ones, so that no constant is right.
    far = rng.uniform(750, 1000, size=2) * [-1, 1]
    yield case("as far from zero as 1000", rng.permutation([*far, *rng.normal(size=3)]))


@sigmoid.mistake("You have exp(z) where exp(-z) belongs: the curve falls instead of rising.")
def sigmoid(z):
    return 1 / (1 + np.exp(z))


@sigmoid.mistake(
    "exp(z) / (1 + exp(z)) is right for moderate z, but at 1000 it is infinity / infinity: nan. "
    "Which form has no exp of a large positive number there?"
)
def sigmoid(z):
    return np.exp(z) / (1 + np.exp(z))


@sigmoid.mistake("1 / 1 + exp(-z) is (1 / 1) + exp(-z) to Python. Put the denominator in brackets.")
def sigmoid(z):
    return 1 / 1 + np.exp(-z)


@sigmoid.mistake("The denominator has a minus: 1 - exp(-z) is 0 at z = 0. It is 1 + exp(-z).")
def sigmoid(z):
    return 1 / (1 - np.exp(-z))


@sigmoid.mistake(
    "z is an array, and something here wants one number: math.exp, round and int do; np.exp takes "
    "both. (And e^z in Python is np.exp(z): ^ is no power.)"
)
def sigmoid(z):
    import math

    return 1 / (1 + math.exp(-z))


@sigmoid.mistake(
    "`if`, like `max`, decides once, but z holds many numbers. np.where chooses for each of them."
)
def sigmoid(z):
    if z >= 0:
        return 1 / (1 + np.exp(-z))
    return np.exp(z) / (1 + np.exp(z))


@sigmoid.mistake(
    "You round. The docstring shows three digits (≈ means about); the check wants all that you "
    "have."
)
def sigmoid(z):
    return np.round(1 / (1 + np.exp(-z)), 3)


@sigmoid.mistake(
    "You return exp(-z) alone. The sigmoid is 1 divided by (1 + exp(-z)), never above 1."
)
def sigmoid(z):
    return np.exp(-z)


@sigmoid.alternative("the textbook formula: exp(1000) is inf, and 1 / inf is the 0 it should be")
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@sigmoid.alternative("the hyperbolic tangent")
def sigmoid(z):
    return 0.5 * (1 + np.tanh(z / 2))


@sigmoid.alternative("two formulas, each where it is safe")
def sigmoid(z):
    result = np.empty(z.shape)
    positive = z >= 0
    result[positive] = 1 / (1 + np.exp(-z[positive]))
    power = np.exp(z[~positive])
    result[~positive] = power / (1 + power)
    return result


@sigmoid.alternative("z kept between -500 and 500 first")
def sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -500, 500)))


sigmoid.equivalent("z >= 0", "z > 0", why="at zero small is 1, so both values are 0.5")


@exercise(
    points=2,
    compare=close(),
    uses=["sigmoid"],
    minutes=10,
    hints=[
        "Which shape has x @ weights when x has shape (batch, features)?",
        "The result has shape (batch,): one number between 0 and 1 for each row of x.",
        "multiply the table with the weights; add the bias; put it through your sigmoid",
    ],
)
def neuron(rng):
    yield case("the example", np.eye(2), np.array([2.0, -2.0]), 0.0, weight=0)
    yield case("no bias, 5 examples of 3", rng.normal(size=(5, 3)), rng.normal(size=3), 0.0)
    x = rng.normal(size=(4, 3))
    yield case("only the bias counts", x, np.zeros(3), away_from_zero(rng))
    yield case("a batch of one", rng.normal(size=(1, 4)), rng.normal(size=4), away_from_zero(rng))
    x = rng.normal(size=(6, 2))
    yield case("weights and bias", x, rng.normal(size=2), away_from_zero(rng))


neuron.mistake(
    "The bias is left out: with every weight 0 your neuron always says 0.5.",
    replace=(" + bias", ""),
)


@neuron.mistake("You return the weighted sum itself. It still has to go through your sigmoid.")
def neuron(x, weights, bias):
    return x @ weights + bias


@neuron.mistake(
    "Your result is one number for the whole batch. Add up along the features only (axis=1): "
    "each example has its own sum."
)
def neuron(x, weights, bias):
    return sigmoid(np.sum(x * weights) + bias)


@neuron.mistake("The bias is added once for each feature. It belongs to each example's sum, once.")
def neuron(x, weights, bias):
    return sigmoid(np.sum(x * weights + bias, axis=1))


@neuron.mistake(
    "weights @ x, and x.T @ weights too, asks for as many examples as there are features. x has "
    "the features as its last axis: on which side of @ does it belong?"
)
def neuron(x, weights, bias):
    return sigmoid(weights @ x + bias)


@neuron.mistake(
    "Your result is a column of shape (batch, 1). One number for each example has shape (batch,)."
)
def neuron(x, weights, bias):
    return sigmoid(x @ weights.reshape(-1, 1) + bias)


@neuron.mistake(
    "The sum is missing: x * weights has one product for each feature, shape (batch, features). @ "
    "multiplies and adds up."
)
def neuron(x, weights, bias):
    return sigmoid(x * weights + bias)


@neuron.mistake(
    "You add up over the examples (axis=0), so there is one number for each feature. Which axis of "
    "(batch, features) should disappear?"
)
def neuron(x, weights, bias):
    return sigmoid(np.sum(x * weights, axis=0) + bias)


@neuron.mistake(
    "You return a Python list. Arrays know how to be subtracted and compared; lists don't. Can "
    "NumPy answer for the whole batch at once?"
)
def neuron(x, weights, bias):
    return [sigmoid(np.dot(row, weights) + bias) for row in x]


@neuron.mistake("The bias is added after the sigmoid. It belongs inside, to the weighted sum.")
def neuron(x, weights, bias):
    return sigmoid(x @ weights) + bias


@neuron.mistake("The neuron answers 0 or 1. That is the step; the sigmoid says how sure it is.")
def neuron(x, weights, bias):
    return np.where(x @ weights + bias >= 0, 1.0, 0.0)


@neuron.alternative("one example after the other")
def neuron(x, weights, bias):
    return np.array([sigmoid(np.dot(row, weights) + bias) for row in x])


@neuron.alternative("multiply, then sum along the features")
def neuron(x, weights, bias):
    return sigmoid((x * weights).sum(axis=1) + bias)


@exercise(
    # Whoever adds 1e-7 where we clip is right too: that moves the result by 1e-6.
    points=3,
    compare=close(rtol=1e-5),
    minutes=15,
    hints=[
        "The truth is 1 and the neuron said 0.9. Which of the two terms is left, and is it "
        "negative before the minus sign?",
        "The result is one number, zero or more: a mean over the batch.",
        "np.clip p between 1e-7 and 1 - 1e-7; y * log(p) + (1 - y) * log(1 - p) for each example; "
        "mean; change the sign",
    ],
)
def binary_cross_entropy(rng):
    yield case("the example", np.array([0.9, 0.2]), np.array([1.0, 0.0]), weight=0)
    yield case("the truth is 1", rng.uniform(0.05, 0.95, size=4), np.ones(4))
    yield case("the truth is 0", rng.uniform(0.05, 0.95, size=5), np.zeros(5))
    targets = rng.permutation([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    yield case("a mixed batch", rng.uniform(0.05, 0.95, size=7), targets)
    for said in (1.0, 0.0):  # one sure and right, one sure and wrong, three ordinary ones
        order = rng.permutation(5)
        predictions = np.array([said, said, *rng.uniform(0.1, 0.9, size=3)])
        targets = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
        yield case(f"{said:g} said twice, once rightly", predictions[order], targets[order])


@binary_cross_entropy.mistake(
    "log(0) is minus infinity, and 0 times that is nan. Clip at 1e-7 before the logarithm."
)
def binary_cross_entropy(predictions, targets):
    return -np.mean(targets * np.log(predictions) + (1 - targets) * np.log(1 - predictions))


@binary_cross_entropy.mistake(
    "One sure and wrong example makes the whole mean infinite. Clip at 1e-7 before the logarithm."
)
def binary_cross_entropy(predictions, targets):
    return -np.mean(np.log(np.where(targets == 1, predictions, 1 - predictions)))


@binary_cross_entropy.mistake(
    "You keep p away from 0, but 1 - p goes into a logarithm too, and where p is 1 it is 0. Clip "
    "both."
)
def binary_cross_entropy(predictions, targets):
    p = np.clip(predictions, 1e-7, 1)
    return -np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p))


@binary_cross_entropy.mistake(
    "That is the squared error. It hardly charges for being sure and wrong; the cross-entropy "
    "takes logarithms."
)
def binary_cross_entropy(predictions, targets):
    return np.mean((predictions - targets) ** 2)


binary_cross_entropy.mistake(
    "You add the examples up. The loss is their mean, so that it does not grow with the batch.",
    replace=("np.mean", "np.sum"),
)
binary_cross_entropy.mistake(
    "Your loss is negative. The logarithm of a share is below zero; the minus in front turns it.",
    replace=("-np.mean", "np.mean"),
)


@binary_cross_entropy.mistake(
    "The second term is missing: when the truth is 0, your neuron may say anything for free."
)
def binary_cross_entropy(predictions, targets):
    return -np.mean(targets * np.log(np.maximum(predictions, 1e-7)))


@binary_cross_entropy.mistake(
    "Predictions and targets have changed places: the logarithm is taken of the truth."
)
def binary_cross_entropy(predictions, targets):
    y = np.clip(targets, 1e-7, 1 - 1e-7)
    return -np.mean(predictions * np.log(y) + (1 - predictions) * np.log(1 - y))


@binary_cross_entropy.mistake("You took the logarithm to base 10. np.log is the natural one.")
def binary_cross_entropy(predictions, targets):
    p = np.clip(predictions, 1e-7, 1 - 1e-7)
    return -np.mean(targets * np.log10(p) + (1 - targets) * np.log10(1 - p))


@binary_cross_entropy.mistake(
    "You return one loss for each example. Their mean, one number, is the loss of the batch."
)
def binary_cross_entropy(predictions, targets):
    p = np.clip(predictions, 1e-7, 1 - 1e-7)
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p))


@binary_cross_entropy.alternative("the formula as it stands, p clipped on both sides")
def binary_cross_entropy(predictions, targets):
    p = np.clip(predictions, 1e-7, 1 - 1e-7)
    return -np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p))


@binary_cross_entropy.alternative("a loop over the examples")
def binary_cross_entropy(predictions, targets):
    total = 0.0
    for p, y in zip(predictions, targets):  # noqa: B905
        total -= np.log(max(p, 1e-7)) if y == 1 else np.log(max(1 - p, 1e-7))
    return total / len(targets)


@binary_cross_entropy.alternative("1e-7 added inside both logarithms")
def binary_cross_entropy(predictions, targets):
    right = targets * np.log(predictions + 1e-7)
    return -np.mean(right + (1 - targets) * np.log(1 - predictions + 1e-7))


@exercise(
    points=3,
    compare=close(),
    uses=["neuron"],
    minutes=30,
    hints=[
        "The neuron said 0.5 and the truth is 1. Is the error p - y positive or negative, and "
        "which way should a weight with a positive input go?",
        "errors has shape (batch,), the step for the weights (features,), that for the bias is "
        "one number.",
        "errors = outputs - targets; for each feature the mean of error times input; for the "
        "bias the mean error; both times the learning rate, both subtracted",
    ],
)
def nudge(rng):
    yield case("the example", np.array([[1.0, 2.0]]), np.ones(1), np.zeros(2), 0.0, 0.1, weight=0)
    rate, bias = float(rng.uniform(0.1, 0.9)), away_from_zero(rng)
    target = rng.integers(0, 2, size=1).astype(float)
    yield case("one example", rng.normal(size=(1, 3)), target, rng.normal(size=3), bias, rate)
    targets = rng.permutation([0.0, 1.0, 1.0, 1.0])
    weights = rng.normal(size=2)
    yield case("only the bias can move", np.zeros((4, 2)), targets, weights, bias, rate)
    targets = rng.permutation([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    yield case("a batch of 7", rng.normal(size=(7, 3)), targets, rng.normal(size=3), bias, rate)
    # Every shape fits here, so numbers and not errors tell the wrong ways apart.
    targets = rng.permutation([0.0, 1.0, 1.0])
    weights = rng.normal(size=3)
    yield case(
        "as many examples as features", rng.normal(size=(3, 3)), targets, weights, bias, rate
    )


nudge.mistake(
    "The weights move the wrong way: they grow where the neuron already said too much. "
    "The step is subtracted.",
    replace=("neuron(x, weights, bias) - targets", "targets - neuron(x, weights, bias)"),
)
nudge.mistake(
    "The bias never moves. It learns too, as a weight whose input is always 1.",
    replace=("new_bias = bias - learning_rate * np.mean(errors)", "new_bias = bias"),
)
nudge.mistake(
    "You add the examples' steps up. The step is their mean: divide by the number of examples.",
    replace=("(errors @ x) / len(x)", "(errors @ x)"),
)
nudge.mistake(
    "The learning rate is left out of the weights' step, so every step is a full one.",
    replace=("learning_rate * (errors @ x)", "(errors @ x)"),
)
nudge.mistake(
    "The bias moves by the sum of the errors. Like the weights' step, its step is a mean.",
    replace=("np.mean(errors)", "np.sum(errors)"),
)
nudge.mistake(
    "The bias moves by every example's error, so it is no number any more. Its step is their mean.",
    replace=("np.mean(errors)", "errors"),
)
nudge.mistake(
    "Both are right, but the docstring's order is weights first, then bias.",
    replace=("return new_weights, new_bias", "return new_bias, new_weights"),
)
nudge.mistake(
    "You return the steps themselves. Return the new weights and the new bias: the old ones minus "
    "the steps.",
    replace=("return new_weights, new_bias", "return weights - new_weights, bias - new_bias"),
)


@nudge.mistake(
    "Weights and bias both move by the sum over the batch. The step is the mean: divide by the "
    "number of examples."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - learning_rate * x.T @ errors, bias - learning_rate * np.sum(errors)


@nudge.mistake("The learning rate is left out of both steps, so every step is a full one.")
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - x.T @ errors / len(x), bias - np.mean(errors)


@nudge.mistake(
    "errors * x does not match each error with its own row, and there is no mean over the "
    "examples. errors[:, None] makes a column; then which axis should disappear?"
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - learning_rate * errors * x, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "Nothing is averaged: the bias gets a step from each example, and so do the weights. And "
    "errors * x does not match each error with its own row; errors[:, None] makes a column."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - learning_rate * errors * x, bias - learning_rate * errors


@nudge.mistake(
    "errors * x puts the errors along the features. Each belongs to a row of x: errors[:, None] "
    "makes a column of them."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    step = (errors * x).mean(axis=0)
    return weights - learning_rate * step, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "Error times input is right for each example, but the mean over them is missing: your weights "
    "have become a table with a row for each example."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    step = errors[:, None] * x
    return weights - learning_rate * step, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "You take one mean over the whole table, so every weight moves by the same number. Each "
    "feature has a mean of its own: which axis should disappear?"
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    step = (errors[:, None] * x).mean()
    return weights - learning_rate * step, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "x @ errors matches features with examples. The examples must meet the examples: what does x.T "
    "do to the shape of x?"
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    step = x @ errors / len(x)
    return weights - learning_rate * step, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "x @ errors matches features with examples, and the sum it makes is not divided by their "
    "number. The examples must meet the examples: what does x.T do to the shape of x?"
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - learning_rate * x @ errors, bias - learning_rate * np.mean(errors)


@nudge.mistake(
    "You take a step after each example. Here the batch takes one step together, the mean of all, "
    "and every prediction comes from the old weights."
)
def nudge(x, targets, weights, bias, learning_rate):
    for row, target in zip(x, targets):  # noqa: B905
        error = neuron(row[None, :], weights, bias)[0] - target
        weights = weights - learning_rate * error * row
        bias = bias - learning_rate * error
    return weights, bias


@nudge.mistake(
    "The bias is moved by the errors of the new weights. Compute all predictions once, then move "
    "both."
)
def nudge(x, targets, weights, bias, learning_rate):
    weights = weights - learning_rate * (neuron(x, weights, bias) - targets) @ x / len(x)
    bias = bias - learning_rate * np.mean(neuron(x, weights, bias) - targets)
    return weights, bias


@nudge.mistake(
    "A column of shape (n, 1) minus a row of shape (n,) is an (n, n) table: every prediction is "
    "compared with every target. Print the shapes; both should be (n,)."
)
def nudge(x, targets, weights, bias, learning_rate):
    predictions = neuron(x, weights, bias).reshape(-1, 1)
    errors = predictions - targets
    step = (x.T @ errors).mean(axis=1) / len(x)
    return weights - learning_rate * step, bias - learning_rate * errors.mean()


@nudge.mistake(
    "weights -= ... changes the array that you were given. Make a new one: weights = weights - ..."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    weights -= learning_rate * errors @ x / len(x)
    bias -= learning_rate * np.mean(errors)
    return weights, bias


@nudge.mistake(
    "The input is left out: every weight moves by the error alone. A weight's share of the blame "
    "is error times input."
)
def nudge(x, targets, weights, bias, learning_rate):
    errors = neuron(x, weights, bias) - targets
    return weights - learning_rate * np.mean(errors), bias - learning_rate * np.mean(errors)


@nudge.alternative("a loop over the examples, adding their steps up")
def nudge(x, targets, weights, bias, learning_rate):
    weight_step, bias_step = np.zeros(len(weights)), 0.0
    for row, target in zip(x, targets):  # noqa: B905
        error = neuron(row.reshape(1, -1), weights, bias)[0] - target
        weight_step += error * row
        bias_step += error
    n = len(targets)
    return weights - learning_rate * weight_step / n, bias - learning_rate * bias_step / n


@nudge.alternative("errors as a column that meets the table row by row")
def nudge(x, targets, weights, bias, learning_rate):
    errors = targets - neuron(x, weights, bias)
    moved = weights + learning_rate * (errors[:, None] * x).mean(axis=0)
    return [moved, bias + learning_rate * errors.mean()]


@exercise(
    points=3,
    compare=close(rtol=1e-4),  # a small number inside the log, against log(0), moves small losses
    uses=["neuron", "binary_cross_entropy", "nudge"],
    minutes=15,
    hints=[
        "After the first epoch, which weights should the second nudge start from?",
        "weights has as many numbers as x has columns; losses has as many as there are epochs.",
        "start from zeros; repeat epochs times: predict, note the loss, nudge and keep both "
        "results; return all three",
    ],
)
def train_neuron(rng):
    yield case("the example", np.array([[1.0, 2.0]]), np.ones(1), 0.1, 1, weight=0)
    yield case("one epoch", *batch(rng, 5, 3), float(rng.uniform(0.2, 1)), 1)
    yield case("two epochs", *batch(rng, 6, 2), float(rng.uniform(0.2, 1)), 2)
    yield case("fifteen epochs", *batch(rng, 7, 4), float(rng.uniform(0.2, 1)), 15)
    yield case("as many examples as features", *batch(rng, 3, 3), float(rng.uniform(0.2, 1)), 4)


def batch(rng, examples, features):
    """Inputs and labels, both classes present."""
    targets = rng.permutation([0.0, 1.0, *rng.integers(0, 2, size=examples - 2)])
    return rng.normal(size=(examples, features)), targets


@train_neuron.mistake(
    "What nudge returns is thrown away, so the loss stays at 0.693. Keep it: weights, bias = ..."
)
def train_neuron(x, targets, learning_rate, epochs):
    weights = np.zeros(x.shape[1])
    bias = 0.0
    losses = []
    for _ in range(epochs):
        losses.append(binary_cross_entropy(neuron(x, weights, bias), targets))
        nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses


@train_neuron.mistake(
    "Weights and bias go back to zero in every epoch: their first lines belong before the loop."
)
def train_neuron(x, targets, learning_rate, epochs):
    losses = []
    for _ in range(epochs):
        weights = np.zeros(x.shape[1])
        bias = 0.0
        losses.append(binary_cross_entropy(neuron(x, weights, bias), targets))
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses


@train_neuron.mistake(
    "You note the loss after the nudge. The first loss should be 0.693, that of saying 0.5."
)
def train_neuron(x, targets, learning_rate, epochs):
    weights = np.zeros(x.shape[1])
    bias = 0.0
    losses = []
    for _ in range(epochs):
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
        losses.append(binary_cross_entropy(neuron(x, weights, bias), targets))
    return weights, bias, losses


train_neuron.mistake(
    "The new bias is thrown away in each epoch: only the weights learn.",
    replace=("weights, bias = nudge", "weights, _ = nudge"),
)
train_neuron.mistake(
    "You nudge once too often: range(epochs) already counts from 0 to epochs - 1.",
    replace=("range(epochs)", "range(epochs + 1)"),
)
train_neuron.mistake(
    "You return the last loss only. losses is the list of all of them.",
    replace=("return weights, bias, losses", "return weights, bias, losses[-1]"),
)
train_neuron.mistake(
    "You return 2 values; 3 are expected: weights, bias, losses.",
    replace=("return weights, bias, losses", "return weights, bias"),
)
train_neuron.mistake(
    "There is a weight for each example, but each feature needs one: x.shape is (batch, features), "
    "and len(x) counts the examples.",
    replace=("np.zeros(x.shape[1])", "np.zeros(len(x))"),
)
train_neuron.mistake(
    "Already in the first epoch, shapes do not meet inside your functions. Two usual causes: "
    "weights is not an array with one zero for each column of x, or neuron or nudge got its "
    "arguments in another order.",
    replace=("np.zeros(x.shape[1])", "0.0"),
)
train_neuron.mistake(
    "The weights start at one. From zero, the neuron starts without an opinion: it says 0.5.",
    replace=("np.zeros", "np.ones"),
)
train_neuron.mistake(
    "The return stands inside the loop, so training ends after one epoch. Move it to the left.",
    replace=("    return weights, bias, losses", "        return weights, bias, losses"),
)


# The loss with its arguments exchanged depends on how it was written: two usual ways.
@train_neuron.mistake(
    "The loss got its arguments the other way round: predictions first, then targets. So its first "
    "number is far from 0.693."
)
def train_neuron(x, targets, learning_rate, epochs):
    weights, bias, losses = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        p, y = neuron(x, weights, bias), np.clip(targets, 1e-7, 1 - 1e-7)
        losses.append(-np.mean(p * np.log(y) + (1 - p) * np.log(1 - y)))
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses


@train_neuron.mistake(
    "The loss got its arguments the other way round: predictions first, then targets. So some of "
    "its numbers are far too large or too small."
)
def train_neuron(x, targets, learning_rate, epochs):
    weights, bias, losses = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        losses.append(binary_cross_entropy(targets, neuron(x, weights, bias)))
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses


@train_neuron.alternative("losses in an array, filled epoch by epoch")
def train_neuron(x, targets, learning_rate, epochs):
    weights, bias = np.zeros_like(x[0]), 0
    losses = np.empty(epochs)
    for epoch in range(epochs):
        losses[epoch] = binary_cross_entropy(neuron(x, weights, bias), targets)
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses


@train_neuron.alternative("without nudge: the rule written out in a while loop")
def train_neuron(x, targets, learning_rate, epochs):
    weights, bias, losses = np.zeros(x.shape[1]), 0.0, []
    while len(losses) < epochs:
        predictions = neuron(x, weights, bias)
        losses = losses + [float(binary_cross_entropy(predictions, targets))]
        errors = predictions - targets
        weights = weights - learning_rate * x.T @ errors / len(errors)
        bias = bias - learning_rate * errors.sum() / len(errors)
    return weights, bias, losses


train_neuron.equivalent("bias = 0.0", "bias = -0.0", why="minus zero is zero")


question("why_scale", points=2)
