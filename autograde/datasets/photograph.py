"""Make course/chainrule/data/photograph.npz from the test picture `camera` of scikit-image.

Run it with `python -m autograde.datasets.photograph` where `pip install --no-deps
scikit-image==0.26.0` is installed. The package is not imported, only its file is read.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

import chainrule.data
from autograde.datasets.pictures import npz

SOURCE = "data/camera.png"
SOURCE_SHA256 = "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"
BLOCK = 4  # pixels of the source, in both directions, that become one


def make() -> bytes:
    """The file: one picture, every pixel the rounded mean of a block of 4 by 4."""
    return npz({"pixels": smaller(source())})


def source() -> np.ndarray:
    """The source's 512 by 512 pixels. Raises ValueError when the file is not the one we know."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "scikit-image is not installed: pip install --no-deps scikit-image==0.26.0"
        )
    path = Path(package.origin).parent / SOURCE
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise ValueError(f"{path} has SHA-256 {found}; version 0.26.0 has {SOURCE_SHA256}")
    return np.asarray(Image.open(path).convert("L"))


def smaller(pixels: np.ndarray) -> np.ndarray:
    """The mean of each block of BLOCK by BLOCK pixels, rounded to a byte."""
    height, width = (size // BLOCK for size in pixels.shape)
    blocks = pixels.reshape(height, BLOCK, width, BLOCK)
    return np.round(blocks.mean(axis=(1, 3))).astype(np.uint8)


if __name__ == "__main__":
    Path(chainrule.data.__file__).with_name("photograph.npz").write_bytes(make())
