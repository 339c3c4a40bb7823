# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · How does this course work?
#
# {badges}
#
# You read a little, run a cell, write a small function, and a check tells you what it does right
# and what it does not. This unit is one such round. At its end, six short functions of yours will
# judge 142 patients whom they have never seen.
#
# **Time:** one to two hours. **You need:** a little Python (functions, lists, loops) and a laptop.
# No graphics card. **Mathematics:** a mean.
#
# Click a cell and press Shift and Enter to run it. Run them from top to bottom.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import numpy as np

from chainrule.data import breast_cancer
from chainrule.data.numbers import made_numbers
from chainrule.welcome import check, widgets

# %% [markdown]
# ## A prediction first
#
# A patient has a lump. Under the microscope, ten properties of its cells are measured: radius,
# area, how dented they are, and so on. Each gives three numbers: the **mean** over the cells, its
# **error** (how unsure that mean is), and the **worst**, the mean of the three largest. That makes
# 30. Is the lump malignant?
#
# We know no medicine, but 456 earlier patients were measured in the same way, and their diagnosis
# is known. So we ask: **which of them is most like the new one?** We add up all 30 differences,
# find the earlier patient for whom the sum is smallest, and repeat that diagnosis.
#
# Predict, then run: will it be right?

# %% tags=["demo", "nbval-check-output"]
patients = breast_cancer()
new_patient = patients.x_test[0]

differences = np.abs(patients.x_train - new_patient).sum(axis=1)
nearest = differences.argmin()

diagnosis = {0: "benign", 1: "malignant"}
print(f"Most like the new patient: earlier patient {nearest}.")
print(f"Prediction: {diagnosis[patients.y_train[nearest]]}")
print(f"The doctors found: {diagnosis[patients.y_test[0]]}")

# %% [markdown]
# A real prediction in two lines, and a dangerous mistake: a malignant tumour was called benign.
# The idea is sound. Something about the measurements fools it, and one of your functions will
# mend that.
#
# The chart below is where you are going. "Everybody is benign" is the laziest rule there is; every
# unit compares itself with something that simple.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## Three words, one inside the other
#
# Nobody wrote down what a malignant cell looks like. The rule came out of examples: that is what
# makes it **machine learning**. When many layers of such rules are stacked, and all of them are
# found together, it is **deep learning**, which is what this course builds.

# %% tags=["demo"]
widgets.fields()

# %% [markdown]
# ## When not to use it
#
# If you can write the rule down, write it down. A rule needs no data, is never unsure, and can be
# read by the next person. Machine learning is for rules that nobody can write: what makes a cell
# look malignant, what makes a sentence friendly. It also needs examples of the answer, and a use
# that forgives some mistakes.
#
# So your first exercise is a rule, without any learning: is a number above fifty? Someone wrote it
# before you. Predict which number their rule gets wrong, then run the check on it.


# %% tags=["demo"]
def careless_rule(numbers):
    return numbers >= 50


earned = check.above_fifty(careless_rule)
print(f"It earns {earned} of 2 points.")

# %% [markdown]
# That is a failing check. It says which cases pass, what is wrong, and, for mistakes that many
# people make, what probably happened. What works already earns its part of the points.
#
# You may run a check as often as you like; nothing is lost by trying. When you are stuck, ask for
# a hint. Hints come one at a time: a question first, then the shape of the answer, then a plan.

# %% tags=["demo"]
check.above_fifty.hint()

# %% [markdown]
# ### Exercise 1 · above_fifty · 2 points · 5 min
#
# Write the rule. `numbers` is a NumPy array, and NumPy compares a whole array at once:
# `np.array([1, 5]) > 3` is `[False, True]`. No loop and no `if` is needed.
#
# Replace `raise NotImplementedError` with your own line, run the cell, then run the check under it.


# %% exercise="above_fifty"
def above_fifty(numbers):
    """Whether each number is above fifty.

    numbers: array of any shape.
    Returns an array of the same shape: True (or 1) where the number is above fifty, False (or 0)
    elsewhere.

    [12, 50, 51, 93] -> [False, False, True, True]
    """
    ### BEGIN SOLUTION
    return numbers > 50
    ### END SOLUTION


# %% check="above_fifty"
check.above_fifty(above_fifty)

# %% [markdown]
# ### Exercise 2 · accuracy · 2 points · 5 min
#
# How good is a rule? Compare its predictions with the labels, which are the true answers, and take
# the share that agree. True counts as 1 and False as 0, so they can be added and averaged.
#
# Four predictions, three of them right: the accuracy is 0.75.


# %% exercise="accuracy"
def accuracy(predictions, labels):
    """The share of predictions that are right.

    predictions, labels: arrays of shape (rows,), with at least one row.
    Returns one number from 0 to 1.

    [1, 0, 1, 1] against [1, 0, 0, 1] -> 0.75
    """
    ### BEGIN SOLUTION
    return np.mean(predictions == labels)
    ### END SOLUTION


# %% check="accuracy"
check.accuracy(accuracy)

# %% [markdown]
# ## A number means nothing alone
#
# Your rule against a coin, on a hundred thousand numbers from 1 to 100. Half of them are above
# fifty. Predict both accuracies, then run.
#
# Every unit prints such a milestone line: what was reached, what was aimed at, and something
# simple to compare it with.

# %% tags=["demo", "nbval-check-output"]
values, above = made_numbers(100_000)
coin = np.random.default_rng(0).integers(0, 2, size=len(values))

by_rule = accuracy(above_fifty(values), above)
by_guessing = accuracy(coin, above)
print(f"Milestone: the rule {by_rule:.2f} (target 1.00), guessing {by_guessing:.2f}")

# %% [markdown]
# ## A table of numbers
#
# Nearly all data in this course are tables, and tables have **axes**. Three friends order in a
# café; each row is a friend, each column a thing to order. The shape is `(friends, items)`, here
# (3, 4). Axis 0 walks down the rows, axis 1 across the columns.
#
# `sum(axis=0)` walks along axis 0, and that axis disappears: one sum is left for each item.
# Predict the shape of each line before you run it.

# %% tags=["demo", "nbval-check-output"]
orders = np.array(
    [
        [2, 1, 0, 0],  # Ada: coffees, teas, cakes, juices
        [0, 1, 3, 1],  # Ben
        [1, 0, 1, 2],  # Cleo
    ]
)
print("the table        ", orders.shape)
print("sum(axis=0)      ", orders.sum(axis=0), orders.sum(axis=0).shape)
print("sum(axis=1)      ", orders.sum(axis=1), orders.sum(axis=1).shape)
print("sum()            ", orders.sum(), orders.sum().shape)

# %% [markdown]
# ## Multiplying tables: `@`
#
# What does each friend pay? For Ada: 2 coffees at 3 euros, plus 1 tea at 2. A price for each item,
# times how many, added up: that is what `@` does, for every friend at once.
#
# The axis in the middle must agree, and it disappears:
#
# `(friends, items) @ (items,)` gives `(friends,)`, and
# `(friends, items) @ (items, cafes)` gives `(friends, cafes)`.

# %% tags=["demo", "nbval-check-output"]
prices_here = np.array([3, 2, 4, 5])
print("what each friend pays:", orders @ prices_here)

prices = np.array([[3, 4], [2, 3], [4, 3], [5, 4]])  # four items, in two cafes
print("in each of two cafes:")
print(orders @ prices)

# %% [markdown]
# ## Adding tables of different shapes
#
# NumPy adds a row to a table by repeating the row. This is **broadcasting**. The rule: write the
# shapes under each other, **aligned at the right**. Two lengths fit if they are equal, or if one
# of them is 1 or missing; that one is repeated.
#
# Choose shapes below and predict. Blue cells are there, white ones are repeated. Find two shapes
# that do not fit, then the pair that gives a table from a row and a column.

# %% tags=["demo"]
widgets.broadcasting()

# %% [markdown]
# ### Exercise 3 · fix_the_shapes · 4 points · 15 min
#
# Every friend also gives a tip, the same in whichever café they go to. Someone wrote
#
# `return prices @ orders + tips`
#
# and it fails: the cafés meet the friends. After swapping the first two, it fails at the tips, or
# worse: with as many friends as cafés it runs, and charges the wrong people. Write down the three
# shapes, then fix it. `None` in an index makes a new axis of length 1: if `a` has shape (3,), then
# `a[None, :]` has shape (1, 3).


# %% exercise="fix_the_shapes"
def fix_the_shapes(orders, prices, tips):
    """What each friend would pay in each cafe, tip included.

    orders: (friends, items), how many of each. prices: (items, cafes). tips: (friends,), each
    friend's own.
    Returns an array of shape (friends, cafes).

    The orders and prices above (three friends, four items, two cafes), with tips [1, 2, 3]
    -> [[9, 12], [21, 18], [20, 18]]
    """
    ### BEGIN SOLUTION
    return orders @ prices + tips[:, None]
    ### END SOLUTION


# %% check="fix_the_shapes"
check.fix_the_shapes(fix_the_shapes)

# %% [markdown]
# ### Exercise 4 · column_means · 3 points · 5 min
#
# Back to the patients. What is the usual radius, the usual area? One mean for each column, over
# all rows: `(rows, features)` gives `(features,)`.


# %% exercise="column_means"
def column_means(table):
    """The mean of each column.

    table: (rows, features).
    Returns an array of shape (features,).

    [[1, 10], [3, 20], [5, 60]] -> [3, 30]
    """
    ### BEGIN SOLUTION
    return table.mean(axis=0)
    ### END SOLUTION


# %% check="column_means"
check.column_means(column_means)

# %% [markdown]
# ## Who decides?
#
# The nearest patient was found by adding up 30 differences. How much does each measurement
# contribute, on average? Your `column_means` can say. Areas are in hundreds, smoothness in
# hundredths: predict who wins. In the names, *mean*, *error* and *worst* are the three numbers
# that each property has.

# %% tags=["demo"]
apart = np.abs(patients.x_train - new_patient)
widgets.shares(column_means(apart), patients.features, "Who decides which patient is nearest?")

# %% [markdown]
# ### Exercise 5 · standardize · 5 points · 20 min
#
# Two of the thirty decide nearly everything, because their numbers are large. Give every column
# the same voice: subtract its mean, then divide by its **standard deviation**, how far from the
# mean its numbers typically lie (`np.std`, which takes an `axis` as a mean does). Then 0 means
# usual.
#
# One rule has no exception: a patient who comes tomorrow has no mean. So mean and deviation come
# from the **train** part only, and both parts are scaled with them. Use your `column_means`.
#
# A function leaves its inputs as they were, here and in the whole course: others still need
# them. `part -= 1` changes the given table itself; `part - 1` makes a new one.


# %% exercise="standardize"
def standardize(train, test):
    """Both parts, scaled with the means and standard deviations of train's columns.

    train: (train rows, features), no column of which is constant. test: (test rows, features).
    Returns two arrays, train scaled and test scaled, with the shapes of train and test.
    The standard deviation is np.std's own. The two tables that came in stay as they were.

    train [[1, 10], [3, 30]] has means [2, 20] and deviations [1, 10], so
    train -> [[-1, -1], [1, 1]] and test [[2, 50], [5, 0]] -> [[0, 3], [3, -2]]
    """
    ### BEGIN SOLUTION
    means = column_means(train)
    deviations = train.std(axis=0)
    return (train - means) / deviations, (test - means) / deviations
    ### END SOLUTION


# %% check="standardize"
check.standardize(standardize)

# %% [markdown]
# ## The new patient again
#
# Same idea, same patients, but every measurement has the same voice now. Predict: who is the
# nearest patient this time?

# %% tags=["demo", "nbval-check-output"]
known_scaled, new_scaled = standardize(patients.x_train, patients.x_test)
differences = np.abs(known_scaled - new_scaled[0]).sum(axis=1)
nearest = differences.argmin()

print(f"Most like the new patient: earlier patient {nearest}.")
print(f"Prediction: {diagnosis[patients.y_train[nearest]]}")
print(f"The doctors found: {diagnosis[patients.y_test[0]]}")

# %% [markdown]
# ### Exercise 6 · split · 4 points · 15 min
#
# One patient proves little. To test on many, we set some aside **before** anything is learned: an
# exam must not ask what was studied. Chance must decide who, since files are often sorted. And
# each row must keep its own label.
#
# `rng` is a random number generator that comes in from outside, so that the same seed gives the
# same split. `rng.permutation(4)` might give `[2, 0, 3, 1]`, and `rows[[2, 0]]` picks rows 2 and 0.
# A slice needs a whole number, but 0.25 * 10 is 2.5; `round` or `int` makes one.


# %% exercise="split"
def split(rows, labels, test_share, rng):
    """A table and its labels in two parts, dealt by chance.

    rows: (n, features). labels: (n,). test_share: between 0 and 1; the test part has
    test_share * n rows, rounded either way. rng: np.random.Generator, the only source of chance.
    Returns four arrays: train_rows, train_labels, test_rows, test_labels.

    rows [[10], [20], [30], [40]], labels [1, 2, 3, 4], test_share 0.25 might give
    [[30], [10], [40]], [3, 1, 4], [[20]], [2]
    """
    ### BEGIN SOLUTION
    order = rng.permutation(len(rows))
    test_count = round(test_share * len(rows))
    test, train = order[:test_count], order[test_count:]
    return rows[train], labels[train], rows[test], labels[test]
    ### END SOLUTION


# %% check="split"
check.split(split)

# %% [markdown]
# ## The whole workflow, with your functions
#
# - **Problem**: is a tumour malignant? **Data**: 569 patients, their diagnosis known.
# - **Preprocessing**: `split`, then `standardize`.
# - **Architecture**, the form of the rule: repeat the nearest patient's diagnosis.
# - **Training**: this rule only remembers. From unit 01 on, rules have numbers to find.
# - **Evaluation**: `accuracy`, on patients who were set aside, next to a lazy rule.
# - **Deployment**: somebody uses it (units 25 and 26). **Iteration**: you look at what failed and
#   go round again.

# %% tags=["demo"]
rows = np.concatenate([patients.x_train, patients.x_test])
labels = np.concatenate([patients.y_train, patients.y_test])


def nearest_diagnosis(known_rows, known_labels, new_rows):
    """For each new row, the label of the known row that differs least from it."""
    nearest = [np.abs(known_rows - row).sum(axis=1).argmin() for row in new_rows]
    return known_labels[nearest]


train_rows, train_labels, test_rows, test_labels = split(
    rows, labels, test_share=0.25, rng=np.random.default_rng(0)
)
train_scaled, test_scaled = standardize(train_rows, test_rows)
lazy = np.zeros(len(test_labels))
raw = nearest_diagnosis(train_rows, train_labels, test_rows)
scaled = nearest_diagnosis(train_scaled, train_labels, test_scaled)
widgets.scores(
    {
        "everybody is benign": accuracy(lazy, test_labels),
        "the nearest patient, raw": accuracy(raw, test_labels),
        "the nearest patient, scaled": accuracy(scaled, test_labels),
    },
    title=f"{len(test_labels)} patients that were set aside",
)

# %% [markdown]
# ## Break it
#
# Why set patients aside at all? Test the same rule on the patients whom it remembers. Predict the
# accuracy, then run.

# %% tags=["demo"]
remembered = nearest_diagnosis(train_scaled, train_labels, train_scaled)
print(f"on patients it remembers: {accuracy(remembered, train_labels):.2f}")
print(f"on patients set aside:    {accuracy(scaled, test_labels):.2f}")

# %% [markdown]
# Everybody is most like themselves. An accuracy on remembered examples says nothing about
# tomorrow's patient; this is the most common way to fool oneself in this field.
#
# ## Debug me
#
# The next cell learns badly: about one half, no better than a coin. One line is wrong, and no error
# is raised. Read it line by line and ask of each array: **whose rows are these, in which order?**
# Mend that line and run the cell again; expect 0.96.

# %% tags=["demo"]
train_rows, train_labels, test_rows, test_labels = split(
    rows, labels, test_share=0.25, rng=np.random.default_rng(0)
)
train_scaled, test_scaled = standardize(train_rows, test_rows)
known_labels = labels[: len(train_scaled)]
predicted = nearest_diagnosis(train_scaled, known_labels, test_scaled)
print(f"accuracy: {accuracy(predicted, test_labels):.2f}")

# %% [markdown]
# <details><summary>What was wrong</summary>
#
# `labels[: len(train_scaled)]` takes the first labels as they stand in the file, while the rows
# were dealt by chance. `split` returned the labels that belong to them: `train_labels`. All
# shapes agree, so NumPy can't notice; only a suspicious reader can.
#
# </details>
#
# ## Your tools
#
# Every check you pass is remembered in one small file beside the unit folders. It never leaves
# your computer, and you may delete it. In a terminal: `chainrule progress`.

# %% tags=["demo"]
from chainrule.progress import progress

progress()

# %% [markdown]
# Something does not work? Ask the doctor. It looks at Python, the packages, the data and the
# folders, and says what to do about each problem. `doctor()`, or `chainrule doctor` in a terminal,
# takes longer and also looks for a GPU and a network.
#
# **Where to run the course.** In Colab or Binder: use the badge at the top, nothing to install. On
# your own computer, make an environment, so that the course can't disturb your other work: `make
# course` in a clone does it with venv; `conda env create -f environment.yml` does it with conda.
# After that, `chainrule lab` opens the course.

# %% tags=["demo"]
from chainrule.doctor import doctor

doctor(quick=True)

# %% [markdown]
# ## Handing in
#
# In a class, your instructor names a folder, and the name that you hand in under. **Save the
# notebook first**: it is the saved file that counts. Then, in a terminal:
#
# `chainrule submit 00 --to FOLDER --learner NAME`
#
# Without `--learner` it is the name of your account on this computer. The receipt shows the file,
# the name and the time, and warns of exercises that are still empty. Hand in as often as you like;
# the last one counts. The next cell does the same. Nothing is run. Grading uses other numbers than
# your checks do, so a rule that only knows the examples earns nothing.

# %% tags=["demo"]
from chainrule.submit import submit

hand_in_to = ""  # the folder that your instructor named, between the quotes
hand_in_as = ""  # your name in the class; empty: the name of your account on this computer
if hand_in_to:
    print(submit("00", to=hand_in_to, learner=hand_in_as or None))
else:
    print("Not handed in: no folder was named.")

# %% [markdown]
# ## What you learned
#
# - Machine learning finds a rule in examples. If you can write the rule, write it.
# - Accuracy means something only beside a simple rule, on rows that were set aside.
# - An axis that is summed disappears; `@` matches the axis in the middle.
# - Broadcasting aligns shapes at the right and repeats lengths of 1.
# - Scale with the train part's numbers only.
#
# **Common mistakes**: `>=` for "above"; the wrong axis; scaling with test statistics; shuffling
# rows without their labels.
#
# **Where it is used**: nearest neighbours search pictures, songs and documents; unit 18 does it
# with meaning.
#
# **Think about it**: which is worse here, a false alarm or a missed tumour? Does accuracy know?

# %% tags=["demo", "nbval-check-output"]
missed = np.sum((scaled == 0) & (test_labels == 1))
alarms = np.sum((scaled == 1) & (test_labels == 0))
print(f"missed tumours: {missed}, false alarms: {alarms}")

# %% [markdown]
# ## Questions people ask
#
# - **Is a laptop enough?** Yes. Every unit runs on two CPU cores; a GPU only makes it faster.
# - **Do I need more mathematics?** Each unit brings what it needs.
# - **May I skip units?** The ones with a star in the syllabus are the spine.
# - **Where are open data sets?** UCI, OpenML, Kaggle, Hugging Face, and national statistics
#   offices. Read the licence first.
#
# **The road**: neurons and learning (01–04), training well (05–08), seeing (09–12), sequences
# (13–18), generating and deciding (19–22), trust and production (23–27), electives.
#
# **Next**: unit 01, one neuron, which finds its own rule.
