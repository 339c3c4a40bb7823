"""The exercises of unit 00: their cases, the mistakes people make, and the hints."""

import numpy as np

from autograde.declare import case, close, exercise, law, unit
from chainrule.welcome import laws

unit(title="How does this course work?")


# --- above_fifty ---------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=5,
    hints=[
        "How would you ask it about one number, x? What does NumPy answer if x is an array?",
        "The answer has the shape of the numbers: one yes or no for each.",
        "answer = (each number) is greater than 50",
    ],
)
def above_fifty(rng):
    yield case("the example", np.array([12, 50, 51, 93]))
    low, high = rng.integers(1, 41, size=4), rng.integers(61, 101, size=3)
    yield case("numbers far from fifty", rng.permutation(np.concatenate([low, high])))
    others = [50, 50, int(rng.integers(51, 101)), *rng.integers(1, 101, size=3)]
    yield case("fifty itself, among others", rng.permutation(others))
    around = 50 + np.concatenate([rng.uniform(0.1, 0.9, size=3), -rng.uniform(0.1, 0.9, size=2)])
    yield case("a little above and below fifty", rng.permutation(around))
    outside = np.concatenate([rng.integers(-99, 0, size=3), rng.integers(101, 999, size=4)])
    yield case("below zero and above a hundred", rng.permutation(outside))
    cells = np.concatenate([rng.integers(1, 41, size=7), rng.integers(61, 101, size=8)])
    yield case("a table of 3 rows and 5 columns", rng.permutation(cells).reshape(3, 5))


@above_fifty.mistake(
    "You count fifty itself as above fifty. Does >= mean what the word above does?"
)
def above_fifty(numbers):
    return numbers >= 50


@above_fifty.mistake("Your answers are the wrong way round: True stands where a number is below.")
def above_fifty(numbers):
    return numbers < 50


@above_fifty.mistake(
    "You moved the border to 51. For whole numbers that is the same; what about 50.5?"
)
def above_fifty(numbers):
    return numbers >= 51


@above_fifty.mistake(
    "You return the numbers that are above fifty. What is asked is one answer for each number, "
    "True or False, so that it can be compared with the labels."
)
def above_fifty(numbers):
    return numbers[numbers > 50]


@above_fifty.mistake(
    "`if`, like `and` and `max`, wants one yes or no, and a whole array gives it many. NumPy "
    "compares every number by itself: what does `numbers > 3` give, without an if?"
)
def above_fifty(numbers):
    if numbers > 50:
        return 1
    return 0


@above_fifty.mistake(
    "You return a Python list. Arrays know how to be compared, averaged and reshaped; lists don't. "
    "Can NumPy compare the whole array at once?"
)
def above_fifty(numbers):
    return [number > 50 for number in numbers]


@above_fifty.alternative("ones and zeros chosen by np.where")
def above_fifty(numbers):
    return np.where(numbers > 50, 1, 0)


@above_fifty.alternative("a loop over every number, in float32")
def above_fifty(numbers):
    answers = np.zeros(numbers.shape, dtype=np.float32)
    for place in np.ndindex(numbers.shape):
        if numbers[place] > 50:
            answers[place] = 1
    return answers


# --- accuracy ------------------------------------------------------------------------------------


def right_and_wrong(rng, labels, wrong, shift):
    """Predictions that differ from `labels` in `wrong` places, by `shift`."""
    predictions = labels.copy()
    places = rng.choice(len(labels), size=wrong, replace=False)
    predictions[places] = shift(predictions[places])
    return predictions


@exercise(
    points=2,
    compare=close(),
    minutes=5,
    hints=[
        "What does `predictions == labels` give for four predictions?",
        "The answer is one number from 0 to 1.",
        "same = where they are equal; accuracy = the mean of same (True counts as 1)",
    ],
)
def accuracy(rng):
    yield case("the example", np.array([1, 0, 1, 1]), np.array([1, 0, 0, 1]))

    def flip(some):
        return 1 - some

    labels = rng.permutation(np.repeat([0, 1], [4, 5]))
    yield case(
        "nine zeros and ones", right_and_wrong(rng, labels, rng.integers(1, 4), flip), labels
    )
    labels = rng.permutation(np.repeat([0, 1], [60, 11]))
    yield case("mostly zeros", right_and_wrong(rng, labels, rng.integers(8, 30), flip), labels)
    labels = rng.permutation(np.repeat([0, 1], [14, 3]))
    yield case("mostly wrong", right_and_wrong(rng, labels, rng.integers(9, 14), flip), labels)
    labels = rng.integers(0, 10, size=23)
    yield case(
        "ten classes, not two",
        right_and_wrong(rng, labels, rng.integers(5, 10), lambda some: (some + 4) % 10),
        labels,
    )
    labels = rng.permutation(np.repeat([0, 1], [6, 7]))
    predictions = right_and_wrong(rng, labels, rng.integers(2, 6), flip)
    yield case("True and False against 1 and 0", predictions.astype(bool), labels)


@accuracy.mistake("You return how many are right. Accuracy is their share: how many of how many?")
def accuracy(predictions, labels):
    return np.sum(predictions == labels)


@accuracy.mistake("That is the share of wrong answers. Accuracy is the share of right ones.")
def accuracy(predictions, labels):
    return np.mean(predictions != labels)


@accuracy.mistake("You return a percentage. The course gives shares, from 0 to 1.")
def accuracy(predictions, labels):
    return 100 * np.mean(predictions == labels)


@accuracy.mistake(
    "You count only where both are 1. A 0 that was predicted as 0 is a right answer too."
)
def accuracy(predictions, labels):
    return np.mean(predictions * labels)


@accuracy.mistake(
    "You measure how far apart the labels are. That works for 0 and 1 only: predicting class 7 "
    "for class 3 is one wrong answer, not four."
)
def accuracy(predictions, labels):
    return 1 - np.mean(np.abs(predictions - labels * 1))


@accuracy.mistake(
    "Your answer is all or nothing: 0 as soon as one prediction is wrong. Do you divide with //? "
    "It throws away what stands behind the decimal point; / keeps it. Or do you ask whether all "
    "are right? What is asked is the share that are."
)
def accuracy(predictions, labels):
    return np.sum(predictions == labels) // len(labels)


@accuracy.mistake("You divide by the number of ones. Divide by the number of answers.")
def accuracy(predictions, labels):
    return np.sum(predictions == labels) / np.sum(labels)


@accuracy.alternative("one minus the share of wrong answers")
def accuracy(predictions, labels):
    return 1 - np.mean(predictions != labels)


@accuracy.alternative("counted in a loop, as a plain float")
def accuracy(predictions, labels):
    right = 0
    for predicted, label in zip(predictions, labels, strict=True):
        right += int(predicted == label)
    return right / len(labels)


# --- fix_the_shapes ------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=15,
    hints=[
        "Which axis do orders and prices have in common, and where does @ want it to be?",
        "orders @ prices is (friends, cafes). A tip belongs to a friend, so the tips must be a "
        "column: (friends, 1).",
        "bills = orders times prices; then add the tips as a column. Indexing with None, or "
        "reshape, makes a column.",
    ],
)
def fix_the_shapes(rng):
    yield case(
        "the example",
        np.array([[2, 1, 0, 0], [0, 1, 3, 1], [1, 0, 1, 2]]),
        np.array([[3.0, 4.0], [2.0, 3.0], [4.0, 3.0], [5.0, 4.0]]),
        np.array([1.0, 2.0, 3.0]),
    )

    def table(friends, items, cafes):
        orders = rng.integers(0, 5, size=(friends, items))
        orders[:, 0] += 1  # everybody orders something
        prices = rng.uniform(1, 9, size=(items, cafes)).round(2)
        return orders, prices, rng.uniform(0.5, 3, size=friends).round(2)

    orders, prices, tips = table(4, 3, 2)
    yield case("nobody tips: only orders and prices count", orders, prices, 0 * tips)
    orders, prices, tips = table(5, 3, 2)
    yield case("nobody orders: only tips count", 0 * orders, prices, tips)
    yield case("more friends than cafes", *table(5, 3, 2))
    yield case("more cafes than friends", *table(2, 4, 6))
    # Every shape fits here, so numbers and not errors tell the wrong ways apart.
    yield case("as many friends as items and cafes", *table(3, 3, 3))
    yield case("one friend", *table(1, 3, 4))


@fix_the_shapes.mistake(
    "NumPy lines shapes up from the right, so your tips meet the cafes, one tip a column. With as "
    "many friends as cafes you even get numbers, wrong ones. How do the tips become a column?"
)
def fix_the_shapes(orders, prices, tips):
    return orders @ prices + tips


@fix_the_shapes.mistake(
    "That is the line as it was found. In prices @ orders, the cafes of prices meet the friends of "
    "orders: @ matches the last axis on its left with the first on its right. Which order puts "
    "items against items?"
)
def fix_the_shapes(orders, prices, tips):
    return prices @ orders + tips


@fix_the_shapes.mistake(
    "The tips are a column now. In prices @ orders, the cafes of prices still meet the friends of "
    "orders: @ matches the last axis on its left with the first on its right. Which order puts "
    "items against items?"
)
def fix_the_shapes(orders, prices, tips):
    return prices @ orders + tips[:, None]


@fix_the_shapes.mistake(
    "* multiplies number by number and wants two tables of one shape. @ multiplies along the items "
    "and adds them up."
)
def fix_the_shapes(orders, prices, tips):
    return orders * prices + tips[:, None]


@fix_the_shapes.mistake(
    "* multiplies number by number and wants two tables of one shape. @ multiplies along the items "
    "and adds them up. The tips will then have to become a column."
)
def fix_the_shapes(orders, prices, tips):
    return orders * prices + tips


@fix_the_shapes.mistake(
    "Your bills lie on their side: (cafes, friends). Which axis comes first in the docstring?"
)
def fix_the_shapes(orders, prices, tips):
    return (orders @ prices).T + tips


@fix_the_shapes.mistake("The tips never reach the bills.")
def fix_the_shapes(orders, prices, tips):
    return orders @ prices


@fix_the_shapes.mistake("Everybody pays everybody's tip: you added the sum of the tips.")
def fix_the_shapes(orders, prices, tips):
    return orders @ prices + tips.sum()


@fix_the_shapes.mistake(
    "You multiplied each order with each price but never added the items up, so an axis is left "
    "over. @ does both."
)
def fix_the_shapes(orders, prices, tips):
    return orders[:, :, None] * prices + tips[:, None, None]


@fix_the_shapes.alternative("one friend and one cafe at a time")
def fix_the_shapes(orders, prices, tips):
    bills = np.zeros((len(orders), prices.shape[1]))
    for friend in range(bills.shape[0]):
        for cafe in range(bills.shape[1]):
            bills[friend, cafe] = (orders[friend] * prices[:, cafe]).sum() + tips[friend]
    return bills


@fix_the_shapes.alternative("on its side and back, where the tips fit as they are")
def fix_the_shapes(orders, prices, tips):
    return (prices.T @ orders.T + tips).T


@fix_the_shapes.alternative("tips as a column by reshape, in float32")
def fix_the_shapes(orders, prices, tips):
    return np.matmul(orders, prices.astype(np.float32)) + tips.reshape(-1, 1).astype(np.float32)


# --- column_means --------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=5,
    hints=[
        "A mean of a column walks down the rows. Which number has the axis that it walks along?",
        "A table of (rows, features) gives (features,): one mean a column.",
        "for each column: the sum over all rows, divided by the number of rows",
    ],
)
def column_means(rng):
    yield case("the example", np.array([[1.0, 10.0], [3.0, 20.0], [5.0, 60.0]]))
    yield case("three rows, five columns", rng.normal(10, 5, size=(3, 5)))
    yield case("seven rows, two columns", rng.normal(-3, 5, size=(7, 2)))
    yield case("a single column", rng.normal(4, 2, size=(6, 1)))
    yield case("a single row", rng.normal(4, 2, size=(1, 4)))
    yield case("whole numbers", rng.integers(0, 100, size=(8, 3)) + np.arange(24).reshape(8, 3))


@column_means.mistake(
    "You have a mean for each row. axis= names the axis that disappears: which one should?"
)
def column_means(table):
    return np.mean(table, axis=1)


@column_means.mistake("You have one mean of the whole table. Which axis should disappear?")
def column_means(table):
    return np.mean(table)


@column_means.mistake(
    "The means are right, but they lie in a table of one row. (features,) is expected: one axis, "
    "not two. keepdims=True keeps the other."
)
def column_means(table):
    return np.mean(table, axis=0, keepdims=True)


@column_means.mistake("You divide by the number of columns. How many numbers were added up?")
def column_means(table):
    return np.sum(table, axis=0) / table.shape[1]


@column_means.mistake("These are sums. What turns a sum into a mean?")
def column_means(table):
    return np.sum(table, axis=0)


@column_means.mistake(
    "You return a Python list. Arrays know how to be subtracted, divided and reshaped; lists "
    "don't. Can NumPy take the mean of every column at once?"
)
def column_means(table):
    return [column.mean() for column in table.T]


@column_means.mistake("// throws away what stands behind the decimal point.")
def column_means(table):
    return np.sum(table, axis=0) // len(table)


@column_means.alternative("one column after the other")
def column_means(table):
    return np.array([sum(column) / len(column) for column in table.T])


@column_means.alternative("as a row of equal weights @ the table")
def column_means(table):
    return np.full(len(table), 1 / len(table)) @ table


# --- standardize ---------------------------------------------------------------------------------


@exercise(
    points=5,
    compare=close(),
    uses=["column_means"],
    minutes=20,
    hints=[
        "Which part may you look at before the exam? Where must the mean and the standard "
        "deviation come from, for both parts?",
        "Two tables, with the shapes of train and test. The means and the deviations are "
        "(features,), one for each column: which axis disappears?",
        "means = column means of train; deviations = np.std of train along axis 0; for each part: "
        "(part minus means), in brackets, divided by deviations; give the results new names",
    ],
)
def standardize(rng):
    yield case(
        "the example", np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[2.0, 50.0], [5.0, 0.0]])
    )

    def parts(train_rows, test_rows, features, shift=0.0):
        middle = rng.uniform(2, 9, size=features)
        train = middle + rng.normal(size=(train_rows, features))
        return train, middle + shift + rng.normal(size=(test_rows, features))

    yield case("more rows than columns", *parts(6, 4, 2))
    yield case("more columns than rows", *parts(3, 2, 5))
    train, test = parts(5, 3, 3)
    sizes = np.array([0.001, 1.0, 1000.0])
    yield case("columns of very different sizes", train * sizes, test * sizes)
    yield case("a test part that lies elsewhere", *parts(6, 4, 3, shift=rng.uniform(3, 5)))
    yield case("a single test row", *parts(5, 1, 3))
    yield case(
        "whole numbers", rng.integers(0, 100, size=(7, 3)), rng.integers(0, 100, size=(4, 3))
    )


@standardize.mistake(
    "You scaled the test part with its own mean and deviation. A patient who comes tomorrow has "
    "none: which numbers do you already know then?"
)
def standardize(train, test):
    def scaled(part):
        return (part - part.mean(axis=0)) / part.std(axis=0)

    return scaled(train), scaled(test)


@standardize.mistake(
    "You took the mean and the deviation of both parts together. So the test part has leaked into "
    "training: use train's alone."
)
def standardize(train, test):
    both = np.concatenate([train, test])
    means, deviations = both.mean(axis=0), both.std(axis=0)
    return (train - means) / deviations, (test - means) / deviations


@standardize.mistake(
    "You subtract the mean but never divide, so large columns stay large.",
)
def standardize(train, test):
    means = column_means(train)
    return train - means, test - means


@standardize.mistake(
    "You divide by the variance, the square of the standard deviation. Its unit is not that of "
    "the column."
)
def standardize(train, test):
    means, variances = column_means(train), np.var(train, axis=0)
    return (train - means) / variances, (test - means) / variances


@standardize.mistake(
    "One mean and one deviation for the whole table: then the largest column decides for all. Each "
    "column needs its own."
)
def standardize(train, test):
    return (train - train.mean()) / train.std(), (test - train.mean()) / train.std()


@standardize.mistake(
    "Each column has a mean of its own, but all share one deviation: np.std(train) is one number "
    "for the whole table. Which axis should disappear?"
)
def standardize(train, test):
    means, deviation = column_means(train), np.std(train)
    return (train - means) / deviation, (test - means) / deviation


@standardize.mistake(
    "Your deviations have axis=1: one for each row. A column's deviation walks down the rows: "
    "which axis disappears then?"
)
def standardize(train, test):
    means, deviations = column_means(train), np.std(train, axis=1)
    return (train - means) / deviations, (test - means) / deviations


@standardize.mistake(
    "Python divides before it subtracts: train - means / deviations scales the means only. Put the "
    "difference in brackets."
)
def standardize(train, test):
    means, deviations = column_means(train), np.std(train, axis=0)
    return train - means / deviations, test - means / deviations


@standardize.mistake(
    "Both parts are right, but test comes first. Return train's table, then test's."
)
def standardize(train, test):
    means, deviations = column_means(train), np.std(train, axis=0)
    return (test - means) / deviations, (train - means) / deviations


@standardize.mistake("You divide by the deviation but never subtract the mean: nothing is centred.")
def standardize(train, test):
    deviations = train.std(axis=0)
    return train / deviations, test / deviations


@standardize.mistake(
    "Your deviation divides by the number of rows minus one (ddof=1). The docstring asks for "
    "np.std as it comes."
)
def standardize(train, test):
    means, deviations = column_means(train), np.std(train, axis=0, ddof=1)
    return (train - means) / deviations, (test - means) / deviations


@standardize.mistake("You squeezed the columns between their smallest and largest value instead.")
def standardize(train, test):
    low, high = train.min(axis=0), train.max(axis=0)
    return (train - low) / (high - low), (test - low) / (high - low)


@standardize.mistake(
    "The test part comes back as it went in. Did you overwrite train first? Once it is scaled, its "
    "means are 0 and its deviations 1, and they change nothing any more: take them before."
)
def standardize(train, test):
    train = (train - column_means(train)) / train.std(axis=0)
    test = (test - column_means(train)) / train.std(axis=0)
    return train, test


@standardize.alternative("in place, on copies, with the deviation written out")
def standardize(train, test):
    means = train.mean(axis=0)
    deviations = np.sqrt(((train - means) ** 2).mean(axis=0))
    parts = []
    for part in (train, test):
        part = part.astype(float)
        part -= means
        part /= deviations
        parts.append(part)
    return parts


@standardize.alternative("column by column")
def standardize(train, test):
    new_train, new_test = np.zeros(train.shape), np.zeros(test.shape)
    for j in range(train.shape[1]):
        mean, deviation = train[:, j].mean(), train[:, j].std()
        new_train[:, j] = (train[:, j] - mean) / deviation
        new_test[:, j] = (test[:, j] - mean) / deviation
    return new_train, new_test


# --- split ---------------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=law(laws.split),
    minutes=15,
    hints=[
        "If you shuffle a list of row numbers, what can you do with the same list twice?",
        "rng.permutation can give (rows,): every row number once, in a random order. Cut it in "
        "two, at a whole number (round or int makes one); each piece picks rows and labels.",
        "order = shuffled row numbers; count = share times number of rows, rounded; test = the "
        "first count of order, train = the rest; return rows and labels of train, then of test",
    ],
)
def split(rng):
    yield case(
        "the example",
        np.array([[10.0], [20.0], [30.0], [40.0]]),
        np.array([1.0, 2.0, 3.0, 4.0]),
        0.25,
        0,
        looks_at="every row once",
    )

    def table(rows):
        return rng.normal(size=(rows, 3)).round(3), rng.permutation(rows) + 0.5

    def seed():
        return int(rng.integers(1, 2**31))

    yield case("the sizes of the two parts", *table(16), 0.25, seed(), looks_at="sizes")
    odd = 4 * int(rng.integers(3, 7)) + 1
    yield case("a share that leaves a remainder", *table(odd), 0.25, seed(), looks_at="sizes")
    yield case("every row in one part, once", *table(16), 0.375, seed(), looks_at="every row once")
    yield case("rows keep their labels", *table(20), 0.25, seed(), looks_at="own labels", weight=3)
    yield case(
        "chance decides, not the order", *table(32), 0.25, seed(), looks_at="by chance", weight=3
    )
    yield case("the same seed, the same split", *table(12), 0.5, seed(), looks_at="repeatable")


@split.mistake(
    "You shuffled the rows but not the labels, so most rows now carry another row's answer. Which "
    "list of numbers can move both?"
)
def split(rows, labels, test_share, rng):
    count = round(test_share * len(rows))
    rows = rng.permutation(rows)
    return rows[count:], labels[count:], rows[:count], labels[:count]


@split.mistake(
    "You shuffled rows and labels, each in an order of its own. The pairs are torn apart: draw one "
    "order and use it twice."
)
def split(rows, labels, test_share, rng):
    count = round(test_share * len(rows))
    rows, labels = rng.permutation(rows), rng.permutation(labels)
    return rows[count:], labels[count:], rows[:count], labels[:count]


@split.mistake(
    "You cut without shuffling. Files are often sorted, so the test part may hold one kind only."
)
def split(rows, labels, test_share, rng):
    count = round(test_share * len(rows))
    return rows[count:], labels[count:], rows[:count], labels[:count]


@split.mistake(
    "rng.integers draws with replacement: some rows come twice and stand in both parts, others "
    "never. What gives every row number once?"
)
def split(rows, labels, test_share, rng):
    count = round(test_share * len(rows))
    order = rng.integers(0, len(rows), size=len(rows))
    test, train = order[:count], order[count:]
    return rows[train], labels[train], rows[test], labels[test]


@split.mistake("The share is the test part's; you gave it to the train part.")
def split(rows, labels, test_share, rng):
    order = rng.permutation(len(rows))
    count = round(test_share * len(rows))
    train, test = order[:count], order[count:]
    return rows[train], labels[train], rows[test], labels[test]


@split.mistake(
    "You return the two tables first and the two lists of labels after them. The docstring wants "
    "train's rows and labels, then test's."
)
def split(rows, labels, test_share, rng):
    order = rng.permutation(len(rows))
    count = round(test_share * len(rows))
    test, train = order[:count], order[count:]
    return rows[train], rows[test], labels[train], labels[test]


@split.mistake(
    "You make a generator of your own with a fixed seed, so every split is the same one. Draw from "
    "the rng that comes in."
)
def split(rows, labels, test_share, rng):
    order = np.random.default_rng(42).permutation(len(rows))
    count = round(test_share * len(rows))
    test, train = order[:count], order[count:]
    return rows[train], labels[train], rows[test], labels[test]


@split.mistake(
    "You train on the whole table, the test rows included. Then the test asks what was studied."
)
def split(rows, labels, test_share, rng):
    test = rng.permutation(len(rows))[: round(test_share * len(rows))]
    return rows, labels, rows[test], labels[test]


@split.alternative("each row is marked for the test or not; the table keeps its order")
def split(rows, labels, test_share, rng):
    marked = np.zeros(len(rows), dtype=bool)
    marked[rng.choice(len(rows), size=int(test_share * len(rows)), replace=False)] = True
    return rows[~marked], labels[~marked], rows[marked], labels[marked]


@split.alternative("row numbers shuffled in place, the test part cut from the end, rounded up")
def split(rows, labels, test_share, rng):
    numbers = np.arange(len(rows))
    rng.shuffle(numbers)
    train_count = len(rows) - int(np.ceil(test_share * len(rows)))
    rows, labels = rows[numbers].astype(np.float32), labels[numbers]
    return rows[:train_count], labels[:train_count], rows[train_count:], labels[train_count:]


@split.alternative("rows and labels glued together, shuffled, and taken apart")
def split(rows, labels, test_share, rng):
    glued = rng.permutation(np.column_stack([labels, rows]))
    count = round(test_share * len(rows))
    test, train = glued[:count], glued[count:]
    return train[:, 1:], train[:, 0], test[:, 1:], test[:, 0]
