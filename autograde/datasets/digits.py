"""Make course/chainrule/data/digits.npz from scikit-learn's copy of the 8 by 8 digits.

Run it with `python -m autograde.datasets.digits`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import chainrule.data
from autograde.datasets.pictures import npz

TEST_SHARE = 0.2
SEED = 0


def make() -> bytes:
    """The file: pictures of 8 by 8 shades from 0 to 16 and their labels, in two parts."""
    source = load_digits()
    pictures = source.images.astype(np.uint8)
    labels = source.target.astype(np.uint8)
    in_test = drawn_for_testing(labels, np.random.default_rng(SEED))
    return npz(
        {
            "x_train": pictures[~in_test],
            "y_train": labels[~in_test],
            "x_test": pictures[in_test],
            "y_test": labels[in_test],
        }
    )


def drawn_for_testing(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """True for the rows of the test part: a fifth of each class, drawn without order."""
    in_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        in_test[rows[: round(len(rows) * TEST_SHARE)]] = True
    return in_test


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("digits.npz").write_bytes(make())
