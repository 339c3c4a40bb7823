"""Unit 02: the exercises, their cases, and the mistakes people make in them."""

import numpy as np

from autograde.declare import case, close, exercise, law, unit
from chainrule.gradient_descent import laws

unit(title="How does a slope find the valley?")


# --- mse -----------------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=5,
    hints=[
        "A guess 2 too low and a guess 2 too high: should they cancel, or cost the same?",
        "The result is one number, zero or more, whatever the number of guesses.",
        "subtract; square each difference; take the mean of the squares",
    ],
)
def mse(rng):
    yield case("the example", np.array([1.0, 3.0]), np.array([2.0, 5.0]), weight=0)
    yield case("a single guess", rng.normal(size=1) + 3, rng.normal(size=1) - 3)
    yield case("errors of one sign", rng.uniform(2, 3, size=5), rng.uniform(0, 1, size=5))
    errors = rng.uniform(0.5, 1, size=4) * [1, -1, 1, -1]
    targets = rng.normal(size=4)
    yield case("errors of both signs", targets + errors, targets)
    yield case("large errors", rng.uniform(20, 30, size=7), rng.uniform(-5, 5, size=7))


mse.mistake(
    "You add the squares up. The loss is their mean, so that it does not grow with the number of "
    "guesses.",
    replace=("np.mean", "np.sum"),
)
mse.mistake(
    "The errors are not squared, so a guess too high makes up for one too low.",
    replace=(" ** 2", ""),
)


@mse.mistake("You took the absolute values. That is another loss; here each error is squared.")
def mse(predictions, targets):
    return np.mean(np.abs(predictions - targets))


@mse.mistake("You squared the mean. Square each error first, then take the mean of the squares.")
def mse(predictions, targets):
    return np.mean(predictions - targets) ** 2


@mse.mistake("You took a square root as well. The mean of the squares is the answer as it stands.")
def mse(predictions, targets):
    return np.sqrt(np.mean((predictions - targets) ** 2))


@mse.mistake("Yours is half the mean. Some books divide by 2; this course does not.")
def mse(predictions, targets):
    return np.mean((predictions - targets) ** 2) / 2


@mse.mistake("You return one square for each guess. Their mean, one number, is the loss.")
def mse(predictions, targets):
    return (predictions - targets) ** 2


@mse.alternative("a loop over the guesses")
def mse(predictions, targets):
    total = 0.0
    for guess, truth in zip(predictions, targets):  # noqa: B905
        total += (truth - guess) ** 2
    return total / len(targets)


@mse.alternative("the inner product of the errors with themselves, as a plain float")
def mse(predictions, targets):
    errors = targets - predictions
    return float(errors @ errors / errors.size)


# --- numerical_gradient --------------------------------------------------------------------------


@exercise(
    # With a fine step, rounding and the way of adding up leave about nine digits.
    points=4,
    compare=close(rtol=1e-4),
    minutes=25,
    hints=[
        "For the slope along the first parameter: which numbers go into the function, which one "
        "moves, and what happens to the others?",
        "The result has the shape of parameters: one slope for each number in it.",
        "for each place: copy the parameters, one step up there, ask the function; one step down "
        "from the original, ask again; difference divided by twice the step",
    ],
)
def numerical_gradient(rng):
    yield case("the example", "squares", np.ones(2), np.array([1.0, 3.0]), 0.1, weight=0)

    def numbers(*shape):
        return rng.permutation([-1, 1] * 50)[: int(np.prod(shape))].reshape(shape) * rng.uniform(
            0.5, 2, size=shape
        )

    yield case("one parameter, the usual step", "cubes", numbers(1), numbers(1))
    yield case("a vector of four", "products", numbers(4, 4), numbers(4), 1e-6)
    yield case("a table of 3 by 5", "neighbours", numbers(3, 4), numbers(3, 5), 1e-6)
    yield case("three axes", "waves", numbers(2, 3, 2), numbers(2, 3, 2), 1e-6)
    # With a step this coarse it shows from where to where the slope was measured.
    yield case("one step to either side", "cubes", numbers(5), numbers(5), 0.25, weight=2)
    # Every parameter's slope depends on all the others, and nothing cancels.
    table = rng.uniform(0.5, 2, size=(4, 4))
    yield case("the others stay where they were", "products", table, numbers(4), 0.25, weight=2)


numerical_gradient.mistake(
    "You divide by two steps but walk only one: the lower point is the place itself. Did you go "
    "down one step from the raised place? Go down two. If you did not copy, both names are one "
    "array, and they move together.",
    replace=("parameters[place] - step", "parameters[place]"),
)
numerical_gradient.mistake(
    "Your slopes have the wrong sign: it is the value above minus the value below.",
    replace=("above - below", "below - above"),
)
numerical_gradient.mistake(
    "You divide by one step. From one step below to one step above the run is two steps.",
    replace=("(above - below) / (2 * step)", "(above - below) / step"),
)
numerical_gradient.mistake(
    "You divide by 2 and multiply by the step: / 2 * step is (/ 2) * step to Python. Brackets.",
    replace=("(above - below) / (2 * step)", "(above - below) / 2 * step"),
)


@numerical_gradient.mistake(
    "The slope is measured on one side only, from the place to one step above it. Measure from one "
    "step below to one step above."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    for place in np.ndindex(parameters.shape):
        moved = parameters.copy()
        moved[place] += step
        gradient[place] = (function(moved) - function(parameters)) / step
    return gradient


@numerical_gradient.mistake(
    "All parameters move at once, so you have one slope for all of them together. Move one and "
    "hold the others still."
)
def numerical_gradient(function, parameters, step=1e-5):
    slope = (function(parameters + step) - function(parameters - step)) / (2 * step)
    return np.full(parameters.shape, slope)


@numerical_gradient.mistake(
    "You move all parameters together and get one number. Move one at a time: a slope for each."
)
def numerical_gradient(function, parameters, step=1e-5):
    return (function(parameters + step) - function(parameters - step)) / (2 * step)


@numerical_gradient.mistake(
    "You move the parameters of one copy and never put them back, so the next is measured from "
    "another place. Put each number back, or start from a fresh copy."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    moved = parameters.copy()
    for place in np.ndindex(parameters.shape):
        moved[place] += step
        above = function(moved)
        moved[place] -= 2 * step
        gradient[place] = (above - function(moved)) / (2 * step)
    return gradient


@numerical_gradient.mistake(
    "The parameters that you were given are not what they were: each has ended one step lower. "
    "Move a copy, or put the number back."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    for place in np.ndindex(parameters.shape):
        parameters[place] += step
        above = function(parameters)
        parameters[place] -= 2 * step
        gradient[place] = (above - function(parameters)) / (2 * step)
    return gradient


@numerical_gradient.mistake(
    "The parameters that you moved earlier stay moved. Start from a fresh copy for each of them."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    above = parameters.copy()
    below = parameters.copy()
    for place in np.ndindex(parameters.shape):
        above[place] += step
        below[place] -= step
        gradient[place] = (function(above) - function(below)) / (2 * step)
    return gradient


@numerical_gradient.mistake(
    "range(len(parameters)) counts rows. In a table every number needs its own slope, so the loop "
    "must visit every place."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    for i in range(len(parameters)):
        above, below = parameters.copy(), parameters.copy()
        above[i] += step
        below[i] -= step
        gradient[i] = (function(above) - function(below)) / (2 * step)
    return gradient


@numerical_gradient.mistake(
    "The return stands inside the loop, so only the first slope is measured. Move it to the left."
)
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros(parameters.shape)
    for place in np.ndindex(parameters.shape):
        above, below = parameters.copy(), parameters.copy()
        above[place] += step
        below[place] -= step
        gradient[place] = (function(above) - function(below)) / (2 * step)
        return gradient


@numerical_gradient.alternative("flat places, moved in a copy and put back")
def numerical_gradient(function, parameters, step=1e-5):
    moved = np.array(parameters, dtype=float)
    slopes = []
    for i in range(moved.size):
        kept = moved.flat[i]
        moved.flat[i] = kept + step
        above = function(moved)
        moved.flat[i] = kept - step
        slopes.append((above - function(moved)) / step / 2)
        moved.flat[i] = kept
    return np.array(slopes).reshape(moved.shape)


@numerical_gradient.alternative("a table of nudges, one for each parameter")
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.zeros_like(parameters)
    nudges = np.eye(parameters.size).reshape(-1, *parameters.shape) * step
    for i, nudge in enumerate(nudges):
        gradient.flat[i] = (function(parameters + nudge) - function(parameters - nudge)) / 2
    return gradient / step


@numerical_gradient.alternative("in the given array itself, every number put back exactly")
def numerical_gradient(function, parameters, step=1e-5):
    gradient = np.empty(parameters.shape)
    with np.nditer(parameters, flags=["multi_index"]) as places:
        for number in places:
            place, kept = places.multi_index, float(number)
            parameters[place] = kept + step
            rise = function(parameters)
            parameters[place] = kept - step
            rise -= function(parameters)
            parameters[place] = kept
            gradient[place] = rise / (2 * step)
    return gradient


numerical_gradient.equivalent(
    "np.zeros", "np.ones", why="every place of the array is written before it is returned"
)


# --- mse_gradient --------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=20,
    hints=[
        "For one house the slope along weight j is 2 times error times input j. What turns many "
        "houses' slopes into the slope of their mean?",
        "errors is (batch,), x.T is (features, batch), the result is (features,).",
        "predict; errors = predictions minus targets; for each feature the mean over the batch of "
        "error times input; times 2",
    ],
)
def mse_gradient(rng):
    yield case(
        "the example", np.array([[1.0, 2.0]]), np.array([3.0]), np.array([1.0, 0.0]), weight=0
    )
    yield case("one house, three inputs", *houses(rng, 1, 3))
    yield case("one input, five houses", *houses(rng, 5, 1))
    yield case("5 houses, 3 inputs", *houses(rng, 5, 3))
    yield case("2 houses, 6 inputs", *houses(rng, 2, 6))
    x, targets, weights = houses(rng, 7, 2)
    x = np.column_stack([x, np.ones(7)])
    yield case("a column of ones for the bias", x, targets, np.append(weights, rng.uniform(1, 2)))


def houses(rng, rows, features):
    """Inputs, targets and weights that leave every house an error that no rounding hides."""
    x, weights = rng.uniform(0.5, 2, size=(rows, features)), rng.uniform(0.5, 2, size=features)
    return x, x @ weights - rng.uniform(0.5, 2, size=rows), weights


mse_gradient.mistake(
    "The 2 is missing: the slope of a square u² is 2u.", replace=("2 * x.T", "x.T")
)
mse_gradient.mistake(
    "You add the houses' slopes up. The loss is a mean, so its slope is one: divide by the number "
    "of houses.",
    replace=(" / len(x)", ""),
)
mse_gradient.mistake(
    "Your slope has the wrong sign. The error is prediction minus target; taken the other way "
    "round, downhill becomes uphill.",
    replace=("x @ weights - targets", "targets - x @ weights"),
)
mse_gradient.mistake(
    "You divide by the number of inputs. The mean is taken over the houses, the rows of x.",
    replace=("len(x)", "x.shape[1]"),
)
mse_gradient.mistake(
    "x @ errors asks for as many houses as there are inputs. Which way must the table be turned so "
    "that (features, batch) meets (batch,)?",
    replace=("x.T @", "x @"),
)


@mse_gradient.mistake(
    "The inputs are left out: every weight gets the mean error. Along weight j the slope is error "
    "times input j."
)
def mse_gradient(x, targets, weights):
    errors = x @ weights - targets
    return np.full(len(weights), 2 * np.mean(errors))


@mse_gradient.mistake(
    "You have one slope for each house, the mean over its inputs. Each weight needs a slope: which "
    "axis should disappear?"
)
def mse_gradient(x, targets, weights):
    errors = x @ weights - targets
    return np.mean(2 * errors[:, None] * x, axis=1)


@mse_gradient.mistake(
    "You return one number, a mean over everything. Each weight needs its own slope: take the mean "
    "over the houses only."
)
def mse_gradient(x, targets, weights):
    errors = x @ weights - targets
    return np.mean(2 * errors[:, None] * x)


@mse_gradient.mistake(
    "x.T @ errors has added up over the houses already, one sum for each weight. Divide it by the "
    "number of houses; np.mean mixes the weights."
)
def mse_gradient(x, targets, weights):
    errors = x @ weights - targets
    return 2 * np.mean(x.T @ errors)


@mse_gradient.mistake("You return the loss itself. Its slope along each weight is asked for.")
def mse_gradient(x, targets, weights):
    return np.mean((x @ weights - targets) ** 2)


@mse_gradient.mistake(
    "A column of shape (n, 1) minus a row of shape (n,) is an (n, n) table: every house is "
    "compared with every target. Print the shapes; both should be (n,)."
)
def mse_gradient(x, targets, weights):
    errors = (x @ weights).reshape(-1, 1) - targets
    return 2 * (x.T @ errors).mean(axis=1) / len(x)


@mse_gradient.mistake("The errors are squared. In the slope of a square the error stands once.")
def mse_gradient(x, targets, weights):
    errors = x @ weights - targets
    return 2 * x.T @ errors**2 / len(x)


@mse_gradient.alternative("one house after the other")
def mse_gradient(x, targets, weights):
    gradient = np.zeros(len(weights))
    for row, target in zip(x, targets):  # noqa: B905
        gradient += 2 * (np.dot(row, weights) - target) * row
    return gradient / len(targets)


@mse_gradient.alternative("errors as a column, the mean down the rows")
def mse_gradient(x, targets, weights):
    errors = np.matmul(x, weights) - targets
    return 2 * (errors[:, None] * x).mean(axis=0)


@mse_gradient.alternative("the error vector from the left, multiplied out")
def mse_gradient(x, targets, weights):
    return (weights @ (x.T @ x) - targets @ x) * 2 / x.shape[0]


@mse_gradient.alternative("central differences, which are exact for a square up to rounding")
def mse_gradient(x, targets, weights):
    def loss(w):
        return np.mean((x @ w - targets) ** 2)

    steps = np.eye(len(weights)) * 0.5
    return np.array([loss(weights + step) - loss(weights - step) for step in steps])


# --- gradient_descent ----------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "The slope is positive: does the ground rise or fall ahead of you, and which way is down?",
        "The path has one row more than there are steps: the start comes first.",
        "note the start; repeat: ask for the gradient where you stand now, subtract learning rate "
        "times it, note the new place; return all the places",
    ],
)
def gradient_descent(rng):
    yield case("the example", np.array([[2.0]]), np.zeros(1), np.array([4.0]), 0.25, 2, weight=0)
    yield case("one step", *valley(rng, 2), 1)
    yield case("six steps in a valley of three", *valley(rng, 3), 6)
    yield case("too large a rate", *valley(rng, 2, fast=True), 5)
    yield case("a start that is a table", *valley(rng, 3, columns=2), 3)
    yield case("the start stays as it was", *valley(rng, 4), 2, looks_at="the start")


def valley(rng, size, columns=None, fast=False):
    """A bowl's curvature, its floor, a start some way off, and a learning rate."""
    shape = (size,) if columns is None else (size, columns)
    turn, _ = np.linalg.qr(rng.normal(size=(size, size)))
    curvature = turn @ np.diag(rng.uniform(0.5, 2, size=size)) @ turn.T
    floor = rng.normal(size=shape)
    rate = rng.uniform(4.5, 5) if fast else rng.uniform(0.2, 0.4)
    return curvature, floor, floor + rng.uniform(1, 2, size=shape), float(rate)


gradient_descent.mistake(
    "You walk uphill: the gradient points to where the loss grows. Subtract it.",
    replace=("position - learning_rate", "position + learning_rate"),
)
gradient_descent.mistake(
    "The learning rate is left out, so every step is as long as the gradient.",
    replace=("learning_rate * gradient(position)", "gradient(position)"),
)
gradient_descent.mistake(
    "Every step uses the gradient of the start. Ask for it again where you stand now.",
    replace=("gradient(position)", "gradient(start)"),
)
gradient_descent.mistake(
    "Every step leaves from the start again. The next one begins where the last one ended.",
    replace=("position = position -", "position = start -"),
)
gradient_descent.mistake(
    "The start is missing from your path: it belongs in the first row, before any step.",
    replace=("path = [position]", "path = []"),
)
gradient_descent.mistake(
    "You return only where the walk ends. The path is asked for: the start and every place after a "
    "step.",
    replace=("np.array(path)", "position"),
)


@gradient_descent.mistake(
    "You note each place before the step, so the last place is missing. Note the start first, then "
    "the place after each step."
)
def gradient_descent(gradient, start, learning_rate, steps):
    position = start
    path = []
    for _ in range(steps):
        path.append(position)
        position = position - learning_rate * gradient(position)
    return np.array(path)


@gradient_descent.mistake(
    "All rows of your path are the same place: `-=` changes one array, and the list holds that "
    "array many times. Make a new one: position = position - ..."
)
def gradient_descent(gradient, start, learning_rate, steps):
    position = start.copy()
    path = [position]
    for _ in range(steps):
        position -= learning_rate * gradient(position)
        path.append(position)
    return np.array(path)


@gradient_descent.mistake(
    "All rows of your path are the same place, and the start that you were given has moved there "
    "too: `-=` changes one array under all its names. Make a new one: position = position - ..."
)
def gradient_descent(gradient, start, learning_rate, steps):
    position = start
    path = [position]
    for _ in range(steps):
        position -= learning_rate * gradient(position)
        path.append(position)
    return np.array(path)


@gradient_descent.mistake(
    "The path is right, but the start that you were given has moved with you: `=` gives an array a "
    "second name, and `-=` changes it under both. Copy it first."
)
def gradient_descent(gradient, start, learning_rate, steps):
    position = start
    path = [position.copy()]
    for _ in range(steps):
        position -= learning_rate * gradient(position)
        path.append(position.copy())
    return np.array(path)


@gradient_descent.mistake(
    "The learning rate shrinks from step to step. A good idea on another day; here it stays."
)
def gradient_descent(gradient, start, learning_rate, steps):
    path = [start]
    for step in range(steps):
        path.append(path[-1] - learning_rate / (step + 2) * gradient(path[-1]))
    return np.array(path)


@gradient_descent.mistake(
    "The return stands inside the loop, so the walk ends after one step. Move it to the left."
)
def gradient_descent(gradient, start, learning_rate, steps):
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * gradient(path[-1]))
        return np.array(path)


@gradient_descent.alternative("a table that is filled row by row")
def gradient_descent(gradient, start, learning_rate, steps):
    path = np.zeros((steps + 1, *start.shape))
    path[0] = start
    for k in range(1, steps + 1):
        path[k] = path[k - 1] - learning_rate * gradient(path[k - 1])
    return path


@gradient_descent.alternative("in place on a copy, noting copies, returned as a list")
def gradient_descent(gradient, start, learning_rate, steps):
    place = np.array(start)
    path = [place.copy()]
    while len(path) <= steps:
        place -= learning_rate * gradient(place)
        path.append(place.copy())
    return path


@gradient_descent.alternative("one step, then the rest of the walk from there")
def gradient_descent(gradient, start, learning_rate, steps):
    if steps == 0:
        return start[None]
    onward = start - learning_rate * gradient(start)
    return np.concatenate(
        [start[None], gradient_descent(gradient, onward, learning_rate, steps - 1)]
    )


gradient_descent.equivalent(
    "np.array(path)", "path", why="the check takes a list of the places for a path as well"
)


# --- minibatches ---------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=law(laws.minibatches),
    minutes=20,
    hints=[
        "If you draw one random order of row numbers, what are its first batch_size entries?",
        "A list of pairs; all have batch_size rows but the last, which has what is left.",
        "order = shuffled row numbers; cut it into slices of batch_size, the last may be shorter; "
        "each slice picks rows of x and the same rows of targets",
    ],
)
def minibatches(rng):
    yield case(
        "the example",
        np.array([[10.0], [20.0], [30.0]]),
        np.array([1.0, 2.0, 3.0]),
        2,
        0,
        looks_at="sizes",
        weight=0,
    )

    def table(rows):
        return rng.normal(size=(rows, 3)).round(3), rng.permutation(rows) + 0.5

    def seed():
        return int(rng.integers(1, 2**31))

    size = int(rng.integers(4, 7))
    yield case("batches that come out even", *table(4 * size), size, seed(), looks_at="sizes")
    yield case(
        "a last batch with what is left", *table(4 * size + 2), size, seed(), looks_at="sizes"
    )
    yield case("every row once", *table(4 * size + 3), size, seed(), looks_at="every row once")
    yield case(
        "rows keep their targets", *table(4 * size), size, seed(), looks_at="own targets", weight=3
    )
    yield case(
        "a new order every epoch", *table(4 * size), size, seed(), looks_at="by chance", weight=3
    )
    yield case("the same seed, the same order", *table(20), size, seed(), looks_at="repeatable")


minibatches.mistake(
    "The rows that do not fill a whole batch are dropped. The last batch may be smaller: keep it.",
    replace=("len(x), batch_size)", "len(x) - batch_size + 1, batch_size)"),
)
minibatches.mistake(
    "You shuffled the rows but not the targets, so most rows carry another row's price. Use the "
    "same row numbers for both.",
    replace=("targets[rows]", "targets[start : start + batch_size]"),
)
minibatches.mistake(
    "You cut without shuffling: every epoch shows the same rows together, and files are often "
    "sorted.",
    replace=("rng.permutation(len(x))", "np.arange(len(x))"),
)
minibatches.mistake(
    "You draw with replacement: some rows come twice in an epoch, others never.",
    replace=("rng.permutation(len(x))", "rng.integers(0, len(x), size=len(x))"),
)
minibatches.mistake(
    "You make a generator of your own with a fixed seed, so every epoch has the same order. Draw "
    "from the rng that comes in.",
    replace=("rng.permutation", "np.random.default_rng(42).permutation"),
)
minibatches.mistake(
    "Every batch starts one row after the one before, so rows come many times. The next batch "
    "begins where the last one ended.",
    replace=("range(0, len(x), batch_size)", "range(len(x))"),
)


@minibatches.mistake("batch_size is how many rows a batch has, not how many batches there are.")
def minibatches(x, targets, batch_size, rng):
    order = rng.permutation(len(x))
    return [(x[rows], targets[rows]) for rows in np.array_split(order, batch_size)]


@minibatches.mistake(
    "Rows and targets are shuffled in two different orders. Draw one order and use it for both."
)
def minibatches(x, targets, batch_size, rng):
    x, targets = rng.permutation(x), rng.permutation(targets)
    batches = []
    for start in range(0, len(x), batch_size):
        batches.append((x[start : start + batch_size], targets[start : start + batch_size]))
    return batches


@minibatches.mistake(
    "You shuffle the table that you were given, and others still hold it. Make new arrays: "
    "x[order] is one."
)
def minibatches(x, targets, batch_size, rng):
    order = rng.permutation(len(x))
    x[:], targets[:] = x[order], targets[order]
    batches = []
    for start in range(0, len(x), batch_size):
        batches.append((x[start : start + batch_size], targets[start : start + batch_size]))
    return batches


@minibatches.mistake("The return stands inside the loop, so the first batch is the only one.")
def minibatches(x, targets, batch_size, rng):
    order = rng.permutation(len(x))
    batches = []
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        batches.append((x[rows], targets[rows]))
        return batches


@minibatches.alternative("a generator that yields one pair at a time")
def minibatches(x, targets, batch_size, rng):
    numbers = np.arange(len(x))
    rng.shuffle(numbers)
    while len(numbers):
        rows, numbers = numbers[:batch_size], numbers[batch_size:]
        yield x[rows], targets[rows]


@minibatches.alternative("everything reordered first, then np.split at the ends of the batches")
def minibatches(x, targets, batch_size, rng):
    order = rng.permutation(len(x))
    ends = np.arange(batch_size, len(x), batch_size)
    return list(zip(np.split(x[order], ends), np.split(targets[order], ends)))  # noqa: B905


@minibatches.alternative("random keys, sorted; lists for pairs; float32")
def minibatches(x, targets, batch_size, rng):
    order = np.argsort(rng.random(len(x)))
    count = -(-len(x) // batch_size)
    picks = [order[k * batch_size : (k + 1) * batch_size] for k in range(count)]
    return [[x[pick].astype(np.float32), targets[pick].astype(np.float32)] for pick in picks]


# --- chain_rule ----------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=25,
    hints=[
        "There are three wheels: error squared, tanh, weighted sum. What is the slope of each, and "
        "at which number is it taken?",
        "The first result has shape (features,), the second is one number.",
        "output = tanh(weighted sum); slope of the square at the error; times slope of tanh, "
        "written with the output; times each input for the weights, times 1 for the bias",
    ],
)
def chain_rule(rng):
    yield case("the example", np.array([1.0, 2.0]), 1.0, np.zeros(2), 0.0, weight=0)

    def sign():
        return float(rng.choice([-1, 1]))

    # A weighted sum between 0.4 and 0.9 in size: tanh is bent there and far from flat.
    def neuron(features, size):
        x = rng.uniform(0.5, 2, size=features) * rng.permutation([-1, 1, -1, 1])[:features]
        weights = rng.normal(size=features)
        z = sign() * rng.uniform(*size)
        return x, weights, float(z - np.sum(weights * x))

    x, weights, bias = neuron(1, (0.4, 0.9))
    yield case("one input", x, sign() * 2, weights, bias)
    x, weights, bias = neuron(3, (0.4, 0.9))
    yield case("three inputs", x, sign() * 2, weights, bias)
    yield case("only the bias can move", np.zeros(3), sign() * 2, rng.normal(size=3), sign() * 0.7)
    x, weights, bias = neuron(4, (1.5, 2))
    yield case("where tanh is nearly flat", x, sign() * 2, weights, bias)


chain_rule.mistake(
    "The middle wheel is missing: the slope of tanh, 1 minus the output squared.",
    replace=(" * (1 - output**2)", ""),
)
chain_rule.mistake(
    "The inner wheel is missing: along a weight the weighted sum rises by its input.",
    replace=("blame * x, blame", "blame * np.ones(len(x)), blame"),
)
chain_rule.mistake("The 2 is missing: the slope of a square u² is 2u.", replace=("2 * (", "("))
chain_rule.mistake(
    "Your slopes have the wrong sign: the error is output minus target.",
    replace=("output - target", "target - output"),
)
chain_rule.mistake(
    "You left the bias out of the weighted sum.",
    replace=("weights @ x + bias", "weights @ x"),
)


@chain_rule.mistake(
    "The slope of tanh is taken at its output. It belongs at the weighted sum: 1 - tanh(z)², and "
    "tanh(z) is the output already."
)
def chain_rule(x, target, weights, bias):
    output = np.tanh(weights @ x + bias)
    blame = 2 * (output - target) * (1 - np.tanh(output) ** 2)
    return blame * x, blame


@chain_rule.mistake("1 - z² is not the slope of tanh. Square the output, not the weighted sum.")
def chain_rule(x, target, weights, bias):
    z = weights @ x + bias
    blame = 2 * (np.tanh(z) - target) * (1 - z**2)
    return blame * x, blame


@chain_rule.mistake("The slopes of the wheels are added. Rates of wheels in a row multiply.")
def chain_rule(x, target, weights, bias):
    output = np.tanh(weights @ x + bias)
    blame = 2 * (output - target) + (1 - output**2)
    return blame + x, blame + 1


@chain_rule.mistake("That is the slope of the sigmoid, p (1 - p). The one of tanh is 1 - output².")
def chain_rule(x, target, weights, bias):
    output = np.tanh(weights @ x + bias)
    blame = 2 * (output - target) * output * (1 - output)
    return blame * x, blame


@chain_rule.mistake(
    "The error is taken before the tanh. What is compared with the target is the output."
)
def chain_rule(x, target, weights, bias):
    z = weights @ x + bias
    blame = 2 * (z - target) * (1 - np.tanh(z) ** 2)
    return blame * x, blame


chain_rule.mistake(
    "The inner wheel is multiplied by the weights. Along a weight the weighted sum rises by that "
    "weight's input.",
    replace=("blame * x, blame", "blame * weights, blame"),
)
chain_rule.mistake(
    "The bias's slope is 1, that of the innermost wheel alone. The other two wheels turn with it: "
    "multiply.",
    replace=("blame * x, blame", "blame * x, 1.0"),
)
chain_rule.mistake(
    "The bias's slope is multiplied by the bias itself. Its input is always 1: along it the "
    "weighted sum rises by exactly 1.",
    replace=("blame * x, blame", "blame * x, blame * bias"),
)


@chain_rule.mistake(
    "The bias gets an input as well. Along the bias the weighted sum rises by exactly 1."
)
def chain_rule(x, target, weights, bias):
    output = np.tanh(weights @ x + bias)
    blame = 2 * (output - target) * (1 - output**2)
    return blame * x, blame * np.sum(x)


@chain_rule.alternative("wheel by wheel, the slope of tanh as 1 / cosh²")
def chain_rule(x, target, weights, bias):
    z = np.sum(x * weights) + bias
    loss_by_output = 2 * (np.tanh(z) - target)
    output_by_z = 1 / np.cosh(z) ** 2
    return [loss_by_output * output_by_z * x, float(loss_by_output * output_by_z)]


@chain_rule.alternative("the bias as a last weight with input 1")
def chain_rule(x, target, weights, bias):
    inputs = np.append(x, 1.0)
    output = np.tanh(np.dot(np.append(weights, bias), inputs))
    slopes = (1 - output) * (1 + output) * (output - target) * inputs * 2
    return slopes[:-1], slopes[-1]


@chain_rule.alternative("by numerical_gradient, the unit's own")
def chain_rule(x, target, weights, bias):
    def loss(parameters):
        return (np.tanh(parameters[:-1] @ x + parameters[-1]) - target) ** 2

    slopes = numerical_gradient(loss, np.append(weights, bias), step=1e-5)
    return slopes[:-1], slopes[-1]


chain_rule.equivalent(
    "weights @ x", "x @ weights", why="the inner product of two vectors has no order"
)
