"""Make course/chainrule/data/concert.csv, an invented diary of forty evenings.

Run it with `python -m autograde.datasets.concert`.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

import chainrule.data

EVENINGS = 40
SEED = 0
# The diarist wants company and a clear sky, and minds the price; what is left is mood.
FRIEND, SKY, PRICE, RELUCTANCE = 3.0, 3.0, -5.0, -0.5


def make() -> bytes:
    """The file: friend (0 or 1), sky and price (0 to 1), went (0 or 1)."""
    rng = np.random.default_rng(SEED)
    friend = rng.integers(0, 2, size=EVENINGS)
    sky = rng.uniform(0, 1, size=EVENINGS).round(1)
    price = rng.uniform(0, 1, size=EVENINGS).round(1)
    wish = FRIEND * friend + SKY * sky + PRICE * price + RELUCTANCE
    went = (wish + rng.logistic(scale=0.4, size=EVENINGS) > 0).astype(int)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["friend", "sky", "price", "went"])
    for row in zip(friend, sky, price, went, strict=True):
        writer.writerow([f"{value:g}" for value in row])
    return table.getvalue().encode("ascii")


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("concert.csv").write_bytes(make())
