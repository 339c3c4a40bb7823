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
# # 02 · How does a slope find the valley?
#
# {badges}
#
# In unit 01 a rule fell from the sky and the neuron learned. Where do such rules come from? From
# one idea, which trains every network in this course: measure how wrong you are, feel which way is
# down, take a step. You build it from six short functions and price houses in California with it,
# within 1% of the best that any straight-line rule can do.
#
# **Time:** about 2 hours. **You need:** unit 01. Derivatives are explained from the beginning. No
# GPU, no network.

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
from chainrule.gradient_descent import check, widgets

# %% [markdown]
# This is where you will arrive: a map of a valley in which height means *how wrong*. Nobody who
# walks there sees the map. Each red dot knows only the slope under its feet.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## What is a room worth?
#
# Five flats in your street were sold, for these prices in units of 100,000:
#
# | rooms $x$ | 1 | 2 | 3 | 4 | 5 |
# |---|---|---|---|---|---|
# | price $y$ | 1.5 | 2 | 3.5 | 3.5 | 5.5 |
#
# A simple rule: price is $w$ times rooms. With $w = 1$ the guesses are 1, 2, 3, 4, 5, so the errors
# (guess minus price) are −0.5, 0, −0.5, 0.5, −0.5. How bad is that, in one number? We square each
# error, so that too high and too low both count, and take the mean: the **mean squared error**.
#
# $$L = \frac{1}{n}\sum_{i=1}^{n}(p_i-y_i)^2$$
#
# $p_i$ is the prediction for flat $i$, $y_i$ its price, $n$ the number of flats.

# %% [markdown]
# ### Exercise 1 · mse · 2 points · 5 min
# Work out $L$ for the five flats in your head first. It should be 0.2.


# %% exercise="mse"
def mse(predictions, targets):
    """The mean squared error.

    predictions, targets: arrays of shape (n,). Returns one number, zero or more.

    mse([1.0, 3.0], [2.0, 5.0]) -> 2.5   (the mean of 1 and 4)
    """
    ### BEGIN SOLUTION
    return np.mean((predictions - targets) ** 2)
    ### END SOLUTION


# %% check="mse"
check.mse(mse)

# %% [markdown]
# ## Every weight has its loss
#
# Another $w$, another loss. Try all of them and you have a curve. **Predict, then run:** what shape
# has it, and roughly where is its lowest point?

# %% tags=["demo"]
rooms = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
prices = np.array([1.5, 2.0, 3.5, 3.5, 5.5])


def loss_of_flats(w):
    return mse(w * rooms, prices)


all_weights = np.linspace(-0.5, 2.7, 129)
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(all_weights, [loss_of_flats(w) for w in all_weights], color=plot.BLUE)
ax.plot([0, 1, 2], [loss_of_flats(w) for w in (0, 1, 2)], "o", color=plot.RED)
ax.set(title="The loss of every weight: a valley", xlabel="weight w", ylabel="loss")
plot.show(
    fig,
    alt="A curve like a bowl: the loss is 12.2 at w = 0, falls to its lowest point near w = 1 and "
    "is 10.2 at w = 2.",
)

# %% [markdown]
# A valley with its floor near $w = 1$. Here we could try every weight. With a million weights that
# is hopeless: we stand in thick fog on a hillside, and want to go down.
#
# Fog does not hide the **slope** under your feet: how much the ground rises a little further on.
# Slope is rise over run. For a small step $h$ to one side, and then from both sides:
#
# $$\frac{L(w+h)-L(w)}{h} \qquad\qquad \frac{L(w+h)-L(w-h)}{2h}$$
#
# The sliders move $w$ and $h$. **Predict, then move:** which line is right even when $h$ is large?
# What does the other one do as $h$ shrinks? Where is the slope 0?

# %% tags=["demo"]
widgets.slope(loss_of_flats)

# %% [markdown]
# As $h$ shrinks, both lines settle on the one that just touches the curve. Its slope is the
# **derivative** of $L$ at $w$. From both sides you get there sooner: those are *central
# differences*.
#
# ## Many knobs: the gradient
#
# With many parameters there is a slope along each, measured while the others stand still. It is
# written $\partial L/\partial w_j$, "the slope of $L$ along $w_j$". All of them together, in the
# shape of the parameters, are the **gradient**.
#
# ### Exercise 2 · numerical_gradient · 4 points · 25 min
# Write central differences for *any* function of *any* array. `np.ndindex(shape)` visits every
# place of an array, and `array[place]` is the number there.


# %% exercise="numerical_gradient"
def numerical_gradient(function, parameters, step=1e-5):
    """The slope of a function along each of its parameters, by central differences.

    function: takes an array of the shape of `parameters`, returns one number.
    parameters: array of floats of any shape; it is the same afterwards as before.
    step: how far to go to either side of the place, h in the formula.
    Returns an array of the shape of `parameters`. Each number in it is
    (function one step above - function one step below) / (2 * step), where one parameter has
    moved and all others have stayed.

    numerical_gradient(lambda p: np.sum(p**2), [1.0, 3.0], 0.1) -> [2.0, 6.0]
    """
    ### BEGIN SOLUTION
    gradient = np.zeros(parameters.shape)
    for place in np.ndindex(parameters.shape):
        moved = parameters.copy()
        moved[place] = parameters[place] + step
        above = function(moved)
        moved[place] = parameters[place] - step
        below = function(moved)
        gradient[place] = (above - below) / (2 * step)
    return gradient
    ### END SOLUTION


# %% check="numerical_gradient"
check.numerical_gradient(numerical_gradient)

# %% [markdown]
# The smaller the step, the better the slope. **Predict, then run:** is that always so? The function
# is $e^w$ at $w = 1$, where the slope is $e = 2.718…$ exactly. The picture shows by how much your
# `numerical_gradient` misses it, for steps from 0.1 down to $10^{-13}$.

# %% tags=["demo"]
step_sizes = 10.0 ** -np.arange(1, 14)
misses = [
    abs(numerical_gradient(lambda w: np.exp(w[0]), np.ones(1), h)[0] - np.e) for h in step_sizes
]
fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(step_sizes, misses, "o-", color=plot.BLUE)
ax.set(title="How far the measured slope is off", xlabel="step h", ylabel="error")
ax.set(xscale="log", yscale="log")
ax.invert_xaxis()
plot.show(
    fig,
    alt="The error falls steeply from 0.005 at a step of 0.1 to below 1e-10 near a step of 1e-5, "
    "then rises again to about 1e-3 at a step of 1e-13.",
)

# %% [markdown]
# Down to $10^{-5}$ it gets better. Then the two values agree in so many digits that their
# difference is mostly rounding.
#
# Your function works for everything, but slowly: two losses for each parameter, two million for one
# step of a network with a million weights. For speed we need formulas. It stays the honest judge of
# every formula from here on.
#
# ## Four rules for slopes
#
# | function | slope | because |
# |---|---|---|
# | a constant | 0 | it never rises |
# | $a\,w$ | $a$ | one to the right, $a$ up |
# | $w^2$ | $2w$ | $\frac{(w+h)^2-(w-h)^2}{2h}=\frac{4wh}{2h}$ |
# | a sum or a mean | the sum or mean of the slopes | rises add up |
#
# Let the judge speak:

# %% tags=["demo", "nbval-check-output"]
for w in (-1.0, 0.5, 3.0):
    measured = numerical_gradient(lambda v: np.sum(v**2 + 7 * v + 5), np.array([w]))[0]
    print(f"w² + 7w + 5 at w = {w:4g}: measured {measured:7.3f}, by the rules {2 * w + 7:7.3f}")

# %% [markdown]
# ## The slope of the loss
#
# One flat with $x$ rooms and price $y$ costs $(wx-y)^2 = x^2w^2 - 2xy\,w + y^2$. By the rules its
# slope is $2x^2w-2xy = 2\,(wx-y)\,x$: **two times error times input.** A mean of losses has the
# mean of the slopes. With several inputs each weight meets its own; $x_{ij}$ is input $j$ of
# example $i$:
#
# $$\frac{\partial L}{\partial w_j}=\frac{2}{n}\sum_{i=1}^{n}(p_i-y_i)\,x_{ij}$$
#
# A bias needs nothing new: it is a weight whose input is always 1, a column of ones in the table.

# %% [markdown]
# ### Exercise 3 · mse_gradient · 4 points · 20 min
# The sum can be one `@`. `x` is `(batch, features)`. Turned on its side, `x.T` is
# `(features, batch)`: its row $j$ holds input $j$ of all examples, ready to meet the errors,
# `(batch,)`.


# %% exercise="mse_gradient"
def mse_gradient(x, targets, weights):
    """The gradient of mse(x @ weights, targets) with respect to the weights.

    x: (batch, features). targets: (batch,). weights: (features,).
    Returns an array of shape (features,): one slope for each weight.

    mse_gradient([[1.0, 2.0]], [3.0], [1.0, 0.0]) -> [-4.0, -8.0]   (prediction 1, error -2)
    """
    ### BEGIN SOLUTION
    errors = x @ weights - targets
    return 2 * x.T @ errors / len(x)
    ### END SOLUTION


# %% check="mse_gradient"
check.mse_gradient(mse_gradient)

# %% [markdown]
# A law holds for every right gradient: it equals the measured one. Your two functions, on a table
# of 50 made-up examples with 4 inputs:

# %% tags=["demo", "nbval-check-output"]
rng = np.random.default_rng(0)
x, y, w = rng.normal(size=(50, 4)), rng.normal(size=50), rng.normal(size=4)
by_formula = mse_gradient(x, y, w)
measured = numerical_gradient(lambda v: mse(x @ v, y), w)
print("by formula", np.round(by_formula, 4))
print("measured  ", np.round(measured, 4))
print("they agree to 8 digits:", np.allclose(by_formula, measured, rtol=1e-8))

# %% [markdown]
# ## Walking down
#
# The gradient $g$ points to where the loss grows. So go the other way, and the further the steeper
# it is:
#
# $$w \leftarrow w - \eta\, g(w)$$
#
# $\eta$ is the **learning rate**. That is all of **gradient descent**: feel the slope, step, feel
# again.
#
# ### Exercise 4 · gradient_descent · 3 points · 20 min
# Write it for any gradient function and note where you have been. Beware of `position -= ...`: it
# changes the array itself, also where that array is known by another name.


# %% exercise="gradient_descent"
def gradient_descent(gradient, start, learning_rate, steps):
    """Walk downhill and return the whole path.

    gradient: a function from a place to the gradient there, an array of the same shape.
    start: array of any shape; it is the same afterwards as before.
    learning_rate: a number. steps: how many steps, a whole number.
    Returns an array of shape (steps + 1, *start.shape): the start, then the place after each step.

    gradient_descent(lambda p: 2 * p, [4.0], 0.25, 2) -> [[4.0], [2.0], [1.0]]
    """
    ### BEGIN SOLUTION
    position = start
    path = [position]
    for _step in range(steps):
        position = position - learning_rate * gradient(position)
        path.append(position)
    return np.array(path)
    ### END SOLUTION


# %% check="gradient_descent"
check.gradient_descent(gradient_descent)

# %% [markdown]
# Back to the five flats. At $w = 0$ the slope of the loss is −23. **Predict, then run:** which way
# will you walk, and are the steps of equal length?

# %% tags=["demo", "nbval-check-output"]
flats = rooms.reshape(-1, 1)  # (5, 1): five examples with one feature
path = gradient_descent(
    lambda w: mse_gradient(flats, prices, w), start=np.zeros(1), learning_rate=0.02, steps=8
)
for number, place in enumerate(path):
    print(f"step {number}: w = {place[0]:.4f}, loss {mse(flats @ place, prices):.4f}")

# %% [markdown]
# To the right, with steps that shrink by themselves as the ground levels out. A room is worth about
# 104,000.
#
# ## The surface
#
# Now two weights, and real houses: 16,512 neighbourhoods of California in 1990. A price of 1 is
# 100,000 dollars. Can you tell what a house costs from *where* it is? We scale latitude (north) and
# longitude (east) as in unit 00, and predict by how much a price lies above or below the mean.
#
# **Predict:** the ocean is in the south-west, and houses near it are dear. Which signs should the
# two weights have?

# %% tags=["demo", "nbval-check-output"]
houses = data.california_houses()
mean, spread = houses.x_train.mean(axis=0), houses.x_train.std(axis=0)
scaled = (houses.x_train - mean) / spread
where = scaled[:, [houses.feature_names.index(name) for name in widgets.PLACE]]
above_mean = houses.y_train - houses.y_train.mean()
first_guess = np.array([0.4, -1.0])  # a poor one, to have some way to go
print("neighbourhoods, inputs:", where.shape)
print("loss of the first guess:", round(mse(where @ first_guess, above_mean), 3))
print("gradient there:", np.round(mse_gradient(where, above_mean, first_guess), 3))

# %% [markdown]
# The map shows the loss of every pair of weights. You start on the square; the star is the floor.
# Steer with the learning rate, and find four ways to walk:
#
# - it **crawls** and does not arrive in 60 steps;
# - it **converges**, in as few steps as you can;
# - it **zigzags** from side to side and still arrives;
# - it **diverges**: every step ends higher up. At which rate does that begin?

# %% tags=["demo"]
widgets.surface(mse, mse_gradient, gradient_descent, where, above_mean, first_guess)

# %% [markdown]
# Both weights end negative: prices fall to the north and to the east. But California lies aslant:
# further north is further west, so the two inputs say nearly the same, and the loss is a narrow
# valley. Across it the ground is steep and forbids large steps; along it, nearly level, it asks for
# them. One rate must serve both. Its limit here is 0.52, two divided by the strongest
# **curvature**: how fast the slope itself changes.
#
# ## What does a house cost?
#
# All eight inputs now, and a column of ones. For a straight-line rule there is an exact answer,
# *least squares*, in NumPy `np.linalg.lstsq`. Networks have no such formula, but here it tells how
# near your walk comes.


# %% tags=["demo", "nbval-check-output"]
def with_ones(x):
    """The inputs scaled with the training part's mean and spread, and a column of ones."""
    return np.column_stack([(x - mean) / spread, np.ones(len(x))])


x_train, y_train = with_ones(houses.x_train), houses.y_train
x_test, y_test = with_ones(houses.x_test), houses.y_test
exact = np.linalg.lstsq(x_train, y_train, rcond=None)[0]
print(f"always the mean price: test loss {mse(np.full(len(y_test), y_train.mean()), y_test):.3f}")
print(f"least squares:         test loss {mse(x_test @ exact, y_test):.3f}")

# %% [markdown]
# Your functions do the walking. **Predict:** which of these four rates crawls, which diverges?


# %% tags=["demo"]
def downhill(weights):
    return mse_gradient(x_train, y_train, weights)


started = time.perf_counter()
paths = {
    rate: gradient_descent(downhill, np.zeros(9), rate, steps=100)
    for rate in (0.01, 0.1, 0.4, 0.52)
}
print(f"400 steps in {time.perf_counter() - started:.2f} s on the CPU")

fig, ax = plt.subplots(figsize=(7, 3.4))
looks = [(":", plot.ORANGE), ("--", plot.SKY), ("-", plot.BLUE), ("-.", plot.RED)]
for rate, (style, colour) in zip(paths, looks, strict=True):
    losses = [mse(x_train @ weights, y_train) for weights in paths[rate]]
    ax.plot(losses, style, color=colour, label=f"rate {rate:g}")
floor = mse(x_train @ exact, y_train)
ax.axhline(floor, color=plot.BLACK, linewidth=1, label="least squares")
ax.set(title="House prices: the loss while learning", xlabel="step", ylabel="loss", yscale="log")
ax.set_ylim(0.4, 100)
ax.legend(ncols=2)
plot.show(
    fig,
    alt="Rate 0.01 falls slowly and is still far above least squares after 100 steps; 0.1 comes "
    "close; 0.4 reaches it within about 30 steps; 0.52 first falls, then climbs out of sight.",
)

# %% tags=["demo", "nbval-check-output"]
weights = paths[0.4][-1]
for name, weight, best in zip([*houses.feature_names, "ones"], weights, exact, strict=True):
    print(f"{name:<10} {weight:6.2f}   least squares {best:6.2f}")
ours, theirs = mse(x_test @ weights, y_test), mse(x_test @ exact, y_test)
print(f"Milestone: test loss {ours:.4f}, least squares {theirs:.4f} (target: within 1%)")

# %% [markdown]
# The typical error is $\sqrt{0.497} = 0.70$, or 70,000 dollars: no straight line does much better.
# And 0.52, the limit for two weights, diverges for nine: with more inputs the strongest curvature
# grows, and the limit falls, here to 0.49.
#
# ## Smaller bites
#
# Every step read all 16,512 neighbourhoods. A few dozen would have shown the way nearly as well. So
# deal the table into **mini-batches**, like a deck of cards: shuffle, then hand out `batch_size`
# rows at a time, one step for each hand. A pass over all rows is an **epoch**; the next one
# shuffles anew. This is *stochastic* gradient descent, SGD.

# %% [markdown]
# ### Exercise 5 · minibatches · 3 points · 20 min
# Deal one epoch. Each row comes once and keeps its price. If the rows don't divide evenly, the last
# batch is smaller.


# %% exercise="minibatches"
def minibatches(x, targets, batch_size, rng):
    """One epoch in shuffled batches.

    x: (rows, features). targets: (rows,). batch_size: a whole number, 1 or more.
    rng: np.random.Generator, the only source of chance. x and targets stay as they are.
    Returns a list of pairs (x of the batch, targets of the batch), shapes (batch_size, features)
    and (batch_size,). The last pair has what is left.

    x [[10], [20], [30]], targets [1, 2, 3], batch_size 2 might give
    [([[30], [10]], [3, 1]), ([[20]], [2])]
    """
    ### BEGIN SOLUTION
    order = rng.permutation(len(x))
    batches = []
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        batches.append((x[rows], targets[rows]))
    return batches
    ### END SOLUTION


# %% check="minibatches"
check.minibatches(minibatches)

# %% [markdown]
# A fair race: both walkers may read the table ten times. One takes ten careful steps, the other a
# small step after every 64 rows, 2,580 in all. **Predict:** who is nearer to the floor after one
# pass, after ten? Whose curve is smoother?


# %% tags=["demo"]
def stochastic_descent(x, targets, learning_rate, batch_size, epochs, seed=0):
    """The weights after each mini-batch step, the start first."""
    rng = np.random.default_rng(seed)
    weights = np.zeros(x.shape[1])
    places = [weights]
    for _ in range(epochs):
        for x_batch, y_batch in minibatches(x, targets, batch_size, rng):
            weights = weights - learning_rate * mse_gradient(x_batch, y_batch, weights)
            places.append(weights)
    return places


def excess(places):
    """How far each loss lies above least squares, in percent."""
    return [100 * (mse(x_train @ place, y_train) / floor - 1) for place in places]


in_bites = excess(stochastic_descent(x_train, y_train, 0.01, batch_size=64, epochs=10)[::6])
at_once = excess(paths[0.4][:11])
fig, ax = plt.subplots(figsize=(7, 3.4))
ax.plot(range(11), at_once, "o--", color=plot.ORANGE, label="all rows in each step, rate 0.4")
passes = np.arange(len(in_bites)) * 6 / 258  # 258 batches make a pass; every sixth is measured
ax.plot(passes, in_bites, color=plot.BLUE, linewidth=1.2, label="64 rows in each step, rate 0.01")
ax.set(title="Ten passes over the houses", xlabel="passes", ylabel="% above least squares")
ax.set(yscale="log")
ax.legend()
plot.show(
    fig,
    alt=f"All rows in each step: a smooth fall to {at_once[-1]:.0f}% above least squares after ten "
    f"passes. 64 rows in each step: below {in_bites[43]:.0f}% after one pass, then a jagged line "
    "between about 0.1% and 10%.",
)

# %% [markdown]
# Small bites get near fast, then jitter: every batch shows a slightly different valley. To settle,
# lower the rate towards the end (unit 06). The tall jags, two in each pass, are two neighbourhoods
# with 142 and 132 rooms per household: odd ones, perhaps full of empty holiday homes. The batch
# that holds one leaps.
#
# ## Break it
#
# Leave out the scaling: the same houses as they were measured, latitudes near 36 beside populations
# near 1,400. **Predict, then run:** what happens at rate 0.4? Does any rate work?

# %% tags=["demo", "nbval-check-output"]
raw = np.column_stack([houses.x_train, np.ones(len(houses.x_train))])
best = mse(raw @ np.linalg.lstsq(raw, y_train, rcond=None)[0], y_train)


def loss_on_raw(rate):
    """The loss after 200 steps on inputs that were not scaled."""
    path = gradient_descent(lambda w: mse_gradient(raw, y_train, w), np.zeros(9), rate, 200)
    return mse(raw @ path[-1], y_train)


with np.errstate(all="ignore"):  # keeps NumPy from warning about what we are here to see
    raw_losses = {rate: loss_on_raw(rate) for rate in (0.4, 1e-3, 1e-6, 1e-7, 1e-8)}
for rate, loss in raw_losses.items():
    print(f"rate {rate:<6g} loss after 200 steps {loss:.3g}")
print(f"least squares on the same numbers: {best:.3g}")

# %% [markdown]
# Along the population's weight the ground is so steep that only rates near $10^{-7}$ survive; along
# the others such a step is next to nothing. Walkers must scale first.
#
# ## The chain rule
#
# One turn of a bicycle's pedals turns the wheel 3 times; one turn of the wheel carries you 2
# metres. Together: $3 \times 2 = 6$ metres. **Rates of wheels in a row multiply.** That is the
# chain rule.
#
# Squared error is two wheels: $u = wx-y$, then $L=u^2$. As $w$ turns, $u$ moves $x$ times as fast;
# as $u$ moves, $L$ moves $2u$ times as fast, taken at $u$, its own wheel's place.
#
# $$\frac{\partial L}{\partial w}
# =\frac{\partial L}{\partial u}\cdot\frac{\partial u}{\partial w}=2u\cdot x$$
#
# **Predict, then run:** $x=3$, $y=4$, $w=2$. What is $u$, and what are the three slopes?

# %% tags=["demo", "nbval-check-output"]
u_by_w = numerical_gradient(lambda w: w[0] * 3 - 4, np.array([2.0]))[0]
loss_by_u = numerical_gradient(lambda u: u[0] ** 2, np.array([2.0 * 3 - 4]))[0]
loss_by_w = numerical_gradient(lambda w: (w[0] * 3 - 4) ** 2, np.array([2.0]))[0]
print(f"u moves {u_by_w:.2f} times as fast as w, L {loss_by_u:.2f} times as fast as u")
print(f"L moves {loss_by_w:.2f} times as fast as w; the product is {loss_by_u * u_by_w:.2f}")

# %% [markdown]
# The same $2ux$ that you found by multiplying out. Now three wheels: a neuron that answers between
# −1 and 1, judged by its squared error.
#
# $$z=w_1x_1+\dots+w_mx_m+b\qquad a=\tanh(z)\qquad L=(a-y)^2$$
#
# $\tanh$ (`np.tanh`) is an S-curve like the sigmoid, but from −1 to 1. Its slope at $z$ is
# $1-\tanh(z)^2$, that is $1-a^2$: steepest in the middle, flat at both ends.
#
# ### Exercise 6 · chain_rule · 4 points · 25 min
# By hand, on paper first: the slope of each wheel, then multiply. How fast does $z$ move as $w_j$
# turns? As $b$ turns?


# %% exercise="chain_rule"
def chain_rule(x, target, weights, bias):
    """The gradient of (tanh(weights . x + bias) - target)**2 for one example.

    x: (features,). target: a number. weights: (features,). bias: a number.
    Returns (slopes for the weights, of shape (features,); slope for the bias, one number).

    chain_rule([1.0, 2.0], 1.0, [0.0, 0.0], 0.0) -> ([-2.0, -4.0], -2.0)
    """
    ### BEGIN SOLUTION
    output = np.tanh(weights @ x + bias)
    blame = 2 * (output - target) * (1 - output**2)
    return blame * x, blame
    ### END SOLUTION


# %% check="chain_rule"
check.chain_rule(chain_rule)

# %% [markdown]
# Does the judge agree? It measures; you multiplied.

# %% tags=["demo", "nbval-check-output"]
evening, truth = np.array([1.0, 0.5, 0.2]), 1.0
w, b = np.array([0.3, -0.2, 0.5]), 0.1
measured = numerical_gradient(
    lambda v: (np.tanh(v[:3] @ evening + v[3]) - truth) ** 2, np.append(w, b)
)
by_hand = np.append(*chain_rule(evening, truth, w, b))
print("measured", np.round(measured, 5))
print("by hand ", np.round(by_hand, 5))

# %% [markdown]
# ## Where unit 01's rules came from: likelihood
#
# Why did unit 01 use cross-entropy and not the squared error? Ask how **probable** the neuron makes
# what really happened. It gives each patient's true diagnosis a share: $p$ if malignant, $1-p$ if
# benign. For all patients together, multiply: the **likelihood**. The best weights make it largest.
#
# **Predict, then run:** a neuron gives the truth 0.5 for each of 2,000 patients. What does the
# computer say the product is? And the sum of the logarithms?

# %% tags=["demo", "nbval-check-output"]
shares = np.full(2000, 0.5)
print("product of the shares:      ", np.prod(shares))
print("sum of their logarithms:    ", round(np.sum(np.log(shares)), 2))
print("minus the mean logarithm:   ", round(-np.mean(np.log(shares)), 3))

# %% [markdown]
# The product is too small for a computer; the logarithm turns it into a sum, and what makes one
# largest makes the other largest too. With a minus and a mean it is a loss: the binary
# cross-entropy, to the letter. (If prices scatter around the prediction like a bell curve, the same
# recipe gives the squared error.)
#
# Now turn its three wheels, with $\sigma$ the sigmoid. Slopes from the book: of $\ln p$ it is
# $1/p$, of $\sigma(z)$ it is $p(1-p)$.
#
# $$z = wx+b \qquad p=\sigma(z)\qquad L=-y\ln p-(1-y)\ln(1-p)$$

# %% [markdown]
# $$\frac{\partial L}{\partial p}=-\frac{y}{p}+\frac{1-y}{1-p}=\frac{p-y}{p(1-p)}\qquad
# \frac{\partial p}{\partial z}=p(1-p)\qquad\frac{\partial z}{\partial w}=x$$
#
# Multiply, and $p(1-p)$ cancels:
#
# $$\frac{\partial L}{\partial w}=(p-y)\,x$$
#
# Error times input: the **delta rule** of unit 01 is gradient descent on the cross-entropy. Last
# word to the judge.


# %% tags=["demo", "nbval-check-output"]
def cross_entropy_of(w):
    p = 1 / (1 + np.exp(-(w @ evening)))
    return -truth * np.log(p) - (1 - truth) * np.log(1 - p)


p = 1 / (1 + np.exp(-(w @ evening)))
print("measured  ", np.round(numerical_gradient(cross_entropy_of, w), 5))
print("delta rule", np.round((p - truth) * evening, 5))

# %% [markdown]
# ## Debug me
#
# Mini-batches again, the same rate and the same ten epochs as above, which came within a few
# percent of least squares. This run is far from it. No error, no warning; one line is wrong. Find
# it before you open the answer.

# %% tags=["demo", "nbval-check-output"]
rng = np.random.default_rng(0)
weights = np.zeros(9)
for _ in range(10):
    for x_batch, y_batch in minibatches(x_train, y_train, 64, rng):
        predictions = x_batch @ weights
        errors = predictions - y_batch
        slope = mse_gradient(x_batch, y_batch, weights)
        weights = weights - 0.01 * slope / len(errors)
print(f"loss {mse(x_train @ weights, y_train):.3f}, least squares {floor:.3f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `slope / len(errors)` divides by the batch once more: `mse_gradient` is a mean already. The rate
# is 64 times smaller than it looks, so the walk crawls. When a loss falls but slowly, print the
# length of a step before you blame the model.
# </details>
#
# ## What you learned
# - A loss makes a landscape over the parameters; learning is walking down it.
# - The gradient is the slope along every parameter. Central differences measure it; formulas are
#   fast.
# - The learning rate decides: crawl, converge, zigzag, diverge. Steep directions set its limit.
# - Mini-batches trade exact steps for many steps.
# - Slopes in a row multiply: the chain rule.

# %% [markdown]
# ## Common mistakes
# - **Plus for minus.** The gradient points uphill.
# - **Sum for mean, or the mean twice.** The learning rate then means something else.
# - **`weights -= ...` on an array that others hold.** Their copy changes as well.
# - **The last batch dropped**, or targets left in the old order.
# - **A wheel forgotten**, most often the innermost.
#
# ## Where it is used
# Everywhere something is learned from data by degrees: every network in this course and every large
# language model is trained by mini-batch gradient descent, with refinements from unit 06.
#
# ## Think about it
# The surface of a straight-line rule has one valley. A network's has many, and level places too.
# What does a walker in fog know about the other valleys? Would jitter from small batches help or
# harm?

# %% [markdown]
# ## Next
# For three wheels you multiplied by hand. A network has thousands, with many paths from a weight to
# the loss. **Unit 03, Who is to blame for the error?**, lets the computer turn them all.
