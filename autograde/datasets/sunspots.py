"""Make course/chainrule/data/sunspots.csv from the yearly series that statsmodels carries.

pip download --no-deps statsmodels==0.15.0
python -m autograde.datasets.sunspots statsmodels-0.15.0-*.whl

The wheel is read, nothing in it is run or installed.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import chainrule.data

SOURCE = "statsmodels/datasets/sunspots/sunspots.csv"
SOURCE_SHA256 = "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b"


def make(wheel: Path) -> bytes:
    """The file: a year and its mean number of sunspots in each line.

    Raises ValueError when the series is not the one we know.
    """
    with zipfile.ZipFile(wheel) as files:
        content = files.read(SOURCE)
    found = hashlib.sha256(content).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(f"{SOURCE} has SHA-256 {found}; version 0.15.0 has {SOURCE_SHA256}")
    _, *lines = content.decode("ascii").split()
    rows = [line.replace('"', "").split(",") for line in lines]
    return "\n".join(["year,number", *(f"{year},{number}" for year, number in rows), ""]).encode()


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("sunspots.csv").write_bytes(make(Path(sys.argv[1])))
