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
# **Time:** about 3 hours; the change from numbers to arrays is a good place for a pause. **You
# need:** units 01 and 02 (a neuron, slopes, the chain rule). No GPU, no network.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
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
    local_backward: a function. It takes this Value's gradient and returns what each parent
        receives from it, a tuple in the order of `parents`.
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
# In the same manner, write a sum and a product. Each parent receives the gradient that comes in
# times the slope in its direction. Use plain `+` and `*` on `data`: they work for arrays too. The
# label, such as `"+"`, is what pictures will call the result.


# %% exercise="add"
def add(a, b):
    """The Value a + b.

    a, b: Values. Returns a Value with its data, the parents (a, b), a local_backward and a label.
    The grads of a and b are left alone: local_backward only returns what they receive.

    add(Value(2.0), Value(3.0)) -> data 5.0; its local_backward(10.0) -> (10.0, 10.0)
    """
    ### BEGIN SOLUTION
    return Value(a.data + b.data, (a, b), lambda grad: (grad, grad), "+")
    ### END SOLUTION


def mul(a, b):
    """The Value a times b.

    a, b: Values. Returns a Value with its data, the parents (a, b), a local_backward and a label.

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
widgets.show_graph(profit, "The café, before the way back")

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
# One parent each, so `local_backward` returns a tuple of one: `(number,)`, with a comma. Use
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
# From left to right it reads like the formula.

# %% tags=["demo"]
x, w, b = Value(1.5, label="x"), Value(0.8, label="w"), Value(-0.4, label="b")
loss = (tanh(w * x + b) - 1.0) ** 2
widgets.show_graph(loss, "A neuron and its loss")

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
# Each Value of the graph once, parents first. A function defined inside yours can call itself for
# each parent, and a set can remember which Values you have met: `seen = set()`, `node in seen`.


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
# And preorder? For `x * tanh(x)` it is: product, x, tanh. Even turned round, tanh stands before x,
# from which it was made.
#
# ## Backpropagation
#
# Now put it together: the result's gradient is 1; then, from the end of the order to its beginning,
# each Value hands gradients on to its parents.
#
# ### Exercise 4 · backward · 3 points · 20 min
# Use your `topological_order`. `backward` does not care which operations there are: it only asks
# each Value's `local_backward`. **Predict:** what would `parent.grad = ...` do to cups, where `+=`
# belongs?


# %% exercise="backward"
def backward(root):
    """Fill in grad for every Value that root was computed from.

    root: a Value that holds one number. Its own grad becomes 1.0. Every other Value receives the
    sum of what its users hand it, added to the grad it has (0.0 at first). Calls each
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
# numbers came about. Watch the gradient shrink at tanh. **Predict:** with `w = -8` the neuron is
# sure and wrong, the loss is 4. How large is the gradient of `w` then? Change it and run again.

# %% tags=["demo"]
x, w, b = Value(1.5, label="x"), Value(0.8, label="w"), Value(-0.4, label="b")
loss = (tanh(w * x + b) - 1.0) ** 2
widgets.step_through_backward(loss, topological_order, backward)

# %% [markdown]
# Nearly 0. Where tanh is flat, next to nothing passes: a neuron that is very sure hardly learns,
# however wrong it is. Units 10 and 13 return to that.
#
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


print("tired    ", *np.round(gradient_check(tired_square, [3.0]), 6))

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
# Down to about $10^{-5}$ the error falls with $h^2$. Below, two numbers that agree in nearly all
# their 16 digits are subtracted, and noise is left. `backward` has no such trouble, and it needs
# one walk where measuring needs two for every weight.
#
# ## From numbers to arrays
#
# Our network will make 130,000 numbers from 200 points, and Python is slow. NumPy handles whole
# arrays at once. Nothing in `Value` or `backward` says that `data` is a single number. Three things
# are new.
#
# **First: broadcasting.** A bias of shape `(3,)` is added to a table of shape `(4, 3)`: NumPy uses
# it once for each row. **Predict:** which shape comes back to the bias, and which should?

# %% tags=["demo", "nbval-check-output"]
table, bias = Value(np.ones((4, 3))), Value(np.array([1.0, 2.0, 3.0]))
total_of_both = add(table, bias)
for_table, for_bias = total_of_both.local_backward(np.ones((4, 3)))
print("bias has shape   ", bias.data.shape)
print("it would receive ", for_bias.shape)

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
# Your three functions join your engine. `broadcasting` wraps one of your operations: what it hands
# back is brought to the parents' shapes. Everything else is as it was.


# %%
def broadcasting(operation):
    """The same operation for arrays whose shapes broadcast, and for plain numbers."""

    def on_arrays(a, b):
        out = operation(as_value(a), as_value(b))
        hand_back, shapes = out.local_backward, [np.shape(parent.data) for parent in out.parents]

        def local_backward(grad):
            pairs = zip(hand_back(grad), shapes, strict=True)
            return tuple(unbroadcast(np.asarray(g), shape) for g, shape in pairs)

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
    for number, (inputs, outputs) in enumerate(itertools.pairwise(sizes), start=1):
        weights = rng.normal(0, 1 / np.sqrt(inputs), size=(inputs, outputs))
        W, b = Value(weights, label=f"W{number}"), Value(np.zeros(outputs), label=f"b{number}")
        layers.append((W, b))
    return layers


def scores(layers, x, curve=tanh):
    """(n, 2) points -> a Value of shape (n, 1)."""
    h = Value(x, label="points")
    for W, b in layers[:-1]:
        h = curve(h @ W + b)
    W, b = layers[-1]
    return h @ W + b


moons = made_moons(rows=200, noise=0.1, seed=0)
center, spread = moons.x.mean(axis=0), moons.x.std(axis=0)
points = (moons.x - center) / spread  # (200, 2), scaled as unit 00 taught
signs = np.where(moons.y == 1, 1.0, -1.0).reshape(-1, 1)  # (200, 1): lower moon 1, upper moon -1

# %% [markdown]
# Which loss? The sign of the score decides, so let a point be content when its score has the right
# sign and is at least 1 away from 0. Otherwise it pays what is missing. This is the **hinge loss**:
#
# $$L=\frac{1}{n}\sum_{i=1}^{n}\max(0,\;1-y_i s_i)$$
#
# with the score $s_i$ and the truth $y_i$, which is $1$ or $-1$. Below is the first hidden layer as
# your engine sees it. For an array, its box shows the shape.


# %% tags=["demo"]
def hinge(s, signs):
    return mean(relu(1.0 - signs * s))


(W1, b1), *_ = new_network(0)
widgets.show_graph(tanh(Value(points, label="points") @ W1 + b1), "The first hidden layer")

# %% [markdown]
# Was it worth the trouble? The loss of the first 20 points, once from arrays and once number by
# number, through the same `backward`. **Predict:** how many times faster are arrays?


# %% tags=["demo"]
def number_by_number(layers, x, signs):
    """The same loss from Values that hold one number each; also the weights of the first layer."""
    single = [
        ([[Value(w) for w in row] for row in W.data], [Value(c) for c in b.data]) for W, b in layers
    ]
    loss = Value(0.0)
    for point, sign in zip(x, signs[:, 0], strict=True):
        h = [Value(number) for number in point]
        for place, (W, b) in enumerate(single):
            sums = list(b)
            for i, j in itertools.product(range(len(h)), range(len(b))):
                sums[j] = add(sums[j], mul(h[i], W[i][j]))
            h = sums if place == len(single) - 1 else [tanh(z) for z in sums]
        loss = add(loss, relu(sub(Value(1.0), mul(Value(sign), h[0]))))
    return mul(loss, Value(1 / len(x))), single[0][0]


few, their_signs, network = points[:20], signs[:20], new_network(0)
started = time.perf_counter()
slow_loss, slow_weights = number_by_number(network, few, their_signs)
backward(slow_loss)
slow = time.perf_counter() - started
started = time.perf_counter()
fast_loss = hinge(scores(network, few), their_signs)
backward(fast_loss)
fast = time.perf_counter() - started

one_by_one = np.array([[w.grad for w in row] for row in slow_weights])
print(f"nodes: {len(topological_order(slow_loss)):,} and {len(topological_order(fast_loss))}")
print(f"the same gradients: {np.allclose(one_by_one, network[0][0].grad)}")
print(f"{slow * 1000:.0f} ms and {fast * 1000:.1f} ms: {slow / fast:.0f} times faster on the CPU")

# %% [markdown]
# ## Training
#
# Gradient descent, as in unit 02, on all 200 points at once. Each step builds a new graph; only the
# weights live on. The learning rate falls from 1 to 0.1, long steps first, short ones at the end.
# Note the line that sets the gradients back to 0: `backward` adds to what is there.


# %% tags=["demo"]
def train(layers, loss=hinge, curve=tanh, steps=100):
    """Full-batch gradient descent on the moons. Each list holds steps + 1 entries, from before the
    first step to after the last: losses, points on the wrong side, and copies of the weights."""
    parameters = [parameter for layer in layers for parameter in layer]
    losses, wrong, snapshots = [], [], []
    for step in range(steps + 1):
        s = scores(layers, points, curve)
        result = loss(s, signs)
        losses.append(float(result.data))
        wrong.append(int(np.sum((s.data > 0) != (signs > 0))))
        snapshots.append([parameter.data for parameter in parameters])
        for parameter in parameters:
            parameter.grad = 0.0
        backward(result)
        learning_rate = 1.0 - 0.9 * step / steps
        for parameter in parameters:
            parameter.data = parameter.data - learning_rate * parameter.grad
    return losses, wrong, snapshots


losses, wrong, snapshots = train(new_network(0))
for step in (0, 10, 20, 50, 100):
    print(f"after {step:>3} steps: loss {losses[step]:.3f}, {wrong[step]:>2} points wrong")

# %% [markdown]
# Watch the border bend. **Predict:** where will the last wrong points be?


# %% tags=["demo"]
def score_of(snapshot, x):
    """The scores of raw points (n, 2) with the weights of one snapshot."""
    layers = [(Value(W), Value(b)) for W, b in zip(snapshot[::2], snapshot[1::2], strict=True)]
    return scores(layers, (x - center) / spread).data[:, 0]


widgets.border_over_time(score_of, snapshots, moons.x, moons.y)

# %% [markdown]
# One run may be luck. Ten networks with different random weights, and 1,000 new points from the
# same two moons that none of them has seen:

# %% tags=["demo"]
started = time.perf_counter()
runs = [train(new_network(seed)) for seed in range(10)]
seconds = time.perf_counter() - started
reached = {seed: wrong.index(0) for seed, (_, wrong, _) in enumerate(runs) if 0 in wrong}
new = made_moons(rows=1000, noise=0.1, seed=1)
on_new = [np.mean((score_of(snapshots[-1], new.x) > 0) == new.y) for _, _, snapshots in runs]
print(f"ten trainings in {seconds:.1f} s on the CPU")
print(f"new points: {min(on_new):.3f} to {max(on_new):.3f} right")
print(
    f"Milestone: 200 of 200 points right on {len(reached)} of 10 seeds, the last after "
    f"{max(reached.values())} steps (target: 10 of 10 within 100)"
)

# %% tags=["demo"]
seeds, first = list(reached), list(reached.values())
settled = [max(step for step, count in enumerate(runs[seed][1]) if count) + 1 for seed in seeds]
fig, ax = plt.subplots(figsize=(6.5, 3.2))
ax.hlines(seeds, first, settled, color=plot.GREY, linewidth=1)
ax.plot(first, seeds, "o", color=plot.BLUE, label="all right for the first time")
ax.plot(settled, seeds, "s", color=plot.ORANGE, label="all right from here on")
ax.set(title="Ten networks, each from its own start", xlabel="steps", ylabel="seed", xlim=(0, 100))
ax.set_yticks(range(10))
ax.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
plot.show(
    fig,
    alt="For each of ten seeds two marks on a line of 100 steps: all points are right for the "
    f"first time after {min(first)} to {max(first)} steps, and from step {min(settled)} to "
    f"{max(settled)} on they stay right.",
)

# %% [markdown]
# ## The same as PyTorch?
#
# PyTorch's `loss.backward()` is this engine with more operations, written in C++. Given the same
# weights, it should find the same gradients, all 337 of them.

# %% tags=["demo", "nbval-check-output"]
network = new_network(0)
backward(hinge(scores(network, points), signs))
mine = [parameter.grad for layer in network for parameter in layer]

if importlib.util.find_spec("torch"):
    import torch

    theirs = [
        torch.tensor(parameter.data, requires_grad=True) for layer in network for parameter in layer
    ]
    W1, b1, W2, b2, W3, b3 = theirs
    s = torch.tanh(torch.tanh(torch.tensor(points) @ W1 + b1) @ W2 + b2) @ W3 + b3
    torch.relu(1 - torch.tensor(signs) * s).mean().backward()
    apart = max(np.abs(a - b.grad.numpy()).max() for a, b in zip(mine, theirs, strict=True))
    print(f"{sum(a.size for a in mine)} gradients; they agree to 1e-12: {apart <= 1e-12}")
else:
    print("PyTorch is not installed here, so there is nothing to compare with.")

# %% [markdown]
# ## Break it
#
# Take the tanh out and change nothing else: three matrix products in a row, the same 337 numbers.
# **Predict, then run:** how many of the 200 points will be right?

# %% tags=["demo"]
losses, wrong, snapshots = train(new_network(0), curve=lambda z: z)
print(f"{200 - wrong[-1]} of 200 right, loss {losses[-1]:.3f}")


def straight(x):
    W1, b1, W2, b2, W3, b3 = snapshots[-1]
    return ((((x - center) / spread @ W1 + b1) @ W2 + b2) @ W3 + b3)[:, 0]


plot.show(
    widgets.border_figure(straight, moons.x, moons.y, "Three layers without tanh"),
    alt="The two moons with a straight black border; the inner tips of both moons lie on its "
    "wrong sides.",
)

# %% [markdown]
# A straight line: products of matrices are one matrix. The curve between the layers is what lets
# the border bend, and unit 04 asks how much.
#
# Now put tanh back and change the loss. The **logistic loss** $\ln(1+e^{-y s})$ is unit 01's
# cross-entropy, written for $y=\pm1$. It never lets a point rest.


# %% tags=["demo"]
def logistic(s, signs):
    return mean(log(1.0 + exp(-(signs * s))))


left = [train(new_network(seed), loss=logistic)[1][-1] for seed in range(10)]
print("points still wrong after 100 steps, for each seed:", left)

# %% [markdown]
# The same network, and only two of ten get there in 100 steps. In the hinge loss, points that are
# content fall silent, and the few that are wrong have the word. In the logistic loss the many that
# are right keep pulling too. It is a matter of patience and no verdict: with `steps=200` all ten
# arrive.
#
# ## Debug me
#
# In this cell one line stands in the wrong place. There is no error, but points stay wrong, and the
# loss goes up and down. Find the line before you open the answer.

# %% tags=["demo"]
network = new_network(0)
parameters = [parameter for layer in network for parameter in layer]
losses = []
for parameter in parameters:
    parameter.grad = 0.0
for step in range(101):
    s = scores(network, points)
    result = hinge(s, signs)
    losses.append(float(result.data))
    backward(result)
    for parameter in parameters:
        parameter.data = parameter.data - (1.0 - 0.9 * step / 100) * parameter.grad
print("loss:", ", ".join(f"{loss:.2f}" for loss in losses[::10]))
print(f"{int(np.sum((s.data > 0) != (signs > 0)))} points wrong")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The gradients are set to 0 once, before the loop, and belong inside it. `backward` adds to what is
# there, so each step follows the sum of all gradients since the beginning: it rolls on long after
# the slope has turned. PyTorch adds as well, and there the forgotten line is called
# `optimizer.zero_grad()`.
# </details>
#
# ## What you learned
# - A gradient says how much the result grows when a number grows by a little.
# - Each operation needs to know only its own slopes: local, small, easy to test.
# - Backpropagation hands gradients back in reverse topological order and adds what meets.
# - A copy on the way forward (broadcasting) is a sum on the way back, and a sum is a copy.
# - One walk back gives all gradients; measuring needs two walks forward for each.

# %% [markdown]
# ## Common mistakes
# - **`=` for `+=`.** Right until a number is used twice, and a bias is used for every point.
# - **The outer gradient forgotten.** A slope alone is right only at the end of the graph.
# - **The wrong order.** Handing on before everything arrived loses a part, or counts one twice.
# - **Untransposed products.** Square matrices hide it: test with odd shapes.
# - **Gradients not reset** between two steps.
#
# ## Where it is used
# In every library that trains networks: `loss.backward()` in PyTorch, `jax.grad`, TensorFlow's
# `GradientTape`. The same walk back fits weather models to measurements and tunes the shape of
# wings. Its names are *reverse-mode automatic differentiation* and, for networks,
# *backpropagation*.

# %% [markdown]
# ## Think about it
# One could also walk forward: carry along, with every number, how it changes when one input is
# nudged. That gives the gradient for one input and all results in one walk; yours gives it for one
# result and all inputs. A network has a million weights and one loss. How many walks does each
# way need? And what does walking back cost that walking forward doesn't? (Think of what every
# `Value` has to remember.)
#
# ## Next
# You used hidden layers here without asking what they do. **Unit 04, What do hidden layers add?**,
# builds them layer by layer and reads handwritten digits.
