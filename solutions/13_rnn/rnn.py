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
# # 13 · How does a network remember?
#
# {badges}
#
# It carries a note from one letter to the next. In this unit you build a **recurrent network**: a
# cell that reads a letter and its own note and writes a new note, over and over. You will see how
# blame travels back through fifty notes, why it fades or blows up on the way, and what people do
# about it. At the end your network invents first names letter by letter, reads a play, and
# forecasts the spots on the sun.
#
# **Time:** about 3 hours. **You need:** units 03 to 05 (backprop, softmax, training with PyTorch).
# No GPU, no network: the models are small.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from chainrule import data, plot
from chainrule.rnn import check, widgets
from chainrule.train import LiveCurves

# %% [markdown]
# This is where you will arrive: names that your network makes up, before it has learned anything,
# on the way, and at the end.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## What comes next?
#
# Somebody types a name: `m`, `a`, `r`. What comes next? After `mar`, probably an `i` or a `y`. You
# knew because you remembered three letters. Had you seen only the `r`, an `o` or an `e` would have
# been as good a guess.
#
# The networks so far have no memory: a picture goes in, an answer comes out, and the next picture
# starts from nothing. They also want inputs of one size, and names are long or short.
#
# So the task of this unit is to **predict the next letter** from all letters before it. We need a
# sign for "here it begins" and for "here it ends"; a dot can be both. It is number 0, and the
# letters are 1 to 26.

# %%
LETTERS = ".abcdefghijklmnopqrstuvwxyz"
PAD = -1  # a target that is none: there is nothing to predict here

# %% tags=["demo", "nbval-check-output"]
names = data.first_names()
print(f"{len(names.train):,} names to learn from, {len(names.test)} to test")
print(*names.train[::500])

# %% [markdown]
# ## Shifted by one
#
# For the name `amy` the network reads `. a m y` and should answer `a m y .`, letter by letter: the
# **targets** are the **inputs** shifted by one. A batch is a table, so short names are filled up.
# In the inputs we fill with 0, it matters little with what. In the targets we fill with `PAD`,
# which says: don't judge what is answered here.
#
# | | inputs | targets |
# |---|---|---|
# | `bo` | `. b o` and a fill | `b o .` and a `PAD` |
# | `amy` | `. a m y` | `a m y .` |

# %% [markdown]
# ### Exercise 1 · encode_names · 2 points · 20 min
# Turn names into these two tables. `LETTERS.index("b")` is 2. Indices must be whole numbers:
# `dtype=torch.long`. **Predict first:** how many columns are needed for names of up to 5 letters?


# %% exercise="encode_names"
def encode_names(names):
    """Inputs and targets for predicting the next letter.

    names: a list of strings of letters a to z, none of them empty.
    Returns (inputs, targets), tensors of whole numbers of shape (names, longest name + 1).
    A row of inputs: 0 for the dot, the name's letters, then 0s. The same row of targets: the
    name's letters, 0 for the dot, then PAD.

    encode_names(["bo", "amy"])
    -> inputs [[0, 2, 15, 0], [0, 1, 13, 25]], targets [[2, 15, 0, -1], [1, 13, 25, 0]]
    """
    ### BEGIN SOLUTION
    columns = max(len(name) for name in names) + 1
    inputs = torch.zeros((len(names), columns), dtype=torch.long)
    targets = torch.full((len(names), columns), PAD)
    for row, name in enumerate(names):
        spelled = torch.tensor([LETTERS.index(letter) for letter in name])
        inputs[row, 1 : len(name) + 1] = spelled
        targets[row, : len(name)] = spelled
        targets[row, len(name)] = 0
    return inputs, targets
    ### END SOLUTION


# %% check="encode_names"
check.encode_names(encode_names)

# %% [markdown]
# ## The rival: a table of pairs
#
# Before any network, a rival without memory. Count how often each letter follows each other one:
# the shares are the predictions. Such a table is called a **bigram** model. Its loss is the mean of
# $-\ln p$, where $p$ is the share it gave to the letter that really came, in **nats** (units of the
# natural logarithm). Guessing among 27 would cost $\ln 27=3.30$.

# %% tags=["demo", "nbval-check-output"]
inputs, targets = encode_names(names.train)
test_inputs, test_targets = encode_names(names.test)
pairs = torch.ones(27, 27)  # one of each to begin with, so that no share is 0
judged = targets >= 0
for now, after in zip(inputs[judged].tolist(), targets[judged].tolist(), strict=True):
    pairs[now, after] += 1
shares = pairs / pairs.sum(dim=1, keepdim=True)

judged = test_targets >= 0
bigram_loss = -shares[test_inputs[judged], test_targets[judged]].log().mean().item()
for letter in "qr":
    best = shares[LETTERS.index(letter)].topk(3)
    said = [f"{LETTERS[i]} {p:.2f}" for p, i in zip(*map(torch.Tensor.tolist, best), strict=True)]
    print(f"after {letter}: {', '.join(said)}")
print(f"the bigram table's loss on the test names: {bigram_loss:.2f} nats a letter")

# %% [markdown]
# 2.36 is the number to beat.
#
# ## Letters as rows of numbers
#
# A network wants numbers, and 13 for `m` would claim that `m` is a bit more than `l`. Unit 04 used
# one-hot rows. With a matrix of weights behind them, `one_hot @ table` picks out **one row** of the
# table, and all the multiplying with zeros is wasted. So skip it and look the row up. That is an
# **embedding**: each letter owns a row of numbers, and they are learned like any weights.
#
# ### Exercise 2 · embed · 1 point · 5 min
# Tensors can be indexed by tensors of indices, as NumPy arrays can.


# %% exercise="embed"
def embed(indices, table):
    """The row of the table for each index.

    indices: whole numbers, (batch, time). table: (characters, size).
    Returns (batch, time, size).

    embed([[2, 0]], [[1., 2.], [3., 4.], [5., 6.]]) -> [[[5., 6.], [1., 2.]]]
    """
    ### BEGIN SOLUTION
    return table[indices]
    ### END SOLUTION


# %% check="embed"
check.embed(embed)

# %% [markdown]
# The same as one-hot rows times the table? And on the way back: **predict** what the gradient of a
# row is when its letter occurs twice.

# %% tags=["demo", "nbval-check-output"]
table = torch.arange(12.0).reshape(4, 3).requires_grad_()
word = torch.tensor([[2, 0, 2]])
print("the same:", torch.equal(embed(word, table), nn.functional.one_hot(word, 4).float() @ table))
embed(word, table).sum().backward()
print("gradient of the table, row by row:", table.grad[:, 0].tolist())

# %% [markdown]
# ## A cell with a note
#
# Now the memory. The network keeps a **state** $h$, a row of numbers: its note to itself. At each
# letter a **cell** reads the letter's row $x_t$ and the old note $h_{t-1}$ and writes the new one:
#
# $$h_t=\tanh(x_tW_x+h_{t-1}W_h+b)$$
#
# $W_x$ weighs the letter, $W_h$ the note, $b$ is the bias, and $t$ counts the letters. The tanh
# keeps every number of the note between −1 and 1.
#
# ### Exercise 3 · rnn_cell · 2 points · 10 min
# Write that line.


# %% exercise="rnn_cell"
def rnn_cell(x, h, W_x, W_h, b):
    """The next state.

    x: (batch, size), the letters' rows. h: (batch, hidden), the states before.
    W_x: (size, hidden). W_h: (hidden, hidden). b: (hidden,). They all stay as they are.
    Returns (batch, hidden). Gradients can flow back to all five.

    x [[1., 2.]], h [[0.5]], W_x [[0.1], [0.2]], W_h [[1.]], b [-0.5] -> [[0.462]]   (tanh 0.5)
    """
    ### BEGIN SOLUTION
    return torch.tanh(x @ W_x + h @ W_h + b)
    ### END SOLUTION


# %% check="rnn_cell"
check.rnn_cell(rnn_cell)

# %% [markdown]
# ## Unrolled
#
# The same cell, with the same weights, is used for every letter. Drawn side by side, one copy for
# each letter, it looks like a deep network, as deep as the name is long:
#
# ```text
#            .           a           m           y
#            |           |           |           |
# h_0 --> [cell] h_1 [cell] h_2 [cell] h_3 [cell] h_4
#            |           |           |           |
#            a           m           y           .
# ```
#
# ### Exercise 4 · rnn_forward · 3 points · 20 min
# A loop over time, with your `rnn_cell`. Keep every state: each will predict the letter after it.
# `torch.stack(list, dim=1)` puts a list of `(batch, hidden)` side by side.


# %% exercise="rnn_forward"
def rnn_forward(x, h, W_x, W_h, b):
    """Run the cell along a batch of sequences.

    x: (batch, time, size). h: (batch, hidden), the state before the first letter.
    W_x, W_h, b: as in rnn_cell.
    Returns (states, last): states (batch, time, hidden), after each letter; last (batch, hidden),
    the one after the last letter. Gradients can flow back through all of it.

    x [[[1.], [1.]]], h [[0.]], W_x [[0.5]], W_h [[1.]], b [0.]
    -> states [[[0.462], [0.745]]], last [[0.745]]   (tanh 0.5, then tanh(0.5 + 0.462))
    """
    ### BEGIN SOLUTION
    states = []
    for t in range(x.shape[1]):
        h = rnn_cell(x[:, t], h, W_x, W_h, b)
        states.append(h)
    return torch.stack(states, dim=1), h
    ### END SOLUTION


# %% check="rnn_forward"
check.rnn_forward(rnn_forward)

# %% [markdown]
# PyTorch's own `nn.RNN`, given the same weights, should say the same. (It keeps its matrices on
# their side, hence `.T`, and has two biases where one is enough.)

# %% tags=["demo", "nbval-check-output"]
torch.manual_seed(0)
theirs = nn.RNN(input_size=3, hidden_size=5, batch_first=True)
x, start = torch.randn(2, 7, 3), torch.randn(2, 5)
W_x, W_h = theirs.weight_ih_l0.T, theirs.weight_hh_l0.T
states, last = rnn_forward(x, start, W_x, W_h, theirs.bias_ih_l0 + theirs.bias_hh_l0)
their_states, their_last = theirs(x, start[None])
print("states as PyTorch's:", torch.allclose(states, their_states, atol=1e-6))
print("last state too:     ", torch.allclose(last, their_last[0], atol=1e-6))

# %% [markdown]
# ## Judged only where there is something to judge
#
# Every state goes through one more linear layer, to 27 logits. The loss is unit 04's cross-entropy,
# but the filled-up places must not count: the network would be praised for predicting nothing after
# the end of short names, and the loss would look better than it is.
#
# ### Exercise 5 · masked_loss · 3 points · 15 min
# A **mask** is a tensor of True and False. Indexing by it keeps the True places, and puts them in
# one row: `logits[mask]` has the shape `(how many are True, characters)`.


# %% exercise="masked_loss"
def masked_loss(logits, targets):
    """The mean cross-entropy over all real targets.

    logits: (batch, time, characters), large or small. targets: (batch, time), indices of
    characters, or PAD where there is nothing to predict. At least one of them is real, and each
    real one counts the same.
    Returns one number, a tensor from which gradients flow back.

    logits [[[0., 0.], [0., 9.]]], targets [[1, PAD]] -> 0.693   (ln 2: the second place is fill)
    """
    ### BEGIN SOLUTION
    real = targets != PAD
    return nn.functional.cross_entropy(logits[real], targets[real])
    ### END SOLUTION


# %% check="masked_loss"
check.masked_loss(masked_loss)

# %% [markdown]
# All parts are there. The class below puts your functions together: `table` for the letters, `W_x`,
# `W_h` and `b` for the cell, `W_y` and `b_y` from state to logits. As in unit 05, ask first what it
# should say untrained.


# %% tags=["demo"]
class CharRNN(nn.Module):
    """model(indices, h) -> (logits, h). indices: (batch, time); h: (batch, hidden) or None."""

    def __init__(self, characters, embedding_size=32, hidden_size=128):
        super().__init__()

        def drawn(inputs, outputs):
            return nn.Parameter(torch.randn(inputs, outputs) * 0.9 / inputs**0.5)

        self.table = nn.Parameter(torch.randn(characters, embedding_size) / 2)
        self.W_x, self.W_h = drawn(embedding_size, hidden_size), drawn(hidden_size, hidden_size)
        self.b = nn.Parameter(torch.zeros(hidden_size))
        self.W_y, self.b_y = drawn(hidden_size, characters), nn.Parameter(torch.zeros(characters))

    def forward(self, indices, h=None):
        if h is None:
            h = torch.zeros(len(indices), len(self.W_h))
        states, h = rnn_forward(embed(indices, self.table), h, self.W_x, self.W_h, self.b)
        return states @ self.W_y + self.b_y, h


torch.set_num_threads(1)  # steps this short: several cores would mostly wait for each other
torch.manual_seed(0)
model = CharRNN(characters=27)
logits, _ = model(test_inputs)
print(f"{sum(p.numel() for p in model.parameters()):,} weights")
print(f"untrained: {masked_loss(logits, test_targets).item():.2f}, guessing: {np.log(27):.2f}")

# %% [markdown]
# Now train: ten times over all names, in batches of 64, with a learning rate that rises and then
# falls. Copies of the model are kept on the way; you will let them speak later. **Predict:** will
# it beat 2.36, and after how many of the ten rounds?


# %% tags=["demo"]
def train_names(model, inputs, targets, epochs):
    """Returns the test loss after each epoch, and copies of the model after some of its steps."""
    levels = {"bigram table": bigram_loss}
    live = LiveCurves(epochs=epochs, examples=len(inputs), levels=levels)
    adam = torch.optim.Adam(model.parameters())
    steps = epochs * -(-len(inputs) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=8e-3, total_steps=steps)
    shuffler = torch.Generator().manual_seed(0)
    losses, copies, step = [], {0: copy.deepcopy(model)}, 0
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs), generator=shuffler).split(64):
            logits, _ = model(inputs[rows])
            cost = masked_loss(logits, targets[rows])
            adam.zero_grad()
            cost.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # explained below
            adam.step()
            schedule.step()
            step += 1
            if step in (10, 50, 150) or step == steps:
                copies[step] = copy.deepcopy(model)
        with torch.no_grad():
            logits, _ = model(test_inputs)
            losses.append(masked_loss(logits, test_targets).item())
        live({"test_loss": losses})
    return losses, copies


losses, copies = train_names(model, inputs, targets, epochs=10)
print("test loss, epoch by epoch:", *[f"{loss:.2f}" for loss in losses])
print(
    f"Milestone: {losses[-1]:.2f} nats a letter on names it never saw "
    f"(target 2.05; the bigram table {bigram_loss:.2f})"
)

# %% [markdown]
# What is half a nat worth? $e^{-2.36}=0.09$ and $e^{-1.91}=0.15$: to the letter that really came,
# the table gave 9 in 100, the network 15 (as a geometric mean). Memory helps.
#
# ## How far back does blame reach?
#
# The last letter of a name is predicted badly. Was it the first letter's fault? The gradient has to
# travel back through every note. By the chain rule, each step back multiplies it by the slope of
# tanh, which is at most 1, and by $W_h$. Fifty steps multiply fifty times: $0.9^{50}=0.005$, and
# $1.1^{50}=117$. It **vanishes** or it **explodes**; to stay as it is would be an accident.

# %% [markdown]
# ### Exercise 6 · gradient_norms · 3 points · 25 min
# Measure it. Run your `rnn_cell` along the sequence and keep the states in a list. (`rnn_forward`
# won't do: in its stacked table stand copies, and the gradient does not run through them.) Then
# ask for the gradient of the **sum of the last state** with respect to each state.
# `torch.autograd.grad(number, list_of_tensors)` gives all of them at once. Nothing is recorded
# unless something wants gradients: let it be a copy of `h`, by `.detach().clone()` and
# `.requires_grad_()`.


# %% exercise="gradient_norms"
def gradient_norms(x, h, W_x, W_h, b):
    """How much of the last state's gradient arrives at each state.

    x: (batch, time, size). h: (batch, hidden). W_x, W_h, b: as in rnn_cell. None of them wants
    gradients, and they stay as they are.
    Returns a tensor (time,): number t is the norm (the root of the sum of squares, over the batch
    and the hidden numbers) of the gradient of last.sum() with respect to the state after letter t.
    The last number is that of last.sum() with respect to last itself.

    Three steps, x all 0, h [[0.]], W_h [[0.5]], b [0.] -> [0.25, 0.5, 1.]
    """
    ### BEGIN SOLUTION
    h = h.detach().clone().requires_grad_()
    states = []
    for t in range(x.shape[1]):
        h = rnn_cell(x[:, t], h, W_x, W_h, b)
        states.append(h)
    gradients = torch.autograd.grad(h.sum(), states)
    return torch.stack([gradient.norm() for gradient in gradients])
    ### END SOLUTION


# %% check="gradient_norms"
check.gradient_norms(gradient_norms)

# %% [markdown]
# Turn the size of $W_h$ up and down. **Predict:** where is the border between vanishing and
# exploding, for quiet inputs? And what do loud inputs change? (Where tanh is flat, its slope is
# near 0.)

# %% tags=["demo"]
widgets.vanishing(gradient_norms)

# %% [markdown]
# And in the network that you trained? Here is the play of the next section, through the eyes of the
# name reader (letters only): what arrives after so many steps back.

# %% tags=["demo"]
play = data.shakespeare()
play = play[play.index("ROMEO AND JULIET") : play.index("JULIUS CAESAR")]
spelled = [LETTERS.index(c) for c in play.lower() if c in LETTERS[1:]]
stretch = torch.tensor(spelled[: 100 * 41]).reshape(100, 41)
back = [0, 1, 2, 5, 10, 20, 40]
print("steps back", *[f"{n:>7}" for n in back])
for name, net in (("untrained", copies[0]), ("trained", model)):
    with torch.no_grad():
        rows, begin = embed(stretch, net.table), torch.zeros(100, 128)
        cell = [part.clone() for part in (net.W_x, net.W_h, net.b)]
    norms = gradient_norms(rows, begin, *cell)
    print(f"{name:<10}", *[f"{(norms[-1 - n] / norms[-1]).item():7.4f}" for n in back])

# %% [markdown]
# Ten steps back, the untrained network passes on a twentieth, the trained one a quarter: learning
# found weights that keep some notes alive. Forty steps back a fiftieth is left. A letter that far
# back has little say in what is learned, and that is the weakness of this cell.

# %% [markdown]
# ## Reading a play
#
# *Romeo and Juliet* has 141,701 characters. Unrolled whole, that would be a network 141,701 layers
# deep, with every state kept for the way back. And for what, when hardly anything arrives?
#
# So the text is read in **windows** of, say, 50 characters. Going forward, the state is handed on
# from window to window: the memory is not cut. Going back, the gradient stops at the window's
# beginning: the note is read as if it were given, by `h.detach()`. This is **truncated
# backpropagation through time**.
#
# A gradient that explodes is cut down to a fixed length before the step: if the norm of all
# gradients together is above `clip`, each is multiplied with `clip / norm`.
# `nn.utils.clip_grad_norm_(parameters, largest)` does it (unit 06 builds it).

# %% [markdown]
# ### Exercise 7 · truncated_bptt · 4 points · 30 min
# One pass over the text, one step of the optimizer for each window, with your `masked_loss`. The
# last window may be shorter. `None` as state means: begin with zeros.


# %% exercise="truncated_bptt"
def truncated_bptt(model, optimizer, inputs, targets, window, clip):
    """Train on long sequences, window by window; the state is carried on, gradients are not.

    model: model(indices, h) -> (logits, h); h is None before the first window.
    optimizer: holds the model's parameters. inputs, targets: (batch, length), character indices.
    window: how many characters are read before each step; the last window may have fewer.
    clip: the largest norm that the gradients of a step may have, all together.
    Returns a list with the loss of each window, Python numbers, each from before its step.

    A text of 120 characters in windows of 50 -> three losses, of 50, 50 and 20 characters
    """
    ### BEGIN SOLUTION
    losses, h = [], None
    for start in range(0, inputs.shape[1], window):
        here = slice(start, start + window)
        logits, h = model(inputs[:, here], h)
        h = h.detach()
        loss = masked_loss(logits, targets[:, here])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% check="truncated_bptt"
check.truncated_bptt(truncated_bptt)

# %% [markdown]
# The play goes into 32 columns that are read side by side, in pieces of 4,428 characters. First
# **break it**: plain gradient descent with a long step, on the first 60 windows, once clipped and
# once not. **Predict:** what will the losses look like?

# %% tags=["demo"]
characters = sorted(set(play))
numbers = torch.tensor([characters.index(c) for c in play])
length = (len(numbers) - 1) // 32
play_inputs = numbers[: 32 * length].reshape(32, length)
play_targets = numbers[1 : 32 * length + 1].reshape(32, length)

for clip in (1.0, 1e9):
    torch.manual_seed(0)
    reader = CharRNN(len(characters))
    sgd = torch.optim.SGD(reader.parameters(), lr=2.0)
    first = truncated_bptt(reader, sgd, play_inputs[:, :3000], play_targets[:, :3000], 50, clip)
    told = f"clipped at {clip:g}" if clip < 1e9 else "not clipped"
    print(f"{told:<14} loss in windows 1, 11, 21, ...:", *[f"{loss:.2f}" for loss in first[::10]])

# %% [markdown]
# One gradient that was far too long throws the weights to a place from which there is no way back.
# Now three passes with Adam, clipped. Guessing among its 69 characters would cost $\ln 69=4.23$.

# %% tags=["demo"]
torch.manual_seed(0)
reader = CharRNN(len(characters))
adam = torch.optim.Adam(reader.parameters(), lr=5e-3)
live = LiveCurves(epochs=3, examples=play_inputs.numel())
curve, means = [], []
for _ in range(3):
    windows = truncated_bptt(reader, adam, play_inputs, play_targets, window=50, clip=1.0)
    curve += windows
    means.append(np.mean(windows))
    live({"train_loss": means})
print(f"loss {curve[0]:.2f} at first, {np.mean(curve[-20:]):.2f} at the end, on text it has read")
widgets.spoken(reader, characters, "Rom.\n", 240)

# %% [markdown]
# No sense, but speakers, line breaks and many short words are right, from one character at a time.
# Unit 17 does this with attention, and better.
#
# ## Inventing names
#
# Back to names. To make one up, let the network read the dot, **draw** a letter with the
# probabilities that it gives, let it read that letter, draw the next, and so on until it draws the
# dot. Always taking the likeliest letter would give the same name every time.
#
# ### Exercise 8 · sample_name · 2 points · 20 min
# The drawing itself is handed in as a function, so that chance stays outside: `draw(probabilities)`
# returns an index. The model wants a batch: `torch.tensor([[index]])` is one name with one letter.


# %% exercise="sample_name"
def sample_name(model, draw, longest):
    """A new name, letter by letter.

    model: model(indices, h) -> (logits, h), with indices (1, time), logits (1, time, 27), and h
    None at the beginning. draw: takes the probabilities of the next letter, a tensor (27,) that
    adds up to 1, and returns an index. longest: stop after so many letters, drawn dot or not.
    Returns the name, a string without dots.

    If draw returns 13, 1, 24 and then 0 -> "max"
    """
    ### BEGIN SOLUTION
    name, index, h = "", 0, None
    while len(name) < longest:
        logits, h = model(torch.tensor([[index]]), h)
        index = draw(logits[0, -1].softmax(dim=0))
        if index == 0:
            break
        name += LETTERS[index]
    return name
    ### END SOLUTION


# %% check="sample_name"
check.sample_name(sample_name)

# %% [markdown]
# Your network as it learned: six names from each of the copies, drawn with the same luck. (A dash
# is a name that ended before its first letter.) **Look for** the moment when it finds vowels, and
# the one when names end in time.


# %% tags=["demo"]
def lucky(seed):
    """A draw function with its own generator."""
    generator = torch.Generator().manual_seed(seed)
    return lambda probabilities: torch.multinomial(probabilities, 1, generator=generator).item()


with torch.no_grad():
    for step, then in copies.items():
        told = [sample_name(then, lucky(seed), 12) or "-" for seed in range(6)]
        print(f"{step:>4} steps:", ", ".join(told))
    draw = lucky(100)
    made = [sample_name(model, draw, 12) for _ in range(300)]
known = set(names.train)
print(f"of 300 names at the end, {np.mean([name in known for name in made]):.0%} are in the list")

# %% [markdown]
# The others are its own. What does it think comes next? Choose a beginning. **Predict** the bars
# after `mar` first.

# %% tags=["demo"]
widgets.next_letter(model, LETTERS)

# %% [markdown]
# ## Break it
#
# Forget to shift: let the targets be the inputs themselves, so that the network should answer the
# letter that it has just read. **Predict, then run:** the loss after one round, and the names.

# %% tags=["demo"]
torch.manual_seed(0)
parrot = CharRNN(characters=27)
unshifted = torch.where(targets == PAD, PAD, inputs)
train_names(parrot, inputs, unshifted, epochs=1)
with torch.no_grad():
    logits, _ = parrot(test_inputs)
    own = masked_loss(logits, torch.where(test_targets == PAD, PAD, test_inputs)).item()
    print(f"the loss it was trained on: {own:.3f}")
    print("its names:", [sample_name(parrot, lucky(seed), 12) for seed in range(5)])

# %% [markdown]
# A loss near 0 after one round is too good to be true, and it is: repeating is easy. The parrot
# reads the dot, answers the dot, and the name is over. Whenever a loss falls suspiciously low, ask
# whether the network can see what it should predict.

# %% [markdown]
# ## A forecast
#
# A sequence need not be text. There is a count of the sun's spots for every year since 1700. The
# same cell can read numbers: `x` has one number for each year, and the answer is one number, the
# next year's. It learns from the years to 1949 and is tested on 1950 to 2008.
#
# A forecast needs a rival, too. **Persistence** says: next year will be as this year. It is free,
# and hard to beat more often than one would think.

# %% tags=["demo"]
sun = data.sunspots()
learned = sun.years < 1950
mean, spread = sun.numbers[learned].mean(), sun.numbers[learned].std()
series = torch.tensor((sun.numbers - mean) / spread, dtype=torch.float32)
windows = series.unfold(0, 21, 1)  # (289, 21): twenty years, and the one after them
past, future = windows[:, :20, None], windows[:, 1:]  # future: the next year's number, at each year
in_train = torch.tensor(sun.years[20:] < 1950)

torch.manual_seed(0)
W_x, W_h, b = torch.randn(1, 16) / 2, torch.randn(16, 16) * 0.9 / 4, torch.zeros(16)
readout = nn.Linear(16, 1)
weights = [part.requires_grad_() for part in (W_x, W_h, b)]
adam = torch.optim.Adam([*weights, *readout.parameters()], lr=1e-2)


def forecast(x):
    """Each year's guess of the next: (batch, time, 1) -> (batch, time)."""
    states, _ = rnn_forward(x, torch.zeros(len(x), 16), W_x, W_h, b)
    return readout(states)[..., 0]


for _ in range(150):
    missed = forecast(past[in_train]) - future[in_train]
    cost = (missed[:, 10:] ** 2).mean()  # the first ten years only warm the state up
    adam.zero_grad()
    cost.backward()
    adam.step()

with torch.no_grad():
    guessed = forecast(past[~in_train])[:, -1].numpy() * spread + mean
years, truth = sun.years[20:][~in_train], sun.numbers[20:][~in_train]
same_as_before = sun.numbers[19:-1][~in_train]

# %% [markdown]
# A third rival is a plain formula: a weighted sum of the last nine years, fitted by least squares.
# **Predict** the order of the three, then run.


# %% tags=["demo"]
def typical_miss(guess):
    return np.sqrt(np.mean((guess - truth) ** 2))


nine = np.lib.stride_tricks.sliding_window_view(sun.numbers, 10)  # nine years and the next
fitted = nine[sun.years[9:] < 1950]
with_one = np.column_stack([fitted[:, :9], np.ones(len(fitted))])
formula = np.linalg.lstsq(with_one, fitted[:, 9], rcond=None)[0]
linear = nine[sun.years[9:] >= 1950][:, :9] @ formula[:9] + formula[9]
for name, guess in (
    ("persistence", same_as_before),
    ("recurrent network", guessed),
    ("nine years, weighted", linear),
):
    print(f"{name:<21} misses by {typical_miss(guess):.1f} spots (root mean square)")

fig, ax = plt.subplots(figsize=(8, 3.2))
ax.plot(years, truth, "o", color=plot.BLACK, markersize=3, label="counted")
ax.plot(years, same_as_before, ":", color=plot.GREY, label="persistence")
ax.plot(years, guessed, color=plot.BLUE, label="recurrent network")
ax.set(title="Forecasts for the next year", xlabel="year", ylabel="sunspot number")
ax.legend(ncols=3, loc="upper right")
ax.set_ylim(top=260)
plot.show(
    fig,
    alt="Sunspot numbers from 1950 to 2008, five high waves. Persistence follows each wave a year "
    "late; the network's curve is closer to the points on the slopes.",
)

# %% [markdown]
# The network beats persistence clearly, and the plain formula beats the network, though the
# network's 150 steps were chosen with an eye on these very years: with 300 it fits the past better
# and the future worse. 250 years are few examples. A network is not the right tool because it is a
# network; the rivals tell.
#
# ## Debug me
#
# This network learns, and then it stays near 2.36, the loss of the table of pairs, however long one
# trains. One line is wrong. The number itself is the clue: what does a model know that is exactly
# as good as a bigram?


# %% tags=["demo"]
class Forgetful(CharRNN):
    def forward(self, indices, h=None):
        rows = embed(indices, self.table)
        before = torch.zeros(len(indices), len(self.W_h)) if h is None else h
        notes = []
        for t in range(rows.shape[1]):
            h = rnn_cell(rows[:, t], before, self.W_x, self.W_h, self.b)
            notes.append(h)
        return torch.stack(notes, dim=1) @ self.W_y + self.b_y, h


torch.manual_seed(0)
losses, _ = train_names(Forgetful(characters=27), inputs, targets, epochs=4)
print("test loss:", *[f"{loss:.2f}" for loss in losses])

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cell reads `before` at every letter, and `before` never changes: each letter finds the empty
# note from the beginning. So the network knows the last letter only, which is what a bigram knows.
# It should read `h`, with `h = before` ahead of the loop.
# </details>

# %% [markdown]
# ## What you learned
# - Predicting the next letter: targets are the inputs, shifted by one.
# - A recurrent cell reads a letter and its own last state; the same weights serve at every step.
# - Filled-up places are masked out of the loss.
# - On the way back, each step multiplies: gradients vanish or explode. Clipping stops explosions.
# - Long texts are read in windows: the state is carried on, the gradient is cut by `detach`.

# %% [markdown]
# ## Common mistakes
# - **Padding in the loss.** It looks better than it is, and the network learns to say nothing.
# - **Targets not shifted.** A loss near 0 at once.
# - **No `detach` between windows.** "Trying to backward through the graph a second time."
# - **The state thrown away between windows.** It runs, and forgets everything every 50 characters.
# - **Always the likeliest letter.** The same name for ever.

# %% [markdown]
# ## Where it is used
# Recurrent networks listened in the first good dictation programs and translated the web before
# 2017. Small ones still sit in hearing aids, keyboards and sensors, where one number comes at a
# time and memory is scarce. Long texts belong to attention today (unit 16), and newer recurrent
# designs are coming back for very long ones.

# %% [markdown]
# ## Think about it
# The state has 128 numbers, and the play 141,701 characters. What must the network throw away at
# every step, and who decides? What would you change in the cell, so that it could keep one thing
# untouched for a hundred steps? (Not graded. Unit 14 is the answer that people found.)
#
# ## Next
# Gradients vanish because every step multiplies. **Unit 14, lstm_gru**, builds a cell with a lane
# on which nothing is multiplied unless a gate says so.
