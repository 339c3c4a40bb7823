"""The IDX format of MNIST: a few bytes that say the shape, then the numbers themselves."""

from __future__ import annotations

import math
import struct

import numpy as np

UNSIGNED_BYTE = 0x08  # the only kind of number that the course's sets use
MOST_DIMENSIONS = 3
MOST_NUMBERS = 100_000_000


def read_idx(data: bytes) -> np.ndarray:
    """The array that an IDX file holds, unsigned bytes in one to three dimensions.

    The array is a copy, so it may be written to.
    Raises ValueError, with a sentence, for anything that is not exactly such a file.
    """
    if len(data) < 4 or data[:2] != b"\0\0":
        raise ValueError("it is not an IDX file: one begins with two zero bytes")
    kind, dimensions = data[2], data[3]
    if kind != UNSIGNED_BYTE:
        raise ValueError(
            f"its numbers are of kind {kind:#04x}; only unsigned bytes (0x08) are read"
        )
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise ValueError(f"it has {dimensions} dimensions; 1 to {MOST_DIMENSIONS} are read")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise ValueError(f"it ends inside its header, after {len(data)} of {header} bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    numbers = math.prod(shape)
    if numbers > MOST_NUMBERS:
        raise ValueError(f"it announces {numbers:,} numbers; at most {MOST_NUMBERS:,} are read")
    if len(data) != header + numbers:
        raise ValueError(
            f"its shape {shape} needs {header + numbers:,} bytes, it has {len(data):,}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()


def write_idx(array: np.ndarray) -> bytes:
    """The IDX file of an array of unsigned bytes. Raises ValueError for any other array."""
    if array.dtype != np.uint8 or not 1 <= array.ndim <= MOST_DIMENSIONS:
        raise ValueError(f"an IDX file holds bytes in 1 to {MOST_DIMENSIONS} dimensions")
    header = struct.pack(f">2x2B{array.ndim}I", UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()
