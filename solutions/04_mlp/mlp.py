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
# # 04 · What do hidden layers add?
#
# {badges}
#
# They add bends. One neuron divides the world with a straight line; a layer of them in between
# divides it in almost any way. In this unit you build such a network, a **multilayer perceptron**,
# from NumPy alone, and it learns to read handwritten digits. Of 2,000 digits it has never seen it
# will read at least 95 in 100.
#
# **Time:** about 3 hours. **You need:** units 01 to 03. No GPU, no network.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import importlib.util
import os

# Steps this short: several threads would mostly wait for each other. Read when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from chainrule import data, plot
from chainrule.mlp import check, widgets
from chainrule.train import LiveCurves

# %% [markdown]
# This is where you will arrive. One reading is wrong; can you see why?

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## The lamp on the stairs
#
# A lamp with two switches, one downstairs and one upstairs. It is on when exactly **one** of them
# is up: flipping either changes it. Logic calls that XOR, *exclusive or*.
#
# | switch 1 | switch 2 | lamp |
# |---|---|---|
# | 0 | 0 | off |
# | 0 | 1 | on |
# | 1 | 0 | on |
# | 1 | 1 | off |
#
# **Predict, then run:** here are 10,000 single neurons with random weights and bias. How many of
# the four positions does the best one get right?

# %% tags=["demo", "nbval-check-output"]
positions = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
lamp_is_on = np.array([False, True, True, False])
rng = np.random.default_rng(0)
w, b = rng.normal(size=(2, 10_000)), rng.normal(size=10_000)
fires = positions @ w + b >= 0  # (4, 10000): one column for each neuron
right = (fires == lamp_is_on[:, None]).sum(axis=0)
for count in range(5):
    print(f"{count} of 4 right: {np.sum(right == count):>5} neurons")

# %% [markdown]
# Never four: draw the positions on paper, and try to part *on* from *off* with one straight line.
#
# In 1969 that was held against neural networks as such. The way out is a **hidden layer**: neurons
# whose outputs are only the inputs of the next neuron.
#
# $$h=\text{step}(xW_1+b_1)\qquad \text{lamp}=\text{step}(hW_2+b_2)$$
#
# `x` has shape `(batch, 2)`, `W1` `(2, hidden)`, `h` `(batch, hidden)`: a column for each hidden
# neuron. The step says 1 from zero on, otherwise 0.

# %% [markdown]
# ### Exercise 1 · solve_xor · 2 points · 20 min
# Find the weights by hand. Two hidden neurons are enough, each draws one line. Which two lines
# fence in the positions where the lamp is on? Many answers are right.


# %% exercise="solve_xor"
def solve_xor():
    """Weights of a network with one hidden layer that works the lamp.

    Returns (W1, b1, W2, b2): arrays of shape (2, hidden), (hidden,), (hidden,), and a number.

    With them, step(step(x @ W1 + b1) @ W2 + b2) is 1 for the switches (0, 1) and (1, 0) and 0 for
    (0, 0) and (1, 1); step is 1 from zero on, otherwise 0.
    """
    ### BEGIN SOLUTION
    W1 = np.ones((2, 2))  # both hidden neurons count the switches that are up
    b1 = np.array([-0.5, -1.5])  # one fires from one switch on, the other from two on
    W2 = np.array([1.0, -1.0])  # the first speaks for the lamp, the second against it
    b2 = -0.5
    return W1, b1, W2, b2
    ### END SOLUTION


# %% check="solve_xor"
check.solve_xor(solve_xor)

# %% [markdown]
# On the left is what your hidden neurons do to the plane. If you used two of them, the right side
# shows their answers: that is all that the last neuron gets to see.

# %% tags=["demo"]
widgets.lamp(solve_xor)

# %% [markdown]
# A hidden layer does not solve the problem. It moves the points to where the problem is easy.
#
# ## Neurons that can learn
#
# The digits will need 100,000 weights. They must be learned, and the step has slope 0 everywhere:
# no hint for gradient descent. The most used activation of today, the **rectified linear unit**,
# lets positive sums through and holds negative ones back:
#
# $$\text{relu}(z)=\max(0,z)\qquad \text{relu}'(z)=1\text{ if }z>0\text{, otherwise }0$$
#
# On the way back, the gradient that arrives is multiplied with that slope: it passes, or it stops.

# %% [markdown]
# ### Exercise 2 · relu · 2 points · 10 min
# Write the way forward and the way back. Leave `z` as it is: the way back will need it.


# %% exercise="relu"
def relu(z):
    """The larger of z and 0, number by number.

    z: array of any shape. Returns a new array of the same shape.

    relu([-2.0, 0.0, 3.0]) -> [0.0, 0.0, 3.0]
    """
    ### BEGIN SOLUTION
    return np.maximum(z, 0.0)
    ### END SOLUTION


def relu_backward(grad, z):
    """The gradient of z, when grad is the gradient of relu(z).

    grad, z: arrays of the same shape. Returns a new array of that shape: grad where z is above 0,
    0 elsewhere, and at exactly 0 too.

    relu_backward([10.0, 20.0, 30.0], [-2.0, 0.0, 3.0]) -> [0.0, 0.0, 30.0]
    """
    ### BEGIN SOLUTION
    return np.where(z > 0, grad, 0.0)
    ### END SOLUTION


# %% check="relu"
check.relu(relu, relu_backward)

# %% [markdown]
# Compare the activations. A gradient that comes back through ten layers is multiplied with ten such
# slopes. **Predict:** how much is left of it after ten sigmoids, each at its steepest?

# %% tags=["demo"]
widgets.activations(relu, relu_backward)

# %% [markdown]
# Ten sigmoids leave a millionth, at best. Ten relus leave all or nothing, and that is why deep
# networks use relu.
#
# ## Bends make curves
#
# A relu is a straight line with one bend. Several of them, shifted and weighted and added up by
# the next neuron, make a line with several bends. Move the slider. (The first bend lies at the left
# edge of the picture, so one relu shows one straight piece, two show two.)

# %% tags=["demo"]
widgets.hinges(relu)

# %% [markdown]
# With enough hidden neurons the miss becomes as small as you like, for every continuous curve (the
# *universal approximation theorem*, 1989). It promises that good weights exist. It does not say how
# many neurons it takes, nor that gradient descent will find them.
#
# ## Digits
#
# 10,000 handwritten digits to learn from and 2,000 others to test with, from MNIST. Each is a
# square of 28 by 28 shades of grey. We lay its rows end to end, 784 numbers, and divide by 255 so
# that they go from 0 to 1. Set `FULL` to `True` for all 60,000 and 10,000; they are downloaded once
# (11.6 MB).

# %% tags=["demo"]
FULL = False
digits = data.mnist(full=FULL)
x_train = digits.x_train.reshape(len(digits.x_train), -1) / 255
x_test = digits.x_test.reshape(len(digits.x_test), -1) / 255
y_train, y_test = digits.y_train, digits.y_test
print("x_train", x_train.shape, "y_train", y_train.shape)
print("x_test ", x_test.shape, "y_test ", y_test.shape)
fig = widgets.pictures(digits.x_train[:16], [str(label) for label in y_train[:16]])
plot.show(fig, alt="Sixteen handwritten digits, each with its label above it.")

# %% [markdown]
# ## Ten answers instead of one
#
# Could one output neuron say the digit, 0 to 9? Then a 3 that might be an 8 would be called 5 or 6,
# as if digits were amounts. They are names. So the network gets ten outputs, one score for each
# **class**, and the truth takes the same form: a row with a 1 in the place of the class and 0
# elsewhere, called **one-hot**.
#
# ### Exercise 3 · one_hot · 1 point · 10 min
# Turn labels into rows. A batch need not hold every class, so the number of classes is passed in.


# %% exercise="one_hot"
def one_hot(labels, classes):
    """One row for each label, with a 1 in the column of that label.

    labels: (batch,) whole numbers from 0 to classes - 1. classes: how many there are.
    Returns an array of numbers of shape (batch, classes).

    one_hot([1, 0], 3) -> [[0, 1, 0], [1, 0, 0]]
    """
    ### BEGIN SOLUTION
    table = np.zeros((len(labels), classes))
    table[np.arange(len(labels)), labels] = 1.0
    return table
    ### END SOLUTION


# %% check="one_hot"
check.one_hot(one_hot)

# %% [markdown]
# ## From scores to shares
#
# One picture scored shirt 2, coat 1, boot 0. Such raw scores are called **logits**. To turn them
# into shares, raise $e$ to each (7.39, 2.72, 1) and divide by the row's total, 11.11. That is
# **softmax**. For the logit $z_k$ of class $k$ its share is
#
# $$p_k=\frac{e^{z_k}}{\sum_j e^{z_j}}$$
#
# **Predict:** what changes if every score grows by 1000? On paper, and in a computer?
#
# ### Exercise 4 · softmax · 3 points · 15 min
# Never let `np.exp` meet a large number: what you found out about adding 1000 shows how.


# %% exercise="softmax"
def softmax(logits):
    """The shares of each row's classes: never negative, and each row adds up to 1.

    logits: (batch, classes), of any size, 1000 and -1000 included. Returns the same shape.

    softmax([[2.0, 1.0, 0.0]]) -> [[0.665, 0.245, 0.090]]
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)
    ### END SOLUTION


# %% check="softmax"
check.softmax(softmax)

# %% [markdown]
# The same scores, four times as large, make a much surer answer:

# %% tags=["demo", "nbval-check-output"]
for factor in (0.25, 1.0, 4.0):
    scores = factor * np.array([[2.0, 1.0, 0.0]])
    print(f"scores {scores[0]}  shares {np.round(softmax(scores)[0], 3)}")

# %% [markdown]
# ## Three losses
#
# You have met two losses; here is the third. $p$ is what the network says, $y$ the truth; the mean
# is over the batch.
#
# | loss | for | formula |
# |---|---|---|
# | **mean squared error** | amounts: a price | mean of $(p-y)^2$ |
# | **binary cross-entropy** | yes or no: malignant? | mean of $-y\ln p-(1-y)\ln(1-p)$ |
# | **categorical cross-entropy** | one of many: which digit? | mean of $-\ln p_y$ |
#
# $p_y$ is the share that the true class got. With two classes, the third is the second.

# %% [markdown]
# ### Exercise 5 · cross_entropy · 3 points · 20 min
# A share can come out as 0, and its logarithm is lost. So don't make the share: from the logits,
# $\ln p_k=z_k-\ln\sum_j e^{z_j}$. Guard the exponentials as before.


# %% exercise="cross_entropy"
def cross_entropy(logits, labels):
    """The mean categorical cross-entropy of a batch, with natural logarithms.

    logits: (batch, classes), of any size. labels: (batch,) whole numbers, the true classes.
    Returns one number, zero or more, and exact even where a share is too small for a computer:
    logits [[0, 900]] with label 0 cost 900.

    cross_entropy([[2.0, 1.0, 0.0]], [0]) -> 0.408   (-ln 0.665)
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    totals = np.exp(shifted).sum(axis=1)
    scores_of_truth = shifted[np.arange(len(labels)), labels]
    return np.mean(np.log(totals) - scores_of_truth)
    ### END SOLUTION


# %% check="cross_entropy"
check.cross_entropy(cross_entropy)

# %% [markdown]
# Why not squared error for classes too? Start at the left: the network is sure, and wrong. **Look
# at the slopes:** which loss still says clearly "raise this score"?

# %% tags=["demo"]
widgets.losses(softmax, cross_entropy)

# %% [markdown]
# Squared error on shares goes flat exactly where the network is most wrong. Cross-entropy keeps a
# slope of nearly $-1$ there: the worse the error, the firmer the push.
#
# ## The simplest gradient
#
# Those slopes have a formula, and it is a gift. The loss of one example is
# $\ln\sum_j e^{z_j}-z_y$. Take the derivative for one logit $z_k$: the first term gives
# $e^{z_k}/\sum_j e^{z_j}$, which is $p_k$; the second gives 1 if $k$ is the true class $y$. For the
# mean over $n$ examples $i$:
#
# $$\frac{\partial L}{\partial z_{ik}}=\frac{1}{n}\,(p_{ik}-y_{ik})$$
#
# where $y_{ik}$ is the one-hot truth. Shares minus truth: the error of unit 01 again.

# %% [markdown]
# ### Exercise 6 · cross_entropy_gradient · 2 points · 15 min
# Use your `softmax` and `one_hot`.


# %% exercise="cross_entropy_gradient"
def cross_entropy_gradient(logits, labels):
    """The gradient of cross_entropy(logits, labels) with respect to the logits.

    logits: (batch, classes). labels: (batch,) whole numbers. Returns the shape of logits.

    cross_entropy_gradient([[2.0, 1.0, 0.0]], [0]) -> [[-0.335, 0.245, 0.090]]
    """
    ### BEGIN SOLUTION
    return (softmax(logits) - one_hot(labels, logits.shape[1])) / len(labels)
    ### END SOLUTION


# %% check="cross_entropy_gradient"
check.cross_entropy_gradient(cross_entropy_gradient)

# %% [markdown]
# Trust, and measure: nudge one logit to both sides, as in unit 03.

# %% tags=["demo", "nbval-check-output"]
rng = np.random.default_rng(0)
scores, labels = rng.normal(size=(3, 4)), np.array([2, 0, 3])
nudged = np.zeros_like(scores)
nudged[1, 2] = 1e-5
rise = cross_entropy(scores + nudged, labels) - cross_entropy(scores - nudged, labels)
print(f"measured {rise / 2e-5:.6f}")
print(f"yours    {cross_entropy_gradient(scores, labels)[1, 2]:.6f}")

# %% [markdown]
# ## A layer
#
# A **linear layer** weighs and adds: each of its outputs is a weighted sum of all its inputs, plus
# a bias. For a whole batch that is one line. Read the shapes aloud:
#
# $$\underset{(\text{batch},\,\text{outputs})}{Z}=
# \underset{(\text{batch},\,\text{inputs})}{X}\;
# \underset{(\text{inputs},\,\text{outputs})}{W}+\underset{(\text{outputs},)}{b}$$
#
# On the way back a gradient $G$ arrives, as large as $Z$. You know both parts from unit 03: a
# matrix product, and a bias that was used once for each example.

# %% [markdown]
# ### Exercise 7 · linear_forward · 3 points · 20 min
# No divisions here: the $1/n$ came in with $G$, from the loss. Let the shapes guide you; each
# gradient is as large as what it belongs to.


# %% exercise="linear_forward"
def linear_forward(x, W, b):
    """The outputs of a linear layer.

    x: (batch, inputs). W: (inputs, outputs). b: (outputs,). Returns (batch, outputs).

    linear_forward([[1, 2]], [[1, 0, 2], [0, 1, 1]], [0.5, 0, -1]) -> [[1.5, 2, 3]]
    """
    ### BEGIN SOLUTION
    return x @ W + b
    ### END SOLUTION


def linear_backward(grad, x, W):
    """The three gradients of a linear layer, when grad is the gradient of its outputs.

    grad: (batch, outputs). x: (batch, inputs). W: (inputs, outputs).
    Returns (grad_x, grad_W, grad_b), with the shapes of x, W and b.

    linear_backward([[10]], [[1, 2]], [[3], [4]]) -> [[30, 40]], [[10], [20]], [10]
    """
    ### BEGIN SOLUTION
    return grad @ W.T, x.T @ grad, grad.sum(axis=0)
    ### END SOLUTION


# %% check="linear_forward"
check.linear_forward(linear_forward, linear_backward)

# %% [markdown]
# ## Where to start
#
# All weights zero would make all neurons of a layer equal, for ever. So they start at random. How
# large? Here are ten layers of 256 neurons. **Predict, then run:** the inputs have spread 1; what
# spread comes out at the end when the weights have spread 0.01, or 1?

# %% tags=["demo", "nbval-check-output"]
inputs = 256
for name, spread in (("0.01", 0.01), ("1", 1.0), ("sqrt(2 / inputs)", np.sqrt(2 / inputs))):
    rng = np.random.default_rng(0)
    h = rng.normal(size=(500, inputs))
    for _ in range(10):
        h = relu(linear_forward(h, spread * rng.normal(size=(inputs, inputs)), np.zeros(inputs)))
    print(f"weights of spread {name:<17} after ten layers: {h.std():.2g}")

# %% [markdown]
# Too small, and the signal dies out; too large, and it explodes; the gradients do the same on their
# way back. Kaiming He's rule keeps both in bounds: spread $\sqrt{2/\text{inputs}}$. A sum of
# many inputs spreads further, so each weight must be smaller; the 2 makes up for the half of the
# neurons that relu silences.
#
# ## The network
#
# Linear, relu, linear, relu, …, linear. No relu at the end: scores may be negative.
#
# ### Exercise 8 · MLP · 4 points · 30 min
# A class with four methods, checked one by one, so write and check one at a time. It calls your
# `relu`, `relu_backward`, `linear_forward` and `linear_backward`.


# %% exercise="MLP"
class MLP:
    """A multilayer perceptron: linear layers with relu between them, none after the last.

    self.weights: a list of arrays (inputs, outputs), first layer first.
    self.biases: a list of arrays (outputs,). Everything else that you keep is up to you.
    """

    def __init__(self, sizes, rng):
        """Make the weights and biases.

        sizes: the widths, such as [784, 128, 10]: 784 inputs, 128 hidden neurons, 10 outputs.
        rng: a NumPy generator. Weights are drawn from it, normally distributed with mean 0 and
        standard deviation sqrt(2 / inputs); biases are 0.

        MLP([2, 3, 1], rng) has weights of shapes (2, 3) and (3, 1), biases of (3,) and (1,).
        """
        ### BEGIN SOLUTION
        self.weights, self.biases = [], []
        for layer in range(len(sizes) - 1):
            shape = (sizes[layer], sizes[layer + 1])
            self.weights.append(rng.normal(size=shape) * np.sqrt(2 / sizes[layer]))
            self.biases.append(np.zeros(sizes[layer + 1]))
        ### END SOLUTION

    def forward(self, x):
        """The logits for a batch. Keeps what backward will need.

        x: (batch, sizes[0]). Returns (batch, sizes[-1]).
        """
        ### BEGIN SOLUTION
        self.inputs, self.sums = [], []
        for layer in range(len(self.weights)):
            self.inputs.append(x)
            self.sums.append(linear_forward(x, self.weights[layer], self.biases[layer]))
            x = relu(self.sums[layer])
        return self.sums[-1]
        ### END SOLUTION

    def backward(self, grad):
        """The gradients for the batch that forward saw last.

        grad: the gradient of the logits, (batch, sizes[-1]).
        Returns (grad_weights, grad_biases): two lists with the shapes of weights and biases.
        """
        ### BEGIN SOLUTION
        grad_weights, grad_biases = [], []
        for layer in reversed(range(len(self.weights))):
            grad, grad_W, grad_b = linear_backward(grad, self.inputs[layer], self.weights[layer])
            grad_weights.insert(0, grad_W)
            grad_biases.insert(0, grad_b)
            if layer > 0:
                grad = relu_backward(grad, self.sums[layer - 1])
        return grad_weights, grad_biases
        ### END SOLUTION

    def step(self, grad_weights, grad_biases, learning_rate):
        """One step of gradient descent: move every weight and bias against its gradient.

        grad_weights, grad_biases: what backward returned. learning_rate: a number.
        """
        ### BEGIN SOLUTION
        for layer in range(len(self.weights)):
            self.weights[layer] = self.weights[layer] - learning_rate * grad_weights[layer]
            self.biases[layer] = self.biases[layer] - learning_rate * grad_biases[layer]
        ### END SOLUTION


# %% check="MLP"
check.MLP(MLP)

# %% [markdown]
# ## What hidden neurons draw
#
# Before the digits, a problem you can see. A disc lies inside a ring. Here your `MLP` is trained
# with 1 to 16 hidden neurons. The grey lines are where a hidden neuron's sum is zero, its bend.
# **Predict, then choose:** how many does it take to close the border around the disc?

# %% tags=["demo"]
widgets.regions(MLP, cross_entropy, cross_entropy_gradient)

# %% [markdown]
# The border bends wherever it crosses a grey line. With one or two hidden neurons it stays open,
# three can close it, more make it rounder. No line is ever the answer by itself.
#
# ## Reading digits
#
# Minibatches of 128: forward, gradient of the loss, backward, step. That is all there is to
# training a network, here and everywhere. The learning rate falls from epoch to epoch, to a tenth:
# long steps first, short ones at the end, as in unit 03.


# %% tags=["demo"]
def train(model, x, labels, learning_rate, epochs, rng, batch_size=128):
    """Train the model in place and show how it goes; returns the mean loss of each epoch."""
    losses, live = [], LiveCurves(epochs=epochs, examples=len(x))
    for epoch in range(1, epochs + 1):
        order, total = rng.permutation(len(x)), 0.0
        rate = learning_rate * (1 - 0.9 * (epoch - 1) / epochs)
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            logits = model.forward(x[rows])
            total += cross_entropy(logits, labels[rows]) * len(rows)
            gradient = cross_entropy_gradient(logits, labels[rows])
            model.step(*model.backward(gradient), rate)
        losses.append(total / len(x))
        live({"train_loss": losses})
    return losses


def share_right(model, x, labels):
    """The share of examples whose largest logit is that of the true class."""
    return np.mean(model.forward(x).argmax(axis=1) == labels)


# %% [markdown]
# 784 inputs, 128 hidden neurons, 10 outputs: 101,770 weights and biases. **Predict:** what is the
# loss before training, when all ten digits get about the same share?

# %% tags=["demo"]
rng = np.random.default_rng(0)
model = MLP([784, 128, 10], rng)
print(f"before training: loss {cross_entropy(model.forward(x_train), y_train):.2f}, ", end="")
print(f"ln 10 is {np.log(10):.2f}")
losses = train(model, x_train, y_train, learning_rate=0.5, epochs=8 if FULL else 20, rng=rng)

# %% tags=["demo"]
accuracy = share_right(model, x_test, y_test)
target = 0.975 if FULL else 0.95
print(f"training digits: {share_right(model, x_train, y_train):.3f} right")
print(f"one digit for all: test accuracy {np.mean(y_test == np.bincount(y_train).argmax()):.3f}")
print(f"Milestone: test accuracy {accuracy:.3f} from {len(x_train):,} digits (target {target})")

# %% [markdown]
# With `FULL = True`, the same cells learn from 60,000 digits in 8 epochs. Measured that way: test
# accuracy 0.979 on the 10,000 test digits, after 10 s of processor time.
#
# Look at single answers. Orange is the truth. Where the network is wrong, is it at least in doubt?

# %% tags=["demo"]
widgets.shares(model.forward, softmax, x_test[:200], y_test[:200])

# %% [markdown]
# And all at once: test digits that it misread, the reading first. Which could you read?

# %% tags=["demo"]
readings = model.forward(x_test).argmax(axis=1)
missed = np.flatnonzero(readings != y_test)[:16]
titles = [f"{readings[n]}, is {y_test[n]}" for n in missed]
fig = widgets.pictures(x_test[missed].reshape(-1, 28, 28), titles)
plot.show(fig, alt=f"Sixteen misread digits. The readings: {'; '.join(titles)}.")

# %% [markdown]
# ## Break it
#
# Start all weights at zero and change nothing else. **Predict, then run:** what will the loss be
# after three epochs, and how many different hidden neurons will there be?

# %% tags=["demo"]
zero = MLP([784, 128, 10], np.random.default_rng(0))
zero.weights = [np.zeros_like(W) for W in zero.weights]
train(zero, x_train, y_train, learning_rate=0.5, epochs=3, rng=np.random.default_rng(0))
different = len(np.unique(zero.weights[0], axis=1).T)
print(f"test accuracy {share_right(zero, x_test, y_test):.3f}, different neurons: {different}")

# %% [markdown]
# Nothing moves but the last bias. Every relu says 0, so nothing reaches the last weights, and their
# zeros stop the gradient on its way back.
#
# ## Debug me
#
# This run is wrong in one line. No error, and the loss falls, but so slowly that three epochs reach
# what the good run had after a small part of the first. Find the line before you open the answer.

# %% tags=["demo"]
rng = np.random.default_rng(0)
slow = MLP([784, 128, 10], rng)
for epoch in range(3):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), 128):
        rows = order[start : start + 128]
        logits = slow.forward(x_train[rows])
        gradient = cross_entropy_gradient(logits, y_train[rows]) / len(rows)
        grad_weights, grad_biases = slow.backward(gradient)
        slow.step(grad_weights, grad_biases, learning_rate=0.5)
    print(f"epoch {epoch + 1}  loss {cross_entropy(slow.forward(x_train), y_train):.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `/ len(rows)`: the gradient of a mean already holds the $1/n$, so the batch divides it twice and
# every step is 128 times too short. It looks like a learning rate that is too small, and a larger
# one would hide it, until the batch size changes. Measure your gradient, as above.
# </details>
#
# ## The same network in PyTorch
#
# Everything you wrote comes ready-made, and the next unit uses it. Is it the same? Here both get
# the same weights, the same batches and the same learning rate, in 64-bit numbers.

# %% tags=["demo", "nbval-check-output"]
if importlib.util.find_spec("torch"):
    import torch

    mine = MLP([784, 128, 10], np.random.default_rng(1))
    theirs = torch.nn.Sequential(
        torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    ).double()
    with torch.no_grad():
        for layer, W, b in zip((theirs[0], theirs[2]), mine.weights, mine.biases, strict=True):
            layer.weight.copy_(torch.tensor(W.T))  # PyTorch keeps W as (outputs, inputs)
            layer.bias.copy_(torch.tensor(b))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.2)

    largest = 0.0
    for number in range(50):
        rows = slice(32 * number, 32 * number + 32)
        logits = mine.forward(x_train[rows])
        my_loss = cross_entropy(logits, y_train[rows])
        mine.step(*mine.backward(cross_entropy_gradient(logits, y_train[rows])), 0.2)

        scores, truth = theirs(torch.tensor(x_train[rows])), torch.tensor(y_train[rows])
        their_loss = torch.nn.functional.cross_entropy(scores, truth)
        optimizer.zero_grad()
        their_loss.backward()
        optimizer.step()

        largest = max(largest, abs(my_loss - their_loss.item()))
        if number % 10 == 9:
            print(f"step {number + 1}: yours {my_loss:.6f}, PyTorch {their_loss.item():.6f}")
    print(f"50 losses agree to 1e-6: {largest < 1e-6}")
else:
    print("PyTorch is not installed here, so there is nothing to compare with.")

# %% [markdown]
# The same to the last digit shown. `backward()` there does what your `backward` does, for any
# network, without anybody writing it.
#
# ## What you learned
# - A hidden layer moves the points to where a straight line is enough.
# - relu lets gradients through unchanged, or not at all; without it, many layers are one.
# - Softmax turns scores into shares; cross-entropy is computed from the scores, not the shares.
# - Its gradient is shares minus truth, divided by the batch, once.
# - Weights start at random, with spread $\sqrt{2/\text{inputs}}$.

# %% [markdown]
# ## Common mistakes
# - **The wrong axis.** Classes stand in a row: `axis=1`, and `keepdims=True`.
# - **`log(softmax(z))`.** The share underflows to 0 and the loss is infinite.
# - **Dividing by the batch twice.** The run learns, slowly, and nobody knows why.
# - **relu on the logits.** Half of the scores can't fall below 0 any more.
# - **A bias gradient that is not summed** over the batch, or weights that were not transposed.
#
# ## Where it is used
# Such layers sit at the end of almost every image and language model, and between the attention
# layers of each. By themselves they rate, rank and forecast from tables.

# %% [markdown]
# ## Think about it
# Shuffle the 784 pixels of every digit, all in the same way, and train again. Does the accuracy
# change? What does that say about what this network knows of pictures? (Try it: one line with
# `rng.permutation(784)`. Unit 09 answers with convolution.)
#
# ## Next
# You wrote every gradient by hand once, so you never have to again. **Unit 05, How do professionals
# train?**, takes PyTorch and teaches the habits around the loop.
