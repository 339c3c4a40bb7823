"""Unit 04: the exercises, their cases, and the mistakes people make in them."""

import numpy as np

from autograde.declare import Variant, case, close, exercise, law, unit
from chainrule.mlp import laws

unit(title="What do hidden layers add?")


def in_all(exercise, says, *sources):
    """A mistake that several whole cells make: each is a spelling of it."""
    for source in sources:
        exercise.mistakes.append(Variant(says, source=source))


# --- solve_xor -----------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=law(laws.solve_xor),
    minutes=20,
    hints=[
        "Which neuron fires when at least one switch is up? Which one when both are?",
        "W1 has a column of two weights for each hidden neuron, b1 a number for each. W2 and b2 "
        "then decide from the two answers.",
        "hidden 1: add the switches, fire from one half on; hidden 2: add the switches, fire from "
        "one and a half on; lamp: fire when hidden 1 does and hidden 2 does not",
    ],
)
def solve_xor(rng):
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    yield case("the four positions", corners, weight=0)
    yield case("one switch up, or none", switches(rng, corners[:3]))
    yield case("one switch up, or both", switches(rng, corners[1:]))
    yield case("all positions, in any order", switches(rng, corners), weight=2)


def switches(rng, corners):
    """Each of the corners twice or more, in a random order; (12, 2)."""
    rows = np.concatenate(
        [np.repeat(np.arange(len(corners)), 2), rng.integers(len(corners), size=12)]
    )
    return corners[rng.permutation(rows[:12])]


def answers(table):
    """A cell whose lamp gives these four answers: a hidden neuron for each position that is on."""
    spots = [spot for spot in range(4) if table[spot] == "1"]
    signs = [[2 * (spot // 2) - 1, 2 * (spot % 2) - 1] for spot in spots] or [[1, 1]]
    W1 = np.transpose(signs).tolist()
    b1 = [0.5 - sum(sign > 0 for sign in pair) for pair in signs]
    b2 = -0.5 if spots else -1.5
    return f"""def solve_xor():
    return np.array({W1}), np.array({b1}), np.ones({len(signs)}), {b2}
"""


# What the lamp says for the switches (0, 0), (0, 1), (1, 0), (1, 1): all but the right 0110.
WRONG_LAMPS = {
    "Your lamp is on when both switches are up, too: the hidden neuron that notices both has to "
    "speak against the lamp.": ["0111"],
    "Your lamp is never on. With one switch up, does the last sum reach zero?": ["0000"],
    "Your lamp is on when both switches are up or both are down. That is XOR turned round.": [
        "1001"
    ],
    "The two switches are not treated alike: one of them alone lights the lamp, the other does "
    "not.": ["0010", "0100"],
    "Only one of your two switches counts. The lamp needs to know both.": [
        "0011",
        "0101",
        "1100",
        "1010",
    ],
    "Your lamp is always on. With both switches down, what do the hidden neurons say, and what is "
    "the last sum? (step says 1 at exactly 0.)": ["1111"],
    "Your lamp is on only when both switches are up. With one up, does the last sum reach zero?": [
        "0001"
    ],
    "Your lamp is on unless both switches are up. What is the last sum when both are down? (step "
    "says 1 at exactly 0.)": ["1110"],
    "Your lamp is on only when both switches are down. Is one of your sums exactly 0? step says 1 "
    "there.": ["1000"],
    "One of your two switches lights the lamp when it is up, the other when it is down.": [
        "1011",
        "1101",
    ],
}
for says, tables in WRONG_LAMPS.items():
    in_all(solve_xor, says, *map(answers, tables))


@solve_xor.mistake("W1 and the others are lists. Make them arrays with np.array, so that @ works.")
def solve_xor():
    return [[1.0, 1.0], [1.0, 1.0]], [-0.5, -1.5], [1.0, -1.0], -0.5


@solve_xor.alternative("each hidden neuron watches for one switch without the other")
def solve_xor():
    W1 = np.array([[20, -20], [-20, 20]])
    b1 = np.array([-10, -10])
    return W1, b1, np.array([20, 20]), -10


@solve_xor.alternative("three hidden neurons, and at least one that is not both")
def solve_xor():
    W1 = np.array([[1.0, -1.0, 0.3], [1.0, -1.0, 0.3]], dtype=np.float32)
    b1 = np.array([-1.0, 1.5, 5.0])
    return [W1, b1, np.array([[1.0], [1.0], [0.0]]), np.array([-2.0])]


solve_xor.equivalent("-1.0", "-2.5", why="a stronger veto of the second hidden neuron is one too")


# --- relu ----------------------------------------------------------------------------------------


def both_signs(rng, size):
    """Numbers away from zero, at least three of each sign, in a random order."""
    signs = np.where(np.arange(size) % 2, -1.0, 1.0)
    return rng.permutation(signs) * rng.uniform(0.1, 3, size=size)


RELU = "return np.maximum(z, 0.0)"
RELU_BACKWARD = "return np.where(z > 0, grad, 0.0)"


@exercise(
    points=2,
    compare=close(),
    symbols=["relu", "relu_backward"],
    minutes=10,
    hints=[
        "A negative number goes in: what comes out, and does that change when it grows a little?",
        "Both return an array of the shape of z. grad is larger or smaller than 1: it is passed "
        "on, or it is not.",
        "relu: the larger of z and 0, number by number; relu_backward: grad where z is above 0, "
        "otherwise 0",
    ],
)
def relu(rng):
    yield case("relu: the example", np.array([-2.0, 0.0, 3.0]), weight=0)
    yield case("relu: a table of 3 by 5", both_signs(rng, 15).reshape(3, 5))
    example = np.array([10.0, 20.0, 30.0])
    yield case("relu_backward: the example", np.array([-2.0, 0.0, 3.0]), example, weight=0)
    yield case("relu_backward: a vector", both_signs(rng, 9), both_signs(rng, 9))
    z = both_signs(rng, 12) * rng.permutation([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])
    yield case("relu_backward: exactly zero", z.reshape(4, 3), both_signs(rng, 12).reshape(4, 3))


relu.mistake(
    "relu is the wrong way round: it lets the negative numbers through.",
    replace=("np.maximum", "np.minimum"),
)
relu.mistake(
    "At exactly z = 0 you pass the gradient on. The docstring says 0 there: > or >=?",
    replace=("z > 0", "z >= 0"),
)
relu.mistake(
    "relu_backward returns 1 and 0. That is relu's own slope; the chain rule multiplies it with "
    "grad, the gradient that arrives.",
    replace=("grad, 0.0)", "1.0, 0.0)"),
)
relu.mistake(
    "relu_backward asks where grad is positive. What decides is whether z was.",
    replace=("z > 0", "grad > 0"),
)
relu.mistake(
    "relu_backward lets the gradient through where z is negative. Those neurons were silent.",
    replace=("z > 0", "z < 0"),
)


relu.mistake(
    "Your relu changes the z that it was given, and relu_backward needs it. Make a new array.",
    replace=(RELU, "z[z < 0] = 0\n    return z"),
)
relu.mistake(
    "Python's max, or an `if`, decides once, but z holds many numbers. Decide for the whole array "
    "at once.",
    replace=(RELU, "return max(z, 0.0)"),
)
relu.mistake(
    "An `if` in relu_backward decides once, but z holds many numbers. Decide for the whole array "
    "at once.",
    replace=(RELU_BACKWARD, "return grad if z > 0 else 0.0"),
)
in_all(
    relu,
    "Both functions decide once, by an `if` or by Python's max, but z holds many numbers. Decide "
    "for the whole array at once.",
    """def relu(z):
    return max(z, 0.0)


def relu_backward(grad, z):
    return grad if z > 0 else 0.0
""",
)
relu.mistake(
    "np.max looks for the largest number along an axis, and the second argument names the axis. "
    "np.maximum compares number by number.",
    replace=("np.maximum(z, 0.0)", "np.max(z, 0)"),
)
relu.mistake(
    "relu_backward passes z on. What goes back is grad, where z is above 0.",
    replace=("grad, 0.0)", "z, 0.0)"),
)
relu.mistake(
    "relu_backward changes the grad that it was given. Return a new array.",
    replace=(RELU_BACKWARD, "grad[z <= 0] = 0\n    return grad"),
)
relu.mistake(
    "Your relu is the step: it says 1 where z is above zero. relu passes z itself on.",
    replace=(RELU, "return np.where(z > 0, 1.0, 0.0)"),
)
relu.mistake(
    "relu_backward multiplies grad with relu's output. The slope there is 1, however large z is.",
    replace=(RELU_BACKWARD, "return grad * np.maximum(z, 0.0)"),
)
relu.alternative(
    "multiplied with a table of True and False",
    replace=(RELU, "return z * (z > 0)"),
)
relu.alternative(
    "a copy with zeros filled in",
    replace=(RELU_BACKWARD, "passed = grad.copy()\n    passed[z <= 0] = 0\n    return passed"),
)
relu.alternative(
    "number by number, and a mask",
    replace=(RELU, "return np.array([max(n, 0.0) for n in z.ravel()]).reshape(z.shape)"),
)
relu.alternative(
    "a mask of numbers", replace=(RELU_BACKWARD, "return (z > 0).astype(float) * grad")
)


# --- one_hot -------------------------------------------------------------------------------------


@exercise(
    points=1,
    compare=close(),
    minutes=10,
    hints=[
        "In the row of an example with label 2, which column holds the 1?",
        "The result has shape (batch, classes), and each row adds up to 1.",
        "a table of zeros; in row i put a 1 in column labels[i]. table[rows, columns] = 1 sets one "
        "place for each pair when rows and columns are two arrays of the same length",
    ],
)
def one_hot(rng):
    yield case("the example", np.array([1, 0]), 3, weight=0)
    yield case("a batch of five", rng.permutation(5), 5 + int(rng.integers(1, 4)))
    # The largest class does not occur, and one class occurs three times.
    labels = rng.permutation([0, 3, 3, *rng.integers(0, 5, size=4)])
    yield case("a class that does not occur", labels, 7)
    yield case("a batch of one", rng.integers(2, 40, size=1), 40)


@one_hot.mistake(
    "Each row of yours is a class and each column an example. It is the other way round: "
    "(batch, classes)."
)
def one_hot(labels, classes):
    table = np.zeros((classes, len(labels)))
    table[labels, np.arange(len(labels))] = 1.0
    return table


@one_hot.mistake(
    "table[:, labels] = 1 fills these columns in every row. Each row gets a single 1: give the row "
    "numbers too, np.arange(len(labels))."
)
def one_hot(labels, classes):
    table = np.zeros((len(labels), classes))
    table[:, labels] = 1.0
    return table


@one_hot.mistake(
    "The number of columns is taken from the labels. A batch need not hold every class: use "
    "`classes`."
)
def one_hot(labels, classes):
    table = np.zeros((len(labels), labels.max() + 1))
    table[np.arange(len(labels)), labels] = 1.0
    return table


@one_hot.mistake("Your ones stand one column too far left: labels count from 0.")
def one_hot(labels, classes):
    table = np.zeros((len(labels), classes))
    table[np.arange(len(labels)), labels - 1] = 1.0
    return table


@one_hot.mistake("You put the label itself where a 1 belongs. Every class gets the same mark, 1.")
def one_hot(labels, classes):
    table = np.zeros((len(labels), classes))
    table[np.arange(len(labels)), labels] = labels
    return table


@one_hot.mistake(
    "table[labels] = 1 fills whole rows, and the wrong ones: a label is a column. Give row numbers "
    "and columns: table[rows, labels]."
)
def one_hot(labels, classes):
    table = np.zeros((len(labels), classes))
    table[labels] = 1.0
    return table


@one_hot.mistake(
    "You return a list of rows. Make it an array with np.array, so that it can be subtracted."
)
def one_hot(labels, classes):
    return [[1 if column == label else 0 for column in range(classes)] for label in labels]


@one_hot.alternative("rows of the identity matrix")
def one_hot(labels, classes):
    return np.eye(classes)[labels]


@one_hot.alternative("a loop over the examples, whole numbers")
def one_hot(labels, classes):
    table = np.zeros((len(labels), classes), dtype=int)
    for row, label in enumerate(labels):
        table[row, label] = 1
    return table


@one_hot.alternative("every label compared with every class")
def one_hot(labels, classes):
    return (labels.reshape(-1, 1) == np.arange(classes)).astype(np.float32)


# --- softmax -------------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=15,
    hints=[
        "If every score of a row grows by the same number, what happens to the shares? Which "
        "number would you like to take away before you call np.exp?",
        "The result has the shape of logits. The largest score and the total belong to a row: each "
        "has shape (batch, 1), and keepdims=True keeps that 1.",
        "take each row's largest score away from the row; np.exp; divide by the row's total",
    ],
)
def softmax(rng):
    yield case("the example", np.array([[2.0, 1.0, 0.0]]), weight=0)
    yield case("one row", rng.normal(size=(1, 4)))
    yield case("3 rows, 5 classes", rng.normal(size=(3, 5)) * 2)
    scores = rng.normal(size=(4, 3))
    yield case(
        "scores around 1000", scores + rng.permutation([990.0, 1000.0, 1010.0, 1020.0])[:, None]
    )
    # Each row for itself is harmless; only a shift by the largest of all rows is not.
    far = rng.normal(size=(3, 4)) + rng.permutation([-900.0, 0.0, 900.0])[:, None]
    yield case("rows far apart", far)
    # In one row e is raised to -2000 and to 0: shares of 0 and 1, next to ordinary rows.
    apart = rng.normal(size=(3, 3))
    apart[rng.integers(3), rng.integers(3)] += 2000
    yield case("one score far above the others", apart)


@softmax.mistake(
    "e to the power 1000 is infinity, and infinity / infinity is nan. Take the row's largest score "
    "away first: the shares stay the same."
)
def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@softmax.mistake(
    "You take the largest score of the whole table away. In a row far below it, every power is 0, "
    "and 0 / 0 is nan. Each row has its own largest score."
)
def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum(axis=1, keepdims=True)


def shares(taken, total, below="powers"):
    """A softmax that takes `taken` away and divides by a total with the arguments `total`."""
    return f"""def softmax(logits):
    powers = np.exp(logits{taken})
    return powers / {below}.sum({total})
"""


COLUMN = "axis=1, keepdims=True"
LARGEST = f" - logits.max({COLUMN})"

in_all(
    softmax,
    "You worked along the columns, axis 0. The classes of one example stand in a row: which axis "
    "is that?",
    shares(LARGEST, "axis=0, keepdims=True"),
    shares(LARGEST, "axis=0"),
    shares(" - logits.max(axis=0)", "axis=0"),
    shares("", "axis=0"),
)
in_all(
    softmax,
    "You divided by the total of the whole table. Each row is one example and adds up to 1.",
    shares(LARGEST, ""),
    shares(" - logits.max()", ""),
    shares("", ""),
)
in_all(
    softmax,
    "A largest score or a total for each row has shape (batch,), and NumPy lays it along the "
    "columns. keepdims=True keeps it a column, (batch, 1).",
    shares(LARGEST, "axis=1"),
    shares(" - logits.max(axis=1)", "axis=1"),
    shares(" - logits.max(axis=1)", COLUMN),
    shares("", "axis=1"),
)
in_all(
    softmax,
    "Each row's largest score is the one to take away. After its smallest one, or its mean, e is "
    "still raised to a large number.",
    shares(f" - logits.min({COLUMN})", COLUMN),
    shares(f" - logits.mean({COLUMN})", COLUMN),
)
in_all(
    softmax,
    "You take the scores away from the largest one. It is the other way round: logits minus the "
    "largest.",
    f"""def softmax(logits):
    powers = np.exp(logits.max({COLUMN}) - logits)
    return powers / powers.sum({COLUMN})
""",
)
in_all(
    softmax,
    "A fixed number taken away helps one size of scores and ruins the others: e to the power -1000 "
    "is 0, and 0 / 0 is nan. Each row has its own largest score.",
    shares(" - 1000", COLUMN),
)
in_all(
    softmax,
    "You take the largest score away above the fraction bar, or below it, and not in both. The "
    "shares stay the same only if all powers of a row change alike.",
    shares(LARGEST, COLUMN, below="np.exp(logits)"),
    shares("", COLUMN, below=f"np.exp(logits{LARGEST})"),
)


@softmax.mistake(
    "You divide the scores themselves by their total. Raise e to each of them first: a share can't "
    "be negative."
)
def softmax(logits):
    return logits / logits.sum(axis=1, keepdims=True)


@softmax.mistake("These are the logarithms of the shares. The shares themselves are asked for.")
def softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@softmax.mistake(
    "You put each score through a sigmoid of its own. The shares of a row compete for a total of 1."
)
def softmax(logits):
    return 0.5 * (1 + np.tanh(logits / 2))


@softmax.alternative("one example after the other")
def softmax(logits):
    rows = []
    for row in logits:
        powers = np.exp(row - max(row))
        rows.append(powers / sum(powers))
    return np.array(rows)


@softmax.alternative("with the logarithm of the total, turned on its side")
def softmax(logits):
    columns = logits.T - logits.max(axis=1)
    return np.exp(columns - np.log(np.exp(columns).sum(axis=0))).T


@softmax.alternative("NumPy's own logarithm of a sum of powers")
def softmax(logits):
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


# --- cross_entropy -------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "With scores (2, 1, 0) and label 0, what is -ln 0.665? And how does it follow from "
        "ln(7.39 + 2.72 + 1) and the score 2?",
        "One number. On the way: the total of the powers has shape (batch,), and so has the score "
        "of each example's own class.",
        "take each row's largest score away; for each row the logarithm of the total of the "
        "powers, minus the score in the column of its label; mean over the batch",
    ],
)
def cross_entropy(rng):
    yield case("the example", np.array([[2.0, 1.0, 0.0]]), np.array([0]), weight=0)
    yield case("a batch of one", rng.normal(size=(1, 4)), rng.integers(0, 4, size=1))
    yield case("a batch of five", rng.normal(size=(5, 3)) * 2, rng.permutation([0, 0, 1, 2, 2]))
    # Among ordinary examples one that is sure and wrong: e ** -900 is 0 to a computer.
    logits, labels = rng.normal(size=(4, 5)), rng.integers(1, 5, size=4)
    logits[rng.integers(4), 0] += 900
    yield case("sure and wrong", logits, labels)
    logits = rng.normal(size=(3, 4)) + rng.permutation([-900.0, 0.0, 900.0])[:, None]
    yield case("rows far apart", logits, rng.permutation(4)[:3])


cross_entropy.mistake(
    "You add the examples up. The loss is their mean, so that it does not grow with the batch.",
    replace=("np.mean(", "np.sum("),
)


@cross_entropy.mistake(
    "The share of the true class came out as 0, and log(0) is minus infinity. Don't make the share "
    "at all: ln(e**a / total) is a - ln(total)."
)
def cross_entropy(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return -np.mean(np.log(shares[np.arange(len(labels)), labels]))


@cross_entropy.mistake(
    "You clip the share, so a prediction that is sure and wrong pays 27.6, however sure it was, "
    "and has no slope. From the logits the loss is exact: ln(total) minus the score."
)
def cross_entropy(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return -np.mean(np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-12)))


@cross_entropy.mistake(
    "e to the power 900 is infinity. Take each row's largest score away first; the loss stays the "
    "same."
)
def cross_entropy(logits, labels):
    totals = np.exp(logits).sum(axis=1)
    return np.mean(np.log(totals) - logits[np.arange(len(labels)), labels])


@cross_entropy.mistake(
    "labels holds one index for each example, such as 2. You multiply with it as if it were a "
    "one-hot row."
)
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(np.sum(labels.reshape(-1, 1) * logs, axis=1))


@cross_entropy.mistake(
    "logs[:, labels] picks these columns from every row. One number for each example: give the row "
    "numbers too, np.arange(len(labels))."
)
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(logs[:, labels])


@cross_entropy.mistake(
    "You divide by all numbers of the table. The mean is over the examples: divide by the batch, "
    "not by batch times classes."
)
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(np.eye(logits.shape[1])[labels] * logs)


@cross_entropy.mistake(
    "Your loss is negative. The logarithm of a share is below zero; the minus in front turns it."
)
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    totals = np.exp(shifted).sum(axis=1)
    return np.mean(shifted[np.arange(len(labels)), labels] - np.log(totals))


@cross_entropy.mistake(
    "You return one loss for each example. Their mean, one number, is the loss of the batch."
)
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]


def of_logs(returned):
    """A cross_entropy that has the logarithms of all shares, and returns `returned`."""
    return f"""def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return {returned}
"""


in_all(
    cross_entropy,
    "You average the logarithms of all shares. Only the share of the true class counts.",
    of_logs("-np.mean(logs)"),
)
in_all(
    cross_entropy,
    "logs[labels] picks whole rows. A label is a column: give the row numbers too, "
    "np.arange(len(labels)).",
    of_logs("-np.mean(logs[labels])"),
)
in_all(
    cross_entropy,
    "You add the logarithms of all shares of a row. Only the share of the true class counts.",
    of_logs("-np.mean(logs.sum(axis=1))"),
)
cross_entropy.mistake(
    "Your totals are those of the columns. The classes of one example stand in a row: which axis "
    "is that?",
    replace=("sum(axis=1)", "sum(axis=0)"),
)
cross_entropy.mistake(
    "The largest score is taken away in one of the two terms only. It cancels when both lose it.",
    replace=("= shifted[np.arange", "= logits[np.arange"),
)
cross_entropy.mistake(
    "The largest score is taken away in one of the two terms only. It cancels when both lose it.",
    replace=("np.exp(shifted)", "np.exp(logits)"),
)


@cross_entropy.alternative("one-hot rows")
def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.sum(np.eye(logits.shape[1])[labels] * logs) / len(labels)


@cross_entropy.alternative("NumPy's own logarithm of a sum of powers")
def cross_entropy(logits, labels):
    own = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return float((np.logaddexp.reduce(logits, axis=1) - own).mean())


@cross_entropy.alternative("a loop over the examples")
def cross_entropy(logits, labels):
    total = 0.0
    for row, label in zip(logits, labels):  # noqa: B905
        total += np.log(np.sum(np.exp(row - row.max()))) + row.max() - row[label]
    return total / len(labels)


# --- cross_entropy_gradient ----------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    uses=["softmax", "one_hot"],
    minutes=15,
    hints=[
        "The share of the true class is 0.665. Should its score rise or fall, and what is the sign "
        "of the gradient then?",
        "The result has the shape of logits, and each of its rows adds up to 0.",
        "shares of each row; minus 1 in the column of its label; divided by the number of examples",
    ],
)
def cross_entropy_gradient(rng):
    yield case("the example", np.array([[2.0, 1.0, 0.0]]), np.array([0]), weight=0)
    yield case("a batch of one", rng.normal(size=(1, 4)), rng.integers(1, 3, size=1))
    yield case("a batch of five", rng.normal(size=(5, 3)), rng.permutation([0, 0, 1, 2, 2]))
    yield case(
        "a class that does not occur", rng.normal(size=(3, 6)) * 2, rng.integers(1, 5, size=3)
    )


cross_entropy_gradient.mistake(
    "You left out the 1/n. The loss is a mean over n examples, so is its gradient.",
    replace=(" / len(labels)", ""),
)
cross_entropy_gradient.mistake(
    "The sign is turned round: this gradient would make the loss grow. Shares minus truth.",
    replace=(
        "softmax(logits) - one_hot(labels, logits.shape[1])",
        "one_hot(labels, logits.shape[1]) - softmax(logits)",
    ),
)
cross_entropy_gradient.mistake(
    "You subtract the label's number, such as 2. What the shares are compared with is the one-hot "
    "row of that label.",
    replace=("one_hot(labels, logits.shape[1])", "labels.reshape(-1, 1)"),
)
cross_entropy_gradient.mistake(
    "You subtract labels, which has shape (batch,) and holds numbers such as 2. What the shares "
    "are compared with are the labels' one-hot rows.",
    replace=("one_hot(labels, logits.shape[1])", "labels"),
)
cross_entropy_gradient.mistake(
    "You divide by the number of classes. The mean is over the examples.",
    replace=("len(labels)", "logits.shape[1]"),
)
cross_entropy_gradient.mistake(
    "The number of columns is taken from the labels. A batch need not hold every class: "
    "logits.shape[1] tells how many there are.",
    replace=("one_hot(labels, logits.shape[1])", "one_hot(labels, labels.max() + 1)"),
)
cross_entropy_gradient.mistake(
    "You divide by all numbers of the table. The mean is over the examples: divide by the batch, "
    "not by batch times classes.",
    replace=("len(labels)", "logits.size"),
)
cross_entropy_gradient.mistake(
    "You subtract the truth from the scores. It is the shares, softmax(logits), that are compared "
    "with it.",
    replace=("softmax(logits) -", "logits -"),
)
cross_entropy_gradient.mistake(
    "You divide by the batch twice: 1/n once for the mean is enough.",
    replace=("/ len(labels)", "/ len(labels) ** 2"),
)


@cross_entropy_gradient.alternative("1 taken away where the label points")
def cross_entropy_gradient(logits, labels):
    gradient = softmax(logits)
    gradient[np.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


@cross_entropy_gradient.alternative("example by example, without the two functions")
def cross_entropy_gradient(logits, labels):
    rows = []
    for row, label in zip(logits, labels):  # noqa: B905
        powers = np.exp(row - row.max())
        truth = np.arange(len(row)) == label
        rows.append((powers / powers.sum() - truth) / len(labels))
    return np.stack(rows)


# --- linear_forward, linear_backward -------------------------------------------------------------

FORWARD = "return x @ W + b"
GRADIENTS = "return grad @ W.T, x.T @ grad, grad.sum(axis=0)"


@exercise(
    points=3,
    compare=close(),
    symbols=["linear_forward", "linear_backward"],
    minutes=20,
    hints=[
        "The bias of one neuron is used for every example of the batch. In unit 03, what became of "
        "a gradient when a number was used several times?",
        "grad_x has the shape of x, grad_W that of W, grad_b that of b. grad itself is "
        "(batch, outputs).",
        "forward: x times W plus b; backward: grad times W turned over; x turned over times grad; "
        "the sum of grad over the batch",
    ],
)
def linear_forward(rng):
    W = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
    x, b = np.array([[1.0, 2.0]]), np.array([0.5, 0.0, -1.0])
    yield case("linear_forward: the example", x, W, b, weight=0)
    x, W, b = rng.normal(size=(5, 3)), np.zeros((3, 2)), rng.normal(size=2) + 1
    yield case("linear_forward: only the bias counts", x, W, b)
    x, W, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    yield case("linear_forward: a batch of four", x, W, b)
    for which, whose in (
        ("grad_x", "the input"),
        ("grad_W", "the weights"),
        ("grad_b", "the bias"),
    ):
        x, W = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
        grad = rng.normal(size=(5, 4))
        yield case(f"linear_backward: the gradient of {whose}", x, W, grad=grad, looks_at=which)


linear_forward.mistake(
    "The bias never reaches the output. What comes out when every weight is 0?",
    replace=(FORWARD, "return x @ W"),
)
linear_forward.mistake(
    "In linear_forward x and W don't fit. The inputs stand in the last axis of x and in the first "
    "of W, so it is x @ W, in this order and without a transpose.",
    replace=(FORWARD, "return W @ x + b"),
)
linear_forward.mistake(
    "The bias gradient is still one row for each example. The same bias served them all: sum over "
    "the batch.",
    replace=("grad.sum(axis=0)", "grad"),
)
linear_forward.mistake(
    "The bias gradient is one number, the sum of everything. Each output has its own bias: sum "
    "over the batch only, axis 0.",
    replace=("grad.sum(axis=0)", "grad.sum()"),
)
linear_forward.mistake(
    "The bias gradient is summed over the outputs. Each output has its own bias; sum over the "
    "batch, axis 0.",
    replace=("grad.sum(axis=0)", "grad.sum(axis=1)"),
)
linear_forward.mistake(
    "The bias gradient is a mean over the batch. The 1/n is already in grad, from the loss: here "
    "belongs the sum.",
    replace=("grad.sum(axis=0)", "grad.mean(axis=0)"),
)
linear_forward.mistake(
    "You divide by the batch once more. The 1/n is already in grad, from the loss.",
    replace=("x.T @ grad, grad.sum(axis=0)", "x.T @ grad / len(x), grad.mean(axis=0)"),
)
linear_forward.mistake(
    "The gradient of the weights has the shape of W turned over. Which order of x.T and grad gives "
    "(inputs, outputs)?",
    replace=("x.T @ grad", "grad.T @ x"),
)
linear_forward.mistake(
    "grad has one column for each output, W one row for each input: they don't fit. On the way "
    "back W is turned over, W.T.",
    replace=("grad @ W.T", "grad @ W"),
)
linear_forward.mistake(
    "The three gradients come in another order: grad_x, grad_W, grad_b.",
    replace=(GRADIENTS, "return x.T @ grad, grad.sum(axis=0), grad @ W.T"),
)
linear_forward.alternative(
    "np.dot and np.einsum",
    replace=(FORWARD, 'return np.einsum("ni,io->no", x, W) + b.reshape(1, -1)'),
)
linear_forward.alternative(
    "transposes outside, and a row of ones for the bias",
    replace=(GRADIENTS, "return (W @ grad.T).T, (grad.T @ x).T, np.ones(len(x)) @ grad"),
)
linear_forward.alternative(
    "the weights' gradient added up example by example",
    replace=(
        GRADIENTS,
        "grad_W = sum(np.outer(row, g) for row, g in zip(x, grad))\n"
        "    return [np.dot(grad, W.T), grad_W, sum(grad)]",
    ),
)


# --- MLP -----------------------------------------------------------------------------------------


def layers(rng, sizes):
    """Weights and biases of a network, drawn at random."""
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    weights = [rng.normal(size=pair) for pair in pairs]
    return {"weights": weights, "biases": [rng.normal(size=outputs) for _, outputs in pairs]}


@exercise(
    points=4,
    compare=close(),
    uses=["relu", "linear_forward"],
    minutes=30,
    hints=[
        "backward needs, for each layer, what went into it. When is that known, and where can the "
        "object keep it?",
        "weights and biases are lists with one array for each layer. forward returns "
        "(batch, sizes[-1]); backward returns two lists with the shapes of weights and biases.",
        "forward: for each layer, keep its input and its sums; the input of the next is relu of "
        "the sums; return the last sums. backward: from the last layer to the first, "
        "linear_backward with the kept input, then, unless it was the first, relu_backward with "
        "the sums before it",
    ],
)
def MLP(rng):
    yield case("__init__: the shapes of the example", [2, 3, 1], "shapes", seed=0, weight=0)

    def seed():
        return int(rng.integers(1, 2**31))

    # A narrow and a wide layer: rules that agree about one of them differ about the other.
    sizes = [int(n) for n in rng.integers([18, 680, 28], [22, 720, 32])]
    yield case("__init__: how far the weights spread", sizes, "spread", seed=seed())
    deep = [int(n) for n in rng.permutation([7, 5, 3, 2])]
    yield case("__init__: a list for each layer", deep, "shapes", seed=seed(), weight=0.5)
    yield case("__init__: another rng, other weights", [5, 4], "chance", seed=seed(), weight=0.5)
    one, two, three = [4, 3], [3, 5, 2], [4, 6, 5, 3]
    x = rng.normal(size=(5, 4))
    yield case("forward: a single layer", one, "forward", x=x, **layers(rng, one))
    x = rng.normal(size=(6, 4))
    yield case("forward: two hidden layers", three, "forward", x=x, **layers(rng, three))
    given = {
        **layers(rng, two),
        "batches": [rng.normal(size=(7, 3))],
        "grad": rng.normal(size=(7, 2)),
    }
    yield case("backward: one hidden layer", two, "backward", **given)
    batches = [rng.normal(size=(9, 4)), rng.normal(size=(5, 4))]
    given = {**layers(rng, three), "batches": batches, "grad": rng.normal(size=(5, 3))}
    yield case("backward: two hidden layers, the second batch", three, "backward", **given)
    # Earns nothing: here every order of the steps back fits together, and the numbers tell which.
    same, batches = [3, 3, 3], [rng.normal(size=(3, 3))]
    given = {**layers(rng, same), "batches": batches, "grad": rng.normal(size=(3, 3))}
    yield case("backward: all layers of one width", same, "backward", **given, weight=0)
    moves, rate = layers(rng, two), float(rng.uniform(0.1, 0.9))
    given = {
        "grad_weights": moves["weights"],
        "grad_biases": moves["biases"],
        "learning_rate": rate,
    }
    yield case("step: weights and biases move", two, "step", **layers(rng, two), **given)
    given = {"x": rng.normal(size=(4, 3)), "targets": rng.normal(size=(4, 2)), "learning_rate": 0.1}
    yield case("three steps in a row", two, "together", **layers(rng, two), **given, steps=3)


MLP.mistake(
    "The weights' spread is 1. Multiply what rng draws by the square root of 2 / inputs.",
    replace=(" * np.sqrt(2 / sizes[layer])", ""),
)
MLP.mistake(
    "The weights spread too little: the factor is the square root of 2 / inputs, not 2 / inputs.",
    replace=("np.sqrt(2 / sizes[layer])", "2 / sizes[layer]"),
)
MLP.mistake(
    "The factor has a 1 where He's has a 2. relu silences half of the neurons; the 2 makes up for "
    "it.",
    replace=("np.sqrt(2 / sizes[layer])", "np.sqrt(1 / sizes[layer])"),
)
MLP.mistake(
    "You divide by the number of outputs. A sum grows with the number of its inputs, sizes[layer].",
    replace=("np.sqrt(2 / sizes[layer])", "np.sqrt(2 / sizes[layer + 1])"),
)
MLP.mistake(
    "All weights start at 0, so all neurons of a layer are the same and stay the same. Draw them "
    "from rng.",
    replace=("rng.normal(size=shape)", "np.zeros(shape)"),
)
MLP.mistake(
    "rng.random draws from 0 to 1: no weight is negative, so the sums grow from layer to layer. "
    "Draw from the normal distribution, rng.normal.",
    replace=("rng.normal(size=shape)", "rng.random(size=shape)"),
)
MLP.mistake(
    "The weights are drawn from NumPy's global generator. Use the rng that you are given, so that "
    "a run can be repeated.",
    replace=("rng.normal(size=shape)", "np.random.normal(size=shape)"),
)
MLP.mistake(
    "There is a relu after the last layer too. Scores may be negative: the last sums are the "
    "logits.",
    replace=("return self.sums[-1]", "return x"),
)
MLP.mistake(
    "No relu stands between the layers. Linear layers in a row are one linear layer.",
    replace=("x = relu(self.sums[layer])", "x = self.sums[layer]"),
)
MLP.mistake(
    "The biases never reach the output.",
    replace=("self.weights[layer], self.biases[layer])", "self.weights[layer], 0.0)"),
)
EARLIER_BATCH = (
    "What is kept from an earlier batch is still there, and backward reads the wrong one. Start "
    "the lists anew in every forward."
)
MLP.mistake(
    EARLIER_BATCH,
    replace=(
        "        self.inputs, self.sums = [], []\n",
        "        if not hasattr(self, 'inputs'):\n            self.inputs, self.sums = [], []\n",
    ),
)
MLP.mistake(
    "On the way back the relus are left out: silent neurons get a share of the blame.",
    replace=("grad = relu_backward(grad, self.sums[layer - 1])", "pass"),
)
MLP.mistake(
    "The gradients come in the order in which they were found, last layer first. The lists go with "
    "weights and biases: first layer first.",
    replace=("return grad_weights, grad_biases", "return grad_weights[::-1], grad_biases[::-1]"),
)
W_STEP = "self.weights[layer] = self.weights[layer] - learning_rate * grad_weights[layer]"
B_STEP = "self.biases[layer] = self.biases[layer] - learning_rate * grad_biases[layer]"
STEP = f"{W_STEP}\n            {B_STEP}"


def edited(*places):
    """The edit of both lines of step: each place is a text and what stands there instead."""
    lines = STEP
    for before, after in places:
        lines = lines.replace(before, after)
    return STEP, lines


for edit in (edited(("] -", "] +")), (W_STEP, W_STEP.replace("] -", "] +"))):
    MLP.mistake("step walks uphill: it adds the gradients. Downhill is against them.", replace=edit)
MLP.mistake(
    "step moves the weights only. The biases learn too.",
    replace=(B_STEP, "pass"),
)
for edit in (edited(("learning_rate * ", "")), ("learning_rate * grad_weights", "grad_weights")):
    MLP.mistake("The learning rate is left out, so every step is a full one.", replace=edit)
for edit in (
    edited(("self.weights[layer] =", "W ="), ("self.biases[layer] =", "b =")),
    (W_STEP, W_STEP.replace("self.weights[layer] =", "W =")),
):
    MLP.mistake(
        "step computes new arrays and then drops them: a name in the loop, such as W, is only a "
        "name. Put them back, self.weights[layer] = ..., and the biases too.",
        replace=edit,
    )
MLP.mistake(
    "On the way back there is a relu after the last layer too. On the way forward there is none.",
    replace=(
        "linear_backward(grad, self",
        "linear_backward(relu_backward(grad, self.sums[layer]), self",
    ),
)
for late in ("if layer < len(self.weights) - 1:", "if True:"):
    MLP.mistake(
        "relu_backward comes after linear_backward of the same layer. On the way back the order "
        "turns round: first through the relu, then through the layer before it.",
        replace=(
            "if layer > 0:\n                grad = relu_backward(grad, self.sums[layer - 1])",
            f"{late}\n                grad = relu_backward(grad, self.sums[layer])",
        ),
    )
for rule in ("0.01", "0.1"):
    MLP.mistake(
        "The weights have a fixed spread. It depends on the layer: the square root of 2 / inputs.",
        replace=("np.sqrt(2 / sizes[layer])", rule),
    )

METHODS = {
    "__init__": """
    def __init__(self, sizes, rng):
        self.weights, self.biases = [], []
        for inputs, outputs in zip(sizes[:-1], sizes[1:]):
            self.weights.append(rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)))
            self.biases.append(np.zeros(outputs))
""",
    "forward": """
    def forward(self, x):
        self.kept = [x]
        for W, b in zip(self.weights[:-1], self.biases[:-1]):
            self.kept.append(relu(linear_forward(self.kept[-1], W, b)))
        return linear_forward(self.kept[-1], self.weights[-1], self.biases[-1])
""",
    "backward": """
    def backward(self, grad):
        grad_weights, grad_biases = [], []
        for W, x in zip(reversed(self.weights), reversed(self.kept)):
            grad, grad_W, grad_b = linear_backward(grad, x, W)
            grad = relu_backward(grad, x)
            grad_weights.insert(0, grad_W)
            grad_biases.insert(0, grad_b)
        return grad_weights, grad_biases
""",
    "step": """
    def step(self, grad_weights, grad_biases, learning_rate):
        for layer in range(len(self.weights)):
            self.weights[layer] -= learning_rate * grad_weights[layer]
            self.biases[layer] -= learning_rate * grad_biases[layer]
""",
}
FIXED_FORWARD = """
    def forward(self, x):
        self.x, self.z = x, linear_forward(x, self.weights[0], self.biases[0])
        self.h = relu(self.z)
        return linear_forward(self.h, self.weights[1], self.biases[1])
"""
FIXED_BACKWARD = """
    def backward(self, grad):
        grad, grad_W2, grad_b2 = linear_backward(grad, self.h, self.weights[1])
        grad = relu_backward(grad, self.z)
        _, grad_W1, grad_b1 = linear_backward(grad, self.x, self.weights[0])
        return [grad_W1, grad_W2], [grad_b1, grad_b2]
"""
FIXED_INIT = """
    def __init__(self, sizes, rng):
        W1 = rng.normal(size=(sizes[0], sizes[1])) * np.sqrt(2 / sizes[0])
        W2 = rng.normal(size=(sizes[1], sizes[2])) * np.sqrt(2 / sizes[1])
        self.weights = [W1, W2]
        self.biases = [np.zeros(sizes[1]), np.zeros(sizes[2])]
"""


def network(edits=(), **methods):
    """The class, with other texts for some methods and then some edits."""
    text = "class MLP:" + "".join((METHODS | methods).values())
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    return text


in_all(
    MLP,
    "step's third argument has another name than in the exercise, and the notebook calls it by "
    "that name: learning_rate.",
    network([("learning_rate", "lr")]),
)
in_all(
    MLP,
    "The weights are made and not kept: a name in __init__ is gone when it ends. Keep them in "
    "self.weights, and the biases in self.biases.",
    network([("self.weights, self.biases = [], []", "weights, biases = [], []")])
    .replace("self.weights.append", "weights.append", 1)
    .replace("self.biases.append", "biases.append", 1),
)
in_all(
    MLP,
    EARLIER_BATCH,
    network(
        [
            (
                "self.biases = [], []",
                "self.biases = [], []\n        self.inputs, self.sums = [], []",
            ),
        ],
        forward="""
    def forward(self, x):
        for layer in range(len(self.weights)):
            self.inputs.append(x)
            self.sums.append(linear_forward(x, self.weights[layer], self.biases[layer]))
            x = relu(self.sums[-1])
        return self.sums[-1]
""",
        backward="""
    def backward(self, grad):
        grad_weights, grad_biases = [], []
        for layer in reversed(range(len(self.weights))):
            grad, grad_W, grad_b = linear_backward(grad, self.inputs[layer], self.weights[layer])
            grad_weights.insert(0, grad_W)
            grad_biases.insert(0, grad_b)
            if layer:
                grad = relu_backward(grad, self.sums[layer - 1])
        return grad_weights, grad_biases
""",
    ),
)
in_all(
    MLP,
    "Your forward and backward know exactly two layers. sizes says how many there are: loop over "
    "self.weights.",
    network(forward=FIXED_FORWARD, backward=FIXED_BACKWARD),
)
in_all(
    MLP,
    "Your network has exactly two layers, whatever sizes says. Loop over the layers, in __init__ "
    "too.",
    network(__init__=FIXED_INIT, forward=FIXED_FORWARD, backward=FIXED_BACKWARD),
)


@MLP.alternative("lists of pairs, a recursive forward, in-place steps")
class MLP:
    def __init__(self, sizes, rng):
        pairs = list(zip(sizes, sizes[1:]))  # noqa: B905
        self.weights = [rng.normal(0, (2 / i) ** 0.5, (i, o)) for i, o in pairs]
        self.biases = [np.zeros(o) for _, o in pairs]

    def forward(self, x):
        self.kept = []
        *hidden, last = zip(self.weights, self.biases)  # noqa: B905
        for W, b in hidden:
            z = linear_forward(x, W, b)
            self.kept.append((x, z))
            x = relu(z)
        self.kept.append((x, None))
        return linear_forward(x, *last)

    def backward(self, grad):
        found = []
        for W, (x, z) in zip(self.weights[::-1], self.kept[::-1]):  # noqa: B905
            if z is not None:
                grad = relu_backward(grad, z)
            grad, *own = linear_backward(grad, x, W)
            found.append(own)
        found.reverse()
        return tuple(zip(*found))  # noqa: B905

    def step(self, grad_weights, grad_biases, learning_rate):
        for kind, grads in ((self.weights, grad_weights), (self.biases, grad_biases)):
            for array, grad in zip(kind, grads):  # noqa: B905
                array -= learning_rate * grad


@MLP.alternative("written out with NumPy, weights drawn the other way round, even spread")
class MLP:
    def __init__(self, sizes, rng):
        self.weights, self.biases = [], []
        for i in range(1, len(sizes)):
            limit = np.sqrt(6 / sizes[i - 1])
            self.weights += [rng.uniform(-limit, limit, size=(sizes[i], sizes[i - 1])).T]
            self.biases += [np.array([0] * sizes[i])]

    def forward(self, x):
        self.after = [x]
        for W, b in zip(self.weights, self.biases):  # noqa: B905
            self.after.append(
                np.maximum(self.after[-1], 0) @ W + b if len(self.after) > 1 else x @ W + b
            )
        return self.after[-1]

    def backward(self, grad):
        count = len(self.weights)
        grad_weights, grad_biases = [None] * count, [None] * count
        for i in range(count - 1, -1, -1):
            x = np.maximum(self.after[i], 0) if i else self.after[0]
            grad_weights[i], grad_biases[i] = x.T @ grad, grad.sum(0)
            grad = (grad @ self.weights[i].T) * (self.after[i] > 0)
        return grad_weights, grad_biases

    def step(self, grad_weights, grad_biases, learning_rate):
        self.weights = [W - learning_rate * g for W, g in zip(self.weights, grad_weights)]  # noqa: B905
        self.biases = [b - learning_rate * g for b, g in zip(self.biases, grad_biases)]  # noqa: B905
