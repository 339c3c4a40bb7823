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
# # 01 · Can one neuron make a decision?
#
# {badges}
#
# Yes, if the decision is a matter of weighing things up. In this unit you build one artificial
# neuron from NumPy alone and let it learn: first whether to go to a concert, then whether a number
# is large, at last whether a tumour is malignant. On patients it has never seen, your neuron will
# be right at least 95 times in 100.
#
# **Time:** two to three hours. **You need:** unit 00 (arrays, `@`, scaling). No GPU, no network.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from chainrule import data, plot
from chainrule.neuron import check, widgets

# %% [markdown]
# This is where you will arrive. Each mark is a tumour, placed by two of its thirty measurements;
# *worst* means the mean of the three largest of its cells. The black line is all that a neuron with
# two measurements knows: three learned numbers. With all thirty it does better still.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## Going to the concert
#
# Your favourite band plays tonight. Three things count, each from 0 to 1:
#
# | input $x$ | tonight | weight $w$ |
# |---|---|---|
# | friend comes | 1 | 3 |
# | clear sky | 0.8 | 2 |
# | high price | 0.2 | −5 |
#
# A **weight** says how much an input counts. The price speaks *against* going, so its weight is
# negative. You are a bit lazy as well: the **bias** $b = -1$. The **weighted sum** is
#
# $$z = w_1 x_1 + w_2 x_2 + w_3 x_3 + b$$

# %% [markdown]
# ### Exercise 1 · weighted_sum · 2 points · 10 min
# Add up the reasons. Work tonight out by hand first. Another decision has two inputs, or thirty: do
# not count on three.


# %% exercise="weighted_sum"
def weighted_sum(inputs, weights, bias):
    """The weighted sum z of one example.

    inputs, weights: arrays of shape (features,), for any number of features. bias: a number.
    Returns one number.

    weighted_sum([1.0, 0.8, 0.2], [3.0, 2.0, -5.0], -1.0) -> 2.6   (the lists are arrays)
    """
    ### BEGIN SOLUTION
    return np.sum(inputs * weights) + bias
    ### END SOLUTION


# %% check="weighted_sum"
check.weighted_sum(weighted_sum)

# %% [markdown]
# ## From a sum to a decision
#
# The sum is 2.6, but the question was: go or stay? The oldest answer, from 1943, is a step. At zero
# or above, the neuron *fires* and you go (1); below zero you stay (0). The bias decides how much
# persuasion that takes.
#
# ### Exercise 2 · step · 2 points · 5 min
# Decide for many evenings at once: `z` is a whole array. A comparison gives True and False, which
# count as 1 and 0; `np.where(condition, a, b)` chooses any other two values. What about exactly
# zero? The docstring settles it.


# %% exercise="step"
def step(z):
    """1 (or True) where z is zero or more, 0 (or False) where z is below zero.

    z: array of any shape. Returns an array of the same shape.

    step([-2.0, 0.0, 3.0]) -> [0, 1, 1]
    """
    ### BEGIN SOLUTION
    return (z >= 0).astype(int)
    ### END SOLUTION


# %% check="step"
check.step(step)

# %% [markdown]
# ## How sure are you?
#
# A step knows only yes and no. It says the same for $z = 0.01$ and $z = 10$, and a tiny change of a
# weight usually changes nothing at all, so nothing tells you which way to improve. We want a smooth
# step: the **sigmoid** $\sigma$ turns any $z$ into a share $p$ between 0 and 1.
#
# $$p = \sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# $e$ is 2.718…, `np.exp` raises it to a power. **Predict, then run:** what is `np.exp(1000)` to a
# computer?

# %% tags=["demo", "nbval-check-output"]
with np.errstate(over="ignore"):  # keeps NumPy from warning about what we are here to see
    for power in (1.0, 10.0, 100.0, 1000.0):
        print(f"exp({power:g}) = {np.exp(power):.3g}")

# %% [markdown]
# `inf`. That can be harmless: `1 / inf` is 0. But `inf / inf` is `nan`, not a number, and one `nan`
# spoils every sum it meets.
#
# ### Exercise 3 · sigmoid · 3 points · 15 min
# The sigmoid has a second form, $e^z/(1+e^z)$. What do both give at $z = 1000$ and $z = -1000$?
# Only one is never `nan`; write that one. NumPy may warn of an overflow where its result is right.
# Can you write it so that nothing overflows?


# %% exercise="sigmoid"
def sigmoid(z):
    """1 / (1 + exp(-z)) for every number in z, never nan, for z from -1000 to 1000.

    z: array of any shape. Returns an array of the same shape, between 0 and 1.

    sigmoid([0.0, 2.0]) ≈ [0.5, 0.881]   (three digits are shown; return them all)
    """
    ### BEGIN SOLUTION
    small = np.exp(-np.abs(z))  # between 0 and 1, so it cannot overflow
    positive = 1.0 / (1.0 + small)  # right where z >= 0
    return np.where(z >= 0, positive, small * positive)
    ### END SOLUTION


# %% check="sigmoid"
check.sigmoid(sigmoid)

# %% [markdown]
# Here are your two functions in one picture.

# %% tags=["demo"]
z = np.linspace(-8, 8, 801)
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(z, step(z), "--", color=plot.ORANGE, label="step")
ax.plot(z, sigmoid(z), color=plot.BLUE, label="sigmoid")
ax.set(title="Two ways to decide", xlabel="weighted sum z", ylabel="output")
ax.legend()
plot.show(
    fig,
    alt="The step jumps from 0 to 1 at z = 0. The sigmoid rises smoothly from near 0 at z = -8 "
    "through 0.5 at z = 0 to near 1 at z = 8.",
)

# %% [markdown]
# Now play with your evening. The bars show what pulls which way, the dot how sure you are. Find
# three ways to stay at home: change an input, a weight, the bias.

# %% tags=["demo"]
widgets.concert(weighted_sum, sigmoid)

# %% [markdown]
# ## A neuron
#
# Weighted sum, then sigmoid: that is the whole neuron.
#
# $$p = \sigma(x_1 w_1 + \dots + x_n w_n + b)$$
#
# It shall answer for many examples at once. Stack them as rows of a table `x` of shape
# `(batch, features)`; `x @ weights` then has shape `(batch,)`, one sum for each row.
#
# ### Exercise 4 · neuron · 2 points · 10 min
# Use your own `sigmoid`. There is no loop to write.


# %% exercise="neuron"
def neuron(x, weights, bias):
    """The neuron's output for each example of a batch.

    x: (batch, features). weights: (features,). bias: a number.
    Returns an array of shape (batch,), every number between 0 and 1.

    neuron([[1.0, 0.0], [0.0, 1.0]], [2.0, -2.0], 0.0) ≈ [0.881, 0.119]
    """
    ### BEGIN SOLUTION
    return sigmoid(x @ weights + bias)
    ### END SOLUTION


# %% check="neuron"
check.neuron(neuron)

# %% [markdown]
# ## What a neuron can draw
#
# Two measurements of a tumour, scaled to mean 0 and spread 1: how dented the outlines of its cell
# nuclei are (`concave points`), and how large the nuclei are (`radius`). Where $p = 0.5$, the sum
# $w_1 x_1 + w_2 x_2 + b$ is 0, and that is the equation of a straight line.
#
# **Predict, then move:** what does $b$ do to the line? What do $w_1$ and $w_2$ do? What happens
# when all three double? How many of the 456 tumours can you get right?

# %% tags=["demo"]
patients = data.breast_cancer()
two = [widgets.CONCAVE_POINTS, widgets.RADIUS]
mean, spread = patients.x_train.mean(axis=0), patients.x_train.std(axis=0)
x_train = (patients.x_train - mean) / spread
x_test = (patients.x_test - mean) / spread  # the same ruler as for training
widgets.decision_line(neuron, x_train[:, two], patients.y_train, ["concave points", "radius"])

# %% [markdown]
# The bias shifts the line. The weights turn it. Doubling all three leaves it where it is and makes
# the neuron surer: the shading changes faster.
#
# ## How wrong is it?
#
# One number, the **loss**, says how wrong the neuron is. It is made of $\ln$, the natural logarithm
# (`np.log`), of the share that the neuron gave to what turned out true. **Predict, then run:**
# which share has the logarithm 0? Where does it go as the share falls to 0?

# %% tags=["demo", "nbval-check-output"]
for share in (1.0, 0.9, 0.5, 0.1, 0.0000001):
    print(f"ln {share:<6g} = {np.log(share):6.2f}")

# %% [markdown]
# $\ln 1 = 0$, every smaller share has a negative logarithm, and $\ln 0$ is minus infinity. Let
# $p_i$ be the neuron's output for example $i$, $y_i$ the truth (0 or 1), $n$ the number of
# examples. The **binary cross-entropy** is
#
# $$L=-\frac{1}{n}\sum_{i=1}^{n}\big[y_i\ln p_i+(1-y_i)\ln(1-p_i)\big]$$
#
# Only one term counts for each example: the other is multiplied by 0.

# %% [markdown]
# ### Exercise 5 · binary_cross_entropy · 3 points · 15 min
# Beware of $\ln 0$: what goes into `np.log`, be it $p$ or $1-p$, must never be below
# `1e-7`, that is 0.0000001. `np.maximum` and `np.clip` can see to that.


# %% exercise="binary_cross_entropy"
def binary_cross_entropy(predictions, targets):
    """The mean binary cross-entropy of a batch, with natural logarithms.

    predictions: (batch,), numbers from 0 to 1. targets: (batch,), each 0.0 or 1.0.
    Returns one number, zero or more. What goes into a logarithm is first clipped from below at
    1e-7, so a sure and wrong prediction costs 16.1 and not infinity.

    binary_cross_entropy([0.9, 0.2], [1.0, 0.0]) ≈ 0.164   (the mean of -ln 0.9 and -ln 0.8)
    """
    ### BEGIN SOLUTION
    given_to_truth = np.where(targets == 1, predictions, 1 - predictions)
    return -np.mean(np.log(np.maximum(given_to_truth, 1e-7)))
    ### END SOLUTION


# %% check="binary_cross_entropy"
check.binary_cross_entropy(binary_cross_entropy)

# %% [markdown]
# **Predict, then run:** the truth is 1. A neuron that says 0.5 pays 0.69. What does one pay that
# says 0.1? One that says 0?

# %% tags=["demo", "nbval-check-output"]
for said in (0.99, 0.9, 0.5, 0.1, 0.01, 0.0):
    cost = binary_cross_entropy(np.array([said]), np.array([1.0]))
    print(f"said {said:<4g}  loss {cost:.2f}")

# %% [markdown]
# Doubt is cheap, being sure and wrong is dear.
#
# ## Learning from an error
#
# The neuron said $p=0.5$, the truth was $y=1$. The **error** $p-y=-0.5$ says: too little. So every
# weight with a positive input should grow. The *delta rule* (derived in unit 02) moves each weight
# against error times input, averaged over the batch ($\leftarrow$ means "becomes"):
#
# $$w_j\leftarrow w_j-\eta\frac{1}{n}\sum_{i=1}^{n}(p_i-y_i)x_{ij}\qquad
# b\leftarrow b-\eta\frac{1}{n}\sum_{i=1}^{n}(p_i-y_i)$$
#
# $x_{ij}$ is input $j$ of example $i$; $\eta$ is the **learning rate**, the length of a step. The
# bias is like a weight whose input is always 1.
#
# Error times input needs care with shapes. Here are two examples with three inputs. **Predict, then
# run:** what does the column of errors do to the rows?

# %% tags=["demo", "nbval-check-output"]
two_errors = np.array([-0.5, 0.25])
two_examples = np.array([[1.0, 2.0, 4.0], [8.0, 0.0, 4.0]])
print("errors", two_errors.shape, " inputs", two_examples.shape)
print("column", two_errors[:, None].shape)
print(two_errors[:, None] * two_examples)

# %% [markdown]
# Each error has met its own row; without `[:, None]` the shapes do not fit. A mean over the
# examples is still missing.
#
# ### Exercise 6 · nudge · 3 points · 30 min
# One step, with your `neuron`. Compute all predictions first, then move weights and bias. Leave the
# given array alone.


# %% exercise="nudge"
def nudge(x, targets, weights, bias, learning_rate):
    """One step of the delta rule on a whole batch.

    x: (batch, features). targets: (batch,), each 0.0 or 1.0. weights: (features,).
    bias, learning_rate: numbers.
    Returns (new weights of shape (features,), new bias); the array `weights` stays as it was.
    The step is the mean over the batch, not the sum.

    nudge([[1.0, 2.0]], [1.0], [0.0, 0.0], 0.0, 0.1) -> ([0.05, 0.1], 0.05)
    """
    ### BEGIN SOLUTION
    errors = neuron(x, weights, bias) - targets
    new_weights = weights - learning_rate * (errors @ x) / len(x)
    new_bias = bias - learning_rate * np.mean(errors)
    return new_weights, new_bias
    ### END SOLUTION


# %% check="nudge"
check.nudge(nudge)

# %% [markdown]
# One evening, one nudge: a friend came, the sky was clear, the ticket cheap, and you went. Which
# weight moves most?

# %% tags=["demo", "nbval-check-output"]
evening, went = np.array([[1.0, 0.8, 0.2]]), np.array([1.0])
before = neuron(evening, np.zeros(3), 0.0)
new_weights, new_bias = nudge(evening, went, np.zeros(3), 0.0, learning_rate=1.0)
after = neuron(evening, new_weights, new_bias)
print(f"before: p = {before[0]:.2f}")
print(f"weights {np.round(new_weights, 2)}, bias {new_bias:.2f}")
print(f"after:  p = {after[0]:.2f}")

# %% [markdown]
# The largest input, the friend, got the largest share. Even the price got a positive weight: from
# one evening the neuron can't know better. It needs more evenings, and more nudges.
#
# ### Exercise 7 · train_neuron · 3 points · 15 min
# Start from zeros. In each **epoch**, a pass over all the data, note the loss and then nudge once
# on the whole batch. This uses your `neuron`, `binary_cross_entropy` and `nudge`.


# %% exercise="train_neuron"
def train_neuron(x, targets, learning_rate, epochs):
    """Train a neuron from zero weights and zero bias, one nudge on the whole batch each epoch.

    x: (batch, features). targets: (batch,), each 0.0 or 1.0. learning_rate: a number.
    epochs: how many nudges.
    Returns (weights, bias, losses): weights (features,), bias a number, losses a list with the
    loss before each nudge, so its first number is always ln 2 and it has `epochs` numbers.

    train_neuron([[1.0, 2.0]], [1.0], 0.1, 1) ≈ ([0.05, 0.1], 0.05, [0.693])
    """
    ### BEGIN SOLUTION
    weights = np.zeros(x.shape[1])
    bias = 0.0
    losses = []
    for _ in range(epochs):
        losses.append(binary_cross_entropy(neuron(x, weights, bias), targets))
        weights, bias = nudge(x, targets, weights, bias, learning_rate)
    return weights, bias, losses
    ### END SOLUTION


# %% check="train_neuron"
check.train_neuron(train_neuron)

# %% [markdown]
# ## Forty evenings
#
# Here is a diary of forty evenings (invented, see its data sheet). Nobody tells the neuron what
# matters. **Predict, then run:** which learned weight will be negative?

# %% tags=["demo", "nbval-check-output"]
diary = data.concert()
weights, bias, losses = train_neuron(diary.x, diary.y, learning_rate=0.5, epochs=300)
for name, weight in zip(diary.features, weights, strict=True):
    print(f"{name:<8} {weight:5.2f}")
print(f"{'bias':<8} {bias:5.2f}")
right = np.mean((neuron(diary.x, weights, bias) >= 0.5) == diary.y)
print(f"right on {right:.3f} of the evenings it learned from")

# %% [markdown]
# It found the diarist's taste in forty yeses and noes.
#
# ## Is a number larger than 50?
#
# In unit 00 you wrote that rule by hand. Can a neuron learn it from the numbers 1 to 100? One
# input, one weight, one bias. We feed it the numbers once as they are (**raw**) and once scaled to
# mean 0 and spread 1, with the same learning rate and the same 1,100 epochs. **Predict:** which one
# wins, and by how much?

# %% tags=["demo", "nbval-check-output"]
numbers = np.arange(1.0, 101.0)
large = (numbers > 50).astype(float)
raw = numbers.reshape(-1, 1)  # (100, 1): a hundred examples with one feature
scaled = (raw - raw.mean()) / raw.std()

raw_weights, raw_bias, raw_losses = train_neuron(raw, large, learning_rate=0.002, epochs=1100)
weights, bias, losses = train_neuron(scaled, large, learning_rate=0.002, epochs=1100)
raw_says = neuron(raw, raw_weights, raw_bias) >= 0.5
scaled_says = neuron(scaled, weights, bias) >= 0.5
print(
    f"raw:    accuracy {np.mean(raw_says == large):.2f}, 'large' from {numbers[raw_says][0]:.0f} on"
)
print(
    f"scaled: accuracy {np.mean(scaled_says == large):.2f}, from {numbers[scaled_says][0]:.0f} on"
)
print(f"raw:    weight {raw_weights[0]:.3f}, bias {raw_bias:.3f}")

# %% [markdown]
# The raw run is stuck at 0.67: it calls every number from 18 on large. Then surely it needs a
# larger learning rate? Try 0.1 on both.

# %% tags=["demo"]
_, _, fast_raw_losses = train_neuron(raw, large, learning_rate=0.1, epochs=1100)
fast_weights, fast_bias, fast_losses = train_neuron(scaled, large, learning_rate=0.1, epochs=1100)

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
left.plot(fast_raw_losses, color=plot.ORANGE, linewidth=0.6, label="raw, rate 0.1")
left.plot(raw_losses, "--", color=plot.RED, label="raw, rate 0.002")
left.plot(fast_losses, color=plot.BLUE, label="scaled, rate 0.1")
left.set(title="The loss while learning", xlabel="epoch", ylabel="loss", yscale="log")
left.set_ylim(0.04, 400)
left.legend()
right.plot(numbers, neuron(raw, raw_weights, raw_bias), "--", color=plot.RED, label="raw, 0.002")
right.plot(numbers, neuron(scaled, fast_weights, fast_bias), color=plot.BLUE, label="scaled, 0.1")
right.axvline(50.5, color=plot.GREY, linewidth=1, linestyle=":")
right.axhline(0.5, color=plot.GREY, linewidth=1, linestyle=":")
right.set(title="What each neuron says", xlabel="number", ylabel="output p", ylim=(-0.05, 1.05))
right.legend()
plot.show(
    fig,
    alt="Left: on raw numbers the loss creeps at rate 0.002 and leaps up and down at rate 0.1; "
    f"on scaled numbers it falls smoothly to {fast_losses[-1]:.2f}. Right: the raw neuron's "
    "output rises slowly and passes one half at 17; the scaled one's is an S that passes one half "
    "at 50.",
)

# %% [markdown]
# A small rate creeps, a large one leaps about; scaling cures both. Why? That is this unit's
# question, at the end.
#
# ## A real decision
#
# 569 patients, 30 measurements each of cells from a lump, and a diagnosis: malignant (1) or benign
# (0). Your functions learn from 456 of them and are tested on the 113 others. The inputs are scaled
# with the *training* patients' mean and spread. Saying "benign" to everyone would already be right
# 63 times in 100, so that is the figure to beat.

# %% tags=["demo"]
started = time.perf_counter()
weights, bias, losses = train_neuron(x_train, patients.y_train, learning_rate=0.1, epochs=300)
print(f"trained in {time.perf_counter() - started:.2f} s on the CPU")

# %% tags=["demo", "nbval-check-output"]
said_malignant = neuron(x_test, weights, bias) >= 0.5
accuracy = np.mean(said_malignant == patients.y_test)
missed = np.sum(~said_malignant & (patients.y_test == 1))
print(f"loss: {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
print(f"always benign: test accuracy {np.mean(patients.y_test == 0):.2f}")
print(f"malignant tumours missed: {missed} of {patients.y_test.sum():.0f}")
print(f"Milestone: test accuracy {accuracy:.2f} (target 0.95)")

# %% [markdown]
# Look at the line with the misses too: a missed cancer is worse than a false alarm, and accuracy
# counts them the same. Unit 08 puts a cost on each.
#
# Thirty measurements can't be drawn. Two can: here is the picture from the beginning, drawn by your
# own neuron.

# %% tags=["demo"]
two_weights, two_bias, _ = train_neuron(
    x_train[:, two], patients.y_train, learning_rate=0.1, epochs=1000
)
right = np.mean((neuron(x_test[:, two], two_weights, two_bias) >= 0.5) == patients.y_test)
fig = widgets.decision_figure(
    neuron, x_test[:, two], patients.y_test, two_weights, two_bias, ["concave points", "radius"]
)
plot.show(
    fig,
    alt="113 tumours by two scaled measurements. The neuron's straight line falls from upper left "
    f"to lower right and puts {right:.2f} of them on the right side.",
)
print(f"two measurements: test accuracy {right:.2f}")

# %% [markdown]
# ## Break it
#
# Make the learning rate 500 times larger and change nothing else. **Predict, then run:** does it
# crash, stall, or get better? Compare the training patients with the test patients.

# %% tags=["demo", "nbval-check-output"]
for rate in (0.1, 50.0):
    w, b, _ = train_neuron(x_train, patients.y_train, learning_rate=rate, epochs=300)
    for part, x, y in (
        ("training", x_train, patients.y_train),
        ("test", x_test, patients.y_test),
    ):
        outputs = neuron(x, w, b)
        right = np.mean((outputs >= 0.5) == y)
        loss = binary_cross_entropy(outputs, y)
        print(f"rate {rate:<4g}  {part:<8}  accuracy {right:.2f}  loss {loss:.2f}")

# %% [markdown]
# Perfect on the patients it learned from, worse on new ones, and very sure where it is wrong: look
# at the loss. It learned the training patients by heart. Unit 07 is about that.
#
# ## Debug me
#
# A clinic that sees only the worst cases sends us patients: the malignant ones of our test part.
# Learning goes well, yet the neuron finds fewer than half of them. No error, no warning; one line
# is wrong. Find it before you open the answer, mend it and run the cell again; expect 0.93.

# %% tags=["demo", "nbval-check-output"]
clinic = patients.x_test[patients.y_test == 1]
x_clinic = (clinic - clinic.mean(axis=0)) / clinic.std(axis=0)
w, b, losses = train_neuron(x_train, patients.y_train, learning_rate=0.1, epochs=300)
found = np.mean(neuron(x_clinic, w, b) >= 0.5)
print(f"loss: {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
print(f"{len(clinic)} malignant tumours; share that is found: {found:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `x_clinic` is scaled with the clinic's own mean and spread. Among the worst cases a bad tumour is
# usual, so its numbers come out near 0, which the neuron learned to read as an ordinary lump. New
# patients need the ruler that it learned with: `(clinic - mean) / spread`. When training goes well
# and new examples do not, ask first whether both were prepared alike.
# </details>
#
# ## What you learned
# - A neuron is a weighted sum plus a bias, passed through a sigmoid.
# - Its decision border is straight: the weights turn it, the bias shifts it.
# - Cross-entropy charges little for doubt and much for being sure and wrong.
# - The delta rule moves each weight against error times input.
# - Scaled inputs learn fast where raw ones creep or leap.

# %% [markdown]
# ## Common mistakes
# - **Leaving out the bias.** Then the border must pass through the origin.
# - **`log(0)`.** One infinite loss and the average is infinite. Clip.
# - **`(n, 1)` minus `(n,)`.** NumPy makes an `(n, n)` table without a word. Print shapes.
# - **Sum for mean.** The step then grows with the batch, and the learning rate no longer fits.
#
# ## Where it is used
# Statistics calls this neuron *logistic regression*. It rates credit, ranks advertisements and
# estimates medical risk, because its weights can be read. And every network in this course is
# made of such neurons.

# %% [markdown]
# ## Think about it · why_scale · 2 points · 10 min
# With learning rate 0.002 the raw run stood at 0.67 after 1,100 epochs, the scaled run at 1.00. In
# about five sentences: compare the delta rule's step for the weight with its step for the bias when
# the input is a number like 80. Use that, and the weight and the bias that were printed, to explain
# why the raw neuron says "large" from 18 on. Why does a larger learning rate not cure it, and what
# does scaling change? (Graded by a person.)

# %% [markdown] question="why_scale"
# ### BEGIN SOLUTION
# The weight's step is error times input, the bias's step is error times 1, so with an input of 80
# the weight moves eighty times as far as the bias. The border lies where $wz + b = 0$ with $z$ the
# number, at $-b/w$; with the printed 0.023 and −0.394 that is 17, so 18 is the first "large". To
# bring it to 50 the bias would have to fall much further, but a rate small enough for the weight
# leaves the bias creeping. With a larger rate the weight overshoots to and fro and the loss leaps,
# so the border never settles. Scaled inputs have mean 0 and spread 1: weight and bias take steps of
# similar size, any rate that suits one suits the other, and the border belongs at 0, where the bias
# starts.
# ### END SOLUTION

# %% [markdown]
# ## Next
# The delta rule fell from the sky. **Unit 02, How does a slope find the valley?**, shows that it
# walks downhill on the loss, and teaches you to find such rules yourself.
