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
# # 03 · Who is to blame for the error?
#
# {badges}
#
# A network gives a wrong answer, and a thousand weights had a hand in it. How much should each of
# them change? *Backpropagation* answers for all of them in one walk from the end to the beginning.
# In this unit you write the machine that takes that walk, first for single numbers, then for whole
# arrays, and train a network with it.
#
# **Time:** about 2½ hours. **You need:** units 01 and 02 (a neuron, slopes, the chain rule). No
# GPU, no network.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import copy
import itertools
import time

import matplotlib.pyplot as plt
import numpy as np

from chainrule import plot
from chainrule.backprop import check, widgets
from chainrule.data.moons import made_moons

# %% [markdown]
# This is where you will arrive: no straight line can part these two moons. A network of 33 neurons
# can, and every step of its training will run on code of yours.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## The café that lost money
#
# A café sold 5 cups of coffee at a price of 2; the beans, milk and water for one cup cost 3.
#
# $$\text{profit}=\underbrace{\text{cups}\cdot\text{price}}_{\text{income }10}
# -\underbrace{\text{cups}\cdot\text{cost}}_{\text{costs }15}=-5$$
#
# Who is to blame? Ask of each number: **if it grew by a little, how much would the profit grow?**
# That slope is its **gradient**. Price first: one coin more on each of 5 cups is 5 more. So the
# gradient of price is 5.
#
# **Predict:** what is the gradient of cost? And of cups, which is used twice? Then click the slider
# and press the right arrow key, step by step.

# %% tags=["demo"]
widgets.cafe()

# %% [markdown]
# Selling more would have made it worse: cups has $2-3=-1$. Three rules were enough:
#
# 1. The result's own gradient is 1.
# 2. A number that was computed hands its gradient on to its **parents**, the numbers it was
#    computed from, each time multiplied by the slope of that one operation. That is the chain rule.
# 3. What arrives in several ways is **added up**.
#
# And one about order: nobody hands on before everything has arrived.
#
# For this a number has to remember where it came from. That is all a `Value` is. It is given, and
# with it one operation, `sub`, as a model for yours.


# %%
class Value:
    """A number that remembers what it was computed from.

    data: the number (later in this unit, an array).
    parents: the Values it was computed from, a tuple; () for one that was given.
    local_backward: a function. It takes this Value's gradient and returns the parents' shares of
        it, a tuple in the order of `parents`.
    label: what pictures call it.
    grad: this Value's gradient, once `backward` has run; 0.0 before.
    """

    __array_ufunc__ = None  # NumPy then leaves `array * value` to the Value

    def __init__(self, data, parents=(), local_backward=None, label=""):
        self.data = data
        self.parents = parents
        self.local_backward = local_backward or (lambda grad: ())
        self.label = label
        self.grad = 0.0

    def __repr__(self):
        return f"Value({self.data}, grad={self.grad})"


def sub(a, b):
    """a - b. If a grows by a little, so does the result (slope 1); with b it falls (slope -1)."""
    return Value(a.data - b.data, (a, b), lambda grad: (grad, -grad), "−")


# %% [markdown]
# `lambda grad: (grad, -grad)` is a function without a name: it takes `grad` and returns the pair.
#
# ### Exercise 1 · add and mul · 3 points · 15 min
# In the same manner, write a sum and a product. Each slope is multiplied by the gradient that comes
# in. Use plain `+` and `*` on `data`, so that it works for arrays too.


# %% exercise="add"
def add(a, b):
    """The Value a + b.

    a, b: Values. Returns a Value with its data, the parents (a, b) and a local_backward.
    The grads of a and b are left alone: local_backward only returns their shares.

    add(Value(2.0), Value(3.0)) -> data 5.0; its local_backward(10.0) -> (10.0, 10.0)
    """
    ### BEGIN SOLUTION
    return Value(a.data + b.data, (a, b), lambda grad: (grad, grad), "+")
    ### END SOLUTION


def mul(a, b):
    """The Value a times b.

    a, b: Values. Returns a Value with its data, the parents (a, b) and a local_backward.

    mul(Value(2.0), Value(3.0)) -> data 6.0; its local_backward(10.0) -> (30.0, 20.0)
    """
    ### BEGIN SOLUTION
    return Value(a.data * b.data, (a, b), lambda grad: (grad * b.data, grad * a.data), "×")
    ### END SOLUTION


# %% check="add"
check.add(add, mul)

# %% [markdown]
# The café again, now from your own operations. It remembers how it was computed; nothing has been
# handed back yet.

# %% tags=["demo"]
cups, price, cost = Value(5.0, label="cups"), Value(2.0, label="price"), Value(3.0, label="cost")
income, costs = mul(cups, price), mul(cups, cost)
income.label, costs.label = "income", "costs"
profit = sub(income, costs)
profit.label = "profit"
widgets.show_graph(profit)

# %% [markdown]
# ## Curves
#
# A neuron also needs a curve. Unit 01 used the sigmoid; its sister `tanh` runs from −1 to 1. The
# slope at $x$ of
#
# - $t=\tanh x$ is $1-t^2$,
# - $e^x$ is $e^x$ again,
# - $\ln x$ is $1/x$.
#
# The first two are written with the *result*, so nothing need be computed twice.
#
# ### Exercise 2 · tanh, exp and log · 3 points · 15 min
# One parent each, so `local_backward` returns a tuple of one: `(share,)`, with a comma. Use
# `np.tanh`, `np.exp` and `np.log`.


# %% exercise="tanh"
def tanh(a):
    """The hyperbolic tangent of a Value: a Value with the parent (a,).

    tanh(Value(0.0)) -> data 0.0; its local_backward(2.0) -> (2.0,)
    """
    ### BEGIN SOLUTION
    value = np.tanh(a.data)
    return Value(value, (a,), lambda grad: (grad * (1 - value**2),), "tanh")
    ### END SOLUTION


def exp(a):
    """e to the power of a Value: a Value with the parent (a,).

    exp(Value(1.0)) -> data 2.718; its local_backward(2.0) -> (5.437,)
    """
    ### BEGIN SOLUTION
    value = np.exp(a.data)
    return Value(value, (a,), lambda grad: (grad * value,), "exp")
    ### END SOLUTION


def log(a):
    """The natural logarithm of a Value above 0: a Value with the parent (a,).

    log(Value(4.0)) -> data 1.386; its local_backward(2.0) -> (0.5,)
    """
    ### BEGIN SOLUTION
    return Value(np.log(a.data), (a,), lambda grad: (grad / a.data,), "log")
    ### END SOLUTION


# %% check="tanh"
check.tanh(tanh, exp, log)

# %% [markdown]
# Three more are given. `relu` keeps what is above 0 and makes the rest 0: its slope is 1 or 0. And
# `power` is your old friend $x^n$ with slope $n x^{n-1}$. The last lines let you write formulas:
# Python turns `a + b` into `a.__add__(b)`.


# %%
def neg(a):
    """-a"""
    return Value(-a.data, (a,), lambda grad: (-grad,), "neg")


def relu(a):
    """a where it is above 0, otherwise 0."""
    return Value(np.maximum(a.data, 0.0), (a,), lambda grad: (grad * (a.data > 0),), "relu")


def power(a, n):
    """a to the power of a plain number n."""
    slope = n * a.data ** (n - 1)
    return Value(a.data**n, (a,), lambda grad: (grad * slope,), f"^{n}")


def as_value(x):
    """A plain number or array in a formula becomes a Value without parents."""
    return x if isinstance(x, Value) else Value(x, label="array" if np.ndim(x) else f"{x:g}")


Value.__add__ = lambda a, b: add(a, as_value(b))
Value.__radd__ = lambda a, b: add(as_value(b), a)
Value.__sub__ = lambda a, b: sub(a, as_value(b))
Value.__rsub__ = lambda a, b: sub(as_value(b), a)
Value.__mul__ = lambda a, b: mul(a, as_value(b))
Value.__rmul__ = lambda a, b: mul(as_value(b), a)
Value.__neg__ = neg
Value.__pow__ = power

# %% [markdown]
# A neuron with one input, and how wrong it is: the target is 1, the loss is the squared error.

# %% tags=["demo"]
x, w, b = Value(1.5, label="x"), Value(0.8, label="w"), Value(-0.4, label="b")
loss = (tanh(w * x + b) - 1.0) ** 2
widgets.show_graph(loss)

# %% [markdown]
# ## In which order?
#
# Nobody hands on before everything has arrived. In the café, cups must wait for income *and* costs.
# An order in which each Value stands after all its parents is called **topological**; read from its
# end, it is the order for handing back. Cups, price, income, cost, costs, profit is one. There are
# others.
#
# **Predict:** where does "first myself, then my parents" (*preorder*) go wrong?
#
# ### Exercise 3 · topological_order · 3 points · 20 min
# Each Value of the graph once, parents first. A set can remember which Values you have met:
# `seen = set()`, `node in seen`.


# %% exercise="topological_order"
def topological_order(root):
    """All Values that root was computed from, and root, each after all of its parents.

    root: a Value. Returns a list of Values; each is in it once, and root is the last. Values that
    hold equal numbers are still different Values.

    with c = mul(a, b): topological_order(c) -> [a, b, c]   (or [b, a, c])
    """
    ### BEGIN SOLUTION
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order
    ### END SOLUTION


# %% check="topological_order"
check.topological_order(topological_order)

# %% tags=["demo"]
print("your order:", ", ".join(node.label for node in topological_order(profit)))

# %% [markdown]
# ## Backpropagation
#
# Now put it together: the result's gradient is 1; then, from the end of the order to its beginning,
# each Value hands its shares on.
#
# ### Exercise 4 · backward · 3 points · 20 min
# Use your `topological_order`. `backward` does not care which operations there are: it only asks
# each Value's `local_backward`. **Predict:** what would `parent.grad = ...` do to cups, where `+=`
# belongs?


# %% exercise="backward"
def backward(root):
    """Fill in grad for every Value that root was computed from.

    root: a Value that holds one number. Its own grad becomes 1.0. Every other Value receives the
    sum of the shares that its users hand it, added to the grad it has (0.0 at first). Calls each
    local_backward once. Returns nothing.

    with c = mul(Value(2.0), Value(3.0)): backward(c) leaves the grads 3.0, 2.0 and, in c, 1.0
    """
    ### BEGIN SOLUTION
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for parent, grad in zip(node.parents, node.local_backward(node.grad), strict=True):
            parent.grad += grad
    ### END SOLUTION


# %% check="backward"
check.backward(backward)

# %% [markdown]
# The blame in the café, from your own machine: compare it with the one you stepped through.

# %% tags=["demo", "nbval-check-output"]
for node in (cups, price, cost, income, costs, profit):
    node.grad = 0.0  # so that this cell may be run twice
backward(profit)
for node in (cups, price, cost):
    print(f"{node.label:<6} {node.data:4.0f}  gradient {node.grad:4.0f}")

# %% [markdown]
# And the neuron. The slider starts where the way back begins; the left arrow key shows how the
# numbers came about. Watch the gradient shrink at tanh. **Predict:** with $w = 8$ the neuron is
# surer of itself. Change it four cells above, run again: what is left of the gradient?

# %% tags=["demo"]
widgets.step_through_backward(loss, topological_order, backward)

# %% [markdown]
# ## Trust, but measure
#
# A wrong slope raises no error; the network only learns badly. So gradients are checked against the
# definition: move one input a little to both sides and see how far the result moves (unit 02's
# *central difference*).
#
# $$\frac{\partial f}{\partial x_i}\approx\frac{f(x_i+h)-f(x_i-h)}{2h}$$
#
# Here $h$ is the step, and the other inputs stay.
#
# ### Exercise 5 · gradient_check · 2 points · 20 min
# Return both gradients, yours and the measured one. Then whoever reads them can compare.


# %% exercise="gradient_check"
def gradient_check(function, inputs, step=1e-4):
    """The gradient of a function of Values, found by backward and measured.

    function: takes as many Values as there are inputs and returns one Value.
    inputs: a list of numbers. step: how far each of them is moved, to both sides.
    Returns (by backward, measured): two lists with one number for each input.

    gradient_check(mul, [2.0, 3.0]) -> ([3.0, 2.0], [3.0, 2.0])
    """
    ### BEGIN SOLUTION
    values = [Value(x) for x in inputs]
    backward(function(*values))
    measured = []
    for place in range(len(inputs)):
        up, down = list(inputs), list(inputs)
        up[place] += step
        down[place] -= step
        rise = function(*map(Value, up)).data - function(*map(Value, down)).data
        measured.append(rise / (2 * step))
    return [value.grad for value in values], measured
    ### END SOLUTION


# %% check="gradient_check"
check.gradient_check(gradient_check)

# %% [markdown]
# A formula with everything in it, the same formula in PyTorch, and a `square` that a tired
# colleague wrote. Which of its numbers is wrong, the value or the slope?


# %% tags=["demo", "nbval-check-output"]
def everything(a, b):
    return tanh(a * b - 1.0) + log(exp(a) + b**2) * a - relu(-b)


yours, measured = gradient_check(everything, [0.7, -1.3])
print("yours    ", np.round(yours, 6))
print("measured ", np.round(measured, 6))

if importlib.util.find_spec("torch"):
    import torch

    a, b = (torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in (0.7, -1.3))
    result = torch.tanh(a * b - 1) + torch.log(torch.exp(a) + b**2) * a - torch.relu(-b)
    result.backward()
    print("PyTorch  ", np.round([a.grad.item(), b.grad.item()], 6))
else:
    print("PyTorch is not installed here, so there is nothing to compare with.")


def tired_square(a):
    return Value(a.data**2, (a,), lambda grad: (grad * a.data,), "square")


print("tired:   ", *gradient_check(tired_square, [3.0]))

# %% [markdown]
# The value is right, the slope is half of what was measured: the 2 of $2x$ is missing.
#
# **Predict, then run:** is a smaller step always better?

# %% tags=["demo"]
steps = 10.0 ** -np.arange(1, 14)
errors = []
for step in steps:
    yours, measured = gradient_check(everything, [0.7, -1.3], step)
    errors.append(np.abs(np.subtract(yours, measured)).max())
fig, ax = plt.subplots(figsize=(6, 3))
ax.loglog(steps, errors, "o-", color=plot.BLUE)
ax.set(title="Measured slopes", xlabel="step h", ylabel="distance from yours")
ax.invert_xaxis()
best = steps[np.argmin(errors)]
plot.show(
    fig,
    alt="The distance between measured and computed gradients falls a hundredfold with each "
    f"tenfold smaller step, until about {best:.0e}, and then rises again.",
)

# %% [markdown]
# Down to about $10^{-5}$ the error falls with $h^2$. Below it, two numbers that agree in nearly all
# their 16 digits are subtracted, and the digits that are left are noise. Your `backward` has no
# such trouble; that, and that it needs one walk where measuring needs two for every weight, is why
# it trains networks.
#
# ## From numbers to arrays
#
# A network on 200 points has a hundred thousand numbers in its graph, and Python is slow. NumPy
# handles whole arrays at once. Nothing in `Value`, `topological_order` or `backward` says that
# `data` is a single number. Only three things are new.

# %% [markdown]
# **First: broadcasting.** A bias of shape `(3,)` is added to a table of shape `(4, 3)`: NumPy uses
# it once for each row. **Predict:** which shape has the gradient that comes back to the bias, and
# which shape should it have?

# %% tags=["demo", "nbval-check-output"]
table, bias = Value(np.ones((4, 3))), Value(np.array([1.0, 2.0, 3.0]))
total_of_both = add(table, bias)
for_table, for_bias = total_of_both.local_backward(np.ones((4, 3)))
print("bias has shape   ", bias.data.shape)
print("its share so far ", for_bias.shape)

# %% [markdown]
# Each number of the bias was used four times, and what arrives in several ways is added up. NumPy
# copies in two ways: it **adds axes in front** until both shapes are equally long, and it
# **stretches axes of length 1**. Both are undone by a sum.
#
# ### Exercise 6 · unbroadcast · 2 points · 20 min
# Sum over the copies until the shape is the one you are given. `grad.sum(axis=1, keepdims=True)`
# leaves the summed axis in place with length 1.


# %% exercise="unbroadcast"
def unbroadcast(grad, shape):
    """Sum a gradient over all copies that broadcasting made of an array of `shape`.

    grad: an array whose shape is what `shape` was broadcast to. shape: a tuple.
    Returns an array of that shape.

    unbroadcast([[1., 2., 3.], [4., 5., 6.]], (3,)) -> [5., 7., 9.]
    and to (2, 1) -> [[6.], [15.]]
    """
    ### BEGIN SOLUTION
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return grad.sum(axis=stretched, keepdims=True)
    ### END SOLUTION


# %% check="unbroadcast"
check.unbroadcast(unbroadcast)

# %% [markdown]
# **Second: sums.** The loss of a batch is a mean, and a mean is a sum divided by a number. In a sum
# every number has the slope 1, so each receives the gradient of the one sum it was in. A sum makes
# an array smaller; its way back makes the gradient larger again.
#
# ### Exercise 7 · sum_backward · 2 points · 15 min
# `np.expand_dims(grad, axis)` puts an axis of length 1 where one is missing;
# `np.broadcast_to(grad, shape)` stretches.


# %% exercise="sum_backward"
def sum_backward(grad, shape, axis=None, keepdims=False):
    """The gradient of x, when grad is the gradient of x.sum(axis=axis, keepdims=keepdims).

    grad: an array of the sum's shape. shape: the shape of x, a tuple. axis: one axis, which may
    be counted from the end, or None for the sum of everything.
    Returns an array of `shape`.

    sum_backward([10., 20.], (2, 3), axis=1) -> [[10., 10., 10.], [20., 20., 20.]]
    """
    ### BEGIN SOLUTION
    if axis is not None and not keepdims:
        grad = np.expand_dims(grad, axis)
    return np.broadcast_to(grad, shape)
    ### END SOLUTION


# %% check="sum_backward"
check.sum_backward(sum_backward)

# %% [markdown]
# **Third: matrix products.** Let $C=AB$, with $C_{ij}=\sum_k A_{ik}B_{kj}$, and let $G$ be the
# gradient of $C$, as large as $C$. The number $A_{ik}$ meets $B_{kj}$ on its way into $C_{ij}$, for
# every column $j$. So its gradient is $\sum_j G_{ij}B_{kj}$, and that is again a matrix product,
# with $B$ turned over.
#
# ### Exercise 8 · matmul_backward · 2 points · 20 min
# Do the same for $B_{kj}$ on paper. Then write both. Shapes tell most of it: only one product of
# $G$ and a transposed `b.T` has the shape of $A$.


# %% exercise="matmul_backward"
def matmul_backward(grad, a, b):
    """The gradients of a and b, when grad is the gradient of a @ b.

    grad: (n, m). a: (n, k). b: (k, m). All are arrays. Returns (gradient of a, gradient of b).

    matmul_backward([[10.]], [[1., 2.]], [[3.], [4.]]) -> [[30., 40.]] and [[10.], [20.]]
    """
    ### BEGIN SOLUTION
    return grad @ b.T, a.T @ grad
    ### END SOLUTION


# %% check="matmul_backward"
check.matmul_backward(matmul_backward)

# %% [markdown]
# Your three functions join your engine. `broadcasting` wraps one of your operations: the shares it
# hands back are brought to their parents' shapes. Everything else is as it was.


# %%
def broadcasting(operation):
    """The same operation for arrays whose shapes broadcast, and for plain numbers."""

    def on_arrays(a, b):
        out = operation(as_value(a), as_value(b))
        shares, shapes = out.local_backward, [np.shape(parent.data) for parent in out.parents]

        def local_backward(grad):
            pairs = zip(shares(grad), shapes, strict=True)
            return tuple(unbroadcast(np.asarray(share), shape) for share, shape in pairs)

        out.local_backward = local_backward
        return out

    return on_arrays


def matmul(a, b):
    """The matrix product a @ b."""
    return Value(a.data @ b.data, (a, b), lambda grad: matmul_backward(grad, a.data, b.data), "@")


def total(a, axis=None, keepdims=False):
    """The sum of a's numbers, of all or along one axis."""

    def local_backward(grad):
        return (sum_backward(np.asarray(grad), a.data.shape, axis, keepdims),)

    return Value(a.data.sum(axis=axis, keepdims=keepdims), (a,), local_backward, "sum")


def mean(a):
    """The mean of all of a's numbers."""
    return total(a) * (1 / a.data.size)


Value.__add__ = Value.__radd__ = broadcasting(add)
Value.__mul__ = Value.__rmul__ = broadcasting(mul)
Value.__sub__ = broadcasting(sub)
Value.__rsub__ = lambda a, b: as_value(b) - a
Value.__matmul__ = matmul

# %% [markdown]
# ## A network
#
# Two **hidden layers** of 16 neurons each, and one neuron at the end. A layer is a whole row of
# neurons at once: a matrix of weights `W` of shape `(inputs, outputs)`, a bias for each neuron, and
# tanh. What comes out at the end is a **score**: above 0 means lower moon.


# %% tags=["demo"]
def new_network(seed, sizes=(2, 16, 16, 1)):
    """A list of layers (W, b): weights drawn at random, biases 0."""
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        weights = rng.normal(0, 1 / np.sqrt(inputs), size=(inputs, outputs))
        layers.append((Value(weights, label="W"), Value(np.zeros(outputs), label="b")))
    return layers


def scores(layers, x, curve=tanh):
    """(n, 2) points -> a Value of shape (n, 1)."""
    h = as_value(x)
    for W, b in layers[:-1]:
        h = curve(h @ W + b)
    W, b = layers[-1]
    return h @ W + b


moons = made_moons(rows=200, noise=0.1, seed=0)
points = (moons.x - moons.x.mean(axis=0)) / moons.x.std(axis=0)  # scaled, as unit 00 taught
signs = np.where(moons.y == 1, 1.0, -1.0).reshape(-1, 1)  # (200, 1): lower moon 1, upper moon -1

# %% [markdown]
# Which loss? The sign of the score decides, so let a point be content when its score has the right
# sign and is at least 1 away from 0. Otherwise it pays what is missing. This is the **hinge loss**:
#
# $$L=\frac{1}{n}\sum_{i=1}^{n}\max(0,\;1-y_i s_i)$$
#
# with the score $s_i$ and the truth $y_i$, which is $1$ or $-1$. Here is the graph of one loss, now
# with arrays in its boxes: their shapes are shown. It has 18 nodes. With single numbers it would
# have about 200,000.


# %% tags=["demo"]
def hinge(s, signs):
    return mean(relu(1.0 - signs * s))


loss = hinge(scores(new_network(0), points), signs)
widgets.show_graph(loss)
print(f"{len(topological_order(loss))} nodes")
