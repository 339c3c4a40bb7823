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
# # 17 · How does a machine learn to write?
#
# {badges}
#
# By guessing the next letter, a million times, and being told which one it was. In this unit you
# build a language model from scratch, train it on seven tragedies by Shakespeare, and let it write.
# Large models have a million times as many parameters and the same parts: batches of text, a stack
# of transformer blocks, temperature, top-k and top-p, a cache that makes writing fast, and an
# alphabet of word pieces.
#
# **Time:** about 3 hours. **You need:** unit 16 (attention, the transformer block) and unit 05 (the
# training step). Training takes about a minute; a GPU is used if there is one.

# %% tags=["setup"]
# Setup: run me first. Safe to run twice; installs only what is missing.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("chainrule") is None:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "chainrule"], check=True)

# %%
import math
import re
import time
from collections import Counter

import torch
from torch import nn

from chainrule import data
from chainrule.device import device as fastest_device
from chainrule.gpt import check, widgets
from chainrule.train import LiveCurves

# %% [markdown]
# This is where you will arrive: a text that nobody wrote, drawn letter by letter. It knows how a
# speech looks, that stage directions stand in brackets, and how English sounds, though not what it
# means.

# %% tags=["demo"]
widgets.promise()

# %% [markdown]
# ## What comes next?
#
# > To be, or not to b
#
# You know the next letter. You could also say how sure you are, and after *To be, or not to* you
# would be less sure. A **language model** does just this: given a text so far, it gives each
# possible next token a share. Whoever can do that can write: draw a token by its share, append it,
# ask again.
#
# A **token** is whatever the text is cut into. We begin with letters and come to word pieces later.

# %% tags=["demo"]
text = data.shakespeare()
letters = sorted(set(text))
number_of = {letter: number for number, letter in enumerate(letters)}
tokens = torch.tensor([number_of[letter] for letter in text])
cut = int(0.9 * len(tokens))
train_tokens, val_tokens = tokens[:cut], tokens[cut:]
print(f"{len(text):,} letters and signs, {len(letters)} different ones")
famous = text.index("To be, or not to be")
print(text[famous : famous + 180])
print("as numbers:", tokens[famous : famous + 19].tolist())


# %% [markdown]
# The last tenth is set aside (**validation**): the loss there says whether the model learned the
# language or the plays by heart.
#
# A piece of text holds many exercises. In 64 letters, the model guesses the 2nd from the 1st, the
# 3rd from the first two, and so on: 64 guesses at once, thanks to unit 16's causal mask. So the
# targets are the inputs, **one place further on**.
#
# ### Exercise 1 · get_batch · 2 points · 15 min
# **Think first:** a text of 10 tokens, pieces of 4. At which place can the last piece begin, when
# each input needs a target? `torch.randint(high, (size,), generator=...)` draws whole numbers from
# 0 to high − 1.


# %% exercise="get_batch"
def get_batch(text, block_size, batch_size, generator):
    """Random pieces of a text, and the same pieces one place further on.

    text: tensor of tokens, (length,). block_size: tokens in a piece. batch_size: how many pieces.
    generator: a torch.Generator; all randomness comes from it.
    Returns (x, y), each (batch_size, block_size): inputs and targets. Every start that leaves room
    for the last target is equally likely, the first and the last of them too.

    from the text [5, 6, 7, 8], block_size 3: the only possible row has x [5, 6, 7], y [6, 7, 8]
    """
    ### BEGIN SOLUTION
    starts = torch.randint(len(text) - block_size, (batch_size,), generator=generator)
    x = [text[start : start + block_size] for start in starts]
    y = [text[start + 1 : start + block_size + 1] for start in starts]
    return torch.stack(x), torch.stack(y)
    ### END SOLUTION


# %% check="get_batch"
check.get_batch(get_batch)

# %% tags=["demo", "nbval-check-output"]
x, y = get_batch(train_tokens, 16, 2, torch.Generator().manual_seed(4))
for row in range(2):
    print("input: ", repr("".join(letters[token] for token in x[row])))
    print("target:", repr("".join(letters[token] for token in y[row])))

# %% [markdown]
# ## The model
#
# The block below is unit 16's with PyTorch's parts: pre-norm, causal attention, a feed-forward
# part, two sums. Three things differ. Query, key and value come from one large layer, cut in three.
# The ReLU became its smooth relative GELU, as in GPT-2. And it may be given a **cache**; that is
# for later, and without one you can read past it.


# %%
class Block(nn.Module):
    """One causal transformer block: (batch, length, width) -> the same shape.

    cache: None, or an object whose append(key, value) returns all keys and values so far, each
    (batch, heads, so far, width / heads).
    """

    def __init__(self, width, heads, dropout=0.0):
        super().__init__()
        self.heads = heads
        self.norm_1 = nn.LayerNorm(width)
        self.parts = nn.Linear(width, 3 * width)  # query, key and value side by side
        self.mix = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.output = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, cache=None):
        x = x + self.dropout(self.attend(self.norm_1(x), cache))
        thought = nn.functional.gelu(self.hidden(self.norm_2(x)))
        return x + self.dropout(self.output(thought))

    def attend(self, x, cache):
        batch, length, width = x.shape
        three = self.parts(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = three.permute(2, 0, 3, 1, 4)
        if cache is not None:
            key, value = cache.append(key, value)
        so_far = key.shape[2]  # the last `length` of these are the new ones
        mask = torch.ones(length, so_far, dtype=torch.bool, device=x.device)
        mask = mask.tril(diagonal=so_far - length)
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.mix(attended.transpose(1, 2).reshape(batch, length, width))


def start_small(model):
    """Draw all weights small, as GPT-2 does; those that add to the sums smaller still."""
    for name, parameter in model.named_parameters():
        if name.endswith(("mix.weight", "output.weight")):
            nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * len(model.blocks)))
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


# %% [markdown]
# A GPT is a stack of such blocks between two tables:
#
# 1. each token's row from an embedding, plus its place's row from another (here both are learned)
# 2. the blocks, one after the other
# 3. a norm, then a score for each token of the vocabulary
#
# First and last table share one matrix: the row that stands for *e* on its way in also scores *e*
# on its way out. Untrained, each of $V$ tokens should get a share of about $1/V$, so the loss
# should begin at $-\ln\frac1V=\ln V$. If it begins higher, the model is sure of nonsense.

# %% [markdown]
# ### Exercise 2 · GPT · 4 points · 30 min
# `zip(self.blocks, caches)` walks along blocks and caches together. `len(cache)` says how many
# tokens a cache holds: that is the place where the new tokens begin. Call
# `start_small` last, on the model itself.


# %% exercise="GPT"
class GPT(nn.Module):
    """A language model: tokens in, scores for the next token out, at every place.

    vocabulary: how many different tokens. block_size: how many places it knows. layers, heads,
    width: of the blocks. dropout: for the blocks.

    Its parts: self.tokens and self.positions, embeddings of that width; self.blocks, an
    nn.ModuleList of Block; self.norm, an nn.LayerNorm; self.logits, a linear layer without bias
    whose weight is self.tokens.weight. self.block_size is kept.
    model(tokens, caches): tokens (batch, length) -> logits (batch, length, vocabulary). caches:
    None, or a cache for each block; then the tokens continue the text that the caches hold.

    With all weights 0 every logit is 0.
    """

    def __init__(self, vocabulary, block_size, layers, heads, width, dropout=0.0):
        super().__init__()
        ### BEGIN SOLUTION
        self.block_size = block_size
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block_size, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.logits = nn.Linear(width, vocabulary, bias=False)
        self.logits.weight = self.tokens.weight
        start_small(self)
        ### END SOLUTION

    def forward(self, tokens, caches=None):
        ### BEGIN SOLUTION
        start = len(caches[0]) if caches else 0
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self.tokens(tokens) + self.positions(places)
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks), strict=True):
            x = block(x, cache)
        return self.logits(self.norm(x))
        ### END SOLUTION


# %% check="GPT"
check.GPT(GPT)

# %% [markdown]
# The size is that of nanoGPT's recipe for a CPU: 4 layers, 4 heads, 128 wide, 64 letters of
# context, 12 pieces in a batch.

# %% tags=["demo"]
torch.set_num_threads(2)  # more cores would mostly wait for each other in steps this short
device = fastest_device()
LARGER = False  # True: nanoGPT's larger recipe, for a GPU; it takes 5,000 steps
BLOCK_SIZE, BATCH_SIZE = (256, 64) if LARGER else (64, 12)
SIZE = {"layers": 4, "heads": 4, "width": 128}
if LARGER:
    SIZE = {"layers": 6, "heads": 6, "width": 384, "dropout": 0.2}


def mean_loss(model, text, batches, seed=0):
    """Mean cross-entropy in nats per token over random batches, without training."""
    generator = torch.Generator().manual_seed(seed)
    model.eval()
    total = 0.0
    with torch.no_grad():
        for _ in range(batches):
            x, y = get_batch(text, model.block_size, BATCH_SIZE, generator)
            logits = model(x.to(device)).flatten(0, 1)
            total += nn.functional.cross_entropy(logits, y.to(device).flatten()).item()
    model.train()
    return total / batches


torch.manual_seed(0)
model = GPT(len(letters), BLOCK_SIZE, **SIZE).to(device)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters, on {device}")
print(f"first loss {mean_loss(model, val_tokens, 5):.2f}; ln({len(letters)}) = ", end="")
print(f"{math.log(len(letters)):.2f}")

# %% [markdown]
# Two baselines to beat, both tables counted from the training part: how often each letter occurs,
# and how often each follows each other one.

# %% tags=["demo"]
pairs = torch.ones(len(letters), len(letters))  # one of each, so that nothing is impossible
pairs.index_put_((train_tokens[:-1], train_tokens[1:]), torch.ones(cut - 1), accumulate=True)
alone = pairs.sum(dim=0) / pairs.sum()
after = pairs / pairs.sum(dim=1, keepdim=True)
letter_loss = -alone.log()[val_tokens[1:]].mean().item()
pair_loss = -after.log()[val_tokens[:-1], val_tokens[1:]].mean().item()
print(f"frequencies of letters: {letter_loss:.2f} nats; of pairs: {pair_loss:.2f} nats")

# %% [markdown]
# ## Choosing a token
#
# The model gives scores. Which token do we write? Always the best: then it goes in circles. By the
# shares: then, now and then, it takes one of many improbable ones, and the text derails. The first
# knob between the two is **temperature** $T$: logits are divided by it. **Predict** the row for
# $T=0.5$, then run.

# %% tags=["demo", "nbval-check-output"]
logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
for temperature in (0.5, 1.0, 2.0):
    print(f"T = {temperature}: {(logits / temperature).softmax(dim=0).numpy().round(2)}")

# %% [markdown]
# Low temperatures make the probable more probable. Two more knobs drop what is improbable:
#
# - **top-k**: only the $k$ best remain.
# - **top-p**: only the fewest best remain whose shares **together reach** $p$. Where the model is
#   sure, that is one; where it isn't, many.
#
# With the shares 0.5, 0.3, 0.15, 0.05 and $p=0.7$: 0.5 is not enough; with 0.3 it is 0.8. Two
# remain, and the one that **crosses** the line is kept.

# %% [markdown]
# ### Exercise 3 · filter_logits · 4 points · 30 min
# In this order: temperature, top-k, top-p. Dropped tokens get the logit $-\infty$. `values, order =
# logits.sort(descending=True)` sorts and says which token stands at each place now;
# `logits.topk(k).values` are the k largest; `.cumsum(dim=0)` makes running sums;
# `logits.index_fill(0, places, number)` puts a number at places.


# %% exercise="filter_logits"
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    """Scores for drawing the next token.

    logits: (vocabulary,). They stay as they are. temperature: above 0.
    top_k: None, or how many of the largest remain. top_p: None, or a share above 0: of what
    remains, the most probable tokens are kept until their shares together reach it, the token with
    which they reach it included. At least one always stays.
    Returns (vocabulary,): logits / temperature, and -infinity for what was dropped.

    filter_logits([2., 4., 1.], temperature=2.0, top_k=2) -> [1., 2., -inf]
    """
    ### BEGIN SOLUTION
    logits = logits / temperature
    if top_k is not None:
        smallest = logits.topk(top_k).values[-1]
        logits = logits.masked_fill(logits < smallest, -math.inf)
    if top_p is not None:
        ordered, order = logits.sort(descending=True)
        shares = ordered.softmax(dim=0)
        before = shares.cumsum(dim=0) - shares  # what the more probable ones hold together
        logits = logits.index_fill(0, order[before >= top_p], -math.inf)
    return logits
    ### END SOLUTION


# %% check="filter_logits"
check.filter_logits(filter_logits)

# %% [markdown]
# Now draw and append. A draw is a number from 0 to 1, and shares make a **ladder**: 0.2, 0.5, 0.3
# become the steps 0.2, 0.7, 1.0. The draw 0.6 lies above one step, so it picks token 1; 0.1 lies
# above none and picks token 0.
#
# The draws are passed in. The same draws give the same text, which is what you want when two ways
# of computing shall be compared.
#
# ### Exercise 4 · pick and generate · 2 points · 20 min
# The model knows `model.block_size` places: of a longer text, give it the last ones. Only the
# logits of the last place matter. `torch.inference_mode` is `no_grad` for results that
# nobody will train on.


# %% exercise="generate"
def pick(logits, draw):
    """The token on whose step of the ladder a draw lands.

    logits: (vocabulary,), perhaps with -infinity. draw: a number from 0 up to 1.
    Returns an int: how many steps (running sums of the shares) are not above the draw.

    for the shares [0.2, 0.5, 0.3]: draw 0.1 -> 0, draw 0.6 -> 1, draw 0.9 -> 2
    """
    ### BEGIN SOLUTION
    ladder = logits.double().softmax(dim=0).cumsum(dim=0)
    return (ladder <= draw).sum().item()
    ### END SOLUTION


def generate(model, tokens, draws, **filters):
    """Continue a text by one token for each draw, without gradients.

    model: (batch, length) tokens -> logits; it knows model.block_size places. tokens: (1, length),
    at least one. draws: numbers from 0 to 1. filters: handed on to filter_logits.
    Returns (1, length + number of draws): the text that was given and its continuation.
    """
    ### BEGIN SOLUTION
    with torch.inference_mode():
        for draw in draws:
            logits = model(tokens[:, -model.block_size :])[0, -1]
            chosen = pick(filter_logits(logits, **filters), draw)
            tokens = torch.cat([tokens, tokens.new_tensor([[chosen]])], dim=1)
    return tokens
    ### END SOLUTION


# %% check="generate"
check.generate(pick, generate)

# %% [markdown]
# **Predict:** what does an untrained model write?

# %% tags=["demo"]


def write(model, prompt, count, seed=0, **filters):
    """The prompt continued by so many letters."""
    given = torch.tensor([[number_of[letter] for letter in prompt]], device=device)
    draws = torch.rand(count, generator=torch.Generator().manual_seed(seed)).tolist()
    model.eval()
    written = generate(model, given, draws, **filters)[0]
    model.train()
    return "".join(letters[token] for token in written)


print(write(model, "\n", 80))

# %% [markdown]
# ## Training
#
# nanoGPT's recipe: AdamW (Adam that also pulls weights towards 0; unit 06 builds it), a learning
# rate that climbs for 100 steps and then falls along half a cosine wave, and gradients that are
# shortened when they are longer than 1 (unit 13's clipping). The recipe has 2,000 steps. The cell
# takes 1,000; write 2000 for all of them. It writes a few words at each checkpoint.

# %% tags=["demo"]
ITERATIONS = 5000 if LARGER else 1000


def learning_rate(step, iterations, highest=1e-3, lowest=1e-4, warmup=100):
    if step < warmup:
        return highest * (step + 1) / warmup
    share = (step - warmup) / (iterations - warmup)
    return lowest + 0.5 * (1 + math.cos(math.pi * share)) * (highest - lowest)


def train(model, text, iterations, after_checkpoint, stop=None, seed=0, loss_of=None):
    """Train on random pieces of text; after_checkpoint(step) is called every 200 steps."""
    generator = torch.Generator().manual_seed(seed)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    for step in range(stop or iterations):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, iterations)
        x, y = get_batch(text, model.block_size, BATCH_SIZE, generator)
        loss = (loss_of or guess_loss)(model(x.to(device)), y.to(device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 200 == 0:
            after_checkpoint(step + 1)


def guess_loss(logits, targets):
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


levels = {"table of pairs": pair_loss, "frequencies of letters": letter_loss}
live = LiveCurves(steps=ITERATIONS, examples=BATCH_SIZE, levels=levels)
val_losses = {}


def look(step):
    val_losses[step] = mean_loss(model, val_tokens, 12)
    live({"step": list(val_losses), "test_loss": list(val_losses.values())})
    words = write(model, "\n", 50, seed=1, temperature=0.8).replace("\n", " / ")
    print(f"step {step:>4}, {val_losses[step]:.2f} nats  {words}")


look(0)
train(model, train_tokens, ITERATIONS, look)

# %% tags=["demo"]
char_loss = mean_loss(model, val_tokens, 60, seed=7)
train_loss = mean_loss(model, train_tokens, 40, seed=7)
target = 2.15 if ITERATIONS < 2000 else 2.0
print(f"training part {train_loss:.2f} nats, on {device}")
print(f"Milestone: {char_loss:.2f} nats per letter on text it has never seen (target {target})")

# %% [markdown]
# All 2,000 steps were measured at 1.85 nats, on the same plays from the same seed. nanoGPT's own
# page states 1.88 for its 2,000 steps, and 1.47 for a larger model that wants a GPU (6 layers, 384
# wide, 256 letters of context, 5,000 steps: `LARGER = True`). Both were measured on another text,
# tiny Shakespeare (`data.shakespeare(full=True)`), so they stand beside ours, not against them.
#
# ## Where to draw
#
# The real shares for the next letter, from your model, and what your `filter_logits` makes of them.
# **Predict:** after *To be, or not t*, how many letters remain at top-p 0.9? And after *To be, or
# not to be: t*?

# %% tags=["demo"]
widgets.next_token(model, number_of, letters, filter_logits, device)

# %% [markdown]
# The same draws, four settings. Which would you rather read?

# %% tags=["demo"]
for settings in (
    {"top_k": 1},
    {"temperature": 0.7},
    {"temperature": 0.9, "top_p": 0.9},
    {"temperature": 1.6},
):
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    print(f"--- {said}")
    print(write(model, "Ham.\n", 110, seed=3, **settings)[5:])

# %% [markdown]
# ## Writing faster
#
# To write token number 60, `generate` reads all 59 before it again, although nothing about them has
# changed: nobody looks ahead, so their keys and values are what they were. So keep the **keys and
# values** of all tokens so far, for each block, and feed in the newest token alone: the **KV
# cache**.
#
# Two things must be right. The new query attends to all keys so far. And the newest token stands at
# its true **place**: behind those that the cache holds, not at 0. Your `GPT` sees to that.

# %% [markdown]
# ### Exercise 5 · KVCache and generate_cached · 3 points · 25 min
# `torch.cat([old, new], dim=...)` puts the new behind the old. `generate_cached` reads the whole
# prompt in its first pass and one token in each further one, with your `pick` and `filter_logits`.


# %% exercise="KVCache"
class KVCache:
    """The keys and values of all tokens so far, for one block.

    append(key, value): those of new tokens, each (batch, heads, new, d). Returns (key, value) of
    all tokens so far, the old ones first, each (batch, heads, so far, d).
    len(cache): how many tokens it holds, 0 at first.
    """

    def __init__(self):
        ### BEGIN SOLUTION
        self.key = self.value = None
        ### END SOLUTION

    def append(self, key, value):
        ### BEGIN SOLUTION
        if self.key is not None:
            key = torch.cat([self.key, key], dim=2)
            value = torch.cat([self.value, value], dim=2)
        self.key, self.value = key, value
        return key, value
        ### END SOLUTION

    def __len__(self):
        ### BEGIN SOLUTION
        return 0 if self.key is None else self.key.shape[2]
        ### END SOLUTION


def generate_cached(model, tokens, draws, **filters):
    """What `generate` writes, each token read only once.

    The arguments and the result are those of `generate`; text and continuation together fit into
    model.block_size. model(tokens, caches) takes one KVCache for each of model.blocks.
    """
    ### BEGIN SOLUTION
    caches = [KVCache() for _ in model.blocks]
    fresh = tokens
    with torch.inference_mode():
        for draw in draws:
            logits = model(fresh, caches)[0, -1]
            chosen = pick(filter_logits(logits, **filters), draw)
            fresh = tokens.new_tensor([[chosen]])
            tokens = torch.cat([tokens, fresh], dim=1)
    return tokens
    ### END SOLUTION


# %% check="KVCache"
check.KVCache(KVCache, generate_cached)

# %% [markdown]
# Is it the same text, and how much faster is it? For a clear answer, a fresh model that knows 256
# places. **Predict:** how does the time per token grow with the length, with and without a cache?

# %% tags=["demo"]
torch.manual_seed(1)
long_model = GPT(len(letters), 256, layers=4, heads=4, width=128).to(device).eval()
prompt = tokens[:1][None].to(device)
draws = torch.rand(255, generator=torch.Generator().manual_seed(5)).tolist()
texts, spent = {}, {}
for name, writer in (("without", generate), ("with", generate_cached)):
    started = time.perf_counter()
    texts[name] = writer(long_model, prompt, draws)
    spent[name] = time.perf_counter() - started
print(f"255 tokens on {device}: {spent['without']:.2f} s without a cache, {spent['with']:.2f} with")
print(f"{spent['without'] / spent['with']:.1f} times faster")

model.eval()
short = torch.tensor([[number_of[letter] for letter in "Ham.\nTo "]], device=device)
one, other = (w(model, short, draws[:56], top_p=0.9) for w in (generate, generate_cached))
model.train()
same = torch.equal(texts["without"], texts["with"]) and torch.equal(one, other)
print("the same text, token by token:", same)

# %% [markdown]
# Without a cache, writing $n$ tokens takes about $n^2/2$ readings of a token; with it, $n$. The
# price is memory: in large models the cache can outgrow the weights.
#
# ## Word pieces
#
# 64 letters of context are ten words. Tokens that are whole words would reach further, but there is
# always a word that is missing from the list. Between them: **byte-pair encoding** (BPE). Begin
# with the 256 bytes, with which any text can be written. Then again and again make the **most
# frequent pair** of neighbours a token of its own. **Predict** the winner here:

# %% tags=["demo", "nbval-check-output"]
neighbours = Counter()
for word, count in {"low": 5, "lower": 2, "newest": 6, "widest": 3}.items():
    for two in zip(word, word[1:], strict=False):
        neighbours[two] += count
for two, count in neighbours.most_common(4):
    print(*two, count, "times; as bytes", *map(ord, two))

# %% [markdown]
# A **tie**. The rule: the pair with the smaller first number wins, then the one with the smaller
# second. So (101, 115), *es*, becomes token 256. Then (256, 116) is most frequent: *est*.

# %% [markdown]
# ### Exercise 6 · merge and train_bpe · 3 points · 30 min
# `merge` goes from left to right. In a run of three equal tokens, the first two are merged and the
# third is left over. `word.encode()` gives a text's bytes, `zip(tokens, tokens[1:])` its pairs, and
# `Counter()` counts: `pairs[pair] += 3`.


# %% exercise="train_bpe"
def merge(tokens, pair, number):
    """The tokens with every occurrence of a pair replaced by one number.

    tokens: a list of ints; it stays as it is. pair: a tuple of two ints. Returns a new list.

    merge([1, 2, 3, 1, 2], (1, 2), 256) -> [256, 3, 256]; merge([7, 7, 7], (7, 7), 256) -> [256, 7]
    """
    ### BEGIN SOLUTION
    merged, place = [], 0
    while place < len(tokens):
        if tuple(tokens[place : place + 2]) == pair:
            merged.append(number)
            place += 2
        else:
            merged.append(tokens[place])
            place += 1
    return merged
    ### END SOLUTION


def train_bpe(counts, merges):
    """The pairs that byte-pair encoding merges, in the order of learning.

    counts: dict from a word to how often it occurs. Pairs never reach across words.
    merges: how many to learn; the words have at least as many different pairs to offer.
    Each time, the pair that occurs most often wins (a word that occurs 5 times counts 5 times;
    pairs that overlap all count). Ties: the smaller first number, then the smaller second.
    Returns a list of tuples of two ints. The first pair becomes token 256, the next 257, and so on.

    train_bpe({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 2) -> [(101, 115), (256, 116)]
    """
    ### BEGIN SOLUTION
    words = [(word.encode(), count) for word, count in counts.items()]
    learned = []
    for number in range(256, 256 + merges):
        pairs = Counter()
        for tokens, count in words:
            for pair in zip(tokens, tokens[1:], strict=False):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], -pair[0], -pair[1]))
        learned.append(best)
        words = [(merge(tokens, best, number), count) for tokens, count in words]
    return learned
    ### END SOLUTION


# %% check="train_bpe"
check.train_bpe(merge, train_bpe)

# %% [markdown]
# Reading and writing with them. To encode: the text's bytes, then every merge in the order in which
# it was learned. To decode: the bytes of each token, joined, then turned into text. Join first: one
# letter such as *é* has two bytes, and they may lie in different tokens.
#
# ### Exercise 7 · encode and decode · 2 points · 20 min
# `enumerate(merges, start=...)` counts along. `bytes([101])` is one byte, `b"".join(parts)` joins,
# and `.decode("utf-8", errors="replace")` makes text; bytes that are half a letter become "�".


# %% exercise="encode"
def encode(text, merges):
    """A text as a list of token numbers.

    text: a string. merges: pairs of ints, as train_bpe returns them.

    with merges [(108, 111), (256, 119)]: encode("low lot", merges) -> [257, 32, 256, 116]
    """
    ### BEGIN SOLUTION
    tokens = list(text.encode())
    for number, pair in enumerate(merges, start=256):
        tokens = merge(tokens, pair, number)
    return tokens
    ### END SOLUTION


def decode(tokens, merges):
    """The text that a list of token numbers stands for; "�" where bytes are half a letter.

    decode(encode(text, merges), merges) is text again, for any text.
    """
    ### BEGIN SOLUTION
    known = [bytes([byte]) for byte in range(256)]
    for first, second in merges:
        known.append(known[first] + known[second])
    return b"".join(known[token] for token in tokens).decode("utf-8", errors="replace")
    ### END SOLUTION


# %% check="encode"
check.encode(encode, decode)

# %% [markdown]
# From Shakespeare's words: which pairs come first? As in GPT-2, the text is cut into words with the
# blank before them, and signs; merges stay inside. **Predict** the first three, then run.

# %% tags=["demo"]


def pieces(text):
    """Words with the blank before them, signs, line breaks; together they are the text."""
    return re.findall(r" ?[\w']+| ?[^\w\s]+|\s", text)


MERGES = 144
frequent = dict(Counter(pieces(text[:cut])).most_common(2500))
merges = train_bpe(frequent, MERGES)
shown = [decode([256 + number], merges) for number in range(MERGES)]
print("first merges:", " ".join(repr(piece) for piece in shown[:16]))
print("longest:     ", " ".join(repr(piece) for piece in sorted(shown, key=len)[-10:]))
sentence = "To be, or not to be: that is the question. Größe, naïve, 火"
cut_up = [encode(piece, merges) for piece in pieces(sentence)]
print("cut up:      ", "|".join(decode([t], merges) for piece in cut_up for t in piece))
print("there and back:", "".join(decode(piece, merges) for piece in cut_up) == sentence)

# %% [markdown]
# Letters that Shakespeare never used fall into their bytes, shown as "�" one by one; joined, they
# are whole again.
#
# ## Which alphabet is better?
#
# A loss per token can't be compared: a word piece is harder to guess than a letter, and there are
# fewer of them. Compare by what both must describe, the text: **bits per character**,
#
# $$\text{bits per character}=\frac{\text{nats per token}}{\ln 2}\cdot
# \frac{\text{tokens}}{\text{characters}}$$
#
# **Predict, then run:** 200 steps with word pieces against 200 steps with letters (the checkpoint
# above). Same blocks, same steps, same 64 tokens of context.

# %% tags=["demo"]
known_pieces = {}


def encode_all(text):
    """A long text, each different piece encoded once."""
    numbers = []
    for piece in pieces(text):
        if piece not in known_pieces:
            known_pieces[piece] = encode(piece, merges)
        numbers += known_pieces[piece]
    return torch.tensor(numbers)


bpe_train, bpe_val = encode_all(text[cut - 400_000 : cut]), encode_all(text[cut : cut + 60_000])
per_character = len(bpe_val) / 60_000
torch.manual_seed(0)
bpe_model = GPT(256 + MERGES, BLOCK_SIZE, **SIZE).to(device)
first_loss = mean_loss(bpe_model, bpe_val, 5)
train(bpe_model, bpe_train, ITERATIONS, lambda step: None, stop=200)
bpe_loss = mean_loss(bpe_model, bpe_val, 40)
bits = {
    "letters": val_losses[200] / math.log(2),
    "word pieces": bpe_loss / math.log(2) * per_character,
}
print(f"first loss {first_loss:.2f}, ln({256 + MERGES}) = {math.log(256 + MERGES):.2f}")
print(
    f"letters:     {val_losses[200]:.2f} nats per token, {bits['letters']:.2f} bits per character"
)
print(
    f"word pieces: {bpe_loss:.2f} nats per token, {1 / per_character:.2f} characters per token, "
    f"{bits['word pieces']:.2f} bits per character"
)

# %% [markdown]
# At the same number of steps, word pieces are ahead: 64 of them hold 1.7 times as much text, and
# what the merges know need not be learned. Letters catch up with training: after 1,000 steps they
# reached 3.06 bits (2.12 nats). Where do word pieces stand then? Take out `stop=200` and see. Large
# models have 50,000 to 200,000 tokens.
#
# ## Debug me
#
# One line of this loss function is wrong. No error, and the loss falls, but it stops at the figure
# of the letters' frequencies: the model learns which letters there are and never which follows
# which. Find it before you open the answer.

# %% tags=["demo"]


def broken_loss(logits, targets):
    guesses = logits.flatten(0, 1)
    answers = targets.T.flatten()
    return nn.functional.cross_entropy(guesses, answers)


torch.manual_seed(0)
confused = GPT(len(letters), BLOCK_SIZE, layers=2, heads=4, width=64).to(device)
train(confused, train_tokens, 200, lambda step: None, loss_of=broken_loss)
print(f"after 200 steps: {mean_loss(confused, val_tokens, 10):.2f} nats; ", end="")
print(f"frequencies of letters alone: {letter_loss:.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# `.T`. The guesses are laid out row by row: all places of the first piece, then all of the second.
# The transposed targets come column by column: the first place of every piece, then the second. So
# almost every guess is compared with a letter from another piece. All shapes fit. A loss that stops
# at the figure of a known baseline says what the model can see: here, only frequencies.
# </details>
#
# ## What you learned
# - A language model gives every possible next token a share; to write is to draw, append, repeat.
# - The targets are the inputs one place further on; the first loss should be ln(vocabulary).
# - Temperature, top-k and top-p reshape the shares; the crossing token is kept.
# - Keys and values of old tokens never change, so a cache makes writing fast, and exact.
# - BPE grows an alphabet from bytes by merging the most frequent pair; compare in bits per
#   character.

# %% [markdown]
# ## Common mistakes
# - **Targets not shifted.** The loss falls to nothing: the answer was in the question.
# - **top-p that drops the crossing token**, and so keeps nothing where the model is sure.
# - **A cached token at place 0.** Right for one token, then nonsense.
# - **Softmax inside the model.** The loss does its own.
# - **Merges in the order of fit** instead of the order of learning: another cut, other tokens.
# - **Losses per token compared across alphabets.**

# %% [markdown]
# ## Where it is used
# GPT-2, Llama, Mistral and their relatives are this model with more blocks, more text and a few
# better parts (rotary positions, RMSNorm, grouped keys). Chatbots are such models trained further
# on conversations and on people's judgement of answers. The same code completes programs and writes
# music, where the tokens are notes.
#
# | | yours | GPT-2, small | GPT-3 |
# |---|---|---|---|
# | blocks, heads, width | 4, 4, 128 | 12, 12, 768 | 96, 96, 12,288 |
# | parameters | 0.8 million | 124 million | 175,000 million |
# | context | 64 letters | 1,024 tokens | 2,048 tokens |

# %% [markdown]
# ## Think about it
# Your model writes words that Shakespeare never used and that sound like him. Is a loss of 1 nat
# possible, however long you train? What does the loss of a perfect reader measure? And whose text
# is it that the model writes? (Not graded.)
#
# ## Next
# Nobody trains from scratch when a large model is there to stand on. **Unit 18, pretrained**, uses
# BERT, GPT and their relatives as they are, and tunes them with little data.
