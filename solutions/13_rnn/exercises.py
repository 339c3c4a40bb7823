"""Unit 13: the exercises, their cases, and the mistakes people make in them."""

import numpy as np
import torch
from torch import nn

from autograde.declare import case, close, exercise, unit

unit(title="How does a network remember?", packages=["torch"])

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


# --- encode_names --------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "For the name amy, what does the network read first, and what should it answer then?",
        "Both tables have a row for each name and one column more than the longest name has "
        "letters, for the dot.",
        "a table of zeros and a table of PAD; for each name: its indices go into inputs from "
        "column 1 on, and into targets from column 0 on, with a 0 after them",
    ],
)
def encode_names(rng):
    yield case("the example", ["bo", "amy"], looks_at="inputs", weight=0)

    def word(letters):
        return "".join(rng.choice(list(ALPHABET[1:]), size=letters, replace=False))

    yield case("inputs: one name", [word(5)], looks_at="inputs")
    yield case("targets: one name", [word(6)], looks_at="targets")
    yield case("inputs: a short name is filled up", [word(3), word(6), word(2)], looks_at="inputs")
    yield case(
        "targets: a short name is filled up", [word(2), word(7), word(4)], looks_at="targets"
    )


encode_names.mistake(
    "Your targets are the inputs themselves. What should be answered is the letter that comes "
    "next: shift by one.",
    replace=("return inputs, targets", "return inputs, inputs.clone()"),
)


@encode_names.mistake(
    "The dot at the end is missing in your targets. Without it a name never learns to stop."
)
def encode_names(names):
    columns = max(len(name) for name in names) + 1
    inputs = torch.zeros((len(names), columns), dtype=torch.long)
    targets = torch.full((len(names), columns), PAD)
    for row, name in enumerate(names):
        spelled = torch.tensor([LETTERS.index(letter) for letter in name])
        inputs[row, 1 : len(name) + 1] = spelled
        targets[row, : len(name)] = spelled
    return inputs, targets


encode_names.mistake(
    "You fill the targets up with 0, which is the dot: the network would be judged for what comes "
    "after the end. Fill with PAD.",
    replace=("columns), PAD)", "columns), 0)"),
)
encode_names.mistake(
    "You fill the inputs up with PAD. A row of the table is looked up for every input, and -1 is "
    "not a letter: fill them with 0.",
    replace=(
        "torch.zeros((len(names), columns), dtype=torch.long)",
        "torch.full((len(names), columns), PAD); inputs[:, 0] = 0",
    ),
)
encode_names.mistake(
    "The dot at the beginning is missing in your inputs, so the first letter can't be predicted.",
    replace=("inputs[row, 1 : len(name) + 1] = spelled", "inputs[row, : len(name)] = spelled"),
)
encode_names.mistake(
    "Your names are filled up on the left. They begin in the first column, and the fill comes "
    "after them.",
    replace=(
        "return inputs, targets",
        "for row, name in enumerate(names):\n"
        "        fill = columns - 1 - len(name)\n"
        "        inputs[row] = inputs[row].roll(fill)\n"
        "        targets[row] = targets[row].roll(fill)\n"
        "    return inputs, targets",
    ),
)
encode_names.mistake(
    "Your indices begin with a as 0. LETTERS begins with the dot, so a is 1.",
    replace=("LETTERS.index(letter) for", "LETTERS.index(letter) - 1 for"),
)
encode_names.mistake(
    "Your numbers are floats. Indices are whole numbers: dtype=torch.long.",
    replace=("return inputs, targets", "return inputs.float(), targets.float()"),
)


@encode_names.mistake(
    "Your table has no column for the dot: the longest name loses its end. One column more than "
    "the longest name has letters."
)
def encode_names(names):
    columns = max(len(name) for name in names)
    inputs = torch.zeros((len(names), columns), dtype=torch.long)
    targets = torch.full((len(names), columns), PAD)
    for row, name in enumerate(names):
        spelled = [LETTERS.index(letter) for letter in name]
        inputs[row, : len(name)] = torch.tensor([0, *spelled[:-1]])
        targets[row, : len(name)] = torch.tensor(spelled)
    return inputs, targets


encode_names.mistake(
    "Your targets are the inputs themselves. What should be answered is the letter that comes "
    "next: shift by one.",
    replace=(
        "return inputs, targets",
        "return inputs, torch.where(targets == PAD, targets, inputs)",
    ),
)
encode_names.mistake(
    "Inputs and targets have changed places. The inputs begin with the dot.",
    replace=("return inputs, targets", "return targets, inputs"),
)


@encode_names.mistake(
    "Your rows are of different lengths, so they make no table. Short names are filled up: inputs "
    "with 0, targets with PAD."
)
def encode_names(names):
    spelled = [[LETTERS.index(letter) for letter in name] for name in names]
    inputs = torch.tensor([[0, *indices] for indices in spelled])
    targets = torch.tensor([[*indices, 0] for indices in spelled])
    return inputs, targets


@encode_names.alternative("lists, filled up by hand")
def encode_names(names):
    most = max(map(len, names))
    inputs, targets = [], []
    for name in names:
        indices = [LETTERS.index(letter) for letter in name]
        fill = most - len(name)
        inputs.append([0] + indices + [0] * fill)
        targets.append(indices + [0] + [PAD] * fill)
    return torch.tensor(inputs), torch.tensor(targets)


@encode_names.alternative("PyTorch's own padding")
def encode_names(names):
    rows = [torch.tensor([LETTERS.index(c) for c in f".{name}."]) for name in names]
    pad = torch.nn.utils.rnn.pad_sequence
    inputs = pad([row[:-1] for row in rows], batch_first=True)
    return [inputs, pad([row[1:] for row in rows], batch_first=True, padding_value=PAD)]


# --- embed ---------------------------------------------------------------------------------------


@exercise(
    points=1,
    compare=close(),
    minutes=5,
    hints=[
        "What does NumPy give for table[np.array([2, 0])]?",
        "(batch, time, size): a whole row of the table for each index.",
        "index the table with the indices",
    ],
)
def embed(rng):
    table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    yield case("the example", np.array([[2, 0]]), table, looks_at="result", weight=0)

    def indices(*shape):
        return rng.permutation(np.arange(np.prod(shape)) % 4).reshape(shape)

    yield case("one name", indices(1, 5), rng.normal(size=(4, 3)), looks_at="result")
    yield case("a batch", indices(3, 4), rng.normal(size=(5, 2)), looks_at="result")
    yield case("the table's gradient", indices(2, 5), rng.normal(size=(6, 3)), looks_at="gradient")


embed.mistake(
    "You look columns up. Each letter owns a row of the table.",
    replace=("table[indices]", "table.T[indices.clamp(max=table.shape[1] - 1)]"),
)
embed.mistake(
    "Your numbers are right, but no gradient reaches the table: it could never learn. Don't "
    "detach.",
    replace=("table[indices]", "table.detach()[indices].requires_grad_()"),
)
embed.mistake(
    "You add the rows of a name up. Each letter keeps its own row: (batch, time, size).",
    replace=("table[indices]", "table[indices].sum(dim=1)"),
)
embed.mistake(
    "You look up the rows of the first letter only.",
    replace=("table[indices]", "table[indices[:, :1]]"),
)
embed.mistake(
    "You return one-hot rows. They still have to meet the table, or better: look the row up.",
    replace=("table[indices]", "nn.functional.one_hot(indices, len(table)).to(table.dtype)"),
)


embed.mistake(
    "You look columns up. Each letter owns a row of the table.",
    replace=("table[indices]", "table.T[indices]"),
)


@embed.alternative("one-hot rows times the table")
def embed(indices, table):
    return nn.functional.one_hot(indices, len(table)).to(table.dtype) @ table


@embed.alternative("PyTorch's own embedding")
def embed(indices, table):
    return nn.functional.embedding(indices, table)


# --- rnn_cell ------------------------------------------------------------------------------------


def network(rng, batch, size, hidden, scale=0.6):
    """h, W_x, W_h and b, small enough that no tanh is flat."""
    return (
        rng.uniform(-0.8, 0.8, size=(batch, hidden)),
        rng.normal(size=(size, hidden)) * scale / np.sqrt(size),
        rng.normal(size=(hidden, hidden)) * scale / np.sqrt(hidden),
        rng.normal(size=hidden) * 0.3,
    )


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "Which of the three parts of the sum has to do with the past?",
        "x @ W_x and h @ W_h both are (batch, hidden); b is added to every row.",
        "tanh of: x times W_x, plus h times W_h, plus b",
    ],
)
def rnn_cell(rng):
    example = [[1.0, 2.0]], [[0.5]], [[0.1], [0.2]], [[1.0]], [-0.5]
    yield case("the example", *map(np.array, example), weight=0)
    x, (h, W_x, W_h, b) = rng.normal(size=(2, 3)), network(rng, 2, 3, 4)
    yield case("only the letter counts", x, 0 * h, W_x, W_h, 0 * b)
    x, (h, W_x, W_h, b) = rng.normal(size=(3, 2)), network(rng, 3, 2, 4)
    yield case("only the state counts", 0 * x, h, W_x, W_h, 0 * b)
    x, (h, W_x, W_h, b) = rng.normal(size=(2, 3)), network(rng, 2, 3, 5)
    yield case("only the bias counts", 0 * x, 0 * h, W_x, W_h, b)
    yield case("everything, for a batch of four", rng.normal(size=(4, 3)), *network(rng, 4, 3, 2))
    x = rng.normal(size=(2, 4))
    yield case("gradients flow back to all five", x, *network(rng, 2, 4, 3), looks_at="gradients")


rnn_cell.mistake(
    "The old state is left out: this cell has no memory.",
    replace=(" + h @ W_h", ""),
)
rnn_cell.mistake(
    "The letter is left out: this cell only talks to itself.",
    replace=("x @ W_x + ", ""),
)
rnn_cell.mistake(
    "The bias is left out.",
    replace=(" + b", ""),
)
rnn_cell.mistake(
    "There is no tanh. Without it the state grows and grows.",
    replace=("torch.tanh(x @ W_x + h @ W_h + b)", "(x @ W_x + h @ W_h + b)"),
)
rnn_cell.mistake(
    "Your curve is the sigmoid, from 0 to 1. Here it is tanh, from -1 to 1.",
    replace=("torch.tanh(", "torch.sigmoid("),
)
rnn_cell.mistake(
    "W_h is turned over in your product. Each column of W_h belongs to a number of the new state.",
    replace=("h @ W_h", "h @ W_h.T"),
)
rnn_cell.mistake(
    "The tanh ends before the bias is added. It goes around the whole sum.",
    replace=("torch.tanh(x @ W_x + h @ W_h + b)", "torch.tanh(x @ W_x + h @ W_h) + b"),
)
rnn_cell.mistake(
    "You add the old state to the new one. It only counts inside the tanh.",
    replace=("h @ W_h + b)", "h @ W_h + b) + h"),
)


rnn_cell.mistake(
    "The old state is cut loose by detach, so no gradient can travel back through the notes. Where "
    "the gradient ends is decided elsewhere, by truncated_bptt.",
    replace=("h @ W_h", "h.detach() @ W_h"),
)
rnn_cell.mistake(
    "Your curve is the ReLU, which has no upper end. Here it is tanh, from -1 to 1.",
    replace=("torch.tanh(", "torch.relu("),
)


@rnn_cell.mistake(
    "You write the new state into the old one's tensor, which the caller still needs. Return a new "
    "tensor."
)
def rnn_cell(x, h, W_x, W_h, b):
    h[:] = torch.tanh(x @ W_x + h @ W_h + b)
    return h


@rnn_cell.alternative("one product, letter and state side by side")
def rnn_cell(x, h, W_x, W_h, b):
    return (torch.cat([x, h], dim=1) @ torch.cat([W_x, W_h])).add(b).tanh()


@rnn_cell.alternative("PyTorch's linear and the formula of tanh")
def rnn_cell(x, h, W_x, W_h, b):
    z = nn.functional.linear(x, W_x.T, b) + torch.matmul(h, W_h)
    return 2 * torch.sigmoid(2 * z) - 1


# --- rnn_forward ---------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["rnn_cell"],
    minutes=20,
    hints=[
        "At step t, which letter's rows does the cell read, and which state?",
        "x[:, t] is (batch, size). There are `time` states of (batch, hidden); stacked along dim 1 "
        "they are (batch, time, hidden).",
        "an empty list; for each t: h becomes the cell of x[:, t] and h; put h into the list; "
        "stack the list along dim 1; return it and the last h",
    ],
)
def rnn_forward(rng):
    example = [[[1.0], [1.0]]], [[0.0]], [[0.5]], [[1.0]], [0.0]
    yield case("the example", *map(np.array, example), looks_at="states", weight=0)
    x = rng.normal(size=(2, 1, 3))
    yield case("a single letter", x, *network(rng, 2, 3, 4), looks_at="states")
    x = rng.normal(size=(3, 5, 2))
    yield case("states of five letters", x, *network(rng, 3, 2, 4), looks_at="states")
    x = rng.normal(size=(2, 4, 3))
    yield case("the last state", x, *network(rng, 2, 3, 5), looks_at="last")
    x, (h, *others) = 0 * rng.normal(size=(2, 3, 4)), network(rng, 2, 4, 3, 0.9)
    yield case("the state that is passed in", x, h, *others, looks_at="states")
    x = rng.normal(size=(2, 6, 3))
    yield case("gradients flow back to the start", x, *network(rng, 2, 3, 4), looks_at="gradients")
    x = rng.normal(size=(3, 4, 2))
    yield case(
        "gradients flow back from the last state",
        x,
        *network(rng, 3, 2, 5),
        looks_at="gradients from the last state",
    )


rnn_forward.mistake(
    "Every step begins with the same old state, so nothing is remembered. The new state replaces "
    "h.",
    replace=(
        "        h = rnn_cell(x[:, t], h, W_x, W_h, b)\n        states.append(h)\n"
        "    return torch.stack(states, dim=1), h",
        "        new = rnn_cell(x[:, t], h, W_x, W_h, b)\n        states.append(new)\n"
        "    return torch.stack(states, dim=1), new",
    ),
)
rnn_forward.mistake(
    "The state that is passed in does not count: you begin with zeros.",
    replace=("    states = []\n", "    states = []\n    h = torch.zeros_like(h)\n"),
)
rnn_forward.mistake(
    "You stack along the wrong axis: (time, batch, hidden). The batch comes first.",
    replace=("torch.stack(states, dim=1)", "torch.stack(states)"),
)
rnn_forward.mistake(
    "The sequence is read from its end.",
    replace=("range(x.shape[1])", "reversed(range(x.shape[1]))"),
)
rnn_forward.mistake(
    "You collect the state before each letter instead of the one after it.",
    replace=(
        "        h = rnn_cell(x[:, t], h, W_x, W_h, b)\n        states.append(h)\n",
        "        states.append(h)\n        h = rnn_cell(x[:, t], h, W_x, W_h, b)\n",
    ),
)
rnn_forward.mistake(
    "Your states are cut loose (by detach, .data or torch.no_grad), so no gradient reaches the "
    "letters before. Where the gradient ends is decided elsewhere, by truncated_bptt.",
    replace=("states.append(h)", "states.append(h)\n        h = h.detach()"),
)
rnn_forward.mistake(
    "Your states are cut loose (by detach, .data or torch.no_grad), so no gradient reaches the "
    "letters before. Where the gradient ends is decided elsewhere, by truncated_bptt.",
    replace=("rnn_cell(x[:, t], h, ", "rnn_cell(x[:, t], h.detach(), "),
)
rnn_forward.mistake(
    "You walk along the batch. x is (batch, time, size): the letters stand along axis 1.",
    replace=(
        "    for t in range(x.shape[1]):\n        h = rnn_cell(x[:, t]",
        "    for t in range(x.shape[0]):\n        h = rnn_cell(x[t]",
    ),
)
rnn_forward.mistake(
    "The last letter is not read.",
    replace=("range(x.shape[1])", "range(max(x.shape[1] - 1, 1))"),
)
rnn_forward.mistake(
    "You return the states only. The last one is wanted too, by itself: two values.",
    replace=("return torch.stack(states, dim=1), h", "return torch.stack(states, dim=1)"),
)


rnn_forward.mistake(
    "Your last state is cut loose. Gradients flow back through both results.",
    replace=("dim=1), h", "dim=1), h.detach()"),
)
rnn_forward.mistake(
    "You return after the first letter. `return` stands behind the loop.",
    replace=("    return torch", "        return torch"),
)
rnn_forward.mistake(
    "The state before the first letter stands among your states. There is one for each letter.",
    replace=("states = []", "states = [h]"),
)
rnn_forward.mistake(
    "torch.cat puts the states behind one another along their numbers. torch.stack makes a new "
    "axis, for time.",
    replace=("torch.stack(", "torch.cat("),
)
rnn_forward.mistake(
    "You return a list of states. torch.stack makes one tensor of them.",
    replace=("torch.stack(states, dim=1), h", "states, h"),
)
rnn_forward.mistake(
    "Your `last` is the last row of the batch. The last letter stands at the end of axis 1.",
    replace=(
        "return torch.stack(states, dim=1), h",
        "states = torch.stack(states, dim=1)\n    return states, states[-1]",
    ),
)


@rnn_forward.alternative("the letters' part of the sum for all steps at once")
def rnn_forward(x, h, W_x, W_h, b):
    read = x @ W_x + b
    found = []
    for now in read.unbind(dim=1):
        h = torch.tanh(now + h @ W_h)
        found.append(h.unsqueeze(1))
    return torch.cat(found, dim=1), found[-1][:, 0]


@rnn_forward.alternative("a recursion over the rest of the sequence")
def rnn_forward(x, h, W_x, W_h, b):
    h = rnn_cell(x[:, 0], h, W_x, W_h, b)
    if x.shape[1] == 1:
        return h[:, None], h
    rest, last = rnn_forward(x[:, 1:], h, W_x, W_h, b)
    return torch.cat([h[:, None], rest], dim=1), last


# --- masked_loss ---------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=15,
    hints=[
        "How would you write down which places have a real target?",
        "logits[mask] is (real places, characters), targets[mask] is (real places,). The loss is "
        "one number.",
        "a mask: targets that are not PAD; PyTorch's cross_entropy of the logits and the targets "
        "at these places",
    ],
)
def masked_loss(rng):
    logits = np.array([[[0.0, 0.0], [0.0, 9.0]]])
    yield case("the example", logits, np.array([[1, -1]]), looks_at="loss", weight=0)

    def drawn(lengths, columns, characters):
        targets = np.full((len(lengths), columns), -1)
        for row, length in enumerate(lengths):
            targets[row, :length] = rng.integers(0, characters, size=length)
        targets[0, 0], targets[0, 1] = 0, characters - 1  # the dot is a real target
        return rng.normal(size=(len(lengths), columns, characters)) * 2, targets

    yield case("no fill at all", *drawn([4, 4, 4], 4, 5), looks_at="loss")
    yield case("half of the table is fill", *drawn([2, 3, 1, 2], 4, 5), looks_at="loss")
    yield case("names of very different lengths", *drawn([7, 1, 2], 7, 3), looks_at="loss")
    logits, targets = drawn([4, 2, 3], 5, 6)
    yield case("logits in the thousands", logits * 1000, targets, looks_at="loss")
    yield case("gradients, and none at the fill", *drawn([3, 5, 2], 6, 4), looks_at="gradient")


MASKED = """real = targets != PAD
    return nn.functional.cross_entropy(logits[real], targets[real])"""

masked_loss.mistake(
    "The fill counts in your loss: you treat PAD as the dot.",
    replace=(
        MASKED,
        "return nn.functional.cross_entropy(logits.flatten(0, 1), targets.clamp(min=0).flatten())",
    ),
)
masked_loss.mistake(
    "You add up over the real places and divide by all of them, fill included: short names make "
    "the loss look better.",
    replace=(
        "nn.functional.cross_entropy(logits[real], targets[real])",
        'nn.functional.cross_entropy(logits[real], targets[real], reduction="sum") '
        "/ targets.numel()",
    ),
)
masked_loss.mistake(
    "You add the losses up. A mean over the real places can be compared between batches.",
    replace=(
        "cross_entropy(logits[real], targets[real])",
        'cross_entropy(logits[real], targets[real], reduction="sum")',
    ),
)
masked_loss.mistake(
    "You take the mean of each name first, then that of the names: the letters of short names "
    "count more. Each letter counts the same.",
    replace=(
        "nn.functional.cross_entropy(logits[real], targets[real])",
        "sum(nn.functional.cross_entropy(l[r], t[r]) for l, t, r in "
        "zip(logits, targets, real)) / len(logits)",
    ),
)
masked_loss.mistake(
    "You leave out the dots as well. The end of a name is a real target; only PAD is none.",
    replace=("targets != PAD", "targets > 0"),
)
masked_loss.mistake(
    "The mask is turned round: you judge the fill.",
    replace=(
        MASKED,
        "fill = targets == PAD\n    return nn.functional.cross_entropy("
        "logits[fill], targets[fill].clamp(min=0))",
    ),
)
masked_loss.mistake(
    "A softmax stands before the cross-entropy, which does its own.",
    replace=("cross_entropy(logits[real],", "cross_entropy(logits[real].softmax(dim=-1),"),
)
masked_loss.mistake(
    "You return a Python number. No gradient flows back from it: return the tensor.",
    replace=(
        "nn.functional.cross_entropy(logits[real], targets[real])",
        "nn.functional.cross_entropy(logits[real], targets[real]).item()",
    ),
)


masked_loss.mistake(
    "PAD is not a class: cross_entropy has no place -1. Take these places out first, with a mask.",
    replace=(
        MASKED,
        "return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())",
    ),
)
masked_loss.mistake(
    "cross_entropy looks for the characters on axis 1, where your logits have time. Put all places "
    "in one row first, as indexing by the mask does.",
    replace=(
        MASKED,
        "return nn.functional.cross_entropy(logits, targets, ignore_index=PAD)",
    ),
)
masked_loss.mistake(
    "The minus is missing or stands there twice: a loss is never below 0.",
    replace=("return nn", "return -nn"),
)
masked_loss.mistake(
    "You return the loss of every letter. One number is asked for: their mean.",
    replace=("targets[real])", 'targets[real], reduction="none")'),
)
masked_loss.mistake(
    "Your loss is detached: nothing can be learned from it.",
    replace=("targets[real])", "targets[real]).detach()"),
)


@masked_loss.mistake(
    "e to the power of a large logit is infinite. cross_entropy and log_softmax take care of that; "
    "exp and log by hand don't."
)
def masked_loss(logits, targets):
    real = targets != PAD
    powers = logits[real].exp()
    shares = powers / powers.sum(dim=1, keepdim=True)
    return -shares[torch.arange(len(shares)), targets[real]].log().mean()


@masked_loss.alternative("PyTorch's ignore_index")
def masked_loss(logits, targets):
    classes = logits.shape[-1]
    return nn.functional.cross_entropy(
        logits.reshape(-1, classes), targets.reshape(-1), ignore_index=PAD
    )


@masked_loss.alternative("logarithms picked out by gather, a mask of zeros and ones")
def masked_loss(logits, targets):
    mask = (targets >= 0).to(logits.dtype)
    logs = logits.log_softmax(dim=2)
    own = logs.gather(2, targets.clamp(min=0).unsqueeze(2)).squeeze(2)
    return -(own * mask).sum() / mask.sum()


# --- gradient_norms ------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["rnn_cell"],
    minutes=25,
    hints=[
        "What must be marked so that PyTorch records the way from the first state to the last?",
        "As many gradients as states, each (batch, hidden); the norm of each is one number; "
        "together (time,).",
        "a marked copy of h; run the cell and keep the states in a list; the gradient of the last "
        "state's sum with respect to the list; the norm of each, stacked",
    ],
)
def gradient_norms(rng):
    x, h = np.zeros((1, 3, 1)), np.array([[0.0]])
    W_x, W_h, b = np.array([[1.0]]), np.array([[0.5]]), np.array([0.0])
    yield case("the example", x, h, W_x, W_h, b, weight=0)
    x = rng.normal(size=(1, 2, 3))
    yield case("two letters", x, *network(rng, 1, 3, 4))
    x = rng.normal(size=(3, 4, 2))
    yield case("a batch of three", x, *network(rng, 3, 2, 4))
    x = rng.normal(size=(1, 12, 2)) * 0.1
    yield case("small weights, twelve letters", x, *network(rng, 1, 2, 5, 0.5))
    x = rng.normal(size=(2, 10, 3)) * 0.1
    yield case("large weights, ten letters", x, *network(rng, 2, 3, 6, 1.8))


gradient_norms.mistake(
    "Your norms come in the order of the way back. The first one belongs to the first letter.",
    replace=("for gradient in gradients]", "for gradient in gradients[::-1]]"),
)
gradient_norms.mistake(
    "You ask for the gradient of all states' sum. Here it is the last state's alone.",
    replace=(
        "torch.autograd.grad(h.sum(), states)",
        "torch.autograd.grad(torch.stack(states).sum(), states)",
    ),
)
gradient_norms.mistake(
    "You return the norms of the states. It is their gradients that tell what arrives.",
    replace=("gradient.norm() for gradient in gradients", "state.norm() for state in states"),
)
gradient_norms.mistake(
    "You return the sum of each gradient. Pluses and minuses cancel there; the norm is the root of "
    "the sum of squares.",
    replace=("gradient.norm()", "gradient.sum()"),
)
gradient_norms.mistake(
    "Your norms are means. The norm is the root of the sum of squares over all numbers.",
    replace=("gradient.norm()", "gradient.square().mean().sqrt()"),
)
gradient_norms.mistake(
    "The root is missing: you return sums of squares.",
    replace=("gradient.norm()", "gradient.square().sum()"),
)
gradient_norms.mistake(
    "Nothing wants gradients, so nothing was recorded. Mark a copy of h.",
    replace=("h = h.detach().clone().requires_grad_()", "h = h.detach().clone()"),
)
gradient_norms.mistake(
    "You marked the caller's own h. Mark a copy of it.",
    replace=("h = h.detach().clone().requires_grad_()", "h.requires_grad_()"),
)
gradient_norms.mistake(
    "Only the last norm is not 0: the way back ends at once. Either detach inside the loop cuts "
    "it, or you ask for the gradient of a stacked table, whose rows are copies of the states.",
    replace=(
        "        h = rnn_cell(x[:, t], h, W_x, W_h, b)\n        states.append(h)\n"
        "    gradients = torch.autograd.grad(h.sum(), states)",
        "        h = rnn_cell(x[:, t], h.detach().requires_grad_(), W_x, W_h, b)\n"
        "        states.append(h)\n"
        "    gradients = torch.autograd.grad(h.sum(), states, allow_unused=True)\n"
        "    gradients = [torch.zeros_like(h) if g is None else g for g in gradients]",
    ),
)


gradient_norms.equivalent(
    "torch.stack([gradient.norm() for gradient in gradients])",
    "([gradient.norm() for gradient in gradients])",
    why="a list of the norms is accepted too",
)


@gradient_norms.mistake(
    "You ask for gradients at slices of a table. They are new tensors, through which nothing "
    "flows: keep the states of the loop in a list."
)
def gradient_norms(x, h, W_x, W_h, b):
    states, last = rnn_forward(x, h.clone().requires_grad_(), W_x, W_h, b)
    slices = [states[:, t] for t in range(x.shape[1])]
    return torch.stack([g.norm() for g in torch.autograd.grad(last.sum(), slices)])


gradient_norms.mistake(
    "The state before the first letter has a norm in your answer. There is one for each letter.",
    replace=("states = []", "states = [h]"),
)
gradient_norms.mistake(
    "You start from the mean of the last state. The docstring says last.sum().",
    replace=("h.sum()", "h.mean()"),
)
gradient_norms.mistake(
    "You take the norm of each row and then their mean. One norm for the whole batch: the root of "
    "the sum of all squares.",
    replace=("gradient.norm()", "gradient.norm(dim=1).mean()"),
)


@gradient_norms.alternative("retain_grad on every state, then backward")
def gradient_norms(x, h, W_x, W_h, b):
    states, h = [], h.clone().requires_grad_(True)
    for t in range(x.shape[1]):
        h = rnn_cell(x[:, t], h, W_x, W_h, b)
        h.retain_grad()
        states.append(h)
    states[-1].sum().backward()
    return torch.stack([torch.linalg.vector_norm(state.grad) for state in states])


@gradient_norms.alternative("by hand, with the slope of tanh")
def gradient_norms(x, h, W_x, W_h, b):
    states = []
    for t in range(x.shape[1]):
        h = torch.tanh(x[:, t] @ W_x + h @ W_h + b)
        states.append(h)
    grad, norms = torch.ones_like(h), []
    for state in reversed(states):
        norms.insert(0, (grad**2).sum().sqrt())
        grad = (grad * (1 - state**2)) @ W_h.T
    return torch.stack(norms)


# --- truncated_bptt ------------------------------------------------------------------------------


def reader(rng, characters, hidden):
    """Weights of the probes' small model."""
    return {
        "table": rng.normal(size=(characters, hidden)) * 0.6,
        "W_h": rng.normal(size=(hidden, hidden)) * 0.7 / np.sqrt(hidden),
        "W_y": rng.normal(size=(hidden, characters)) * 0.7,
    }


@exercise(
    points=4,
    compare=close(),
    uses=["masked_loss"],
    minutes=30,
    hints=[
        "What of one window does the next one need, and what of it must it not reach back into?",
        "A list with one Python number for each window; the windows are slices along axis 1.",
        "state None; for each start, in steps of window: slice inputs and targets; logits and "
        "state from the model; detach the state; loss; clear gradients, backward, clip, step; keep "
        "the loss as a number",
    ],
)
def truncated_bptt(rng):
    def drawn(batch, length, window, looks_at, rate=0.5, clip=1e6):
        text = rng.integers(0, 5, size=(batch, length + 1))
        return {
            "weights": reader(rng, 5, 4),
            "inputs": text[:, :-1],
            "targets": text[:, 1:],
            "window": window,
            "learning_rate": rate,
            "clip": clip,
            "looks_at": looks_at,
        }

    example = drawn(1, 12, 5, "windows")
    yield case("the example: windows of 5, 5 and 2", **example, weight=0)
    yield case("one window is one step", **drawn(2, 4, 4, "weights"))
    yield case("the losses of three windows", **drawn(3, 12, 4, "losses"))
    yield case("the weights after three windows", **drawn(3, 12, 4, "weights"))
    yield case("a last window that is shorter", **drawn(2, 11, 4, "losses"))
    kinds = [int(k) for k in rng.permutation([3, 4, 5])]
    yield case(
        "the windows that are read", **drawn(kinds[0], 2 * kinds[1] + 1, kinds[1], "windows")
    )
    yield case("gradients that are clipped", **drawn(2, 12, 4, "weights", rate=1.0, clip=0.05))


truncated_bptt.mistake(
    "The state still holds the graph of the window before, so the second backward fails. Keeping "
    "the graph (retain_graph) would not help: the weights have changed since. Cut the state with "
    "detach.",
    replace=("        h = h.detach()\n", ""),
)
truncated_bptt.mistake(
    "Each window begins with an empty state. Only gradients are cut; the memory goes on: hand the "
    "detached state to the model.",
    replace=("model(inputs[:, here], h)", "model(inputs[:, here])"),
)
truncated_bptt.mistake(
    "The old gradients are never cleared, so each step repeats the ones before it.",
    replace=("        optimizer.zero_grad()\n", ""),
)
truncated_bptt.mistake(
    "The gradients are not clipped when the step is made: clip after backward and before the step.",
    replace=("        nn.utils.clip_grad_norm_(model.parameters(), clip)\n", ""),
)
truncated_bptt.mistake(
    "You cut each number of the gradients to the limit. Clipping makes the whole gradient shorter "
    "and keeps its direction: clip_grad_norm_.",
    replace=("nn.utils.clip_grad_norm_(", "nn.utils.clip_grad_value_("),
)
truncated_bptt.mistake(
    "The weights never move. Is there a step, and are the gradients still there when it comes?",
    replace=(
        "        optimizer.zero_grad()\n        loss.backward()\n",
        "        loss.backward()\n        optimizer.zero_grad()\n",
    ),
)
truncated_bptt.mistake(
    "The last window is left out when it is shorter than the others.",
    replace=(
        "range(0, inputs.shape[1], window)",
        "range(0, inputs.shape[1] - window + 1, window)",
    ),
)
truncated_bptt.mistake(
    "Your windows overlap: they move by one character. They stand side by side.",
    replace=("range(0, inputs.shape[1], window)", "range(0, inputs.shape[1])"),
)
truncated_bptt.mistake(
    "You cut along the batch. The text runs along axis 1.",
    replace=(
        "range(0, inputs.shape[1], window):\n        here = slice(start, start + window)\n",
        "range(0, len(inputs), window):\n        here = slice(start, start + window)\n",
    ),
)
truncated_bptt.mistake(
    "Only one step is made, after the whole text. A step belongs to each window.",
    replace=(
        "        optimizer.zero_grad()\n        loss.backward()\n"
        "        nn.utils.clip_grad_norm_(model.parameters(), clip)\n        optimizer.step()\n"
        "        losses.append(loss.item())\n",
        "        loss.backward()\n        losses.append(loss.item())\n"
        "    nn.utils.clip_grad_norm_(model.parameters(), clip)\n    optimizer.step()\n",
    ),
)


truncated_bptt.mistake(
    "Your list holds tensors, and each keeps the whole graph of its window in memory. .item() "
    "gives a Python number.",
    replace=("loss.item()", "loss"),
)
truncated_bptt.mistake(
    "You clip each parameter's gradient by itself. `clip` is meant for the norm of all together, "
    "so that the step keeps its direction.",
    replace=(
        "        nn.utils.clip_grad_norm_(model.parameters(), clip)\n",
        "        for part in model.parameters():\n"
        "            nn.utils.clip_grad_norm_([part], clip)\n",
    ),
)
truncated_bptt.mistake(
    "The targets are not cut. Each window has targets of its own.",
    replace=("targets[:, here]", "targets"),
)
truncated_bptt.mistake(
    "You return one number, the mean. A list with the loss of each window is asked for.",
    replace=("return losses", "return sum(losses) / len(losses)"),
)


@truncated_bptt.mistake("You cut along the batch. The text runs along axis 1.")
def truncated_bptt(model, optimizer, inputs, targets, window, clip):
    losses, h = [], None
    for start in range(0, len(inputs), window):
        logits, h = model(inputs[start : start + window], h)
        h = h.detach()
        loss = masked_loss(logits, targets[start : start + window])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@truncated_bptt.alternative("torch's split, the state detached just before it is used")
def truncated_bptt(model, optimizer, inputs, targets, window, clip):
    losses, state = [], None
    for x, y in zip(inputs.split(window, dim=1), targets.split(window, dim=1)):  # noqa: B905
        model.zero_grad()
        logits, state = model(x, None if state is None else state.detach())
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(model.parameters()), max_norm=clip)
        optimizer.step()
        losses += [float(loss.detach())]
    return losses


@truncated_bptt.alternative("clipping by hand")
def truncated_bptt(model, optimizer, inputs, targets, window, clip):
    losses, h, start = [], None, 0
    while start < inputs.shape[1]:
        logits, h = model(inputs[:, start : start + window], h)
        loss = masked_loss(logits, targets[:, start : start + window])
        optimizer.zero_grad()
        loss.backward()
        h = h.detach()
        grads = [p.grad for p in model.parameters()]
        norm = sum((g**2).sum() for g in grads) ** 0.5
        for g in grads:
            g.mul_(min(1.0, clip / (float(norm) + 1e-6)))
        optimizer.step()
        losses.append(loss.item())
        start += window
    return losses


# --- sample_name ---------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=20,
    hints=[
        "What does the model read first, and what does it read after a letter was drawn?",
        "logits[0, -1] are the 27 scores of the next letter; draw wants probabilities, and gives "
        "back an index.",
        "name empty, index 0, state None; while the name is shorter than longest: logits and state "
        "from the model; index from draw of the softmax; at 0 stop; otherwise add the letter",
    ],
)
def sample_name(rng):
    def drawn(shares, longest, looks_at):
        weights = reader(rng, 27, 6)
        weights["table"] = weights["table"] * 2
        weights["W_h"] = weights["W_h"] * 3  # what was read before shows in every draw
        weights["W_y"] = weights["W_y"] * 2
        weights["W_y"][:, 0] = 0  # so that the dot is never likely
        return weights, shares, longest, looks_at

    # A share of 0.5 draws a letter of the middle, one of 1e-9 draws the dot, number 0.
    def middle(count):
        return [float(share) for share in rng.uniform(0.3, 0.9, size=count)]

    limit = int(rng.integers(4, 9))
    yield case("a name that ends at once", *drawn([1e-9], 8, "name"), weight=0)
    yield case("what draw is given first", *drawn([1e-9, 1e-9], 8, "probabilities"))
    yield case(
        "what draw is given, letter by letter", *drawn([*middle(4), 1e-9], 8, "probabilities")
    )
    yield case("a name of eight letters", *drawn([*middle(8), 1e-9], 12, "name"))
    yield case("a name that is as long as it may be", *drawn(middle(9), limit, "length"))


sample_name.mistake(
    "The model reads the dot every time. It should read the letter that was drawn.",
    replace=("torch.tensor([[index]]), h)", "torch.tensor([[0]]), h)"),
)
sample_name.mistake(
    "The state is thrown away after each letter, so the model knows only the last one.",
    replace=("torch.tensor([[index]]), h)", "torch.tensor([[index]]))"),
)
sample_name.mistake(
    "draw is given logits. Probabilities add up to 1: softmax.",
    replace=("logits[0, -1].softmax(dim=0)", "logits[0, -1]"),
)
sample_name.mistake(
    "You take the likeliest letter and never call draw: the same name every time.",
    replace=("draw(logits[0, -1].softmax(dim=0))", "int(logits[0, -1].argmax())"),
)
sample_name.mistake(
    "The dot at the end is part of your name. Stop before it is added.",
    replace=(
        "        if index == 0:\n            break\n        name += LETTERS[index]\n",
        "        name += LETTERS[index]\n        if index == 0:\n            break\n",
    ),
)
sample_name.mistake(
    "A drawn dot does not end the name.",
    replace=("        if index == 0:\n            break\n", ""),
)
sample_name.mistake(
    "Your name may be longer than `longest`.",
    replace=("while len(name) < longest:", "while len(name) < longest + 1:"),
)
sample_name.mistake(
    "Your letters are off by one. LETTERS[0] is the dot, so index 1 is a.",
    replace=("LETTERS[index]", "LETTERS[index - 1]"),
)
sample_name.mistake(
    "You return a list of letters. A name is one string.",
    replace=("return name", "return list(name)"),
)


sample_name.equivalent("logits[0, -1]", "logits[0, -0]", why="one letter at a time is read")


@sample_name.mistake("You leave a drawn dot out of the name and go on. It ends the name.")
def sample_name(model, draw, longest):
    name, index, h = "", 0, None
    for _ in range(longest):
        logits, h = model(torch.tensor([[index]]), h)
        index = draw(logits[0, -1].softmax(dim=0))
        if index > 0:
            name += LETTERS[index]
    return name


sample_name.mistake(
    "draw is given a table of one row and one column. It wants the probabilities of one letter, "
    "(27,).",
    replace=("logits[0, -1].softmax(dim=0)", "logits.softmax(dim=2)"),
)


@sample_name.alternative("reading the whole name anew for each letter")
def sample_name(model, draw, longest):
    indices = [0]
    while len(indices) <= longest:
        logits, _ = model(torch.tensor([indices]), None)
        drawn = draw(torch.softmax(logits[0, -1], dim=-1))
        if not drawn:
            break
        indices.append(drawn)
    return "".join(LETTERS[index] for index in indices[1:])


@sample_name.alternative("a for loop without gradients")
def sample_name(model, draw, longest):
    letters, h, x = [], None, torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        for _ in range(longest):
            scores, h = model(x, h)
            powers = (scores[0, 0] - scores.max()).exp()
            number = draw(powers / powers.sum())
            if number == 0:
                return "".join(letters)
            letters.append(LETTERS[number])
            x = torch.full((1, 1), number)
    return "".join(letters)
