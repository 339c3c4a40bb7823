"""Unit 17: the exercises, their cases, and the mistakes people make in them.

Every random draw that a learner's function needs comes from the case, so that a text can be
compared letter by letter. `chainrule.gpt.probes` drives the models.
"""

import math
from collections import Counter

import numpy as np
import torch
from torch import nn

from autograde.declare import case, close, exercise, law, unit
from chainrule.gpt import laws

unit(title="How does a machine learn to write?", packages=["torch"])


# --- get_batch -----------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=law(laws.get_batch),
    minutes=15,
    hints=[
        "A text of 10 tokens, pieces of 4: at which places can a piece begin, if the token after "
        "its last one is needed as well?",
        "Two tables of (batch_size, block_size); the second is the first, one place further on.",
        "draw batch_size starts; cut out text from start to start + block_size for the inputs, and "
        "from start + 1 to start + block_size + 1 for the targets; stack each",
    ],
)
def get_batch(rng):
    yield case("the example", np.array([5, 6, 7, 8]), 3, 2, 0, looks_at="shifted", weight=0)
    yield case("pieces of the text", *a_text(rng, 2000, 6, 3), looks_at="windows")
    yield case("targets one place further on", *a_text(rng, 2000, 4, 3), looks_at="shifted")
    yield case("every place of the text", *a_text(rng, 12, 5, 4), looks_at="every place")
    yield case("each row begins elsewhere", *a_text(rng, 2000, 3, 4), looks_at="rows differ")
    yield case("the generator decides", *a_text(rng, 2000, 5, 3), looks_at="repeatable")
    yield case("more rows than places", *a_text(rng, 7, 5, 4), looks_at="shifted")


def a_text(rng, length, block_size, batch_size):
    """Tokens that are all different, so that each tells where it stands."""
    tokens = rng.permutation(3000)[:length] + 10
    return tokens, block_size, batch_size, int(rng.integers(1, 10_000))


TARGETS = "text[start + 1 : start + block_size + 1] for start in starts"

get_batch.mistake(
    "Your targets are the inputs themselves. The target of a token is the one after it: shift by "
    "one.",
    replace=(TARGETS, "text[start : start + block_size] for start in starts"),
)
get_batch.mistake(
    "Your targets are two places further on. One is enough.",
    replace=(
        TARGETS,
        "text[(start + 2 + torch.arange(block_size)) % len(text)] for start in starts",
    ),
)
get_batch.mistake(
    "Your targets are the tokens before the inputs. The model should guess what comes after.",
    replace=(
        TARGETS,
        "text[(start - 1 + torch.arange(block_size)) % len(text)] for start in starts",
    ),
)
get_batch.mistake(
    "The first start never occurs: randint's lowest number is 0 unless told otherwise.",
    replace=(
        "torch.randint(len(text) - block_size,",
        "torch.randint(1, len(text) - block_size,",
    ),
)
get_batch.mistake(
    "The last start never occurs. With length n and pieces of b, starts go from 0 to n - b - 1, "
    "and randint leaves out its upper end itself.",
    replace=(
        "torch.randint(len(text) - block_size,",
        "torch.randint(len(text) - block_size - 1,",
    ),
)
get_batch.mistake(
    "A start can lie so late that the last target is missing: the pieces then have different "
    "lengths. Leave room for one token more.",
    replace=(
        "torch.randint(len(text) - block_size,",
        "torch.randint(len(text) - block_size + 1,",
    ),
)
get_batch.mistake(
    "You draw from PyTorch's own generator. Use the one that is passed in.",
    replace=(", generator=generator", ""),
)
get_batch.mistake(
    "You set the seed inside, so every batch is the same.",
    replace=("generator=generator", "generator=torch.Generator().manual_seed(0)"),
)
get_batch.mistake(
    "All rows begin at the same place.",
    replace=(
        "(batch_size,), generator=generator)",
        "(1,), generator=generator).repeat(batch_size)",
    ),
)
get_batch.mistake(
    "Inputs and targets have changed places.",
    replace=("return torch.stack(x), torch.stack(y)", "return torch.stack(y), torch.stack(x)"),
)
get_batch.mistake(
    "Your tables lie on their side: (block_size, batch_size).",
    replace=(
        "return torch.stack(x), torch.stack(y)",
        "return torch.stack(x, dim=1), torch.stack(y, dim=1)",
    ),
)


get_batch.mistake(
    "No two of your rows begin at the same place (randperm), so a short text has too few places. "
    "Draw each start by itself.",
    replace=(
        "torch.randint(len(text) - block_size, (batch_size,), generator=generator)",
        "torch.randperm(len(text) - block_size, generator=generator)[:batch_size]",
    ),
)


@get_batch.alternative("places by broadcasting")
def get_batch(text, block_size, batch_size, generator):
    starts = torch.randint(0, len(text) - block_size, (batch_size, 1), generator=generator)
    places = starts + torch.arange(block_size)
    return text[places], text[places + 1]


@get_batch.alternative("one start after the other, pieces of one more, then cut")
def get_batch(text, block_size, batch_size, generator):
    pieces = []
    for _ in range(batch_size):
        start = torch.randint(len(text) - block_size, (), generator=generator).item()
        pieces.append(text[start : start + block_size + 1])
    table = torch.stack(pieces)
    return table[:, :-1], table[:, 1:]


# --- GPT -----------------------------------------------------------------------------------------


def gpt_weights(rng, vocabulary, block_size, layers, heads, width):
    """All arrays of a model, under the names of the docstring and of the given Block."""
    drawn = {
        "tokens.weight": rng.normal(size=(vocabulary, width)),
        "positions.weight": rng.normal(size=(block_size, width)),
    }
    for number in range(layers):
        name = f"blocks.{number}."
        drawn |= norm(rng, name + "norm_1", width) | norm(rng, name + "norm_2", width)
        drawn |= linear(rng, name + "parts", width, 3 * width)
        drawn |= linear(rng, name + "mix", width, width)
        drawn |= linear(rng, name + "hidden", width, 4 * width)
        drawn |= linear(rng, name + "output", 4 * width, width)
    return drawn | norm(rng, "norm", width)


def linear(rng, name, inputs, outputs):
    return {
        f"{name}.weight": rng.normal(size=(outputs, inputs)) / np.sqrt(inputs),
        f"{name}.bias": rng.normal(size=outputs) / 2,
    }


def norm(rng, name, width):
    return {
        f"{name}.weight": rng.uniform(0.5, 2, size=width),
        f"{name}.bias": rng.normal(size=width) / 2,
    }


@exercise(
    points=4,
    compare=close(),
    minutes=30,
    hints=[
        "With three tokens in the caches, at which place does the first new token stand?",
        "(batch, length) tokens become (batch, length, width), keep that shape through all blocks, "
        "and end as (batch, length, vocabulary).",
        "__init__: two embeddings, the blocks in an nn.ModuleList, a norm, the output layer; share "
        "the weight; start_small. forward: token rows plus place rows; block after block, each "
        "with its own cache; norm; output layer",
    ],
)
def GPT(rng):
    sizes = [5, 4, 1, 1, 2]
    zero = {name: array * 0 for name, array in gpt_weights(rng, *sizes).items()}
    yield case("the example", sizes, zero, np.array([[3, 1]]), looks_at="logits", weight=0)
    sizes = [int(rng.choice([7, 11, 13])), int(rng.choice([5, 6, 9])), 2, 2, 4]
    text = rng.integers(0, 7, size=(1, 3))
    yield case("__init__: the layers", sizes, {}, text, looks_at="layers")
    sizes = [int(rng.integers(60, 90)), 24, 2, 4, 64]
    text = rng.integers(0, 60, size=(16, 25))
    yield case(
        "__init__: the loss starts at ln(vocabulary)", sizes, {}, text, looks_at="first loss"
    )
    sizes = [int(rng.choice([7, 11, 13])), 5, 3, 1, 2]
    dropped = float(rng.uniform(0.05, 0.5))
    yield case(
        "__init__: the blocks' dropout", sizes, {}, text, looks_at="dropout", dropout=dropped
    )
    yield case("forward: one token", *a_model(rng, [9, 5, 1, 2, 4], (1, 1)), looks_at="logits")
    yield case("forward: a batch", *a_model(rng, [8, 6, 1, 1, 6], (3, 6)), looks_at="logits")
    yield case("forward: two blocks", *a_model(rng, [11, 7, 2, 2, 4], (2, 4)), looks_at="logits")
    held = [[rng.normal(size=(2, 2, 3, 2)) for _ in range(2)] for _ in range(2)]
    given = a_model(rng, [9, 8, 2, 2, 4], (2, 2))
    yield case("forward: continued from caches", *given, looks_at="logits", caches=held)
    held = [[rng.normal(size=(1, 1, 4, 4)) for _ in range(2)]]
    given = a_model(rng, [7, 6, 1, 1, 4], (1, 1))
    yield case("forward: one block, one cache", *given, looks_at="logits", caches=held)
    yield case("backward: gradients", *a_model(rng, [6, 5, 1, 2, 4], (2, 5)), looks_at="gradients")


def a_model(rng, sizes, shape):
    return sizes, gpt_weights(rng, *sizes), rng.integers(0, sizes[0], size=shape)


GPT.mistake(
    "With caches, your places start at 0 again. The new tokens continue a text: they stand behind "
    "those that the caches hold.",
    replace=("len(caches[0]) if caches else 0", "0"),
)
GPT.mistake(
    "Your model does not know places: the position rows are never added.",
    replace=("self.tokens(tokens) + self.positions(places)", "self.tokens(tokens)"),
)
GPT.mistake(
    "The caches are not handed to the blocks.",
    replace=("x = block(x, cache)", "x = block(x)"),
)
GPT.mistake(
    "Your model ends in a softmax. The loss does its own: return the plain scores.",
    replace=(
        "return self.logits(self.norm(x))",
        "return self.logits(self.norm(x)).softmax(dim=-1)",
    ),
)
GPT.mistake(
    "The last norm is never used.",
    replace=("self.logits(self.norm(x))", "self.logits(x)"),
)
GPT.mistake(
    "Places are added before every block. Once, at the beginning, is enough: the sums carry them "
    "on.",
    replace=("x = block(x, cache)", "x = block(x + self.positions(places), cache)"),
)
GPT.mistake(
    "The output layer has a table of its own. Here its weight is the very one of "
    "the embedding, self.tokens.",
    replace=("        self.logits.weight = self.tokens.weight\n", ""),
)
GPT.mistake(
    "Your first loss is far from ln(vocabulary): the weights start too large, and the model is "
    "sure of itself before it has seen anything. start_small makes them small.",
    replace=("start_small(self)", "pass"),
)
GPT.mistake(
    "PyTorch finds no parameters in your blocks: a plain list hides them. Put them into an "
    "nn.ModuleList.",
    replace=(
        "nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))",
        "[Block(width, heads, dropout) for _ in range(layers)]",
    ),
)
GPT.mistake(
    "All your blocks are one and the same: made once, and listed several times.",
    replace=(
        "nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))",
        "nn.ModuleList([Block(width, heads, dropout)] * layers)",
    ),
)
GPT.mistake(
    "Your output layer has a bias. Here it has none.",
    replace=(", bias=False", ""),
)
GPT.mistake(
    "The table of places has a row for each token of the vocabulary. It needs one for each of "
    "block_size places.",
    replace=("nn.Embedding(block_size, width)", "nn.Embedding(vocabulary, width)"),
)


GPT.mistake(
    "The dropout does not reach the blocks. Block takes it as its third argument.",
    replace=("Block(width, heads, dropout)", "Block(width, heads)"),
)
GPT.mistake(
    "caches may be None: then each block is given None.",
    replace=("caches or [None] * len(self.blocks)", "caches"),
)
GPT.mistake(
    "The last block comes first. Walk through self.blocks in their order.",
    replace=("zip(self.blocks, ", "zip(reversed(self.blocks), "),
)
GPT.mistake(
    "You return the scores of the last place alone. Every place guesses its next token.",
    replace=("return self.logits(self.norm(x))", "return self.logits(self.norm(x))[:, -1]"),
)


@GPT.alternative("loops by number, the output as a product with the embedding's table")
class GPT(nn.Module):
    def __init__(self, vocabulary, block_size, layers, heads, width, dropout=0.0):
        super().__init__()
        self.block_size = block_size
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(block_size, width)
        self.blocks = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        start_small(self)

    def forward(self, tokens, caches=None):
        first = 0 if caches is None else len(caches[0])
        length = tokens.size(1)
        x = self.tokens.weight[tokens] + self.positions.weight[first : first + length]
        for number in range(len(self.blocks)):
            x = self.blocks[number](x, caches[number] if caches is not None else None)
        return self.norm(x) @ self.tokens.weight.T


GPT.alternative(
    "places added as a row for the whole batch",
    replace=("self.positions(places)", "self.positions(places)[None]"),
)


GPT.equivalent(
    "nn.Linear(width, vocabulary, bias=False)",
    "nn.Linear(vocabulary, width, bias=False)",
    why="its weight is replaced by the embedding's in the next line",
)
GPT.equivalent("strict=True", "strict=False", why="there are as many caches as blocks")


# --- filter_logits -------------------------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=30,
    hints=[
        "Shares 0.5, 0.3, 0.2 and top_p 0.7: together with which token is 0.7 reached?",
        "The same shape; what is dropped is minus infinity, what stays is logits / temperature.",
        "divide; then drop what is below the k-th largest; then sort downwards, softmax, running "
        "sum, and drop each token before which the sum has already reached top_p",
    ],
)
def filter_logits(rng):
    yield case("the example", np.array([2.0, 4.0, 1.0]), temperature=2.0, top_k=2, weight=0)
    given = distinct(rng, 7)
    yield case("temperature", given, temperature=float(rng.uniform(0.3, 0.7)))
    yield case("top-k", distinct(rng, 10), top_k=int(rng.integers(3, 6)))
    yield case("top-k of one", distinct(rng, 6), top_k=1)
    logits, top_p = with_margin(rng, 8, kept=(3, 4))
    yield case("top-p", logits, top_p=top_p)
    logits = distinct(rng, 6)
    shares = np.exp(logits) / np.exp(logits).sum()
    yield case("top-p below the largest share", logits, top_p=float(0.6 * shares.max()))
    logits, top_p, temperature = warm(rng)
    yield case("temperature before top-p", logits, temperature=temperature, top_p=top_p)
    logits, top_k, top_p = crowded(rng)
    yield case("top-k before top-p", logits, top_k=top_k, top_p=top_p)


def distinct(rng, size):
    """Logits in random order, no two close to each other, the smallest in front."""
    rising = np.cumsum(rng.uniform(0.3, 0.8, size=size)) - size / 4
    return np.concatenate([rising[:1], rng.permutation(rising[1:])])


def kept_by(logits, top_p):
    """How many tokens top-p keeps, and how far top_p is from changing that."""
    shares = np.sort(np.exp(logits) / np.exp(logits).sum())[::-1]
    sums = shares.cumsum()
    return int(np.sum(sums - shares < top_p)), float(np.abs(sums - top_p).min())


def with_margin(rng, size, kept):
    """Logits and a top_p that keeps so many, not by a hair, and whose last token stands apart."""
    while True:
        logits, top_p = distinct(rng, size), float(rng.uniform(0.5, 0.9))
        count, margin = kept_by(logits, top_p)
        if count in kept and margin > 0.02:
            return logits, top_p


def warm(rng):
    """top_p keeps another number of tokens with the temperature than without."""
    while True:
        logits, top_p = with_margin(rng, 8, kept=(2, 3, 4))
        temperature = float(rng.uniform(1.8, 2.6))
        with_it, margin = kept_by(logits / temperature, top_p)
        if with_it > kept_by(logits, top_p)[0] and with_it < 8 and margin > 0.02:
            return logits, top_p, temperature


def crowded(rng):
    """top_p keeps fewer of the k largest than it would keep of all, or of any other choice."""
    while True:
        rising = np.cumsum(rng.uniform(0.05, 0.3, size=10))
        logits = np.concatenate([rising[:1], rng.permutation(rising[1:])])
        top_k, top_p = int(rng.integers(4, 6)), float(rng.uniform(0.4, 0.7))
        of_k, margin = kept_by(rising[-top_k:], top_p)
        one_fewer, fewer_margin = kept_by(rising[1 - top_k :], top_p)
        one_more, more_margin = kept_by(rising[-1 - top_k :], top_p)
        others = [rising, rising[top_k - 1 :], np.where(rising < rising[-top_k], 0, rising)]
        counts, margins = zip(*(kept_by(other, top_p) for other in others), strict=True)
        clear = min(margin, fewer_margin, more_margin, *margins) > 0.01
        alike = of_k == one_fewer == one_more
        if clear and alike and 1 < of_k < top_k and of_k not in counts:
            return logits, top_k, top_p


filter_logits.mistake(
    "You multiply by the temperature. A high temperature should make shares more alike: divide.",
    replace=("logits = logits / temperature", "logits = logits * temperature"),
)
filter_logits.mistake(
    "The token that crosses the line is dropped, so less than top_p remains, and nothing at all "
    "when the first token alone is larger. Keep a token if the sum BEFORE it is below top_p.",
    replace=("before >= top_p", "before + shares >= top_p"),
)
filter_logits.mistake(
    "top-k keeps one token too few: the k-th itself is dropped.",
    replace=("logits < smallest", "logits <= smallest"),
)
filter_logits.mistake(
    "You keep the k smallest.",
    replace=("logits.topk(top_k)", "logits.topk(top_k, largest=False)"),
)
filter_logits.mistake(
    "You sort upwards, so top-p gathers the most improbable tokens first.",
    replace=("logits.sort(descending=True)", "logits.sort()"),
)
filter_logits.mistake(
    "After sorting, place 0 is not token 0 any more. `order` says which token stands where.",
    replace=("order[before >= top_p]", "torch.arange(len(logits))[before >= top_p]"),
)
filter_logits.mistake(
    "Dropped tokens get the logit 0, and e to the power of 0 is 1. Which logit has the share 0?",
    replace=("masked_fill(logits < smallest, -math.inf)", "masked_fill(logits < smallest, 0.0)"),
)
filter_logits.mistake(
    "You return shares. Logits are asked for; whoever draws does the softmax.",
    replace=("    return logits\n", "    return logits.softmax(dim=0)\n"),
)
filter_logits.mistake(
    "Running sums of logits mean nothing. Which shares belong to them?",
    replace=("ordered.softmax(dim=0)", "ordered"),
)
filter_logits.mistake(
    "The temperature does nothing.",
    replace=("logits = logits / temperature", "logits = logits.clone()"),
)


@filter_logits.mistake(
    "top-p is applied before the temperature. Divide first: the shares that top-p adds up are "
    "those that will be drawn from."
)
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    logits = logits.clone()
    if top_k is not None:
        smallest = logits.topk(top_k).values[-1]
        logits = logits.masked_fill(logits < smallest, -math.inf)
    if top_p is not None:
        ordered, order = logits.sort(descending=True)
        shares = ordered.softmax(dim=-1)
        before = shares.cumsum(dim=-1) - shares
        logits = logits.index_fill(0, order[before >= top_p], -math.inf)
    return logits / temperature


@filter_logits.mistake(
    "top-p adds up the shares of all tokens, also of those that top-k has dropped. Softmax comes "
    "after top-k."
)
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    logits = logits / temperature
    everything = logits
    if top_k is not None:
        smallest = logits.topk(top_k).values[-1]
        logits = logits.masked_fill(logits < smallest, -math.inf)
    if top_p is not None:
        ordered, order = everything.sort(descending=True)
        shares = ordered.softmax(dim=-1)
        before = shares.cumsum(dim=-1) - shares
        logits = logits.index_fill(0, order[before >= top_p], -math.inf)
    return logits


@filter_logits.mistake(
    "You write into the logits that you were given; their owner still needs them. Work on a copy."
)
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    logits /= temperature
    if top_k is not None:
        logits[logits < logits.topk(top_k).values[-1]] = -math.inf
    if top_p is not None:
        ordered, order = logits.sort(descending=True)
        shares = ordered.softmax(dim=-1)
        logits[order[shares.cumsum(dim=-1) - shares >= top_p]] = -math.inf
    return logits


filter_logits.mistake(
    "The token that crosses the line is dropped, so less than top_p remains. Keep a token if the "
    "sum BEFORE it is below top_p.",
    replace=("order[before >= top_p]", "order[1:][(before + shares)[1:] >= top_p]"),
)
filter_logits.mistake(
    "top-k keeps one token too many.",
    replace=("logits.topk(top_k).values[-1]", "logits.sort(descending=True).values[top_k]"),
)
filter_logits.mistake(
    "You return the logits in sorted order. Each token keeps its own place.",
    replace=(
        "logits = logits.index_fill(0, order[before >= top_p], -math.inf)",
        "logits = ordered.masked_fill(before >= top_p, -math.inf)",
    ),
)


@filter_logits.alternative("a table of what stays, by rank")
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    scaled = logits / temperature
    order = torch.argsort(scaled, descending=True)
    keep = torch.ones_like(scaled, dtype=torch.bool)
    if top_k is not None:
        keep[order[top_k:]] = False
    if top_p is not None:
        shares = torch.softmax(scaled.masked_fill(~keep, float("-inf")), dim=0)
        total = 0.0
        for token in order.tolist():
            if total >= top_p:
                keep[token] = False
            total += float(shares[token])
    return torch.where(keep, scaled, torch.tensor(float("-inf"), dtype=scaled.dtype))


@filter_logits.alternative("the mask shifted by one and scattered back, as in Hugging Face")
def filter_logits(logits, temperature=1.0, top_k=None, top_p=None):
    logits = logits / temperature
    if top_k:
        logits = logits.masked_fill(logits < torch.topk(logits, top_k)[0][..., -1, None], -math.inf)
    if top_p:
        ordered, order = torch.sort(logits, descending=True)
        remove = ordered.softmax(dim=-1).cumsum(dim=-1) > top_p
        remove[1:] = remove[:-1].clone()
        remove[0] = False
        logits = logits.masked_fill(remove.scatter(0, order, remove), -math.inf)
    return logits


filter_logits.equivalent(
    "before >= top_p", "before > top_p", why="a sum of shares never equals top_p to the last bit"
)


# --- generate ------------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    symbols=["pick", "generate"],
    uses=["filter_logits"],
    minutes=20,
    hints=[
        "Shares 0.2, 0.5, 0.3 make a ladder 0.2, 0.7, 1.0. On which step does the draw 0.6 land?",
        "pick returns an int. generate returns (1, length + as many tokens as there are draws).",
        "pick: softmax, running sum, count the steps that are not above the draw. generate: "
        "without "
        "gradients, for each draw: the last block_size tokens through the model; logits of "
        "the last "
        "place; filter; pick; append",
    ],
)
def generate(rng):
    thirds = np.log(np.array([0.2, 0.5, 0.3]))
    yield case("the example", "pick", np.array([0.1, 0.6, 0.9]), logits=thirds, weight=0)
    logits = distinct(rng, 6)
    yield case("pick: six draws", "pick", between_steps(rng, logits, 6), logits=logits)
    dropped = logits.copy()
    dropped[[int(np.argmin(logits)), int(np.argsort(logits)[2])]] = -np.inf
    yield case("pick: dropped tokens", "pick", between_steps(rng, dropped, 6), logits=dropped)
    first = distinct(rng, 7)
    first[: int(rng.integers(1, 4))] = -np.inf
    lowest = np.concatenate([[0.0], between_steps(rng, first, 5)])
    yield case("pick: the draw 0, the first tokens dropped", "pick", lowest, logits=first)
    wrong = DRAWN_WRONG + READ_WRONG
    given = steady(rng, 4, 1, 9, wrong=wrong)
    yield case("generate: one token", "text", block_size=9, **given)
    given = steady(rng, 3, 5, 12, wrong=wrong)
    yield case("generate: five tokens", "text", block_size=12, **given)
    given = steady(rng, 6, 4, 4, wrong=wrong)
    yield case("generate: longer than block_size", "text", block_size=4, **given)
    settings = {"temperature": 0.5, "top_k": 3}
    given = steady(rng, 3, 5, 12, settings, wrong)
    yield case("generate: with filters", "text", block_size=12, settings=settings, **given)
    given = steady(rng, 2, 3, 9, wrong=wrong)
    yield case("generate: no gradients", "gradients", block_size=9, **given)


def between_steps(rng, logits, count):
    """Draws that each land on a step, none near its edge; at least three different steps."""
    shares = np.exp(logits - logits.max())
    ladder = np.cumsum(shares / shares.sum())
    while True:
        draws = rng.uniform(0.02, 0.98, size=count)
        steps = np.sum(ladder <= draws[:, None], axis=1)
        if np.abs(ladder - draws[:, None]).min() > 0.003 and len(set(steps.tolist())) >= 3:
            return draws


def steady(rng, length, count, block_size, settings=None, wrong=()):
    """A table for the probe's model, a text to continue and a draw for each new token.

    No draw lands near the edge of a step, and every wrong way of writing gives another text.
    """
    settings = settings or {}
    while True:
        given = {
            "table": 2 * rng.normal(size=(7, 7)),
            "tokens": rng.integers(0, 7, size=(1, length)),
            "draws": rng.uniform(0.02, 0.98, size=count),
        }
        ways = [follow(given, block_size, settings, shift=shift) for shift in (0, 2e-3, -2e-3)]
        if ways[0] != ways[1] or ways[0] != ways[2]:
            continue
        others = [follow(given, block_size, settings, kind) for kind in wrong]
        if settings:
            others.append(follow(given, block_size, {}))
        if ways[0] not in others:
            return given


DRAWN_WRONG = ("greedy", "one lower", "above", "no sums")
READ_WRONG = ("first place", "last token")
CACHED_WRONG = ("last row", "twice")
CACHED_LATER = ("forgets", "first part", "heads")


def seen_by(kind, text, length, block_size):
    """The tokens and their places that a way of writing makes its logits from."""
    written = len(text) - length
    window = list(enumerate(text[-block_size:]))
    if kind == "first place":
        return window[:1]
    if kind == "last token" or (kind == "forgets" and written):
        return [(0, text[-1])]
    if kind == "first part" and written:
        return [*window[:length], (length, text[-1])]
    if kind == "heads":
        return [(place if place < length else 1, token) for place, token in window]
    if kind == "last row":
        return window[-1:]
    if kind == "twice":  # one cache for two blocks: all is held twice, and places count double
        doubled = [pair for pair in window[:length] for _ in range(2)]
        for token in text[length:]:
            doubled += [(len(doubled), token)] * 2
        return doubled
    return window


def follow(given, block_size, settings, kind="right", shift=0.0):
    """The text that a right answer, or a wrong one of some kind, writes with these draws."""
    text = given["tokens"][0].tolist()
    length = len(text)
    for draw in given["draws"] + shift:
        seen = seen_by(kind, text, length, block_size)
        logits = sum(given["table"][token] * np.cos(place) for place, token in seen)
        logits = logits / settings.get("temperature", 1.0)
        if "top_k" in settings:
            logits = np.where(logits < np.sort(logits)[-settings["top_k"]], -np.inf, logits)
        shares = np.exp(logits - logits.max())
        shares = shares / shares.sum()
        ladder = np.cumsum(shares)
        step = int(np.sum(ladder[:-1] <= draw))
        steps = {
            "greedy": int(np.argmax(logits)),
            "one lower": max(step - 1, 0),
            "above": min(int(np.sum(ladder > draw)), 6),
            "no sums": min(int(np.sum(shares <= draw)), 6),
        }
        text.append(steps.get(kind, step))
    return text


generate.mistake(
    "You always take the most probable token. The draw decides: which step of the ladder does it "
    "land on?",
    replace=("(ladder <= draw).sum().item()", "int(logits.argmax())"),
)
generate.mistake(
    "You land one step too low. Count the steps that are not above the draw; the token has that "
    "number, because numbers begin with 0.",
    replace=("(ladder <= draw).sum().item()", "max((ladder <= draw).sum().item() - 1, 0)"),
)
generate.mistake(
    "You draw from the ladder's wrong end: steps above the draw are counted.",
    replace=("ladder <= draw", "ladder > draw"),
)
generate.mistake(
    "The shares have no running sum, so there is no ladder.",
    replace=(".cumsum(dim=0)", ""),
)
generate.mistake(
    "You read the logits of the first place. The next token is guessed at the last.",
    replace=("[0, -1]", "[0, 0]"),
)
generate.mistake(
    "The text outgrows the model: it knows only block_size places. Give it the last block_size "
    "tokens.",
    replace=("tokens[:, -model.block_size :]", "tokens"),
)
generate.mistake(
    "You give the model the first block_size tokens. The last ones matter.",
    replace=("tokens[:, -model.block_size :]", "tokens[:, : model.block_size]"),
)
generate.mistake(
    "Each token is guessed from the last token alone. The model can read more than that.",
    replace=("tokens[:, -model.block_size :]", "tokens[:, -1:]"),
)
generate.mistake(
    "The filters get lost on the way: hand **filters on.",
    replace=("filter_logits(logits, **filters)", "filter_logits(logits)"),
)
generate.mistake(
    "You record a graph for every token and never use it. What does torch.no_grad do?",
    replace=("torch.inference_mode()", "torch.enable_grad()"),
)
generate.mistake(
    "New tokens are put in front of the text.",
    replace=(
        "torch.cat([tokens, tokens.new_tensor([[chosen]])], dim=1)",
        "torch.cat([tokens.new_tensor([[chosen]]), tokens], dim=1)",
    ),
)
generate.mistake(
    "You return the new tokens alone. The text that was given comes first.",
    replace=("    return tokens\n", "    return tokens[:, -len(draws) :]\n"),
)

generate.mistake(
    "Steps that equal the draw are not above it, so they count: <=. Otherwise the draw 0 picks "
    "token 0, even where it was dropped and its share is 0.",
    replace=("ladder <= draw", "ladder < draw"),
)
generate.mistake(
    "What the model can't see any more is lost from your text. Cut only what you hand to the "
    "model.",
    replace=(
        "            logits = model(tokens[:, -model.block_size :])[0, -1]\n",
        "            tokens = tokens[:, -model.block_size :]\n"
        "            logits = model(tokens)[0, -1]\n",
    ),
)


generate.alternative(
    "searchsorted on the ladder",
    replace=(
        "(ladder <= draw).sum().item()",
        "int(torch.searchsorted(ladder, torch.tensor(float(draw)).double(), right=True))",
    ),
)
generate.alternative(
    "NumPy's softmax, a loop over the steps",
    replace=(
        "return (ladder <= draw).sum().item()",
        "for token, step in enumerate(ladder.tolist()):\n"
        "        if draw < step:\n"
        "            return token\n"
        "    return len(ladder) - 1",
    ),
)


# --- KVCache -------------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    symbols=["KVCache", "generate_cached"],
    uses=["generate"],
    minutes=25,
    hints=[
        "After the prompt has been read once, which token has the model not seen yet?",
        "keys and values are (batch, heads, tokens, d): new ones are put behind the old along the "
        "third axis.",
        "KVCache: nothing at first; append joins old and new along dim=2, keeps and returns both; "
        "len is the size of that axis. generate_cached: a cache per block; first pass the whole "
        "prompt, then only the newest token",
    ],
)
def KVCache(rng):
    first = [np.array([[[[1.0], [2.0]]]]), np.array([[[[3.0], [4.0]]]])]
    second = [np.array([[[[5.0]]]]), np.array([[[[6.0]]]])]
    yield case("the example", "parts", parts=[first, second], weight=0)
    yield case("append: the first part", "parts", parts=[a_part(rng, 4)])
    pieces = [a_part(rng, length) for length in (3, 1, 2)]
    yield case("append: three parts", "parts", parts=pieces)
    counts = [int(n) for n in 1 + rng.permutation(6)[:3]]
    yield case("len", "len", parts=[a_part(rng, n) for n in counts])
    given = steady(rng, 3, 1, 9, wrong=CACHED_WRONG)
    yield case("generate_cached: one token", "text", block_size=9, **given)
    wrong = CACHED_WRONG + CACHED_LATER
    given = steady(rng, 4, 6, 14, wrong=wrong)
    yield case("generate_cached: the same text", "text", block_size=14, **given)
    settings = {"temperature": 0.5, "top_k": 3}
    given = steady(rng, 3, 5, 12, settings, wrong)
    yield case("generate_cached: with filters", "text", block_size=12, settings=settings, **given)
    given = steady(rng, int(rng.integers(4, 7)), 4, 12, wrong=wrong)
    yield case("generate_cached: each token is read once", "given", block_size=12, **given)
    given = steady(rng, 2, 3, 9, wrong=wrong)
    yield case("generate_cached: no gradients", "gradients", block_size=9, **given)


def a_part(rng, length):
    """Keys and values of so many tokens: (batch, heads, tokens, d)."""
    return [rng.normal(size=(2, 3, length, 4)), rng.normal(size=(2, 3, length, 4))]


KVCache.mistake(
    "You join along another axis than the tokens'. Of (batch, heads, tokens, d), which is it?",
    replace=(
        "torch.cat([self.key, key], dim=2)\n"
        "            value = torch.cat([self.value, value], dim=2)",
        "torch.cat([self.key, key], dim=1)\n"
        "            value = torch.cat([self.value, value], dim=1)",
    ),
)
KVCache.mistake(
    "The new tokens are put in front of the old ones.",
    replace=(
        "torch.cat([self.key, key], dim=2)\n"
        "            value = torch.cat([self.value, value], dim=2)",
        "torch.cat([key, self.key], dim=2)\n"
        "            value = torch.cat([value, self.value], dim=2)",
    ),
)
KVCache.mistake(
    "append forgets: what it was given is not kept for the next time.",
    replace=("        self.key, self.value = key, value\n        return", "        return"),
)
KVCache.mistake(
    "Only the first part is kept. What was joined has to be stored again.",
    replace=(
        "        self.key, self.value = key, value\n        return",
        "        if self.key is None:\n"
        "            self.key, self.value = key, value\n        return",
    ),
)
KVCache.mistake(
    "Keys and values have changed places in what append returns.",
    replace=("return key, value", "return value, key"),
)
KVCache.mistake(
    "append returns the new part alone. Attention needs all keys and values so far.",
    replace=("return key, value", "return key[:, :, -1:], value[:, :, -1:]"),
)
KVCache.mistake(
    "len counts heads. It is asked how many tokens are held.",
    replace=("self.key.shape[2]", "self.key.shape[1]"),
)
KVCache.mistake(
    "One cache is shared by all blocks. Each block has keys and values of its own.",
    replace=("[KVCache() for _ in model.blocks]", "[KVCache()] * len(model.blocks)"),
)
KVCache.mistake(
    "The whole text is read again in every pass, and the caches hold it several times. Only the "
    "newest token is new.",
    replace=("model(fresh, caches)", "model(tokens, caches)"),
)
KVCache.mistake(
    "The caches are not used: every pass reads the whole text.",
    replace=("model(fresh, caches)", "model(tokens)"),
)
KVCache.mistake(
    "The caches are not used, and each token is guessed from the one before alone.",
    replace=("model(fresh, caches)", "model(fresh)"),
)
KVCache.mistake(
    "The filters get lost on the way: hand **filters on.",
    replace=("filter_logits(logits, **filters)", "filter_logits(logits)"),
)
KVCache.mistake(
    "You record a graph for every token and never use it. What does torch.no_grad do?",
    replace=("torch.inference_mode()", "torch.enable_grad()"),
)

KVCache.mistake(
    "append keeps everything and hands back only what it was given. Attention needs all keys and "
    "values so far.",
    replace=(
        "        if self.key is not None:\n"
        "            key = torch.cat([self.key, key], dim=2)\n"
        "            value = torch.cat([self.value, value], dim=2)\n"
        "        self.key, self.value = key, value\n"
        "        return key, value",
        "        new = key, value\n"
        "        if self.key is not None:\n"
        "            key = torch.cat([self.key, key], dim=2)\n"
        "            value = torch.cat([self.value, value], dim=2)\n"
        "        self.key, self.value = key, value\n"
        "        return new",
    ),
)

KVCache.alternative(
    "a list of parts, joined when asked for",
    replace=(
        "        if self.key is not None:\n"
        "            key = torch.cat([self.key, key], dim=2)\n"
        "            value = torch.cat([self.value, value], dim=2)\n",
        "        old = [] if self.key is None else [(self.key, self.value)]\n"
        "        key, value = (torch.cat(part, dim=-2) for part in zip(*old, (key, value)))\n",
    ),
)
KVCache.alternative(
    "the newest token cut from the text",
    replace=(
        "fresh = tokens.new_tensor([[chosen]])\n"
        "            tokens = torch.cat([tokens, fresh], dim=1)",
        "tokens = torch.cat([tokens, tokens.new_tensor([[chosen]])], dim=1)\n"
        "            fresh = tokens[:, -1:]",
    ),
)


# --- train_bpe -----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    symbols=["merge", "train_bpe"],
    minutes=30,
    hints=[
        "In 1 1 1, with the pair (1, 1): after the first two are merged, what is left to merge?",
        "train_bpe returns a list of pairs of numbers, as many as merges. The first new token is "
        "256.",
        "merge: walk with a while loop; where the pair stands, append the number and go two places "
        "on, otherwise append the token and go one. train_bpe: words as lists of bytes; as "
        "often as "
        "asked: count all pairs, each weighted by its word's count; the best; merge it in all "
        "words",
    ],
)
def train_bpe(rng):
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    yield case("the example", "train", counts=words, number=2, weight=0)
    a, b, c, d, new = (int(n) for n in 10 + rng.permutation(80)[:5])
    yield case("merge: a pair", "merge", [c, a, b, d, a, b], [a, b], number=new + 256)
    yield case("merge: a run of the same", "merge", [a] * 5 + [b], [a, a], number=new + 256)
    yield case("merge: a pair at the end", "merge", [b, a, d, a, b], [a, b], number=new + 256)
    yield case("merge: half a pair", "merge", [b, a, c, a, b, b, a], [a, b], number=new + 256)
    w, x, y, z = letters(rng, 4)
    words = {x + y: 3, w + x + y: 2, y + z: int(rng.integers(10, 20))}
    yield case("train_bpe: counts weigh", "train", counts=words, number=1)
    yield case("train_bpe: six merges", "train", counts=vocabulary(rng), number=6)
    w, x, y, z = sorted(letters(rng, 4))
    tie = {z + w: 4, x + y: 4}
    yield case("train_bpe: a tie", "train", counts=tie, number=2)
    tie = {x + z: 3, x + w: 3}
    yield case("train_bpe: a tie of first letters", "train", counts=tie, number=1)
    x, y, z = letters(rng, 3)
    foreign = {"é" + x: int(rng.integers(5, 9)), "ñ" + y: 2, z + "é": 4}
    yield case("train_bpe: letters of two bytes", "train", counts=foreign, number=3)


def letters(rng, count):
    return ["abcdefghijklmnopqrstuvwxyz"[place] for place in rng.permutation(26)[:count]]


def vocabulary(rng):
    """Words whose pairs are counted so differently that no tie occurs in six merges."""
    while True:
        alphabet = letters(rng, 5)
        words = {
            "".join(rng.choice(alphabet, size=int(rng.integers(3, 7)))): int(count)
            for count in rng.permutation(np.arange(2, 60))[:9]
        }
        if len(words) == 9 and untied(words, 6):
            return words


def untied(words, merges):
    """Whether the best pair stands alone in every one of so many merges."""
    split = {tuple(word.encode()): count for word, count in words.items()}
    for number in range(256, 256 + merges):
        pairs = Counter()
        for word, count in split.items():
            for pair in zip(word, word[1:], strict=False):
                pairs[pair] += count
        (best, most), (_, second) = pairs.most_common(2)
        if most == second:
            return False
        joined = {}
        for word, count in split.items():
            out, place = [], 0
            while place < len(word):
                here = word[place : place + 2] == best
                out.append(number if here else word[place])
                place += 1 + here
            joined[tuple(out)] = count
        split = joined
    return True


BEST = "max(pairs, key=lambda pair: (pairs[pair], -pair[0], -pair[1]))"

train_bpe.mistake(
    "After a merged pair you go one place on instead of two, so its second half is used again.",
    replace=("place += 2", "place += 1"),
)
train_bpe.mistake(
    "Every word counts once. A word that occurs 500 times weighs more than one that occurs twice.",
    replace=("pairs[pair] += count", "pairs[pair] += 1"),
)
train_bpe.mistake(
    "Ties are decided by which pair was met first. The rule: the pair with the smaller first "
    "number, then with the smaller second.",
    replace=(BEST, "max(pairs, key=lambda pair: pairs[pair])"),
)
train_bpe.mistake(
    "Ties go to the larger numbers. The rule says the smaller ones.",
    replace=(BEST, "max(pairs, key=lambda pair: (pairs[pair], pair))"),
)
train_bpe.mistake(
    "Your first new token is number 257. Bytes go from 0 to 255, so the next is 256.",
    replace=("range(256, 256 + merges)", "range(257, 257 + merges)"),
)
train_bpe.mistake(
    "You cut words into letters. Letters beyond ASCII have numbers above 255; word.encode() gives "
    "bytes.",
    replace=("word.encode()", "[ord(letter) for letter in word]"),
)
train_bpe.mistake(
    "You take the rarest pair.",
    replace=(BEST, BEST.replace("max(", "min(")),
)
train_bpe.mistake(
    "The merged pair never finds its way into the words, so the same pair wins again and again.",
    replace=("merge(tokens, best, number)", "tokens"),
)
train_bpe.mistake(
    "Where half a pair stands at the end of the tokens, it gets lost.",
    replace=("while place < len(tokens)", "while place < len(tokens) - 1"),
)
train_bpe.mistake(
    "Your pairs are lists. A list never equals a tuple, so merge would find none of them: keep "
    "tuples.",
    replace=("learned.append(best)", "learned.append(list(best))"),
)
train_bpe.mistake(
    "Two tokens cut out of a list are a list, which never equals a tuple, so your merge finds "
    "nothing. tuple(...) helps.",
    replace=("tuple(tokens[place : place + 2]) == pair", "tokens[place : place + 2] == pair"),
)


train_bpe.alternative(
    "a for loop with a memory",
    replace=(
        "    merged, place = [], 0\n"
        "    while place < len(tokens):\n"
        "        if tuple(tokens[place : place + 2]) == pair:\n"
        "            merged.append(number)\n"
        "            place += 2\n"
        "        else:\n"
        "            merged.append(tokens[place])\n"
        "            place += 1\n"
        "    return merged\n",
        "    merged, fresh = [], True\n"
        "    for token in tokens:\n"
        "        if merged and fresh and (merged[-1], token) == pair:\n"
        "            merged[-1] = number\n"
        "            fresh = False\n"
        "        else:\n"
        "            merged.append(token)\n"
        "            fresh = True\n"
        "    return merged\n",
    ),
)
train_bpe.alternative(
    "sorted by count downwards, then by the pair",
    replace=(BEST, "sorted(pairs, key=lambda pair: (-pairs[pair], pair))[0]"),
)


# --- encode and decode ---------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    symbols=["encode", "decode"],
    uses=["train_bpe"],
    minutes=20,
    hints=[
        "Which merge has to come first, the one that was learned first or the one that fits first?",
        "encode gives a list of numbers. decode needs the bytes of every number: 256 bytes, then "
        "two earlier ones joined for each merge.",
        "encode: the text's bytes; each merge in its order, numbers from 256 on. decode: a list of "
        "bytes objects for all tokens; join those of the given tokens; bytes to text",
    ],
)
def encode(rng):
    yield case("the example", "encode", [[108, 111], [256, 119]], "low lot", weight=0)
    x, y, z = letters(rng, 3)
    merges = [pair_of(x, y), [256, ord(z)], pair_of(z, x)]
    text = x + y + z + " " + z + x + y + " " + y + x
    yield case("encode: in the order of learning", "encode", merges, text)
    overlapping = [pair_of(y, z), pair_of(x, y)]
    yield case("encode: an early merge goes first", "encode", overlapping, x + y + z + x + y)
    yield case("encode: no merges", "encode", [], y + x + "é" + z)
    yield case("encode: letters of two bytes", "encode", [pair_of(x, y)], "é" + x + y + "ß" + z)
    merges = [pair_of(x, y), [256, ord(z)], [257, 257]]
    tokens = [258, ord(z), 256, 257, ord(x)]
    yield case("decode: merges of merges", "decode", merges, tokens)
    foreign = list(("ü" + x).encode())
    yield case("decode: letters of two bytes", "decode", [[foreign[0], foreign[1]]], [256, ord(y)])
    halves = ["é".encode()[0], ord(z), ord(x)]
    yield case("decode: half a letter", "decode", [], halves)
    words = (
        "".join(f" {''.join(rng.choice([x, y, z], size=4))}" for _ in range(6)) + f"\n{x + y + z}…"
    )
    yield case("there and back", "both", merges[:2], words)


def pair_of(x, y):
    return [ord(x), ord(y)]


encode.mistake(
    "You number the merges from 0. Numbers below 256 are bytes; the first merge is 256.",
    replace=("enumerate(merges, start=256)", "enumerate(merges)"),
)
encode.mistake(
    "The merges come in the wrong order. What was learned first is merged first.",
    replace=(
        "enumerate(merges, start=256)",
        "reversed(list(enumerate(merges, start=256)))",
    ),
)
encode.mistake(
    "You start from letters. Letters beyond ASCII have numbers above 255: start from "
    "text.encode().",
    replace=("list(text.encode())", "[ord(letter) for letter in text]"),
)
encode.mistake(
    "Nothing is merged: these are the plain bytes.",
    replace=("tokens = merge(tokens, pair, number)", "pass"),
)
encode.mistake(
    "You turn each token into text by itself. A letter's bytes may lie in two tokens: join the "
    "bytes first.",
    replace=(
        'b"".join(known[token] for token in tokens).decode("utf-8", errors="replace")',
        '"".join(known[token].decode("utf-8", errors="replace") for token in tokens)',
    ),
)
encode.mistake(
    'Half a letter stops your decode with an error. errors="replace" shows it as a question mark '
    "in a box.",
    replace=(', errors="replace"', ""),
)
encode.mistake(
    "A merge's two parts are joined in the wrong order.",
    replace=("known[first] + known[second]", "known[second] + known[first]"),
)
encode.mistake(
    "Your decode reads latin-1, in which every byte is a letter. The bytes came from UTF-8.",
    replace=('"utf-8"', '"latin-1"'),
)

encode.mistake(
    "Your decode empties the list that it was given. Its caller still needs it: read, don't take.",
    replace=(
        "known[token] for token in tokens",
        "known[tokens.pop(0)] for _ in range(len(tokens))",
    ),
)
encode.mistake(
    'Bytes that are half a letter vanish. errors="replace" shows them.',
    replace=('errors="replace"', 'errors="ignore"'),
)
encode.mistake(
    "Your first merge is token 255, which is a byte. The first free number is 256.",
    replace=("enumerate(merges, start=256)", "enumerate(merges, start=255)"),
)


encode.alternative(
    "a dict of bytes, built token by token",
    replace=(
        "known = [bytes([byte]) for byte in range(256)]\n"
        "    for first, second in merges:\n"
        "        known.append(known[first] + known[second])\n",
        "known = {byte: bytes((byte,)) for byte in range(256)}\n"
        "    for number, pair in enumerate(merges):\n"
        "        known[256 + number] = known[pair[0]] + known[pair[1]]\n",
    ),
)
encode.alternative(
    "UTF-8 is Python's default",
    replace=('decode("utf-8", errors="replace")', 'decode(errors="replace")'),
)
