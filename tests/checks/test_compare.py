"""Comparison: what is said first, and which right answers are accepted."""

from types import SimpleNamespace

import numpy as np
import pytest

from chainrule.compare import ByDistribution, ByLaw, Close, comparator, name_of
from chainrule.observe import Opaque, Raised, Tensor, freeze, freeze_error, named

close = Close()


def said(expected, observed, **options):
    return Close(**options).between(freeze(expected), freeze(observed))


@pytest.mark.parametrize(
    ("expected", "observed"),
    [
        (0.5, np.float64(0.5)),
        (0.5, np.array(0.5)),
        (1.0, 1),
        (np.array([1.0, 2.0]), np.array([1, 2])),
        (np.array([0.1, 0.2]), np.array([0.1, 0.2], np.float32)),
        (np.array([True, False]), np.array([1, 0])),
        ([1.0, np.zeros(2)], (1.0, np.zeros(2))),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        (np.zeros(3), np.array([1e-13, 0, 0])),
        ({"a": 1.0}, {"a": 1.0}),
    ],
)
def test_these_are_the_same_answer(expected, observed):
    assert said(expected, observed) == ""


@pytest.mark.parametrize(
    ("expected", "observed", "words"),
    [
        (np.zeros(5), np.zeros((5, 1)), "axis of length 1 too many"),
        (np.zeros((3, 5)), np.zeros((5, 3)), "transpose"),
        (np.zeros(4), np.zeros((4, 4)), "broadcasts to a matrix"),
        (1.0, np.zeros(3), "one number is expected. Was a sum"),
        (np.zeros(3), 1.0, "your result is one number; an array of shape (3,) is expected"),
        (np.zeros(3), None, "you returned None"),
        (np.zeros(3), [0.0, 0.0, 0.0], "an array of shape (3,) is expected"),
        (np.array([0.5]), np.array([np.nan]), "your number is nan"),
        (np.array([0.5, 1, 2]), np.array([np.nan, np.nan, 2]), "2 of your 3 numbers are nan"),
        ([np.zeros((3, 2)), np.zeros((2, 2))], np.zeros((2, 2)), "2 values are expected"),
        (np.array([0.5]), np.array([np.inf]), "infinite"),
        (np.array([0.5, 1.0]), np.array([0.5, 1.5]), "the one at [1]: yours is 1.5"),
        (np.array([0.5]), np.array([0.5 + 1j]), "complex"),
        (np.array([0.0, 1.0]), np.array([False, True]), "booleans"),
        ([1.0, 2.0], 1.0, "2 values are expected"),
        ({"a": 1}, {"b": 1}, "the names differ; missing: a; not expected: b."),
        ([1.0, np.zeros(2)], [1.0, np.ones(2)], "value 2 of 2"),
        ([1.0], 1.0, "you returned a number; a list of one value is expected"),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0]), "1 of 2 numbers differs, the one at [1]"),
        (np.array([[1.0]]), np.array([[2.0]]), "yours is 2; expected 1."),
        ([1.0, 2.0], True, "you returned True; 2 values are expected"),
        ({"mode afterwards": True}, {"mode afterwards": False}, "mode afterwards: yours is False"),
        ({"grad_x": np.zeros(2)}, {"grad_x": np.ones(2)}, "In grad_x: 2 of 2 numbers differ"),
        ({"layer 1": {"mean": 0.0}}, {"layer 1": {"mean": 3.0}}, "layer 1, mean: yours is 3"),
        (
            {"both sides": [0.5, 1.5]},
            {"both sides": [0.5, 2.0]},
            "both sides, number 2 of 2: yours",
        ),
        ({"both sides": [0.5, 1.5]}, {"both sides": [0.5]}, "there is 1 value; 2 values are"),
        ({"W": [2, 3]}, {"W": [3, 2]}, "In W: yours is [3, 2]; expected [2, 3]."),
        (-2.0, -0.0, "yours is 0; expected -2"),
    ],
)
def test_the_first_difference_is_said_with_the_learners_numbers(expected, observed, words):
    assert words in said(expected, observed)


def test_what_a_probe_could_not_use_is_named_and_no_dict_is_spoken_of():
    expected = {"grad_W": np.zeros(2)}  # one of three, which the case looks at
    names = ["grad_x", "grad_W", "grad_b"]
    assert named((1, 2, 3), names) == {"grad_x": 1, "grad_W": 2, "grad_b": 3}
    message = said(expected, named((1.0, 2.0), names))
    assert message == "you returned 2 values instead of grad_x, grad_W and grad_b."
    assert said({"data": 1.0, "parents": []}, {"returned": 5.0, "wanted": "a Value"}) == (
        "you returned a number instead of a Value."
    )
    assert said({"loss": 1.0}, {"returned": None}) == "you returned None instead of loss."


def test_of_a_wall_of_text_the_first_sentence_is_said_without_colours():
    error = freeze_error(
        ValueError("It failed. You have \x1b[1mtwo options\x1b[0m. " + "Read. " * 60)
    )
    assert "\x1b" not in error.message and "two options" in error.message
    assert Close().between(1.0, error) == "your code raised ValueError: It failed."


def test_what_was_raised_comes_before_everything_else():
    assert "raised ValueError: no" in close.between(np.zeros(2), Raised("ValueError", "no"))


def test_a_secret_expected_number_is_never_said():
    message = close.between(np.array([0.123456]), np.array([9.0]), public=False)
    assert "9" in message and "0.123" not in message


def test_gradient_and_device_are_compared_for_tensors():
    values = np.ones(2, np.float32)
    want = Tensor(values, "float32", "cpu", True)
    assert "no gradient" in close.between(want, Tensor(values, "float32", "cpu", False))
    assert "cuda:0" in close.between(want, Tensor(values, "float32", "cuda:0", True))
    assert "tensor is expected" in close.between(want, values)


def test_an_exact_dtype_can_be_asked_for():
    assert said(np.zeros(2), np.zeros(2, np.float32)) == ""
    assert "float32" in said(np.zeros(2), np.zeros(2, np.float32), exact_dtype=True)


class Case:
    args = [np.array([1.0, 2.0])]
    kwargs: dict = {}


def test_a_law_that_meets_garbage_is_broken_not_an_error():
    law = ByLaw(lambda args, kwargs, seen: None if seen.sum() == 3 else "the sum is not 3")
    assert law.difference(Case, np.array([1.0, 2.0])) is None
    assert law.difference(Case, np.array([1.0])) == "the sum is not 3"
    assert "not what the docstring promises" in law.difference(Case, Opaque("function"))


def test_a_distribution_fails_only_below_one_in_a_million():
    assert ByDistribution(lambda *_: 1e-5).difference(Case, 0) is None
    assert ByDistribution(lambda *_: 1e-7).difference(Case, 0)


def test_a_law_outside_the_learner_package_is_refused():
    def law(args, kwargs, seen):
        return None

    with pytest.raises(ValueError, match="chainrule.<unit>.laws"):
        name_of(law)


def test_a_comparator_survives_the_round_trip_through_json():
    assert comparator(Close(1e-3, True).describe()) == Close(1e-3, True)


def test_an_integer_that_no_float_can_hold_is_a_difference_and_not_an_error():
    case = SimpleNamespace(expected=1.0)
    assert Close().difference(case, 10**400) == "you returned a number, which can't be compared."
