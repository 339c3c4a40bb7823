"""How the checks of unit 05 drive what the learner wrote.

Training is judged step by step: the case brings the starting weights and the pictures, a probe
builds a small model from them, and what comes back is losses and weights after a few steps. The
probes own their random numbers, so a check leaves the notebook's seeds as they were.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate

from chainrule import steady
from chainrule.observe import CHANGED_INPUT, Raised, freeze_error, named
from chainrule.steady import tensor

Arrays = Mapping[str, np.ndarray]
Probe = Callable[..., Any]


# --- the same everywhere -------------------------------------------------------------------------


def steadily(probe: Probe) -> Probe:
    """The probe, run within `steady`; what it raises is told apart by its reason."""

    @functools.wraps(probe)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return probe(*args, **kwargs)
        except NotImplementedError:
            raise
        except Exception as error:
            return told_apart(freeze_error(error))

    return steady.steadily(run)


# PyTorch raises the same exceptions for many reasons. A mistake is known by the exception's type,
# so the reasons that a mistake is known for become part of it: "RuntimeError (nothing marked)".
REASONS = {
    "does not require grad and does not have a grad_fn": "nothing marked",
    "is invalid for input of size": "a fixed size",
    "not ReLU": "a layer, not its result",
    "Boolean value of Tensor": "a tensor as yes or no",
    "'NoneType' object is not callable": "None was called",
    "the context manager protocol": "with",
    "'FashionDataset' object has no attribute": "never kept",
}


def told_apart(raised: Raised) -> Raised:
    """The same exception, with its reason in the type where it is one of REASONS."""
    for words, reason in REASONS.items():
        if words in raised.message:
            return replace(raised, type=f"{raised.type} ({reason})")
    return raised


class Watched(nn.Module):
    """A classifier with one hidden layer and weights from the case, that notes how it is used.

    modes: for each forward pass with gradients, whether it was in train mode; quiet_modes: the
    same for those without gradients.
    """

    def __init__(self, weights: Arrays) -> None:
        super().__init__()
        self.w1 = nn.Parameter(tensor(weights["w1"]))  # (pixels, hidden)
        self.b1 = nn.Parameter(tensor(weights["b1"]))
        self.w2 = nn.Parameter(tensor(weights["w2"]))  # (hidden, classes)
        self.b2 = nn.Parameter(tensor(weights["b2"]))
        self.modes: list[bool] = []
        self.quiet_modes: list[bool] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        (self.modes if torch.is_grad_enabled() else self.quiet_modes).append(self.training)
        rows = images.reshape(len(images), -1)
        return torch.tanh(rows @ self.w1 + self.b1) @ self.w2 + self.b2

    def weights(self) -> dict[str, torch.Tensor]:
        """The parameters under names that mean something to whoever didn't write this class."""
        layers = {"1": "the first layer's", "2": "the last layer's"}
        kinds = {"w": "weights afterwards", "b": "biases afterwards"}
        return {
            f"{layers[name[1]]} {kinds[name[0]]}": value.detach().clone()
            for name, value in self.named_parameters()
        }


class LeftOnCPU(torch.Tensor):
    """A tensor that plays one left on the CPU while the model is on a GPU.

    Moving it gives an ordinary tensor. Using it together with an ordinary one raises what PyTorch
    raises for two devices, so that a machine without a GPU can tell who forgot to move a batch.
    """

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [*args, *kwargs.values()]
        if func is torch.Tensor.to and any(map(names_device, given)):
            with torch._C.DisableTorchFunctionSubclass():  # as PyTorch's own guide does
                return args[0].as_subclass(torch.Tensor).to(*args[1:], **kwargs)
        parts = [p for value in given for p in (value if isinstance(value, list) else [value])]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        here = [value for value in tensors if isinstance(value, LeftOnCPU)]
        there = [value for value in tensors if not isinstance(value, LeftOnCPU) and value.ndim]
        if here and there:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                "cuda:0 and cpu! (This check plays the GPU: the model is on `device`, the batches "
                "are not)"
            )
        return super().__torch_function__(func, types, args, kwargs)


def names_device(value: Any) -> bool:
    """Whether an argument of `.to` asks for a device: a dtype alone moves nothing."""
    return isinstance(value, (str, torch.device)) or type(value) is torch.Tensor


def loader(
    images: np.ndarray, labels: np.ndarray, batch_size: int, far: bool = False
) -> DataLoader:
    """Batches in the order of the rows; with `far`, as they come from a CPU to a GPU."""

    def collate(items: list[Any]) -> list[torch.Tensor]:
        batch = default_collate(items)
        return [part.as_subclass(LeftOnCPU) for part in batch] if far else batch

    data = TensorDataset(tensor(images), tensor(labels))
    return DataLoader(data, batch_size=batch_size, collate_fn=collate)


# --- the exercises -------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "squares": lambda x, a: (a * x * x).sum(),
    "waves": lambda x, a: (a * torch.sin(x)).sum() ** 2,
    "logarithm": lambda x, a: torch.log((a * torch.exp(x)).sum()),
}


@steadily
def autograd_gradient(
    work: Probe, function: str, x: np.ndarray, factors: np.ndarray, looks_at: str
) -> dict[str, Any]:
    """The gradient of one of FUNCTIONS at x, and what else the docstring promises."""
    point, scale = tensor(x), tensor(factors)
    calls = 0

    def height(values: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return FUNCTIONS[function](values, scale)

    seen = {"the gradient": work(height, point)}
    if looks_at == "calls":
        seen["calls of the function"] = calls
    if looks_at == "again":
        seen["the gradient, asked a second time"] = work(height, point)
    if looks_at == "x":
        seen["x afterwards"] = point.detach().clone()
        seen["x afterwards wants gradients"] = point.requires_grad
        seen["x.grad afterwards"] = point.grad
    return seen


@steadily
def FashionDataset(
    work: Probe, images: np.ndarray, labels: np.ndarray, looks_at: str, places: list[int]
) -> dict[str, Any]:
    """Items of the learner's data set, put together as a DataLoader does it."""
    dataset = work(images, labels)
    items = [dataset[place] for place in places]
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            return named(item, ["picture", "label"])
    if looks_at == "length":
        batches = [labels for _, labels in DataLoader(dataset, batch_size=places[0])]
        return {"len(dataset)": len(dataset), "the labels, batch by batch": batches}
    pictures, classes = default_collate([tuple(item) for item in items])
    seen: dict[str, Any] = {}
    if looks_at in ("picture", "both"):
        seen |= {"the pictures": pictures, "dtype of a picture": dtype_of(pictures)}
    if looks_at in ("label", "both"):
        seen |= {"the labels": classes, "dtype of a label": dtype_of(classes)}
    return seen


def dtype_of(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")


def wrong_layers(model: nn.Module, weights: Arrays) -> str:
    """What is wrong with a Classifier's layers, or "" when they can take the case's weights."""
    shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in shapes))
    if not layers:
        return "PyTorch finds no layers in your Classifier; hidden and output are asked for."
    if sorted(layers) != ["hidden", "output"]:
        are = "layer is called" if len(layers) == 1 else "layers are called"
        return f"your {are} {', '.join(layers)}; hidden and output are asked for."
    if missing := sorted(weights.keys() - shapes):
        return (
            f"your layers have no {' and no '.join(missing)}; nn.Linear makes weights and biases."
        )
    for name, value in weights.items():
        if shapes[name] != value.shape:
            return f"your {name} has shape {shapes[name]}; here it should be {value.shape}."
    return ""


@steadily
def Classifier(
    work: Probe,
    pixels: int,
    hidden_size: int,
    classes: int,
    weights: Arrays,
    images: np.ndarray,
    looks_at: str,
) -> dict[str, Any] | Raised:
    """The learner's module with weights from the case: its layers, its logits, its gradients."""
    model = work(pixels, hidden_size, classes)
    parameters = dict(model.named_parameters())
    if looks_at == "layers":
        shapes = {name: list(value.shape) for name, value in sorted(parameters.items())}
        return {"the names of the parameters": ", ".join(shapes), "their shapes": shapes}
    if said := wrong_layers(model, weights):
        return Raised(CHANGED_INPUT, said)
    for name, parameter in parameters.items():
        parameter.data = tensor(weights[name])
    logits = model(tensor(images))
    if looks_at == "logits":
        return {"the logits": logits}
    (logits**2).sum().backward()
    return {f"the gradient of {name}": parameter.grad for name, parameter in parameters.items()}


@steadily
def train_step(
    work: Probe,
    weights: Arrays,
    images: np.ndarray,
    labels: np.ndarray,
    learning_rate: float,
    looks_at: str,
) -> dict[str, Any]:
    """One step for each batch; images are (steps, batch, height, width), labels (steps, batch)."""
    model = Watched(weights)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.5)
    losses = [
        work(model, optimizer, tensor(pictures), tensor(answers))
        for pictures, answers in zip(images, labels, strict=True)
    ]
    seen: dict[str, Any] = {}
    if looks_at in ("loss", "all"):
        seen["the losses"] = losses
    if looks_at == "graph":
        seen["the loss"] = losses[0]
        seen["the loss still holds its graph"] = bool(getattr(losses[0], "requires_grad", False))
    if looks_at != "loss":
        seen |= model.weights()
    return seen


@steadily
def evaluate(
    work: Probe,
    weights: Arrays,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    looks_at: str,
) -> dict[str, Any]:
    """Loss and accuracy of a model that was not trained, and how the model was used."""
    model = Watched(weights)
    model.train(looks_at != "found in eval mode")
    batches = loader(images, labels, batch_size, far=looks_at == "device")
    seen = named(work(model, batches, "cpu"), ["loss", "accuracy"])
    if looks_at == "eval mode":
        seen["passes in train mode"] = sum(model.modes) + sum(model.quiet_modes)
    if looks_at == "gradients":
        seen["passes that kept a graph"] = len(model.modes)
    if looks_at.startswith("found"):
        seen["train mode afterwards"] = model.training
    return seen


@steadily
def predict(work: Probe, weights: Arrays, images: np.ndarray, looks_at: str) -> dict[str, Any]:
    """Classes and confidences for a stack of pictures, and how the model was used."""
    model = Watched(weights)
    model.train(looks_at != "found in eval mode")
    pictures = tensor(images)
    if looks_at == "device":
        pictures = pictures.as_subclass(LeftOnCPU)
    seen = named(work(model, pictures, "cpu"), ["classes", "confidences"])
    if looks_at == "eval mode":
        seen["passes in train mode"] = sum(model.modes) + sum(model.quiet_modes)
    if looks_at == "gradients":
        seen["passes that kept a graph"] = len(model.modes)
    if looks_at.startswith("found"):
        seen["train mode afterwards"] = model.training
    return seen


@steadily
def fit(
    work: Probe,
    weights: Arrays,
    train: list[np.ndarray],
    test: list[np.ndarray],
    batch_size: int,
    epochs: int,
    learning_rate: float,
    looks_at: str,
) -> dict[str, Any]:
    """A short run on batches in a fixed order. train and test are [images, labels]."""
    model = Watched(weights)
    model.train(looks_at != "mode")
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.5)
    far = looks_at == "device"
    loaders = [loader(images, labels, batch_size, far) for images, labels in (train, test)]
    reports: list[list[int]] = []

    def after_epoch(history: Any) -> None:
        reports.append([len(values) for values in dict(history).values()])

    extra = {"after_epoch": after_epoch} if looks_at == "after_epoch" else {}
    history = work(model, optimizer, *loaders, epochs, "cpu", **extra)
    seen: dict[str, Any] = {}
    if looks_at in ("history", "device"):
        seen["history"] = history
    if looks_at == "mode":
        seen["how many steps in train mode"] = sum(model.modes)
    if looks_at == "after_epoch":
        seen["the lengths of the three lists, call by call"] = reports
    if looks_at != "history":
        seen |= model.weights()
    return seen


# --- save and resume -----------------------------------------------------------------------------


class Run:
    """A training run that draws its batches from its own generator."""

    def __init__(self, weights: Arrays, seed: int) -> None:
        hidden = weights["w1"].shape[1]
        self.model = nn.Sequential(
            nn.Flatten(),
            nn.Linear(*weights["w1"].shape),
            nn.BatchNorm1d(hidden),  # its running averages are buffers, not parameters
            nn.Tanh(),
            nn.Linear(*weights["w2"].shape),
        ).to(tensor(weights["w1"]).dtype)
        first, last = self.model[1], self.model[4]
        for layer, w, b in ((first, "w1", "b1"), (last, "w2", "b2")):
            layer.weight.data = tensor(weights[w]).T.contiguous()
            layer.bias.data = tensor(weights[b])
        self.adam = torch.optim.Adam(self.model.parameters(), lr=0.05)
        self.generator = torch.Generator().manual_seed(seed)
        self.history: dict[str, list[float]] = {"train_loss": []}

    def go_on(self, images: np.ndarray, labels: np.ndarray, steps: int, drawn: bool) -> None:
        """`steps` steps, on batches drawn by the generator or else always on all pictures."""
        x, y = tensor(images), tensor(labels)
        for _ in range(steps):
            rows = torch.arange(len(x))
            if drawn:
                rows = torch.randperm(len(x), generator=self.generator)[: len(x) // 2]
            cost = nn.functional.cross_entropy(self.model(x[rows]), y[rows])
            self.adam.zero_grad()
            cost.backward()
            self.adam.step()
            self.history["train_loss"].append(cost.item())

    def state(self) -> dict[str, Any]:
        """All that a later step depends on, as arrays."""
        return {name: value.clone() for name, value in self.model.state_dict().items()}


@steadily
def save_checkpoint(
    work: dict[str, Probe],
    weights: Arrays,
    images: np.ndarray,
    labels: np.ndarray,
    steps: list[int],
    seed: int,
    looks_at: str,
) -> dict[str, Any]:
    """A run that never stops beside one that is saved, forgotten, rebuilt and loaded.

    steps: how many before saving and how many after. Each of the two answers is a dict of what
    the case looks at; resuming is right when both are the same to the last bit.
    """
    before, after = steps
    drawn = looks_at in ("generator", "everything", "saving")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        straight = Run(weights, seed)
        straight.go_on(images, labels, before, drawn)
        straight.adam.param_groups[0]["lr"] *= 0.5  # turned down on the way: the state holds it
        work["save_checkpoint"](
            path, straight.model, straight.adam, straight.generator, straight.history
        )
        at_save = straight.state()
        history = {name: list(values) for name, values in straight.history.items()}
        straight.go_on(images, labels, after, drawn)
        if looks_at == "saving":  # the saved run goes on as if nothing had happened
            other = Run(weights, seed)
            other.go_on(images, labels, before, drawn)
            other.adam.param_groups[0]["lr"] *= 0.5
            other.go_on(images, labels, after, drawn)
            file = {"a file was written": path.is_file()}
            return {
                "never stopped": other.state() | {"a file was written": True},
                "resumed": straight.state() | file,
            }
        blank = {name: value * 0.5 for name, value in weights.items()}
        resumed = Run(blank, seed + 1)
        returned = work["load_checkpoint"](path, resumed.model, resumed.adam, resumed.generator)
    if looks_at == "history":
        return {"never stopped": {"history": history}, "resumed": {"history": returned}}
    if looks_at == "model":
        return {"never stopped": at_save, "resumed": resumed.state()}
    if looks_at == "generator":
        # What the straight run drew before and after the save, drawn once more.
        again = torch.Generator().manual_seed(seed)
        for _ in range(before):
            torch.randperm(len(images), generator=again)
        return {
            "never stopped": {"order": torch.randperm(9, generator=again)},
            "resumed": {"order": torch.randperm(9, generator=resumed.generator)},
        }
    resumed.go_on(images, labels, after, drawn)
    return {"never stopped": straight.state(), "resumed": resumed.state()}
