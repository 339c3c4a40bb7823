"""Make course/chainrule/deployment/classifier.npz: train the small network of unit 25.

    python -m autograde.datasets.fashion_classifier

Trains on the 10,000 bundled pictures, on one CPU thread, and prints the test accuracy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import chainrule.deployment
from autograde.datasets.pictures import npz
from chainrule import data
from chainrule.deployment.network import Classifier

EPOCHS, BATCH = 14, 64


def make() -> tuple[bytes, float]:
    """The file, and the share of the 2,000 test pictures that its weights get right."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clothes = data.fashion_mnist()
    pictures = torch.tensor(clothes.x_train) / 255
    labels = torch.tensor(clothes.y_train).long()
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pictures)).split(BATCH):
            loss = nn.functional.cross_entropy(model(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    stored = {name: value.numpy().astype(np.float16) for name, value in model.state_dict().items()}
    model.load_state_dict({name: torch.tensor(value).float() for name, value in stored.items()})
    model.eval()
    said = model(torch.tensor(clothes.x_test) / 255).argmax(dim=1)
    accuracy = (said == torch.tensor(clothes.y_test)).double().mean().item()
    return npz(stored), accuracy


if __name__ == "__main__":
    content, right = make()
    Path(chainrule.deployment.__file__).with_name("classifier.npz").write_bytes(content)
    print(f"test accuracy {right:.4f}, {len(content):,} bytes")
