"""What the scripts for sets of small pictures share: whom to choose, and how to pack them."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from chainrule.data._download import RemoteFile
from chainrule.data._idx import read_idx
from chainrule.data._images import ImageSet

TRAIN_PER_CLASS, TEST_PER_CLASS = 1000, 200
SEED = 0


def bundle(folder: Path, of: ImageSet) -> bytes:
    """The bundled file of a set whose four IDX files, packed or not, lie in `folder`.

    The training part is drawn from the source's training part and the test part from its test
    part, the same number of each class, in a random order.
    Raises ValueError when a file is not the one whose checksum the learner's package knows.
    """
    x_train, y_train, x_test, y_test = (source(folder, file) for file in of.files)
    rng = np.random.default_rng(SEED)
    train = chosen(y_train, TRAIN_PER_CLASS, rng)
    test = chosen(y_test, TEST_PER_CLASS, rng)
    return npz(
        {
            "x_train": x_train[train],
            "y_train": y_train[train],
            "x_test": x_test[test],
            "y_test": y_test[test],
        }
    )


def source(folder: Path, file: RemoteFile) -> np.ndarray:
    """One file of the full set, as an array."""
    path = folder / file.name
    content = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise ValueError(f"{path} has SHA-256 {found}, not {file.sha256}")
    return read_idx(content)


def chosen(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """The rows of `per_class` examples of each class, in a random order."""
    rows = [rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in np.unique(labels)]
    return rng.permutation(np.concatenate(rows))


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A file that np.load reads, the same bytes every time, and smaller than NumPy's own."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: no clock in the file
            entry.create_system = 3
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_LZMA)
    return file.getvalue()
