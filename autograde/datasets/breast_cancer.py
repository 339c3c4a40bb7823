"""Make course/chainrule/data/breast_cancer.csv from scikit-learn's copy of the WDBC data.

Run it with `python -m autograde.datasets.breast_cancer`.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

import chainrule.data

TEST_SHARE = 0.2
SEED = 0


def make() -> bytes:
    """The file: one row per patient, 30 measurements, the diagnosis, and train or test."""
    source = load_breast_cancer()
    malignant = (source.target == list(source.target_names).index("malignant")).astype(int)
    in_test = stratified_test_rows(malignant, np.random.default_rng(SEED))
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*source.feature_names, "malignant", "part"])
    for measured, label, test in zip(source.data, malignant, in_test, strict=True):
        numbers = [repr(float(value)) for value in measured]
        writer.writerow([*numbers, label, "test" if test else "train"])
    return table.getvalue().encode("ascii")


def stratified_test_rows(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """True for the rows of the test part: the same share of each class, drawn without order."""
    in_test = np.zeros(len(labels), dtype=bool)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(labels == label))
        in_test[rows[: round(len(rows) * TEST_SHARE)]] = True
    return in_test


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("breast_cancer.csv").write_bytes(make())
