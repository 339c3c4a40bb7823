"""What houses cost in California in 1990, by neighbourhood. Provenance: california_houses.md."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import NamedTuple

import numpy as np

FEATURES = [
    "income",
    "age",
    "rooms",
    "bedrooms",
    "population",
    "people",
    "latitude",
    "longitude",
]


class CaliforniaHouses(NamedTuple):
    """20,640 neighbourhoods (census block groups), split once and for all into two parts.

    x_train: (16512, 8), not scaled; y_train: (16512,), the median price of a house in units of
    $100,000, cut off at 5.00001. x_test (4128, 8), y_test (4128,): the same.
    feature_names: the 8 columns. income: median, in $10,000; age: median, in years; rooms,
    bedrooms, people: per household; population: of the neighbourhood; latitude, longitude.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    feature_names: list[str]


def california_houses() -> CaliforniaHouses:
    """The bundled data set; needs no network."""
    with (
        as_file(files(__package__).joinpath("california_houses.npz")) as path,
        np.load(path, allow_pickle=False) as file,
    ):
        counts = {name: file[name].astype(float) for name in file.files}
    households = counts["households"]
    columns = [
        counts["income"] / 10_000,
        counts["age"],
        counts["rooms"] / households,
        counts["bedrooms"] / households,
        counts["population"],
        counts["population"] / households,
        counts["latitude"] / 100,
        counts["longitude"] / 100,
    ]
    x, y = np.column_stack(columns), counts["price"] / 100_000
    test = counts["test"] == 1
    return CaliforniaHouses(x[~test], y[~test], x[test], y[test], list(FEATURES))
