"""The classifier of unit 05, with dropout, and weights for those who start here.

model = trained_classifier()             # the bundled weights
model = trained_classifier("half.pt")    # a checkpoint that unit 05's save_checkpoint wrote
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from torch import nn

from chainrule.errors import UserError


class Classifier(nn.Module):
    """One hidden layer of ReLUs. Dropout has no weights, so unit 05's checkpoints fit.

    pictures (batch, 28, 28), float32 from 0 to 1 -> logits (batch, 10).
    """

    def __init__(self, hidden_size: int = 128, dropout: float = 0.2) -> None:
        super().__init__()
        self.hidden = nn.Linear(28 * 28, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, 10)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        rows = pictures.flatten(start_dim=1)
        return self.output(self.dropout(torch.relu(self.hidden(rows))))


def trained_classifier(checkpoint: str | Path | None = None) -> Classifier:
    """A trained Classifier, in train mode, as it left its training loop.

    checkpoint: a file of unit 05's save_checkpoint, of a network for 28 by 28 pixels and ten
    classes; default: the weights that come with the course (classifier.md says where from).
    Raises UserError when the file holds no such network.
    """
    weights = _bundled() if checkpoint is None else _from_checkpoint(Path(checkpoint))
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    hidden = shapes.get("hidden.weight", (0,))[0]
    wanted = {"hidden.weight": (hidden, 784), "hidden.bias": (hidden,)}
    wanted |= {"output.weight": (10, hidden), "output.bias": (10,)}
    if shapes != wanted:
        raise UserError(
            f"{checkpoint} holds {shapes}; a Classifier of unit 05 for Fashion-MNIST has the "
            "layers hidden (784 inputs) and output (10 scores)."
        )
    model = Classifier(hidden)
    model.load_state_dict(weights)
    return model


def _bundled() -> dict[str, torch.Tensor]:
    """Stored with 16 bits each, which costs this network no accuracy."""
    with as_file(files("chainrule.deployment") / "classifier.npz") as path, np.load(path) as stored:
        return {name: torch.tensor(stored[name].astype(np.float32)) for name in stored.files}


def _from_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return dict(stored["model"])
    except Exception as error:
        raise UserError(
            f"{path} is not a checkpoint of unit 05 ({type(error).__name__}: {error}). Call "
            "trained_classifier() without a file for the bundled weights."
        ) from None
