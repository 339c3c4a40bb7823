"""Unit 05: the exercises, their cases, and the mistakes people make in them.

The cases carry starting weights, pictures and labels; `chainrule.training.probes` builds a small
model from them and takes at most twenty steps in float64.
"""

import numpy as np
import torch
from torch import nn

from autograde.declare import Variant, case, close, exercise, law, unit
from chainrule.training import laws

unit(title="How do professionals train?", packages=["torch"])


def in_all(exercise, says, *sources):
    """A mistake that several whole cells make: each is a spelling of it."""
    for source in sources:
        exercise.mistakes.append(Variant(says, source=source))


def weights(rng, pixels, hidden, classes):
    """Starting weights of the probes' small model."""
    return {
        "w1": rng.normal(size=(pixels, hidden)) / np.sqrt(pixels),
        "b1": rng.normal(size=hidden),
        "w2": rng.normal(size=(hidden, classes)),
        "b2": rng.normal(size=classes),
    }


def undecided(classes, scores=0.0):
    """A model of 1 by 2 pixels that gives every picture the same scores."""
    return {
        "w1": np.zeros((2, 3)),
        "b1": np.zeros(3),
        "w2": np.zeros((3, classes)),
        "b2": np.zeros(classes) + scores,
    }


def every_class(rng, examples, classes):
    """Labels in random order; each class occurs when there are enough examples."""
    return rng.permutation(np.arange(examples) % classes)


# --- autograd_gradient ---------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=10,
    hints=[
        "Which tensor must be marked before the function is called, and what if the caller's own "
        "tensor were marked?",
        "The result has the shape of x; it stands in the .grad of the tensor that you marked.",
        "a copy of x without its past, marked; call the function on it; backward on what comes "
        "out; return the copy's grad",
    ],
)
def autograd_gradient(rng):
    example = np.array([1.0, 2.0, 3.0])
    yield case("the example", "squares", example, np.ones(3), looks_at="value", weight=0)
    yield case("a row of five", "squares", *point(rng, 5), looks_at="value")
    yield case("a table of 3 by 4", "waves", *point(rng, (3, 4)), looks_at="value")
    yield case("a single number", "waves", *point(rng, ()), looks_at="value")
    yield case("asked twice", "logarithm", *point(rng, 4), looks_at="again")
    yield case("x stays as it was", "squares", *point(rng, 3), looks_at="x")
    yield case("one call of the function", "logarithm", *point(rng, 6), looks_at="calls")


def point(rng, shape):
    """Where to ask, and the function's factors, all away from zero."""
    return rng.uniform(0.4, 1.2, size=shape), rng.uniform(0.5, 2, size=shape)


autograd_gradient.mistake(
    "The tensor that the function was called with is not marked, so PyTorch recorded nothing. "
    "requires_grad_() marks a tensor; what .detach() makes of it is unmarked again.",
    replace=("x.detach().clone().requires_grad_()", "x.detach().clone()"),
)
autograd_gradient.mistake(
    "You marked the caller's own x. It keeps a .grad, and the next call adds to it. Mark a copy.",
    replace=("x.detach().clone().requires_grad_()", "x.requires_grad_()"),
)
autograd_gradient.mistake(
    "You return None. backward() itself returns nothing; the gradient is in the .grad of the "
    "tensor that you marked, after backward() was called, with brackets.",
    replace=("return point.grad", "return x.grad"),
)


@autograd_gradient.mistake("You return the function's value. Its slopes stand in .grad.")
def autograd_gradient(function, x):
    point = x.detach().clone().requires_grad_()
    value = function(point)
    value.backward()
    return value.detach()


@autograd_gradient.mistake(
    "backward ran twice, so the gradients were added up: yours is twice as large."
)
def autograd_gradient(function, x):
    point = x.detach().clone().requires_grad_()
    function(point).backward()
    function(point).backward()
    return point.grad


@autograd_gradient.mistake(
    "These are central differences: two calls for each number in x. A model has 200,000 numbers; "
    "backward needs one call for all of them."
)
def autograd_gradient(function, x):
    gradient = torch.zeros_like(x)
    for place in np.ndindex(tuple(x.shape)):
        step = torch.zeros_like(x)
        step[place] = 1e-5
        gradient[place] = (function(x + step) - function(x - step)) / 2e-5
    return gradient


@autograd_gradient.mistake("You add the slopes up. Each number of x has its own.")
def autograd_gradient(function, x):
    point = x.detach().clone().requires_grad_()
    function(point).backward()
    return point.grad.sum()


@autograd_gradient.alternative("torch.autograd.grad")
def autograd_gradient(function, x):
    point = x.clone().detach().requires_grad_(True)
    return torch.autograd.grad(function(point), point)[0]


@autograd_gradient.alternative("torch.func.grad")
def autograd_gradient(function, x):
    return torch.func.grad(function)(x)


@autograd_gradient.alternative("the Jacobian of a function with one output")
def autograd_gradient(function, x):
    return torch.autograd.functional.jacobian(function, x)


# --- FashionDataset ------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=15,
    hints=[
        "What does dataset[3] have to produce, and what is the dtype of the network's weights?",
        "A picture is a float32 tensor of shape (height, width) from 0 to 1; a label is an int.",
        "keep both arrays; length = number of pictures; an item = (the picture as float32, "
        "divided by 255; the label as an int)",
    ],
)
def FashionDataset(rng):
    example = np.array([[[0, 255]], [[51, 102]]], np.uint8), np.array([7, 3])
    yield case("the example", *example, looks_at="both", places=[0, 1], weight=0)
    places = [int(place) for place in rng.choice(9, size=3, replace=False)]
    yield case("pictures as numbers", *pictures(rng, 9, 3, 5), looks_at="picture", places=places)
    yield case("labels as indices", *pictures(rng, 9, 4, 2), looks_at="label", places=places)
    yield case(
        "len, and a loader's batches", *pictures(rng, 11, 2, 3), looks_at="length", places=[4]
    )
    yield case("the last item", *pictures(rng, 5, 3, 2), looks_at="both", places=[4, 0])


def pictures(rng, examples, height, width):
    """Bytes, never the brightest, and labels, as bytes too: that is how the files hold them."""
    images = rng.integers(1, 200, size=(examples, height, width)).astype(np.uint8)
    return images, rng.permutation(np.arange(examples) % 10).astype(np.uint8)


FashionDataset.mistake(
    "Your pictures go from 0 to 255. Inputs that large make the first steps leap about: divide.",
    replace=(" / 255", ""),
)
FashionDataset.mistake(
    "Your pictures are float64, the network's weights float32, and PyTorch does not mix them.",
    replace=("torch.float32", "torch.float64"),
)
FashionDataset.mistake(
    "You divide each picture by its own brightest pixel, so a dark shirt and a light one look "
    "the same. The same 255 for all.",
    replace=("/ 255", "/ int(self.images[index].max())"),
)
FashionDataset.mistake(
    "// throws away what stands behind the decimal point: every pixel but the brightest is 0.",
    replace=("/ 255", "// 255"),
)
FashionDataset.mistake(
    "Your label is a row of zeros and a one. cross_entropy wants the index of the class.",
    replace=("int(self.labels[index])", "torch.eye(10)[int(self.labels[index])]"),
)
FashionDataset.mistake(
    "Your label is a row of zeros and a one. cross_entropy wants the index of the class.",
    replace=("int(self.labels[index])", "np.eye(10)[self.labels[index]]"),
)
FashionDataset.mistake(
    "Your label is a row of zeros and a one. cross_entropy wants the index of the class.",
    replace=(
        "int(self.labels[index])",
        "nn.functional.one_hot(torch.tensor(int(self.labels[index])), 10)",
    ),
)
FashionDataset.mistake(
    "A method uses something that __init__ never kept under that name. Write self. before the name "
    "there too: a plain name is gone when __init__ ends.",
    replace=(
        "self.images = images\n        self.labels = labels",
        "images, labels = images, labels",
    ),
)
FashionDataset.mistake(
    "Your label is a float. A class index is a whole number: what does int() give?",
    replace=("int(self.labels[index])", "float(self.labels[index])"),
)
FashionDataset.mistake(
    "Your label is still a byte. cross_entropy refuses bytes; an int becomes int64 in a batch.",
    replace=("int(self.labels[index])", "self.labels[index]"),
)
FashionDataset.mistake(
    "len counts your pixels. How many pictures are there?",
    replace=("len(self.images)", "self.images.size"),
)
FashionDataset.mistake(
    "Your picture has an axis of length 1 too many. Here a picture is (height, width).",
    replace=("return picture, ", "return picture[None], "),
)
FashionDataset.mistake(
    "Label and picture have changed places: the picture comes first.",
    replace=(
        "return picture, int(self.labels[index])",
        "return int(self.labels[index]), picture",
    ),
)
FashionDataset.mistake(
    "You flatten the picture. It stays (height, width); the model will flatten it.",
    replace=("return picture, ", "return picture.flatten(), "),
)


@FashionDataset.alternative("all pictures made into numbers at the start, labels as tensors")
class FashionDataset(torch.utils.data.Dataset):
    def __init__(self, images, labels):
        self.x = torch.from_numpy(images).float().div(255)
        self.y = torch.as_tensor(labels, dtype=torch.long)

    def __len__(self):
        return self.x.shape[0]

    def __getitem__(self, index):
        return self.x[index], self.y[index]


@FashionDataset.alternative("a plain class whose pictures are NumPy arrays")
class FashionDataset:
    def __init__(self, images, labels):
        self.pairs = list(zip(images, labels))  # noqa: B905

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        image, label = self.pairs[index]
        return image.astype(np.float32) / np.float32(255), np.int64(label)


# --- Classifier ----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "Which layers have parameters, and where do they have to be made so that PyTorch finds "
        "them: in __init__ or in forward?",
        "(batch, height, width) becomes (batch, pixels), then (batch, hidden_size), then "
        "(batch, classes).",
        "__init__: two linear layers with the names of the docstring. forward: flatten all axes "
        "but the first; hidden layer; ReLU; output layer; nothing after it",
    ],
)
def Classifier(rng):
    sizes, given = (2, 2, 2), {**layers(rng, 2, 2, 2)}
    given = {name: np.ones_like(value) * (value.ndim - 1) for name, value in given.items()}
    images = np.array([[[1.0, 2.0]]])
    yield case("the example", *sizes, given, images, looks_at="logits", weight=0)
    sizes = 6, int(rng.choice([4, 5, 7, 8])), 3
    yield case("__init__: the layers", *sizes, *clear_cut(rng, sizes, (2, 2, 3)), looks_at="layers")
    sizes = 6, 4, 3
    drawn = clear_cut(rng, sizes, (1, 2, 3))
    yield case("forward: one picture", *sizes, *drawn, looks_at="logits")
    sizes = 12, 7, 5
    drawn = clear_cut(rng, sizes, (4, 3, 4))
    yield case("forward: a batch of 4", *sizes, *drawn, looks_at="logits")
    sizes = 6, 5, 4
    drawn = clear_cut(rng, sizes, (7, 3, 2))
    yield case("backward: every weight gets a gradient", *sizes, *drawn, looks_at="gradients")


def clear_cut(rng, sizes, shape):
    """Weights and pictures with hidden sums and logits on both sides of zero, none close to it."""
    while True:
        drawn, images = layers(rng, *sizes), rng.normal(size=shape)
        rows = images.reshape(len(images), -1)
        sums = rows @ drawn["hidden.weight"].T + drawn["hidden.bias"]
        logits = np.maximum(sums, 0) @ drawn["output.weight"].T + drawn["output.bias"]
        both = all((part[0] < -0.1).any() and (part[0] > 0.1).any() for part in (sums, logits))
        if both and min(np.abs(sums).min(), np.abs(logits).min()) > 1e-3:
            return drawn, images


def layers(rng, pixels, hidden, classes):
    """Weights under the names that two linear layers have in PyTorch."""
    return {
        "hidden.weight": rng.normal(size=(hidden, pixels)),
        "hidden.bias": rng.normal(size=hidden),
        "output.weight": rng.normal(size=(classes, hidden)),
        "output.bias": rng.normal(size=classes),
    }


RESULT = "self.output(torch.relu(self.hidden(rows)))"

Classifier.mistake(
    "Your model ends in a softmax. The loss does its own: return the plain scores.",
    replace=(RESULT, RESULT + ".softmax(dim=1)"),
)
Classifier.mistake(
    "Your model ends in a log_softmax. The loss does its own softmax: return the plain scores.",
    replace=(RESULT, RESULT + ".log_softmax(dim=1)"),
)
Classifier.mistake(
    "The pictures are not flattened: each is still (height, width). The hidden layer takes rows of "
    "pixels, (batch, pixels).",
    replace=("images.flatten(start_dim=1)", "images"),
)
Classifier.mistake(
    "784 stands where you flatten. Other pictures have other sizes: flatten(start_dim=1) needs no "
    "number.",
    replace=("images.flatten(start_dim=1)", "images.reshape(-1, 784)"),
)
Classifier.mistake(
    "Your hidden layer always takes 784 numbers. Use pixels: other pictures have other sizes.",
    replace=("nn.Linear(pixels, hidden_size)", "nn.Linear(784, hidden_size)"),
)
Classifier.mistake(
    "nn.ReLU(z) makes a layer and computes nothing. torch.relu(z) is the function.",
    replace=("torch.relu(", "nn.ReLU("),
)
Classifier.mistake(
    "There is no ReLU between the layers, and two linear layers in a row are only one.",
    replace=("torch.relu(self.hidden(rows))", "self.hidden(rows)"),
)
Classifier.mistake(
    "The ReLU stands after the output layer, where it cuts off every negative score.",
    replace=(RESULT, "torch.relu(self.output(self.hidden(rows)))"),
)
Classifier.mistake(
    "There is a ReLU after the output layer as well. It cuts off every negative score.",
    replace=(RESULT, f"torch.relu({RESULT})"),
)
Classifier.mistake(
    "You flatten the whole batch into one long row. The first axis stays: start_dim says where "
    "flattening begins.",
    replace=("start_dim=1", "start_dim=0"),
)
Classifier.mistake(
    "nn.Linear takes the number of inputs first, then that of outputs; your first layer has them "
    "the other way round.",
    replace=("nn.Linear(pixels, hidden_size)", "nn.Linear(hidden_size, pixels)"),
)
Classifier.mistake(
    "Your layers have no biases. nn.Linear has one unless told otherwise.",
    replace=(
        "nn.Linear(pixels, hidden_size)\n        self.output = nn.Linear(hidden_size, classes)",
        "nn.Linear(pixels, hidden_size, bias=False)\n"
        "        self.output = nn.Linear(hidden_size, classes, bias=False)",
    ),
)
Classifier.mistake(
    "The hidden layer's activation is a sigmoid. The docstring asks for ReLU.",
    replace=("torch.relu", "torch.sigmoid"),
)


@Classifier.mistake(
    "PyTorch finds no parameters in your model. Layers made in forward are new in every pass, and "
    "layers in a plain list are not seen: store each as self.name in __init__."
)
class Classifier(nn.Module):
    def __init__(self, pixels, hidden_size, classes):
        super().__init__()
        self.layers = [nn.Linear(pixels, hidden_size), nn.Linear(hidden_size, classes)]

    def forward(self, images):
        return self.layers[1](torch.relu(self.layers[0](images.flatten(start_dim=1))))


@Classifier.alternative("flatten and ReLU as modules of their own")
class Classifier(nn.Module):
    def __init__(self, pixels, hidden_size, classes):
        super().__init__()
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(in_features=pixels, out_features=hidden_size)
        self.activation = nn.ReLU()
        self.output = nn.Linear(in_features=hidden_size, out_features=classes)

    def forward(self, images):
        return self.output(self.activation(self.hidden(self.flatten(images))))


@Classifier.alternative("reshape, the parts in nn.Sequential, a ReLU from clamp")
class Classifier(nn.Module):
    def __init__(self, pixels, hidden_size, classes):
        super().__init__()
        layers = nn.Sequential(nn.Linear(pixels, hidden_size), nn.Linear(hidden_size, classes))
        self.hidden, self.output = layers

    def forward(self, images):
        x = images.reshape(len(images), -1)
        return self.output(self.hidden(x).clamp(min=0))


# --- train_step ----------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "What stands in .grad after the first step, and what does backward do to it in the second?",
        "One number comes back: the mean loss of the batch, from before the weights moved.",
        "logits from the model; their cross-entropy with the labels; clear the gradients; "
        "backward from the loss; one step of the optimizer; return the loss as a number",
    ],
)
def train_step(rng):
    start, images, labels = undecided(2), np.ones((1, 2, 1, 2)), np.array([[1, 0]])
    yield case("the example", start, images, labels, 0.1, looks_at="all", weight=0)
    yield case("one step: its loss", *batches(rng, 1, 5), looks_at="loss")
    yield case("one step: the new weights", *batches(rng, 1, 5), looks_at="weights")
    yield case("a batch of one", *batches(rng, 1, 1), looks_at="weights")
    yield case("the loss lets go of its graph", *batches(rng, 1, 4), looks_at="graph")
    yield case("three steps", *batches(rng, 3, 4), looks_at="weights")
    yield case("twenty steps", *batches(rng, 20, 6), looks_at="all")


def batches(rng, steps, size):
    """Starting weights, pictures and labels for each step, a learning rate."""
    start = weights(rng, 6, 4, 3)
    images = rng.normal(size=(steps, size, 2, 3))
    labels = np.array([every_class(rng, size, 3) for _ in range(steps)])
    if size == 1:
        labels = rng.integers(0, 3, size=(steps, 1))
    return start, images, labels, float(rng.uniform(0.1, 0.3))


train_step.mistake(
    "The old gradients are never cleared, so each step repeats all the steps before it. (A method "
    "without brackets, optimizer.zero_grad, does nothing.)",
    replace=("    optimizer.zero_grad()\n", ""),
)
train_step.mistake(
    "The weights never move. backward fills the gradients and step uses them: are both there, with "
    "their brackets, and is nothing cleared in between?",
    replace=("    optimizer.step()\n", ""),
)
train_step.mistake(
    "The step comes before backward, so you move by the gradients of the batch before.",
    replace=(
        "optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n",
        "optimizer.step()\n    optimizer.zero_grad()\n    loss.backward()\n",
    ),
)
train_step.mistake(
    "You apply softmax, and cross_entropy applies it once more. It wants the logits.",
    replace=("model(images)", "model(images).softmax(dim=1)"),
)
train_step.mistake(
    "Your loss is a sum over the batch. The mean does not grow with the batch.",
    replace=("(logits, labels)", "(logits, labels, reduction='sum')"),
)
train_step.mistake(
    "You return the tensor with its whole graph. What gives a plain number?",
    replace=("loss.item()", "loss"),
)
train_step.mistake(
    "loss.item is a method that you don't call. With brackets, loss.item(), it gives the number.",
    replace=("loss.item()", "loss.item"),
)
train_step.mistake(
    "You step twice: each call of step moves the parameters.",
    replace=("    optimizer.step()\n", "    optimizer.step()\n    optimizer.step()\n"),
)
train_step.mistake(
    "nn.CrossEntropyLoss(...) makes a loss and computes nothing. Write nn.CrossEntropyLoss()"
    "(logits, labels), or nn.functional.cross_entropy(logits, labels).",
    replace=("nn.functional.cross_entropy", "nn.CrossEntropyLoss"),
)
train_step.mistake(
    "You return the loss after the step. Asked for is the one that the step was made from.",
    replace=("loss.item()", "nn.functional.cross_entropy(model(images), labels).item()"),
)
train_step.mistake(
    "nll_loss wants logarithms of shares. Given plain scores, it is no cross-entropy.",
    replace=("nn.functional.cross_entropy", "nn.functional.nll_loss"),
)
train_step.mistake(
    "You compare scores with one-hot labels by their squared distance. The loss for classes is "
    "cross_entropy, and it takes the indices.",
    replace=(
        "nn.functional.cross_entropy(logits, labels)",
        "((logits - torch.eye(logits.shape[1])[labels]) ** 2).mean()",
    ),
)
train_step.mistake(
    "Logits and labels have changed places: cross_entropy(logits, labels).",
    replace=("cross_entropy(logits, labels)", "cross_entropy(labels, logits)"),
)


@train_step.alternative("the gradients cleared at the end, as PyTorch's quickstart does")
def train_step(model, optimizer, images, labels):
    loss = nn.CrossEntropyLoss()(model(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


@train_step.alternative("log_softmax written out, in train mode, the loss as a detached tensor")
def train_step(model, optimizer, images, labels):
    model.train()
    model.zero_grad()
    shares = torch.log_softmax(model(images), dim=-1)
    loss = -shares[torch.arange(len(labels)), labels].mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


@train_step.alternative("labels as shares, which cross_entropy takes as well")
def train_step(model, optimizer, images, labels):
    optimizer.zero_grad(set_to_none=False)
    logits = model(images)
    shares = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    loss = nn.functional.cross_entropy(logits, shares)
    loss.backward()
    optimizer.step()
    return loss.item()


# --- evaluate ------------------------------------------------------------------------------------

ALWAYS_ONE = np.array([0.0, np.log(3.0)])  # class 1 gets a share of 3/4


@exercise(
    points=3,
    compare=close(),
    minutes=20,
    hints=[
        "Three batches of 4, 4 and 1: how much should the last picture count?",
        "Two numbers: the mean loss over all examples, and the share of them that is right.",
        "remember the mode; eval mode; without gradients, for each batch: move it, logits, mean "
        "loss times the batch's size, count of right answers; back to the old mode; divide both "
        "by the number of examples",
    ],
)
def evaluate(rng):
    example = undecided(2, ALWAYS_ONE), np.ones((3, 1, 2)), np.array([1, 1, 0]), 2
    yield case("the example", *example, looks_at="numbers", weight=0)
    yield case("batches of the same size", *examples(rng, 12, 4), looks_at="numbers")
    yield case("a ragged last batch", *examples(rng, 10, 4), looks_at="numbers")
    yield case("a single example", *examples(rng, 1, 4), looks_at="numbers")
    # Batches of two: three classes never happen to fit two labels.
    yield case("eval mode", *examples(rng, 6, 2), looks_at="eval mode")
    yield case("no gradients", *examples(rng, 6, 2), looks_at="gradients")
    yield case("found in train mode", *examples(rng, 6, 2), looks_at="found in train mode")
    yield case("found in eval mode", *examples(rng, 6, 2), looks_at="found in eval mode")
    yield case("batches come from the CPU", *examples(rng, 6, 2), looks_at="device")


def examples(rng, count, batch_size):
    """Weights, pictures, labels, batch size; a third of the answers is wrong, none is close."""
    start = weights(rng, 6, 5, 3)
    images = rng.normal(size=(4 * count + 40, 2, 3))
    scores = np.tanh(images.reshape(len(images), -1) @ start["w1"] + start["b1"])
    scores = scores @ start["w2"] + start["b2"]
    ordered = np.sort(scores, axis=1)
    clear = np.flatnonzero(ordered[:, -1] - ordered[:, -2] > 0.02)[:count]
    labels = scores[clear].argmax(axis=1)
    wrong = rng.permutation(count) < count // 3
    labels[wrong] = (labels[wrong] + rng.integers(1, 3, size=int(wrong.sum()))) % 3
    return start, images[clear], labels, batch_size


@evaluate.mistake(
    "You average the batches, so each picture of the small last batch counts too much. Average "
    "over examples."
)
def evaluate(model, loader, device):
    was_training = model.training
    model.eval()
    loss, accuracy = 0.0, 0.0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            logits = model(images)
            loss += nn.functional.cross_entropy(logits, labels).item()
            accuracy += (logits.argmax(dim=1) == labels).float().mean().item()
    model.train(was_training)
    return loss / len(loader), accuracy / len(loader)


evaluate.mistake(
    "The model stays in train mode while you evaluate: dropout would go on silencing units. "
    "model.eval() changes that, with its brackets.",
    replace=("    model.eval()\n", ""),
)
evaluate.mistake(
    "You record a graph for every batch and never use it. torch.no_grad() prevents that, but only "
    "as `with torch.no_grad():` before an indented block.",
    replace=("torch.no_grad()", "torch.enable_grad()"),
)
evaluate.mistake(
    "After `with` belongs torch.no_grad(), with its brackets.",
    replace=("torch.no_grad()", "torch.no_grad"),
)
evaluate.mistake(
    "The model is left in eval mode. Whoever trains on then trains without dropout.",
    replace=("    model.train(was_training)\n", ""),
)
evaluate.mistake(
    "You always leave the model in train mode, also when you found it in eval mode.",
    replace=("model.train(was_training)", "model.train()"),
)
evaluate.mistake(
    "A batch, or half of it, is left on the CPU while the model is on `device`. Images and labels "
    "both have to move.",
    replace=("images.to(device), labels.to(device)", "images, labels"),
)
evaluate.mistake(
    "You count right answers. Asked for is their share.",
    replace=("right / seen", "right"),
)
evaluate.mistake(
    "Loss and accuracy have changed places: the loss comes first.",
    replace=("return total_loss / seen, right / seen", "return right / seen, total_loss / seen"),
)
evaluate.mistake(
    "Your accuracy is in percent. A share goes from 0 to 1.",
    replace=("right / seen", "100 * right / seen"),
)
evaluate.mistake(
    "Your loss is a total. Asked for is the mean: divide by the number of examples.",
    replace=("total_loss / seen", "total_loss"),
)
evaluate.mistake(
    "Both of your numbers are totals. Divide them by the number of examples.",
    replace=("total_loss / seen, right / seen", "total_loss, right"),
)
for divided in (
    "total_loss / len(loader), right / len(loader)",
    "total_loss / len(loader), right / seen",
):
    evaluate.mistake(
        "len(loader) is the number of batches. What you add up is weighted by examples, so divide "
        "by the number of examples.",
        replace=("total_loss / seen, right / seen", divided),
    )
evaluate.mistake(
    "argmax(dim=0) looks for the largest score down the batch. The classes of one picture lie "
    "along dim=1.",
    replace=("argmax(dim=1)", "argmax(dim=0)"),
)
evaluate.mistake(
    "The return stands inside the loop, so only the first batch counts.",
    replace=(
        "    model.train(was_training)\n    return total",
        "            model.train(was_training)\n            return total",
    ),
)
evaluate.mistake(
    "Softmax is applied before cross_entropy, which applies it itself.",
    replace=("logits = model(images)", "logits = model(images).softmax(dim=1)"),
)
evaluate.mistake(
    "The mean loss of a batch is added without its size, then divided by the number of examples.",
    replace=(" * len(labels)", ""),
)
evaluate.mistake(
    "Your loss and right answers are those of the last batch only. Add the batches up: +=.",
    replace=(
        "total_loss += mean_loss.item() * len(labels)\n            right += ",
        "total_loss = mean_loss.item() * len(labels)\n            right = ",
    ),
)


@evaluate.mistake("You turn the share of right answers round: that is the share of wrong ones.")
def evaluate(model, loader, device):
    was_training = model.training
    model.eval()
    total, wrong, seen = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            logits = model(images)
            total += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            wrong += (logits.argmax(dim=1) != labels).sum().item()
            seen += len(labels)
    model.train(was_training)
    return total / seen, wrong / seen


@evaluate.alternative("losses summed by cross_entropy, in inference mode, counted by the data set")
def evaluate(model, loader, device):
    mode = model.training
    model.train(False)
    loss = right = 0
    with torch.inference_mode():
        for x, y in loader:
            x, y = x.to(device, non_blocking=True), y.to(device=device)
            logits = model(x)
            loss += nn.functional.cross_entropy(logits, y, reduction="sum")
            right += (logits.argmax(1) == y).sum()
    model.train(mode)
    size = len(loader.dataset)
    return float(loss) / size, float(right) / size


@evaluate.alternative("all logits gathered first, tensors returned")
def evaluate(model, loader, device):
    before = model.training
    model.eval()
    logits, labels = [], []
    with torch.set_grad_enabled(False):
        for batch in loader:
            x, y = [part.to(device) for part in batch]
            logits.append(model(x))
            labels.append(y)
    model.train() if before else model.eval()
    logits, labels = torch.cat(logits), torch.cat(labels)
    correct = torch.eq(logits.max(dim=-1).indices, labels)
    return nn.functional.cross_entropy(logits, labels), correct.double().mean()


# --- predict -------------------------------------------------------------------------------------


@exercise(
    points=2,
    compare=close(),
    minutes=15,
    hints=[
        "Along which axis do the shares of one picture sum to 1?",
        "Two tensors of shape (batch,): class indices and their shares, also for a batch of one.",
        "remember the mode; eval mode; without gradients: move, logits, softmax over the classes; "
        "back to the old mode; the largest share of each row and where it stands",
    ],
)
def predict(rng):
    yield case(
        "the example",
        undecided(2, ALWAYS_ONE),
        np.ones((1, 1, 2)),
        looks_at="numbers",
        weight=0,
    )
    yield case("five pictures", *stack(rng, 5), looks_at="numbers")
    yield case("a batch of one", *stack(rng, 1), looks_at="numbers")
    yield case("eval mode", *stack(rng, 3), looks_at="eval mode")
    yield case("no gradients", *stack(rng, 4), looks_at="gradients")
    yield case("found in train mode", *stack(rng, 3), looks_at="found in train mode")
    yield case("found in eval mode", *stack(rng, 3), looks_at="found in eval mode")
    yield case("pictures come from the CPU", *stack(rng, 3), looks_at="device")


def stack(rng, count):
    """Weights and pictures on which the model is of a clear opinion."""
    start, images, _, _ = examples(rng, count, 1)
    return start, images


predict.mistake(
    "Your confidences are scores, not shares. What turns scores into shares that sum to 1?",
    replace=(".softmax(dim=1)", ""),
)
predict.mistake(
    "Your shares sum to 1 down the batch. The classes of one picture lie along dim=1.",
    replace=("softmax(dim=1)", "softmax(dim=0)"),
)
predict.mistake(
    "The model predicts in train mode: asked twice, a model with dropout would say two things. "
    "model.eval() changes that, with its brackets.",
    replace=("    model.eval()\n", ""),
)
predict.mistake(
    "You record a graph that nobody will use. torch.no_grad() prevents that, but only as `with "
    "torch.no_grad():` before an indented block.",
    replace=("torch.no_grad()", "torch.enable_grad()"),
)
predict.mistake(
    "After `with` belongs torch.no_grad(), with its brackets.",
    replace=("torch.no_grad()", "torch.no_grad"),
)
predict.mistake(
    "The model is left in eval mode. Leave it as you found it.",
    replace=("    model.train(was_training)\n", ""),
)
predict.mistake(
    "The pictures are left on the CPU while the model is on `device`.",
    replace=("images.to(device)", "images"),
)
predict.mistake(
    "squeeze takes the batch away when it has one picture. One picture gives shape (1,).",
    replace=(
        "return classes.cpu(), confidences.cpu()",
        "return classes.squeeze().cpu(), confidences.squeeze().cpu()",
    ),
)
predict.mistake(
    "Confidences and classes have changed places: .max(dim=1) gives the values first, then where "
    "they stand.",
    replace=("classes.cpu(), confidences.cpu()", "confidences.cpu(), classes.cpu()"),
)
predict.mistake(
    "You return the shares of all classes. Asked for is the largest of each picture.",
    replace=("classes.cpu(), confidences.cpu()", "classes.cpu(), probabilities.cpu()"),
)
predict.mistake(
    ".max(dim=1) gives two tensors, each row's largest share and where it stands. The first one is "
    "the confidences: confidences, classes = ...",
    replace=("classes.cpu(), confidences.cpu()", "classes.cpu(), probabilities.max(dim=1)"),
)
predict.mistake(
    "Without a dim, max and argmax look through the whole batch. Each picture has its own largest "
    "share: dim=1.",
    replace=(
        "confidences, classes = probabilities.max(dim=1)",
        "confidences, classes = probabilities.max(), probabilities.argmax()",
    ),
)
predict.mistake(
    "That is the class that the model likes least.",
    replace=("probabilities.max", "probabilities.min"),
)
predict.mistake(
    "You always leave the model in train mode, also when you found it in eval mode.",
    replace=("model.train(was_training)", "model.train()"),
)


@predict.alternative("argmax, and the share looked up, in inference mode")
def predict(model, images, device):
    mode = model.training
    model.eval()
    with torch.inference_mode():
        shares = torch.softmax(model(images.to(device)), -1).cpu()
    model.train(mode)
    classes = shares.argmax(-1)
    return classes, shares.gather(1, classes[:, None])[:, 0]


@predict.alternative("one picture after the other, as NumPy arrays")
def predict(model, images, device):
    mode = model.training
    model.eval()
    images = images.to(device)
    classes, confidences = [], []
    with torch.no_grad():
        for image in images:
            scores = model(image.unsqueeze(0))[0].numpy()
            shares = np.exp(scores - scores.max())
            classes.append(int(shares.argmax()))
            confidences.append(shares.max() / shares.sum())
    model.train(mode)
    return torch.tensor(classes), torch.tensor(np.array(confidences))


# --- fit -----------------------------------------------------------------------------------------


@exercise(
    points=3,
    compare=close(),
    uses=["train_step", "evaluate"],
    minutes=25,
    hints=[
        "After evaluate, and before the first batch: in which mode must the model be, whoever had "
        "it before?",
        "The history has three lists, each with as many numbers as there are epochs.",
        "for each epoch: train mode; for each batch: move it, train_step, add up loss times size "
        "and the sizes; evaluate on the test batches; append three numbers; tell after_epoch",
    ],
)
def fit(rng):
    part = [np.ones((1, 1, 2)), np.array([1])]
    yield case(
        "the example", undecided(2, ALWAYS_ONE), part, part, 1, 1, 0.1, looks_at="history", weight=0
    )
    yield case("history of one epoch", *a_run(rng, 6, 3, 1), looks_at="history")
    yield case("history of three epochs", *a_run(rng, 8, 4, 3), looks_at="history")
    yield case("weights after two epochs", *a_run(rng, 8, 4, 2), looks_at="weights")
    yield case("a ragged last batch", *a_run(rng, 7, 3, 2), looks_at="history")
    yield case("given a model in eval mode", *a_run(rng, 6, 3, 2), looks_at="mode")
    yield case("batches come from the CPU", *a_run(rng, 6, 3, 1), looks_at="device")
    yield case("after_epoch is told", *a_run(rng, 6, 3, 3), looks_at="after_epoch")


def a_run(rng, size, batch_size, epochs):
    """Weights, training part, test part, batch size, epochs, learning rate."""
    start, images, labels, _ = examples(rng, size, 1)
    test_images = rng.normal(size=(5, 2, 3))
    test = [test_images, every_class(rng, 5, 3)]
    return start, [images, labels], test, batch_size, epochs, float(rng.uniform(0.05, 0.15))


@fit.mistake(
    "You average the batches' losses, so the pictures of the small last batch count too much."
)
def fit(model, optimizer, train_loader, test_loader, epochs, device, after_epoch=None):
    history = {"train_loss": [], "test_loss": [], "test_accuracy": []}
    for _ in range(epochs):
        model.train()
        losses = []
        for images, labels in train_loader:
            losses.append(train_step(model, optimizer, images.to(device), labels.to(device)))
        test_loss, test_accuracy = evaluate(model, test_loader, device)
        history["train_loss"].append(sum(losses) / len(losses))
        history["test_loss"].append(test_loss)
        history["test_accuracy"].append(test_accuracy)
        if after_epoch is not None:
            after_epoch(history)
    return history


@fit.mistake(
    "Your training loss is the mean since the very first epoch. Start its sums anew each epoch."
)
def fit(model, optimizer, train_loader, test_loader, epochs, device, after_epoch=None):
    history = {"train_loss": [], "test_loss": [], "test_accuracy": []}
    total_loss, seen = 0.0, 0
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = train_step(model, optimizer, images.to(device), labels.to(device))
            total_loss += loss * len(labels)
            seen += len(labels)
        test_loss, test_accuracy = evaluate(model, test_loader, device)
        history["train_loss"].append(total_loss / seen)
        history["test_loss"].append(test_loss)
        history["test_accuracy"].append(test_accuracy)
        if after_epoch is not None:
            after_epoch(history)
    return history


fit.mistake(
    "The model is never put into train mode. Someone may hand it to you in eval mode.",
    replace=("        model.train()\n", ""),
)
fit.mistake(
    "You evaluate on the training batches. They say how well the model knows what it studied.",
    replace=("evaluate(model, test_loader, device)", "evaluate(model, train_loader, device)"),
)
fit.mistake(
    "You train one epoch too many.",
    replace=("range(epochs)", "range(epochs + 1)"),
)
fit.mistake(
    "The batches are left on the CPU while the model is on `device`.",
    replace=("images.to(device), labels.to(device)", "images, labels"),
)
fit.mistake(
    "after_epoch is never called, so nobody can watch.",
    replace=("            after_epoch(history)\n", "            pass\n"),
)
fit.mistake(
    "after_epoch is called once, at the end. Call it after each epoch, inside the loop.",
    replace=(
        "        if after_epoch is not None:\n            after_epoch(history)\n",
        "    if after_epoch is not None:\n        after_epoch(history)\n",
    ),
)
fit.mistake(
    "after_epoch is None when nobody wants to watch, and None can't be called. Ask first.",
    replace=(
        "        if after_epoch is not None:\n            after_epoch(history)\n",
        "        after_epoch(history)\n",
    ),
)
fit.mistake(
    "Your training loss is a total. Asked for is the mean: divide by the epoch's examples.",
    replace=("total_loss / seen", "total_loss"),
)
fit.mistake(
    "len(train_loader) is the number of batches. What you add up is weighted by examples, so "
    "divide by the number of examples.",
    replace=("total_loss / seen", "total_loss / len(train_loader)"),
)
fit.mistake(
    "Your training loss is what evaluate says of the training batches after the epoch. Asked for "
    "is the mean of what train_step returned on the way.",
    replace=("total_loss / seen", "evaluate(model, train_loader, device)[0]"),
)
fit.mistake(
    "You note the last batch's loss for the whole epoch.",
    replace=("total_loss / seen", "loss"),
)
fit.mistake(
    "The return stands inside the loop, so training ends after one epoch.",
    replace=("\n    return history", "\n        return history"),
)
fit.mistake(
    "The test loss and the test accuracy have changed places.",
    replace=("test_loss, test_accuracy =", "test_accuracy, test_loss ="),
)


@fit.mistake(
    "You evaluate before the epoch's steps, so the record always says how good the model was an "
    "epoch ago."
)
def fit(model, optimizer, train_loader, test_loader, epochs, device, after_epoch=None):
    history = {"train_loss": [], "test_loss": [], "test_accuracy": []}
    for _ in range(epochs):
        test_loss, test_accuracy = evaluate(model, test_loader, device)
        model.train()
        total_loss, seen = 0.0, 0
        for images, labels in train_loader:
            loss = train_step(model, optimizer, images.to(device), labels.to(device))
            total_loss += loss * len(labels)
            seen += len(labels)
        history["train_loss"].append(total_loss / seen)
        history["test_loss"].append(test_loss)
        history["test_accuracy"].append(test_accuracy)
        if after_epoch is not None:
            after_epoch(history)
    return history


@fit.alternative("a weighted average of the batches, rows turned into columns at the end")
def fit(model, optimizer, train_loader, test_loader, epochs, device, after_epoch=None):
    names = ["train_loss", "test_loss", "test_accuracy"]
    rows = []
    while len(rows) < epochs:
        model.train(True)
        losses, sizes = [], []
        for batch in train_loader:
            x, y = (part.to(device) for part in batch)
            losses.append(train_step(model, optimizer, x, y))
            sizes.append(y.shape[0])
        rows.append((np.average(losses, weights=sizes), *evaluate(model, test_loader, device)))
        history = {name: [float(row[i]) for row in rows] for i, name in enumerate(names)}
        if after_epoch:
            after_epoch(history)
    return history


@fit.alternative("the step and the evaluation written out, sizes from the data set")
def fit(model, optimizer, train_loader, test_loader, epochs, device, after_epoch=None):
    model.to(device)
    history = {}
    for _ in range(epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * y.numel()
        model.eval()
        test_loss = right = 0.0
        with torch.no_grad():
            for x, y in test_loader:
                x, y = x.to(device), y.to(device)
                logits = model(x)
                test_loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
                right += (logits.argmax(1) == y).sum().item()
        tested = len(test_loader.dataset)
        row = total / len(train_loader.dataset), test_loss / tested, right / tested
        for name, value in zip(("train_loss", "test_loss", "test_accuracy"), row):  # noqa: B905
            history.setdefault(name, []).append(value)
        if after_epoch is not None:
            after_epoch(history)
    return history


# --- save_checkpoint, load_checkpoint ------------------------------------------------------------


@exercise(
    points=2,
    compare=law(laws.save_checkpoint),
    symbols=["save_checkpoint", "load_checkpoint"],
    minutes=15,
    hints=[
        "If you only put the weights back, what does Adam not know, and which pictures come next?",
        "One dict with four entries goes into the file; load puts three of them back and returns "
        "the fourth.",
        "save: the model's state, the optimizer's state, the generator's state and the history, "
        "in one dict, by torch.save. load: torch.load, hand each state to its owner, return the "
        "history",
    ],
)
def save_checkpoint(rng):
    small = weights(np.random.default_rng(0), 2, 2, 2)
    images = np.array([[[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 1.0]], [[0.0, 0.0]]])
    labels = np.array([0, 1, 0, 1])
    yield case("the example", small, images, labels, [1, 1], 0, looks_at="everything", weight=0)
    yield case("the model comes back", *a_saved_run(rng, 3, 1), looks_at="model")
    yield case("the optimizer comes back", *a_saved_run(rng, 4, 3), looks_at="optimizer")
    yield case("the generator comes back", *a_saved_run(rng, 3, 2), looks_at="generator")
    yield case("the history comes back", *a_saved_run(rng, 3, 1), looks_at="history")
    yield case("saving changes nothing", *a_saved_run(rng, 3, 3), looks_at="saving")
    yield case("resuming is exact", *a_saved_run(rng, 6, 6), looks_at="everything")


def a_saved_run(rng, before, after):
    """Weights, pictures, labels, the steps before and after the save, the generator's seed."""
    labels = every_class(rng, 10, 3)
    seed = int(rng.integers(1, 10_000))
    return weights(rng, 6, 4, 3), rng.normal(size=(10, 2, 3)), labels, [before, after], seed


save_checkpoint.mistake(
    "The optimizer starts afresh. Adam's averages, and the learning rate, are part of the run.",
    replace=('    optimizer.load_state_dict(checkpoint["optimizer"])\n', ""),
)
save_checkpoint.mistake(
    "The generator starts afresh, so after resuming other pictures come next.",
    replace=('    generator.set_state(checkpoint["generator"])\n', ""),
)
save_checkpoint.mistake(
    "You keep the generator's seed and not its state: after resuming it starts again from its "
    "first number.",
    replace=(
        "generator.get_state()",
        "torch.Generator().manual_seed(generator.initial_seed()).get_state()",
    ),
)
save_checkpoint.mistake(
    "Only the parameters come back. A model has buffers too, such as BatchNorm's averages; its "
    "state dict holds both.",
    replace=(
        'model.load_state_dict(checkpoint["model"])',
        "for name, parameter in model.named_parameters():\n"
        '        parameter.data.copy_(checkpoint["model"][name])',
    ),
)
save_checkpoint.mistake(
    "The model's state is read and thrown away: the run goes on from the fresh weights.",
    replace=('    model.load_state_dict(checkpoint["model"])\n', ""),
)
save_checkpoint.mistake(
    "Nothing is put back: load_state_dict and set_state are called, with brackets, on the objects "
    "that load_checkpoint is given.",
    replace=(
        '    model.load_state_dict(checkpoint["model"])\n'
        '    optimizer.load_state_dict(checkpoint["optimizer"])\n'
        '    generator.set_state(checkpoint["generator"])\n',
        "",
    ),
)
save_checkpoint.mistake(
    "You return the whole checkpoint. Asked for is the history.",
    replace=('return checkpoint["history"]', "return checkpoint"),
)
save_checkpoint.mistake(
    "The history is lost: load_checkpoint returns nothing.",
    replace=('    return checkpoint["history"]\n', ""),
)
save_checkpoint.mistake(
    "Saving leaves the model in eval mode, so the run goes on differently. Only look.",
    replace=("    checkpoint = {\n", "    model.eval()\n    checkpoint = {\n"),
)
save_checkpoint.mistake(
    "The file holds objects, not states, and torch.load reads plain data only. Save .state_dict() "
    "of model and optimizer and .get_state() of the generator, with brackets.",
    replace=("model.state_dict()", "model.state_dict"),
)

save_checkpoint.alternative(
    "through an open file",
    replace=(
        "torch.save(checkpoint, path)",
        'with open(path, "wb") as file:\n        torch.save(checkpoint, file)',
    ),
)
save_checkpoint.alternative(
    "plain data only, asked for by name",
    replace=('torch.load(path, map_location="cpu")', "torch.load(str(path), weights_only=True)"),
)
save_checkpoint.alternative(
    "the averages copied by hand into the model",
    replace=(
        'model.load_state_dict(checkpoint["model"])',
        "own = model.state_dict()\n"
        "    for name, value in checkpoint['model'].items():\n"
        "        own[name].copy_(value)",
    ),
)
