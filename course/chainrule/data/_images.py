"""What the sets of small pictures have in common: a bundled part, and the full set on request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chainrule.data._download import (
    MIRROR_VARIABLE,
    RETRIES,
    RemoteFile,
    cache_folder,
    fetch,
)
from chainrule.data._idx import read_idx
from chainrule.errors import UserError


class Images(NamedTuple):
    """Pictures in shades of grey with their labels, split once and for all into two parts.

    x_train: (n, height, width) unsigned bytes, 0 is the background; y_train: (n,) whole numbers,
    the index of the class in `classes`. x_test, y_test: the same. classes: the classes' names.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: list[str]


@dataclass(frozen=True)
class ImageSet:
    """One data set and where it is found.

    name: of the bundled `<name>.npz`, of the function in chainrule.data, and of its folder on a
    mirror. files: training pictures, training labels, test pictures, test labels. official and
    mirror: the URLs below which the files are offered, the second used when the first fails.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]
    official: str
    mirror: str

    def load(self, full: bool, mirror: str | None) -> Images:
        return self.full(mirror) if full else bundled(self.name, self.classes)

    def full(self, mirror: str | None = None, retries: int = RETRIES) -> Images:
        """The full set, downloaded on first use.

        mirror: a base URL with a folder for each set; default: the environment variable
        CHAINRULE_DATA_MIRROR, then a public mirror.
        Raises UserError when it can't be had; the message says what to do.
        """
        base = mirror or os.environ.get(MIRROR_VARIABLE)
        second = f"{base.rstrip('/')}/{self.name}/" if base else self.mirror
        title = f"The full {self.title}"
        try:
            folder = cache_folder(self.name)
            paths = fetch(title, self.files, [self.official, second], folder, retries)
            return assembled(paths, self.classes)
        except UserError as error:
            raise UserError(f"{error} {self._what_now()}") from None

    def _what_now(self) -> str:
        return (
            f"Run the cell again when there is a network, or name a mirror that you can reach: "
            f'data.{self.name}(full=True, mirror="https://..."). '
            f"Until then data.{self.name}() gives the bundled part, which needs no network."
        )


def bundled(name: str, classes: tuple[str, ...]) -> Images:
    """The set that came with the course, from `<name>.npz`."""
    with (
        as_file(files(__package__).joinpath(f"{name}.npz")) as path,
        np.load(path, allow_pickle=False) as file,
    ):
        return images([file[part] for part in Images._fields[:4]], classes)


def assembled(paths: list[Path], classes: tuple[str, ...]) -> Images:
    """The set that four IDX files hold. Raises UserError when they do not belong together."""
    try:
        return images([read_idx(path.read_bytes()) for path in paths], classes)
    except ValueError as error:
        raise UserError(f"The files in {paths[0].parent} can't be used: {error}.") from None


def images(arrays: list[np.ndarray], classes: tuple[str, ...]) -> Images:
    """Training pictures and labels, test pictures and labels, put together.

    Raises ValueError when they do not belong together.
    """
    x_train, y_train, x_test, y_test = arrays
    for part, x, y in (("training", x_train, y_train), ("test", x_test, y_test)):
        if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
            raise ValueError(f"{part} pictures {x.shape} and labels {y.shape} do not fit")
        if y.size and y.max() >= len(classes):
            raise ValueError(f"a {part} label is {y.max()}; there are {len(classes)} classes")
    return Images(x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64), [*classes])
