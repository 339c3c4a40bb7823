"""Observations: what a learner's code returned, frozen and carried without pickle."""

import json

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chainrule.observe import (
    MAX_DEPTH,
    Opaque,
    freeze,
    from_json,
    observe,
    pack,
    to_json,
    unpack,
)

NUMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(max_size=9)
)
ARRAYS = arrays.arrays(
    st.sampled_from(["<f8", "<f4", "<i8", "|b1", "<u2"]),
    arrays.array_shapes(max_dims=3, max_side=4),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, st.binary(max_size=9), ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUES)
@settings(deadline=None)
def test_what_is_packed_comes_back(value):
    frozen = freeze(value)
    assert repr(unpack(pack(frozen))) == repr(frozen)


@given(VALUES)
@settings(deadline=None)
def test_json_brings_back_the_same_numbers(value):
    frozen = freeze(value)
    text = json.dumps(to_json(frozen), allow_nan=False)
    assert repr(from_json(json.loads(text))) == repr(frozen)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_read_never_run(data):
    try:
        unpack(data)
    except ValueError:
        pass


def test_an_exception_is_observed_with_the_learners_line():
    def divide(x):
        return x / 0

    seen = observe(None, divide, [1], {})
    assert (seen.type, seen.message, seen.line) == (
        "ZeroDivisionError",
        "division by zero",
        "return x / 0",
    )
    assert seen.function.endswith("divide")


def test_a_keyboard_interrupt_is_not_an_answer():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observe(None, stop, [], {})


def test_an_object_array_is_opaque():
    assert freeze(np.array([object()])) == Opaque("an array of object")


def test_an_array_is_copied_so_later_changes_do_not_reach_it():
    array = np.zeros(3)
    seen = freeze(array)
    array[:] = 1
    assert seen.sum() == 0


def test_a_subclass_that_lies_about_equality_is_not_kept():
    class Liar(np.ndarray):
        def __eq__(self, other):
            return np.ones(self.shape, bool)

    assert type(freeze(np.zeros(2).view(Liar))) is np.ndarray


def test_a_float_subclass_is_opaque():
    class Liar(float):
        def __eq__(self, other):
            return True

        __hash__ = float.__hash__

    assert isinstance(freeze(Liar(1)), Opaque)


def test_a_structure_nested_too_deep_is_cut():
    value = []
    for _ in range(MAX_DEPTH * 3):
        value = [value]
    assert "nested too deep" in repr(freeze(value))


def test_a_shape_that_its_bytes_do_not_fill_is_refused():
    payload = msgpack.packb(["<f8", [2**20, 2**20], b"x" * 8])
    with pytest.raises(ValueError, match="disagree"):
        unpack(msgpack.packb(msgpack.ExtType(1, payload)))


def test_an_object_dtype_is_refused():
    payload = msgpack.packb(["|O8", [1], b"x" * 8])
    with pytest.raises(ValueError, match="dtype"):
        unpack(msgpack.packb(msgpack.ExtType(1, payload)))
