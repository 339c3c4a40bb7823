"""A photograph in shades of grey: a man who films a meadow. See photograph.md."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np


def photograph() -> np.ndarray:
    """The bundled photograph: (128, 128) unsigned bytes, 0 black to 255 white; no network."""
    with (
        as_file(files(__package__).joinpath("photograph.npz")) as path,
        np.load(path, allow_pickle=False) as file,
    ):
        pixels: np.ndarray = file["pixels"]
    return pixels
