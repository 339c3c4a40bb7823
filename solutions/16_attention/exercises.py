"""Unit 16: the exercises, their cases, and the mistakes people make in them.

The cases carry plain arrays; `chainrule.attention.probes` turns them into tensors and fills the
learner's modules with the case's weights.
"""

import math

import numpy as np
import torch
from torch import nn

from autograde.declare import case, close, exercise, unit

unit(title="Where should it look?", packages=["torch"])


def lower(length):
    """The causal mask, as an array."""
    return np.tril(np.ones((length, length), bool))


def random_mask(rng, rows, columns):
    """Each row allows at least one key and forbids at least one; no two rows are alike."""
    while True:
        mask = rng.random((rows, columns)) < 0.5
        mixed = mask.any(axis=1) & ~mask.all(axis=1)
        if mixed.all() and len(np.unique(mask, axis=0)) == rows:
            return mask


# --- scaled_dot_product_attention ----------------------------------------------------------------


@exercise(
    points=4,
    compare=close(),
    minutes=25,
    hints=[
        "One query against three keys gives three scores. For many queries at once, which product "
        "of two tables gives all scores?",
        "Scores and weights have shape (..., queries, keys); every row of weights sums to 1.",
        "scores = queries times keys turned over, divided by the root of the last size of query; "
        "where the mask is False, minus infinity; softmax along the keys; weights times values",
    ],
)
def scaled_dot_product_attention(rng):
    example = np.array([[np.log(3.0)]]), np.array([[1.0], [0.0]]), np.array([[10.0], [20.0]])
    yield case("the example", *example, weight=0)
    yield case("one query", *table(rng, 1, 3, 4, 2))
    yield case("four queries, three keys", *table(rng, 4, 3, 2, 5))
    yield case("wide keys", *table(rng, 2, 5, 48, 3))
    yield case("a batch of two", *table(rng, 3, 5, 4, 6, lead=(2,)))
    yield case("a batch with heads", *table(rng, 4, 3, 5, 6, lead=(2, 3)))
    yield case("masked", *table(rng, 3, 5, 4, 2), random_mask(rng, 3, 5))
    lead = table(rng, 4, 6, 3, 2, lead=(2, 3))
    padding = random_mask(rng, 2, 6)[:, None, None, :]
    yield case("one mask for all heads and queries", *lead, padding)
    query, key, value = table(rng, 2, 3, 4, 3)
    while (query @ key.T).max(axis=1).min() < 1:  # the best must be large in every row
        query, key, value = table(rng, 2, 3, 4, 3)
    yield case("scores in the thousands", query * 4000, key, value)
    yield case("gradients flow back", *table(rng, 3, 4, 5, 2), looks_at="gradients")


def table(rng, queries, keys, width, value_width, lead=()):
    """Query, key and value, no two weights close to each other and none close to 0."""
    while True:
        query = rng.normal(size=(*lead, queries, width))
        key = rng.normal(size=(*lead, keys, width))
        scores = query @ np.swapaxes(key, -2, -1) / np.sqrt(width)
        apart = np.diff(np.sort(scores, axis=-1), axis=-1)
        if np.abs(scores).max() < 4 and (apart.size == 0 or apart.min() > 0.01):
            return query, key, rng.normal(size=(*lead, keys, value_width))


scaled_dot_product_attention.mistake(
    "The scores are not divided. Long keys make large scores, and softmax then listens to one key "
    "only. By what does a dot product of d numbers grow?",
    replace=(" / math.sqrt(query.shape[-1])", ""),
)
scaled_dot_product_attention.mistake(
    "You divide by d. The spread of a dot product of d numbers grows with the root of d.",
    replace=("math.sqrt(query.shape[-1])", "query.shape[-1]"),
)
scaled_dot_product_attention.mistake(
    "You divide by the root of how many keys there are. It is the root of how long each one is.",
    replace=("math.sqrt(query.shape[-1])", "math.sqrt(key.shape[-2])"),
)
scaled_dot_product_attention.mistake(
    "Your columns sum to 1, not your rows: every key shares itself out. Each query shares out its "
    "attention, so softmax runs along the keys, the last axis.",
    replace=("softmax(dim=-1)", "softmax(dim=-2)"),
)
scaled_dot_product_attention.mistake(
    "Your mask is turned round: you forbid what is True. Here True means: may attend.",
    replace=("masked_fill(~mask", "masked_fill(mask"),
)
scaled_dot_product_attention.mistake(
    "Forbidden scores become 0, or nearly (1e-9 for -1e9?), and e to the power of 0 is 1: these "
    "keys are still listened to. "
    "Which score has the share 0?",
    replace=("-math.inf", "0.0"),
)
scaled_dot_product_attention.mistake(
    "Forbidden scores become plus infinity. Softmax then divides infinity by infinity.",
    replace=("-math.inf", "math.inf"),
)
scaled_dot_product_attention.mistake(
    "The mask is never used.",
    replace=("if mask is not None", "if False"),
)
scaled_dot_product_attention.mistake(
    "You return the mixed values alone. The weights are asked for too, as a second result.",
    replace=("return weights @ value, weights", "return weights @ value"),
)
scaled_dot_product_attention.mistake(
    "Output and weights have changed places.",
    replace=("return weights @ value, weights", "return weights, weights @ value"),
)
scaled_dot_product_attention.mistake(
    ".T turns all axes round, also the batch. Only the last two change places.",
    replace=("key.transpose(-2, -1)", "key.T"),
)
scaled_dot_product_attention.mistake(
    "You return the scores where the weights belong.",
    replace=("return weights @ value, weights", "return weights @ value, scores"),
)


@scaled_dot_product_attention.mistake(
    "The mask comes after the softmax, so what is left of a row no longer sums to 1. Forbid before "
    "you share out."
)
def scaled_dot_product_attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights


@scaled_dot_product_attention.mistake(
    "Your softmax overflows when scores are large: e to the power of 1000 is infinite. "
    ".softmax(dim=...) takes care of that."
)
def scaled_dot_product_attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    shares = scores.exp()
    if mask is not None:
        shares = shares * mask
    weights = shares / shares.sum(dim=-1, keepdim=True)
    return weights @ value, weights


scaled_dot_product_attention.mistake(
    "Your weights are cut loose before they mix, so queries and keys never learn where to look. "
    "Only a copy that is kept for pictures may be detached.",
    replace=("return weights @ value", "return weights.detach() @ value"),
)
scaled_dot_product_attention.mistake(
    "You divide the caller's own query in place. query / ... makes a new tensor.",
    replace=(
        "    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])\n",
        "    query /= math.sqrt(query.shape[-1])\n    scores = query @ key.transpose(-2, -1)\n",
    ),
)
scaled_dot_product_attention.mistake(
    "Axis 1 holds the keys only as long as there is no batch. Count from the end: dim=-1.",
    replace=("softmax(dim=-1)", "softmax(dim=1)"),
)
scaled_dot_product_attention.mistake(
    "You divide by the root of the values' width. The scores come from queries and keys, so theirs "
    "counts.",
    replace=("math.sqrt(query.shape[-1])", "math.sqrt(value.shape[-1])"),
)
scaled_dot_product_attention.mistake(
    "You multiply by the root of d, so large scores become larger still. Divide.",
    replace=("/ math.sqrt", "* math.sqrt"),
)
scaled_dot_product_attention.mistake(
    "mask may be None: then every query may attend to every key.",
    replace=(
        "    if mask is not None:\n        scores = scores.masked_fill(~mask, -math.inf)\n",
        "    scores = scores.masked_fill(~mask, -math.inf)\n",
    ),
)
scaled_dot_product_attention.mistake(
    "You divide the weights instead of the scores: their rows no longer sum to 1.",
    replace=(
        " / math.sqrt(query.shape[-1])\n    if mask is not None:\n"
        "        scores = scores.masked_fill(~mask, -math.inf)\n"
        "    weights = scores.softmax(dim=-1)\n",
        "\n    if mask is not None:\n"
        "        scores = scores.masked_fill(~mask, -math.inf)\n"
        "    weights = scores.softmax(dim=-1) / math.sqrt(query.shape[-1])\n",
    ),
)


@scaled_dot_product_attention.alternative("einsum, and a large negative number for the forbidden")
def scaled_dot_product_attention(query, key, value, mask=None):
    d = query.size(-1)
    scores = torch.einsum("...id,...jd->...ij", query, key) * d**-0.5
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -1e9)
    weights = nn.functional.softmax(scores, -1)
    return torch.einsum("...ij,...jd->...id", weights, value), weights


@scaled_dot_product_attention.alternative("the mask added as 0 and minus infinity, scaled queries")
def scaled_dot_product_attention(query, key, value, mask=None):
    scores = (query / np.sqrt(query.shape[-1])) @ key.mT
    if mask is not None:
        scores = scores + torch.where(mask, 0.0, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return torch.matmul(weights, value), weights


scaled_dot_product_attention.equivalent(
    "key.transpose(-2, -1)", "key.transpose(-1, -2)", why="the same two axes change places"
)


# --- causal_mask ---------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "Word number 2 reads. Which words has it read so far, itself included?",
        "A square of True and False; row i has i + 1 times True, from the left.",
        "a square full of True, of which only the lower triangle is kept, diagonal included",
    ],
)
def causal_mask(rng):
    yield case("the example", [3], looks_at="mask", weight=0)
    few = [int(n) for n in 4 + rng.permutation(9)[:3]]
    yield case("three lengths", few, looks_at="mask")
    yield case("a long text", [int(rng.integers(30, 90))], looks_at="mask")
    yield case("True and False", [int(rng.integers(15, 60))], looks_at="dtype")


LOWER = "torch.tril(torch.ones(length, length, dtype=torch.bool))"

causal_mask.mistake(
    "Each word looks at itself and at what comes after it. It may look back.",
    replace=(LOWER, LOWER.replace("tril", "triu")),
)
causal_mask.mistake(
    "A word may not look at itself in your mask, and the first one may look nowhere. The diagonal "
    "is True.",
    replace=(LOWER, LOWER[:-1] + ", diagonal=-1)"),
)
causal_mask.mistake(
    "Each word sees one word too many, the next one: the very word that a model should guess.",
    replace=(LOWER, LOWER[:-1] + ", diagonal=1)"),
)
causal_mask.mistake(
    "Your mask says True where looking is forbidden, which is what nn.MultiheadAttention wants. "
    "Here True means: may attend.",
    replace=(LOWER, "~" + LOWER),
)
causal_mask.mistake(
    "Your mask holds 1.0 and 0.0. A mask answers yes or no: dtype=torch.bool.",
    replace=(", dtype=torch.bool", ""),
)
causal_mask.mistake(
    "Your mask holds 0 and minus infinity, to be added to scores. Here it holds True and False.",
    replace=(LOWER, f"torch.zeros(length, length).masked_fill(~{LOWER}, -math.inf)"),
)
causal_mask.mistake(
    "Everybody may look everywhere.",
    replace=("torch.tril(torch.ones(length, length, dtype=torch.bool))", LOWER[11:-1]),
)


causal_mask.mistake(
    "Your mask holds whole numbers, 1 and 0. A mask answers yes or no: dtype=torch.bool.",
    replace=("dtype=torch.bool", "dtype=torch.long"),
)
causal_mask.mistake(
    "Your mask has axes for batch and heads. Two are enough, (length, length): broadcasting adds "
    "the others.",
    replace=("torch.ones(length, length", "torch.ones(1, 1, length, length"),
)


@causal_mask.alternative("positions compared with positions")
def causal_mask(length):
    position = torch.arange(length)
    return position[:, None] >= position[None, :]


@causal_mask.alternative("the upper triangle turned round")
def causal_mask(length):
    return torch.ones(length, length).triu(diagonal=1) == 0


# --- padding_mask --------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "Which keys may be listened to: those that are padding, or the others?",
        "(batch, 1, 1, length): the two ones stand for all heads and all queries.",
        "compare the tokens with the padding number; put in two axes of length 1 by indexing "
        "with None",
    ],
)
def padding_mask(rng):
    yield case("the example", np.array([[5, 8, 0], [7, 0, 0]]), 0, looks_at="mask", weight=0)
    yield case("padding at the end", *padded(rng, 3, 7, 0), looks_at="mask")
    yield case("a batch of one", *padded(rng, 1, 9, 0), looks_at="mask")
    yield case("padding is another number", *padded(rng, 2, 8, 7), looks_at="mask")
    tokens, padding = padded(rng, 3, 8, 0)
    yield case("padding in front", tokens[:, ::-1].copy(), padding, looks_at="mask")
    yield case("True and False", *padded(rng, 3, 9, 0), looks_at="dtype")


def padded(rng, batch, length, padding):
    """Tokens from 1 to 99 without the padding number, then padding; and that number."""
    tokens = rng.integers(10, 99, size=(batch, length))
    tokens[:, 0] = rng.integers(1, 7, size=batch)
    tokens[:, 1] = 0 if padding else 8  # 0 is a token like others when padding is another number
    lengths = 3 + rng.permutation(length - 4)[:batch]
    tokens[np.arange(length) >= lengths[:, None]] = padding
    return tokens, padding


MASK = "(tokens != padding)[:, None, None, :]"

padding_mask.mistake(
    "Your mask is True at the padding. Here True means: may attend. (nn.MultiheadAttention's "
    "key_padding_mask means the opposite.)",
    replace=("tokens != padding", "tokens == padding"),
)
padding_mask.mistake(
    "Your mask has shape (batch, length). Against scores of (batch, heads, queries, keys) that "
    "does not line up: two axes of length 1 are missing between them.",
    replace=(MASK, "tokens != padding"),
)
padding_mask.mistake(
    "Only one axis was put in. Scores are (batch, heads, queries, keys), so two are needed.",
    replace=(MASK, "(tokens != padding)[:, None, :]"),
)
padding_mask.mistake(
    "You forbid the queries to look; the padding is still listened to. Which axis of the scores "
    "holds the keys?",
    replace=(MASK, "(tokens != padding)[:, None, :, None]"),
)
padding_mask.mistake(
    "You look for 0. The number that stands for padding is an argument.",
    replace=("tokens != padding", "tokens != 0"),
)
padding_mask.mistake(
    "Your mask holds whole numbers. A mask answers yes or no.",
    replace=(MASK, MASK + ".long()"),
)


@padding_mask.mistake(
    "You count the tokens and assume that the padding stands at the end. It may stand in front."
)
def padding_mask(tokens, padding):
    lengths = (tokens != padding).sum(dim=1)
    mask = torch.arange(tokens.shape[1]) < lengths[:, None]
    return mask[:, None, None, :]


padding_mask.mistake(
    "The new axes stand in front of the batch. Scores are (batch, heads, queries, keys): they "
    "belong between batch and length.",
    replace=("[:, None, None, :]", "[None, None]"),
)


@padding_mask.alternative("ne, unsqueezed twice")
def padding_mask(tokens, padding):
    return tokens.ne(padding).unsqueeze(1).unsqueeze(2)


@padding_mask.alternative("a view with four sizes")
def padding_mask(tokens, padding):
    batch, length = tokens.shape
    return torch.logical_not(tokens == padding).view(batch, 1, 1, length)


# --- MultiHeadAttention --------------------------------------------------------------------------


def linear(rng, name, inputs, outputs):
    """A linear layer's two arrays, under PyTorch's names."""
    return {
        f"{name}.weight": rng.normal(size=(outputs, inputs)) / np.sqrt(inputs),
        f"{name}.bias": rng.normal(size=outputs),
    }


def attention_layers(rng, width, prefix=""):
    drawn = {}
    for name in ("query", "key", "value", "output"):
        drawn |= linear(rng, prefix + name, width, width)
    return drawn


@exercise(
    points=4,
    compare=close(),
    uses=["scaled_dot_product_attention"],
    minutes=30,
    hints=[
        "With 2 heads of 3 numbers each, which numbers of a word's 6 belong to the second head?",
        "(batch, length, width) becomes (batch, heads, length, width / heads), and in the end "
        "(batch, length, width) again.",
        "query, key and value each: a linear layer; view as (batch, length, heads, rest); heads "
        "and length change places. Attend. Change the places back, reshape to (batch, length, "
        "width), output layer",
    ],
)
def MultiHeadAttention(rng):
    ones = {name: np.eye(2) for name in ("query.weight", "key.weight", "value.weight")}
    ones |= {"output.weight": np.eye(2)}
    ones |= {f"{name}.bias": np.zeros(2) for name in ("query", "key", "value", "output")}
    same = np.array([[[1.0, 2.0], [1.0, 2.0]]])
    yield case("the example", 2, 2, ones, same, looks_at="output", weight=0)
    width = int(rng.choice([6, 10, 14]))
    yield case("__init__: the layers", width, 2, {}, rng.normal(size=3), looks_at="layers")
    yield case("forward: one head", 4, 1, *heads(rng, 4, (2, 3)), looks_at="output")
    yield case("forward: two heads of three", 6, 2, *heads(rng, 6, (1, 5)), looks_at="output")
    yield case("forward: a batch of four", 8, 4, *heads(rng, 8, (4, 3)), looks_at="output")
    causal = heads(rng, 6, (2, 4))
    yield case("forward: a causal mask", 6, 3, *causal, looks_at="output", mask=lower(4))
    padding = random_mask(rng, 3, 5)[:, None, None, :]
    drawn = heads(rng, 6, (3, 5))
    yield case("forward: a padding mask", 6, 2, *drawn, looks_at="output", mask=padding)
    yield case("forward: the weights are kept", 6, 2, *heads(rng, 6, (3, 4)), looks_at="weights")
    drawn = heads(rng, 6, (2, 3))
    yield case("backward: every weight gets a gradient", 6, 2, *drawn, looks_at="gradients")


def heads(rng, width, shape):
    """The layers' arrays and an input of shape (batch, length, width)."""
    return attention_layers(rng, width), rng.normal(size=(*shape, width))


SPLIT = "rows.view(batch, length, self.heads, -1).transpose(1, 2)"
MERGE = "mixed.transpose(1, 2).reshape(batch, length, width)"
ATTEND = "scaled_dot_product_attention(query, key, value, mask)"

MultiHeadAttention.mistake(
    "You cut the rows into heads by a reshape alone. Numbers of different words end up in one row: "
    "first view as (batch, length, heads, rest), then let two axes change places.",
    replace=(SPLIT, "rows.reshape(batch, self.heads, length, -1)"),
)
MultiHeadAttention.mistake(
    "The heads are put side by side without turning the axes back, so words and heads mix. "
    "Transpose before you reshape.",
    replace=(MERGE, "mixed.reshape(batch, length, width)"),
)
MultiHeadAttention.mistake(
    "You divide by the root of the whole width. Each head's keys are only width / heads long.",
    replace=(
        ATTEND,
        "scaled_dot_product_attention(query / math.sqrt(self.heads), key, value, mask)",
    ),
)
MultiHeadAttention.mistake(
    "The number of heads and their width have changed places.",
    replace=("self.heads, -1", "-1, self.heads"),
)
MultiHeadAttention.mistake(
    "The output layer is never used. It lets the heads' results be combined.",
    replace=(f"self.output({MERGE})", MERGE),
)
MultiHeadAttention.mistake(
    "The mask gets lost: it is not handed on.",
    replace=(ATTEND, "scaled_dot_product_attention(query, key, value)"),
)
MultiHeadAttention.mistake(
    "Keys are made by the query layer. Then a word mostly matches itself. Each has a layer of its "
    "own.",
    replace=("split(self.key(x))", "split(self.query(x))"),
)
MultiHeadAttention.mistake(
    "The values are the words themselves. What is handed on has a layer of its own too.",
    replace=("split(self.value(x))", "split(x)"),
)
MultiHeadAttention.mistake(
    "All is computed by one single head.",
    replace=("self.heads, -1", "1, -1"),
)
MultiHeadAttention.mistake(
    "The weights are not kept. Pictures of what the heads look at need self.weights.",
    replace=("self.weights = weights.detach()", "kept = weights.detach()"),
)
MultiHeadAttention.mistake(
    "You keep the mean over the heads. The heads look at different things: keep all of them.",
    replace=("weights.detach()", "weights.detach().mean(dim=1)"),
)
MultiHeadAttention.mistake(
    "Your layers have no biases. nn.Linear has one unless told otherwise.",
    replace=(
        "self.query = nn.Linear(width, width)\n        self.key = nn.Linear(width, width)",
        "self.query = nn.Linear(width, width, bias=False)\n"
        "        self.key = nn.Linear(width, width, bias=False)",
    ),
)


@MultiHeadAttention.mistake(
    "No gradient reaches your layers: .detach() belongs to the copy that you keep, not to the "
    "weights that you go on with."
)
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x, mask=None):
        batch, length, width = x.shape
        parts = [
            layer(x).view(batch, length, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        mixed, weights = scaled_dot_product_attention(*parts, mask)
        self.weights = weights.detach()
        mixed = self.weights @ parts[2].detach()
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width))


MultiHeadAttention.mistake(
    "self.weights still hangs on its graph, which then stays in memory as long as the model. Keep "
    "a copy that is cut off: .detach().",
    replace=("weights.detach()", "weights"),
)
MultiHeadAttention.mistake(
    "You cut words into heads by view alone and put them together the same way, so a head gets "
    "numbers of different words. View as (batch, length, heads, rest), then two axes change "
    "places.",
    replace=(
        "            return rows.view(batch, length, self.heads, -1).transpose(1, 2)\n\n"
        "        query, key, value = split(self.query(x)), split(self.key(x)), "
        "split(self.value(x))\n"
        "        mixed, weights = scaled_dot_product_attention(query, key, value, mask)\n"
        "        self.weights = weights.detach()\n"
        "        return self.output(mixed.transpose(1, 2).reshape(",
        "            return rows.view(batch, self.heads, length, -1)\n\n"
        "        query, key, value = split(self.query(x)), split(self.key(x)), "
        "split(self.value(x))\n"
        "        mixed, weights = scaled_dot_product_attention(query, key, value, mask)\n"
        "        self.weights = weights.detach()\n"
        "        return self.output(mixed.reshape(",
    ),
)
MultiHeadAttention.mistake(
    "The values are made by the key layer. What a word offers has a layer of its own.",
    replace=("split(self.value(x))", "split(self.key(x))"),
)
MultiHeadAttention.mistake(
    "You add x to the result. That sum belongs to the block, around the attention.",
    replace=("return self.output(", "return x + self.output("),
)
MultiHeadAttention.mistake(
    "Queries and keys have changed places: the keys ask and the queries answer.",
    replace=("(query, key, value, mask)", "(key, query, value, mask)"),
)


@MultiHeadAttention.alternative("head by head, put together by cat")
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.head_width = width // heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, mask=None):
        q, k, v = (
            layer(x).split(self.head_width, dim=-1) for layer in (self.query, self.key, self.value)
        )
        if mask is not None and mask.dim() == 4:
            mask = mask[:, 0]
        pairs = [
            scaled_dot_product_attention(*parts, mask)
            for parts in zip(q, k, v)  # noqa: B905
        ]
        self.weights = torch.stack([weights.detach() for _, weights in pairs], dim=1)
        return self.output(torch.cat([mixed for mixed, _ in pairs], dim=-1))


@MultiHeadAttention.alternative("unflatten, and PyTorch's own attention")
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x, mask=None):
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k = self.key(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        v = self.value(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        with torch.no_grad():
            self.weights = scaled_dot_product_attention(q, k, v, mask)[1]
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.output(mixed.transpose(1, 2).flatten(2))


for places in ("length, self.heads, -1).transpose(1, 2)", "mixed.transpose(1, 2)"):
    MultiHeadAttention.equivalent(
        places, places.replace("(1, 2)", "(2, 1)"), why="the same two axes change places"
    )


# --- positional_encoding -------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "Columns come in pairs. For the pair that begins in column 4 of 8, what is the position "
        "divided by?",
        "(length, width); row 0 is 0, 1, 0, 1, and so on.",
        "positions as a column; the even numbers below width, divided by width, as exponents of "
        "10,000; divide; sine and cosine of that, stacked so that they alternate",
    ],
)
def positional_encoding(rng):
    yield case("the example", 2, 2, np.zeros((2, 2)), weight=0)
    yield case("the first position", 1, 6, rng.normal(size=(1, 6)))
    yield case("one pair of columns", 5, 2, rng.normal(size=(5, 2)))
    yield case("width 8", 7, 8, rng.normal(size=(7, 8)))
    yield case("longer than wide", 17, 6, rng.normal(size=(17, 6)))
    yield case("wider than long", 4, 26, rng.normal(size=(4, 26)))


STACK = "torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(start_dim=1)"

positional_encoding.mistake(
    "All sines come first, then all cosines. Here they alternate, column by column.",
    replace=(STACK, "torch.cat([angle.sin(), angle.cos()], dim=-1)"),
)
positional_encoding.mistake(
    "Sine and cosine have changed places: the even columns, from 0, hold the sines.",
    replace=("[angle.sin(), angle.cos()]", "[angle.cos(), angle.sin()]"),
)
positional_encoding.mistake(
    "You multiply where the formula divides: the angles grow from pair to pair.",
    replace=("position / 1e4", "position * 1e4"),
)
positional_encoding.mistake(
    "Your exponents grow only half as fast. The pair that begins in column c has the exponent "
    "c / width.",
    replace=("torch.arange(0, width, 2) / width", "torch.arange(width // 2) / width"),
)
positional_encoding.mistake(
    "Your positions begin with 1. The first word stands at position 0.",
    replace=("torch.arange(length)", "torch.arange(1, length + 1)"),
)
positional_encoding.mistake(
    "All pairs turn at the same speed: the exponent is missing.",
    replace=(" / 1e4 ** (torch.arange(0, width, 2) / width)", " * torch.ones(width // 2)"),
)


positional_encoding.mistake(
    "There are only sines. The second number of each pair is the cosine of the same angle.",
    replace=("angle.cos()", "angle.sin()"),
)
positional_encoding.mistake(
    "** binds more tightly than /: you raise 10,000 to the column and then divide by the width. "
    "The exponent needs brackets.",
    replace=(
        "1e4 ** (torch.arange(0, width, 2) / width)",
        "1e4 ** torch.arange(0, width, 2) / width",
    ),
)
positional_encoding.mistake(
    "Your exponents grow twice as fast. c counts columns already: 0, 2, 4, and so on.",
    replace=("torch.arange(0, width, 2) / width", "2 * torch.arange(0, width, 2) / width"),
)
positional_encoding.mistake(
    "Your cosines have angles of their own. Sine and cosine of a pair share the sine's column.",
    replace=(
        "angle.cos()",
        "(position / 1e4 ** (torch.arange(1, width, 2) / width)).cos()",
    ),
)


@positional_encoding.alternative(
    "two slices of a table, through the logarithm, as in most tutorials"
)
def positional_encoding(length, width):
    table = torch.zeros(length, width)
    position = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    speed = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    table[:, 0::2] = torch.sin(position * speed)
    table[:, 1::2] = torch.cos(position * speed)
    return table


@positional_encoding.alternative("number by number, in float64")
def positional_encoding(length, width):
    table = torch.zeros(length, width, dtype=torch.float64)
    for position in range(length):
        for column in range(width):
            angle = position / 10000 ** ((column - column % 2) / width)
            table[position, column] = math.cos(angle) if column % 2 else math.sin(angle)
    return table


# --- LayerNorm -----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "Whose mean is it: that of one word's numbers, or that of one column over all words?",
        "Mean and variance have shape (..., 1), so that they line up with x.",
        "__init__: weight, width ones, and bias, width zeros, as nn.Parameter. forward: mean over "
        "the last axis; mean of the squared distances from it; distance divided by the root of "
        "(variance + eps); times weight, plus bias",
    ],
)
def LayerNorm(rng):
    yield case("the example", 2, np.array([[1.0, 3.0]]), looks_at="output", eps=0.0, weight=0)
    width = int(rng.integers(4, 9))
    fresh = rng.normal(3, 2, size=(3, width))
    yield case("__init__: weight and bias", width, fresh, looks_at="parameters")
    x = rng.normal(300, 1000, size=(5, 4))
    yield case("forward: five words", 4, x, looks_at="output", weights=scale(rng, 4))
    x = rng.normal(-200, 1000, size=(2, 3, 5))
    yield case("forward: a batch of sentences", 5, x, looks_at="output", weights=scale(rng, 5))
    x = rng.normal(5, 0.01, size=(3, 6))
    yield case("forward: numbers close together", 6, x, looks_at="output", weights=scale(rng, 6))
    x = rng.normal(0, 1, size=(4, 3))
    drawn, eps = scale(rng, 3), float(rng.uniform(0.3, 0.9))
    yield case("forward: a large eps", 3, x, looks_at="output", weights=drawn, eps=eps)
    x = rng.normal(200, 1000, size=(3, 5))
    yield case("backward: gradients", 5, x, looks_at="gradients", weights=scale(rng, 5))


def scale(rng, width):
    return {"weight": rng.uniform(0.5, 2, size=width), "bias": rng.normal(size=width)}


VARIANCE = "((x - mean) ** 2).mean(dim=-1, keepdim=True)"

LayerNorm.mistake(
    "Your variance divides by n - 1, as torch.var does unless told otherwise. Layer norm divides "
    "by n.",
    replace=(VARIANCE, "x.var(dim=-1, keepdim=True)"),
)
LayerNorm.mistake(
    "You add eps to the root. It belongs under the root, where it keeps the slope finite too.",
    replace=("torch.sqrt(variance + self.eps)", "(torch.sqrt(variance) + self.eps)"),
)
LayerNorm.mistake(
    "eps is missing. Numbers that are all alike have the variance 0.",
    replace=("variance + self.eps", "variance"),
)
LayerNorm.mistake(
    "You divide by the variance. Its root has the same unit as x.",
    replace=("torch.sqrt(variance + self.eps)", "(variance + self.eps)"),
)
LayerNorm.mistake(
    "Your mean runs down the batch: that is batch norm. Here each word is treated by itself, along "
    "the last axis.",
    replace=(
        f"x.mean(dim=-1, keepdim=True)\n        variance = {VARIANCE}",
        "x.mean(dim=0, keepdim=True)\n"
        "        variance = ((x - mean) ** 2).mean(dim=0, keepdim=True)",
    ),
)
LayerNorm.mistake(
    "The mean is not subtracted in the end.",
    replace=("self.weight * (x - mean)", "self.weight * x"),
)
LayerNorm.mistake(
    "Weight and bias are never used.",
    replace=(
        "self.weight * (x - mean) / torch.sqrt(variance + self.eps) + self.bias",
        "(x - mean) / torch.sqrt(variance + self.eps)",
    ),
)
LayerNorm.mistake(
    "Weight and bias are plain tensors, so no optimizer finds them. nn.Parameter makes them "
    "parameters.",
    replace=(
        "nn.Parameter(torch.ones(width))\n        self.bias = nn.Parameter(torch.zeros(width))",
        "torch.ones(width)\n        self.bias = torch.zeros(width)",
    ),
)
LayerNorm.mistake(
    "Your weight starts at 0, so everything starts at 0. It starts at 1.",
    replace=("torch.ones(width)", "torch.zeros(width)"),
)
LayerNorm.mistake(
    "Mean and variance are cut off from the graph. They depend on x, and so does the gradient.",
    replace=("mean = x.mean(", "mean = x.detach().mean("),
)
LayerNorm.mistake(
    "The eps that is given is never used.",
    replace=("self.eps = eps", "self.eps = 1e-5"),
)


STATISTICS = """mean = x.mean(dim=-1, keepdim=True)
        variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)"""

LayerNorm.mistake(
    "Mean and variance are those of the whole table. Each word has its own, along the last axis.",
    replace=(STATISTICS, STATISTICS.replace("dim=-1, keepdim=True", "")),
)
LayerNorm.mistake(
    "Without keepdim=True, mean and variance have lost their last axis and don't line up with x.",
    replace=(STATISTICS, STATISTICS.replace(", keepdim=True", "")),
)
LayerNorm.mistake(
    "The weight is never used.",
    replace=("self.weight * (x", "(x"),
)
LayerNorm.mistake(
    "The bias is multiplied by the weight too. First scale, then shift.",
    replace=(
        "self.weight * (x - mean) / torch.sqrt(variance + self.eps) + self.bias",
        "self.weight * ((x - mean) / torch.sqrt(variance + self.eps) + self.bias)",
    ),
)
LayerNorm.mistake(
    "Only the mean is divided by the spread. The whole distance, x - mean, needs brackets.",
    replace=(
        "self.weight * (x - mean) / torch.sqrt(variance + self.eps) + self.bias",
        "self.weight * (x - mean / torch.sqrt(variance + self.eps)) + self.bias",
    ),
)


@LayerNorm.alternative("torch.var_mean without the correction, rsqrt")
class LayerNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.full((width,), 1.0))
        self.bias = nn.Parameter(torch.full((width,), 0.0))

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


@LayerNorm.alternative("sums divided by n, a power of one half")
class LayerNorm(nn.Module):
    def __init__(self, width, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x):
        n = x.shape[-1]
        mean = x.sum(-1, keepdim=True) / n
        apart = x - mean
        std = ((apart * apart).sum(-1, keepdim=True) / n + self.eps) ** 0.5
        return apart / std * self.weight + self.bias


# --- TransformerBlock ----------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["MultiHeadAttention", "LayerNorm"],
    minutes=25,
    hints=[
        "What does the block return when attention and the feed-forward part both give 0?",
        "Every shape in the middle is (batch, length, width), but for the hidden layer's.",
        "x plus attention of the normalized x; then that plus output of ReLU of hidden of the "
        "normalized sum. Two norms, two sums",
    ],
)
def TransformerBlock(rng):
    zero = {name: value * 0 for name, value in block(rng, 2, 3).items()}
    same = np.array([[[1.0, 2.0], [3.0, 5.0]]])
    yield case("the example", 2, 1, 3, zero, same, looks_at="output", weight=0)
    width = int(rng.choice([4, 6, 10]))
    yield case("__init__: the layers", width, 2, 7, {}, rng.normal(size=3), looks_at="layers")
    x = rng.normal(1, 2, size=(2, 3, 4))
    drawn = silent(block(rng, 4, 5), "output.")
    yield case("forward: attention alone", 4, 2, 5, drawn, x, looks_at="output")
    x = rng.normal(-1, 2, size=(2, 4, 4))
    drawn = silent(block(rng, 4, 7), "attention.output.")
    yield case("forward: feed-forward alone", 4, 2, 7, drawn, x, looks_at="output")
    x = rng.normal(1, 2, size=(3, 5, 6))
    yield case("forward: both", 6, 3, 8, block(rng, 6, 8), x, looks_at="output")
    x, drawn = rng.normal(0, 2, size=(2, 4, 6)), block(rng, 6, 5)
    yield case("forward: a mask", 6, 2, 5, drawn, x, looks_at="output", mask=lower(4))
    x, drawn = rng.normal(0, 2, size=(2, 3, 4)), block(rng, 4, 5)
    yield case("backward: gradients", 4, 2, 5, drawn, x, looks_at="gradients")


def block(rng, width, hidden):
    """All arrays of a block, under the names of the docstring."""
    drawn = attention_layers(rng, width, "attention.")
    for name in ("norm_1", "norm_2"):
        drawn |= {f"{name}.{key}": value for key, value in scale(rng, width).items()}
    return drawn | linear(rng, "hidden", width, hidden) | linear(rng, "output", hidden, width)


def silent(drawn, prefix):
    """The same arrays, those under one prefix at 0."""
    return {name: value * (not name.startswith(prefix)) for name, value in drawn.items()}


ATTENTION_HALF = "x = x + self.attention(self.norm_1(x), mask)"
FEED_FORWARD_HALF = "x + self.output(torch.relu(self.hidden(self.norm_2(x))))"

TransformerBlock.mistake(
    "The attention replaces x instead of being added to it. Without the sum, a word forgets "
    "itself.",
    replace=(ATTENTION_HALF, ATTENTION_HALF.replace("x + ", "")),
)
TransformerBlock.mistake(
    "The feed-forward part replaces x instead of being added to it.",
    replace=(FEED_FORWARD_HALF, FEED_FORWARD_HALF[4:]),
)
TransformerBlock.mistake(
    "You normalize after each sum, as the first transformer did (post-norm). Here the norm stands "
    "inside, before attention and before the feed-forward part.",
    replace=(
        f"{ATTENTION_HALF}\n        return {FEED_FORWARD_HALF}",
        "x = self.norm_1(x + self.attention(x, mask))\n"
        "        return self.norm_2(x + self.output(torch.relu(self.hidden(x))))",
    ),
)
TransformerBlock.mistake(
    "You add to the normalized x. The sum takes x as it came.",
    replace=(
        ATTENTION_HALF,
        "x = self.norm_1(x)\n        x = x + self.attention(x, mask)",
    ),
)
TransformerBlock.mistake(
    "norm_2 is never used: the feed-forward part gets x as it is.",
    replace=("self.hidden(self.norm_2(x))", "self.hidden(x)"),
)
TransformerBlock.mistake(
    "norm_1 is never used: the attention gets x as it is.",
    replace=("self.attention(self.norm_1(x), mask)", "self.attention(x, mask)"),
)
TransformerBlock.mistake(
    "Both halves use norm_1. Each has a norm of its own.",
    replace=("self.norm_2(x)", "self.norm_1(x)"),
)
TransformerBlock.mistake(
    "The mask is not handed on to the attention.",
    replace=("self.norm_1(x), mask)", "self.norm_1(x))"),
)
TransformerBlock.mistake(
    "There is no ReLU between the two linear layers, and two linear layers in a row are only one.",
    replace=("torch.relu(self.hidden(self.norm_2(x)))", "self.hidden(self.norm_2(x))"),
)
TransformerBlock.mistake(
    "The ReLU stands after the output layer, so the block can only ever add.",
    replace=(
        "self.output(torch.relu(self.hidden(self.norm_2(x))))",
        "torch.relu(self.output(self.hidden(self.norm_2(x))))",
    ),
)


@TransformerBlock.mistake(
    "Attention and feed-forward part both start from the same x. The second half starts from the "
    "first half's result."
)
class TransformerBlock(nn.Module):
    def __init__(self, width, heads, hidden_size):
        super().__init__()
        self.norm_1 = LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.norm_2 = LayerNorm(width)
        self.hidden = nn.Linear(width, hidden_size)
        self.output = nn.Linear(hidden_size, width)

    def forward(self, x, mask=None):
        attended = self.attention(self.norm_1(x), mask)
        return x + attended + self.output(torch.relu(self.hidden(self.norm_2(x))))


TransformerBlock.mistake(
    "x += writes into the caller's own x. x = x + ... makes a new tensor.",
    replace=("x = x + self.attention", "x += self.attention"),
)
TransformerBlock.mistake(
    "The curve between your linear layers is GELU. Here it is ReLU.",
    replace=("torch.relu(", "nn.functional.gelu("),
)
TransformerBlock.mistake(
    "Your attention has one head, whatever `heads` says.",
    replace=("MultiHeadAttention(width, heads)", "MultiHeadAttention(width, 1)"),
)
TransformerBlock.mistake(
    "The feed-forward part is added to the x from before the attention, whose result is lost on "
    "the way. The second sum takes the first one's result.",
    replace=(
        "        x = x + self.attention(self.norm_1(x), mask)\n"
        "        return x + self.output(torch.relu(self.hidden(self.norm_2(x))))",
        "        first = x + self.attention(self.norm_1(x), mask)\n"
        "        return x + self.output(torch.relu(self.hidden(self.norm_2(first))))",
    ),
)


@TransformerBlock.alternative("PyTorch's LayerNorm, the halves in steps")
class TransformerBlock(nn.Module):
    def __init__(self, width, heads, hidden_size):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads)
        self.hidden, self.output = nn.Linear(width, hidden_size), nn.Linear(hidden_size, width)

    def forward(self, x, mask=None):
        attended = self.attention(self.norm_1(x), mask=mask)
        middle = attended + x
        hidden = self.hidden(self.norm_2(middle)).clamp(min=0)
        return middle + self.output(hidden)


TransformerBlock.alternative(
    "ReLU from nn.functional",
    replace=("torch.relu(", "nn.functional.relu("),
)
