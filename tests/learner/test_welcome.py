"""Unit 00's own parts: the laws of a split, the made numbers, the broadcasting explorer."""

import numpy as np
import pytest

from chainrule.data.numbers import made_numbers
from chainrule.welcome import laws, probes, widgets


def law(work, looks_at, rows=32, test_share=0.25):
    """What the law says about `work`, a split function."""
    rng = np.random.default_rng(7)
    table, labels = rng.normal(size=(rows, 3)), rng.permutation(rows) + 0.5
    args = [table, labels, test_share, 11]
    observed = probes.split(work, *args, looks_at)
    frozen = {k: list(v) if isinstance(v, tuple) else v for k, v in observed.items()}
    return laws.split(args, {"looks_at": looks_at}, frozen)


def good(rows, labels, test_share, rng):
    order = rng.permutation(len(rows))
    count = round(test_share * len(rows))
    test, train = order[:count], order[count:]
    return rows[train], labels[train], rows[test], labels[test]


@pytest.mark.parametrize("looks_at", list(laws.LAWS))
def test_a_good_split_keeps_every_law(looks_at):
    assert law(good, looks_at) is None


@pytest.mark.parametrize("rounding", [np.floor, np.ceil])
def test_a_remainder_may_be_rounded_either_way(rounding):
    def split(rows, labels, test_share, rng):
        return good(rows, labels, rounding(test_share * len(rows)) / len(rows), rng)

    assert law(split, "sizes", rows=33) is None


def test_a_share_that_comes_out_even_leaves_no_choice():
    def split(rows, labels, test_share, rng):
        return good(rows, labels, test_share + 1 / len(rows), rng)

    assert "9 of 32 rows" in law(split, "sizes")


def test_swapped_parts_are_named():
    def split(rows, labels, test_share, rng):
        return good(rows, labels, 1 - test_share, rng)

    assert "larger part" in law(split, "sizes")


def test_rows_in_both_parts_are_counted():
    def split(rows, labels, test_share, rng):
        *_, test_rows, test_labels = good(rows, labels, test_share, rng)
        return rows, labels, test_rows, test_labels

    assert "both parts have the same 8 rows" in law(split, "every row once")


def test_a_single_row_is_one_row():
    def split(rows, labels, test_share, rng):
        train, train_labels, test, test_labels = good(rows, labels, test_share, rng)
        return np.append(train, test[:1], 0), np.append(train_labels, 0), test, test_labels

    assert "both parts have the same 1 row." in law(split, "every row once")


def test_lost_and_invented_rows_are_counted():
    def lost(rows, labels, test_share, rng):
        return good(rows[1:], labels[1:], test_share, rng)

    def invented(rows, labels, test_share, rng):
        return good(rows + 1, labels, test_share, rng)

    assert "neither part has 1 of the 32 rows" in law(lost, "every row once")
    assert "32 rows that the table doesn't have" in law(invented, "every row once")


def test_labels_in_another_order_are_noticed():
    def split(rows, labels, test_share, rng):
        return good(rows, labels[::-1], test_share, rng)

    assert "belongs to another row" in law(split, "own labels")


def test_a_split_that_chance_has_no_part_in_is_noticed():
    def first(rows, labels, test_share, rng):
        return rows[8:], labels[8:], rows[:8], labels[:8]

    assert "They are the first 8" in law(first, "by chance")


def test_a_split_that_ignores_the_seed_is_noticed():
    own = np.random.default_rng(3)

    def split(rows, labels, test_share, rng):
        return good(rows, labels, test_share, own)

    assert "drawn from rng" in law(split, "repeatable")


@pytest.mark.parametrize("answer", [None, 3, [], [1, 2, 3], "text", [None] * 4])
def test_anything_else_is_refused_in_a_sentence(answer):
    assert law(lambda *_: answer, "sizes").endswith((".", "?"))


def test_made_numbers_are_half_above_fifty_and_the_same_for_a_seed():
    values, labels = made_numbers(1000, seed=4)
    assert labels.sum() == 500
    assert set(values[labels == 1]) == set(range(51, 101))
    assert set(values[labels == 0]) == set(range(1, 51))
    again = made_numbers(1000, seed=4)
    assert np.array_equal(values, again.values) and np.array_equal(labels, again.labels)


@pytest.mark.parametrize("left", widgets.SHAPES.values())
@pytest.mark.parametrize("right", widgets.SHAPES.values())
def test_the_explorer_says_what_numpy_does(left, right):
    said = widgets.describe_broadcast(left, right)
    try:
        shape = np.broadcast_shapes(left, right)
    except ValueError:
        assert "is an error" in said
    else:
        assert f"gives {shape}" in said
        for name, own in (("a", left), ("b", right)):
            whole = (1,) * (len(shape) - len(own)) + own
            assert (f"{name} is repeated" in said) == (whole != shape)
