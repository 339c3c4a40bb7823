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
# # 16 · Where should it look?
#
# {badges}
#
# To understand a word you look at other words, and which ones depends on the sentence. *Attention*
# lets a network do the same: every word asks a question, every word offers an answer, and what fits
# is listened to. In this unit you build the **transformer block** around that idea, the part that
# all large language models consist of. At the end, a block of yours turns sixteen digits round
# without a single mistake, and you see where it looks while it reads a line of Hamlet.
#
# **Time:** about 3 hours. **You need:** unit 05 (PyTorch, the training step) and unit 04's softmax.
# Unit 13 (a network with memory) makes a good comparison. No GPU is needed.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from chainrule import data, plot
from chainrule.attention import check, widgets
from chainrule.train import LiveCurves

# %% [markdown]
# This is where you will arrive: for each digit of the answer, where your block looked in the
# question. Nobody told it to read backwards.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## The trophy and the suitcase
#
# > The trophy doesn't fit into the suitcase because **it** is too big.
#
# What is too big? The trophy. Now write *small* for *big*: suddenly *it* is the suitcase. You
# looked at other words, and the sentence told you at which. A recurrent network (unit 13) must
# carry all words along in one memory. Attention looks back at all of them at once and takes what it
# needs.
#
# ## A dictionary that is not sure
#
# A Python dictionary finds a value by its key: `price["apple"]`. The question, the **query**, must
# equal a **key**, or there is no **value**. Attention is a dictionary for questions that fit
# several keys, each to some degree.
#
# Describe fruit by two numbers, sweet and sour. Someone asks for something sweet and a little sour:

# %% tags=["demo", "nbval-check-output"]
keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]])  # banana, lemon, orange
prices = torch.tensor([[1.0], [4.0], [2.0]])
query = torch.tensor([[4.0, 1.0]])
scores = query @ keys.transpose(0, 1)
shares = scores.softmax(dim=1)
for fruit, score, share in zip(("banana", "lemon", "orange"), scores[0], shares[0], strict=True):
    print(f"{fruit:<7} fits with {score:.1f} and gets a share of {share:.2f}")
print(f"price asked for: {(shares @ prices).item():.2f}")

# %% [markdown]
# Three steps: **compare** the query with every key (a dot product: large where both are large),
# turn the scores into **shares** that sum to 1 (unit 04's softmax), and **mix** the values by these
# shares. Every step has slopes, so all of it can be trained.
#
# In a network, one table holds the queries of all words, one the keys, one the values:
#
# $$\text{weights}=\text{softmax}\!\left(\frac{QK^\top}{\sqrt d}\right),\qquad
# \text{output}=\text{weights}\;V$$
#
# $Q$ is (queries, d), $K$ is (keys, d), $V$ is (keys, d_value); the weights are (queries, keys).
# And $\sqrt d$? **Predict, then run:** keys and queries of $d$ random numbers each. How does the
# spread of their dot products grow with $d$, and what does softmax make of it?

# %% tags=["demo", "nbval-check-output"]
generator = torch.Generator().manual_seed(0)
for d in (4, 64, 1024):
    q, k = torch.randn(1000, d, generator=generator), torch.randn(8, d, generator=generator)
    products = q @ k.transpose(0, 1)
    plain = products.softmax(dim=1).max(dim=1).values.mean()
    divided = (products / d**0.5).softmax(dim=1).max(dim=1).values.mean()
    print(
        f"d = {d:>4}: spread {products.std():5.1f}; the best of 8 keys gets {plain:.2f}, "
        f"divided by the root of d {divided:.2f}"
    )

# %% [markdown]
# The spread grows with $\sqrt d$. Undivided, the best key takes everything, and a softmax that sure
# has next to no slope: it stops learning before it begins.
#
# One more thing: sometimes a query **must not** look at a key. A **mask** says where it may. In
# this course, **True means: may attend.** A forbidden score becomes $-\infty$ *before* the softmax:
# its share is $e^{-\infty}=0$, and the rest still sums to 1.

# %% [markdown]
# ### Exercise 1 · scaled_dot_product_attention · 4 points · 25 min
# The three steps, for any number of leading axes: `@` and softmax leave a batch alone when you
# count the axes from the end. `tensor.transpose(a, b)` lets two axes change places,
# `scores.masked_fill(where, number)` puts a number wherever a table of True and False says so.


# %% exercise="scaled_dot_product_attention"
def scaled_dot_product_attention(query, key, value, mask=None):
    """Mix the values by how well each query fits each key.

    query: (..., queries, d). key: (..., keys, d). value: (..., keys, d_value).
    mask: None, or True and False of a shape that broadcasts to (..., queries, keys); True: this
    query may attend to this key. Every query may attend to at least one.
    Returns (output, weights): output (..., queries, d_value); weights (..., queries, keys), whose
    rows sum to 1. Nothing that is given changes, and gradients flow back to query, key and value.

    query [[ln 3]], key [[1.], [0.]], value [[10.], [20.]] -> output [[12.5]] and weights
    [[0.75, 0.25]]
    """
    ### BEGIN SOLUTION
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights
    ### END SOLUTION


# %% check="scaled_dot_product_attention"
check.scaled_dot_product_attention(scaled_dot_product_attention)

# %% [markdown]
# The fruit again, by your own function, and beside it PyTorch's on random numbers: two sentences of
# five words, three heads each (heads come soon), and a mask.

# %% tags=["demo", "nbval-check-output"]
price, weights = scaled_dot_product_attention(query * 2**0.5, keys, prices)
print(f"price asked for: {price.item():.2f}")

generator = torch.Generator().manual_seed(1)
q, k, v = (torch.randn(2, 3, 5, 4, generator=generator) for _ in range(3))
mask = torch.rand(2, 1, 5, 5, generator=generator) < 0.7
mask[..., 0] = True  # everybody may attend to the first word at least
mine, _ = scaled_dot_product_attention(q, k, v, mask)
theirs = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
print("equal to PyTorch's:", torch.allclose(mine, theirs, atol=1e-6))

# %% [markdown]
# ## Who may look where
#
# Two masks are needed all the time. The first is for a model that **guesses the next word**. When
# it trains, it reads the whole sentence at once, and the answer to every guess stands right there,
# one place further on. So word $i$ may look at words 0 to $i$, and not ahead. Such attention is
# called **causal**.
#
# ### Exercise 2 · causal_mask · 2 points · 10 min
# A square of True and False. `torch.tril` keeps the lower triangle of a table, the diagonal with
# it; `torch.ones(..., dtype=torch.bool)` is a table full of True.


# %% exercise="causal_mask"
def causal_mask(length):
    """Who may look at whom when nobody may look ahead.

    length: how many words. Returns a tensor of booleans, (length, length): row i, column j is True
    where word i may attend to word j, that is for j up to and including i.

    causal_mask(3) -> [[True, False, False], [True, True, False], [True, True, True]]
    """
    ### BEGIN SOLUTION
    return torch.tril(torch.ones(length, length, dtype=torch.bool))
    ### END SOLUTION


# %% check="causal_mask"
check.causal_mask(causal_mask)

# %% [markdown]
# The second mask is for **batches**. Sentences differ in length; to fit into one table, the short
# ones are filled up with **padding**, a token that means nothing. Nobody may listen to it.
#
# Scores have the shape (batch, heads, queries, keys). Padding depends on the sentence and the key
# only, so two axes of length 1 will do: broadcasting repeats them for every head and every query.
#
# ### Exercise 3 · padding_mask · 2 points · 10 min
# Indexing with `None` puts in an axis of length 1: `table[:, None]`.


# %% exercise="padding_mask"
def padding_mask(tokens, padding):
    """Which keys are real words.

    tokens: (batch, length), whole numbers. padding: the number that stands for padding.
    Returns a tensor of booleans, (batch, 1, 1, length), True where the token is not padding.

    padding_mask([[5, 8, 0], [7, 0, 0]], 0) -> [[[[True, True, False]]], [[[True, False, False]]]]
    """
    ### BEGIN SOLUTION
    return (tokens != padding)[:, None, None, :]
    ### END SOLUTION


# %% check="padding_mask"
check.padding_mask(padding_mask)

# %% [markdown]
# Both at once: `&`. **Predict** the four rows of the shorter sentence before you run.

# %% tags=["demo", "nbval-check-output"]
both = causal_mask(4) & padding_mask(torch.tensor([[5, 8, 3, 9], [7, 4, 0, 0]]), 0)
print("shape:", tuple(both.shape))
print(both[1, 0].int().numpy())

# %% [markdown]
# A word of warning, because two conventions live side by side even inside PyTorch:
#
# | | True means |
# |---|---|
# | this course, `nn.functional.scaled_dot_product_attention` | **may** attend |
# | `nn.MultiheadAttention`, `nn.TransformerEncoderLayer` | may **not** attend |
#
# A mask turned round raises no error. It lets everybody look at the answers.
#
# **Break it.** What if the mask came after the softmax? The forbidden shares become 0, and the rest
# stays as it was:

# %% tags=["demo", "nbval-check-output"]
generator = torch.Generator().manual_seed(2)
table = torch.randn(4, 4, generator=generator)
before = table.masked_fill(~causal_mask(4), float("-inf")).softmax(dim=1)
after = table.softmax(dim=1) * causal_mask(4)
print("mask before the softmax, rows sum to", before.sum(dim=1).numpy().round(2))
print("mask after the softmax, rows sum to ", after.sum(dim=1).numpy().round(2))

# %% [markdown]
# The first word would hear almost nothing. Worse: its forbidden neighbours still decide how loud it
# hears the rest, so the future leaks in.
#
# ## Several heads
#
# One softmax has one focus. In *the trophy doesn't fit*, the verb needs to know *what* doesn't fit
# and *into what*. So the width is cut into **heads**, each with queries, keys and values of its
# own, and each looks where it likes. With 6 numbers per word and 2 heads, the first head gets the
# first 3 numbers of each word.
#
# **Predict, then run:** two words of six numbers. Which of these two ways cuts words into heads?

# %% tags=["demo", "nbval-check-output"]
words = torch.arange(12).view(1, 2, 6)  # (batch, length, width)
print("the words:", words[0].tolist())
print("A, head 0:", words.view(1, 2, 2, 3)[0, 0].tolist())
cut = words.reshape(1, 2, 2, 3).permute(0, 2, 1, 3)
print("B, head 0:", cut[0, 0].tolist(), " head 1:", cut[0, 1].tolist())

# %% [markdown]
# B. In A, "head 0" is word 0. `view` only cuts; the axes for words and heads must still change
# places, so that attention finds (length, head width) at the end. On the way back the same in
# reverse: change places, then `reshape`.
#
# ### Exercise 4 · MultiHeadAttention · 4 points · 30 min
# Four linear layers, and your `scaled_dot_product_attention` in the middle. Queries, keys and
# values all come from the same words here: **self-attention**. Keep a copy of the weights for the
# pictures; `.detach()` cuts the copy off from the graph.


# %% exercise="MultiHeadAttention"
class MultiHeadAttention(nn.Module):
    """Self-attention with several heads.

    width: numbers per word, divisible by heads. heads: how many look at once.

    Its four linear layers, each from width to width, are called self.query, self.key, self.value
    and self.output.
    model(x, mask): x (batch, length, width); mask None, or broadcasting to (batch, heads, length,
    length). Returns (batch, length, width): the heads' results side by side, head 0 first, through
    the output layer.
    Afterwards self.weights holds this call's weights, (batch, heads, length, length), detached.

    Two words that are alike attend to each other equally: all weights are 0.5.
    """

    def __init__(self, width, heads):
        super().__init__()
        ### BEGIN SOLUTION
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        batch, length, width = x.shape

        def split(rows):
            return rows.view(batch, length, self.heads, -1).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        mixed, weights = scaled_dot_product_attention(query, key, value, mask)
        self.weights = weights.detach()
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))
        ### END SOLUTION


# %% check="MultiHeadAttention"
check.MultiHeadAttention(MultiHeadAttention)

# %% [markdown]
# ## Order
#
# Something is missing. **Predict, then run:** give your attention a sentence, then the same words
# in another order. What changes?

# %% tags=["demo", "nbval-check-output"]
torch.manual_seed(0)
attention = MultiHeadAttention(6, 2)
sentence = torch.randn(1, 5, 6)
shuffle = torch.tensor([3, 0, 4, 1, 2])
with torch.no_grad():
    straight, shuffled = attention(sentence), attention(sentence[:, shuffle])
print("the same results, shuffled:", torch.allclose(straight[:, shuffle], shuffled, atol=1e-6))

# %% [markdown]
# Nothing: *dog bites man* and *man bites dog* are the same to it. So each word is told its place: a
# row of numbers, different for every position, is **added** to it.
#
# The row is made like the hands of a clock. Each pair of columns is one hand, told by its sine and
# cosine; the first turns fast, each further one more slowly. For position $p$ and the pair in
# columns $c$ and $c+1$ (with $c=0,2,4,\dots$):
#
# $$\text{PE}_{p,\,c}=\sin\frac{p}{10000^{\,c/\text{width}}}\qquad
# \text{PE}_{p,\,c+1}=\cos\frac{p}{10000^{\,c/\text{width}}}$$
#
# ### Exercise 5 · positional_encoding · 2 points · 20 min
# `torch.arange(0, width, 2)` counts by twos. `torch.stack([a, b], dim=-1)` puts two tables side by
# side number by number, and `.flatten(start_dim=1)` then makes columns of them.


# %% exercise="positional_encoding"
def positional_encoding(length, width):
    """A row of numbers for each position.

    length: how many positions. width: how many columns, an even number.
    Returns (length, width): in columns 0, 2, 4, ... the sine, and right of each the cosine, of
    position / 10000 ** (column of the sine / width).

    positional_encoding(2, 2) -> [[0., 1.], [0.841, 0.540]]
    """
    ### BEGIN SOLUTION
    position = torch.arange(length)[:, None]
    angle = position / 1e4 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(start_dim=1)
    ### END SOLUTION


# %% check="positional_encoding"
check.positional_encoding(positional_encoding)

# %% [markdown]
# Why clocks? Turn all hands of position 3 by two steps, and you have position 5; the same turn
# leads from 20 to 22. So "two places back" is one and the same matrix everywhere, and a head can
# learn it once. On the right you see the dot product of each position with position 24.

# %% tags=["demo"]
widgets.clocks(positional_encoding(48, 32))

# %% [markdown]
# ## Two helpers
#
# Deep stacks need two more parts. The first keeps numbers in a healthy range: **layer norm** takes
# each word's numbers by themselves, subtracts their mean, divides by their spread, and then lets
# the network choose a scale $\gamma$ and a shift $\beta$ for each column:
#
# $$y=\gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\varepsilon}}+\beta$$
#
# $\mu$ and $\sigma^2$ are the mean and variance of one word's numbers, $\varepsilon$ is tiny. It
# stands **under** the root: at $\sigma^2=0$ the root alone has an infinite slope.
#
# ### Exercise 6 · LayerNorm · 3 points · 20 min
# The variance is the mean of the squared distances from the mean, divided by n (not by n − 1).
# Parameters that don't belong to a layer are made with `nn.Parameter(tensor)`.


# %% exercise="LayerNorm"
class LayerNorm(nn.Module):
    """Each word's numbers brought to mean 0 and spread 1, then scaled and shifted.

    width: numbers per word. eps: added to the variance.

    Its parameters are self.weight (width,), which starts as ones, and self.bias (width,), which
    starts as zeros.
    model(x): x (..., width) -> the same shape.

    LayerNorm(2, eps=0.0)([[1., 3.]]) -> [[-1., 1.]]
    """

    def __init__(self, width, eps=1e-5):
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        mean = x.mean(dim=-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
        return self.weight * (x - mean) / torch.sqrt(variance + self.eps) + self.bias
        ### END SOLUTION


# %% check="LayerNorm"
check.LayerNorm(LayerNorm)

# %% [markdown]
# The second helper is a plus sign. A block computes what to **add** to a word's numbers:
#
# $$x\leftarrow x+\text{attention}(\text{norm}(x))\qquad
# x\leftarrow x+\text{feed-forward}(\text{norm}(x))$$
#
# A sum hands its gradient on unchanged (unit 03), so even a hundred blocks keep an open road from
# end to beginning. These sums are called **residual connections**.
#
# The **feed-forward** part is unit 04's network, for each word by itself: hidden layer, ReLU,
# output layer. Attention carries things between words; here each word thinks about what it got.

# %% [markdown]
# ### Exercise 7 · TransformerBlock · 3 points · 25 min
# Use your `MultiHeadAttention` and `LayerNorm`. The norm stands *inside* each half (**pre-norm**);
# the first transformer of 2017 had it after the sum, and was harder to train.


# %% exercise="TransformerBlock"
class TransformerBlock(nn.Module):
    """Attention between words, then a feed-forward part for each, both added to what came in.

    width, heads: of the attention. hidden_size: hidden units of the feed-forward part.

    Its parts are called self.norm_1 and self.attention; self.norm_2, self.hidden (width to
    hidden_size) and self.output (hidden_size to width), the last two linear layers, with ReLU
    between them.
    model(x, mask): x (batch, length, width), which stays as it is -> the same shape.

    With all weights and biases 0, attention and feed-forward part add nothing: x -> x.
    """

    def __init__(self, width, heads, hidden_size):
        super().__init__()
        ### BEGIN SOLUTION
        self.norm_1 = LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.norm_2 = LayerNorm(width)
        self.hidden = nn.Linear(width, hidden_size)
        self.output = nn.Linear(hidden_size, width)
        ### END SOLUTION

    def forward(self, x, mask=None):
        ### BEGIN SOLUTION
        x = x + self.attention(self.norm_1(x), mask)
        return x + self.output(torch.relu(self.hidden(self.norm_2(x))))
        ### END SOLUTION


# %% check="TransformerBlock"
check.TransformerBlock(TransformerBlock)

# %% [markdown]
# That is the whole transformer block. PyTorch's own is `nn.TransformerEncoderLayer`, pre-norm with
# `norm_first=True`. It keeps the weights of query, key and value in one matrix, one below the
# other; otherwise the parts correspond. From the same weights, are the results the same? (Mind its
# mask: True forbids.)

# %% tags=["demo", "nbval-check-output"]
torch.manual_seed(0)
mine = TransformerBlock(width=32, heads=4, hidden_size=64)
theirs = nn.TransformerEncoderLayer(
    32, 4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
)
pairs = [
    (theirs.norm1, mine.norm_1),
    (theirs.norm2, mine.norm_2),
    (theirs.self_attn.out_proj, mine.attention.output),
    (theirs.linear1, mine.hidden),
    (theirs.linear2, mine.output),
]
with torch.no_grad():
    for their_part, my_part in pairs:
        their_part.weight.copy_(my_part.weight)
        their_part.bias.copy_(my_part.bias)
    parts = [mine.attention.query, mine.attention.key, mine.attention.value]
    theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
    theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))

x, mask = torch.randn(2, 7, 32), causal_mask(7)
apart = (mine(x, mask) - theirs(x, src_mask=~mask)).abs().max().item()
norms_apart = (mine.norm_1(x) - nn.LayerNorm(32)(x)).abs().max().item()
print(f"{sum(p.numel() for p in mine.parameters()):,} parameters in each")
print("block further apart than 1e-5:", apart > 1e-5)
print("layer norm further apart than 1e-6:", norms_apart > 1e-6)

# %% [markdown]
# ## Turn it round
#
# A task that needs nothing but looking: read 16 digits, write them in reverse. The first answer is
# the last digit of the question, so every place must look at exactly one other. A recurrent network
# must carry all 16 in its memory. One block only has to look.
#
# Digits become rows of numbers by an **embedding** (a table with a row for each digit, trained like
# any weight), places are added, then one block, a norm, and ten logits for each place.

# %% tags=["demo"]


class Reverser(nn.Module):
    def __init__(self, places=True, width=64, length=16):
        super().__init__()
        self.digits = nn.Embedding(10, width)
        nn.init.normal_(self.digits.weight, std=0.3)  # soft-spoken, so that places are heard too
        self.places = positional_encoding(length, width) * float(places)
        self.block = TransformerBlock(width, heads=1, hidden_size=2 * width)
        self.norm = LayerNorm(width)
        self.logits = nn.Linear(width, 10)

    def forward(self, digits):
        return self.logits(self.norm(self.block(self.digits(digits) + self.places)))


def train_reverser(model, steps=250, seed=0):
    """Fresh random digits in every step; returns the share of right digits, step by step."""
    live = LiveCurves(steps=steps, examples=64)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses, right = [], []
    for _ in range(steps):
        digits = torch.randint(10, (64, 16), generator=generator)
        logits, target = model(digits), digits.flip(dims=[1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((logits.argmax(dim=-1) == target).float().mean().item())
        live({"train_loss": losses, "train_accuracy": right})
    return right


torch.set_num_threads(1)  # steps this short: several cores would mostly wait for each other
torch.manual_seed(0)
reverser = Reverser()
curve = train_reverser(reverser)

new_digits = torch.randint(10, (1000, 16), generator=torch.Generator().manual_seed(99))
with torch.no_grad():
    answers = reverser(new_digits).argmax(dim=-1)
whole = (answers == new_digits.flip(dims=[1])).all(dim=1).float().mean().item()
print("question:", *new_digits[0].tolist())
print("answer:  ", *answers[0].tolist())
print(f"Milestone: {whole:.1%} of 1,000 new rows of 16 digits reversed without a mistake")

# %% [markdown]
# And where did it look? Choose an answer's place and watch the row of weights. **Predict** the
# shape of the whole picture first.

# %% tags=["demo"]
with torch.no_grad():
    reverser(new_digits[:1])
widgets.reversal(reverser.block.attention.weights[0, 0], new_digits[0].tolist())

# %% [markdown]
# **Break it.** Take the places away and change nothing else. **Predict, then run:** what share of
# the digits will be right? (Guessing: 0.10.)

# %% tags=["demo"]
torch.manual_seed(0)
lost = train_reverser(Reverser(places=False))
fig, ax = plt.subplots(figsize=(6.5, 3))
ax.plot(curve, color=plot.BLUE, label="with places")
ax.plot(lost, "--", color=plot.ORANGE, label="without places")
ax.set(title="Sixteen digits, turned round", xlabel="step", ylabel="share of digits right")
ax.legend(loc="center right")
plot.show(
    fig,
    alt=f"Two curves over 250 steps. With places, the share of right digits rises to "
    f"{curve[-1]:.2f}; without, it ends at {np.mean(lost[-20:]):.2f}.",
)

# %% [markdown]
# Without places all it can learn is which digits occur in the row, and that the frequent ones are a
# better guess.
#
# ## A line of Hamlet
#
# Now real sentences. The model below reads lines of Shakespeare's tragedies letter by letter and
# guesses, at every letter, which one comes next. It needs both of your masks: nobody may look
# ahead, and nobody listens to padding. (Unit 17 makes a language model of this. Here we only want
# to see where the heads look.)

# %% tags=["demo"]
lines = sorted({line.strip().lower() for line in data.shakespeare().splitlines()})
lines = [line for line in lines if 16 <= len(line) <= 40]
letters = "_" + "".join(sorted(set("".join(lines))))  # number 0 is padding
number_of = {letter: number for number, letter in enumerate(letters)}


def as_tokens(texts, length=40):
    """(lines, length): the letters' numbers, filled up with 0."""
    table = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in enumerate(texts):
        table[row, : len(text)] = torch.tensor([number_of[letter] for letter in text])
    return table


tokens = as_tokens(lines)[torch.randperm(len(lines), generator=torch.Generator().manual_seed(0))]
test_lines, train_lines = tokens[:1000], tokens[1000:]
print(f"{len(train_lines):,} lines to train on, {len(letters) - 1} letters and signs")


# %% [markdown]
# The baseline is a table: for each letter, how often each other letter follows it in the training
# lines. The figure is the mean cross-entropy of a guess in nats; knowing nothing costs
# $\ln 39 = 3.66$.

# %% tags=["demo"]


class Reader(nn.Module):
    def __init__(self, width=64, heads=4):
        super().__init__()
        self.letters = nn.Embedding(len(letters), width)
        nn.init.normal_(self.letters.weight, std=0.3)
        self.block = TransformerBlock(width, heads, hidden_size=4 * width)
        self.norm = LayerNorm(width)
        self.logits = nn.Linear(width, len(letters))

    def forward(self, tokens):
        length, width = tokens.shape[1], self.letters.embedding_dim
        mask = causal_mask(length) & padding_mask(tokens, 0)
        x = self.letters(tokens) + positional_encoding(length, width)
        return self.logits(self.norm(self.block(x, mask)))


def next_letter_loss(model, tokens):
    """Mean cross-entropy of guessing each letter from those before it; padding doesn't count."""
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(
        logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0
    )


def train_reader(model, steps):
    losses, live = [], LiveCurves(steps=steps, examples=32)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        for group in optimizer.param_groups:  # a short warm-up, then slower and slower
            group["lr"] = 5e-3 * min(1.0, (step + 1) / 30) * (1 - 0.9 * step / steps)
        rows = torch.randint(len(train_lines), (32,), generator=generator)
        loss = next_letter_loss(model, train_lines[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        live({"train_loss": losses})
    return losses[-1]


torch.manual_seed(0)
reader = Reader()
train_reader(reader, steps=400)
with torch.no_grad():
    reader_loss = next_letter_loss(reader, test_lines).item()
pairs_seen = torch.ones(len(letters), len(letters))  # one of each, so that nothing is impossible
first, second = train_lines[:, :-1].flatten(), train_lines[:, 1:].flatten()
pairs_seen.index_put_((first, second), torch.ones(len(first)), accumulate=True)
pairs_seen[:, 0] = 0
log_shares = (pairs_seen / pairs_seen.sum(dim=1, keepdim=True)).log()
first, second = test_lines[:, :-1].flatten(), test_lines[:, 1:].flatten()
table_loss = -log_shares[first, second][second != 0].mean().item()
print(f"Milestone: {reader_loss:.2f} nats per letter; the table of pairs needs {table_loss:.2f}")

# %% [markdown]
# Every row below is one letter that reads, every column a letter it may look at. Choose a line and
# a head. Look for a head that mostly looks at the letter before, and for one that likes rare
# letters, such as the *q* of *question*, which say more about what may follow than an *e* does.

# %% tags=["demo"]
widgets.heads_over_a_line(reader, as_tokens, reader.block.attention)

# %% [markdown]
# Mind what you read into it. The weights say from where a head takes, not what it takes, nor what
# the rest of the network makes of it. They are a good place to look for bugs, and a weak proof of
# anything else.
#
# ## Debug me
#
# This model is the same but for one sign in one line. After 150 steps its loss is far below
# anything that a reader of Shakespeare could reach. Too good to be true, and it writes rubbish.
# Find the sign before you open the answer.

# %% tags=["demo"]


class Clairvoyant(Reader):
    def forward(self, tokens):
        length, width = tokens.shape[1], self.letters.embedding_dim
        mask = causal_mask(length) | padding_mask(tokens, 0)
        x = self.letters(tokens) + positional_encoding(length, width)
        return self.logits(self.norm(self.block(x, mask)))


torch.manual_seed(0)
clairvoyant = Clairvoyant()
print(f"loss after 150 steps: {train_reader(clairvoyant, steps=150):.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `|` for `&`: a key may be looked at when it is not in the future **or** is no padding, so the
# whole line is open, the next letter included. The model learned to look one place ahead, where the
# answer stands. A loss that is too good is as much a symptom as one that is too bad; ask where the
# answer could have leaked from. A picture of the weights shows it at once: nothing may stand above
# the diagonal.
# </details>
#
# ## What you learned
# - Attention compares a query with all keys, shares by softmax, and mixes the values.
# - Scores are divided by $\sqrt d$ of one head; masks come before the softmax; True may attend.
# - Heads are cut by view and transpose; they look at different places at once.
# - Attention knows no order; a positional encoding is added to tell it.
# - A block adds attention, then a feed-forward part, each of a normalized copy of x.

# %% [markdown]
# ## Common mistakes
# - **$\sqrt{\text{width}}$ for $\sqrt d$.** It is the width of one head that counts.
# - **Reshape without transpose.** The shapes fit and the heads are a jumble.
# - **A mask turned round, or after the softmax.** No error, only a leak.
# - **Softmax along the wrong axis.** Rows, one per query, sum to 1.
# - **An unbiased variance, or eps outside the root.** Almost right, and never equal to PyTorch's.
# - **Positions added twice**, in the model and again in the block: every place is then another one.

# %% [markdown]
# ## Where it is used
# In every large language model; in translation, for which it was invented (*Attention is all you
# need*, 2017); in models that read pictures patch by patch, proteins, sound and program code. They
# stack from 6 to more than 100 blocks such as yours.

# %% [markdown]
# ## Think about it
# Every word compares itself with every other. How does the work grow when the text becomes twice as
# long? And how does a recurrent network's? Each of the two has something that the other lacks: what
# must a recurrent network do one after the other that attention does all at once? (Not graded.)
#
# ## Next
# Stack your blocks, let them guess the next letter, and let the guess be the next input. **Unit 17,
# gpt**, builds a language model from scratch.
