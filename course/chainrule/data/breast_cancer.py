"""Wisconsin breast cancer: is a tumour malignant? Provenance and licence: breast_cancer.md."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class BreastCancer(NamedTuple):
    """569 patients, split once and for all into two parts.

    x_train: (456, 30) measurements as they were taken, not scaled; y_train: (456,), 1.0 where
    the tumour is malignant and 0.0 where it is benign. x_test (113, 30), y_test (113,): the same.
    features: the 30 names of the columns.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    features: list[str]


def breast_cancer() -> BreastCancer:
    """The bundled data set; needs no network."""
    text = files(__package__).joinpath("breast_cancer.csv").read_text("ascii")
    header, *rows = csv.reader(text.splitlines())
    numbers = np.array([row[:-1] for row in rows], dtype=float)
    x, y = numbers[:, :-1], numbers[:, -1]
    test = np.array([row[-1] == "test" for row in rows])
    return BreastCancer(x[~test], y[~test], x[test], y[test], header[:-2])
