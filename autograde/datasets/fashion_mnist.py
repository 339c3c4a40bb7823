"""Make course/chainrule/data/fashion_mnist.npz from the Debian package dataset-fashion-mnist.

apt-get download dataset-fashion-mnist && dpkg-deb -x dataset-fashion-mnist_*.deb unpacked
python -m autograde.datasets.fashion_mnist unpacked/usr/share/datasets/fashion-mnist
"""

from __future__ import annotations

import sys
from pathlib import Path

import chainrule.data
from autograde.datasets.pictures import bundle
from chainrule.data.fashion_mnist import FASHION_MNIST


def make(folder: Path) -> bytes:
    """The file; `folder` holds the four IDX files. Raises ValueError when they are others."""
    return bundle(folder, FASHION_MNIST)


if __name__ == "__main__":
    bundled = Path(chainrule.data.__file__).with_name("fashion_mnist.npz")
    bundled.write_bytes(make(Path(sys.argv[1])))
