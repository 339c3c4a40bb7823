"""The IDX reader reads what MNIST's files hold, and nothing else."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.data._idx import read_idx, write_idx


@given(arrays(np.uint8, array_shapes(max_dims=3, max_side=6)))
def test_reading_gives_back_what_was_written(array):
    read = read_idx(write_idx(array))
    assert read.shape == array.shape
    assert np.array_equal(read, array)
    assert read.flags.writeable


def test_a_file_written_by_hand():
    data = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
    assert read_idx(data).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "two zero bytes"),
        (b"\x1f\x8b\x08\x00", "two zero bytes"),
        (b"\0\0\x0d\x01" + bytes(8), "kind 0x0d"),
        (b"\0\0\x08\x00", "0 dimensions"),
        (b"\0\0\x08\x04" + bytes(20), "4 dimensions"),
        (b"\0\0\x08\x03" + bytes(7), "inside its header, after 11 of 16 bytes"),
        (b"\0\0\x08\x01" + struct.pack(">I", 4_000_000_000), "4,000,000,000 numbers"),
        (b"\0\0\x08\x01" + struct.pack(">I", 5) + b"abcd", "needs 13 bytes, it has 12"),
        (b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abcd", "needs 11 bytes, it has 12"),
    ],
)
def test_anything_else_is_refused_with_the_reason(data, said):
    with pytest.raises(ValueError, match=said):
        read_idx(data)


@given(st.binary(max_size=40))
def test_no_bytes_raise_anything_but_a_value_error(data):
    try:
        read_idx(data)
    except ValueError:
        pass


def test_only_bytes_are_written():
    with pytest.raises(ValueError, match="bytes in 1 to 3 dimensions"):
        write_idx(np.zeros(3))
