"""Unit 02: what is said of batches that are put together wrongly."""

import numpy as np
import pytest

from chainrule.gradient_descent import laws, probes
from chainrule.observe import CHANGED_INPUT, observe

X, TARGETS = np.arange(10.0).reshape(5, 2), np.arange(5.0)


def said(work, looks_at="sizes", size=2):
    case = [X, TARGETS, size, 0]
    seen = observe(probes.minibatches, work, case, {"looks_at": looks_at})
    return laws.minibatches(case, {"looks_at": looks_at}, seen)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([(X[:2], TARGETS[:2]), (X[2:4], TARGETS[2:4])], "1 row is left over at the end"),
        (([X[:2], X[2:4], X[4:]], [TARGETS[:2], TARGETS[2:4], TARGETS[4:]]), "two lists"),
        (([X[:3], X[3:]], [TARGETS[:3], TARGETS[3:]]), "two lists"),
        ([(X[0], TARGETS[0]), (X[1], TARGETS[1])], "is one row and one target"),
        ([X[:2], TARGETS[:2]], "not a pair (x, targets)"),
    ],
)
def test_a_wrong_form_is_named(batches, words):
    assert words in said(lambda *case: batches)


def test_two_batches_are_no_two_lists():
    assert said(lambda *case: [(X[:3], TARGETS[:3]), (X[3:], TARGETS[3:])], size=3) is None


def test_a_table_that_was_shuffled_in_place_is_told():
    def in_place(x, targets, batch_size, rng):
        x[:], targets[:] = x[::-1].copy(), targets[::-1].copy()
        return [(x[:2], targets[:2]), (x[2:4], targets[2:4]), (x[4:], targets[4:])]

    case = [X, TARGETS, 2, 0]
    seen = observe(probes.minibatches, in_place, case, {"looks_at": "sizes"})
    assert seen.type == CHANGED_INPUT and "the table" in seen.message
